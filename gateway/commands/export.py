"""``village export``: readings as a table, for a spreadsheet or a notebook. Reads only; the daemon may run."""

from __future__ import annotations

import argparse
import contextlib
import csv
import fnmatch
import gzip
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Protocol

from gateway import files
from gateway.clock import Clock, SystemClock
from gateway.control import add_state, state_dir
from gateway.errors import Fault, SettingsError
from gateway.model import Reading, split_series
from gateway.schema import duration
from gateway.site import load_quantities
from gateway.store.journal import folder_of
from gateway.store.reader import Reader
from gateway.times import Times

HELP = "write stored readings to a CSV, JSON-lines or Parquet file, by series and time"
EXAMPLE = """
village export /var/lib/village --series 'bin-*/fill' --from 30d -o bins.csv
village export /etc/village --from 2026-07-01 --to 2026-08-01T00:00+08:00 --format parquet -o july.parquet
village export /var/lib/village --series river/water_level | head
"""

COLUMNS = ("at", "series", "value", "unit", "flag", "flagged_by", "received")
_ENDINGS = {"csv": ".csv", "jsonl": ".jsonl", "parquet": ".parquet"}
ROWS_AT_ONCE = 100_000  # of a Parquet row group: about 10 MB in memory
PROGRESS_S = 1.0


Span = tuple[datetime | None, datetime | None]


