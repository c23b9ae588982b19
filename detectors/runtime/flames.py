"""What a picture itself says of a supposed flame or smoke: colour, flicker, drift. Evidence for a score, never a gate.

As a hard gate flicker cost a fifth of the fires and saved no false alarm (vision reference 4.1, point 6).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.runtime.contracts import Box, Picture

SMALL = (178, 100)  # width, height of the grey picture that flicker is measured on (vision reference 3)
Grey = NDArray[np.uint8]  # (100, 178) uint8


def grey(image: Picture) -> Grey:
    """The picture small and grey."""
    small = cv2.resize(image, SMALL, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)


def flame_colours(image: Picture, box: Box) -> float:
    """Share of the box in the colours of a flame, 0..1.

    Red to yellow, saturated and bright, or the white of an overexposed core that has such colours around it
    (our choice of limits: hue 0-35 and 170-180 of 180, saturation above 90, value above 130 of 255).
    """
    crop = _crop(image, box)
    if crop is None:
        return 0.0
    hue, saturation, value = cv2.split(cv2.cvtColor(crop, cv2.COLOR_BGR2HSV))
    warm = ((hue <= 35) | (hue >= 170)) & (saturation > 90) & (value > 130)
    white = (value > 245) & (saturation < 60) if warm.mean() > 0.02 else np.zeros_like(warm)
    return float((warm | white).mean())


def smoke_colours(image: Picture, box: Box) -> float:
    """Share of the box that is grey: hardly any saturation, neither black nor glaring, 0..1."""
    crop = _crop(image, box)
    if crop is None:
        return 0.0
    _, saturation, value = cv2.split(cv2.cvtColor(crop, cv2.COLOR_BGR2HSV))
    return float(((saturation < 60) & (value > 50) & (value < 240)).mean())


def flicker(before: Grey, now: Grey, box: Box) -> float:
    """How much more the box changes than the scene around it, 0..1; 0.5 when it changes as much."""
    change = cv2.absdiff(before, now).astype(np.float32)
    height, width = change.shape
    x1, x2 = int(box.x1 * width), max(int(box.x1 * width) + 1, int(np.ceil(box.x2 * width)))
    y1, y2 = int(box.y1 * height), max(int(box.y1 * height) + 1, int(np.ceil(box.y2 * height)))
    inside = change[y1:y2, x1:x2]
    around = change.sum() - inside.sum()
    pixels = max(1, change.size - inside.size)
    own = float(inside.mean()) if inside.size else 0.0
    scene = float(around / pixels) + 0.5  # half a grey step of noise: a dead picture flickers nowhere
    return own / (own + scene)


def upward_drift(times_s: Sequence[float], tops: Sequence[float]) -> float:
    """How surely the upper edge rises, 0..1: a tenth of the picture's height in ten seconds is 1."""
    if len(times_s) < 4 or times_s[-1] - times_s[0] < 1.0:
        return 0.0
    slope = float(np.polyfit(np.asarray(times_s), np.asarray(tops), 1)[0])  # negative: upwards
    return float(np.clip(-slope * 100.0, 0.0, 1.0))


def _crop(image: Picture, box: Box) -> Picture | None:
    height, width = image.shape[:2]
    x1, y1 = int(np.clip(box.x1, 0, 1) * width), int(np.clip(box.y1, 0, 1) * height)
    x2, y2 = int(np.ceil(np.clip(box.x2, 0, 1) * width)), int(np.ceil(np.clip(box.y2, 0, 1) * height))
    if x2 - x1 < 2 or y2 - y1 < 2:
        return None
    crop = image[y1:y2, x1:x2]
    largest = 96  # pixels a side are enough for a share
    if max(crop.shape[:2]) > largest:
        scale = largest / max(crop.shape[:2])
        crop = np.asarray(cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    return crop
