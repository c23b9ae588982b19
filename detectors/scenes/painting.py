"""The street as a camera would see it: paint, flicker, noise, and the words that say it is not real."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.runtime.contracts import Celsius, Picture
from detectors.scenes.street import (
    HEIGHT,
    NEAR_LANE,
    PLOT,
    ROW_PX,
    STRAW,
    WIDTH,
    Actor,
    Story,
)

CAPTION = "SYNTHETIC SCENE - not a camera"
# Colours that nothing else in the street has: hue of 180, saturation, value (OpenCV's HSV).
PAINTS = {"blue": (110, 215, 200), "purple": (150, 200, 185), "teal": (90, 215, 190), "green": (72, 220, 190)}
NOISE = 2.0  # standard deviation of the sensor's noise [grey levels]
FLAME_PX = (34, 62)  # width and height of the fire when it is largest
SMOKE_BGR = (168, 150, 150)  # a grey with a violet tinge that nothing else has
AMBIENT_C, ASPHALT_C, ENGINE_C, FLAME_C = 24.0, 33.0, 52.0, 320.0
THERMAL_SIZE = (80, 60)  # width, height: a small microbolometer


class Painter:
    """Paints one story.

    Args:
        story: What happens.
        seed: Of the walls, trees and noise.
    """

    def __init__(self, story: Story, seed: int = 1) -> None:
        self._story = story
        chance = np.random.default_rng(seed)
        self._ground = _ground(chance)
        self._noise = [chance.normal(0, NOISE, (HEIGHT, WIDTH, 3)).astype(np.int16) for _ in range(5)]
        self._cloud = _cloud(chance)
        self._heat = chance.normal(0, 0.05, (8, THERMAL_SIZE[1], THERMAL_SIZE[0])).astype(np.float32)

    def picture(self, stream_s: float) -> Picture:
        """(360, 640, 3) uint8, BGR."""
        moment = self._story.at(stream_s)
        image = self._ground.copy()
        _wall(image, moment.wall)
        self._smoke(image, moment.smoke, stream_s)
        self._flame(image, moment.flame, stream_s)
        for actor in moment.actors:
            (_car if actor.label == "car" else _person)(image, actor)
        noise = self._noise[int(stream_s * 50) % len(self._noise)]
        noisy: Picture = np.clip(image.astype(np.int16) + noise, 0, 255).astype(np.uint8)
        _caption(noisy, stream_s)
        return noisy

    def celsius(self, stream_s: float) -> Celsius:
        """(60, 80) float32, degrees Celsius: the same street for a thermal camera."""
        moment = self._story.at(stream_s)
        width, height = THERMAL_SIZE
        heat = np.full((height, width), AMBIENT_C, np.float32)
        scale = width / WIDTH
        heat[int(190 * scale) : int(316 * scale)] = ASPHALT_C
        for actor in moment.actors:
            x1, y1, x2, y2 = (round(value * scale) for value in actor.box)
            cv2.rectangle(heat, (x1, y1), (x2 - 1, y2 - 1), ENGINE_C if actor.label == "car" else 34.0, -1)
        if moment.flame:
            x, foot = STRAW[0] * scale, STRAW[1] * scale
            size = (max(1, round(4 * moment.flame)), max(2, round(7 * moment.flame)))
            centre = (round(x), round(foot - size[1]))
            cv2.ellipse(heat, centre, size, 0, 0, 360, FLAME_C * (0.6 + 0.4 * moment.flame), -1)
        warmed: Celsius = heat + self._heat[int(stream_s * 9) % len(self._heat)]
        return warmed

    def _flame(self, image: Picture, flame: float, stream_s: float) -> None:
        if not flame:
            return
        width, height = (round(side * (0.5 + 0.5 * flame)) for side in FLAME_PX)
        part, left, top = self._column(width, height, speed=90.0, stream_s=stream_s)
        rise = np.linspace(1.0, 0.0, height, dtype=np.float32)[::-1, None]  # 1 at the foot
        across = 1 - np.abs(np.linspace(-1, 1, width, dtype=np.float32))[None, :] ** 2
        heat = np.clip(rise * across * 1.5 + (part - 0.5) * 1.1, 0, 1)
        burning = heat > 0.35
        hue = np.clip(8 + 24 * heat, 8, 32).astype(np.uint8)  # red at the rim, yellow within
        colours = np.stack([hue, np.full_like(hue, 225), np.full_like(hue, 252)], 2)
        painted = cv2.cvtColor(colours, cv2.COLOR_HSV2BGR)
        place = image[top : top + height, left : left + width]
        place[burning] = painted[burning]

    def _smoke(self, image: Picture, smoke: float, stream_s: float) -> None:
        if smoke <= 0:
            return
        width, height = round(40 + 70 * smoke), round(50 + 75 * smoke)
        part, left, top = self._column(width, height, speed=25.0, stream_s=stream_s, lift=30)
        across = 1 - np.abs(np.linspace(-1, 1, width, dtype=np.float32))[None, :] ** 3
        fade = np.linspace(0.75, 1.0, height, dtype=np.float32)[:, None]
        veil = np.clip(across * fade * (0.75 + (part - 0.5)), 0, 0.97)[..., None] * min(1.0, 0.6 + smoke)
        place = image[top : top + height, left : left + width]
        place[:] = (place * (1 - veil) + np.array(SMOKE_BGR) * veil).astype(np.uint8)

    def _column(
        self, width: int, height: int, *, speed: float, stream_s: float, lift: int = 0
    ) -> tuple[NDArray[np.float32], int, int]:
        """A rising piece of cloud, 0..1, and where its corner lies."""
        shift = int(stream_s * speed) % self._cloud.shape[0]
        rolled = np.roll(self._cloud, -shift, axis=0)[:height, :width]
        left = max(0, STRAW[0] - width // 2)
        top = max(0, STRAW[1] - height - lift)
        return rolled, left, top


def _ground(chance: np.random.Generator) -> Picture:
    """What never moves: sky, hills, houses, road, a plot and a yard."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for row in range(110):
        image[row] = (205 - row // 4, 190 - row // 5, 172 - row // 5)
    hills = [(x, int(70 + 22 * np.sin(x / 90) + 9 * np.sin(x / 31))) for x in range(0, WIDTH + 40, 20)]
    cv2.fillPoly(image, [np.array([*hills, (WIDTH, 190), (0, 190)], np.int32)], (96, 112, 98))
    image[150:190] = (108, 128, 122)  # verge and yards
    image[190:316] = (88, 90, 92)  # asphalt
    image[316:] = (128, 132, 134)  # pavement
    for x in range(-10, WIDTH, 46):
        cv2.line(image, (x, 256), (x + 22, 256), (186, 190, 192), 2)
    for left, top, right, shade in ((180, 78, 262, 168), (284, 92, 352, 150), (372, 84, 440, 160)):
        cv2.rectangle(image, (left, top), (right, 176), (shade - 12, shade - 4, shade), -1)
        roof = [(left - 8, top), (right + 8, top), ((left + right) // 2, top - 26)]
        cv2.fillPoly(image, [np.array(roof, np.int32)], (74, 78, 92))
        for x in range(left + 10, right - 14, 24):
            cv2.rectangle(image, (x, top + 18), (x + 12, top + 40), (70, 66, 60), -1)
    cv2.ellipse(image, (STRAW[0], STRAW[1] - 4), (44, 20), 0, 180, 360, (118, 158, 168), -1)  # straw
    for _ in range(260):
        x, y = int(chance.integers(0, WIDTH)), int(chance.integers(150, 190))
        cv2.line(image, (x, y), (x + 2, y - 5), (78, 104, 92), 1)
    grain = chance.normal(0, 5, (HEIGHT, WIDTH, 1))
    return np.clip(image + grain, 0, 255).astype(np.uint8)


def _cloud(chance: np.random.Generator) -> NDArray[np.float32]:
    """Noise of two sizes that joins at its upper and lower end; 0..1."""
    fine = chance.random((64, 32), np.float32)
    coarse = chance.random((16, 8), np.float32)
    size = (160, 512)
    both: NDArray[Any] = 0.45 * cv2.resize(fine, size, interpolation=cv2.INTER_CUBIC) + 0.55 * cv2.resize(
        coarse, size, interpolation=cv2.INTER_CUBIC
    )
    low, high = float(both.min()), float(both.max())
    return ((both - low) / (high - low)).astype(np.float32)


def _bgr(paint: str, value: float = 1.0) -> tuple[int, int, int]:
    hue, saturation, brightness = PAINTS[paint]
    pixel = np.array([[[hue, saturation, round(brightness * value)]]], np.uint8)
    blue, green, red = cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0].tolist()
    return int(blue), int(green), int(red)


def _car(image: Picture, actor: Actor) -> None:
    x1, y1, x2, y2 = (round(value) for value in actor.box)
    body = y1 + (y2 - y1) * 2 // 5
    cv2.rectangle(image, (x1, body), (x2, y2 - 6), _bgr(actor.paint), -1)
    roof = [(x1 + 14, body), (x1 + 24, y1), (x2 - 22, y1), (x2 - 12, body)]
    cv2.fillPoly(image, [np.array(roof, np.int32)], _bgr(actor.paint, 0.9))
    cv2.rectangle(image, (x1 + 28, y1 + 4), (x2 - 26, body - 2), (62, 58, 52), -1)
    for wheel in (x1 + 18, x2 - 18):
        cv2.circle(image, (wheel, y2 - 7), 7, (38, 38, 40), -1)
    cv2.rectangle(image, (x1 + 2, y2 - 16), (x1 + 20, y2 - 10), (228, 230, 230), -1)
    cv2.putText(
        image, "TEST", (x1 + 3, y2 - 11), cv2.FONT_HERSHEY_PLAIN, 0.45, (20, 20, 20), 1
    )  # a plate to be covered


def _person(image: Picture, actor: Actor) -> None:
    x1, y1, x2, y2 = (round(value) for value in actor.box)
    middle, stride = (x1 + x2) // 2, round(7 * np.sin(2 * np.pi * actor.step))
    cv2.rectangle(image, (x1 + 2, y1 + 12), (x2 - 2, y1 + 33), _bgr(actor.paint), -1)
    for side in (-1, 1):
        cv2.line(image, (middle, y1 + 33), (middle + side * stride, y2), (60, 52, 48), 4)
    cv2.circle(image, (middle, y1 + 6), 6, (150, 170, 198), -1)
    cv2.circle(image, (middle + 2, y1 + 5), 1, (40, 40, 40), -1)


def _wall(image: Picture, rows: int) -> None:
    left, right, foot = PLOT
    for row in range(rows):
        bottom = foot - row * ROW_PX
        cv2.rectangle(image, (left, bottom - ROW_PX), (right, bottom), (96, 108, 140), -1)
        for x in range(left + (row % 2) * 8, right, 16):
            cv2.line(image, (x, bottom - ROW_PX), (x, bottom), (130, 136, 142), 1)
        cv2.line(image, (left, bottom), (right, bottom), (130, 136, 142), 1)


def _caption(image: Picture, stream_s: float) -> None:
    cv2.rectangle(image, (0, 0), (WIDTH, 20), (30, 30, 30), -1)
    words = f"{CAPTION}   {stream_s:7.1f} s"
    cv2.putText(image, words, (6, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.48, (235, 235, 235), 1, cv2.LINE_AA)


def road() -> list[tuple[float, float]]:
    """The carriageway as a zone, shares of width and height."""
    return [
        (0.0, 190 / HEIGHT),
        (1.0, 190 / HEIGHT),
        (1.0, (NEAR_LANE + 14) / HEIGHT),
        (0.0, (NEAR_LANE + 14) / HEIGHT),
    ]
