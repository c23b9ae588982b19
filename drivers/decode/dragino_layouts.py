"""How the measurements of Dragino devices lie in their frames: one function for each layout, big-endian.

::

    most models:   battery(2, mV in the low 14 bits)  values

A DS18B20 that is not plugged in reads 7fff or ffff; a distance of 0 is no echo, below 20 mm none either.

Source: dragino/dragino-end-node-decoder @e81cc58, folder of each model; manuals named in the catalogue files;
reference 3.2, 3.7 and 8.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from drivers.decode import layout
from drivers.decode.layout import Fields
from gateway.errors import BadReply

NEAREST_MM = 20  # reference 3.2: values 0 and below 20 mm are invalid
DS18B20 = "?7fff=no_probe?ffff=no_probe"

Options = Mapping[str, str | int | float | bool]


@dataclass(slots=True)
class Frame:
    """A frame on its way into fields."""

    data: bytes
    options: Options
    found: Fields = field(default_factory=Fields)
    diagnostics: list[str] = field(default_factory=list)

    def take(self, at: int, text: str) -> int:
        """Read a layout at a place as far as there are bytes; where the next one starts."""
        items = layout.parse(text)
        while items and len(self.data) - at < layout.width(items):
            self.partial(f"{items[-1].name} is cut off")
            items = items[:-1]
        layout.read(items, self.data[at:], "big", self.found)
        return at + layout.width(items)

    def battery(self, mask: int = 0x3FFF) -> None:
        """The first word of most frames [V]; its top bits are flags."""
        self.found.put("battery", (int.from_bytes(self.data[:2], "big") & mask) / 1000)

    def value(self, name: str) -> float | None:
        """A field as a number, if it has one."""
        value = self.found.values.get(name)
        return value if isinstance(value, float) else None

    def partial(self, what: str) -> None:
        """Something of the frame could not be read."""
        self.diagnostics.append(f"partial_decode: {what}")

    def rest(self, at: int) -> None:
        """Nothing is expected from here on."""
        if len(self.data) > at:
            self.partial(f"{len(self.data) - at} unknown bytes at the end")


def _distance(frame: Frame) -> None:
    """LDDS75, DDS75-LB, DDS20-LB, DDS45-LB.

    ::

        0 battery(2)  2 distance(2, mm)  4 interrupt(1)  5 DS18B20(2)  7 probe flag(1)

    A set bit 12 of the battery word (DDS75-LB) announces a block of distances without times instead.
    """
    if frame.data[0] & 0x10:
        frame.battery(0x0FFF)
        frame.partial(f"a block of {max(0, len(frame.data) - 8) // 2} distances without times")
        return
    frame.battery()
    end = frame.take(2, f"distance:u16 interrupt:u8 ds18b20:i16/10{DS18B20} probe:u8")
    if len(frame.data) < 5:  # the ultrasonic head was not found (recorded vector 0e1c0b05)
        frame.found.lack("distance", "no_probe")
    check_distance(frame.found, "distance")
    if frame.value("probe") == 0.0:
        frame.found.lack("ds18b20", "no_probe")
    _say_interrupt(frame)
    frame.rest(end)


def _four_distances(frame: Frame) -> None:
    """LDDS04 and DDS04-LB: battery(2, bit 15 interrupt), four distances(2, tenths of a cm), message type(1)."""
    frame.battery()
    frame.found.put("interrupt", float(frame.data[0] >> 7))
    names = [f"distance_{number}" for number in (1, 2, 3, 4)]
    end = frame.take(2, " ".join(f"{name}:u16" for name in names) + " message:u8")
    for name in names:
        check_distance(frame.found, name)
    _say_interrupt(frame)
    frame.rest(end)


def _radar(frame: Frame) -> None:
    """MDS200-LB, LMDS200: battery(2), distance 1 and 2(2, cm), alarms(1: bit 0 interrupt, 1 distance, 2.. count)."""
    frame.battery(0xFFFF)
    end = frame.take(2, "distance_1:u16?0=no_target distance_2:u16?0=no_target interrupt|distance_alarm:bits")
    if frame.value("distance_alarm"):
        frame.diagnostics.append("distance_alarm: threshold")
    _say_interrupt(frame)
    frame.rest(end)


def _soil(frame: Frame) -> None:
    """LSE01 and SE01-LB.

    ::

        0 battery(2)  2 DS18B20(2)  4 water(2, 1/100 %)  6 soil temperature(2, 1/100)  8 conductivity(2, uS/cm)
        10 flags(1): bit 7 raw mode, bit 4 probe found, bits 0-3 interrupt

    In raw mode bytes 4 to 9 are uncalibrated readings of the probe: no numbers for anybody.
    """
    frame.battery()
    end = frame.take(
        2, f"ds18b20:i16/10{DS18B20} moisture:u16/100 soil_temperature:i16/100 conductivity:u16 flags:u8"
    )
    flags = frame.value("flags")
    if flags is not None and int(flags) & 0x80:
        frame.diagnostics.append("raw_mode: the probe sends uncalibrated values; set the device to AT+MOD=0")
        for name in ("moisture", "soil_temperature", "conductivity"):
            frame.found.lack(name, "raw_mode")
    frame.rest(end)


def _loop(frame: Frame) -> None:
    """PS-LB: battery(2), probe(1), range(1), current(2, uA), voltage(2, mV), pins(1)."""
    frame.battery(0xFFFF)
    end = frame.take(2, "probe:u8 range:u8 current:u16/1000 voltage:u16/1000 pins:u8")
    judge_loop(frame.found, frame.diagnostics)
    frame.rest(end)


def judge_loop(found: Fields, diagnostics: list[str]) -> None:
    """A 4-20 mA current: a broken loop is no depth; probe 0 is a water probe of ``range`` metres."""
    current, probe, span = (found.values.get(name) for name in ("current", "probe", "range"))
    if not isinstance(current, float) or not isinstance(span, float):
        return
    if not 3.6 <= current <= 21.0:  # NAMUR NE 43: outside is a broken or shorted loop
        found.lack("depth", "loop_fault")
        found.lack("current", "loop_fault")
    elif probe == 0.0:
        found.put("depth", max(0.0, current - 4.0) * span * 100 / 16)  # cm; reference 3.2
    else:
        diagnostics.append(f"probe: type {probe:g} range {span:g} is not converted, only its current")


WATER_PROBES = (
    (0x0020, "turbidity:u16/10"),
    (0x0010, "oxygen:u16/100 oxygen_temperature:i16/100"),
    (0x0008, "redox:i16"),
    (0x0004, "conductivity_k10:u16/0.1 conductivity_temperature:i16/10"),
    (0x0002, "conductivity_k1:u16 conductivity_temperature:i16/10"),
    (0x0001, "ph:u16/100 ph_temperature:i16/10"),
    (0x0040, "chlorine:u16/100"),
    (0x0080, "chlorine:u16/100"),
    (0x0200, "turbidity:u16/10 turbidity_temperature:i16/10"),
    (0x0400, "turbidity:u16/10 turbidity_temperature:i16/10"),
    (0x0100, "conductivity_4:u24 salinity:u16/10 conductivity_temperature:i16/10"),
)
"""Bit of the probe mask -> what that probe sends, in the order of the bytes (WQS-LB V1.3.1 decoder)."""


def _water(frame: Frame) -> None:
    """WQS-LB: battery(2), DS18B20(2), mask of probes(2, from firmware 1.3; 1 before), then each probe's values.

    Option ``mask_bytes: 1`` is for firmware 1.0 and 1.2, which know the six probes of the low bits.
    """
    frame.battery()
    wide = frame.options.get("mask_bytes", 2) != 1
    at = frame.take(2, f"ds18b20:i16/10{DS18B20} mask:{'u16' if wide else 'u8'}")
    mask = int(frame.value("mask") or 0) & (0x07FF if wide else 0x3F)
    temperatures: list[str] = []
    for bit, text in WATER_PROBES:
        if mask & bit:
            at = frame.take(at, text)
            temperatures += [item.name for item in layout.parse(text) if item.name.endswith("_temperature")]
    for name in temperatures:
        value = frame.value(name)
        if value is not None:
            frame.found.put("water_temperature", value)
    for name in ("conductivity_k1", "conductivity_k10", "conductivity_4"):
        value = frame.value(name)
        if value is not None:
            frame.found.put("conductivity", value)
    frame.rest(at)


def _lht65(frame: Frame) -> None:
    """LHT65: battery(2, top 2 bits its state), temperature(2), humidity(2), external kind(1), its value(4).

    Kind 1 is a DS18B20 (7fff: none), 5 illuminance, 6 volts, 7 and 8 a counter, 4 a contact; bit 7: cable pulled out.
    Source: LHT65 manual 2.4, pages 11 to 15.
    """
    frame.battery()
    at = frame.take(2, "temperature:i16/100?7fff=no_probe humidity:u16/10 external:u8")
    kind = int(frame.value("external") or 0)
    if kind & 0x80:
        frame.diagnostics.append("external_cable: not connected")
        frame.found.lack("external_temperature", "no_probe")
        return
    layouts = {
        1: f"external_temperature:i16/100{DS18B20} _:u16",
        4: "external_level:u8 external_interrupt:u8 _:u16",
        5: "illuminance:u16 _:u16",
        6: "external_voltage:u16/1000 _:u16",
        7: "external_count:u16 _:u16",
        8: "external_count:u32",
    }
    if kind in layouts:
        at = frame.take(at, layouts[kind])
    elif kind:
        frame.partial(f"external sensor of kind {kind}")
        return
    else:
        at = len(frame.data)
    frame.rest(at)


def _lht52(frame: Frame) -> None:
    """LHT52: temperature(2), humidity(2), external DS18B20(2), external kind(1), unix seconds(4)."""
    at = frame.take(
        0,
        "temperature:i16/100?7fff=no_probe humidity:u16/10 "
        f"external_temperature:i16/100{DS18B20} external:u8 device_time:u32",
    )
    frame.rest(at)


def _lsn50(frame: Frame) -> None:
    """LSN50: battery(2), DS18B20(2), ADC(2, mV), status(1: bits 2-6 work mode), four bytes by mode.

    Source: LSN50 manual 2.3 "work modes"; a recorded LSN50v2-D23 uplink (three probes).
    """
    frame.battery(0xFFFF)
    at = frame.take(2, f"ds18b20:i16/10{DS18B20} adc:u16/1000 status:u8")
    mode = int(frame.value("status") or 0) >> 2 & 0x1F
    frame.found.put("mode", float(mode))
    tails = {
        0: "temperature:i16/10?7fff=no_probe?ffff=no_probe humidity:u16/10?ffff=no_probe",
        1: "distance:u16?ffff=no_target signal:u16",
        3: f"ds18b20_2:i16/10{DS18B20} ds18b20_3:i16/10{DS18B20}",
        5: "count:u32",
    }
    if mode == 0 and frame.data[9:11] == b"\0\0":
        at = frame.take(at, "illuminance:u16 _:u16")  # no SHT plugged in, but a light sensor
    elif mode in tails:
        at = frame.take(at, tails[mode])
    else:
        frame.partial(f"work mode {mode}")
        return
    frame.rest(at)


def _lt22222(frame: Frame) -> None:
    """LT-22222-L: eight bytes by mode, outputs and inputs(1), reserved(1), hardware and mode(1: low 6 bits).

    Source: LT-22222-L manual 3.3 "working modes"; a recorded uplink (mode 1).
    """
    if len(frame.data) < 11:
        raise BadReply(f"{len(frame.data)} bytes are no LT-22222 frame (11)")
    mode = frame.data[10] & 0x3F
    layouts = {
        1: "voltage_1:i16/1000 voltage_2:i16/1000 current_1:i16/1000 current_2:i16/1000",
        2: "count_1:u32 count_2:u32",
        3: "count_1:u32 current_1:i16/1000 current_2:i16/1000",
        4: "count_1:u32 _:u32",
        5: "voltage_1:i16/1000 voltage_2:i16/1000 current_1:i16/1000 count_1:u16",
    }
    if mode in layouts:
        frame.take(0, layouts[mode])
    else:
        frame.partial(f"work mode {mode}")
    frame.take(8, "output_1|output_2|_|input_1|input_2|_|relay_2|relay_1:bits")
    frame.found.put("mode", float(mode))


def _door(frame: Frame) -> None:
    """LDS02, LWL02: battery(2: bit 15 open, bit 14 wet), mode(1), times(3), minutes(3), alarm(1).

    Source: LDS02 manual 2.3; a recorded uplink.
    """
    frame.battery()
    end = frame.take(2, "mode:u8 times:u24 minutes:u24 alarm:u8")
    if frame.value("mode") in {1.0, 3.0}:
        frame.found.put("open", float(frame.data[0] >> 7))
    if frame.value("mode") in {2.0, 3.0}:
        frame.found.put("leak", float(frame.data[0] >> 6 & 1))
    if frame.value("alarm"):
        frame.diagnostics.append("alarm: too long")
    frame.rest(end)


MEASUREMENTS: dict[str, Callable[[Frame], None]] = {
    "distance": _distance,
    "four_distances": _four_distances,
    "radar": _radar,
    "soil": _soil,
    "loop": _loop,
    "water": _water,
    "lht65": _lht65,
    "lht52": _lht52,
    "lsn50": _lsn50,
    "lt22222": _lt22222,
    "door": _door,
}
"""Option ``layout`` -> how a measurement is read."""


def check_distance(found: Fields, name: str) -> None:
    """Turn the distances that are none into "no value"."""
    value = found.values.get(name)
    if value == 0.0:
        found.lack(name, "no_target")
    elif isinstance(value, float) and value < NEAREST_MM:
        found.lack(name, "invalid_reading")


def _say_interrupt(frame: Frame) -> None:
    if frame.value("interrupt"):
        frame.diagnostics.append("interrupt: sent because of the interrupt pin")
