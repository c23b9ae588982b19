"""What becomes of those who touched: who stays, who leaves, who does not come back (vision reference 4.2, 4 and 5)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from detectors.runtime.encounters import REST, Encounter, Party
from detectors.runtime.trails import Trail, Vector, kind_of

NEAR_SIZES = 3.0  # one that stands within so many body lengths of the place has stayed
AWAY_SIZES = 2.0  # one that moves farther than that has left
STAND_S = 1.0  # of standing, before it is believed
LOST_S = 0.5  # not seen for so long: not there any more
JOIN_S = (
    3.0  # a chain collision is over by then; who touches later at the same place is traffic that passes it
)
CHANGED = 0.5  # body lengths/s; less is how one drives in traffic
ALIKE_SIZE = 1.6  # a newcomer may be the leaver come back when their sizes differ by no more than this factor


class Fate(StrEnum):
    """What a party does now."""

    STAYS = "stays"
    LEAVES = "leaves"
    UNKNOWN = "unknown"


@dataclass(eq=False)
class Follow:
    """One party, followed.

    Attributes:
        party: As it was at its hardest encounter.
        fate: What it does now, as far as is known.
        stood_s: Since when it has been standing near the place, ``None`` when it does not.
        left_s: Since when it has been away without a break.
        exit_speed: How fast it was when last seen [body lengths/s]; ``None`` when not known.
        heading: Which way it went when last seen.
    """

    party: Party
    fate: Fate = Fate.UNKNOWN
    stood_s: float | None = None
    left_s: float | None = None
    exit_speed: float | None = None
    heading: Vector | None = None


@dataclass(eq=False)
class Case:
    """One place where something happened.

    Attributes:
        key: Of its sightings.
        opened_s: Stream time of the first encounter.
        hardest: Of its encounters so far.
        follows: Its parties by the number of their trails.
        collision_s: When it was told as a collision. fled_s: When as a hit-and-run. reviewed: Told as worth a look.
    """

    key: str
    opened_s: float
    hardest: Encounter
    follows: dict[int, Follow] = field(default_factory=dict)
    collision_s: float | None = None
    fled_s: float | None = None
    reviewed: bool = False

    def take(self, encounter: Encounter) -> None:
        """One more encounter; one that comes late changes nothing."""
        if encounter.stream_s - self.opened_s > JOIN_S:
            return
        if encounter.score > self.hardest.score:
            self.hardest = encounter
        for party in encounter.parties:
            known = self.follows.get(party.trail.number)
            if known is None:
                self.follows[party.trail.number] = Follow(party)
            elif party.impulse > known.party.impulse:
                known.party = party

    def covers(self, place: tuple[float, float]) -> bool:
        """Whether a place belongs to this case."""
        return _distance(place, self.hardest.place) <= NEAR_SIZES * self.hardest.size

    def joined_by(self, encounter: Encounter) -> bool:
        """Whether an encounter belongs to this case: at its place, or one of the parties again."""
        return self.covers(encounter.place) or any(
            party.trail.number in self.follows for party in encounter.parties
        )

    def step(self, stream_s: float, everybody: Iterable[Trail]) -> None:
        """Look where the parties are now."""
        around = list(everybody)
        for follow in self.follows.values():
            self._look_at(follow, stream_s)
            if follow.left_s is not None and self._came_back(follow, stream_s, around):
                follow.left_s, follow.fate = None, Fate.UNKNOWN

    def stayed(self, strong: float) -> list[Follow]:
        """Those that are known to have stayed.

        One that had been standing all along and did not move says little, a parked car stays whatever passes it: it
        counts only beside somebody who was changed ``strong`` or more.
        """
        return [
            one
            for one in self.follows.values()
            if one.fate is Fate.STAYS
            and (self.hardest.score >= strong or not one.party.rested or one.party.impulse >= REST)
        ]

    def runner(self, stream_s: float, gone_s: float, still_moving: float) -> Follow | None:
        """The party that has been away long enough and was moving when it went.

        Only vehicles run, and only one of the hardest encounter or one that was changed itself: who merely drove by
        close to it does not flee.
        """
        hardest = {party.trail.number for party in self.hardest.parties}
        for number, follow in self.follows.items():
            if kind_of(follow.party.trail.label) == "person" or follow.left_s is None:
                continue
            if number not in hardest and follow.party.impulse < CHANGED:
                continue
            if stream_s - follow.left_s >= gone_s and (follow.exit_speed or 0.0) > still_moving:
                return follow
        return None

    def _look_at(self, follow: Follow, stream_s: float) -> None:
        trail = follow.party.trail
        there = trail.seen_s >= stream_s - LOST_S
        velocity = trail.velocity(trail.seen_s - 0.6, trail.seen_s, cut_too=True) if there else None
        if velocity is not None:
            follow.exit_speed = velocity.size
            if velocity.size > REST:
                follow.heading = velocity
        away = _distance(trail.last.box.foot, self.hardest.place) / self.hardest.size
        moving = follow.exit_speed is not None and follow.exit_speed > REST
        if there and follow.exit_speed is not None and not moving:
            follow.left_s = None
            if away > NEAR_SIZES:
                follow.stood_s, follow.fate = None, Fate.UNKNOWN
                return
            follow.stood_s = trail.seen_s if follow.stood_s is None else follow.stood_s
            if trail.seen_s - follow.stood_s >= STAND_S:
                follow.fate = Fate.STAYS
            return
        if there:
            follow.stood_s = None
        if moving and (away > AWAY_SIZES or (not there and trail.last.cut)):
            follow.left_s = trail.seen_s if follow.left_s is None else follow.left_s
            follow.fate = Fate.LEAVES
        elif there:
            follow.left_s, follow.fate = None, Fate.UNKNOWN

    def _came_back(self, follow: Follow, stream_s: float, around: list[Trail]) -> bool:
        """Whether a vehicle like it, new since it left, stands near the place: it may be the same one."""
        gone = follow.party.trail
        for trail in around:
            if trail.number in self.follows or follow.left_s is None or trail.born_s < follow.left_s:
                continue
            if kind_of(trail.label) != kind_of(gone.label) or trail.seen_s < stream_s - LOST_S:
                continue
            size, was = trail.last.box.size, gone.near(self.hardest.stream_s).box.size
            near = _distance(trail.last.box.foot, self.hardest.place) <= NEAR_SIZES * self.hardest.size
            if (
                near
                and max(size, was) <= ALIKE_SIZE * min(size, was)
                and (trail.speed(stream_s) or 1.0) < REST
            ):
                return True
        return False


def _distance(a: tuple[float, float], b: tuple[float, float]) -> float:
    return math.hypot(a[0] - b[0], a[1] - b[1])
