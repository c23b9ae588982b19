"""Parts of a picture: how much of a box lies in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shapely.geometry import Point, Polygon
from shapely.geometry import box as rectangle

from detectors.runtime.contracts import Box, Zone
from gateway.errors import Fault, SettingsError


class Zones:
    """The zones of one camera, ready to be asked.

    Args:
        zones: By name. One that belongs to a preset is there only while the camera looks that way.
    """

    def __init__(self, zones: Mapping[str, Zone]) -> None:
        self._zones = dict(zones)
        self._shapes = {name: Polygon(zone.polygon).buffer(0) for name, zone in zones.items()}

    def share(self, name: str, box: Box, preset: str = "") -> float:
        """Which share of the box lies in the zone, 0..1; of a box without area: whether its point does."""
        zone = self._zones.get(name)
        if zone is None or (zone.preset and zone.preset != preset):
            return 0.0
        shape = self._shapes[name]
        area = (box.x2 - box.x1) * (box.y2 - box.y1)
        if area <= 0:
            return 1.0 if shape.covers(Point(box.x1, box.y1)) else 0.0
        return float(shape.intersection(rectangle(box.x1, box.y1, box.x2, box.y2)).area / area)

    def first(self, names: Iterable[str], box: Box, preset: str = "", *, least: float = 0.5) -> str:
        """The first of these zones that holds at least that share of the box; empty when none does."""
        return next((name for name in names if self.share(name, box, preset) >= least), "")


def require(zones: Mapping[str, Zone], /, **named: Iterable[str]) -> None:
    """Every zone that settings name must be one of the camera's: a detector would look at nothing, and say nothing.

    Args:
        zones: Of the camera.
        named: Key of the settings -> names that stand there.

    Raises:
        SettingsError: With every name that is none.
    """
    known = ", ".join(zones) or "none"
    faults = [
        Fault("", 0, key, f"no zone is called {name!r}", f"there is: {known}")
        for key, names in named.items()
        for name in names
        if name not in zones
    ]
    if faults:
        raise SettingsError(*faults)


def overlap(one: Box, other: Box) -> float:
    """Area of both together over the area of either (intersection over union), 0..1."""
    width = min(one.x2, other.x2) - max(one.x1, other.x1)
    height = min(one.y2, other.y2) - max(one.y1, other.y1)
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (area(one) + area(other) - both)


def area(box: Box) -> float:
    """Share of the picture that the box covers, 0..1."""
    return max(0.0, box.x2 - box.x1) * max(0.0, box.y2 - box.y1)


def centre(box: Box) -> tuple[float, float]:
    """Its middle, shares of width and height."""
    return (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
