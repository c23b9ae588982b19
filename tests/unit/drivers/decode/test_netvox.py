"""Netvox frames: device types, batteries, half-written floats and answers to downlinks."""

from __future__ import annotations

import pytest

from drivers.decode.lorawan.netvox import DEVICES, REPLIES, decode
from drivers.decode.sample import Sample
from gateway.errors import BadReply


def one(hexa: str, port: int | None = 6, **options: str) -> Sample:
    (sample,) = decode(bytes.fromhex(hexa), port, options)
    return sample


def test_positive_and_negative_temperatures_of_the_r718ea_lie_in_the_same_bytes() -> None:
    assert one("019a012400cea6ff970000").fields["temperature"] == -10.5
    assert one("019a012400cea601070000").fields["temperature"] == 26.3


def test_the_high_bit_of_the_battery_is_a_warning_and_not_a_voltage() -> None:
    sample = one("0132019f00000000000000")
    assert sample.fields["battery"] == 3.1
    assert sample.diagnostics == ("battery_low",)


def test_a_float_that_is_no_number_is_no_value() -> None:
    sample = one("011c0124c07f80ff6a3e00")
    assert sample.fields["acceleration_x"] is None
    assert sample.fields["acceleration_y"] is None
    assert sample.missing == {"acceleration_x": "not_a_number", "acceleration_y": "not_a_number"}
    assert sample.fields["acceleration_z"] == 0.228515625


@pytest.mark.parametrize("raw", ["0000", "ffff"])
def test_no_target_is_no_distance(raw: str) -> None:
    sample = one(f"0134012401{raw}0107320a")
    assert sample.fields["distance"] is None
    assert sample.missing == {"distance": "no_target"}


def test_bytes_that_should_be_zero_are_reported() -> None:
    assert one("0132011e01000000000001").diagnostics[0].startswith("partial_decode")


def test_another_device_type_than_the_catalogue_says_is_refused() -> None:
    assert one("0132011e01000000000000", device="r718wa").fields["leak"] == 1
    with pytest.raises(BadReply, match="comes from an r718wa, the catalogue says r718x"):
        one("0132011e01000000000000", device="r718x")


@pytest.mark.parametrize(
    ("hexa", "port", "words"),
    [
        ("0132011e01000000000000", 2, "port 2; Netvox reports on 6"),
        ("0132011e01000000000000", None, "port None"),
        ("0132", 6, "2 bytes"),
        ("0199011e01000000000000", 6, "device type 0x99"),
        ("0232011e01000000000000", 6, "version 2"),
        ("0132051e01000000000000", 6, "report type 5 of an r718wa"),
        ("0134012401012c", 6, "7 bytes; this frame needs 11"),
        ("9932000000000000000000", 7, "command 0x99"),
        ("8232038407", 7, "5 bytes; this frame needs 7"),
    ],
)
def test_what_cannot_be_understood_is_refused_in_words(hexa: str, port: int | None, words: str) -> None:
    with pytest.raises(BadReply, match=words):
        one(hexa, port)


def test_an_answer_has_no_measurement_but_says_what_was_set() -> None:
    sample = one("8334000000000000000000", 7)
    assert sample.fields == {}
    assert sample.diagnostics == ("config_reply: set_on_distance_threshold status=0",)


def test_every_device_that_reports_also_answers() -> None:
    assert set(DEVICES) == set(REPLIES)
