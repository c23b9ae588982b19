"""Decentlab: one block scheme for all models, one table per model.

::

    byte  0     1..2        3..4    5..                          last 2
          02    device id   flags   words of the probe (bit 0)   battery mV (bit 1)

Everything is big-endian; a word is 16 bits. Words that can be negative carry 32768 for zero, so a raw 0 in such a word
is not a measurement: it is what the logger sends for a probe it could not read (-327.68 degC). A frame without the
probe's block (flags 0x0002) says the same of all of its values.

Sources: Decentlab decoders (github decentlab/decentlab-decoders, 2025-11-14), one file per model; the layouts are also
in TheThingsNetwork/lorawan-devices ``vendor/decentlab``. DL-LID2: word 9 counts the valid samples, word 11 all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from drivers.decode.sample import Sample
from gateway.errors import BadReply

Options = Mapping[str, str | int | float | bool]

VERSION = 2
HEADER = 5  # version, device id, flags
PROBE, BATTERY = 0x0001, 0x0002
NOT_READ = "read_failure"
TILTED_DEG = 5.0  # a mast further from upright than this was moved (reference 8.3 "sensor moved")
BAR_PER_M = 0.0980665  # fresh water, 1000 kg/m3 at 9.80665 m/s2


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


def _pr26_bar(raw: int, options: Options) -> float:
    """16384 is the low end of the range of the order code, 49152 the high end (default 0..1 bar)."""
    low, high = number(options, "p_min_bar", 0.0), number(options, "p_max_bar", 1.0)
    return (raw - 16384) / 32768 * (high - low) + low


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
        (
            Word("pressure", 0, _pr26_bar, zero_is_missing=True),
            Word(
                "water_depth",
                0,
                lambda raw, options: _pr26_bar(raw, options) / BAR_PER_M,
                zero_is_missing=True,
            ),
            Word("temperature", 1, lambda raw, _options: (raw - 384) * 0.003125 - 50, zero_is_missing=True),
        ),
    ),
}


def decode(payload: bytes, port: int | None, options: Options) -> list[Sample]:
    """What one uplink says.

    Args:
        payload: The decrypted bytes.
        port: Not used by Decentlab.
        options: ``model`` picks the table; ``resolution_mm`` (DL-TBRG), ``p_min_bar`` and ``p_max_bar`` (DL-PR26).

    Raises:
        BadReply: Too short, another protocol version, or a model without a table.
    """
    del port  # the makers' devices use port 1, network servers may move it
    length, words = _table(options)
    if len(payload) < HEADER:
        raise BadReply(f"{len(payload)} bytes; a Decentlab frame has at least {HEADER}")
    if payload[0] != VERSION:
        raise BadReply(f"protocol version {payload[0]}; only version {VERSION} is known")
    flags = int.from_bytes(payload[3:5], "big")
    rest = payload[HEADER:]
    found = _Found()
    if not flags & PROBE:
        found.nothing([word.field for word in words], NOT_READ)
    elif len(rest) < length * 2:
        found.partial(f"the probe's block has {length} words, {len(rest) // 2} arrived")
        rest = b""
    else:
        found.probe(
            [int.from_bytes(rest[at : at + 2], "big") for at in range(0, length * 2, 2)], words, options
        )
        rest = rest[length * 2 :]
    if flags & BATTERY and len(rest) >= 2:
        found.fields["battery"] = int.from_bytes(rest[:2], "big") / 1000
        rest = rest[2:]
    elif flags & BATTERY:
        found.partial("the battery's word is cut off")
    if flags & ~(PROBE | BATTERY):
        found.partial(f"flags 0x{flags:04x} announce blocks that are not in the table")
    elif rest:
        found.partial(f"{len(rest)} bytes after the last block")
    if not found.fields:
        raise BadReply("; ".join(found.diagnostics) or "no block in this frame")
    return [found.sample()]


def number(options: Options, name: str, default: float) -> float:
    """An option that must be a number.

    Raises:
        BadReply: It is something else.
    """
    value = options.get(name, default)
    if isinstance(value, str | bool) or not math.isfinite(value):
        raise BadReply(f"option {name}: {value!r} is not a number")
    return float(value)


def _table(options: Options) -> tuple[int, tuple[Word, ...]]:
    name = str(options.get("model", ""))
    if name not in MODELS:
        close = ", ".join(get_close_matches(name, MODELS, 3)) or ", ".join(MODELS)
        raise BadReply(f"no Decentlab table is called {name!r}; known: {close}")
    return MODELS[name]


class _Found:
    """What has been read of a frame so far."""

    def __init__(self) -> None:
        self.fields: dict[str, float | str | None] = {}
        self.missing: dict[str, str] = {}
        self.suspect: dict[str, str] = {}
        self.diagnostics: list[str] = []

    def probe(self, raws: list[int], words: tuple[Word, ...], options: Options) -> None:
        """Read the probe's block: no value where it was not read, doubt where it doubts itself."""
        marks = [raws[word.at] for word in words if word.zero_is_missing]
        if marks and not any(marks):  # also the words that may be 0 would be made up
            self.nothing([word.field for word in words], NOT_READ)
            return
        for word in words:
            raw = raws[word.at] + (raws[word.at + 1] << 16 if word.long else 0)
            if raw == 0 and word.zero_is_missing:
                self.nothing([word.field], NOT_READ)
            else:
                self.fields[word.field] = word.value(raw, options)
        if self.fields.get("valid_samples") == 0:
            self.nothing([name for name in self.fields if name.startswith("distance")], "no_target")
        self._doubts()

    def nothing(self, names: list[str], why: str) -> None:
        """The device says that it has no value for these."""
        for name in names:
            self.fields[name] = None
            self.missing[name] = why
        if why not in self.diagnostics:
            self.diagnostics.append(why)

    def partial(self, what: str) -> None:
        """Some bytes could not be understood; the others stand."""
        self.diagnostics.append(f"partial_decode: {what}")

    def sample(self) -> Sample:
        """All of it."""
        return Sample(self.fields, None, self.missing, self.suspect, tuple(self.diagnostics))

    def _doubts(self) -> None:
        status, freezing = self.fields.get("status"), self.fields.get("freezing")
        if status:
            self._doubt("sensor_status", list(self.fields))
            self.diagnostics.append(f"sensor_status: {status:g}")
        if freezing:
            self._doubt("freezing", ["water_depth", "electrical_conductivity"])
            self.diagnostics.append("freezing: the probe reports ice")
        x, y = self.fields.get("tilt_x"), self.fields.get("tilt_y")
        if isinstance(x, float) and isinstance(y, float) and max(abs(x), abs(y)) > TILTED_DEG:
            rain_and_wind = ("wind", "maximum_wind", "precipitation", "cumulative", "solar")
            self._doubt("mast_tilted", [name for name in self.fields if name.startswith(rain_and_wind)])
            self.diagnostics.append(f"mast_tilted: x {x:g} deg, y {y:g} deg from upright")

    def _doubt(self, why: str, names: list[str]) -> None:
        self.suspect |= {name: why for name in names if self.fields.get(name) is not None}
