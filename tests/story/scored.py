"""How well stretches that were found match stretches that were labelled, counted as events and not as samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Stretch = tuple[datetime, datetime]
CALM = frozenset({"normal", "pending"})


@dataclass(frozen=True)
class Score:
    """Labelled events that were found, and alerts that were about one.

    Attributes:
        events: Labelled. found: Of these, how many an alert overlaps.
        alerts: Given. right: Of these, how many overlap a labelled event.
    """

    events: int
    found: int
    alerts: int
    right: int

    @property
    def recall(self) -> float:
        return self.found / self.events if self.events else 1.0

    @property
    def precision(self) -> float:
        return self.right / self.alerts if self.alerts else 1.0

    def __str__(self) -> str:
        return (
            f"{self.found} of {self.events} events found ({self.recall:.2f}), "
            f"{self.right} of {self.alerts} alerts right ({self.precision:.2f})"
        )


def events_of(labelled: Iterable[tuple[datetime, bool]], apart: timedelta) -> list[Stretch]:
    """Labelled moments that lie closer together than ``apart`` are one event."""
    found: list[Stretch] = []
    for at, is_one in labelled:
        if not is_one:
            continue
        if found and at - found[-1][1] <= apart:
            found[-1] = found[-1][0], at
        else:
            found.append((at, at))
    return found


def alerts_of(changes: Sequence[dict[str, Any]], *rules: str) -> list[Stretch]:
    """From when to when each alert fired, from the lines of ``village replay --rules --json``."""
    open_: dict[tuple[str, str], datetime] = {}
    found: list[Stretch] = []
    at = datetime.fromtimestamp(0, UTC)
    for one in changes:
        if rules and one["rule"] not in rules:
            continue
        key, at = (one["rule"], one["target"]), datetime.fromisoformat(one["at"])
        if one["to"] == "firing":
            open_.setdefault(key, at)
        elif one["to"] in CALM and key in open_:
            found.append((open_.pop(key), at))
    return sorted([*found, *((since, max(since, at)) for since in open_.values())])


def score(events: Sequence[Stretch], alerts: Sequence[Stretch], late: timedelta) -> Score:
    """An alert that comes up to ``late`` after the end of an event is still about it."""

    def meet(event: Stretch, alert: Stretch) -> bool:
        return alert[0] <= event[1] + late and alert[1] >= event[0]

    found = sum(any(meet(event, alert) for alert in alerts) for event in events)
    right = sum(any(meet(event, alert) for event in events) for alert in alerts)
    return Score(len(events), found, len(alerts), right)
