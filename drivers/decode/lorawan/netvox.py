"""Netvox R718: one header for all, one table line per device type.

::

    byte  0        1            2            3..10
    port 6: version  device type  report type  values; report type 0 = versions and date of the firmware
    port 7: command  device type  values 2..10                        answers to downlinks, no measurement

Battery: bits 0-6 tenths of a volt, bit 7 = low. Numbers are big-endian, but the accelerations and velocities of the
R718E are the upper half of a 32-bit float, low byte first ("6A3E" is 0x3E6A0000 = 0.2285 m/s2).

Sources: Netvox LoRaWAN Application Command V1.8.6 and Application Devicetype V1.9; user manuals of the R718 series,
chapter "Example of ReportDataCmd"; example frames in TheThingsNetwork/lorawan-devices ``vendor/netvox`` @14d51a2. The
codec there takes a negative temperature of the R718EA from bytes 7-8 and a positive one from the reserved bytes 9-10;
here both are 7-8.

Inferred, not documented: a distance of 0 or 0xFFFF is "no target".
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from drivers.decode.layout import Fields, parse, read, width
from drivers.decode.sample import Sample
from gateway.errors import BadReply

Options = Mapping[str, str | int | float | bool]

VERSION = 1
REPORT_PORT, REPLY_PORT = 6, 7
BATTERY_LOW = 0x80


@dataclass(frozen=True, slots=True)
class Report:
    """Where the values of one report lie, from byte 3 on.

    Attributes:
        before: Layout of what comes first.
        halves: Names of the half-written floats after it.
        after: Layout of the rest.
    """

    before: str = ""
    halves: tuple[str, ...] = ()
    after: str = ""


_DISTANCE = "distance:u16?0=no_target?ffff=no_target"
_BATTERY = "battery:u8"

# device type -> name, report type -> layout
DEVICES: dict[int, tuple[str, dict[int, Report]]] = {
    0x1C: (
        "r718e",
        {
            1: Report(_BATTERY, ("acceleration_x", "acceleration_y", "acceleration_z")),
            2: Report("", ("velocity_x", "velocity_y", "velocity_z"), "temperature:i16/10"),
        },
    ),
    0x32: ("r718wa", {1: Report(f"{_BATTERY} leak:u8")}),
    0x34: ("r718x", {1: Report(f"{_BATTERY} near:u8 {_DISTANCE} temperature:i16/10 fill:u8 angle:u8")}),
    0x9A: ("r718ea", {1: Report(f"{_BATTERY} tilt_x:i8 tilt_y:i8 tilt_z:i8 temperature:i16/10")}),
    0xB1: ("r718pe", {1: Report(f"{_BATTERY} near:u8 {_DISTANCE} fill:u8")}),
    0xC8: ("r718eb", {1: Report(f"{_BATTERY} tilt_x:i16/10 tilt_y:i16/10 tilt_z:i16/10")}),
}

_PERIODS = "min_time:u16 max_time:u16 battery_change:u8/10"
_DONE = "status:u8"
_COMMON = {
    0x81: ("config_report", _DONE),
    0x82: ("read_config_report", _PERIODS),
    0x83: ("set_active_threshold", _DONE),
}
_TILT = _COMMON | {0x84: ("get_active_threshold", "threshold:u16 inactive_time:u8")}
_RANGER = _COMMON | {
    0x83: ("set_on_distance_threshold", _DONE),
    0x84: ("get_on_distance_threshold", "on_distance_threshold:u16"),
    0x85: ("set_fill_max_distance", _DONE),
    0x86: ("get_fill_max_distance", "fill_max_distance:u16"),
    0x8B: ("set_dead_zone_distance", _DONE),
    0x8C: ("get_dead_zone_distance", "dead_zone_distance:u16"),
}

# device type -> command of an answer -> its name, layout from byte 2 on
REPLIES: dict[int, dict[int, tuple[str, str]]] = {
    0x1C: _COMMON
    | {
        0x82: ("read_config_report", f"{_PERIODS} acceleration_change:u16"),
        0x84: ("get_active_threshold", "active_threshold:u16 inactive_threshold:u16"),
        0x87: ("set_restore_report", _DONE),
        0x88: ("get_restore_report", "restore_report:u8"),
    },
    0x32: _COMMON,
    0x34: _RANGER
    | {0x82: ("read_config_report", f"{_PERIODS} distance_change:u16 temperature_change:u16/10")},
    0x9A: _TILT | {0x82: ("read_config_report", f"{_PERIODS} angle_change:u8 temperature_change:u8/10")},
    0xB1: _RANGER | {0x82: ("read_config_report", f"{_PERIODS} distance_change:u16")},
    0xC8: _TILT | {0x82: ("read_config_report", f"{_PERIODS} angle_change:u16/10")},
}


def decode(payload: bytes, port: int | None, options: Options) -> list[Sample]:
    """What one uplink says; an answer to a downlink or a version report gives a sample without fields.

    Args:
        payload: The decrypted bytes, 11 of them.
        port: 6 for reports, 7 for answers.
        options: ``device``, e.g. ``r718x``: frames of another type are refused.

    Raises:
        BadReply: Unknown port, device, report or command, another device than expected, or too few bytes.
    """
    if port not in {REPORT_PORT, REPLY_PORT}:
        raise BadReply(f"port {port}; Netvox reports on {REPORT_PORT} and answers on {REPLY_PORT}")
    if len(payload) < 3:
        raise BadReply(f"{len(payload)} bytes; a Netvox frame has 11")
    kind = payload[1]
    if kind not in DEVICES:
        raise BadReply(f"device type 0x{kind:02x} has no table here")
    name, reports = DEVICES[kind]
    wanted = options.get("device", name)
    if wanted != name:
        raise BadReply(f"this frame comes from an {name}, the catalogue says {wanted}")
    if port == REPLY_PORT:
        return [_answer(payload, kind)]
    if payload[0] != VERSION:
        raise BadReply(f"version {payload[0]} of the frame; only {VERSION} is known")
    if payload[2] == 0:
        return [_versions(payload)]
    if payload[2] not in reports:
        raise BadReply(f"report type {payload[2]} of an {name} is not known")
    return [_report(payload, reports[payload[2]])]


def _report(payload: bytes, report: Report) -> Sample:
    before, after = parse(report.before), parse(report.after)
    body = _body(payload, 3, width(before) + 2 * len(report.halves) + width(after))
    found, diagnostics = Fields(), []
    read(before, body, "big", found)
    for at, name in enumerate(report.halves):
        start = width(before) + 2 * at
        _half(found, name, body[start : start + 2])
    read(after, body[width(before) + 2 * len(report.halves) :], "big", found)
    battery = found.values.get("battery")
    if isinstance(battery, float):
        found.put("battery", (int(battery) & ~BATTERY_LOW) / 10)
        if int(battery) & BATTERY_LOW:
            diagnostics.append("battery_low")
    if any(payload[3 + len(body) :]):
        diagnostics.append("partial_decode: bytes that are reserved (zero) in the manual carry something")
    return Sample(found.values, missing=found.missing, diagnostics=tuple(diagnostics))


def _half(found: Fields, name: str, chunk: bytes) -> None:
    value: float = struct.unpack("<f", b"\x00\x00" + chunk)[0]
    if math.isfinite(value):
        found.put(name, value)
    else:
        found.lack(name, "not_a_number")


def _versions(payload: bytes) -> Sample:
    body = _body(payload, 3, 6)
    software, hardware, built = body[0] / 10, body[1], body[2:6].hex()
    return Sample({}, diagnostics=(f"version: software={software:g} hardware={hardware} built={built}",))


def _answer(payload: bytes, kind: int) -> Sample:
    command = REPLIES[kind].get(payload[0])
    if command is None:
        raise BadReply(f"command 0x{payload[0]:02x} on port {REPLY_PORT} is not known")
    name, layout = command
    items, found = parse(layout), Fields()
    read(items, _body(payload, 2, width(items)), "big", found)
    facts = " ".join(
        f"{field}={value:g}" for field, value in found.values.items() if isinstance(value, float)
    )
    return Sample({}, diagnostics=(f"config_reply: {name} {facts}",))


def _body(payload: bytes, start: int, length: int) -> bytes:
    if len(payload) < start + length:
        raise BadReply(f"{len(payload)} bytes; this frame needs {start + length}")
    return payload[start : start + length]
