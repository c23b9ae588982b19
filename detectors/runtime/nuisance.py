"""What a person has called a false alarm: the same thing in the same place at the same hour must be surer to be told.

Source: vision reference 4.1, point 5 (same place +-10 %, same hour band, 30 days, +0.15).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from detectors.runtime.contracts import Box
from detectors.runtime.zones import overlap

KEPT = timedelta(days=30)
SAME_PLACE = 0.10  # of the picture's width and height, for each side of the box
HOURS = 1  # so many hours before and after belong to the same band
MOST = 200  # remembered sightings and false alarms, each


@dataclass(frozen=True, slots=True)
class Spot:
    """One sighting, as far as a later word about it needs it."""

    key: str
    kind: str
    preset: str
    hour: int
    at: str
    level: float
    x1: float
    y1: float
    x2: float
    y2: float


class Nuisances:
    """The false alarms of one camera.

    Args:
        utc_offset_s: The site's zone, for hours of the day [s east of Greenwich].
    """

    def __init__(self, utc_offset_s: float) -> None:
        self._offset = timedelta(seconds=utc_offset_s)
        self._told: dict[str, Spot] = {}
        self._false: list[Spot] = []

    def told(self, key: str, kind: str, box: Box, *, preset: str, at: datetime, level: float) -> None:
        """Something was told; a person may say a word about it for as long as it is among the last 200."""
        self._told.pop(key, None)
        self._told[key] = Spot(
            key,
            kind,
            preset,
            self._hour(at),
            at.isoformat(),
            round(level, 4),
            *(round(side, 4) for side in (box.x1, box.y1, box.x2, box.y2)),
        )
        while len(self._told) > MOST:
            self._told.pop(next(iter(self._told)))

    def mark(self, key: str, *, right: bool, at: datetime) -> bool:
        """A person's word.

        Returns:
            Whether the sighting was still known.
        """
        spot = self._told.get(key)
        if spot is None:
            return False
        self._false = [one for one in self._false if one.key != key]
        if not right:
            fresh = {**asdict(spot), "at": at.isoformat()}
            self._false = [*self._false[-MOST + 1 :], Spot(**fresh)]
        return True

    def like(self, kind: str, box: Box, *, preset: str, at: datetime) -> Spot | None:
        """A false alarm of the last 30 days in this place at this hour of the day: the one of the highest level."""
        self._false = [one for one in self._false if at - datetime.fromisoformat(one.at) <= KEPT]
        hour = self._hour(at)
        found = [
            one
            for one in self._false
            if one.kind == kind
            and one.preset == preset
            and min((hour - one.hour) % 24, (one.hour - hour) % 24) <= HOURS
            and _same_place(one, box)
        ]
        return max(found, key=lambda one: one.level, default=None)

    def memory(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "told": [asdict(one) for one in self._told.values()],
            "false": [asdict(one) for one in self._false],
        }

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Take it back; what does not fit is forgotten."""
        self._told = {spot.key: spot for spot in _spots(memory.get("told", ()))}
        self._false = list(_spots(memory.get("false", ())))

    def _hour(self, at: datetime) -> int:
        return (at + self._offset).hour


def _same_place(spot: Spot, box: Box) -> bool:
    sides = ((spot.x1, box.x1), (spot.y1, box.y1), (spot.x2, box.x2), (spot.y2, box.y2))
    near = all(abs(one - other) <= SAME_PLACE for one, other in sides)
    return near and overlap(Box(spot.x1, spot.y1, spot.x2, spot.y2), box) > 0


def _spots(kept: Any) -> Iterable[Spot]:
    if not isinstance(kept, list | tuple):
        return
    for one in kept[-MOST:]:
        try:
            spot = Spot(**one)
            if datetime.fromisoformat(spot.at).tzinfo is None or not 0 <= spot.hour < 24:
                continue
            [float(side) for side in (spot.level, spot.x1, spot.y1, spot.x2, spot.y2)]
        except (TypeError, ValueError):
            continue
        yield spot
