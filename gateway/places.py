"""Where things are and whom they belong to: cells of the village, places, and the shortest way round them. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Protocol

from pydantic import Field, model_validator

from gateway.schema import Slug, Strict

EARTH_RADIUS_M = 6_371_008.8  # mean radius of WGS 84 (IUGG 1980)
BETTER = 1e-9  # a change that saves less than this (metre or pixel) is rounding, not a shorter way

CellKind = Literal["micro", "grid", "village", "township"]
KINDS: tuple[CellKind, ...] = (
    "micro",
    "grid",
    "village",
    "township",
)  # level 1 to 4 (alerting reference 4.10)


class Cell(Strict):
    """A part of the village that somebody answers for (devices reference 10.1: village, grid, micro-grid).

    Attributes:
        kind: Micro-grid, grid, village or township: who answers at level 1, 2, 3 or 4.
        name: What people read.
        parent: The larger cell that it lies in.
        members: People who answer for it; always, unless ``duty.rota`` has shifts for the cell.
        lat: Degrees north. lon: Degrees east.
        point: Or its place on the site's own map image, pixels to the right and down.
    """

    kind: CellKind
    name: str = ""
    parent: Slug | None = None
    members: list[Slug] = Field(default_factory=list)
    lat: float | None = Field(default=None, ge=-90, le=90)
    lon: float | None = Field(default=None, ge=-180, le=180)
    point: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Cell:
        if (self.lat is None) != (self.lon is None):
            raise ValueError("lat and lon are written together")
        return self

    @property
    def level(self) -> int:
        """1 for a micro-grid to 4 for a township."""
        return KINDS.index(self.kind) + 1


@dataclass(frozen=True, slots=True)
class Place:
    """A point: on the earth (degrees north, degrees east) or on the site's map image (pixels right, down)."""

    on: Literal["earth", "map"]
    first: float
    second: float


class Placed(Protocol):
    """What may have a place: a cell, a device, the site."""

    @property
    def lat(self) -> float | None:
        """Degrees north."""

    @property
    def lon(self) -> float | None:
        """Degrees east."""

    @property
    def point(self) -> tuple[float, float] | None:
        """Pixels right and down on the site's map image."""


def place_of(thing: Placed) -> Place | None:
    """Where it is; degrees before pixels where both are written."""
    if thing.lat is not None and thing.lon is not None:
        return Place("earth", thing.lat, thing.lon)
    return None if thing.point is None else Place("map", *thing.point)


def distance(one: Place, other: Place) -> float:
    """How far it is as the crow flies: metres on the earth (haversine), pixels on the map.

    Raises:
        ValueError: One is on the earth and the other on the map.
    """
    if one.on != other.on:
        raise ValueError("a point of the map and one of the earth cannot be compared")
    if one.on == "map":
        return math.hypot(one.first - other.first, one.second - other.second)
    north, north_other = math.radians(one.first), math.radians(other.first)
    half_north = math.sin((north_other - north) / 2)
    half_east = math.sin(math.radians(other.second - one.second) / 2)
    h = half_north**2 + math.cos(north) * math.cos(north_other) * half_east**2
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, h)))


def length(places: Sequence[Place]) -> float:
    """The way through all places in their order, not back: metres or pixels."""
    return sum(distance(one, other) for one, other in pairwise(places))


def walking_order(start: Place, stops: Mapping[str, Place | None]) -> list[str]:
    """In which order to visit the stops, beginning at the start and ending at the last stop.

    Nearest neighbour, then 2-opt (turning stretches round while that shortens the way); the given order is improved
    too and the shorter of both is taken, so the answer is never longer than what was given. Stops without a place, or
    with one that cannot be compared with the start, come last in the order given.

    Args:
        start: Where the round begins.
        stops: Name -> place.
    """
    there = {name: place for name, place in stops.items() if place is not None and place.on == start.on}
    lost = [name for name in stops if name not in there]
    names = list(there)
    points = [start, *there.values()]
    apart = [[distance(one, other) for other in points] for one in points]
    given = list(range(len(points)))
    candidates = (_turned(_nearest(apart), apart), _turned(given, apart))
    best = min(candidates, key=lambda order: _sum(order, apart))
    return [names[index - 1] for index in best[1:]] + lost


def _nearest(apart: Sequence[Sequence[float]]) -> list[int]:
    """From the start always to the nearest that has not been visited."""
    order, left = [0], set(range(1, len(apart)))
    while left:
        here = order[-1]
        order.append(min(left, key=lambda index: (apart[here][index], index)))
        left.remove(order[-1])
    return order


def _turned(order: list[int], apart: Sequence[Sequence[float]]) -> list[int]:
    """2-opt of an open way whose first point stays."""
    order = list(order)
    last = len(order) - 1
    better = True
    while better:
        better = False
        for i in range(1, last):
            for j in range(i + 1, last + 1):
                before = apart[order[i - 1]][order[i]] + (apart[order[j]][order[j + 1]] if j < last else 0.0)
                after = apart[order[i - 1]][order[j]] + (apart[order[i]][order[j + 1]] if j < last else 0.0)
                if after < before - BETTER:
                    order[i : j + 1] = reversed(order[i : j + 1])
                    better = True
    return order


def _sum(order: Sequence[int], apart: Sequence[Sequence[float]]) -> float:
    return sum(apart[one][other] for one, other in pairwise(order))
