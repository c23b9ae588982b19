"""Any bytes to any model of the catalogue: samples or BadReply, soon, and no number without meaning."""

from __future__ import annotations

import contextlib
import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.decode import lorawan
from drivers.decode.sample import Sample, readings_of
from gateway.catalogue import DeviceModel
from gateway.errors import BadReply
from gateway.model import Flag
from gateway.quantities import Quantities
from gateway.site import load_catalogue, load_quantities
from tests.conftest import NOON

QUANTITIES = load_quantities()
MODELS = [model for model in load_catalogue(QUANTITIES).values() if model.wire == "lorawan" and model.decoder]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.model)
@settings(max_examples=40, deadline=None)
@given(
    payload=st.binary(max_size=60),
    example=st.integers(0, 20),
    keep=st.integers(0, 60),
    port=st.sampled_from([None, 0, 1, 2, 3, 5, 6, 10, 85]),
    usual=st.booleans(),
)
def test_any_bytes_give_samples_or_a_reason(
    model: DeviceModel, *, payload: bytes, example: int, keep: int, port: int | None, usual: bool
) -> None:
    known = model.examples[example % len(model.examples)]
    if usual:  # a real frame, cut and continued with anything
        payload = bytes.fromhex(known.hex or "")[:keep] + payload
        port = known.port
    start = time.perf_counter()
    samples: list[Sample] = []
    with contextlib.suppress(BadReply):
        samples = lorawan.decode(model, payload, port, known.options)
    assert time.perf_counter() - start < 0.5, "longer than 50 ms on a busy machine"
    for sample in samples:
        check(model, sample, QUANTITIES)


def check(model: DeviceModel, sample: Sample, quantities: Quantities) -> None:
    assert sample.fields or sample.diagnostics
    assert {name for name, value in sample.fields.items() if value is None} == set(sample.missing)
    for reading in readings_of("x", model, sample, NOON, quantities):
        if reading.value is None:
            assert reading.flag is Flag.MISSING
            assert reading.flagged_by
        else:
            assert math.isfinite(reading.value)
            span = model.readings[reading.series.split("/")[1]].span
            assert span is None or span[0] <= reading.value <= span[1]
        assert reading.at <= NOON or reading.at == reading.received
