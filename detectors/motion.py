"""Something moves where nothing should: no model, so it works on the first day and tells no dog from a thief.

- sees: differences to a running average; no model
- asks for: 5 pictures a second
- decides: a share of a zone that moves for so long
- keeps quiet: outside its hours, and when the whole picture changes
- measured on: drawn pictures and real clips

For closed yards by night, the pump house, the reservoir's edge. By default it asks for a look (kind ``motion`` is a
review item) and wakes nobody.

Source: vision reference 4.1, point 5 for the change of the whole picture; the other numbers are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

import cv2
import numpy as np
from pydantic import Field

from detectors.runtime.contracts import Box, Detections, Frame, SceneContext, Sighting, State, Zone
from detectors.runtime.keys import Keys
from detectors.runtime.scene import HEIGHT, WIDTH, Gate, Grey
from detectors.runtime.zones import require
from gateway.schema import Duration, Slug, Strict

LIGHT = (
    0.3  # more of the picture than this at once is light or a turning camera (vision reference 4.1, point 5)
)


class Settings(Strict):
    """What counts.

    Attributes:
        zones: Where; empty: everywhere.
        share: Of the zone's pixels that must move.
        lasting: For how long.
        quiet: So long without movement ends it.
        hours: Only from this hour to that one, local time; ``[22, 5]`` is the night.
        review: Worth a look; false: an event that rules may make an alert of.
    """

    zones: tuple[Slug, ...] = ()
    share: float = Field(default=0.005, gt=0, le=1)
    lasting: Duration = timedelta(seconds=2)
    quiet: Duration = timedelta(seconds=15)
    hours: tuple[int, int] | None = None
    review: bool = True


@dataclass
class _Place:
    """One zone and what goes on there."""

    name: str
    preset: str
    gate: Gate
    inside: Grey | None
    since: float | None = None
    last: float = 0.0
    key: str = ""
    peak: float = 0.0


class Detector:
    """One camera's zones, each by itself."""

    needs_model: ClassVar[bool] = False
    needs_tracks: ClassVar[bool] = False
    needs_celsius: ClassVar[bool] = False
    motion_gate: ClassVar[bool] = False

    def __init__(self, settings: Settings, context: SceneContext) -> None:
        self._settings = settings
        self._context = context
        require(context.zones, zones=settings.zones)
        self._places = [_place(context.zones[name]) for name in settings.zones] or [
            _Place("", "", Gate(), None)
        ]
        self._keys = Keys()

    def rate(self) -> float:
        """Five a second."""
        return 5.0

    def look(self, frame: Frame, seen: Detections | None) -> Sequence[Sighting]:
        """One picture later."""
        del seen
        if not self._awake(frame.at):
            return self.end(frame.stream_s, frame.at)
        said = []
        for place in self._places:
            if place.preset and place.preset != frame.preset:
                continue
            motion = place.gate.judge(frame.image, frame.stream_s, turning=frame.moving)
            moves = motion.share >= self._settings.share and frame.changed < LIGHT and not frame.moving
            said += self._step(place, frame, motion.share if moves else 0.0)
        return said

    def end(self, stream_s: float, at: datetime) -> Sequence[Sighting]:
        """What goes on is closed."""
        said = [self._sighting(place, State.ENDED, stream_s, at) for place in self._places if place.key]
        for place in self._places:
            place.since, place.key, place.peak = None, "", 0.0
        return said

    def mark(self, key: str, *, right: bool, at: datetime) -> None:
        """It learns nothing from marks: what is to be left out is a mask."""

    def memory(self) -> dict[str, Any]:
        """Only the number of the last occurrence, so that keys stay different."""
        return self._keys.memory()

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Take it back."""
        self._keys.restore(memory)

    def _step(self, place: _Place, frame: Frame, share: float) -> list[Sighting]:
        now, settings = frame.stream_s, self._settings
        if share:
            place.since = now if place.since is None else place.since
            place.last, place.peak = now, max(place.peak, share)
            if not place.key and now - place.since >= settings.lasting.total_seconds():
                place.key = self._keys.next(f"{self._context.camera}-motion-{place.name or 'all'}")
                return [self._sighting(place, State.CONFIRMED, now, frame.at)]
        elif place.key and now - place.last >= settings.quiet.total_seconds():
            ended = self._sighting(place, State.ENDED, now, frame.at)
            place.since, place.key, place.peak = None, "", 0.0
            return [ended]
        elif not place.key and place.since is not None and now - place.last > 1.0:
            place.since, place.peak = None, 0.0  # a second of rest: it was nothing
        return []

    def _sighting(self, place: _Place, state: State, stream_s: float, at: datetime) -> Sighting:
        score = min(1.0, 0.5 + place.peak / (4 * self._settings.share) * 0.5)
        lasted = stream_s - (place.since if place.since is not None else stream_s)
        why: dict[str, float | str] = {"share": round(place.peak, 4), "lasted_s": round(lasted, 1)}
        box = _bounds(place)
        return Sighting(
            "motion",
            state,
            place.key,
            stream_s,
            at,
            score,
            place.name,
            (box,),
            why,
            review=self._settings.review,
        )

    def _awake(self, at: datetime) -> bool:
        if self._settings.hours is None:
            return True
        hour = (at + timedelta(seconds=self._context.utc_offset_s)).hour
        start, end = self._settings.hours
        return start <= hour < end if start <= end else hour >= start or hour < end


def _place(zone: Zone) -> _Place:
    inside = np.zeros((HEIGHT, WIDTH), np.uint8)
    corners = np.array([[x * WIDTH, y * HEIGHT] for x, y in zone.polygon]).round().astype(np.int32)
    cv2.fillPoly(inside, [corners], 1)
    return _Place(zone.name, zone.preset, Gate(inside), inside)


def _bounds(place: _Place) -> Box:
    if place.inside is None:
        return Box(0, 0, 1, 1)
    x, y, width, height = cv2.boundingRect(place.inside)
    return Box(x / WIDTH, y / HEIGHT, (x + width) / WIDTH, (y + height) / HEIGHT)
