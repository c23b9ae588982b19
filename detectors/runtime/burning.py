"""One place that may burn or smoke: what was seen there, and when. Places are told apart by where, not tracked.

Source: vision reference 4.1, points 2 to 4.
"""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import NamedTuple

from detectors.runtime.contracts import Box
from detectors.runtime.course import Course
from detectors.runtime.zones import area, centre

SAME_PLACE = 0.6  # of the larger box's width and height: so far apart are two centres of one place
KEPT_S = 20.0  # what growth looks back
_NEW = 0.3  # weight of the newest box in the place's own


class Hit(NamedTuple):
    """The model saw it in one picture."""

    at_s: float
    score: float
    box: Box


class Place:
    """A place.

    Attributes:
        label: ``fire`` or ``smoke``.
        preset: Where the camera looked.
        box: Where it is, smoothed.
        course: How far it has come.
        review: It has been told as worth a look only.
        flicker: Mean flicker so far, 0..1; -1 before it was measured.
    """

    def __init__(self, label: str, preset: str, hit: Hit, course: Course) -> None:
        self.label = label
        self.preset = preset
        self.box = hit.box
        self.course = course
        self.review = False
        self.flicker = -1.0
        self.hits: deque[Hit] = deque([hit])

    def is_at(self, box: Box) -> bool:
        """Whether a box lies in this place."""
        (x, y), (u, v) = centre(self.box), centre(box)
        wide = max(self.box.x2 - self.box.x1, box.x2 - box.x1)
        high = max(self.box.y2 - self.box.y1, box.y2 - box.y1)
        return abs(x - u) <= SAME_PLACE * wide and abs(y - v) <= SAME_PLACE * high

    def touches(self, box: Box, *, margin: float = 0.2) -> bool:
        """Whether a box touches this place grown by a margin (of its own size) to each side."""
        wide, high = margin * (self.box.x2 - self.box.x1), margin * (self.box.y2 - self.box.y1)
        across = box.x1 <= self.box.x2 + wide and box.x2 >= self.box.x1 - wide
        return across and box.y1 <= self.box.y2 + high and box.y2 >= self.box.y1 - high

    def add(self, hit: Hit) -> None:
        """Seen again; of several boxes in one picture the surest counts."""
        if self.hits and self.hits[-1].at_s == hit.at_s:
            if hit.score <= self.hits[-1].score:
                return
            self.hits.pop()
        self.hits.append(hit)
        while self.hits[0].at_s < hit.at_s - KEPT_S:
            self.hits.popleft()
        old, new = self.box, hit.box
        self.box = Box(
            _smoothed(old.x1, new.x1),
            _smoothed(old.y1, new.y1),
            _smoothed(old.x2, new.x2),
            _smoothed(old.y2, new.y2),
            new.label,
            new.score,
        )

    def within(self, now_s: float, span_s: float) -> list[Hit]:
        """What was seen in the last seconds."""
        return [hit for hit in self.hits if now_s - span_s < hit.at_s <= now_s]

    def growth(self, now_s: float) -> float:
        """How much its area grew within the last 20 s: 0.2 is a fifth; 0 when too little was seen to say.

        Newest against oldest third, by their medians: the boxes of a small model jitter from picture to picture.
        """
        hits = self.within(now_s, KEPT_S)
        if len(hits) < 9 or hits[-1].at_s - hits[0].at_s < 4.0:
            return 0.0
        third = len(hits) // 3
        old = median(area(hit.box) for hit in hits[:third])
        new = median(area(hit.box) for hit in hits[-third:])
        return new / old - 1 if old > 0 else 0.0


def _smoothed(old: float, new: float) -> float:
    return (1 - _NEW) * old + _NEW * new
