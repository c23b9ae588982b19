"""How much a place still looks like itself, window by window, whatever the light.

The logarithm turns shadow and sun into an offset, its gradient takes the offset away, and a normalised correlation does
not mind how strong the rest is. What is left is structure: edges that are there or not.

Source: vision reference 4.3, point 3: 40 pixel windows on a 20 pixel grid, best over the gallery and 2 pixels around.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.runtime.contracts import Picture

WIDTH = 480  # pixels of width in which windows are measured
CELL = 20  # a window is two cells wide and high
SHIFT = 2  # pixels that a window may be off

Grid = NDArray[np.float32]  # (rows, columns): one value for each window
Mask = NDArray[np.bool_]  # (rows, columns)


@dataclass(frozen=True, slots=True)
class Structure:
    """The edges of one plate.

    Attributes:
        across: (h, w) float32, gradient to the right; h and w are whole cells. down: Gradient downwards.
        energy: Sum of squares in each window.
    """

    across: NDArray[np.float32]
    down: NDArray[np.float32]
    energy: Grid


def structure(plate: Picture) -> Structure:
    """Measure the edges of a plate."""
    height = round(plate.shape[0] * WIDTH / plate.shape[1])
    small = cv2.resize(plate, (WIDTH, height), interpolation=cv2.INTER_AREA)[: height // CELL * CELL]
    grey = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32), (3, 3), 0)
    light = np.log1p(grey)
    across = np.asarray(cv2.Sobel(light, cv2.CV_32F, 1, 0, ksize=3), np.float32)
    down = np.asarray(cv2.Sobel(light, cv2.CV_32F, 0, 1, ksize=3), np.float32)
    return Structure(across, down, windows(across * across + down * down))


def likeness(plate: Structure, gallery: Sequence[Structure]) -> Grid:
    """For each window the best correlation with any of the gallery, -1..1."""
    best = np.full_like(plate.energy, -1.0)
    rows, columns = plate.across.shape
    across = cv2.copyMakeBorder(plate.across, SHIFT, SHIFT, SHIFT, SHIFT, cv2.BORDER_CONSTANT)
    down = cv2.copyMakeBorder(plate.down, SHIFT, SHIFT, SHIFT, SHIFT, cv2.BORDER_CONSTANT)
    product = np.empty_like(plate.across)
    other = np.empty_like(plate.across)
    for dy in range(2 * SHIFT + 1):
        for dx in range(2 * SHIFT + 1):
            here = np.ascontiguousarray(across[dy : dy + rows, dx : dx + columns])
            there = np.ascontiguousarray(down[dy : dy + rows, dx : dx + columns])
            energy = windows(here * here + there * there)
            for one in gallery:
                cv2.multiply(here, one.across, dst=product)
                cv2.multiply(there, one.down, dst=other)
                cv2.add(product, other, dst=product)
                alike = windows(product) / np.sqrt(energy * one.energy + 1e-9)
                np.maximum(best, alike, out=best)
    return best


def usable(gallery: Sequence[Structure], least: float, share: float) -> Mask:
    """Windows in which the references agree with each other: no trees, no sky, no water.

    Args:
        gallery: The references.
        least: Correlation from which two agree.
        share: Of all pairs that must.
    """
    agree = np.zeros_like(gallery[0].energy)
    pairs = 0
    for index, one in enumerate(gallery):
        for other in gallery[index + 1 :]:
            agree += likeness(one, [other]) >= least
            pairs += 1
    return np.asarray(agree >= share * max(pairs, 1))


def visible(plate: Structure, gallery: Sequence[Structure], share: float = 0.25) -> Mask:
    """Windows that show a fair part of the contrast that the references show there: fog takes it away."""
    usual = np.median(np.stack([one.energy for one in gallery]), axis=0)
    return np.asarray(np.sqrt(plate.energy) >= share * np.sqrt(usual))


def windows(values: NDArray[np.float32]) -> Grid:
    """Sum over each window of 40 pixels, on the grid of 20."""
    rows, columns = values.shape[0] // CELL, values.shape[1] // CELL
    cells = (
        np.asarray(cv2.resize(values, (columns, rows), interpolation=cv2.INTER_AREA), np.float32) * CELL**2
    )
    return cells[:-1, :-1] + cells[1:, :-1] + cells[:-1, 1:] + cells[1:, 1:]


def wider(mask: Mask) -> Mask:
    """The mask and the windows that touch it: they share pixels with it."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool))


def whole(shown: NDArray[np.uint8]) -> Mask:
    """Windows that lie wholly where ``shown`` is not 0."""
    rows = round(shown.shape[0] * WIDTH / shown.shape[1]) // CELL
    height = round(rows * CELL * shown.shape[1] / WIDTH)
    cells = cv2.resize(shown[:height], (WIDTH // CELL, rows), interpolation=cv2.INTER_AREA) >= 250
    return np.asarray(cells[:-1, :-1] & cells[1:, :-1] & cells[:-1, 1:] & cells[1:, 1:])


def inside(polygon: Sequence[tuple[float, float]], shape: tuple[int, int]) -> Mask:
    """Windows whose middle lies in a polygon (shares of width and height)."""
    rows, columns = shape
    corners = np.array(polygon, np.float32)
    mask = np.zeros(shape, bool)
    for row in range(rows):
        for column in range(columns):
            middle = ((column + 1) / (columns + 1), (row + 1) / (rows + 1))
            mask[row, column] = cv2.pointPolygonTest(corners, middle, False) >= 0
    return mask
