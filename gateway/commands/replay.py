"""``village replay``: recorded readings through grading and derivation, as if it were then."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.commands.judged import print_changes, replay_journal, rulebook_of, summarise
from gateway.contracts import Device
from gateway.errors import Fault, SettingsError
from gateway.model import Event, Flag, Observation, Reading, split_series
from gateway.quantities import Quantities
from gateway.recorded.file import opened, read
from gateway.recorded.layout import Bad, Layout, mapped
from gateway.replay import Replay, Verdicts
from gateway.schema import SLUG, duration
from gateway.settings import DeviceSettings
from gateway.site import load_quantities, load_site
from gateway.times import Times

HELP = "Feed recorded readings (CSV, JSON lines, gzip) through grading and derivation; print JSON lines."
EXAMPLE = """\
village replay river.csv.gz --map 'Range [cm]=distance' --device bridge --flags
village replay export.jsonl --site /etc/village --json
village replay river.csv.gz --map stage=water_level:m --period 15min --rules
village replay --days 30 --site /etc/village --rules"""

EX_DATAERR = 65  # <sysexits.h>
SHOWN_BAD = 20  # lines; all are counted
PROGRESS_EVERY = 20_000  # rows
NAMED = 8  # columns that are named when they are not read


def arguments(parser: argparse.ArgumentParser) -> None:
    """What stands behind the command's name."""
    parser.add_argument("file", metavar="FILE", nargs="?", help="recorded readings; - reads what is piped in")
    parser.add_argument("--site", type=Path, metavar="DIR", help="grade and derive as this site does")
    parser.add_argument("--device", default="replay", metavar="SLUG", help="whose readings they are")
    parser.add_argument(
        "--device-column", metavar="COLUMN", help="the column that names the device of each row"
    )
    parser.add_argument(
        "--period", metavar="TIME", help="how often the device reports, e.g. 1h; silence is then told"
    )
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="COLUMN=QUANTITY",
        help="what a column is; with :UNIT and *FACTOR behind it if need be, e.g. 'Range=distance:cm'",
    )
    parser.add_argument("--time", metavar="COLUMN", help="the column of the time; several joined by +")
    parser.add_argument("--time-format", metavar="FORMAT", help="how times are written, e.g. %%m/%%d/%%Y")
    parser.add_argument(
        "--zone", default="UTC", metavar="ZONE", help="of times that name none (default: UTC)"
    )
    parser.add_argument("--format", choices=("csv", "jsonl"), help="default: what the first character says")
    parser.add_argument(
        "--missing",
        action="append",
        default=[],
        metavar="[COLUMN:]VALUE[=REASON]",
        help="what means 'no value' here, e.g. --missing=-500=sensor_error",
    )
    parser.add_argument(
        "--state", action="append", default=[], metavar="WORD=NUMBER", help="what a word is, e.g. OPEN=1"
    )
    parser.add_argument("--no-codes", action="store_true", help="take 9999 and -9999 as numbers")
    parser.add_argument(
        "--sort", action="store_true", help="sort by time first (reads the whole file into memory)"
    )
    parser.add_argument(
        "--rules",
        action="store_true",
        help="judge: print each change of state of a rule, and how often each fired",
    )
    parser.add_argument(
        "--days",
        type=int,
        metavar="N",
        help="judge what the journal of this box holds of the last N days (with --site)",
    )
    parser.add_argument(
        "--tag", action="append", default=[], metavar="TAG", help="of the device, for rules that ask for it"
    )
    parser.add_argument(
        "--journal", type=Path, metavar="DIR", help="state folder for --days (default: the site's)"
    )
    parser.add_argument("--flags", action="store_true", help="print only what is not GOOD or UNKNOWN")
    parser.add_argument("--json", action="store_true", help="the summary on standard error as JSON, too")


