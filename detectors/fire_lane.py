"""A vehicle that stands where the fire engine must pass.

- sees: boxes of vehicles
- asks for: 1 picture a second
- decides: one that has stood in a zone for so many minutes, by its place, not by its track number
- keeps quiet: about one that only passes, stops for a moment or stands beside the lane, and while the camera turns
- measured on: made-up tracks only

Source: the minutes are ours: long enough to load a van, short enough to find the driver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from detectors.runtime.contracts import Box, Detections, Frame, SceneContext, Sighting, State
from detectors.runtime.keys import Keys
from detectors.runtime.trails import VEHICLES
from detectors.runtime.zones import Zones, overlap, require
from gateway.schema import Strict

SAME_PLACE = 0.5  # intersection over union; a box that trembles keeps 0.8, the next bay has less than 0.3


class Settings(Strict):
    """What stands in the site file.

    Attributes:
        zones: The fire lanes.
        minutes: So long a vehicle must stand there.
        gap_s: Not seen for so long (somebody walks in front of it) changes nothing; longer, and it has gone.
    """

    zones: tuple[str, ...] = Field(min_length=1)
    minutes: float = Field(5.0, gt=0)
    gap_s: float = Field(20.0, gt=0)


@dataclass
class _Stand:
    """One vehicle that stands there."""

    zone: str
    box: Box
    since_s: float
    seen_s: float
    key: str = ""


class Detector:
    """One camera above a fire lane."""

    needs_model: ClassVar[bool] = True
    needs_tracks: ClassVar[bool] = False
    needs_celsius: ClassVar[bool] = False
    motion_gate: ClassVar[bool] = False  # what stands does not move

    def __init__(self, settings: Settings, context: SceneContext) -> None:
        require(context.zones, zones=settings.zones)
        self._settings = settings
        self._zones = Zones(context.zones)
        self._camera = context.camera
        self._stands: list[_Stand] = []
        self._preset = ""
        self._keys = Keys()

    def rate(self) -> float:
        """Pictures a second."""
        return 1.0

    def look(self, frame: Frame, seen: Detections | None) -> Sequence[Sighting]:
        """One picture later."""
        if frame.moving or frame.preset != self._preset:
            self._preset = frame.preset
            return self.end(frame.stream_s, frame.at)
        for box in _vehicles(frame, seen):
            zone = self._zones.first(self._settings.zones, _wheels(box), frame.preset)
            stand = next((one for one in self._stands if overlap(one.box, box) >= SAME_PLACE), None)
            if stand is not None:
                stand.seen_s = frame.stream_s
            elif zone:
                self._stands.append(_Stand(zone, box, frame.stream_s, frame.stream_s))
        said = [one for stand in self._stands if (one := self._judged(stand, frame)) is not None]
        self._stands = [one for one in self._stands if frame.stream_s - one.seen_s <= self._settings.gap_s]
        return said

    def end(self, stream_s: float, at: datetime) -> Sequence[Sighting]:
        """Close what is open; it is told anew when it still stands there after so many minutes."""
        said = [_said(one, State.ENDED, stream_s, at) for one in self._stands if one.key]
        self._stands.clear()
        return said

    def mark(self, key: str, *, right: bool, at: datetime) -> None:
        """A false alarm means that it may stand there: draw the zone anew."""

    def memory(self) -> dict[str, Any]:
        """How many keys were given."""
        return self._keys.memory()

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Go on counting."""
        self._keys.restore(memory)

    def _judged(self, stand: _Stand, frame: Frame) -> Sighting | None:
        if stand.key:
            gone = frame.stream_s - stand.seen_s > self._settings.gap_s
            return _said(stand, State.ENDED, frame.stream_s, frame.at) if gone else None
        if stand.seen_s < frame.stream_s or stand.seen_s - stand.since_s < 60 * self._settings.minutes:
            return None
        stand.key = self._keys.next(f"{self._camera}-lane-{frame.at:%Y%m%d}")
        return _said(stand, State.CONFIRMED, frame.stream_s, frame.at)


def _vehicles(frame: Frame, seen: Detections | None) -> list[Box]:
    if seen is None:
        return []
    height, width = frame.image.shape[:2]
    shares = np.clip(seen.xyxy / (width, height, width, height), 0, 1).tolist()
    rows = zip(shares, seen.labels, seen.scores.tolist(), strict=True)
    return [Box(x1, y1, x2, y2, label, score) for (x1, y1, x2, y2), label, score in rows if label in VEHICLES]


def _wheels(box: Box) -> Box:
    """The part of a box that touches the ground: its bottom quarter."""
    return Box(box.x1, box.y2 - (box.y2 - box.y1) / 4, box.x2, box.y2)


def _said(stand: _Stand, state: State, stream_s: float, at: datetime) -> Sighting:
    why = {"stands_min": round((stand.seen_s - stand.since_s) / 60, 1)}
    return Sighting("fire_lane_blocked", state, stand.key, stream_s, at, 0.8, stand.zone, (stand.box,), why)
