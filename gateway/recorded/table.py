"""CSV with a header, as loggers and spreadsheets write it."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence

from gateway.errors import Fault, SettingsError
from gateway.files import nearest
from gateway.model import Flag, Reading, series_of, split_series
from gateway.quantities import Quantities
from gateway.recorded.layout import (
    CODES,
    NUMBER_CODES,
    Bad,
    Column,
    Layout,
    bounded,
    fits,
    slug,
    unit_named,
    without_unit,
)
from gateway.units import convert

HEADER_WITHIN = 10  # lines; loggers write their name and serial number above the header
_TIME_NAMES = (
    "at",
    "time",
    "timestamp",
    "datetime",
    "date_time",
    "time_utc",
    "date time",
    "measured_at",
    "unix_time",
    "received_at",
    "created_at",
    "ts",
    "date",
)
_NUMBER = re.compile(r"\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*(\S*)\s*")


def csv_rows(
    lines: Iterator[str], name: str, layout: Layout, quantities: Quantities
) -> Iterator[list[Reading] | Bad]:
    """The readings of a CSV file, row by row.

    Raises:
        SettingsError: The header has no time, or nothing that is measured.
    """
    header_line, number = _header_line(lines, name, layout)
    delimiter = max(",;\t", key=header_line.count)
    header = Header(next(csv.reader([header_line], delimiter=delimiter)), layout, quantities)
    _check(header, name, number, layout, quantities)
    layout.unread[:] = header.unread
    values = _Values(header, layout, quantities)
    rows = csv.reader(bounded(lines), delimiter=delimiter)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Bad(number + rows.line_num, str(error))
            continue
        if not row:
            continue
        if len(row) != len(
            header.names
        ):  # two values run together shift all that follow: no number can be trusted
            yield Bad(number + rows.line_num, f"{len(row)} cells, the header has {len(header.names)}")
            continue
        try:
            yield values.of(row)
        except ValueError as error:
            yield Bad(number + rows.line_num, str(error))


class Header:
    """The first line of a CSV file, understood.

    Attributes:
        names: Of all columns.
        columns: Position -> what it is.
        unread: Columns that are neither a time nor anything measured.
    """

    def __init__(self, names: Sequence[str], layout: Layout, quantities: Quantities) -> None:
        self.names = [name.strip() for name in names]
        self.times = _time_columns(self.names, layout)
        self.device = _position(self.names, layout.device_column) if layout.device_column else None
        self.columns: dict[int, Column] = {}
        for place, name in enumerate(self.names):
            column = self._meaning(name, layout, quantities)
            if column is not None and place not in self.times and place != self.device:
                self.columns[place] = column
        used = {*self.times, *self.columns, self.device}
        self.unread = [name for place, name in enumerate(self.names) if place not in used and name]

    def _meaning(self, name: str, layout: Layout, quantities: Quantities) -> Column | None:
        plain, unit = without_unit(name)
        given = layout.columns.get(name) or layout.columns.get(plain)
        if given is not None:
            quantity = quantities[split_series(given.series)[1]].unit
            written = given.unit or (unit if unit and fits(unit, quantity) else None)
            return Column(given.series, written, given.factor)
        series = plain if "/" in plain else series_of(layout.device, plain.lower())
        quantity_name = split_series(series)[1]
        if quantity_name not in quantities or quantity_name == "":
            return None
        wanted = quantities[quantity_name].unit
        return Column(series, unit if unit and fits(unit, wanted) else None)


class _Values:
    """Turns the cells of a row into readings."""

    def __init__(self, header: Header, layout: Layout, quantities: Quantities) -> None:
        self._header = header
        self._times = layout.times
        self._layout = layout
        self._codes = dict(NUMBER_CODES) if layout.codes else {}
        self._words = dict(CODES)
        self._states = {
            "true": 1.0,
            "false": 0.0,
            **{word.lower(): value for word, value in layout.states.items()},
        }
        self._of_column: dict[int, dict[str | float, str]] = {}
        for said, why in layout.missing.items():
            self._learn(said, why)
        self._units = {
            place: quantities[split_series(column.series)[1]].unit for place, column in header.columns.items()
        }

    def of(self, row: Sequence[str]) -> list[Reading]:
        """The readings of one row.

        Raises:
            ValueError: Its time cannot be read.
        """
        header = self._header
        at = self._times.read(" ".join(row[place].strip() for place in header.times))
        found = []
        for place, column in header.columns.items():
            series = column.series
            if header.device is not None:
                series = series_of(slug(row[header.device]), split_series(series)[1])
            value, why = self.value(row[place], place, column)
            flag = Flag.MISSING if value is None else Flag.UNKNOWN
            found.append(Reading(series, value, at, at, flag, why))
        return found

    def value(self, cell: str, place: int, column: Column) -> tuple[float | None, str]:
        """The number of a cell in the quantity's unit, or why there is none."""
        text = cell.strip()
        own = self._of_column.get(place, {})
        why = own.get(text.lower()) or self._words.get(text.lower())
        if why is not None:
            return None, why
        if text.lower() in self._states:
            return self._states[text.lower()], ""
        parsed = _NUMBER.fullmatch(text)
        if parsed is None:
            return None, "not_a_number"
        number = float(parsed.group(1))
        why = own.get(number) or self._codes.get(number)
        if why is not None:
            return None, why
        unit = column.unit
        if parsed.group(2):
            unit = unit_named(parsed.group(2))
            if unit is None or not fits(unit, self._units[place]):
                return None, "unknown_unit"
        number *= column.factor
        return (convert(number, unit, self._units[place]) if unit else number), ""

    def _learn(self, said: str, why: str) -> None:
        column, _, value = said.rpartition(":")
        number = _number(value)
        if column:
            place = _position(self._header.names, column)
            self._of_column.setdefault(place, {})[value.lower() if number is None else number] = why
        elif number is None:
            self._words[value.lower()] = why
        else:
            self._codes[number] = why


