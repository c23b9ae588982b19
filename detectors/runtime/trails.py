"""Where followed things have been: one trail for each, with speeds that need no calibration.

A speed is told in body lengths a second: pixels a second over the square root of the box's area. A car near the camera
and one far away that drive equally fast get about the same number (vision reference 4.2, point 1).

A tracker loses things exactly when they collide. A trail therefore outlives its track number: a track that is born
close to where a trail has just ended, soon enough, goes on with that trail (point 4).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from detectors.runtime.contracts import Detections

KEPT_S = 12.0  # of each trail: the aftermath of 8 s and what was before it
SMOOTH = 3  # boxes; vision reference 4.2, point 1
LINK_S, LINK_SIZES = 1.2, 1.2  # vision reference 4.2, point 4
TORN_SIZES, TORN_FACTOR = (
    1.2,
    1.5,
)  # a longer step or a greater change of size between two boxes is another thing
TORN_GAP_S = 0.35  # between boxes farther apart in time it may be true
BORDER = 0.01  # of the picture: a box that ends so near its edge is cut off, its middle tells no speed

VEHICLES = frozenset({"car", "bus", "truck"})
TWO_WHEELERS = frozenset({"bicycle", "motorcycle"})
PEOPLE = frozenset({"person"})


class Vector(NamedTuple):
    """A speed in body lengths a second, to the right and down."""

    x: float
    y: float

    @property
    def size(self) -> float:
        """How fast."""
        return math.hypot(self.x, self.y)


class Rectangle(NamedTuple):
    """A box in pixels."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        """In pixels."""
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        """In pixels."""
        return self.y2 - self.y1

    @property
    def size(self) -> float:
        """The body length: square root of the area [px]."""
        return math.sqrt(max(self.width, 1.0) * max(self.height, 1.0))

    @property
    def foot(self) -> tuple[float, float]:
        """Where it stands on the ground: the middle of its bottom quarter."""
        return (self.x1 + self.x2) / 2, self.y2 - self.height / 8


class Moment(NamedTuple):
    """A thing at one time.

    ``box`` is smoothed and so a picture late, ``seen`` as the model gave it. ``cut`` says that the picture's edge
    cuts it off, ``torn`` that the box jumped: it tells no speed.
    """

    stream_s: float
    box: Rectangle
    seen: Rectangle
    cut: bool
    torn: bool = False


@dataclass(eq=False)
class Trail:
    """One thing for as long as it can be followed, over changes of its track number.

    Attributes:
        number: Ours, never used again.
        born_s: Stream time of its first box.
        moments: The last ``KEPT_S`` seconds.
        links: How many times it went on under another track number.
    """

    number: int
    born_s: float
    moments: deque[Moment] = field(default_factory=deque)
    links: int = 0
    _raw: deque[Rectangle] = field(default_factory=lambda: deque(maxlen=SMOOTH))
    _labels: dict[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What the model has called it with the most weight so far."""
        return max(self._labels, key=self._labels.__getitem__)

    @property
    def last(self) -> Moment:
        """Its newest moment."""
        return self.moments[-1]

    @property
    def seen_s(self) -> float:
        """Stream time of its newest moment."""
        return self.moments[-1].stream_s

    def add(self, stream_s: float, box: Rectangle, label: str, score: float, cut: bool) -> None:  # noqa: FBT001  # a fact of the box
        """One more box."""
        torn = bool(self._raw) and stream_s - self.seen_s <= TORN_GAP_S and _torn(self._raw[-1], box)
        if torn:
            self._raw.clear()
        self._raw.append(box)
        self._labels[label] = self._labels.get(label, 0.0) + score
        count = len(self._raw)
        smooth = Rectangle(*(sum(side) / count for side in zip(*self._raw, strict=True)))
        self.moments.append(Moment(stream_s, smooth, box, cut, torn))
        while self.moments[0].stream_s < stream_s - KEPT_S:
            self.moments.popleft()

    def between(self, start_s: float, end_s: float) -> list[Moment]:
        """Its moments from then to then, both included."""
        return [one for one in self.moments if start_s - 1e-6 <= one.stream_s <= end_s + 1e-6]

    def near(self, stream_s: float) -> Moment:
        """The moment nearest to a time."""
        return min(self.moments, key=lambda one: abs(one.stream_s - stream_s))

    def velocity(self, start_s: float, end_s: float, *, cut_too: bool = False) -> Vector | None:
        """How fast it moved from then to then: a line fitted through its foot points.

        ``None`` when that is not known: fewer than three moments or a fifth of a second, cut off by the edge of the
        picture (unless ``cut_too``), or torn (the track jumped to something else).
        """
        moments = self.between(start_s, end_s)
        if len(moments) < 3 or moments[-1].stream_s - moments[0].stream_s < 0.2:
            return None
        if not cut_too and any(one.cut for one in moments):
            return None
        size = median(one.box.size for one in moments)
        feet = [one.box.foot for one in moments]
        if any(one.torn for one in moments[1:]):
            return None
        times = [one.stream_s for one in moments]
        return Vector(
            _slope(times, [foot[0] for foot in feet]) / size, _slope(times, [foot[1] for foot in feet]) / size
        )

    def speed(self, stream_s: float, window_s: float = 0.6) -> float | None:
        """How fast it was in the time up to then."""
        velocity = self.velocity(stream_s - window_s, stream_s)
        return None if velocity is None else velocity.size


