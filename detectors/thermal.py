"""Heat in radiometric pictures: no model, an alarm within two pictures and a second.

- sees: degrees of every pixel (``Frame.celsius``); cameras that only send alarms are ``drivers/isapi.py``, ``dahua.py``
- asks for: 4 pictures a second while something may be hot, else 2; never gated by motion
- decides: 150 degC anywhere, or 80 degC and 40 K above what that pixel usually is at that hour; 4 pixels, 2 pictures
- keeps quiet: about what was hot on five of the last seven days (unless it is hotter than usual), about zones that a
  person has named, about what a person has called a false alarm unless it is hotter than then
- while the camera turns: one picture is enough, for the absolute limit
- measured on: docs/fire.md

Source: vision reference 4.1, point 8; limits that are ours say so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from detectors.runtime.contracts import Box, Celsius, Detections, Frame, SceneContext, Sighting, State
from detectors.runtime.course import Course, Timing
from detectors.runtime.heat import KIND, Hot, HotPlace, Mask, parts, raster
from detectors.runtime.keys import Keys
from detectors.runtime.nuisance import Nuisances
from detectors.runtime.warmth import Warmth, WarmthOfViews
from detectors.runtime.zones import Zones, centre, require
from gateway.schema import Strict

BREAK_S = 10.0  # pictures further apart do not follow on one another (ours: slow still cameras)
FALSE_BEFORE_K = 20.0  # so much hotter than what a person has called a false alarm (ours)
NEWS = 0.05  # a score that rises by this much is said at once


class Settings(Strict):
    """How a camera looks for heat.

    Attributes:
        zones: Names of the camera's zones that are watched; none: everywhere.
        known_hot: Names of zones that are never looked at: a chimney, a stove pipe.
        absolute: Hot whatever is usual there [degC].
        warm: Hot when it is also ``rise`` above what is usual there at this hour [degC].
        rise: See ``warm`` [K].
        pixels: Least area of a hot place.
        pictures: So many in a row.
        growth: So much hotter within 10 s raises the score [K].
        busy: Pictures a second while something may be hot. idle: Else; half a second apart, two of them are one second.
    """

    zones: list[str] = Field(default_factory=list)
    known_hot: list[str] = Field(default_factory=list)
    absolute: float = Field(default=150.0, ge=60, le=2000)
    warm: float = Field(default=80.0, ge=30, le=2000)
    rise: float = Field(default=40.0, gt=0, le=500)
    pixels: int = Field(default=4, ge=1, le=10_000)
    pictures: int = Field(default=2, ge=1, le=10)
    growth: float = Field(default=10.0, gt=0)
    busy: float = Field(default=4.0, gt=0, le=30)
    idle: float = Field(default=2.0, gt=0, le=30)


class Detector:
    """Heat before one camera."""

    needs_model: ClassVar[bool] = False
    needs_tracks: ClassVar[bool] = False
    needs_celsius: ClassVar[bool] = True
    motion_gate: ClassVar[bool] = False

    def __init__(self, settings: Settings, context: SceneContext) -> None:
        require(context.zones, zones=settings.zones, known_hot=settings.known_hot)
        self._settings = settings
        self._offset = timedelta(seconds=context.utc_offset_s)
        self._context = context
        self._zones = Zones(context.zones)
        self._views = WarmthOfViews(context.state_dir)
        self._nuisances = Nuisances(context.utc_offset_s)
        self._timing = Timing()
        self._places: list[HotPlace] = []
        self._cooling: list[tuple[HotPlace, datetime]] = []
        self._history: deque[tuple[float, Celsius]] = deque()
        self._masks: dict[tuple[str, tuple[int, int]], Mask] = {}
        self._preset = ""
        self._last_s: float | None = None
        self._keys = Keys()

    def rate(self) -> float:
        """Pictures a second it wants now."""
        open_now = bool(self._places)
        return self._settings.busy if open_now else self._settings.idle

    def look(self, frame: Frame, seen: Detections | None) -> Sequence[Sighting]:
        """One picture; what it makes of it."""
        del seen  # heat needs no model
        if frame.celsius is None:
            return ()
        if frame.moving:
            return self._turning(frame, frame.celsius)
        if frame.preset != self._preset or (
            self._last_s is not None and not 0 < frame.stream_s - self._last_s <= BREAK_S
        ):
            self._turned(frame.preset)
        passed = 0.0 if self._last_s is None else frame.stream_s - self._last_s
        self._last_s = frame.stream_s
        warmth = self._views.of(frame.preset, frame.celsius.shape)
        local = frame.at + self._offset
        hot = self._hot(frame, frame.celsius, warmth, local.hour)
        said = self._away(frame) + self._follow(frame, hot, passed)
        if self._views.due(frame.preset, frame.stream_s):
            burning = self._burning(frame.celsius.shape, frame.preset)
            warmth.learn(frame.celsius, hour=local.hour, day=local.toordinal(), except_for=burning)
            self._views.save_now_and_then(frame.stream_s)
        return said

    def end(self, stream_s: float, at: datetime) -> Sequence[Sighting]:
        """The stream has ended: what is open is closed, what was learnt is kept."""
        said = [self._ended(place, stream_s, at) for place in self._places if place.course.confirmed]
        self._places.clear()
        self._history.clear()
        self._last_s = None
        self._views.save()
        self._views.forget_samples()
        return said

    def mark(self, key: str, *, right: bool, at: datetime) -> None:
        """A person's word: right, it is not told anew; false alarm, it must be hotter the next time."""
        self._nuisances.mark(key, right=right, at=at)
        for place in self._places:
            if place.course.key == key:
                place.course.known = True

    def memory(self) -> dict[str, Any]:
        """What people have said; the background lies in files of its own."""
        return {"nuisances": self._nuisances.memory(), **self._keys.memory()}

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Take it back."""
        kept = memory.get("nuisances")
        self._nuisances.restore(kept if isinstance(kept, Mapping) else {})
        self._keys.restore(memory)

    # -- what is hot --------------------------------------------------------------------------------------------------

    def _hot(self, frame: Frame, celsius: Celsius, warmth: Warmth, hour: int) -> list[Hot]:
        """Hot places of a picture, largest excess first; cheap when nothing is warm at all."""
        before = self._ten_seconds_ago(frame.stream_s, celsius)
        if float(celsius.max(initial=-300.0)) < min(self._settings.warm, self._settings.absolute):
            return []
        usual = warmth.usual(hour)
        if usual is None:  # nothing learnt yet: the picture itself says what is usual
            usual = np.full(celsius.shape, np.median(celsius), np.float32)
        above = celsius - usual
        glowing = (celsius >= self._settings.absolute) & ~warmth.known_hot()
        risen = (celsius >= self._settings.warm) & (above >= self._settings.rise)
        hot = (glowing | risen) & self._mask(frame.preset, celsius.shape)
        found = []
        for part, box in parts(hot, self._settings.pixels):
            peak = float(celsius[part].max())
            grown = peak - float(before[part].max()) if before is not None else 0.0
            pixels = int(part.sum())
            found.append(Hot(box, peak, float(above[part].max()), pixels, bool(glowing[part].any()), grown))
        return sorted(found, key=lambda one: one.hottest, reverse=True)

    def _ten_seconds_ago(self, now_s: float, celsius: Celsius) -> Celsius | None:
        """The oldest picture of the last ten seconds; this one is kept for later, one each two seconds."""
        while self._history and self._history[0][0] < now_s - 10.0:
            self._history.popleft()
        if self._history and self._history[0][1].shape != celsius.shape:
            self._history.clear()
        before = self._history[0][1] if self._history else None
        if not self._history or now_s - self._history[-1][0] >= 2.0:
            self._history.append((now_s, celsius.copy()))
        return before

    def _mask(self, preset: str, shape: tuple[int, int]) -> Mask:
        """Pixels that are watched from this preset."""
        known = self._masks.get((preset, shape))
        if known is None:
            zones = self._context.zones
            known = np.full(shape, not self._settings.zones)
            for name in self._settings.zones:
                known |= raster(zones.get(name), preset, shape)
            for name in self._settings.known_hot:
                known &= ~raster(zones.get(name), preset, shape)
            if len(self._masks) > 64:
                self._masks.clear()
            self._masks[preset, shape] = known
        return known

    def _burning(self, shape: tuple[int, int], preset: str) -> Mask | None:
        """Pixels of what is open: they are not learnt as usual."""
        here = [place for place in self._places if place.preset == preset]
        if not here:
            return None
        mask = np.zeros(shape, bool)
        for place in here:
            box = place.hot.box
            top, left = int(box.y1 * shape[0]), int(box.x1 * shape[1])
            mask[top : int(np.ceil(box.y2 * shape[0])), left : int(np.ceil(box.x2 * shape[1]))] = True
        return mask

    # -- what becomes of it ------------------------------------------------------------------------------------------

    def _turned(self, preset: str) -> None:
        self._preset = preset
        self._places = [place for place in self._places if place.course.confirmed]
        self._history.clear()
        self._last_s = None

    def _follow(self, frame: Frame, hot: list[Hot], passed_s: float) -> list[Sighting]:
        said: list[Sighting] = []
        for one in hot:
            place = next((p for p in self._places if p.preset == frame.preset and p.is_at(one.box)), None)
            if place is None:
                place = self._open(frame, one)
                said.append(self._say(place, State.CANDIDATE, frame))
            if place.seen_s != frame.stream_s or place.row == 0:
                place.hot, place.seen_s, place.row = one, frame.stream_s, place.row + 1
        for place in [p for p in self._places if p.preset == frame.preset]:
            said += self._move(place, frame, passed_s)
        self._places = [
            p
            for p in self._places
            if p.course.confirmed or (p.course.state is State.CANDIDATE and p.seen_s == frame.stream_s)
        ]
        return said

    def _move(self, place: HotPlace, frame: Frame, passed_s: float) -> list[Sighting]:
        here = place.seen_s == frame.stream_s
        if not here:
            place.row = 0
        if not place.course.confirmed:
            enough = here and place.row >= self._settings.pictures and self._may(place, frame)
            return [self._told(place, frame)] if enough else []
        said = place.course.looked(frame.stream_s, passed_s, seen=here)
        if said is State.ENDED:
            return [self._ended(place, frame.stream_s, frame.at)]
        if here and said is None and self._score(place.hot) >= place.score + NEWS:
            said = State.ONGOING
        return [self._say(place, said, frame)] if said is not None else []

    def _may(self, place: HotPlace, frame: Frame) -> bool:
        self._cooling = [(one, until) for one, until in self._cooling if until > frame.at]
        if any(one.preset == place.preset and one.is_at(place.hot.box) for one, _ in self._cooling):
            return False
        false = self._nuisances.like(KIND, place.hot.box, preset=place.preset, at=frame.at)
        return false is None or place.hot.hottest >= false.level + FALSE_BEFORE_K

    def _turning(self, frame: Frame, celsius: Celsius) -> list[Sighting]:
        """While the camera turns one picture is enough and only the absolute limit counts: nothing is where it was.

        What some view knows to be that hot is left to that view.
        """
        self._last_s = None
        found = list(parts(celsius >= self._settings.absolute, self._settings.pixels))
        if not found or self._views.hottest_known(float(celsius.max())):
            return []
        part, box = max(found, key=lambda one: float(celsius[one[0]].max()))
        peak = float(celsius[part].max())
        one = Hot(box, peak, peak - float(np.median(celsius)), int(part.sum()), absolute=True, grown=0.0)
        if any(
            p.preset == "turning"
            for p in self._places + [p for p, until in self._cooling if until > frame.at]
        ):
            return []
        place = self._open(frame, one, preset="turning")
        told = self._told(place, frame)
        self._places.remove(place)
        self._cooling.append((place, frame.at + timedelta(seconds=self._timing.cooldown_s)))
        return [told]

    def _open(self, frame: Frame, hot: Hot, *, preset: str | None = None) -> HotPlace:
        key = self._keys.next(f"{KIND}-{frame.at:%Y%m%dT%H%M%S}")
        place = HotPlace(
            hot, frame.preset if preset is None else preset, Course(key, frame.stream_s, self._timing)
        )
        self._places.append(place)
        return place

    def _told(self, place: HotPlace, frame: Frame) -> Sighting:
        place.course.confirm(frame.stream_s)
        hot = place.hot
        self._nuisances.told(
            place.course.key, KIND, hot.box, preset=place.preset, at=frame.at, level=hot.hottest
        )
        return self._say(place, State.CONFIRMED, frame)

    def _away(self, frame: Frame) -> list[Sighting]:
        gone = [
            place
            for place in self._places
            if place.preset != frame.preset and place.course.away(frame.stream_s) is State.ENDED
        ]
        self._places = [place for place in self._places if place not in gone]
        return [self._ended(place, frame.stream_s, frame.at) for place in gone]

    def _ended(self, place: HotPlace, stream_s: float, at: datetime) -> Sighting:
        place.course.finish()
        self._cooling.append((place, at + timedelta(seconds=self._timing.cooldown_s)))
        why = {"lasted_s": round(stream_s - place.course.began_s, 1)}
        boxes = (place.hot.box,)
        return Sighting(KIND, State.ENDED, place.course.key, stream_s, at, 0.0, self._zone(place), boxes, why)

    def _say(self, place: HotPlace, state: State, frame: Frame) -> Sighting:
        hot = place.hot
        score = self._score(hot)
        if state is not State.CANDIDATE:
            place.score = max(place.score, score)
        why: dict[str, float | str] = {
            "celsius": round(hot.hottest, 1),
            "above_usual_k": round(hot.above, 1),
            "pixels": hot.pixels,
            "grown_10s_k": round(hot.grown, 1),
            "limit": "absolute" if hot.absolute else "rise",
        }
        key = place.course.key
        boxes = (hot.box,)
        return Sighting(KIND, state, key, frame.stream_s, frame.at, score, self._zone(place), boxes, why)

    def _score(self, hot: Hot) -> float:
        """How bad, 0..1 (ours): 0.75 for a rise, 0.9 for the absolute limit, more when it grows."""
        growing = 0.08 if hot.grown >= self._settings.growth else 0.0
        return round((0.9 if hot.absolute else 0.75) + growing, 3)

    def _zone(self, place: HotPlace) -> str:
        x, y = centre(place.hot.box)
        return self._zones.first(self._settings.zones, Box(x, y, x, y), place.preset)
