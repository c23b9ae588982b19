"""Cayenne LPP, the public format of many home-made and some bought devices: channel, type, value, big-endian.

::

    +---------+------+-------+---------+------+-------+--
    | channel | type | value | channel | type | value | ...
    | 1       | 1    | N     | 1       | 1    | N     |
    +---------+------+-------+---------+------+-------+--

A field is named after what it measures and its channel: ``temperature_3``. Positions have three numbers
(``gps_1_latitude``). N follows from the type, so nothing behind an unknown type can be read.

Source: myDevices "Cayenne Low Power Payload" reference, table "Data Types" (IPSO object id - 3200); types 64, 74 to 80,
82, 84, 85 and 8e as ElectronicCats/CayenneLPP 1.1 adds them.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.decode import layout
from drivers.decode.layout import Fields
from drivers.decode.sample import Sample
from gateway.errors import BadReply

TYPES = {
    0x00: "digital_in:u8",
    0x01: "digital_out:u8",
    0x02: "analog_in:i16/100",
    0x03: "analog_out:i16/100",
    0x64: "generic:u32",
    0x65: "illuminance:u16",
    0x66: "presence:u8",
    0x67: "temperature:i16/10",
    0x68: "humidity:u8/2",
    0x71: "acceleration|x:i16/1000 acceleration|y:i16/1000 acceleration|z:i16/1000",
    0x73: "pressure:u16/10",
    0x74: "voltage:u16/100",
    0x75: "current:u16/1000",
    0x76: "frequency:u32",
    0x78: "percentage:u8",
    0x79: "altitude:i16",
    0x7D: "concentration:u16",
    0x80: "power:u16",
    0x82: "distance:u32/1000",
    0x83: "energy:u32/1000",
    0x84: "direction:u16",
    0x85: "device_time:u32",
    0x86: "gyrometer|x:i16/100 gyrometer|y:i16/100 gyrometer|z:i16/100",
    0x88: "gps|latitude:i24/10000 gps|longitude:i24/10000 gps|altitude:i24/100",
    0x8E: "switch:u8",
}
"""Type byte -> what follows it; ``|`` is where the channel number goes in a name of two parts."""


def decode(payload: bytes, port: int | None, options: Mapping[str, str | int | float | bool]) -> list[Sample]:
    """One sample of all values in a frame.

    Args:
        payload: One frame.
        port: Not looked at.
        options: None.

    Raises:
        BadReply: Not even the first type is known, or there is less than one value.
    """
    found = Fields()
    diagnostics: list[str] = []
    at = 0
    while at < len(payload):
        kind = payload[at + 1] if at + 1 < len(payload) else None
        if kind not in TYPES:
            word = "a lone byte" if kind is None else f"unknown type {kind:02x}"
            if at == 0:
                raise BadReply(f"{word}: no Cayenne LPP frame")
            diagnostics.append(f"partial_decode: {word} at byte {at}")
            break
        items = layout.parse(_named(TYPES[kind], payload[at]))
        end = at + 2 + layout.width(items)
        if end > len(payload):
            diagnostics.append(f"partial_decode: type {kind:02x} is cut off")
            break
        layout.read(items, payload[at + 2 : end], "big", found)
        at = end
    return [Sample(found.values, missing=found.missing, diagnostics=tuple(diagnostics))]


def _named(text: str, channel: int) -> str:
    """The layout with the channel in every name."""
    words = []
    for item in text.split():
        name, _, kind = item.partition(":")
        first, _, second = name.partition("|")
        words.append(f"{first}_{channel}{'_' + second if second else ''}:{kind}")
    return " ".join(words)
