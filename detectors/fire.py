"""Fire and smoke in ordinary pictures: a model proposes, time and place decide.

- sees: boxes of a model that knows ``fire`` and ``smoke``; none is shipped
- asks for: 5 pictures a second while something may burn, else 2; never gated by motion (far smoke hardly moves)
- decides: flame by 5 hits in 3 s, smoke by 10 in 6 s and a reason to believe it, else it is only worth a look
- keeps quiet: where and when fire is allowed, while the camera turns, when the whole scene changes, and about what a
  person has called a false alarm unless it is surer than then
- measured on: docs/fire.md

Source: vision reference 4.1; every limit is a setting whose default stands there unless it says otherwise.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field

from detectors.runtime import belief, flames
from detectors.runtime.allowed import Allowed
from detectors.runtime.belief import Why
from detectors.runtime.burning import Hit, Place
from detectors.runtime.contracts import Box, Detections, Frame, SceneContext, Sighting, State
from detectors.runtime.course import Course, Timing
from detectors.runtime.keys import Keys
from detectors.runtime.nuisance import Nuisances
from detectors.runtime.zones import Zones, centre, require
from gateway.schema import Strict

SCENE_CHANGE = 0.30  # share of pixels: exposure, infra-red switch (point 5)
SWITCH_S = (
    3.0  # no switch takes longer; a fire that lights up the whole night does, and must not blind us (ours)
)
FALSE_BEFORE = 0.15  # so much surer than usual where a person has called it a false alarm (point 5)
BREAK_S = 2.0  # two pictures further apart than this do not follow on one another


class Limits(Strict):
    """When a flame or smoke is believed.

    Attributes:
        hits: So many pictures with a box ...
        window: ... within so long [s] ...
        share: ... and in at least this share of the pictures of that time.
        peak: At least one of them as sure as this.
    """

    hits: int = Field(ge=2, le=100)
    window: float = Field(gt=0, le=60)
    share: float = Field(ge=0, le=1)
    peak: float = Field(ge=0, le=1)


class Settings(Strict):
    """How a camera looks for fire.

    Attributes:
        zones: Names of the camera's zones that are watched; none: everywhere.
        allowed: Where and when something may burn: kitchen, temple, burn-off.
        risk: Zone -> 0..1: how bad a fire would be there; part of the score.
        fire_labels: Classes of the model that are flame. smoke_labels: That are smoke.
        opens: A box as sure as this opens a place. counts: And one as sure as this counts there.
        fire: When a flame is believed. smoke: When smoke is.
        growth: Smoke that grows by this share in 20 s is told; so is smoke over flames or heat. Else: worth a look.
        heat: A pixel as hot as this in the same place supports it, where the camera is radiometric too [degC].
        busy: Pictures a second while something may burn. idle: Else.
    """

    zones: list[str] = Field(default_factory=list)
    allowed: list[Allowed] = Field(default_factory=list)
    risk: dict[str, float] = Field(default_factory=dict)
    fire_labels: list[str] = Field(default=["fire", "flame"])
    smoke_labels: list[str] = Field(default=["smoke"])
    opens: float = Field(default=0.35, ge=0, le=1)
    counts: float = Field(default=0.25, ge=0, le=1)
    fire: Limits = Limits(hits=5, window=3.0, share=0.5, peak=0.45)
    smoke: Limits = Limits(hits=10, window=6.0, share=0.0, peak=0.5)
    growth: float = Field(default=0.2, gt=0)
    heat: float = 80.0
    busy: float = Field(default=5.0, gt=0, le=30)
    idle: float = Field(default=2.0, gt=0, le=30)


class Detector:
    """Fire and smoke of one camera."""

    needs_model: ClassVar[bool] = True
    needs_tracks: ClassVar[bool] = False
    needs_celsius: ClassVar[bool] = False
    motion_gate: ClassVar[bool] = False

    def __init__(self, settings: Settings, context: SceneContext) -> None:
        allowed = [one.zone for one in settings.allowed if one.zone]
        require(context.zones, zones=settings.zones, allowed=allowed, risk=settings.risk)
        self._settings = settings
        self._offset_s = context.utc_offset_s
        self._zones = Zones(context.zones)
        self._nuisances = Nuisances(context.utc_offset_s)
        self._timing = Timing()
        self._places: list[Place] = []
        self._cooling: list[tuple[Place, datetime]] = []  # place, end of it
        self._frames: deque[float] = deque()
        self._preset = ""
        self._last_s: float | None = None
        self._changing_since: float | None = None
        self._grey: flames.Grey | None = None
        self._keys = Keys()

    def rate(self) -> float:
        """Pictures a second it wants now."""
        waiting = any(place.review or not place.course.confirmed for place in self._places)
        return self._settings.busy if waiting else self._settings.idle

    def look(self, frame: Frame, seen: Detections | None) -> Sequence[Sighting]:
        """One picture; what it makes of it."""
        if frame.moving or frame.preset != self._preset:
            self._turned(frame)
        if self._blind(frame) or seen is None:
            self._grey = None  # what flickers against the next picture would be the change itself
            return self._away(frame, blind=True)
        passed = self._passed(frame.stream_s)
        found = self._sort(frame, seen)
        self._measure(frame)
        said = [*self._away(frame, blind=False), *found]
        for place in [one for one in self._places if one.preset == frame.preset]:
            said += self._judge(place, frame, passed)
        self._places = [place for place in self._places if self._stays(place, frame.stream_s)]
        return said

    def end(self, stream_s: float, at: datetime) -> Sequence[Sighting]:
        """The stream has ended: what is open is closed."""
        said = [self._ended(place, stream_s, at) for place in self._places if place.course.confirmed]
        self._places.clear()
        self._frames.clear()
        self._last_s = self._grey = None
        return said

    def mark(self, key: str, *, right: bool, at: datetime) -> None:
        """A person's word: right, it is not told anew; false alarm, it must be surer the next time."""
        self._nuisances.mark(key, right=right, at=at)
        for place in self._places:
            if place.course.key == key:
                place.course.known = True

    def memory(self) -> dict[str, Any]:
        """What people have said, and of what they may still say it."""
        return {"nuisances": self._nuisances.memory(), **self._keys.memory()}

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Take it back."""
        kept = memory.get("nuisances")
        self._nuisances.restore(kept if isinstance(kept, Mapping) else {})
        self._keys.restore(memory)

    # -- looking ------------------------------------------------------------------------------------------------------

    def _turned(self, frame: Frame) -> None:
        """The camera looks elsewhere: what was not sure yet is forgotten, what was told stays open for that preset."""
        self._preset = frame.preset
        self._places = [place for place in self._places if place.course.confirmed]
        self._frames.clear()
        self._last_s = self._grey = None

    def _blind(self, frame: Frame) -> bool:
        """Whether what is seen now is not to be believed."""
        if frame.moving:
            return True
        if frame.changed <= SCENE_CHANGE:
            self._changing_since = None
            return False
        if self._changing_since is None or frame.stream_s < self._changing_since:
            self._changing_since = frame.stream_s
        return frame.stream_s - self._changing_since < SWITCH_S

    def _passed(self, now_s: float) -> float:
        last, self._last_s = self._last_s, now_s
        self._frames.append(now_s)
        longest = max(self._settings.fire.window, self._settings.smoke.window)
        while self._frames[0] <= now_s - longest:
            self._frames.popleft()
        return min(now_s - last, BREAK_S) if last is not None else 0.0

    def _sort(self, frame: Frame, seen: Detections) -> list[Sighting]:
        """Each box to its place; a sure one to a new place."""
        opened = []
        height, width = frame.image.shape[:2]
        for sides, score, label in sorted(
            zip(seen.xyxy, seen.scores, seen.labels, strict=True), key=lambda row: -float(row[1])
        ):
            kind = self._kind(label)
            if kind is None or score < self._settings.counts:
                continue
            x1, y1, x2, y2 = (float(side) for side in sides / (width, height, width, height))
            box = Box(max(x1, 0.0), max(y1, 0.0), min(x2, 1.0), min(y2, 1.0), kind, float(score))
            if not self._watched(box, frame):
                continue
            hit = Hit(frame.stream_s, box.score, box)
            place = self._place_of(kind, box, frame.preset)
            if place is not None:
                place.add(hit)
            elif box.score >= self._settings.opens:
                opened.append(self._open(kind, hit, frame))
        return opened

    def _kind(self, label: str) -> Literal["fire", "smoke"] | None:
        if label in self._settings.fire_labels:
            return "fire"
        return "smoke" if label in self._settings.smoke_labels else None

    def _watched(self, box: Box, frame: Frame) -> bool:
        names = self._settings.zones
        if names and not self._zone(box, frame.preset):
            return False
        return not any(
            one.holds(box, self._zones, frame.preset, at=frame.at, offset_s=self._offset_s)
            for one in self._settings.allowed
        )

    def _zone(self, box: Box, preset: str) -> str:
        """Where its middle lies: of the zones that are watched, of those with a risk when none is named."""
        x, y = centre(box)
        return self._zones.first(self._settings.zones or self._settings.risk, Box(x, y, x, y), preset)

    def _place_of(self, kind: str, box: Box, preset: str) -> Place | None:
        mine = [place for place in self._places if place.label == kind and place.preset == preset]
        known = [place for place in mine if place.is_at(box)]
        known += [place for place in mine if place.course.confirmed and place.touches(box, margin=0.0)]
        return min(known, key=lambda place: not place.course.confirmed, default=None)

    def _open(self, kind: str, hit: Hit, frame: Frame) -> Sighting:
        key = self._keys.next(f"{kind}-{frame.at:%Y%m%dT%H%M%S}")
        place = Place(kind, frame.preset, hit, Course(key, frame.stream_s, self._timing))
        self._places.append(place)
        return self._say(place, State.CANDIDATE, frame, {"score": round(hit.score, 3)}, hit.score * 0.5)

    def _measure(self, frame: Frame) -> None:
        """Flicker of every place; costs nothing while there is none."""
        here = [place for place in self._places if place.preset == frame.preset]
        if not here:
            self._grey = None
            return
        before, self._grey = self._grey, flames.grey(frame.image)
        for place in here if before is not None else ():
            fresh = flames.flicker(before, self._grey, place.box)  # type: ignore[arg-type]  # the loop is empty then
            place.flicker = fresh if place.flicker < 0 else 0.8 * place.flicker + 0.2 * fresh

    def _stays(self, place: Place, now_s: float) -> bool:
        state = place.course.state
        if state is State.ENDED:
            return False
        longest = max(self._settings.fire.window, self._settings.smoke.window)
        return state is not State.CANDIDATE or place.hits[-1].at_s > now_s - longest

    # -- judging ------------------------------------------------------------------------------------------------------

    def _judge(self, place: Place, frame: Frame, passed_s: float) -> list[Sighting]:
        now = frame.stream_s
        course = place.course
        why = self._believed(place, frame) if not course.confirmed or place.review else None
        if why is not None and (not course.confirmed or why["support"]):
            place.review = not why["support"]
            self._nuisances.told(
                course.key, place.label, place.box, preset=place.preset, at=frame.at, level=float(why["peak"])
            )
            return [self._say(place, course.confirm(now), frame, why, belief.score(why, review=place.review))]
        said = course.looked(now, passed_s, seen=place.hits[-1].at_s == now)
        if said is State.ENDED:
            return [self._ended(place, now, frame.at)]
        if said is None:
            return []
        why = self._numbers(place, frame, self._limits(place))
        return [self._say(place, said, frame, why, belief.score(why, review=place.review))]

    def _limits(self, place: Place) -> Limits:
        return self._settings.fire if place.label == "fire" else self._settings.smoke

    def _believed(self, place: Place, frame: Frame) -> Why | None:
        """The numbers by which it is believed; nothing while it is not."""
        limits = self._limits(place)
        hits = place.within(frame.stream_s, limits.window)
        if len(hits) < limits.hits or hits[-1].at_s != frame.stream_s:
            return None
        wanted = limits.peak
        false = self._nuisances.like(place.label, place.box, preset=place.preset, at=frame.at)
        if false is not None:
            wanted += FALSE_BEFORE
        why = self._numbers(place, frame, limits)
        if float(why["share"]) < limits.share or float(why["peak"]) < wanted or self._cools(place, frame.at):
            return None
        if false is not None:
            return {**why, "false_alarm_before": false.key}
        return why

    def _numbers(self, place: Place, frame: Frame, limits: Limits) -> Why:
        now = frame.stream_s
        frames = sum(1 for at in self._frames if at > now - limits.window)
        risk = self._settings.risk.get(self._zone(place.box, place.preset), 0.5)
        why = belief.numbers(place, frame, window_s=limits.window, frames=frames, risk=risk)
        return {**why, "support": self._support(place, frame, float(why["growth"]))}

    def _support(self, place: Place, frame: Frame, growth: float) -> str:
        """Why it may be told; a flame needs nothing beside itself."""
        heat = belief.hottest(frame, place.box)
        if heat is not None and heat >= self._settings.heat:
            return f"thermal {heat:.0f} degC"
        if place.label == "fire":
            return "flame"
        if growth >= self._settings.growth:
            return "growth"
        since = frame.stream_s - self._settings.smoke.window
        fire = any(
            other.label == "fire" and other.preset == place.preset and place.touches(other.box)
            and sum(1 for hit in other.hits if hit.at_s > since) >= 3
            for other in self._places
        )  # fmt: skip
        return "fire" if fire else ""

    def _cools(self, place: Place, at: datetime) -> bool:
        self._cooling = [(one, until) for one, until in self._cooling if until > at]
        return any(
            one.label == place.label and one.preset == place.preset and one.is_at(place.box)
            for one, _ in self._cooling
        )

    # -- saying -------------------------------------------------------------------------------------------------------

    def _away(self, frame: Frame, *, blind: bool) -> list[Sighting]:
        """Places of other presets, and all of them while nothing can be seen."""
        gone = [
            place
            for place in self._places
            if (blind or place.preset != frame.preset) and place.course.away(frame.stream_s) is State.ENDED
        ]
        self._places = [place for place in self._places if place not in gone]
        return [self._ended(place, frame.stream_s, frame.at) for place in gone]

    def _ended(self, place: Place, stream_s: float, at: datetime) -> Sighting:
        place.course.finish()
        self._cooling.append((place, at + timedelta(seconds=self._timing.cooldown_s)))
        why = {"lasted_s": round(stream_s - place.course.began_s, 1)}
        return Sighting(
            place.label, State.ENDED, place.course.key, stream_s, at, 0.0,
            zone=self._zone(place.box, place.preset), boxes=(place.box,), why=why, review=place.review,
        )  # fmt: skip

    def _say(self, place: Place, state: State, frame: Frame, why: Why, score: float) -> Sighting:
        support = tuple(
            other.box for other in self._places
            if other is not place and other.preset == place.preset and other.hits[-1].at_s == frame.stream_s
        )  # fmt: skip
        facts = {name: value for name, value in why.items() if value != ""}
        if place.course.times_told > 1:
            facts["told"] = place.course.times_told
        return Sighting(
            place.label, state, place.course.key, frame.stream_s, frame.at, score,
            zone=self._zone(place.box, place.preset), boxes=(place.box, *support), why=facts, review=place.review,
        )  # fmt: skip
