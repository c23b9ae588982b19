"""LoRaWAN payloads as the real devices send them: the byte tables of the decoders, read the other way round.

Every encoder takes values in the house's units (what the world gives, plus ``distance`` [mm] or ``water_depth`` [m]
of the place) and returns port and payload. Sources: reference "devices and limits", sections 3.1 (Milesight), 3.2
(Dragino), 3.4 (Decentlab), with the makers' documents named there.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Values = Mapping[str, float]
MILESIGHT_PORT = 85
DRAGINO_PORT = 2
DECENTLAB_PORT = 1


@dataclass(frozen=True, slots=True)
class Frame:
    """One uplink: LoRaWAN port and payload."""

    port: int
    payload: bytes


def frame_of(model: str, values: Values) -> Frame:
    """One uplink of a model.

    Raises:
        KeyError: No encoder for this model, or a value it sends is not given.
    """
    return ENCODERS[model](values)


# --- Milesight: channel(1) type(1) data, little-endian; fPort 85 -------------------------------------------------


def _battery(values: Values) -> bytes:
    return struct.pack("<BBB", 0x01, 0x75, round(values["battery"]))


def _temperature(channel: int, celsius: float) -> bytes:
    return struct.pack("<BBh", channel, 0x67, round(celsius * 10))


def _humidity(channel: int, percent: float) -> bytes:
    return struct.pack("<BBB", channel, 0x68, round(percent * 2))


def _position(channel: int, values: Values) -> bytes:
    return struct.pack("<BBB", channel, 0x00, round(values.get("tipped", 0.0)))


def _milesight(*parts: bytes) -> Frame:
    return Frame(MILESIGHT_PORT, b"".join(parts))


def em400_mud(values: Values) -> Frame:
    """Bin, ultrasonic, with temperature: 01 75 | 03 67 | 04 82 distance u16 mm | 05 00 position."""
    distance = struct.pack("<BBH", 0x04, 0x82, _u16(values["distance"]))
    return _milesight(
        _battery(values), _temperature(0x03, values["temperature"]), distance, _position(0x05, values)
    )


def em310_udl(values: Values) -> Frame:
    """Bin, ultrasonic: 01 75 | 03 82 distance u16 mm | 04 00 position."""
    return _milesight(
        _battery(values),
        struct.pack("<BBH", 0x03, 0x82, _u16(values["distance"])),
        _position(0x04, values),
    )


def em500_udl(values: Values) -> Frame:
    """Tank: 01 75 | 03 82 distance u16 mm."""
    return _milesight(_battery(values), struct.pack("<BBH", 0x03, 0x82, _u16(values["distance"])))


def em410_rdl(values: Values) -> Frame:
    """River, radar: 01 75 | 03 67 | 04 82 distance i16 mm | 05 00 position."""
    distance = struct.pack("<BBh", 0x04, 0x82, round(values["distance"]))
    return _milesight(
        _battery(values), _temperature(0x03, values["temperature"]), distance, _position(0x05, values)
    )


def em410_rdl_without_target() -> Frame:
    """River, radar, nothing seen: B4 82 FF FF 02."""
    return Frame(MILESIGHT_PORT, bytes.fromhex("b482ffff02"))


def em500_swl(values: Values) -> Frame:
    """Submersible level: 01 75 | 03 77 depth u16 cm."""
    return _milesight(_battery(values), struct.pack("<BBH", 0x03, 0x77, _u16(values["water_depth"] * 100)))


def em500_swl_failed(values: Values) -> Frame:
    """Submersible level that could not read its probe: 03 77 FF FF."""
    return _milesight(_battery(values), bytes.fromhex("0377ffff"))


def em310_tilt(values: Values) -> Frame:
    """House: 01 75 | 03 CF x y z i16/100 deg, then three threshold bits."""
    angles = struct.pack("<BBhhhB", 0x03, 0xCF, *(_hundredths(values, axis) for axis in "xyz"), 0)
    return _milesight(_battery(values), angles)


def em320_tilt(values: Values) -> Frame:
    """House: 01 75 | 03 D4 x y z: i16, value = (i16 >> 1) / 100 deg, bit 0 = threshold."""
    angles = struct.pack("<BBhhh", 0x03, 0xD4, *(_hundredths(values, axis) << 1 for axis in "xyz"))
    return _milesight(_battery(values), angles)


def em500_smtc(values: Values) -> Frame:
    """Soil: 01 75 | 03 67 | 04 CA moisture u16/100 % | 05 7F EC u16 uS/cm."""
    soil = struct.pack(
        "<BBHBBH", 0x04, 0xCA, _u16(values["soil_moisture"] * 100), 0x05, 0x7F, _u16(values["soil_ec"])
    )
    return _milesight(_battery(values), _temperature(0x03, values["soil_temp"]), soil)


def wts506(values: Values) -> Frame:
    """Weather: 03 67 | 04 68 | 05 84 direction i16/10 | 06 73 u16/10 hPa | 07 92 u16/10 m/s | 08 77 u16/100 mm, u8."""
    total = values["rain_total"]
    weather = struct.pack(
        "<BBhBBHBBHBBHB",
        *(0x05, 0x84, round(values["wind_dir"] * 10)),
        *(0x06, 0x73, _u16(values["air_pressure"] * 10)),
        *(0x07, 0x92, _u16(values["wind_speed"] * 10)),
        *(0x08, 0x77, round(total * 100) % 65536, 1),
    )
    return _milesight(
        _battery(values),
        _temperature(0x03, values["air_temp"]),
        _humidity(0x04, values["air_rh"]),
        weather,
    )


# --- Dragino: fixed layout, big-endian; fPort 2 --------------------------------------------------------------------


def ldds75(values: Values) -> Frame:
    """Bin or tank: battery mV u16 | distance u16 mm | interrupt u8 | DS18B20 i16/10 | sensor flag u8 (1 = there)."""
    return Frame(
        DRAGINO_PORT,
        struct.pack(
            ">HHBhB", _millivolt(values), _u16(values["distance"]), 0, round(values["temperature"] * 10), 1
        ),
    )


def lse01(values: Values) -> Frame:
    """Soil: battery mV | DS18B20 i16/10 | moisture u16/100 % | temperature i16/100 | EC u16 | 0x10 (not raw mode)."""
    return Frame(
        DRAGINO_PORT,
        struct.pack(
            ">HhHhHB",
            _millivolt(values),
            round(values["temperature"] * 10),
            _u16(values["soil_moisture"] * 100),
            round(values["soil_temp"] * 100),
            _u16(values["soil_ec"]),
            0x10,
        ),
    )


def ps_lb(values: Values) -> Frame:
    """Depth, 4-20 mA probe of 5 m: battery mV | model 0, range 5 | current u16/1000 mA | voltage u16 | 0.

    depth = (mA - 4) * range * 100 / 16 [cm]
    """
    milliamps = 4 + values["water_depth"] * 16 / 5
    return Frame(DRAGINO_PORT, struct.pack(">HBBHHB", _millivolt(values), 0, 5, _u16(milliamps * 1000), 0, 0))


def wqs_lb(values: Values) -> Frame:
    """Water quality, firmware 1.3: battery mV | DS18B20 i16/10 | mask u16, then what its bits stand for.

    Bit 5: turbidity u16/10; bit 4: oxygen u16/100, temperature i16/100; bit 0: pH u16/100, temperature i16/10 (the
    order in which the decoder of V1.3.1 reads them).
    """
    celsius = values["water_temp"]
    return Frame(
        DRAGINO_PORT,
        struct.pack(
            ">HhHHHhHh",
            _millivolt(values),
            round(values["temperature"] * 10),
            0b110001,
            _u16(values["turbidity"] * 10),
            _u16(values["do"] * 100),
            round(celsius * 100),
            _u16(values["ph"] * 100),
            round(celsius * 10),
        ),
    )


# --- Decentlab: 02 | device u16 | flags u16 | words big-endian, signed ones offset by 32768 | battery mV ------------


def _decentlab(model: int, *words: float, values: Values) -> Frame:
    body = struct.pack(f">BHH{len(words)}H", 2, model, 3, *(_u16(word) for word in words))
    return Frame(DECENTLAB_PORT, body + struct.pack(">H", _millivolt(values)))


def dl_mbx(values: Values) -> Frame:
    """Ultrasonic level: distance mm, valid samples."""
    return _decentlab(0x012F, values["distance"], 1, values=values)


def dl_tbrg(values: Values) -> Frame:
    """Rain: tips of 0.1 mm in the interval, interval s, total u32 low word first."""
    total = round(values["rain_total"] * 10)
    return _decentlab(0x02F8, values["rain"] * 10, 600, total & 0xFFFF, total >> 16, values=values)


def dl_ctd10(values: Values) -> Frame:
    """Depth mm, temperature /10, EC uS/cm, freezing and its sign (0)."""
    return _decentlab(
        0x07D9,
        values["water_depth"] * 1000 + 32768,
        values["water_temp"] * 10 + 32768,
        values["ec"],
        0,
        values=values,
    )


def dl_optod(values: Values) -> Frame:
    """Oxygen: state, temperature /100, saturation /100 %, mg/L /100, ppm /100."""
    oxygen = values["do"] * 100 + 32768
    return _decentlab(
        0x186C,
        0,
        values["water_temp"] * 100 + 32768,
        values["do_sat"] * 100 + 32768,
        oxygen,
        oxygen,
        values=values,
    )


def _u16(value: float) -> int:
    return max(0, min(0xFFFF, round(value)))


def _millivolt(values: Values) -> int:
    return round(values["battery_v"] * 1000)


def _hundredths(values: Values, axis: str) -> int:
    return round(values[f"tilt_{axis}"] * 100)


ENCODERS: dict[str, Callable[[Values], Frame]] = {
    "milesight-em400-mud": em400_mud,
    "milesight-em400-udl": em400_mud,
    "milesight-em310-udl": em310_udl,
    "milesight-em500-udl": em500_udl,
    "milesight-em410-rdl": em410_rdl,
    "milesight-em500-swl": em500_swl,
    "milesight-em310-tilt": em310_tilt,
    "milesight-em320-tilt": em320_tilt,
    "milesight-em500-smtc": em500_smtc,
    "milesight-wts506": wts506,
    "dragino-ldds75": ldds75,
    "dragino-dds75-lb": ldds75,
    "dragino-lse01": lse01,
    "dragino-wqs-lb": wqs_lb,
    "dragino-ps-lb": ps_lb,
    "decentlab-dl-mbx": dl_mbx,
    "decentlab-dl-tbrg": dl_tbrg,
    "decentlab-dl-ctd10": dl_ctd10,
    "decentlab-dl-optod": dl_optod,
}
