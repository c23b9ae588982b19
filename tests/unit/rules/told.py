"""Rules told to a rulebook in tests: short YAML in, states out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway import files
from gateway.contracts import Device
from gateway.model import AlertChange, Event, Flag, Reading, Tick
from gateway.rules.language import Rule
from gateway.rules.plan import Plan, Surroundings, wrongs
from gateway.rules.rulebook import Rulebook
from gateway.settings import DeviceSettings
from gateway.site import load_quantities

QUANTITIES = load_quantities()
AROUND = Surroundings(QUANTITIES, ZoneInfo("Asia/Shanghai"), frozenset({date(2026, 7, 20)}))
START = datetime(2026, 7, 18, 0, 0, tzinfo=UTC)


def rule(text: str) -> Rule:
    document = files.parse_yaml(("id: it\nseverity: yellow\n" + text).encode(), Path("it.yaml"))
    data = dict(document.data)
    if "steps" in data:
        data.pop("severity")
    found = Rule.model_validate(data)
    assert wrongs(found, QUANTITIES) == []
    return found


class Teller:
    """One rulebook, and time told in minutes since the start."""

    def __init__(
        self, *rules: str | Rule, period_min: float = 10, tags: Mapping[str, list[str]] | None = None
    ):
        self.rules = [one if isinstance(one, Rule) else rule(one) for one in rules]
        self.devices = {
            slug: Device(
                slug,
                DeviceSettings(
                    source="x", period=timedelta(minutes=period_min), tags=(tags or {}).get(slug, [])
                ),
            )
            for slug in ("d", "e")
        }
        self.book = self.fresh()
        self.changes: list[AlertChange] = []
        self.now: float | None = None

    def fresh(self) -> Rulebook:
        return Rulebook([Plan(one, AROUND) for one in self.rules], self.devices, QUANTITIES)

    def at(self, minutes: float) -> datetime:
        return START + timedelta(minutes=minutes)

    def reading(self, minutes, quantity, value, flag=Flag.GOOD, why="", device="d", received=None) -> Reading:
        return Reading(
            f"{device}/{quantity}",
            value,
            self.at(minutes),
            self.at(minutes if received is None else received),
            flag,
            why,
        )

    def _catch_up(self, minutes) -> None:
        """A running gateway ticks; a test that jumps without ticks steps the clock."""
        while self.now is not None and self.now + 5 < minutes:
            self.tick(self.now + 5)
        self.now = minutes

    def read(self, minutes, quantity, value, *args, **kw) -> str:
        self._catch_up(kw.get("received", minutes))
        self.changes += self.book.step([self.reading(minutes, quantity, value, *args, **kw)])
        return self.state()

    def missing(self, minutes, quantity) -> str:
        return self.read(minutes, quantity, None, Flag.MISSING, "no_value")

    def event(self, minutes, kind, score=1.0, device="d", **detail) -> str:
        self._catch_up(minutes)
        at = self.at(minutes)
        self.changes += self.book.step([Event(device, kind, at, at, score, detail)])
        return self.state()

    def tick(self, minutes) -> str:
        self.now = minutes
        self.changes += self.book.step([Tick(self.at(minutes))])
        return self.state()

    def pass_until(self, start, end) -> str:
        """Ticks each minute."""
        for minute in range(int(start) + 1, int(end) + 1):
            self.tick(minute)
        return self.state()

    def alert(self, rule="it", target="d"):
        return next(
            (one for one in self.book.alerts() if (one["rule"], one["target"]) == (rule, target)), None
        )

    def state(self, rule="it", target="d") -> str:
        found = self.alert(rule, target)
        return "normal" if found is None else f"{found['state']} {found['severity']}"

    def told(self) -> list[str]:
        return [f"{one.before}>{one.after} {one.severity.word}" for one in self.changes if one.told]

    def restart(self) -> None:
        """A new process: only plain JSON and the last readings go over."""
        memory = json.loads(json.dumps(self.book.memory()))
        self.now = None
        self.book = self.fresh()
        self.changes += self.book.restore(memory)
