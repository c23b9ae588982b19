"""A moment of a village for the views of the board: a real site, a real journal, real rules; time is given."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from dashboards.views.scene import Scene
from gateway.clock import ManualClock
from gateway.latest import Latest
from gateway.model import Delivery, Event, Flag, Reading, Tick
from gateway.settings import StoreSettings
from gateway.site import Site, load_site
from gateway.store.journal import Journal
from tests.conftest import NOON

SITE = """
site: {slug: shanxia, name: 山下村, lat: 27.99, lon: 120.70}
sources:
  wire: {driver: simulated}
devices:
  bin-1: {model: milesight-em400-mud, source: wire, name: 村口桶, period: 10min, bin: {empty: 1200 mm, full: 200 mm}, cell: cunkou}
  bin-2: {model: milesight-em400-mud, source: wire, name: 菜场桶, period: 10min, bin: {empty: 1200 mm, full: 200 mm}}
  pond: {model: dragino-wqs-lb, source: wire, name: 东塘, period: 10min, tags: [class-3]}
  house: {model: milesight-em310-tilt, source: wire, name: 老屋, period: 10min, tilt: {zero: [0.0, 0.0]}}
  rain: {model: decentlab-dl-tbrg, source: wire, name: 雨量筒, period: 10min}
  river: {model: milesight-em410-rdl, source: wire, name: 石桥, period: 10min, level: {datum: 6.20 m, looks: down}}
  tea: {model: milesight-em500-smtc, source: wire, name: 茶园, period: 10min}
  diy: {source: wire, name: 自制, period: 10min}
cells:
  cunkou: {kind: micro, name: 村口微网格, members: [wang], lat: 27.9903, lon: 120.7004}
people:
  wang: {name: 王小一, phones: ["+86 577 0000 0101"]}
"""


def at(minutes: float) -> datetime:
    """So many minutes before noon."""
    return NOON - timedelta(minutes=minutes)


def course(series: str, values: Sequence[float | None], every_min: float = 10.0) -> list[Reading]:
    """Readings that end at noon, oldest first."""
    first = every_min * (len(values) - 1)
    return [
        Reading(
            series,
            value,
            at(first - every_min * number),
            at(first - every_min * number),
            Flag.GOOD if value is not None else Flag.MISSING,
            "" if value is not None else "no_target",
        )
        for number, value in enumerate(values)
    ]


@cache
def shipped() -> Site:
    """The site above with the shipped rules, read once."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "village.yaml").write_text(SITE, encoding="utf-8")
        return load_site(Path(folder))


class Stage:
    """Everything a view needs, filled by what a test tells."""

    def __init__(self, folder: Path, site: Site | None = None) -> None:
        self.site = site or shipped()
        self.clock = ManualClock(NOON)
        self.journal = Journal(folder / "state", self.clock, StoreSettings())
        self.latest = Latest()
        self.rulebook = self.site.rulebook()

    def __enter__(self) -> Stage:
        self.journal.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.journal.close()

    async def tell(self, *observations: Reading | Event) -> None:
        """Written down, noted and judged, as the spine does it."""
        await self.journal.append(Delivery(observations))
        self.journal.flush()
        for one in sorted(observations, key=lambda each: each.at):
            if isinstance(one, Reading):
                self.latest.note(one)
            self.rulebook.step([one])
        self.rulebook.step([Tick(NOON)])

    def scene(self, alerts: Sequence[dict[str, Any]] | None = None) -> Scene:
        """The village a second after noon."""
        shown = [{**one, "told": [], "acknowledged": None} for one in self.rulebook.alerts()]
        kept = {name: self.latest.last_good(name) for name in self.latest}
        return Scene(
            now=NOON + timedelta(seconds=1),
            devices=self.site.devices,
            cells=self.site.village.cells,
            people={slug: one.name for slug, one in self.site.village.people.items()},
            quantities=self.site.quantities,
            plans=self.site.rules.plans,
            latest=dict(self.latest),
            believed={name: one for name, one in kept.items() if one is not None},
            alerts=shown if alerts is None else list(alerts),
            status=STATUS,
            past=self.journal,
        )


STATUS: dict[str, Any] = {
    "sources": {"wire": {"state": "open", "last_error": "", "unknown": {}, "notes": {}}},
    "devices": {},
    "sinks": {},
    "channels": {},
    "alerts": [],
    "accounts": "",
    "clock": {"trusted": True, "now": NOON.isoformat()},
    "bus": {"waiting": 0, "dropped": 0},
    "stalled": [],
    "uptime_s": 3600.0,
    "journal": {
        "free": 10_000_000_000, "evicted": 0, "corrupt": [], "stuck": "",
    },
}  # fmt: skip
