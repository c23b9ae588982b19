"""Clean plates: what a place looks like without what passes through it (vision reference 4.3, point 1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import cv2
import numpy as np

from detectors.runtime.contracts import Picture

DAY_MEAN, DAY_SPREAD = 55.0, 20.0  # grey levels; darker or flatter is no daylight
OPEN_FOR = timedelta(hours=1)  # a slot that has not got its pictures by then is missed
SIDE_PX = 640  # the longer side of a plate; more is no help to windows of 40 pixels


class PlateMaker:
    """Gathers the pictures of one slot and makes their median.

    Args:
        hours: Local hours at which a slot opens.
        pictures: How many go into a plate. over: The time they are spread over, at least.
    """

    def __init__(self, hours: Sequence[float], pictures: int, over: timedelta) -> None:
        self._hours = sorted(hours)
        self._pictures = pictures
        self._every = over / pictures
        self._taken: list[Picture] = []
        self._last: datetime | None = None
        self._slot: datetime | None = None
        self._done: datetime | None = None

    def forget(self) -> None:
        """The pictures gathered so far are of no use: the camera was moved or replaced."""
        self._taken.clear()
        self._last = self._slot = None

    def offer(self, image: Picture, local: datetime) -> Picture | None:
        """One picture; the plate when it was the last one needed.

        Args:
            image: The picture; a smaller copy is kept.
            local: Its local time.
        """
        slot = self._open_slot(local)
        if slot is None or slot == self._done:
            self.forget()
            return None
        if slot != self._slot:
            self._taken.clear()
            self._slot, self._last = slot, None
        if self._last is not None and local - self._last < self._every:
            return None
        self._last = local
        self._taken.append(smaller(image))
        if len(self._taken) < self._pictures:
            return None
        plate: Picture = np.median(np.stack(self._taken), axis=0).astype(np.uint8)
        self._done = slot
        self.forget()
        return plate

    def _open_slot(self, local: datetime) -> datetime | None:
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        for hour in self._hours:
            opens = midnight + timedelta(hours=hour)
            if opens <= local < opens + OPEN_FOR:
                return opens
        return None


def smaller(image: Picture) -> Picture:
    """A copy whose longer side is at most ``SIDE_PX``."""
    scale = SIDE_PX / max(image.shape[:2])
    if scale >= 1:
        return image.copy()
    return np.asarray(
        cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8
    )


def daylight(plate: Picture) -> bool:
    """Whether there was enough light to judge."""
    grey = cv2.cvtColor(plate, cv2.COLOR_BGR2GRAY)
    return float(grey.mean()) > DAY_MEAN and float(grey.std()) > DAY_SPREAD
