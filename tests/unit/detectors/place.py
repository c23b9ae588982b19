"""A place without a camera: houses, trees, a road, in any light, with a wall that grows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from detectors.illegal_building import Detector, Settings
from detectors.runtime.contracts import Detections, Frame, SceneContext, Sighting, Zone

WIDTH, HEIGHT = 480, 320
FIRST = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday, local midnight
OFFSET_S = 8 * 3600.0
FIELD = ((0.05, 0.45), (0.95, 0.45), (0.95, 0.98), (0.05, 0.98))


def ground() -> np.ndarray:
    """The place on a dull day: sky, houses with windows, a field with furrows and stones, a road, two trees."""
    rng = np.random.default_rng(11)
    picture = np.full((HEIGHT, WIDTH, 3), (190, 170, 150), np.float32)
    picture[110:] = (70, 120, 110)
    for x, width, top in ((10, 90, 60), (130, 70, 75), (320, 110, 50)):
        shade = rng.uniform(90, 170)
        picture[top:130, x : x + width] = (shade * 0.8, shade * 0.9, shade)
        for wx in range(x + 8, x + width - 12, 18):
            for wy in range(top + 8, 120, 20):
                picture[wy : wy + 11, wx : wx + 10] = (60, 50, 40)
        cv2.fillPoly(
            picture,
            [np.array([[x - 6, top], [x + width // 2, top - 22], [x + width + 6, top]])],
            (50, 60, 130),
        )
    stones = rng.integers(0, (WIDTH, HEIGHT - 140), (420, 2))
    for x, y in stones:
        shade = float(rng.uniform(40, 190))
        cv2.rectangle(
            picture,
            (int(x), int(y) + 138),
            (int(x) + int(rng.integers(3, 12)), int(y) + 138 + int(rng.integers(3, 9))),
            (shade, shade, shade),
            -1,
        )
    cv2.fillPoly(picture, [np.array([[200, 320], [235, 130], [265, 130], [330, 320]])], (110, 110, 115))
    for y in range(140, 320, 24):
        picture[y : y + 10, 255 + (y - 140) // 12 : 260 + (y - 140) // 10] = (220, 220, 220)
    return picture


GROUND = ground()


def brick(width: int, height: int) -> np.ndarray:
    """A wall of bricks."""
    wall = np.full((height, width, 3), (150, 160, 165), np.float32)
    for row, y in enumerate(range(0, height, 9)):
        for x in range(-(row % 2) * 9, width, 18):
            wall[y : y + 8, max(x, 0) : max(x + 16, 0)] = (70, 90, 165)
    return wall


@dataclass
class Place:
    """What stands where, and when.

    Attributes:
        wall: x, y of its lower left corner, width and height in the end [px]; built from day ``from_day`` in three steps
            of a day; ``None``: nothing is built.
        until_day: Pulled down again then. at_once: It is there from one hour to the next.
        turned_day: From then on the camera looks elsewhere.
        fog: Days. snow: Days. parked: A lorry stands there at these (day, hour).
    """

    wall: tuple[int, int, int, int] | None = None
    from_day: float = 6.0
    until_day: float = 1e9
    at_once: bool = False
    turned_day: float = 1e9
    fog: tuple[int, ...] = ()
    snow: tuple[int, ...] = ()
    parked: tuple[tuple[int, int], ...] = ()

    def picture(self, day: int, hour: float, take: int) -> np.ndarray:
        """One picture: sun by the hour, clouds by the day, wind, noise, people."""
        rng = np.random.default_rng((day, int(hour * 60), take))
        weather = np.random.default_rng(day)
        scene = GROUND.copy()
        built = (
            min(max(day + hour / 24 - self.from_day, 0.0) // 1.0 + 1.0, 3.0) / 3
            if day + hour / 24 >= self.from_day
            else 0
        )
        if self.wall is not None and built and day < self.until_day:
            x, y, width, full = self.wall
            height = full if self.at_once else max(int(full * built), 1)
            scene[y - height : y, x : x + width] = brick(width, height)
        if (day, int(hour)) in self.parked:
            cv2.rectangle(scene, (80, 220), (170, 280), (200, 190, 60), -1)
            cv2.rectangle(scene, (150, 235), (170, 260), (30, 30, 30), -1)
        for x, y, r in ((455, 150, 34), (25, 190, 26)):  # trees: other leaves every time
            for _ in range(220):
                dx, dy = rng.normal(0, r / 2, 2)
                shade = float(rng.uniform(30, 130))
                cv2.circle(scene, (int(x + dx), int(y + dy)), 3, (shade * 0.4, shade, shade * 0.5), -1)
        person = rng.uniform(0, WIDTH - 20)  # never at the same place: the median forgets it
        cv2.rectangle(scene, (int(person), 250), (int(person) + 14, 292), (40, 40, 160), -1)
        scene = self._lit(scene, hour, weather)
        if day in self.snow:
            scene = scene * 0.25 + 178
        if day in self.fog:
            scene = scene * 0.06 + 165
        scene += rng.normal(0, 3, scene.shape)
        sway = rng.uniform(-1.2, 1.2, 2)
        move = np.float32([[1, 0, sway[0]], [0, 1, sway[1]]])
        if day >= self.turned_day:
            move = np.float32([[1.0, 0.05, 190], [-0.05, 1.0, 60]])
        moved = cv2.warpAffine(scene.astype(np.float32), move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        return np.clip(moved, 0, 255).astype(np.uint8)

    def _lit(self, scene: np.ndarray, hour: float, weather: np.random.Generator) -> np.ndarray:
        """Sun from the left in the morning, from the right in the evening; shadows of the houses wander; gain and gamma."""
        sunny = weather.uniform() > 0.35
        side = (hour - 12) / 6
        light = 1 + 0.35 * side * np.linspace(-1, 1, WIDTH, dtype=np.float32)[None, :, None] * sunny
        lit = scene * light * (1.05 - 0.35 * abs(side)) * float(weather.uniform(0.8, 1.1))
        if sunny:
            shift = int(90 * side)
            for x, width in ((10, 90), (130, 70), (320, 110)):
                left = x - shift
                shadow = np.array([[x, 130], [x + width, 130], [left + width, 190], [left, 190]])
                mask = cv2.fillPoly(np.zeros((HEIGHT, WIDTH), np.uint8), [shadow], 1)
                lit[mask > 0] *= 0.55
        return 255 * (np.clip(lit, 0, 255) / 255) ** float(weather.uniform(0.85, 1.2))


@dataclass
class Site:
    """A detector that looks at a place, day after day."""

    folder: Path
    place: Place
    settings: dict[str, Any] = field(default_factory=dict)
    hours: tuple[float, ...] = (8, 10, 12, 14, 16)
    zones: tuple[str, ...] = ("field",)
    pictures: int = 5

    def __post_init__(self) -> None:
        self.detector = self.fresh()

    def fresh(self) -> Detector:
        """As after a restart of the worker."""
        context = SceneContext("hill", {"field": Zone("field", FIELD)}, self.folder, OFFSET_S)
        given = {"zones": self.zones, "pictures": self.pictures, **self.settings}
        return Detector(Settings.model_validate(given), context)

    def days(self, start: int, end: int, seen: Detections | None = None) -> list[Sighting]:
        """Show it these days; what it says."""
        said: list[Sighting] = []
        for day in range(start, end):
            for hour in self.hours:
                for take in range(self.pictures):
                    local = FIRST + timedelta(days=day, hours=hour, minutes=take * (10.5 / self.pictures))
                    at = local - timedelta(seconds=OFFSET_S)
                    image = self.place.picture(day, hour, take)
                    said += self.detector.look(Frame(image, (local - FIRST).total_seconds(), at), seen)
        return said
