"""Which windows have changed for good, and where they hang together (vision reference 4.3, point 4)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import cv2
import numpy as np

from detectors.runtime.likeness import Mask

LAST = 6  # plates
SHARE = 0.75  # of them in which a window must have changed
FIRST = timedelta(hours=12)  # of the time it must have lasted: it was there then already
SLACK = timedelta(
    hours=6
)  # "two days" from the morning of one day to the noon of the next but one is two days

History = Sequence[tuple[datetime, Mask]]  # in order of time


def persistent(history: History, lasting: timedelta, shape: tuple[int, int]) -> Mask:
    """Windows that have changed in most of the last plates, and for so long already."""
    nothing = np.zeros(shape, bool)
    if len(history) < LAST or history[-1][0] - history[0][0] < lasting - SLACK:
        return nothing
    now = history[-1][0]
    recent = [mask for at, mask in history if at >= now - lasting]
    first = [mask for at, mask in history if at >= now - lasting and at < now - lasting + FIRST]
    lately = np.mean([mask for _, mask in history[-LAST:]], axis=0) >= SHARE
    long = np.mean(recent, axis=0) >= SHARE
    from_the_start = np.mean(first or recent, axis=0) >= 0.5
    return np.asarray(lately & long & from_the_start)


def patches(mask: Mask, least: int) -> list[Mask]:
    """The connected areas (also over corners) of at least so many windows, largest first."""
    count, numbers = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    found = [np.asarray(numbers == number) for number in range(1, count)]
    return sorted((one for one in found if int(one.sum()) >= least), key=lambda one: -int(one.sum()))


def growing(history: History, patch: Mask) -> bool:
    """Whether the changed area at and around a patch is larger now than when it appeared."""
    around = cv2.dilate(patch.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    areas = [int((mask & around).sum()) for _, mask in history]
    fewest = max(2, int(patch.sum()) // 4)
    first = next((index for index, area in enumerate(areas) if area >= fewest), None)
    if first is None or len(areas) - first < LAST:
        return False
    early, late = float(np.mean(areas[first : first + 3])), float(np.mean(areas[-3:]))
    return late >= 1.25 * early and late >= early + 2