def run(args: argparse.Namespace) -> int:
    """Read, replay, print; the summary goes to standard error."""
    if args.days is not None:
        return replay_journal(args)
    if args.file is None:
        raise SettingsError(Fault("", 0, "FILE", "is missing", "name a file, or --days N with --site"))
    quantities = load_quantities()
    layout = _layout(args, quantities)
    devices = _devices(args)
    replay = Replay(quantities, devices, ticks=args.rules)
    verdicts = Verdicts(rulebook_of(args, devices, quantities)) if args.rules else None
    rows = _Rows(args.file)
    try:
        with opened(args.file) as text:
            found = rows.good(read(text, args.file, layout, quantities))
            deliveries = sorted(found, key=_when) if args.sort else found
            for delivery in deliveries:
                if verdicts is not None:
                    print_changes(verdicts.feed(replay.feed(delivery)))
                    continue
                for observation in replay.feed(delivery):
                    _print(observation, quantities, flags_only=args.flags)
    except (EOFError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        print(f"{args.file}: ends early: {error}", file=sys.stderr)
        rows.broken = True
    rows.done()
    _summarise(replay, rows, layout.unread, as_json=args.json)
    if verdicts is not None:
        summarise(verdicts, as_json=args.json)
    return EX_DATAERR if rows.broken or not rows.read else 0


class _Rows:
    """Counts the rows, tells the bad ones, and shows that something is going on."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._terminal = sys.stderr.isatty()
        self.read = 0
        self.bad = 0
        self.broken = False

    def good(self, rows: Iterator[list[Reading] | Bad]) -> Iterator[list[Reading]]:
        """Only the rows that could be read."""
        for row in rows:
            if isinstance(row, Bad):
                self.bad += 1
                if self.bad <= SHOWN_BAD:
                    print(f"{self._name}:{row.line}: {row.problem}", file=sys.stderr)
                continue
            self.read += 1
            if self._terminal and self.read % PROGRESS_EVERY == 0:
                print(f"\r{self._name}: {self.read} rows", end="", file=sys.stderr, flush=True)
            yield row

    def done(self) -> None:
        """Leave the terminal tidy."""
        if self._terminal and self.read >= PROGRESS_EVERY:
            print("\r", end="", file=sys.stderr)
        if self.bad > SHOWN_BAD:
            print(f"{self._name}: {self.bad - SHOWN_BAD} more lines could not be read", file=sys.stderr)


def _layout(args: argparse.Namespace, quantities: Quantities) -> Layout:
    if not re.fullmatch(SLUG, args.device):
        problem = f"{args.device!r} is no device name"
        raise SettingsError(Fault("", 0, "--device", problem, "write small letters, digits, - _ ."))
    try:
        zone = ZoneInfo(args.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        problem = f"unknown time zone {args.zone!r}"
        raise SettingsError(
            Fault("", 0, "--zone", problem, "write UTC or a name such as Asia/Shanghai")
        ) from error
    return Layout(
        device=args.device,
        device_column=args.device_column,
        columns=dict(mapped(said, quantities, args.device) for said in args.map),
        time=args.time,
        times=Times(zone, args.time_format),
        missing=dict(_missing(said) for said in args.missing),
        states=dict(_state(said) for said in args.state),
        codes=not args.no_codes,
        form=args.format,
    )


def _missing(said: str) -> tuple[str, str]:
    value, _, reason = said.partition("=")
    return value, reason or "no_value"


def _state(said: str) -> tuple[str, float]:
    word, _, number = said.partition("=")
    try:
        return word, float(number)
    except ValueError as error:
        problem = f"{said!r} is not WORD=NUMBER"
        raise SettingsError(Fault("", 0, "--state", problem, "e.g. --state OPEN=1")) from error


def _devices(args: argparse.Namespace) -> dict[str, Device]:
    devices = load_site(args.site).devices if args.site is not None else {}
    if args.period is None and not args.tag:
        return devices
    try:
        period = duration(args.period) if args.period is not None else None
    except ValueError as error:
        raise SettingsError(Fault("", 0, "--period", str(error))) from error
    known = devices.get(args.device)
    settings = known.settings if known is not None else DeviceSettings(source="replay")
    model = known.model if known is not None else None
    changed = ({"period": period} if period is not None else {}) | ({"tags": args.tag} if args.tag else {})
    return {
        **devices,
        args.device: Device(args.device, settings.model_copy(update=changed), model),
    }


def _when(delivery: list[Reading]) -> datetime:
    return delivery[0].at


def _print(observation: Observation, quantities: Quantities, *, flags_only: bool) -> None:
    shown: dict[str, Any]
    if isinstance(observation, Reading):
        if flags_only and observation.flag <= Flag.UNKNOWN:
            return
        quantity = split_series(observation.series)[1]
        shown = {"at": _iso(observation.at), "series": observation.series, "value": observation.value}
        if quantity in quantities and quantities[quantity].unit != "1":
            shown["unit"] = quantities[quantity].unit
        shown |= {"flag": observation.flag.name, "flagged_by": observation.flagged_by}
    elif isinstance(observation, Event):
        shown = {"at": _iso(observation.at), "event": observation.kind, "source": observation.source}
        shown["detail"] = dict(observation.detail)
    else:
        return
    print(json.dumps(shown, ensure_ascii=False))


def _summarise(replay: Replay, rows: _Rows, unread: list[str], *, as_json: bool) -> None:
    summary = replay.summary
    told = {
        "rows": rows.read,
        "bad_rows": rows.bad,
        "late_rows": summary.late,
        "columns_not_read": unread,
        "first": _iso(summary.first),
        "last": _iso(summary.last),
        "flags": {flag.name: summary.flags[flag] for flag in Flag if summary.flags[flag]},
        "reasons": dict(summary.reasons.most_common()),
        "events": dict(summary.events.most_common()),
    }
    if as_json:
        print(json.dumps(told), file=sys.stderr)
        return
    for name, value in told.items():
        print(f"{name}: {_shown(value)}", file=sys.stderr)
    if rows.read and summary.late > rows.read / 2:
        print("most rows are older than the one before them: --sort puts them in order", file=sys.stderr)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={count}" for name, count in value.items()) or "-"
    if isinstance(value, list):
        more = f" and {len(value) - NAMED} more" if len(value) > NAMED else ""
        return (", ".join(value[:NAMED]) or "-") + more
    return "-" if value is None else str(value)


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at is not None else None
