"""The best picture of each thing that is followed: large, sharp, whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.runtime.contracts import Picture
from detectors.runtime.trails import Trail

MARGIN = 0.08  # of the box on each side: boxes cut off mirrors and plates
EVERY_S = 0.3  # a sharper one does not come sooner
KEPT = 40  # portraits of one camera; a crowd does not fill the memory
SIDE_PX = 640  # longer is made smaller


@dataclass(frozen=True, slots=True)
class Portrait:
    """A crop and how good it is."""

    picture: Picture
    worth: float
    stream_s: float


class Portraits:
    """One for each trail."""

    def __init__(self) -> None:
        self._best: dict[int, Portrait] = {}
        self._tried: dict[int, float] = {}

    def clear(self) -> None:
        """Forget all."""
        self._best.clear()
        self._tried.clear()

    def of(self, trail: int) -> Portrait | None:
        """The best one so far."""
        return self._best.get(trail)

    def step(self, stream_s: float, image: Picture, trails: Iterable[Trail], keep: set[int]) -> None:
        """Take better ones where there are; those of trails that are neither here nor in ``keep`` are forgotten."""
        here = set(keep)
        for trail in trails:
            here.add(trail.number)
            if stream_s - self._tried.get(trail.number, -EVERY_S) >= EVERY_S:
                self._tried[trail.number] = stream_s
                self._try(stream_s, image, trail)
        for number in [one for one in self._tried if one not in here]:
            del self._tried[number]
            self._best.pop(number, None)
        while len(self._best) > KEPT:
            del self._best[next(one for one in self._best if one not in keep or len(keep) >= KEPT)]

    def _try(self, stream_s: float, image: Picture, trail: Trail) -> None:
        if trail.last.cut:
            return
        box, (height, width) = trail.last.box, image.shape[:2]
        across, down = MARGIN * box.width, MARGIN * box.height
        left, right = max(int(box.x1 - across), 0), min(int(box.x2 + across) + 1, width)
        top, bottom = max(int(box.y1 - down), 0), min(int(box.y2 + down) + 1, height)
        if right - left < 8 or bottom - top < 8:
            return
        crop = image[top:bottom, left:right]
        known = self._best.get(trail.number)
        worth = (right - left) * (bottom - top) * (1.0 + sharpness(crop))
        if known is None or worth > known.worth:
            longest = max(crop.shape[:2])
            small = (
                cv2.resize(crop, None, fx=SIDE_PX / longest, fy=SIDE_PX / longest)
                if longest > SIDE_PX
                else crop
            )
            self._best[trail.number] = Portrait(np.array(small, dtype=np.uint8), worth, stream_s)


def sharpness(picture: Picture) -> float:
    """How much fine detail a picture has: 0 none, 1 much; independent of its brightness and size."""
    grey: NDArray[np.uint8] = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    edge = max(min(grey.shape) // 64, 1)
    small = (
        cv2.resize(grey, None, fx=1 / edge, fy=1 / edge, interpolation=cv2.INTER_AREA) if edge > 1 else grey
    )
    spread = float(np.std(small)) + 1.0
    return min(float(np.std(cv2.Laplacian(small, cv2.CV_32F))) / spread / 2.0, 1.0)
