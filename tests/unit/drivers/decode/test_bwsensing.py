"""The 0x77 protocol of BWSENSING inclinometers."""

from __future__ import annotations

import pytest

from drivers.decode import serial
from drivers.decode.serial.bwsensing import decode
from gateway.catalogue import Catalogue
from gateway.errors import BadReply

BWM826 = bytes.fromhex("771100008400020130100051200000000049")
WM410 = bytes.fromhex("7713000000018410008680100520000026770989")


def mend(frame: bytes) -> bytes:
    return frame[:-1] + bytes([sum(frame[1:-1]) & 0xFF])


def test_the_makers_examples() -> None:
    assert decode(BWM826, {"layout": "bwm826"}).fields == {"x": 2.013, "y": -0.512}
    fields = decode(WM410, {"layout": "wm410"}).fields
    assert fields == {"x": -0.868, "y": -5.2, "temperature": 26.77, "battery": 100.0}


def test_any_flipped_bit_is_noticed() -> None:
    for bit in range(8 * len(BWM826)):
        flipped = bytearray(BWM826)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadReply):
            decode(bytes(flipped), {"layout": "bwm826"})


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (b"", "begins with 77"),
        (BWM826[:-1], "17 bytes follow"),
        (mend(BWM826[:4] + b"\x83" + BWM826[5:]), "command 84"),
        (WM410, "command 84"),
    ],
)
def test_what_is_no_reply_is_refused(frame: bytes, said: str) -> None:
    with pytest.raises(BadReply, match=said):
        decode(frame, {"layout": "bwm826"})


def test_digits_that_are_none_are_no_value() -> None:
    sample = decode(mend(BWM826[:5] + b"\x0a" + BWM826[6:]), {"layout": "bwm826"})
    assert sample.fields["x"] is None
    assert sample.missing == {"x": "not_bcd"}


def test_the_model_names_its_layout(catalogue: Catalogue) -> None:
    assert serial.decode(catalogue["bwm826"], BWM826, {}).fields["x"] == 2.013
    with pytest.raises(BadReply, match="unknown layout"):
        decode(BWM826, {})
    with pytest.raises(BadReply, match="speaks modbus"):
        serial.decode(catalogue["qdy30a"], BWM826, {})
