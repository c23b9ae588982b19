"""The story of the street, repeated every two minutes: who is where, what burns, how high the wall is. Pure.

::

     3 s  straw in the yard begins to burn, grows for 20 s, smokes; is put out at 50 s
    10 s  a blue car is hit from behind by a purple one; the purple one stands, backs, drives round it and away
   100 s  the blue one is driven off
  always  others pass on the far lane, people walk along the pavement, a wall on the plot grows by a row at a time

Pixels of a picture of 640 x 360; ``foot`` is where something stands.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 360
LOOP_S = 120.0
FIRE_FROM_S, FIRE_TO_S, FIRE_GROWS_S = 3.0, 50.0, 20.0
CRASH_S = 12.0
CLEARED_S = 100.0
STRAW = (96, 168)  # where the fire stands: x, foot
PLOT = (462, 606, 172)  # of the wall: left, right, foot
CAR, PERSON = (84, 44), (18, 50)  # width, height
NEAR_LANE, FAR_LANE, PASSING = 302, 246, 252  # foot
PAVEMENT = 345
SPEED_A, SPEED_B = 75.0, 150.0  # px/s
WALL_ROWS, ROW_PX = 14, 6
_OUT = 60  # px beyond the border where nobody is seen


@dataclass(frozen=True, slots=True)
class Actor:
    """Something that moves.

    Attributes:
        label: ``car`` or ``person``.
        paint: Name of its colour.
        x: Of its middle. foot: Of its wheels or shoes.
        width: Pixels. height: Pixels.
        step: Phase of walking, 0..1.
    """

    label: str
    paint: str
    x: float
    foot: float
    width: int
    height: int
    step: float = 0.0

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x1 y1 x2 y2."""
        half = self.width / 2
        return self.x - half, self.foot - self.height, self.x + half, self.foot


@dataclass(frozen=True, slots=True)
class Moment:
    """All that is to be seen at one time.

    Attributes:
        actors: The farthest first.
        flame: How high the fire is, 0..1; 0: none burns.
        smoke: How much of it there is, 0..1.
        wall: Rows of bricks.
    """

    actors: Sequence[Actor]
    flame: float
    smoke: float
    wall: int


class Story:
    """What happens.

    Args:
        seed: Who passes when; the same seed tells the same story.
        rows_per_s: How fast the wall grows. wall_from_s: When somebody begins to build it.
    """

    def __init__(self, seed: int = 1, rows_per_s: float = 0.1, wall_from_s: float = 0.0) -> None:
        chance = random.Random(seed)  # noqa: S311  # a story, not a secret
        self._rows_per_s = rows_per_s
        self._wall_from_s = wall_from_s
        self._passing = [(start, chance.uniform(70, 110)) for start in _starts(chance, 9.0, 16.0)]
        self._walking = [(start, chance.uniform(20, 32)) for start in _starts(chance, 18.0, 30.0)]

    def at(self, stream_s: float) -> Moment:
        """The street at a time since the stream began."""
        now = stream_s % LOOP_S
        flame, smoke = _fire(now)
        actors = [*self._passers(now), *_crash(now), *self._walkers(now)]
        wall = min(WALL_ROWS, max(0, int((stream_s - self._wall_from_s) * self._rows_per_s)))
        return Moment(sorted(actors, key=lambda one: one.foot), flame, smoke, wall)

    def _passers(self, now: float) -> Iterator[Actor]:
        """On the far lane, from right to left; nobody while the purple car drives round the blue one."""
        for start, speed in self._passing:
            arrives = start + (WIDTH + 2 * _OUT) / speed
            if start <= now <= arrives and not (start < CRASH_S + 10 and arrives > CRASH_S - 1):
                x = WIDTH + _OUT - speed * (now - start)
                yield Actor("car", "teal", x, FAR_LANE, *CAR)

    def _walkers(self, now: float) -> Iterator[Actor]:
        for start, speed in self._walking:
            x = -_OUT + speed * (now - start)
            if start <= now and x <= WIDTH + _OUT:
                yield Actor("person", "green", x, PAVEMENT, *PERSON, step=(now * 1.8) % 1)


def _starts(chance: random.Random, least: float, most: float) -> list[float]:
    starts, at = [], chance.uniform(0, least)
    while at < LOOP_S:
        starts.append(at)
        at += chance.uniform(least, most)
    return starts


def _fire(now: float) -> tuple[float, float]:
    if not FIRE_FROM_S <= now < FIRE_TO_S + 8:
        return 0.0, 0.0
    grown = min(1.0, 0.3 + (now - FIRE_FROM_S) / FIRE_GROWS_S)
    smoke = min(1.0, max(0.0, (now - FIRE_FROM_S - 1) / FIRE_GROWS_S))
    if now >= FIRE_TO_S:
        return 0.0, smoke * (1 - (now - FIRE_TO_S) / 8)
    return grown, smoke


def _crash(now: float) -> Iterator[Actor]:
    """The blue car (hit) and the purple one (leaves)."""
    length = CAR[0]
    hit_at = -_OUT + SPEED_A * 6.0  # where the blue car is at the moment of the crash
    begins = CRASH_S - 6.0
    since = now - CRASH_S
    if begins <= now < CRASH_S:
        yield Actor("car", "blue", hit_at + SPEED_A * since, NEAR_LANE, *CAR)
    elif now >= CRASH_S:
        rolled = hit_at + 14.0 * (1 - 2.0 ** (-8 * min(since, 2.0)))
        leaves = max(0.0, now - CLEARED_S) * SPEED_A
        if rolled + leaves < WIDTH + _OUT:
            yield Actor("car", "blue", rolled + leaves, NEAR_LANE, *CAR)
    touching = hit_at - length
    if since < 0:
        x = touching + SPEED_B * since
        if x > -_OUT:
            yield Actor("car", "purple", x, NEAR_LANE, *CAR)
        return
    x, foot = _leaving(since, touching)
    if x < WIDTH + _OUT:
        yield Actor("car", "purple", x, foot, *CAR)


def _leaving(since: float, touching: float) -> tuple[float, float]:
    """Stands for two seconds, backs for one, drives round and away."""
    stands, backs, turns = 2.0, 1.0, 1.0
    if since < stands:
        return touching, NEAR_LANE
    if since < stands + backs:
        return touching - 24 * (since - stands), NEAR_LANE
    driving = since - stands - backs
    foot = NEAR_LANE + (PASSING - NEAR_LANE) * min(1.0, driving / turns)
    speed = 30.0 if driving < turns else SPEED_B
    way = 30.0 * min(driving, turns) + max(0.0, driving - turns) * speed
    return touching - 24 + way, foot
