"""Parts of the picture, asked whether a point lies in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import cv2
import numpy as np

from detectors.runtime.contracts import Zone


class Areas:
    """Some of a camera's zones, by name.

    Args:
        zones: Of the camera.
        names: Those that are meant, in the order in which they are asked.
        everywhere: With no names every point lies inside, in a zone without a name; otherwise in none.
    """

    def __init__(self, zones: Mapping[str, Zone], names: Iterable[str], *, everywhere: bool = False) -> None:
        self._shapes = [(zones[name], np.array(zones[name].polygon, np.float32)) for name in names]
        self._everywhere = everywhere and not self._shapes

    def at(self, x: float, y: float, preset: str = "") -> str | None:
        """Name of the zone in which a point lies (shares of width and height); ``None``: in none of them."""
        if self._everywhere:
            return ""
        for zone, shape in self._shapes:
            if zone.preset in {"", preset} and cv2.pointPolygonTest(shape, (x, y), False) >= 0:
                return zone.name
        return None
