"""What cameras have seen in shadow: alarms that nobody was told of, counted by camera and kind. Pure.

An event whose kind ends in ``_shadow`` was written down and judged by no rule. People mark its evidence as right or as
a false alarm; what nobody has looked at yet counts as false, so that a lazy week looks no better than a diligent one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from gateway.model import Event
from gateway.rates import at_most

SHADOW, REVIEW = "_shadow", "_review"
LONGEST_GAP = timedelta(minutes=5)  # between two reports of a camera; what is longer, it did not look


@dataclass(frozen=True, slots=True)
class Row:
    """One camera and one kind.

    Attributes:
        camera: Its device. kind: What, without endings. look: Only worth a look.
        days: How long it was looked for [days].
        alarms: How often. right: Marked as right. false: Marked as false. unmarked: Nobody has looked.
        by_day: Local day -> alarms.
    """

    camera: str
    kind: str
    look: bool
    days: float
    alarms: int
    right: int
    false: int
    unmarked: int
    by_day: Mapping[str, int]

    @property
    def false_a_day(self) -> float | None:
        """False alarms a day, what nobody has marked among them; ``None`` when it has not looked."""
        return (self.false + self.unmarked) / self.days if self.days else None

    @property
    def at_most_a_day(self) -> float | None:
        """Below that it is with 95 % confidence."""
        return at_most(self.false + self.unmarked) / self.days if self.days else None


def tally(
    events: Iterable[Event], marks: Mapping[str, bool], looked: Mapping[str, timedelta], zone: tzinfo
) -> list[Row]:
    """Count what was confirmed in shadow, worst camera first; a camera that saw nothing has a row of its own.

    Args:
        events: Of the journal, any kinds.
        marks: Evidence id -> whether a person has called it right.
        looked: Camera -> how long it looked in that time.
        zone: For the day.
    """
    found: dict[tuple[str, str, bool], list[Event]] = defaultdict(list)
    for event in events:
        if event.kind.endswith(SHADOW) and event.detail.get("state") == "confirmed":
            kind = event.kind.removesuffix(SHADOW)
            found[event.source, kind.removesuffix(REVIEW), kind.endswith(REVIEW)].append(event)
    for camera in looked:
        if not any(key[0] == camera for key in found):
            found[camera, "", False] = []
    rows = [_row(*key, seen, marks, looked.get(key[0], timedelta(0)), zone) for key, seen in found.items()]
    return sorted(rows, key=lambda row: (row.look, -(row.false_a_day or 0.0), row.camera, row.kind))


def looked_for(reports: Iterable[datetime]) -> timedelta:
    """How long a camera looked, from the times of its reports (``camera_fps`` above 0), in order."""
    total, before = timedelta(0), None
    for at in reports:
        if before is not None and at - before <= LONGEST_GAP:
            total += at - before
        before = at
    return total


def _row(  # noqa: PLR0917  # the key's three parts and what is known of it
    camera: str,
    kind: str,
    look: bool,  # noqa: FBT001  # part of the key
    seen: list[Event],
    marks: Mapping[str, bool],
    looked: timedelta,
    zone: tzinfo,
) -> Row:
    said = [marks.get(event.evidence or "") for event in seen]
    by_day: dict[str, int] = defaultdict(int)
    for event in seen:
        by_day[event.at.astimezone(zone).date().isoformat()] += 1
    days = looked / timedelta(days=1)
    return Row(
        camera,
        kind,
        look,
        days,
        len(seen),
        said.count(True),
        said.count(False),
        said.count(None),
        dict(by_day),
    )
