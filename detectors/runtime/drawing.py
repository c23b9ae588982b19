"""Boxes and words on a picture for people, and pictures as JPEG. The drawing library knows Latin letters only."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from detectors.runtime.contracts import Box, Picture
from gateway.errors import Unavailable

QUALITY = 85
LONGEST_PX = 1920
_RED, _WHITE, _BLACK = (40, 40, 230), (255, 255, 255), (0, 0, 0)


def with_boxes(image: Picture, boxes: Sequence[Box], caption: str) -> Picture:
    """A copy with the boxes and one line of words at its foot.

    Args:
        image: What is under them.
        boxes: The decisive ones first: that one is thick.
        caption: ASCII.
    """
    drawn = image.copy()
    height, width = drawn.shape[:2]
    size = max(0.4, min(width, height) / 900)
    for number, box in enumerate(boxes):
        left, top = round(box.x1 * width), round(box.y1 * height)
        right, bottom = round(box.x2 * width), round(box.y2 * height)
        cv2.rectangle(drawn, (left, top), (right, bottom), _RED, 1 if number else 3)
        label = f"{box.label} {box.score:.2f}".strip() if box.score else box.label
        _words(drawn, label, (left, max(12, top - 4)), size)
    _words(drawn, caption, (4, height - 6), size)
    return drawn


def as_jpeg(image: Picture, quality: int = QUALITY) -> bytes:
    """The picture as a file, at most 1920 px long. Raises Unavailable."""
    longest = max(image.shape[:2])
    if longest > LONGEST_PX:
        share = LONGEST_PX / longest
        image = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA).astype(np.uint8)
    done, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise Unavailable("a picture could not be encoded")
    return bytes(coded.tobytes())


def _words(image: Picture, words: str, at: tuple[int, int], size: float) -> None:
    if not words:
        return
    plain = words.encode("ascii", "replace").decode()
    (width, height), below = cv2.getTextSize(plain, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    x, y = max(0, min(at[0], image.shape[1] - width)), at[1]
    cv2.rectangle(image, (x - 2, y - height - 3), (x + width + 2, y + below), _BLACK, -1)
    cv2.putText(image, plain, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, _WHITE, 1, cv2.LINE_AA)
