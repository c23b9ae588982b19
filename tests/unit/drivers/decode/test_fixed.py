"""Fixed frames: a frame is known by its port, length and fixed bytes, and every fault takes its values away."""

from __future__ import annotations

import pytest

from drivers.decode.lorawan.fixed import LAYOUTS, decode
from drivers.decode.sample import Sample
from gateway.errors import BadReply


def one(layout: str, port: int | None, hexa: str, **options: str | float) -> Sample:
    (sample,) = decode(bytes.fromhex(hexa), port, {"layout": layout, **options})
    return sample


@pytest.mark.parametrize(
    ("raw", "why"), [("0000", "blind_zone"), ("0001", "invalid_reading"), ("ffff", "no_target")]
)
def test_the_sentinels_of_terabee_are_no_distances(raw: str, why: str) -> None:
    sample = one("terabee-lm-xl", 1, f"{raw}320bb800")
    assert sample.fields["distance"] is None
    assert sample.missing == {"distance": why}


def test_the_error_bits_of_terabee_take_away_what_was_not_read() -> None:
    sample = one("terabee-lm-xl", 1, "07d0320bb80c")
    assert sample.missing == {
        "distance": "sensor_exception",
        "level": "sensor_exception",
        "battery_mv": "battery_not_read",
    }
    assert one("terabee-lm-xl", 1, "07d0320bb803").missing == {}  # a restart, or a radio that stays awake


def test_the_leak_and_the_remote_of_aquascope_are_two_bits() -> None:
    sample = one("aquascope-wwd", 10, "0364001d")
    assert (sample.fields["leak"], sample.fields["remote"]) == (1, 1)
    assert (
        one("aquascope-wwd", 10, "00640100").fields["temperature"] == 256
    )  # not 255, as the public codec has it


def test_a_dingtek_angle_has_a_sign_of_its_own() -> None:
    assert one("dingtek-df702", 3, "800001011107d00019012d000000000081").fields["angle"] == -45
    assert one("dingtek-df702", 3, "800001011107d00019002d000000000081").fields["angle"] == 45


def test_a_dingtek_frame_with_a_wrong_tail_is_refused() -> None:
    with pytest.raises(BadReply, match="is no frame of dingtek-df702"):
        one("dingtek-df702", 3, "800001011107d000190000000000000082")


def test_an_ellenex_count_becomes_a_depth_only_with_a_scale() -> None:
    assert one("ellenex-pls2-l", 15, "01e80000d6000022").missing == {"water_depth": "scale_unknown"}
    assert one("ellenex-pls2-l", 15, "01e80000d6000022", mm_per_count=2.5).fields["water_depth"] == 535
    with pytest.raises(BadReply, match="mm_per_count: 'ten' is not a number"):
        one("ellenex-pls2-l", 15, "01e80000d6000022", mm_per_count="ten")


def test_a_teneo_error_frame_has_a_reason_instead_of_a_distance() -> None:
    sample = one("teneo-fill", 2, "0b04")
    assert sample.fields["distance"] is None
    assert sample.missing == {"distance": "no_target"}
    assert sample.fields["battery"] == 3.1


def test_an_unknown_port_length_or_layout_is_refused_in_words() -> None:
    with pytest.raises(BadReply, match=r"port 9, 3 bytes 0b001e is no frame of teneo-fill \(port 1: 3 bytes"):
        one("teneo-fill", 9, "0b001e")
    with pytest.raises(BadReply, match="port 1, 5 bytes"):
        one("teneo-fill", 1, "0b001e0000")
    with pytest.raises(BadReply, match="no fixed layout is called 'teneo'; known: aquascope-wwd"):
        one("teneo", 1, "0b001e")


def test_no_two_frames_of_a_device_can_be_confused() -> None:
    for frames in LAYOUTS.values():
        keys = [(frame.port, frame.layout.count(":"), *sorted(frame.fixed.items())) for frame in frames]
        assert len(set(keys)) == len(keys)