class Trails:
    """All trails of one camera, moved by one picture after the other."""

    def __init__(self, labels: Iterable[str] = VEHICLES | TWO_WHEELERS | PEOPLE) -> None:
        self._labels = frozenset(labels)
        self._by_track: dict[int, Trail] = {}
        self._trails: dict[int, Trail] = {}
        self._next = 0

    def __iter__(self) -> Iterator[Trail]:
        return iter(self._trails.values())

    def clear(self) -> None:
        """Forget all: the stream has broken, or the camera looks elsewhere."""
        self._by_track.clear()
        self._trails.clear()

    def step(self, stream_s: float, seen: Detections, width: int, height: int) -> list[Trail]:
        """Take over what was seen in one picture; returns the trails that have a box in it."""
        rows = []
        if seen.tracks is not None:
            for index, (label, track) in enumerate(zip(seen.labels, seen.tracks.tolist(), strict=True)):
                if track >= 0 and label in self._labels:
                    rows.append(
                        (track, Rectangle(*seen.xyxy[index].tolist()), label, float(seen.scores[index]))
                    )
        present = {self._by_track[row[0]].number for row in rows if row[0] in self._by_track}
        now: dict[int, Trail] = {}
        for track, box, label, score in rows:
            trail = self._by_track.get(track)
            if trail is None or trail.number in now:
                trail = self._continued(box, label, stream_s, present) or self._born(stream_s)
                self._by_track[track] = trail
                present.add(trail.number)
            trail.add(stream_s, box, label, score, _cut(box, width, height))
            now[trail.number] = trail
        self._forget(stream_s)
        return list(now.values())

    def _born(self, stream_s: float) -> Trail:
        self._next += 1
        trail = self._trails[self._next] = Trail(self._next, stream_s)
        return trail

    def _continued(self, box: Rectangle, label: str, stream_s: float, present: set[int]) -> Trail | None:
        """The trail that this new track goes on with, the nearest of those that have just been lost."""
        best: Trail | None = None
        best_distance = math.inf
        for trail in self._trails.values():
            if (
                trail.number in present
                or stream_s - trail.seen_s > LINK_S
                or kind_of(label) != kind_of(trail.label)
            ):
                continue
            reach = LINK_SIZES * max(trail.last.box.size, box.size)
            distance = _distance(trail.last.box.foot, box.foot)
            if distance <= reach and distance < best_distance:
                best, best_distance = trail, distance
        if best is not None:
            best.links += 1
        return best

    def _forget(self, stream_s: float) -> None:
        for number in [one.number for one in self._trails.values() if one.seen_s < stream_s - KEPT_S]:
            del self._trails[number]
        self._by_track = {track: one for track, one in self._by_track.items() if one.number in self._trails}


def kind_of(label: str) -> str:
    """``vehicle``, ``two-wheeler`` or ``person``: a model mixes up car and truck, not car and person."""
    if label in VEHICLES:
        return "vehicle"
    return "two-wheeler" if label in TWO_WHEELERS else "person"


def _cut(box: Rectangle, width: int, height: int) -> bool:
    return (
        box.x1 < BORDER * width
        or box.y1 < BORDER * height
        or box.x2 > (1 - BORDER) * width
        or box.y2 > (1 - BORDER) * height
    )


def _torn(before: Rectangle, after: Rectangle) -> bool:
    """Whether two boxes of one track can hardly be of one thing."""
    smaller, larger = sorted((before.size, after.size))
    return larger > TORN_FACTOR * smaller or _distance(before.foot, after.foot) > TORN_SIZES * larger


def _distance(a: tuple[float, float], b: tuple[float, float]) -> float:
    return math.hypot(a[0] - b[0], a[1] - b[1])


def _slope(xs: list[float], ys: list[float]) -> float:
    """Of the line with the least squared error."""
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - x_mean) ** 2 for x in xs)
    return sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True)) / spread
