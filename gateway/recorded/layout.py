"""How a file of recorded readings is laid out: its columns, its times, and what in it means "no value"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from gateway.errors import Fault, SettingsError
from gateway.files import nearest
from gateway.model import series_of, split_series
from gateway.quantities import Quantities
from gateway.times import Times
from gateway.units import UNITS, check_convertible

LONGEST_LINE = 1_000_000  # characters; longer is no line of readings
CODES: Mapping[str, str] = {
    "": "no_value",
    "nan": "no_value",
    "na": "no_value",
    "n/a": "no_value",
    "null": "no_value",
    "none": "no_value",
    "-": "no_value",
    "...": "not_observed",  # these five: Taiwan CWB hourly observations
    "/": "unknown",
    "x": "sensor_fault",
    "v": "variable",
    "t": "trace",  # less than 0.1 mm
    "&": "accumulated_later",
}
NUMBER_CODES: Mapping[float, str] = {-9999.0: "sensor_error", 9999.0: "no_value_9999"}  # loggers of MNiMORPH
_BRACKETS = re.compile(r"\s*[\[(]([^\])]*)[\])]\s*$")
_SPELLINGS = {
    "c": "degC",
    "°c": "degC",
    "℃": "degC",
    "f": "degF",
    "°f": "degF",
    "mbar": "mbar",
    "degrees": "deg",
    "degree": "deg",
    "°": "deg",
    "us/cm": "uS/cm",
    "µs/cm": "uS/cm",
    "w/m²": "W/m2",
}
_MAPPING = re.compile(r"(?P<quantity>[^:*]+)(?::(?P<unit>[^*]+))?(?:\*(?P<factor>[-+0-9.eE]+))?")


@dataclass(frozen=True, slots=True)
class Column:
    """What a column is.

    Attributes:
        series: Series, or only its quantity when the device stands in a column of its own.
        unit: The unit it is written in; ``None``: already the quantity's own.
        factor: Multiplied first: tenths of a full bin become per cent with 10.
    """

    series: str
    unit: str | None = None
    factor: float = 1.0


@dataclass
class Layout:
    """How to read a file; everything has a default that suits most files.

    Attributes:
        device: Slug for columns that name only a quantity.
        device_column: Column that names the device of each row.
        columns: Header -> what it is; other columns count when they are named like a quantity or a series.
        time: Column of the time, or several joined by ``+``; default the first that is called like a time.
        times: How times are written.
        missing: Text or number, or ``COLUMN:`` and that, -> why there is no value; besides :data:`CODES`.
        states: Word (small letters) -> number, e.g. ``open`` -> 1; ``true`` and ``false`` are known.
        codes: Whether -9999 and 9999 mean "no value".
        form: ``csv`` or ``jsonl``; default: what the first character says.
        unread: Filled in by the reader: columns that are neither a time nor anything measured.
    """

    device: str = "replay"
    device_column: str | None = None
    columns: Mapping[str, Column] = field(default_factory=dict)
    time: str | None = None
    times: Times = field(default_factory=Times)
    missing: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[str, float] = field(default_factory=dict)
    codes: bool = True
    form: str | None = None
    unread: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that cannot be understood."""

    line: int
    problem: str


def mapped(said: str, quantities: Quantities, device: str) -> tuple[str, Column]:
    """``COLUMN=QUANTITY``, ``COLUMN=DEVICE/QUANTITY``, with ``:UNIT`` and ``*FACTOR`` behind it.

    Raises:
        SettingsError: It is written differently, or there is no such quantity or unit.
    """
    column, separator, meaning = said.rpartition("=")
    found = _MAPPING.fullmatch(meaning.strip())
    if not separator or not column.strip() or found is None:
        problem = f"{said!r} is not COLUMN=QUANTITY"
        raise SettingsError(Fault("", 0, "--map", problem, "e.g. --map 'Range [cm]=distance:cm'"))
    series = found["quantity"].strip()
    series = series if "/" in series else series_of(device, series)
    quantity = split_series(series)[1]
    if quantity not in quantities:
        raise SettingsError(
            Fault("", 0, "--map", f"no quantity {quantity!r}", nearest(quantity, list(quantities)))
        )
    unit = found["unit"].strip() if found["unit"] else None
    try:
        factor = float(found["factor"] or 1)
        if unit is not None:
            check_convertible(unit, quantities[quantity].unit)
    except ValueError as error:
        raise SettingsError(Fault("", 0, "--map", f"{said}: {error}")) from error
    return column.strip(), Column(series, unit, factor)


def unit_named(text: str) -> str | None:
    """A unit as people spell it in a header or behind a number; ``None`` when it is none of ours."""
    plain = text.strip()
    if plain in UNITS:
        return plain
    low = plain.lower()
    if low in _SPELLINGS:
        return _SPELLINGS[low]
    return next((unit for unit in UNITS if unit.lower() == low), None)


def slug(text: str) -> str:
    """A device's name as the house writes it."""
    return re.sub(r"[^a-z0-9_.-]+", "-", text.strip().lower()).strip("-.") or "unnamed"


def without_unit(name: str) -> tuple[str, str | None]:
    """``Range [cm]`` as ``Range`` and ``cm``."""
    found = _BRACKETS.search(name)
    if found is None:
        return name.strip(), None
    return name[: found.start()].strip(), unit_named(found.group(1))


def fits(unit: str, wanted: str) -> bool:
    """Whether a unit can be turned into the one that is wanted."""
    try:
        check_convertible(unit, wanted)
    except ValueError:
        return False
    return True


def bounded(lines: Iterable[str]) -> Iterator[str]:
    """Lines without those that are absurdly long: they come out empty."""
    for line in lines:
        yield line if len(line) <= LONGEST_LINE else ""
