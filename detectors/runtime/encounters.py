"""Where two trails touch, and whether one of them was hit: contact and impulse.

Every pair that could touch is looked at in every picture; a pair that touches is judged again while it does, each time
``AFTER_S`` later, when it is known how both went on. The hardest moment counts.

Source: vision reference 4.2, points 2, 3 and 6.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from detectors.runtime.trails import Rectangle, Trail, Vector, kind_of

BEFORE_S = 0.6  # the speed before is fitted over this much
AFTER_S = 0.8  # and the speed after up to this
SETTLE_S = 0.1  # the moment of the blow itself tells no speed
REST = 0.25  # body lengths a second; slower is standing
OTHER_WEIGHT = 0.35  # how much the change of the party that was changed less adds
UPRIGHT, LYING = 1.3, 0.9  # height over width of a person
STRUCK_S = 1.0  # within so long of the contact
STRUCK_IMPULSE = 1.0
GROUP_PICTURES = 3  # together, before a rider and his bicycle are told from strangers
GROUP_SHARE = 0.7  # of the pictures in which both are seen


@dataclass(frozen=True, slots=True)
class Reach:
    """What counts as a touch. Lengths are shares of a box, speeds body lengths a second.

    Attributes:
        gap: Largest gap between the boxes, of the smaller one's size.
        foot: Largest difference of their lower edges, of the smaller one's height: more is in front or behind.
        overlap: From this intersection over union on it is one thing seen twice.
        smallest_px: Neither side of either box may be shorter.
        closing: Slowest speed of one against the other before.
        queue: Both slower than that before: a queue that closes up.
    """

    gap: float = 0.10
    foot: float = 0.6
    overlap: float = 0.75
    smallest_px: float = 16.0
    closing: float = 0.7
    queue: float = 0.7


@dataclass(frozen=True, slots=True)
class Party:
    """One side of an encounter.

    Attributes:
        trail: Whose.
        before: Its speed before, ``None`` when not known. after: Its speed after.
        impulse: Weighted size of its change of speed [body lengths/s].
        struck: A person that fell or was lost.
    """

    trail: Trail
    before: Vector | None
    after: Vector | None
    impulse: float
    struck: bool = False

    @property
    def rested(self) -> bool:
        """It is known to have stood before."""
        return self.before is not None and self.before.size < REST


@dataclass(frozen=True, slots=True)
class Encounter:
    """Two parties that touched, judged.

    Attributes:
        stream_s: When.
        parties: Both, the one that was changed more first.
        score: Largest impulse + 0.35 x the other.
        place: Between them [px]. size: The larger body length [px].
    """

    stream_s: float
    parties: tuple[Party, Party]
    score: float
    place: tuple[float, float]
    size: float


def touching(a: Rectangle, b: Rectangle, reach: Reach) -> bool:
    """Whether two boxes touch on the ground."""
    if min(a.width, a.height, b.width, b.height) < reach.smallest_px:
        return False
    smaller = a if a.size <= b.size else b
    gap = math.hypot(max(a.x1 - b.x2, b.x1 - a.x2, 0.0), max(a.y1 - b.y2, b.y1 - a.y2, 0.0))
    if gap > reach.gap * smaller.size or abs(a.y2 - b.y2) > reach.foot * smaller.height:
        return False
    return overlap(a, b) < reach.overlap


def overlap(a: Rectangle, b: Rectangle) -> float:
    """Intersection over union."""
    width, height = min(a.x2, b.x2) - max(a.x1, b.x1), min(a.y2, b.y2) - max(a.y1, b.y1)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (a.width * a.height + b.width * b.height - shared)


def impulse(before: Vector | None, after: Vector | None) -> float:
    """How hard one party was changed.

    Full weight when it lost speed or was pushed from rest; half when it sped up: that is how one drives off. Nothing
    when either speed is unknown.
    """
    if before is None or after is None:
        return 0.0
    change = math.hypot(after.x - before.x, after.y - before.y)
    return change if after.size < before.size or before.size < REST else 0.5 * change


def struck(trail: Trail, stream_s: float, now_s: float) -> bool:
    """Whether a person fell or vanished within a second of a touch.

    One whom the edge of the picture cuts off has walked out of it; one who goes on under another number has one trail.
    """
    if kind_of(trail.label) != "person":
        return False
    if trail.seen_s < min(stream_s + STRUCK_S, now_s) - SETTLE_S * 2:
        return not trail.last.cut
    before = trail.between(stream_s - BEFORE_S, stream_s)
    after = trail.between(stream_s, stream_s + STRUCK_S)
    stood = any(one.box.height > UPRIGHT * one.box.width for one in before)
    return stood and any(one.box.height < LYING * one.box.width for one in after)


@dataclass
class _Pair:
    """Two trails that come near each other."""

    together: int = 0  # pictures in which both are there
    overlapping: int = 0
    touches: deque[float] = field(default_factory=deque)  # times not judged yet
    seen_s: float = 0.0


class Encounters:
    """All pairs of one camera."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._pairs: dict[tuple[int, int], _Pair] = {}
        self._trails: dict[int, Trail] = {}

    def clear(self) -> None:
        """Forget all touches that wait to be judged."""
        self._pairs.clear()
        self._trails.clear()

    def step(self, stream_s: float, present: Sequence[Trail]) -> list[Encounter]:
        """Look at the trails that are in this picture; what touched ``STRUCK_S`` ago is judged now."""
        for index, a in enumerate(present):
            for b in present[index + 1 :]:
                self._meet(stream_s, *((a, b) if a.number < b.number else (b, a)))
        judged = []
        for (first, second), pair in list(self._pairs.items()):
            while pair.touches and pair.touches[0] <= stream_s - max(AFTER_S, STRUCK_S):
                at = pair.touches.popleft()
                found = self._judged(at, stream_s, self._trails[first], self._trails[second], pair)
                judged += [found] if found is not None else []
            if not pair.touches and pair.seen_s < stream_s - STRUCK_S:
                del self._pairs[first, second]
        kept = {number for pair in self._pairs for number in pair}
        self._trails = {number: trail for number, trail in self._trails.items() if number in kept}
        return judged

    def _meet(self, stream_s: float, a: Trail, b: Trail) -> None:
        first, second = a.last.seen, b.last.seen
        wide = (first.size + second.size) * 1.5
        if abs(first.x1 - second.x1) > wide or abs(first.y1 - second.y1) > wide:
            return
        pair = self._pairs.setdefault((a.number, b.number), _Pair())
        self._trails[a.number], self._trails[b.number] = a, b
        pair.seen_s = stream_s
        pair.together += 1
        pair.overlapping += overlap(first, second) > 0
        if touching(first, second, self._reach):
            pair.touches.append(stream_s)

    def _judged(self, at: float, now: float, a: Trail, b: Trail, pair: _Pair) -> Encounter | None:
        if (
            _one_rider(a, b)
            and pair.together >= GROUP_PICTURES
            and pair.overlapping > GROUP_SHARE * pair.together
        ):
            return None
        sides = [_party(one, at, now) for one in (a, b)]
        first, second = a.near(at).box, b.near(at).box
        if not self._fast_enough(sides[0], sides[1], first, second):
            return None
        sides.sort(key=lambda one: one.impulse, reverse=True)
        score = sides[0].impulse + OTHER_WEIGHT * sides[1].impulse
        if score <= 0:
            return None
        place = (first.foot[0] + second.foot[0]) / 2, (first.foot[1] + second.foot[1]) / 2
        return Encounter(at, (sides[0], sides[1]), score, place, max(first.size, second.size))

    def _fast_enough(self, a: Party, b: Party, first: Rectangle, second: Rectangle) -> bool:
        """Whether they met at speed, as far as that is known; no queue closing up.

        One that came into sight just before has no speed before; how it went on says whether it was moving.
        """
        one, other = a.before or a.after, b.before or b.after
        speeds = [speed.size for speed in (one, other) if speed is not None]
        if not speeds or max(speeds) < self._reach.queue:
            return False
        if one is None or other is None:
            return True  # the one that is known is fast
        between = math.sqrt(first.size * second.size)
        across = one.x * first.size - other.x * second.size
        down = one.y * first.size - other.y * second.size
        return math.hypot(across, down) / between >= self._reach.closing


def _party(trail: Trail, at: float, now: float) -> Party:
    before = trail.velocity(at - BEFORE_S, at)
    after = trail.velocity(at + SETTLE_S, at + AFTER_S)
    fell = struck(trail, at, now)
    return Party(trail, before, after, max(impulse(before, after), STRUCK_IMPULSE if fell else 0.0), fell)


def _one_rider(a: Trail, b: Trail) -> bool:
    return {kind_of(a.label), kind_of(b.label)} == {"person", "two-wheeler"}
