"""What the words of each Decentlab model are: the tables behind :mod:`drivers.decode.lorawan.decentlab`.

Source of every table: Decentlab decoders (github decentlab/decentlab-decoders, 2025-11-14), the file of the model; the
same layouts stand in TheThingsNetwork/lorawan-devices ``vendor/decentlab``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.errors import BadReply

Options = Mapping[str, str | int | float | bool]

BAR_PER_M = 0.0980665  # fresh water, 1000 kg/m3 at 9.80665 m/s2


def number(options: Options, name: str, default: float) -> float:
    """An option that must be a number.

    Raises:
        BadReply: It is something else.
    """
    value = options.get(name, default)
    if isinstance(value, str | bool) or not math.isfinite(value):
        raise BadReply(f"option {name}: {value!r} is not a number")
    return float(value)


@dataclass(frozen=True, slots=True)
class Word:
    """One value of a probe.

    Attributes:
        field: Its name.
        at: Index of its word in the probe's block.
        value: Number in the maker's unit from the raw word(s).
        zero_is_missing: A raw 0 means that the probe was not read.
        long: The value spans this word (low) and the next (high).
    """

    field: str
    at: int
    value: Callable[[int, Options], float]
    zero_is_missing: bool = False
    long: bool = False


def _plain(per: float = 1) -> Callable[[int, Options], float]:
    return lambda raw, _options: raw / per


def _centred(field: str, at: int, per: float = 1) -> Word:
    """A word that can be negative: 32768 is zero, 0 is nothing."""
    return Word(field, at, lambda raw, _options: (raw - 32768) / per, zero_is_missing=True)


def _tips(raw: int, options: Options) -> float:
    """Bucket tips to mm; the resolution is printed on the gauge (DL-TBRG-01: 0.1 mm)."""
    return round(raw * number(options, "resolution_mm", 0.1), 6)


def _keller_bar(low_bar: float, high_bar: float) -> Callable[[int, Options], float]:
    """16384 is the low end of the range of the order code, 49152 the high end (DL-PR21, DL-PR26)."""

    def bar(raw: int, options: Options) -> float:
        low, high = number(options, "p_min_bar", low_bar), number(options, "p_max_bar", high_bar)
        return (raw - 16384) / 32768 * (high - low) + low

    return bar


def _keller_degc(raw: int, _options: Options) -> float:
    return (raw - 384) * 0.003125 - 50


def _pr36_bar(raw: int, options: Options) -> float:
    """Counts for each bar stand on the sensor (kp; 8192 for the 3 bar type)."""
    counts = number(options, "kp", 8192)
    if counts <= 0:
        raise BadReply(f"option kp: {counts:g} counts for a bar cannot be")
    return (raw - 32768) / counts


def _depth(bar: Callable[[int, Options], float]) -> Callable[[int, Options], float]:
    return lambda raw, options: bar(raw, options) / BAR_PER_M


def _trs12_permittivity(raw: int, _options: Options) -> float:
    """Maker's polynomial of the calibrated counts (TEROS 12)."""
    counts = raw / 10
    root = 2.887e-9 * counts**3 - 2.08e-5 * counts**2 + 5.276e-2 * counts - 43.39
    return root**2


def _trs12_moisture(raw: int, _options: Options) -> float:
    """Mineral soil, m3/m3; the counts in air are about 1 800, so a raw 0 would read -0.70."""
    return raw / 10 * 3.879e-4 - 0.6956


_LID2 = ("average", "minimum", "maximum", "median", "p10", "p25", "p75", "p90", "most_frequent")
_STATUS = Word("status", 0, _plain())


def _pressure(bar: Callable[[int, Options], float], temperature: Word) -> tuple[Word, ...]:
    return (
        Word("pressure", 0, bar, zero_is_missing=True),
        Word("water_depth", 0, _depth(bar), zero_is_missing=True),
        temperature,
    )


def _atm41_middle() -> tuple[Word, ...]:
    """What both generations of the ATMOS 41 send in words 2 to 13."""
    return (
        _centred("lightning_strikes", 2),
        _centred("lightning_distance", 3),
        _centred("wind_speed", 4, 100),
        _centred("wind_direction", 5, 10),
        _centred("maximum_wind_speed", 6, 100),
        _centred("air_temperature", 7, 10),
        _centred("vapor_pressure", 8, 100),
        _centred("barometric_pressure", 9, 100),
        _centred("relative_humidity", 10, 10),
        _centred("internal_temperature", 11, 10),
        _centred("tilt_x", 12, 10),
        _centred("tilt_y", 13, 10),
    )


