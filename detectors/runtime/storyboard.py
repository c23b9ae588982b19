"""What a person is shown of a change: before and after in like light, its outline, the place over time on one sheet."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from detectors.runtime.album import Album, Plate
from detectors.runtime.contracts import Box, Picture
from detectors.runtime.likeness import Mask

STEPS = 12  # pictures on the sheet
ACROSS, SIDE_PX = 4, 200


def board(album: Album, patch: Mask) -> dict[str, Picture]:
    """Names and pictures; what is not on the disk any more is left out."""
    newest = album.plates[-1]
    before = min(album.references, key=lambda one: abs(_hour(one) - _hour(newest)))
    first, last = album.picture(before), album.picture(newest)
    shown: dict[str, Picture] = {}
    if first is not None:
        shown["before"] = first
    if last is not None:
        shown["after"], shown["outline"] = last, outlined(last, patch)
    steps = [one for plate in (before, *_spaced(album.plates)) if (one := album.picture(plate)) is not None]
    if steps:
        shown["time_lapse"] = sheet(steps, patch)
    return shown


def outlined(picture: Picture, patch: Mask) -> Picture:
    """The picture with a line around the changed area."""
    height, width = picture.shape[:2]
    cells = np.zeros((patch.shape[0] + 1, patch.shape[1] + 1), np.uint8)
    cells[:-1, :-1] |= patch
    cells[1:, 1:] |= patch
    area = cv2.resize(cells, (width, height), interpolation=cv2.INTER_NEAREST)
    lines, _ = cv2.findContours(area, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return np.asarray(cv2.drawContours(picture.copy(), lines, -1, (0, 0, 255), 2), np.uint8)


def sheet(pictures: Sequence[Picture], patch: Mask) -> Picture:
    """The place over time, oldest first, cut to the changed area and its surroundings."""
    box, cuts = box_of(patch), []
    for picture in pictures:
        height, width = picture.shape[:2]
        middle = ((box.x1 + box.x2) / 2 * width, (box.y1 + box.y2) / 2 * height)
        half = max((box.x2 - box.x1) * width, (box.y2 - box.y1) * height, 80.0)
        left, top = max(int(middle[0] - half), 0), max(int(middle[1] - half), 0)
        cut = picture[top : int(middle[1] + half) + 1, left : int(middle[0] + half) + 1]
        cuts.append(cv2.resize(cut, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA))
    cuts += [np.zeros_like(cuts[0])] * (-len(cuts) % ACROSS)
    rows = [np.hstack(cuts[index : index + ACROSS]) for index in range(0, len(cuts), ACROSS)]
    return np.asarray(np.vstack(rows), np.uint8)


def box_of(patch: Mask) -> Box:
    """What the windows of a patch cover."""
    rows, columns = np.nonzero(patch)
    height, width = patch.shape[0] + 1, patch.shape[1] + 1
    x1, x2 = float(columns.min()) / width, float(columns.max() + 2) / width
    return Box(x1, float(rows.min()) / height, x2, float(rows.max() + 2) / height, "change")


def _hour(plate: Plate) -> float:
    return plate.local.hour + plate.local.minute / 60


def _spaced(plates: Sequence[Plate]) -> list[Plate]:
    """Some of them, evenly over time, the newest included."""
    count = STEPS - 1
    if len(plates) <= count:
        return list(plates)
    return [plates[round(index * (len(plates) - 1) / (count - 1))] for index in range(count)]
