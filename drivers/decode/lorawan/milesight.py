"""Milesight EM, WS, WT and UC devices: one decoder for the whole family.

A frame is a row of groups, little-endian, by default on fPort 85 (the port can be changed, so it is not checked)::

    +---------+------+---------+---------+------+---------+--
    | channel | type | data    | channel | type | data    | ...
    | 1       | 1    | N       | 1       | 1    | N       |
    +---------+------+---------+---------+------+---------+--

    ch ff          about the device itself: versions, serial number, power on
    ch 20, 21 type ce   one stored record: unix seconds (u32), then the values of that moment
    ch >= 80       the group of channel - 80 once more, followed by one byte of alarm
    else           a measurement

N follows from channel and type alone, so nothing behind an unknown pair can be read: what stands before it is kept.
Which pair means what is a layout (``drivers/decode/layout.py``) in ``LAYOUTS`` below; a model that differs says so in
its catalogue file as an option ``tlv_<channel><type>``, e.g. ``tlv_0367: "temperature:i16/10?ffff=read_failure"``.
Where firmwares store records of different length, ``tlv_20ce_or`` is the other layout: the one is taken behind which
the frame ends or the next record begins.

Source: Milesight-IoT/SensorDecoders @e79c9d8, README of each model (byte tables); reference 3.1 and 8.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from drivers.decode import layout
from drivers.decode.layout import Fields
from drivers.decode.sample import Sample
from gateway.errors import BadReply

LAYOUTS = {
    "0175": "battery:u8",
    "0367": "temperature:i16/10",
    "0468": "humidity:u8/2",
    "0382": "distance:u16",
    "0482": "distance:u16",
    "0400": "position:u8",
    "0500": "position:u8",
    "03cf": "angle_x:i16/100 angle_y:i16/100 angle_z:i16/100 threshold_x|threshold_y|threshold_z:bits",
    "03d4": "angle_x:i15/100 angle_y:i15/100 angle_z:i15/100",
    "0377": "depth:u16?ffff=read_failure?fffd=out_of_range",
    "037b": "pressure:u16",
    "01b9": "voltage_raw:u16",  # EM410-RDL with a supply; its scale is not documented
    "06c7": "radar_signal:i16/100",
    "04ca": "moisture:u16/100",
    "057f": "ec:u16",
    "0584": "wind_direction:i16/10",
    "0673": "pressure:u16/10",
    "0792": "wind_speed:u16/10",
    "0877": "rainfall_total:u16/100 rainfall_counter:u8",
    "08ec": "rainfall_total:u32/100 rainfall_counter:u8",
    "0688": "longitude:i32/1000000?ffffffff=no_fix latitude:i32/1000000?ffffffff=no_fix motion:u8",
    "83d7": "temperature:i16/10 temperature_mutation:i16/10 temperature_alarm:u8",
    "9482": "distance:i16 distance_mutation:i16 distance_alarm:u8",
    "b482": "distance:i16 distance_exception:u8",
}
"""Channel and type -> what follows them; the same for every model that does not say otherwise."""

ABOUT = {0x01: 1, 0x08: 6, 0x09: 2, 0x0A: 2, 0x0B: 1, 0x0F: 1, 0x16: 8, 0xFE: 1, 0xFF: 2}
"""Type of a channel-ff group -> its length (README of each model, table "Attribute")."""

ALARMS = {0: "released", 1: "threshold", 2: "mutation"}
EXCEPTIONS = {1: "blind_zone", 2: "no_target", 3: "sensor_exception"}  # 0: blind zone left, the value counts
COMMAND_REPLIES = {
    0xF8,
    0xF9,
    0xFE,
    0xFF,
}  # what a device answers to a downlink; its length depends on the command
EARLIEST = 1_420_070_400  # 2015-01-01: a stored record before that was written without a clock
NB_HEADER = 86  # bytes of an NB-IoT frame before its groups: README of em400-mud, "NB-IoT Data Frame"


@dataclass(slots=True)
class _Frame:
    """What one frame has given so far."""

    live: Fields = field(default_factory=Fields)
    stored: list[Sample] = field(default_factory=list)
    diagnostics: list[str] = field(default_factory=list)
    groups: int = 0


def decode(payload: bytes, port: int | None, options: Mapping[str, str | int | float | bool]) -> list[Sample]:
    """The present values first, then one back-dated sample for each stored record.

    Args:
        payload: One frame, LoRaWAN or NB-IoT.
        port: Not looked at.
        options: ``tlv_<channel><type>`` layouts of the model.

    Raises:
        BadReply: Not even the first group is known.
    """
    frame = _Frame()
    data = _without_nb_header(payload, frame)
    at = 0
    while at < len(data):
        step = _group(data, at, options, frame)
        if step == 0:
            break
        at += step
        frame.groups += 1
    return _samples(frame)


def _group(data: bytes, at: int, options: Mapping[str, str | int | float | bool], frame: _Frame) -> int:
    """Read one group into the frame; its length, or 0 when the rest cannot be read."""
    if len(data) - at < 2:
        frame.diagnostics.append(f"partial_decode: a lone byte {data[at]:02x} at the end")
        return 0
    channel, kind = data[at], data[at + 1]
    pair, rest = f"{channel:02x}{kind:02x}", data[at + 2 :]
    if channel == 0xFF and kind in ABOUT:
        return _about(kind, rest, pair, frame)
    if channel in {0x20, 0x21} and kind == 0xCE:
        return _record(
            rest,
            pair,
            [str(options[key]) for key in (f"tlv_{pair}", f"tlv_{pair}_or") if key in options],
            frame,
        )
    text = _layout(channel, kind, options)
    if not text:
        if channel in COMMAND_REPLIES:
            frame.diagnostics.append(f"config_reply: {data[at:].hex()}")
            return 0
        if frame.groups == 0:
            raise BadReply(f"channel {channel:02x} type {kind:02x} is not known of this Milesight model")
        frame.diagnostics.append(f"partial_decode: unknown group {pair} at byte {at}")
        return 0
    items = _parsed(text, pair)
    if len(rest) < layout.width(items):
        return _cut_off(pair, frame)
    found = Fields()
    layout.read(items, rest, "little", found)
    _judge(found, frame.diagnostics)
    frame.live.values.update(found.values)
    frame.live.missing.update(found.missing)
    return 2 + layout.width(items)


def _layout(channel: int, kind: int, options: Mapping[str, str | int | float | bool]) -> str:
    """What follows a pair: of the model, else of the family, else the measurement an alarm repeats."""
    for pair in (f"{channel:02x}{kind:02x}",):
        text = str(options.get(f"tlv_{pair}", LAYOUTS.get(pair, "")))
        if text:
            return text
    if channel < 0x80 or channel == 0xFF:
        return ""
    plain = _layout(channel - 0x80, kind, options)
    if not plain:
        return ""
    first = plain.split(":", 1)[0]
    return f"{plain} {first.removesuffix('_total')}_alarm:u8"


def _judge(found: Fields, diagnostics: list[str]) -> None:
    """What follows from alarm, exception and flag bytes."""
    for name, value in list(found.values.items()):
        if name.endswith("_alarm") and isinstance(value, float):
            diagnostics.append(f"{name}: {ALARMS.get(int(value), f'code {value:g}')}")
        elif name.endswith("_exception") and isinstance(value, float) and value:
            why = EXCEPTIONS.get(int(value), f"exception_{value:g}")
            found.lack(name.removesuffix("_exception"), why)
        elif name.startswith("angle_") and name.endswith("_flag"):
            found.put(f"threshold_{name[6]}", value or 0.0)
    flags = [value for name, value in found.values.items() if name.startswith("threshold_")]
    if flags:
        found.put("threshold_any", max(float(flag or 0.0) for flag in flags))


def _record(rest: bytes, pair: str, texts: list[str], frame: _Frame) -> int:
    """One stored record; a record without a believable time has no place and is only reported."""
    if not texts:
        if frame.groups == 0:
            raise BadReply(f"this model's stored records ({pair}) are not described (option tlv_{pair})")
        frame.diagnostics.append(f"partial_decode: stored record {pair} is not described for this model")
        return 0
    layouts = [_parsed(text, pair) for text in texts]
    ends = [4 + layout.width(items) for items in layouts]
    follow = [end == len(rest) or rest[end : end + 2] == bytes.fromhex(pair) for end in ends]
    which = follow.index(True) if True in follow else 0
    items, length = layouts[which], ends[which]
    if len(rest) < length:
        return _cut_off(pair, frame)
    seconds = int.from_bytes(rest[:4], "little")
    if seconds < EARLIEST:
        frame.diagnostics.append(f"device_clock: a stored record of second {seconds} was left out")
        return 2 + length
    found = Fields()
    layout.read(items, rest[4:], "little", found)
    words: list[str] = []
    _judge(found, words)
    moment = datetime.fromtimestamp(seconds, UTC)
    frame.stored.append(Sample(found.values, moment, found.missing, diagnostics=tuple(words), backfill=True))
    return 2 + length


def _about(kind: int, rest: bytes, pair: str, frame: _Frame) -> int:
    """A group about the device itself: facts for the diagnostics."""
    length = ABOUT[kind]
    data = rest[:length]
    if len(data) < length:
        return _cut_off(pair, frame)
    match kind:
        case 0x01:
            said = f"protocol: v{data[0]}"
        case 0x08 | 0x16:
            said = f"serial: {data.hex()}"
        case 0x09:
            said = f"hardware: v{data[0]:x}.{data[1] >> 4:x}"
        case 0x0A:
            said = f"firmware: v{data[0]:x}.{data[1]:x}"
        case 0x0B:
            said = "power_on"
        case 0x0F:
            said = f"class: {'ABC'[data[0]] if data[0] < 3 else data[0]}"
        case 0xFE:
            said = f"reset: {data.hex()}"
        case _:
            said = f"tsl: v{data[0]:x}.{data[1]:x}"
    frame.diagnostics.append(said)
    return 2 + length


def _cut_off(pair: str, frame: _Frame) -> int:
    frame.diagnostics.append(f"partial_decode: group {pair} is cut off")
    return 0


def _parsed(text: str, pair: str) -> tuple[layout.Item, ...]:
    try:
        return layout.parse(text)
    except ValueError as error:
        raise BadReply(f"option tlv_{pair}: {error}") from error


def _without_nb_header(payload: bytes, frame: _Frame) -> bytes:
    """The groups of an NB-IoT frame; a LoRaWAN frame as it is.

    ::

        02  id(2) length(2)  flag(1) count(2) protocol(1) firmware(4) hardware(4) serial(16) imei(15) imsi(15)
        iccid(20) csq(1) n(2)  groups(n)          length counts what follows it; numbers are big-endian
    """
    if len(payload) < NB_HEADER or payload[0] != 0x02:
        return payload
    if int.from_bytes(payload[3:5], "big") != len(payload) - 5:
        return payload
    serial = payload[17:33].decode("ascii", "replace")
    frame.diagnostics += ["nb_iot", f"serial: {serial}", f"csq: {payload[83]}"]
    length = int.from_bytes(payload[84:86], "big")
    if length > len(payload) - NB_HEADER:
        frame.diagnostics.append("partial_decode: the NB-IoT frame is cut off")
    return payload[NB_HEADER : NB_HEADER + length]


def _samples(frame: _Frame) -> list[Sample]:
    live = Sample(frame.live.values, missing=frame.live.missing, diagnostics=tuple(frame.diagnostics))
    return [live, *frame.stored] if live.fields or live.diagnostics or not frame.stored else frame.stored
