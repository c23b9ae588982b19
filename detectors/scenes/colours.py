"""A model without a network, for the synthetic street only: things are found by the colours that only they have there.

It looks at pixels and nothing else; the story is not told to it. On real pictures it is useless.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.runtime.contracts import Detections, Picture
from detectors.scenes.painting import PAINTS

LABELS = ("car", "person", "fire", "smoke")
LEAST_AREA = {"car": 220, "person": 90, "fire": 60, "smoke": 700}  # pixels of 640 x 360
_HUE = 5  # of 180, either way: noise and shade move it by 3
_ROOF = 22  # caption at the top, see painting.py

_Box = tuple[str, float, float, float, float, float]


class Colours:
    """See :class:`detectors.runtime.contracts.Model`."""

    labels: tuple[str, ...] = LABELS

    def look(self, image: Picture) -> Detections:
        """Boxes of everything of a known colour, in pixels of ``image``."""
        hsv = cv2.cvtColor(cv2.GaussianBlur(image, (3, 3), 0), cv2.COLOR_BGR2HSV)
        hsv[:_ROOF] = 0
        scale = image.shape[0] * image.shape[1] / (640 * 360)
        found: list[_Box] = []
        for paint, (hue, _, _) in PAINTS.items():
            label = "person" if paint == "green" else "car"
            mask = cv2.inRange(hsv, (hue - _HUE, 130, 90), (hue + _HUE, 255, 255))
            found += _things(mask, label, scale, close=9)
        found += _things(cv2.inRange(hsv, (5, 170, 215), (36, 255, 255)), "fire", scale, close=7)
        found += _things(_smoke(image), "smoke", scale, close=15)
        boxes = np.array([box[2:] for box in found], np.float32).reshape(-1, 4)
        scores = np.array([box[1] for box in found], np.float32)
        return Detections(boxes, scores, tuple(box[0] for box in found))


def _smoke(image: Picture) -> NDArray[np.uint8]:
    """Grey with a violet tinge: blue above green, red near green."""
    blue, green, red = (cv2.blur(channel, (7, 7)).astype(np.int16) for channel in cv2.split(image))
    tinge = (blue - green > 9) & (abs(red - green) < 7) & (green > 115) & (green < 165)
    tinge[:_ROOF] = False
    return (tinge * 255).astype(np.uint8)


def _things(mask: NDArray[np.uint8], label: str, scale: float, *, close: int) -> Iterator[_Box]:
    kernel = np.ones((close, close), np.uint8)
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel)
    count, _, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    for x, y, width, height, area in stats[1:count].tolist():
        least = LEAST_AREA[label] * scale
        if area < least:
            continue
        fill = area / (width * height)
        score = min(0.95, 0.45 + 0.5 * fill * min(1.0, area / (3 * least)))
        top, bottom = float(y), float(y + height)
        if label == "person":  # the jacket is seen; head and legs belong to it
            top, bottom = y - 0.6 * height, y + 1.8 * height
        elif label == "car":
            bottom += 0.15 * height  # wheels
        yield label, score, float(x), max(0.0, top), float(x + width), min(float(mask.shape[0]), bottom)