_WIND = (
    _centred("wind_speed", 0, 100),
    _centred("wind_direction", 1, 10),
    _centred("maximum_wind_speed", 2, 100),
)
_ATM22_REST = (
    ("air_temperature", 3, 10),
    ("tilt_x", 4, 10),
    ("tilt_y", 5, 10),
    ("north_wind_speed", 6, 100),
    ("east_wind_speed", 7, 100),
)

# model -> how many words its probe's block has, and what they are
MODELS: dict[str, tuple[int, tuple[Word, ...]]] = {
    "dl-mbx": (2, (Word("distance", 0, _plain()), Word("valid_samples", 1, _plain()))),
    "dl-lid2": (
        12,
        (
            *(Word(f"distance_{name}", at, _plain()) for at, name in enumerate(_LID2)),
            Word("valid_samples", 9, _plain()),
            Word("acquisition_ms", 10, _plain(1.024)),
            Word("samples", 11, _plain()),
        ),
    ),
    "dl-tbrg": (
        4,
        (
            Word("precipitation", 0, _tips),
            Word("precipitation_interval", 1, _plain()),
            Word("cumulative_precipitation", 2, _tips, long=True),
        ),
    ),
    "dl-atm41g2": (
        17,
        (
            _centred("solar_radiation", 0, 10),
            Word("precipitation", 1, _plain(1000)),
            *_atm41_middle(),
            _centred("precipitation_ec", 14),
            Word("cumulative_precipitation", 15, _plain(1000), long=True),
        ),
    ),
    "dl-ctd10": (
        4,
        (
            _centred("water_depth", 0),
            _centred("temperature", 1, 10),
            Word("electrical_conductivity", 2, _plain()),
            Word("freezing", 3, _plain()),
        ),
    ),
    "dl-ntu": (
        5,
        (
            _STATUS,
            _centred("temperature", 1, 100),
            Word("turbidity_ntu", 2, _plain(10)),
            Word("turbidity_fnu", 3, _plain(10)),
            Word("suspended_solids", 4, _plain(10)),
        ),
    ),
    "dl-optod": (
        5,
        (
            _STATUS,
            _centred("temperature", 1, 100),
            _centred("oxygen_saturation", 2, 100),
            _centred("oxygen_concentration", 3, 100),
            _centred("oxygen_ppm", 4, 100),
        ),
    ),
    "dl-pheht": (
        5,
        (
            _STATUS,
            _centred("temperature", 1, 100),
            _centred("ph", 2, 100),
            _centred("redox", 3, 10),
            _centred("ph_mv", 4, 10),
        ),
    ),
    "dl-trs12": (
        3,
        (
            Word("dielectric_permittivity", 0, _trs12_permittivity, zero_is_missing=True),
            Word("volumetric_water_content", 0, _trs12_moisture, zero_is_missing=True),
            _centred("soil_temperature", 1, 10),
            Word("electrical_conductivity", 2, _plain()),
        ),
    ),
    "dl-pr26": (
        2,
        _pressure(_keller_bar(0.0, 1.0), Word("temperature", 1, _keller_degc, zero_is_missing=True)),
    ),
    "dl-pr21": (
        2,
        _pressure(_keller_bar(-1.0, 10.0), Word("temperature", 1, _keller_degc, zero_is_missing=True)),
    ),
    "dl-pr36": (2, _pressure(_pr36_bar, _centred("temperature", 1, 256))),
    "dl-lid": (
        11,
        (
            *(Word(f"distance_{name}", at, _plain()) for at, name in enumerate(_LID2)),
            Word("samples", 9, _plain()),
            Word("acquisition_ms", 10, _plain(1.024)),
        ),
    ),
    "dl-atm22": (8, (*_WIND, *(_centred(name, at, per) for name, at, per in _ATM22_REST))),
    "dl-atm41": (
        17,
        (
            _centred("solar_radiation", 0),
            _centred("precipitation", 1, 1000),
            *_atm41_middle(),
            _centred("compass", 14),
            _centred("north_wind_speed", 15, 100),
            _centred("east_wind_speed", 16, 100),
        ),
    ),
}
