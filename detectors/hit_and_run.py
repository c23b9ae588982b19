"""Collisions on the road, and who drove away.

- sees: tracks of vehicles, two-wheelers and people
- asks for: 10 pictures a second
- decides: two that touch and are changed by it are a candidate; when one of them stays it is told as ``collision`` at
  once; when the other one has been gone for a quarter of a minute and was still driving when it went, the same sighting
  becomes ``hit_and_run``. One that stops dead in a running lane and stays is a ``stalled_vehicle``
- keeps quiet: in parking zones, queues and crowds, while the camera turns, when the whole scene changes
- measured on: docs/traffic-and-building.md

Source: vision reference 4.2, points 1 to 7, where each number not named otherwise comes from. About 40 % of accidents
are seen at all with a small model, and no hit-and-run of a fixed camera was at hand to test with: a person looks at
each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field

from detectors.runtime.aftermath import Case, Fate, Follow
from detectors.runtime.contracts import Box, Detections, Frame, SceneContext, Sighting, State
from detectors.runtime.encounters import Encounters, Reach
from detectors.runtime.keys import Keys
from detectors.runtime.portraits import Portraits
from detectors.runtime.stalls import Stall, Stalls
from detectors.runtime.trails import Trail, Trails, Vector
from detectors.runtime.zones import Zones, require
from gateway.schema import Strict

SCENE_CHANGE = 0.3  # share of pixels: exposure, infra-red switch; vision reference 4.1, point 5
COMPASS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
WAYS = ("up", "up-right", "right", "down-right", "down", "down-left", "left", "up-left")


class Settings(Strict):
    """What stands in the site file.

    Attributes:
        carriageway: Zones in which things count; none: the whole picture.
        parking: Zones in which things do not count.
        candidate: From this impulse on [body lengths/s] it is noted. strong: From this on a person should look, even
            when nobody stays.
        aftermath_s: For how long it is awaited that somebody stays.
        gone_s: How long a party must be away.
        still_moving: Slower than that when last seen [body lengths/s] is no runner.
        watch_s: For how long after a collision somebody may still drive off.
        cooldown_s: So long after a collision nothing new is told at the same place.
        crowd: With more things than that in the zone nothing is judged.
        stalled_s: A vehicle that stopped dead in a running lane has stalled after so long; 0: not looked for.
        bearing_deg: Where the top of the picture lies on the compass [degrees from north]; ``None``: headings are
            told in picture terms only.
        next_camera: For ways in picture terms (``left``, ``up-right`` ...) the camera that sees what goes there.
    """

    carriageway: tuple[str, ...] = ()
    parking: tuple[str, ...] = ()
    candidate: float = Field(1.0, gt=0)
    strong: float = Field(1.4, gt=0)
    aftermath_s: float = Field(8.0, gt=0)
    gone_s: float = Field(15.0, gt=0)
    still_moving: float = Field(0.5, ge=0)
    watch_s: float = Field(60.0, gt=0)
    cooldown_s: float = Field(30.0, ge=0)
    crowd: int = Field(25, gt=1)
    stalled_s: float = Field(20.0, ge=0)
    bearing_deg: float | None = Field(None, ge=0, lt=360)
    next_camera: Mapping[str, str] = Field(default_factory=dict)


class Detector:
    """One camera above a road."""

    needs_model: ClassVar[bool] = True
    needs_tracks: ClassVar[bool] = True
    needs_celsius: ClassVar[bool] = False
    motion_gate: ClassVar[bool] = True

    def __init__(self, settings: Settings, context: SceneContext) -> None:
        require(context.zones, carriageway=settings.carriageway, parking=settings.parking)
        self._settings = settings
        self._camera = context.camera
        self._zones = Zones(context.zones)
        self._trails = Trails()
        self._encounters = Encounters(Reach())
        self._portraits = Portraits()
        self._stalls = Stalls(settings.stalled_s)
        self._cases: list[Case] = []
        self._quiet: list[tuple[float, Case]] = []  # until when nothing is told at the place of a closed case
        self._shape = (1, 1)
        self._preset = ""
        self._keys = Keys()

    @property
    def waiting(self) -> bool:
        """Whether a case is open: that a party has gone shows in a street in which nothing moves."""
        return bool(self._cases)

    def rate(self) -> float:
        """Ten pictures a second: an impact is over in half a second."""
        return 10.0

    def look(self, frame: Frame, seen: Detections | None) -> Sequence[Sighting]:
        """One picture later."""
        self._shape = (frame.image.shape[1], frame.image.shape[0])
        if frame.moving or frame.preset != self._preset:
            said = self.end(frame.stream_s, frame.at)
            self._preset = frame.preset
            return said
        if seen is None:
            return ()
        if frame.changed > SCENE_CHANGE:
            self._encounters.clear()
            return ()
        here = self._trails.step(frame.stream_s, seen, *self._shape)
        here = [one for one in here if self._zone(*one.last.box.foot) is not None]
        self._portraits.step(
            frame.stream_s, frame.image, here, {number for case in self._cases for number in case.follows}
        )
        said = [] if len(here) > self._settings.crowd else self._touches(frame, here)
        for case in list(self._cases):
            said += self._follow(case, frame)
        said += [self._stalled(one, frame) for one in self._stalls.step(frame.stream_s, here, self._blocked)]
        return said

    def end(self, stream_s: float, at: datetime) -> Sequence[Sighting]:
        """Close what is open, forget all tracks."""
        said = [self._ended(case, stream_s, at) for case in self._cases if case.collision_s is not None]
        self._cases.clear()
        self._quiet.clear()
        self._trails.clear()
        self._encounters.clear()
        self._portraits.clear()
        self._stalls.clear()
        return said

    def mark(self, key: str, *, right: bool, at: datetime) -> None:
        """An operator's word changes nothing here: every accident is another one."""

    def memory(self) -> dict[str, Any]:
        """How many sightings were given keys, so that none is used twice."""
        return self._keys.memory()

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Go on counting."""
        self._keys.restore(memory)

    def _zone(self, x: float, y: float) -> str | None:
        """On which carriageway a point lies [px], empty where none is named; ``None``: it does not count."""
        point = Box(x / self._shape[0], y / self._shape[1], x / self._shape[0], y / self._shape[1])
        if self._zones.first(self._settings.parking, point, self._preset):
            return None
        road = self._settings.carriageway
        return self._zones.first(road, point, self._preset) or (None if road else "")

    def _touches(self, frame: Frame, here: list[Trail]) -> list[Sighting]:
        said = []
        for encounter in self._encounters.step(frame.stream_s, here):
            if encounter.score < self._settings.candidate:
                continue
            case = next((one for one in self._cases if one.joined_by(encounter)), None)
            if case is not None:
                case.take(encounter)
            elif not self._blocked(encounter.place, frame.stream_s):
                case = Case(self._key(frame.at), encounter.stream_s, encounter)
                case.take(encounter)
                self._cases.append(case)
                said.append(self._said(case, frame, "collision", State.CANDIDATE))
        return said

    def _blocked(self, place: tuple[float, float], stream_s: float) -> bool:
        """Whether something was told at this place a moment ago."""
        self._quiet = [(until, case) for until, case in self._quiet if until > stream_s]
        return any(case.covers(place) for case in self._cases) or any(
            case.covers(place) for _, case in self._quiet
        )

    def _follow(self, case: Case, frame: Frame) -> list[Sighting]:
        now, settings = frame.stream_s, self._settings
        said: list[Sighting] = []
        case.step(now, self._trails)
        age = now - case.opened_s
        if case.collision_s is None and age <= settings.aftermath_s and case.stayed(settings.strong):
            if any(one.covers(case.hardest.place) for one in self._cases if one.collision_s is not None):
                self._close(case, now)  # two cases have grown into one place, and it is told
                return said
            case.collision_s = now
            said.append(self._said(case, frame, "collision", State.CONFIRMED))
        runner = case.runner(now, settings.gone_s, settings.still_moving)
        if (
            case.collision_s is not None
            and case.fled_s is None
            and runner is not None
            and case.stayed(settings.strong)
        ):
            case.fled_s = now
            said.append(self._fled(case, runner, frame))
        if case.collision_s is None and age > settings.aftermath_s:
            if case.hardest.score >= settings.strong:
                said.append(replace(self._said(case, frame, "collision", State.CONFIRMED), review=True))
            self._close(case, now)
        elif case.fled_s is not None or age > settings.watch_s + settings.gone_s:
            said.append(self._ended(case, now, frame.at))
            self._close(case, now)
        return said

    def _close(self, case: Case, stream_s: float) -> None:
        self._cases.remove(case)
        self._quiet.append((max(case.hardest.stream_s + self._settings.cooldown_s, stream_s), case))

    def _key(self, at: datetime) -> str:
        return self._keys.next(f"{self._camera}-crash-{at:%Y%m%d}")

    def _said(self, case: Case, frame: Frame, kind: str, state: State) -> Sighting:
        hardest = case.hardest
        first, second = hardest.parties
        why: dict[str, float | str] = {
            "impulse": round(hardest.score, 2),
            "contact_s": round(hardest.stream_s, 2),
            "parties": " + ".join(follow.party.trail.label for follow in case.follows.values()),
        }
        for name, party in (("first", first), ("second", second)):
            why[f"{name}_before"] = "unknown" if party.before is None else round(party.before.size, 2)
            why[f"{name}_after"] = "unknown" if party.after is None else round(party.after.size, 2)
        if any(party.struck for party in hardest.parties):
            why["struck"] = "person"
        why["fates"] = " + ".join(follow.fate for follow in case.follows.values())
        return Sighting(
            kind=kind,
            state=state,
            key=case.key,
            stream_s=frame.stream_s,
            at=frame.at,
            score=self._score(case, state),
            zone=self._zone(*hardest.place) or "",
            boxes=self._boxes(case.follows.values(), frame.stream_s),
            why=why,
            before_s=10.0 + frame.stream_s - case.opened_s,
            after_s=20.0,
        )

    def _score(self, case: Case, state: State) -> float:
        """0.4 to 0.6 for a candidate, 0.65 to 0.9 once somebody has stayed; harder is surer."""
        hard = min(max(case.hardest.score - self._settings.candidate, 0.0), 1.0)
        if state is State.CANDIDATE or case.collision_s is None:
            return round(0.4 + 0.2 * hard, 2)
        return round(0.65 + 0.25 * hard, 2)

    def _fled(self, case: Case, runner: Follow, frame: Frame) -> Sighting:
        told = self._said(case, frame, "hit_and_run", State.CONFIRMED)
        assert runner.left_s is not None
        why = dict(told.why)
        why["gone_s"] = round(frame.stream_s - runner.left_s, 1)
        why["exit_speed"] = round(runner.exit_speed or 0.0, 2)
        why["leaver"] = runner.party.trail.label
        if runner.heading is not None:
            why |= self._heading(runner.heading)
        portrait = self._portraits.of(runner.party.trail.number)
        return replace(
            told,
            score=min(round(told.score + 0.05, 2), 1.0),
            why=why,
            before_s=min(told.before_s, 60.0),
            after_s=5.0,
            pictures={"leaver": portrait.picture} if portrait is not None else {},
        )

    def _heading(self, heading: Vector) -> dict[str, float | str]:
        """Where it went: in picture terms, on the compass if it is known how the camera looks, and who sees it next."""
        way = way_of(heading)
        told: dict[str, float | str] = {"heading": way}
        if self._settings.bearing_deg is not None:
            told["compass"] = COMPASS[(WAYS.index(way) + round(self._settings.bearing_deg / 45)) % 8]
        if way in self._settings.next_camera:
            told["next_camera"] = self._settings.next_camera[way]
        return told

    def _stalled(self, stall: Stall, frame: Frame) -> Sighting:
        return Sighting(
            kind="stalled_vehicle",
            state=State.CONFIRMED,
            key=self._key(frame.at),
            stream_s=frame.stream_s,
            at=frame.at,
            score=round(min(0.6 + 0.1 * stall.passed, 0.9), 2),
            zone=self._zone(*stall.trail.last.box.foot) or "",
            boxes=(self._box(stall.trail),),
            why={
                "stopped_s": round(stall.stopped_s, 2),
                "impulse": round(stall.impulse, 2),
                "stands_s": round(frame.stream_s - stall.stopped_s, 1),
                "passed_by": float(stall.passed),
            },
            before_s=10.0 + frame.stream_s - stall.stopped_s,
        )

    def _ended(self, case: Case, stream_s: float, at: datetime) -> Sighting:
        kind = "hit_and_run" if case.fled_s is not None else "collision"
        zone = self._zone(*case.hardest.place) or ""
        return Sighting(kind, State.ENDED, case.key, stream_s, at, self._score(case, State.ENDED), zone)

    def _boxes(self, follows: Iterable[Follow], stream_s: float) -> tuple[Box, ...]:
        """Of the parties that are in the picture now, leavers first."""
        there = [one for one in follows if one.party.trail.seen_s >= stream_s - 0.3]
        there.sort(key=lambda one: one.fate is not Fate.LEAVES)
        return tuple(self._box(one.party.trail) for one in there)

    def _box(self, trail: Trail) -> Box:
        width, height = self._shape
        box = trail.last.box
        across = [min(max(x / width, 0.0), 1.0) for x in (box.x1, box.x2)]
        down = [min(max(y / height, 0.0), 1.0) for y in (box.y1, box.y2)]
        return Box(across[0], down[0], across[1], down[1], label=trail.label)


def way_of(heading: Vector) -> str:
    """A direction in picture terms: ``up`` is away from the camera, ``down`` towards it."""
    return WAYS[round(math.degrees(math.atan2(heading.x, -heading.y)) / 45) % 8]
