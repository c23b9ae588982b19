"""``village vision shadow``: what the cameras would have told, by camera and kind, and how much of it was false."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from gateway.clock import SystemClock
from gateway.commands.sight.evidence import root_of
from gateway.control import add_state, state_dir
from gateway.errors import Fault, SettingsError
from gateway.evidence.notebook import marks_in
from gateway.model import Event, Flag, series_of
from gateway.shadow import Row, looked_for, tally
from gateway.site import load_site, load_words
from gateway.store.journal import folder_of
from gateway.store.reader import Reader
from gateway.words import Words

HELP = "what cameras in shadow would have told, and how much of it was false"
EXAMPLE = """\
village vision shadow /etc/village --days 14
village vision shadow /etc/village --evidence /var/lib/village-eyes --json"""

DRIVER = "vision"
REPORT = "camera_fps"
_PAGE = 1000


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument("site", type=Path, metavar="SITE", help="folder of the site")
    parser.add_argument("--days", type=int, default=14, metavar="N", help="how far back (default: 14)")
    parser.add_argument(
        "--evidence", type=Path, metavar="DIR", help="the worker's state folder, for what people have marked"
    )
    parser.add_argument("--lang", choices=["zh", "en"], default="zh", help="language of the answer")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    add_state(parser)


def run(args: argparse.Namespace) -> int:
    """Read the journal and the marks, count."""
    if not 1 <= args.days <= 366:
        raise SettingsError(Fault("", 0, "--days", f"{args.days} is no number of days", "write 1 to 366"))
    site = load_site(args.site)
    state = state_dir(args.state, args.site)
    if not folder_of(state).is_dir():
        raise SettingsError(
            Fault(str(state), 0, "", "holds no journal", "name the state folder with --state")
        )
    now = SystemClock().now()
    start = now - timedelta(days=args.days)
    sources = {name for name, source in site.village.sources.items() if source.driver == DRIVER}
    cameras = [slug for slug, device in site.devices.items() if device.settings.source in sources]
    with Reader(folder_of(state)) as reader:
        events = list(_events(reader, start, now))
        looked = {camera: _looked(reader, camera, start, now) for camera in cameras}
    rows = tally(events, _marks(args.evidence or state), looked, site.village.site.zone)
    if args.json:
        shown = [
            {**asdict(row), "false_a_day": row.false_a_day, "at_most_a_day": row.at_most_a_day}
            for row in rows
        ]
        print(json.dumps({"days": args.days, "rows": shown}, ensure_ascii=False))
    else:
        for line in table(rows, load_words(args.lang)):
            print(line)
    return 0


def table(rows: list[Row], say: Words) -> Iterator[str]:
    """For a person."""
    if not rows:
        yield say("shadow.none")
        return
    for row in rows:
        if not row.kind:
            yield say("shadow.silent", camera=row.camera, days=f"{row.days:.1f}")
            continue
        rate = "-" if row.false_a_day is None else f"{row.false_a_day:.2g}"
        bound = "-" if row.at_most_a_day is None else f"{row.at_most_a_day:.2g}"
        yield say(
            "shadow.look" if row.look else "shadow.alarm",
            camera=row.camera,
            kind=row.kind,
            days=f"{row.days:.1f}",
            alarms=row.alarms,
            right=row.right,
            false=row.false,
            unmarked=row.unmarked,
            rate=rate,
            bound=bound,
        )
    if any(row.unmarked for row in rows):
        yield say("shadow.mark")


def _events(reader: Reader, start: datetime, end: datetime) -> Iterator[Event]:
    after = 0
    while entries := reader.events(after, _PAGE):
        after = entries[-1].seq
        yield from (one.item for one in entries if isinstance(one.item, Event) and start <= one.item.at < end)


def _looked(reader: Reader, camera: str, start: datetime, end: datetime) -> timedelta:
    found = reader.readings(series_of(camera, REPORT), start, end)
    return looked_for(one.at for one in found if one.value and one.flag is not Flag.FAIL)


def _marks(place: Path) -> dict[str, bool]:
    """What people have said last of each piece of evidence; nothing where none is kept."""
    try:
        return marks_in(root_of(place))
    except SettingsError:
        return {}
