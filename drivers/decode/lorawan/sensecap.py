"""SenseCAP S2120 weather station: frames one after another, each with its number in front, big-endian.

::

    01 TTTT HH LLLLLLLL UU WWWW    air temperature/10, humidity, light, UV index/10, wind speed/10
    02 DDDD RRRRRRRR PPPP          wind direction, rain of the last hour/1000, pressure in tens of pascal
    03 BB                          battery
    04 BB VVVVVVVV IIII GGGG       battery, versions, interval of measurements and of positions (minutes)
    05 IIII GGGG                   intervals
    06 EE                          error code

The battery knows two states only: 100 is fine, 0 is low. An error says nothing of which value it spoils.

Source: SenseCAP S2120 LoRaWAN 8-in-1 Weather Station user guide, sections 10.2 and 10.3, pages 39-41.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.decode.layout import Fields, parse, read, width
from drivers.decode.sample import Sample
from gateway.errors import BadReply

_FRAMES = {
    0x01: parse("air_temp:i16/10 air_rh:u8 light:u32 uv:u8/10 wind_speed:u16/10"),
    0x02: parse("wind_dir:u16 rain:u32/1000 pressure:u16"),
    0x03: parse("battery:u8"),
    0x04: parse("battery:u8 _:u32 interval:u16 _:u16"),
    0x05: parse("interval:u16 _:u16"),
    0x06: parse("error:u8"),
}


def decode(payload: bytes, port: int | None, options: Mapping[str, str | int | float | bool]) -> list[Sample]:
    """One uplink; every frame in it."""
    found = Fields()
    says: list[str] = []
    rest = payload
    while rest:
        items = _FRAMES.get(rest[0])
        if items is None or len(rest) <= width(items):
            says.append(f"partial_decode: {rest.hex()} is not known")
            break
        read(items, rest[1:], "big", found)
        rest = rest[1 + width(items) :]
    if rest == payload:
        raise BadReply(f"frame {payload[:1].hex()} of {len(payload)} bytes is none of an S2120")
    if "pressure" in found.values:
        found.put("pressure", (found.values["pressure"] or 0) * 10)
    if found.values.get("error"):
        says.append(f"sensor_error: {found.values['error']:g}")
    return [Sample(found.values, missing=found.missing, diagnostics=tuple(says))]