def _header_line(lines: Iterator[str], name: str, layout: Layout) -> tuple[str, int]:
    seen: list[str] = []
    for number, line in enumerate(bounded(lines), start=1):
        text = line.strip("\r\n")
        cells = [without_unit(cell)[0] for cell in re.split("[,;\t]", text)]
        if _looks_like_header(cells, text, layout):
            return text, number
        seen.append(text)
        if number >= HEADER_WITHIN:
            break
    shown = next((line for line in seen if line.strip()), "")[:80]
    problem = "has no header with a time among its first lines" if shown else "is empty"
    remedy = (
        f"name its column with --time; it begins with {shown!r}" if shown else "a CSV file needs a header"
    )
    raise SettingsError(Fault(name, 1, "", problem, remedy))


def _looks_like_header(cells: Sequence[str], text: str, layout: Layout) -> bool:
    if layout.time is not None:
        return all(part.strip() in text for part in layout.time.split("+"))
    return any(cell.lower() in _TIME_NAMES for cell in cells)


def _time_columns(names: Sequence[str], layout: Layout) -> tuple[int, ...]:
    if layout.time is not None:
        return tuple(_position(names, part.strip()) for part in layout.time.split("+"))
    plain = [without_unit(name)[0].lower() for name in names]
    return (next(plain.index(known) for known in _TIME_NAMES if known in plain),)


def _position(names: Sequence[str], wanted: str) -> int:
    if wanted in names:
        return list(names).index(wanted)
    plain = [without_unit(name)[0] for name in names]
    if wanted in plain:
        return plain.index(wanted)
    raise SettingsError(Fault("", 0, wanted, "no such column", nearest(wanted, list(names))))


def _check(header: Header, name: str, line: int, layout: Layout, quantities: Quantities) -> None:
    known = {*header.names, *(without_unit(column)[0] for column in header.names)}
    for column in layout.columns:
        if column not in known:
            raise SettingsError(Fault(name, line, column, "no such column", nearest(column, header.names)))
    if not header.columns:
        listed = ", ".join(header.unread[:12])
        near = nearest(header.unread[0].lower(), list(quantities)) if header.unread else ""
        remedy = f"say what they are, e.g. --map '{(header.unread or ['x'])[0]}=distance:cm' ({near})"
        raise SettingsError(Fault(name, line, "", f"no column is named like a quantity: {listed}", remedy))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
