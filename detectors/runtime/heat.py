"""Hot places in a picture of degrees: where they are, and the same place from picture to picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.runtime.contracts import Box, Zone
from detectors.runtime.course import Course
from detectors.runtime.zones import centre

KIND = "thermal"
Mask = NDArray[np.bool_]  # (h, w)


@dataclass(frozen=True, slots=True)
class Hot:
    """A hot place in one picture."""

    box: Box
    hottest: float
    above: float  # over what is usual [K]
    pixels: int
    absolute: bool
    grown: float  # in 10 s [K]


class HotPlace:
    """A hot place through time."""

    def __init__(self, hot: Hot, preset: str, course: Course) -> None:
        self.hot = hot
        self.preset = preset
        self.course = course
        self.row = 0  # pictures in a row
        self.missed = 0
        self.seen_s = course.began_s
        self.score = 0.0

    def is_at(self, box: Box) -> bool:
        """Whether a box lies here: its middle within 0.6 of the larger one's size, or at least 2 % of the picture."""
        (x, y), (u, v) = centre(self.hot.box), centre(box)
        wide = max(self.hot.box.x2 - self.hot.box.x1, box.x2 - box.x1)
        high = max(self.hot.box.y2 - self.hot.box.y1, box.y2 - box.y1)
        return abs(x - u) <= max(0.6 * wide, 0.02) and abs(y - v) <= max(0.6 * high, 0.02)


def parts(hot: Mask, least: int) -> Iterable[tuple[Mask, Box]]:
    """Connected areas of at least so many pixels, and the box around each."""
    if not hot.any():
        return
    height, width = hot.shape
    count, labels, stats, _ = cv2.connectedComponentsWithStats(hot.astype(np.uint8), connectivity=8)
    for index in range(1, count):
        x, y, w, h, pixels = (int(value) for value in stats[index])
        if pixels >= least:
            box = Box(x / width, y / height, (x + w) / width, (y + h) / height, KIND, 1.0)
            yield labels == index, box


def raster(zone: Zone | None, preset: str, shape: tuple[int, int]) -> Mask:
    """Pixels of a zone; none when it belongs to another preset."""
    canvas = np.zeros(shape, np.uint8)
    if zone is not None and (not zone.preset or zone.preset == preset):
        corners = np.asarray(zone.polygon, np.float64) * (shape[1], shape[0])
        cv2.fillPoly(canvas, [np.round(corners).astype(np.int32)], 1)
    return canvas.astype(bool)
