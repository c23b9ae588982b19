"""Sensoneo frames: sentinels and events that the field data never or rarely show."""

from __future__ import annotations

import pytest

from drivers.decode.lorawan.sensoneo import decode
from drivers.decode.sample import Sample
from gateway.errors import BadReply

HEAD = "ffff22b806170070"


def one(rest: str, head: str = HEAD) -> Sample:
    (sample,) = decode(bytes.fromhex(head + rest), 2, {})
    return sample


def test_254_cm_is_no_target_and_252_is_a_distance() -> None:
    sample = one("017e7f80ff731c03f7")
    assert [sample.fields[f"distance_{number}"] for number in (1, 2, 3, 4)] == [252, None, None, None]
    assert set(sample.missing.values()) == {"no_target"}


def test_distances_that_differ_are_shown() -> None:
    assert one("013d3d3e3d731c03f7").diagnostics == ("distances_differ: 122 122 124 122 cm",)


def test_the_temperature_is_signed_and_the_tilt_has_a_limit() -> None:
    sample = one("013d3d3d3d73ff5af7")
    assert (sample.fields["temperature"], sample.fields["tilt"]) == (-1, 90)
    sample = one("013d3d3d3d737f5bf7")
    assert (sample.fields["temperature"], sample.fields["tilt"]) == (127, None)
    assert sample.missing == {"tilt": "out_of_range"}


def test_events_are_bits() -> None:
    sample = one("073d3d3d3d731c03f7")
    assert (sample.fields["fire"], sample.fields["tilted"]) == (1, 1)
    assert one("093d3d3d3d731c03f7").diagnostics == ("unknown_event: 0x09",)


def test_another_firmware_is_read_and_another_device_is_not() -> None:
    assert one("013d3d3d3d731c03f7", "ffff20c006170070").fields["distance_1"] == 122
    with pytest.raises(BadReply, match="device kind 3"):
        one("013d3d3d3d731c03f7", "ffff32b806170070")


def test_what_follows_the_frame_is_reported() -> None:
    assert one("013d3d3d3d731c03f7aa").diagnostics == ("partial_decode: 1 bytes after the frame",)


@pytest.mark.parametrize("hexa", ["", "ffff22b8", "fffe22b806170070013d3d3d3d731c03f7"])
def test_what_is_no_frame_is_refused(hexa: str) -> None:
    with pytest.raises(BadReply, match="not a Sensoneo frame"):
        decode(bytes.fromhex(hexa), 2, {})
