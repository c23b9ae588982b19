"""Elsys devices (ERS, ELT, EMS, ...): one type byte, then its value, big-endian; fPort 5 or whatever was set.

::

    +------+-------+------+-------+--
    | type | value | type | value | ...
    | 1    | N     | 1    | N     |
    +------+-------+------+-------+--

N follows from the type, so nothing behind an unknown type can be read: what stands before it is kept.

Source: TheThingsNetwork/lorawan-devices vendor/elsys/elsys.js @14d51a2; Elsys "LoRa payload" document; reference 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.decode import layout
from drivers.decode.layout import Fields
from drivers.decode.sample import Sample
from gateway.errors import BadReply

TYPES = {
    0x01: "temperature:i16/10",
    0x02: "humidity:u8",
    0x03: "x:i8/63 y:i8/63 z:i8/63",  # 63 = 1 g
    0x04: "light:u16",
    0x05: "motion:u8",
    0x06: "co2:u16",
    0x07: "battery:u16/1000",
    0x08: "analog_1:u16/1000",
    0x0A: "pulse_1:u16",
    0x0B: "pulse_1_total:u32",
    0x0C: "external_temperature:i16/10",
    0x0D: "digital:u8",
    0x0E: "distance:u16",
    0x0F: "motion_count:u8",
    0x10: "ir_inside:i16/10 ir_outside:i16/10",
    0x11: "occupancy:u8",
    0x12: "leak:u8",
    0x14: "pressure:i32/1000",
    0x15: "sound_peak:u8 sound_mean:u8",
    0x16: "pulse_2:u16",
    0x17: "pulse_2_total:u32",
    0x18: "analog_2:u16/1000",
    0x19: "external_temperature_2:i16/10",
    0x1A: "digital_2:u8",
    0x1C: "tvoc:u16",
}
"""Type byte -> what follows it. Light in lx, CO2 in ppm, distance in mm, analogue inputs and battery in V."""


def decode(payload: bytes, port: int | None, options: Mapping[str, str | int | float | bool]) -> list[Sample]:
    """One sample of all values in a frame.

    Args:
        payload: One frame.
        port: Not looked at; 6 carries settings and is refused by its first byte.
        options: None.

    Raises:
        BadReply: Not even the first type is known.
    """
    found = Fields()
    diagnostics: list[str] = []
    at = 0
    while at < len(payload):
        kind = payload[at]
        if kind not in TYPES:
            if at == 0:
                raise BadReply(f"type {kind:02x} is no Elsys measurement")
            diagnostics.append(f"partial_decode: unknown type {kind:02x} at byte {at}")
            break
        items = layout.parse(TYPES[kind])
        end = at + 1 + layout.width(items)
        if end > len(payload):
            diagnostics.append(f"partial_decode: type {kind:02x} is cut off")
            break
        layout.read(items, payload[at + 1 : end], "big", found)
        at = end
    return [Sample(found.values, missing=found.missing, diagnostics=tuple(diagnostics))]
