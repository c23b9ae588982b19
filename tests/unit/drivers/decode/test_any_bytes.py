"""Whatever the radio brings: samples whose gaps have reasons, or BadReply; never another exception."""

from __future__ import annotations

import contextlib
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.decode.decentlab_models import MODELS
from drivers.decode.lorawan import decentlab, fixed, netvox, sensoneo
from drivers.decode.lorawan.fixed import LAYOUTS
from drivers.decode.sample import Sample
from gateway.errors import BadReply

CASES: list[tuple[ModuleType, dict[str, str], bytes]] = [
    *((decentlab, {"model": model}, b"\x02\x00\x01\x00\x03") for model in MODELS),
    *((fixed, {"layout": layout}, b"") for layout in LAYOUTS),
    *((netvox, {}, bytes((1, kind))) for kind in netvox.DEVICES),
    (sensoneo, {}, b"\xff\xff\x22\xb8"),
]
WORDS = [f"{module.__name__.rpartition('.')[2]}-{'-'.join(options.values())}" for module, options, _ in CASES]


@pytest.mark.parametrize(("module", "options", "head"), CASES, ids=WORDS)
@settings(max_examples=60, deadline=None)
@given(
    rest=st.binary(max_size=48),
    port=st.sampled_from([None, 1, 2, 3, 6, 7, 10, 15, 16]),
    headed=st.booleans(),
)
def test_any_bytes_give_samples_or_a_reason(
    module: ModuleType, options: dict[str, str], head: bytes, *, rest: bytes, port: int | None, headed: bool
) -> None:
    payload = head + rest if headed else rest
    samples: list[Sample] = []
    with contextlib.suppress(BadReply):
        samples = module.decode(payload, port, options)
    for sample in samples:
        gaps = {name for name, value in sample.fields.items() if value is None}
        assert gaps == set(sample.missing)
        assert set(sample.suspect) <= set(sample.fields) - gaps
        assert sample.fields or sample.diagnostics


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_frame_of_the_right_shape_is_always_read(data: st.DataObject) -> None:
    model = data.draw(st.sampled_from(sorted(MODELS)))
    length, words = MODELS[model]
    block = data.draw(st.binary(min_size=2 * length, max_size=2 * length))
    battery = data.draw(st.integers(0, 65535))
    frame = b"\x02\x12\x34\x00\x03" + block + battery.to_bytes(2, "big")
    (sample,) = decentlab.decode(frame, 1, {"model": model})
    assert sample.fields["battery"] == battery / 1000
    assert set(sample.fields) == {"battery", *(word.field for word in words)}
    assert not any(word.startswith("partial_decode") for word in sample.diagnostics)