class Table(Protocol):
    """Where rows go."""

    def write(self, readings: Sequence[Reading]) -> None:
        """Some more of them."""

    def close(self) -> None:
        """That was all."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument(
        "place", type=Path, metavar="STATE|SITE", help="state folder, or folder with village.yaml"
    )
    parser.add_argument(
        "--series",
        action="append",
        metavar="PATTERN",
        help="device/quantity; * and ? may stand in it; may be repeated",
    )
    parser.add_argument(
        "--from", dest="start", metavar="TIME", help="UTC unless it says otherwise, or an age: 7d"
    )
    parser.add_argument("--to", dest="end", metavar="TIME", help="the same; default: everything there is")
    parser.add_argument("--format", choices=sorted(_ENDINGS), help="default: by the name of FILE, else csv")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="default: standard output; .csv.gz compresses"
    )
    add_state(parser)


def run(args: argparse.Namespace) -> int:
    """Write the table and say on stderr how much it was."""
    clock = SystemClock()
    state = args.place if folder_of(args.place).is_dir() else state_dir(args.state, args.place)
    folder = folder_of(state)
    if not folder.is_dir():
        raise SettingsError(
            Fault(str(state), 0, "", "holds no journal", "name the state folder of 'village run'")
        )
    span = _moment(args.start, "--from", clock), _moment(args.end, "--to", clock)
    with Reader(folder, broken=_skipped) as reader:
        series = _chosen(reader.series(), args.series)
        with _table(args) as table:
            count = _copy(reader, series, span, table, _progress(clock))
    print(f"{count:,} readings of {len(series)} series", file=sys.stderr)
    return 0


def _copy(
    reader: Reader, series: list[str], span: Span, table: Table, say: Callable[[float, int], None]
) -> int:
    count = 0
    start, end = span
    hours = reader.hours(start, end)
    for done, hour in enumerate(hours):
        say(done / len(hours), count)
        readings = reader.hour(hour, series, start, end)
        table.write(readings)
        count += len(readings)
    return count


def _chosen(known: list[str], patterns: list[str] | None) -> list[str]:
    if patterns is None:
        return known
    chosen = []
    for pattern in patterns:
        found = fnmatch.filter(known, pattern)
        if not found:
            raise SettingsError(
                Fault("", 0, "--series", f"no series is called {pattern!r}", files.nearest(pattern, known))
            )
        chosen += found
    return sorted(set(chosen))


def _moment(text: str | None, option: str, clock: Clock) -> datetime | None:
    """A time, or how long ago."""
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        return clock.now() - duration(text)
    try:
        return Times().read(text)
    except ValueError as error:
        remedy = "write 2026-07-18, 2026-07-18T08:00+08:00 or an age such as 7d"
        raise SettingsError(Fault("", 0, option, str(error), remedy)) from error


@contextlib.contextmanager
def _table(args: argparse.Namespace) -> Iterator[Table]:
    """The table on its way out; a file gets its name when it is complete."""
    output: Path | None = args.output
    form = args.format or _form_of(output)
    if form == "parquet" and output is None:
        raise SettingsError(
            Fault("", 0, "-o", "a Parquet file cannot go to standard output", "name a file with -o")
        )
    if output is None:
        table: Table = _Csv(sys.stdout) if form == "csv" else _Lines(sys.stdout)
        yield table
        table.close()
        return
    fresh = output.with_name(output.name + ".new")
    try:
        with fresh.open("wb") as file, _text(file, output) as text:
            table = _Parquet(file) if form == "parquet" else _Csv(text) if form == "csv" else _Lines(text)
            yield table
            table.close()
        fresh.replace(output)
    except OSError as error:
        raise SettingsError(Fault(str(output), 0, "-o", f"cannot be written: {error.strerror}")) from error
    finally:
        fresh.unlink(missing_ok=True)


def _form_of(output: Path | None) -> str:
    name = "" if output is None else output.name.removesuffix(".gz")
    return next((form for form, ending in _ENDINGS.items() if name.endswith(ending)), "csv")


@contextlib.contextmanager
def _text(file: IO[bytes], output: Path) -> Iterator[IO[str]]:
    """The file to write text to, compressed if its name says so."""
    with contextlib.ExitStack() as stack:
        binary: Any = file
        if output.suffix == ".gz":
            binary = stack.enter_context(gzip.GzipFile(fileobj=file, mode="wb", mtime=0))
        text = io.TextIOWrapper(binary, encoding="utf-8", newline="")
        yield text
        text.detach()


class _Csv:
    """Comma-separated, with a header; times as ISO 8601 UTC, an absent value is empty."""

    def __init__(self, file: IO[str]) -> None:
        self._rows = csv.writer(file, lineterminator="\n")
        self._rows.writerow(COLUMNS)
        self._units = _units()

    def write(self, readings: Sequence[Reading]) -> None:
        """Some more rows."""
        self._rows.writerows(
            (
                _iso(r.at),
                r.series,
                "" if r.value is None else repr(r.value),
                self._units(r.series),
                r.flag.name,
                r.flagged_by,
                _iso(r.received),
            )
            for r in readings
        )

    def close(self) -> None:
        """Nothing is held back."""


class _Lines:
    """One JSON object a line, as ``village replay`` reads them."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._units = _units()

    def write(self, readings: Sequence[Reading]) -> None:
        """Some more lines."""
        for r in readings:
            facts = (
                _iso(r.at),
                r.series,
                r.value,
                self._units(r.series),
                r.flag.name,
                r.flagged_by,
                _iso(r.received),
            )
            self._file.write(json.dumps(dict(zip(COLUMNS, facts, strict=True)), ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Nothing is held back."""


class _Parquet:
    """Columns, compressed; needs the optional library pyarrow."""

    def __init__(self, file: IO[bytes]) -> None:
        try:
            import pyarrow as pa  # noqa: PLC0415  # optional, and heavy
            from pyarrow import parquet  # noqa: PLC0415
        except ImportError:
            remedy = "pip install 'village-gateway[parquet]', or --format csv"
            raise SettingsError(
                Fault("", 0, "--format", "Parquet needs the library pyarrow", remedy)
            ) from None
        word = pa.dictionary(pa.int32(), pa.string())
        moment = pa.timestamp("ms", tz="UTC")
        kinds = (moment, word, pa.float64(), word, word, word, moment)
        self._pa = pa
        self._schema = pa.schema(list(zip(COLUMNS, kinds, strict=True)))
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._waiting: list[Reading] = []
        self._units = _units()

    def write(self, readings: Sequence[Reading]) -> None:
        """Some more rows."""
        self._waiting += readings
        if len(self._waiting) >= ROWS_AT_ONCE:
            self._out()

    def close(self) -> None:
        """Everything is out."""
        self._out()
        self._writer.close()

    def _out(self) -> None:
        rows, self._waiting = self._waiting, []
        columns = (
            [r.at for r in rows],
            [r.series for r in rows],
            [r.value for r in rows],
            [self._units(r.series) for r in rows],
            [r.flag.name for r in rows],
            [r.flagged_by for r in rows],
            [r.received for r in rows],
        )
        arrays = [
            self._pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)
        ]
        self._writer.write_table(self._pa.Table.from_arrays(arrays, schema=self._schema))


def _units() -> Callable[[str], str]:
    """The unit of a series."""
    quantities = load_quantities()
    known: dict[str, str] = {}

    def unit(series: str) -> str:
        found = known.get(series)
        if found is None:
            _, quantity = split_series(series)
            found = known[series] = quantities[quantity].unit if quantity in quantities else ""
        return found

    return unit


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _skipped(path: Path, error: Exception) -> None:
    print(f"{path}: cannot be read and is left out: {error}", file=sys.stderr)


def _progress(clock: Clock) -> Callable[[float, int], None]:
    """Says now and then how far it is, on a terminal."""
    last = clock.monotonic()

    def say(part: float, count: int) -> None:
        nonlocal last
        if sys.stderr.isatty() and clock.monotonic() - last >= PROGRESS_S:
            last = clock.monotonic()
            print(f"\r{part:4.0%}  {count:,} readings ", end="", file=sys.stderr, flush=True)

    return say
