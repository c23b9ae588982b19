"""Small makers with one fixed frame each: the layout is a line of data, named by ``options: {layout: ...}``.

A frame is known by its port and length; any other is refused, because nothing in it would tell what its bytes mean.
Layouts are written as in :mod:`drivers.decode.layout`, big-endian.

::

    aquascope-wwd    port 10  leak|remote bits, battery %, temperature degC
    dingtek-df702    port 3   80 .. .. kind length distance(2) gps? temperature sign angle flags(2) ... 81
    ellenex-pls2-l   port 15  .. .. .. level(2) .. .. battery/10
    teneo-fill       port 1   battery(2 V + 0.1 V each) distance(2) cm [status] [temperature(2) humidity(2)]
    terabee-lm-xl    port 1   distance(2) mm, level %, battery(2) mV, error bits

Sources: example frames and codecs of TheThingsNetwork/lorawan-devices @14d51a2 (``vendor/<maker>``), read for their
tables. Where we differ from a codec there: aquascope multiplies the high byte of the temperature by 255 (256 is meant);
Dingtek's negative temperatures are documented nowhere, so 128 and above are no value; of Ellenex only the count is
public, the metres for each count stand on the sensor's certificate (``options: {mm_per_count: ...}``), without it there
is no depth.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from drivers.decode.layout import Fields, parse, read, width
from drivers.decode.sample import Sample
from gateway.errors import BadReply

Options = Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class Fault:
    """A status byte that takes values away.

    Attributes:
        status: Its field.
        mask: Bits of it that matter here; any set bit is a fault.
        fields: What is then no value.
        why: The reason, unless ``codes`` knows a better one.
        codes: Raw value -> reason.
    """

    status: str
    mask: int
    fields: tuple[str, ...]
    why: str
    codes: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of one device.

    Attributes:
        port: On which it comes.
        layout: What its bytes are; its width is the frame's length.
        fixed: Byte -> value it must have (head, tail, kind).
        offsets: Field -> what is added to it.
        faults: Status bytes and what they spoil.
        after: What needs more than a line.
        says: Diagnostic of a frame that measures nothing.
    """

    port: int
    layout: str
    fixed: Mapping[int, int] = field(default_factory=dict)
    offsets: Mapping[str, float] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    after: Callable[[Fields, Options], list[str]] | None = None
    says: str = ""


def _dingtek(found: Fields, _options: Options) -> list[str]:
    """Half-byte flags, and an angle written as a sign and a magnitude."""
    alarms, state = int(_number(found, "alarms")), int(_number(found, "state"))
    flags = {"full": alarms >> 4, "fire": alarms & 15, "tilted": state >> 4, "battery_low": state & 15}
    for name, raw in flags.items():
        found.put(name, float(bool(raw)))
    if int(_number(found, "angle_sign")) & 15:
        found.put("angle", -_number(found, "angle"))
    if _number(found, "temperature") > 127:
        found.lack("temperature", "undocumented_code")
    for name in ("alarms", "state", "angle_sign"):
        del found.values[name]
    for name in (
        "longitude",
        "latitude",
    ):  # floats, low byte first, in a frame that is otherwise high byte first
        if name in found.values:
            degrees: float = struct.unpack("<f", int(_number(found, name)).to_bytes(4, "big"))[0]
            found.put(name, degrees) if math.isfinite(degrees) else found.lack(name, "not_a_number")
    return []


def _ellenex(found: Fields, options: Options) -> list[str]:
    """Counts to millimetres, if the technician said how many millimetres a count is."""
    scale = options.get("mm_per_count")
    if scale is None:
        found.lack("water_depth", "scale_unknown")
        return ["scale_unknown: set options.mm_per_count from the sensor's certificate"]
    if isinstance(scale, str | bool) or not math.isfinite(scale):
        raise BadReply(f"option mm_per_count: {scale!r} is not a number")
    found.put("water_depth", _number(found, "level") * scale)
    return []


def _number(found: Fields, name: str) -> float:
    value = found.values[name]
    assert isinstance(value, int | float), "a field of the layout without sentinels"
    return value


_DINGTEK_TAIL = "temperature:u8 angle_sign:u8 angle:u8 alarms:u8 state:u8 _:u24 _:u8"
_DINGTEK_HEAD = "_:u24 _:u8 _:u8 distance:u16 _:u8"
_PLACE = "longitude:u32 latitude:u32"
_TENEO = "battery:u8/10 distance:u16"
_TENEO_AIR = "temperature:u16/100 humidity:u16/100"
_TENEO_FAULT = (Fault("status", 0xFF, ("distance",), "sensor_exception", {4: "no_target"}),)
_TENEO_BATTERY = {"battery": 2.0}
_PARAMETERS = (
    "_:u24 _:u24 _:u8 periodic_h:u8 detection_min:u8 full_cm:u8 fire_degc:u8 tilt_deg:u8 tilt_enabled:u8 long_range:u8 "
    + " ".join(["_:u24"] * 3)
    + " _:u16"
)

