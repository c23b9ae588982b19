"""A model without a network: things found by the colours that only they have. For the synthetic street.

Its file (``.colours``, JSON) says which colours; it looks at pixels and nothing else, the street's story is not told to
it. On real pictures it is useless, and its file says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from detectors.runtime.contracts import Detections, Picture
from detectors.runtime.network import BadModel
from gateway.cameras import ModelEntry
from gateway.schema import Strict

_Box = tuple[str, float, float, float, float, float]
_HSV = tuple[int, int, int]


class Colour(Strict):
    """One kind of thing.

    Attributes:
        label: What it is.
        low: Smallest hue (0..179), saturation and value (0..255) of its pixels, as OpenCV writes them. high: Largest.
        least: Of its area [pixels of a picture of 640 x 360].
        close: Gaps up to so many pixels belong to it.
        above: Of what is seen, so much more belongs to it above [of the height]. below: And below it.
        tinge: Instead of saturation: blue over green at least, red from green at most [grey levels].
    """

    label: str
    low: _HSV
    high: _HSV
    least: float = Field(gt=0)
    close: int = Field(default=7, ge=1, le=31)
    above: float = 0.0
    below: float = 0.0
    tinge: tuple[int, int] | None = None


class Palette(Strict):
    """The file.

    Attributes:
        note: What it is for.
        top: Rows at the top that are not looked at, of 360 (a caption).
        colours: What is found.
    """

    note: str
    top: int = 0
    colours: list[Colour] = Field(min_length=1)


class Whole:
    """See :class:`detectors.runtime.contracts.Model`.

    Args:
        path: The file.
        entry: What the site says of it: ``confidence`` holds.

    Raises:
        BadModel: It is no palette.
    """

    def __init__(self, path: Path, entry: ModelEntry) -> None:
        try:
            self._palette = Palette.model_validate(json.loads(path.read_bytes()))
        except (OSError, ValueError, ValidationError) as error:
            raise BadModel(f"is no palette of colours: {str(error).splitlines()[0]}") from error
        self.labels: tuple[str, ...] = tuple(dict.fromkeys(one.label for one in self._palette.colours))
        self._least = entry.confidence

    def look(self, image: Picture) -> Detections:
        """Boxes of everything of a known colour, in pixels of ``image``."""
        half = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.uint8)
        hsv: Picture = cv2.cvtColor(half, cv2.COLOR_BGR2HSV).astype(np.uint8)
        hsv[: round(self._palette.top * half.shape[0] / 360)] = 0
        scale = half.shape[0] * half.shape[1] / (640 * 360)
        found = [box for one in self._palette.colours for box in _things(hsv, half, one, scale)]
        found = [box for box in found if box[1] >= self._least]
        boxes = np.array([box[2:] for box in found], np.float32).reshape(-1, 4) * 2
        scores = np.array([box[1] for box in found], np.float32)
        return Detections(boxes, scores, tuple(box[0] for box in found))


def _things(hsv: Picture, image: Picture, colour: Colour, scale: float) -> Iterator[_Box]:
    mask = cv2.inRange(hsv, colour.low, colour.high)
    if colour.tinge is not None:
        mask = cv2.bitwise_and(mask, _tinged(image, *colour.tinge))
    mask = cv2.medianBlur(mask, 3)
    side = colour.close // 2 + 1
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    for x, y, width, height, area in stats[1:count].tolist():
        least = colour.least * scale
        if area < least:
            continue
        fill = area / (width * height)
        score = min(0.95, 0.45 + 0.5 * fill * min(1.0, area / (3 * least)))
        top, bottom = y - colour.above * height, y + height + colour.below * height
        rows = float(mask.shape[0])
        yield colour.label, score, float(x), max(0.0, top), float(x + width), min(rows, bottom)


def _tinged(image: Picture, blue_over_green: int, red_from_green: int) -> NDArray[np.uint8]:
    blue, green, red = cv2.split(cv2.blur(image, (5, 5)))
    over = cv2.subtract(blue, green) >= blue_over_green
    near = cv2.absdiff(red, green) <= red_from_green
    return ((over & near) * 255).astype(np.uint8)