LAYOUTS: dict[str, tuple[Frame, ...]] = {
    "aquascope-wwd": (
        Frame(10, "leak|remote:bits battery:u8 temperature:i16"),
        Frame(16, "_:u8 battery:u8 temperature:i16"),
    ),
    "dingtek-df702": (
        Frame(3, _PARAMETERS, {0: 0x80, 3: 3, 4: 25, 24: 0x81}, says="parameters"),
        Frame(3, f"{_DINGTEK_HEAD} {_DINGTEK_TAIL}", {0: 0x80, 4: 17, 16: 0x81}, after=_dingtek),
        Frame(3, f"{_DINGTEK_HEAD} {_PLACE} {_DINGTEK_TAIL}", {0: 0x80, 4: 25, 24: 0x81}, after=_dingtek),
    ),
    "ellenex-pls2-l": (Frame(15, "_:u24 level:i16 _:u16 battery:u8/10", after=_ellenex),),
    "teneo-fill": (
        Frame(1, _TENEO, offsets=_TENEO_BATTERY),
        Frame(1, f"{_TENEO} status:u8", offsets=_TENEO_BATTERY, faults=_TENEO_FAULT),
        Frame(1, f"{_TENEO} {_TENEO_AIR}", offsets=_TENEO_BATTERY),
        Frame(1, f"{_TENEO} status:u8 {_TENEO_AIR}", offsets=_TENEO_BATTERY, faults=_TENEO_FAULT),
        Frame(2, "battery:u8/10 status:u8", offsets=_TENEO_BATTERY, faults=_TENEO_FAULT),
        Frame(3, "battery:u8/10", offsets=_TENEO_BATTERY, says="charging"),
    ),
    "terabee-lm-xl": (
        Frame(
            1,
            "distance:u16?0=blind_zone?1=invalid_reading?ffff=no_target level:u8?ff=sensor_exception "
            "battery_mv:u16 errors:u8",
            faults=(
                Fault("errors", 0x08, ("distance", "level"), "sensor_exception"),
                Fault("errors", 0x04, ("battery_mv",), "battery_not_read"),
            ),
        ),
    ),
}


def decode(payload: bytes, port: int | None, options: Options) -> list[Sample]:
    """What one uplink says.

    Args:
        payload: The decrypted bytes.
        port: Tells the frames of one device apart.
        options: ``layout``, a key of :data:`LAYOUTS`; ``mm_per_count`` for Ellenex.

    Raises:
        BadReply: No such layout, or none of its frames has this port, length and fixed bytes.
    """
    name = str(options.get("layout", ""))
    frames = LAYOUTS.get(name)
    if frames is None:
        raise BadReply(f"no fixed layout is called {name!r}; known: {', '.join(LAYOUTS)}")
    for frame in frames:
        if port == frame.port and _fits(payload, frame):
            return [_sample(payload, frame, options)]
    known = ", ".join(f"port {frame.port}: {width(parse(frame.layout))} bytes" for frame in frames)
    raise BadReply(f"port {port}, {len(payload)} bytes {payload[:32].hex()} is no frame of {name} ({known})")


def _fits(payload: bytes, frame: Frame) -> bool:
    return len(payload) == width(parse(frame.layout)) and all(
        payload[at] == value for at, value in frame.fixed.items()
    )


def _sample(payload: bytes, frame: Frame, options: Options) -> Sample:
    found = Fields()
    read(parse(frame.layout), payload, "big", found)
    for name, offset in frame.offsets.items():
        found.put(name, round(_number(found, name) + offset, 6))
    diagnostics = _faults(found, frame.faults)
    if frame.after is not None:
        diagnostics += frame.after(found, options)
    if frame.says == "parameters":
        facts = " ".join(
            f"{name}={value:g}" for name, value in found.values.items() if isinstance(value, float)
        )
        return Sample({}, diagnostics=(f"config_reply: {facts}",))
    if frame.says:
        diagnostics.append(frame.says)
    return Sample(found.values, missing=found.missing, diagnostics=tuple(diagnostics))


def _faults(found: Fields, faults: tuple[Fault, ...]) -> list[str]:
    diagnostics = []
    for fault in faults:
        raw = int(_number(found, fault.status)) & fault.mask
        if raw:
            why = fault.codes.get(raw, fault.why)
            for name in fault.fields:
                found.lack(name, why)
            diagnostics.append(f"{why}: {fault.status} 0x{raw:02x}")
    return diagnostics
