"""Laying one picture over another of the same place: a camera on a pole sways, a turned one comes back nearly.

Source: vision reference 4.3, point 1: ORB and a homography, refused with fewer than 40 inliers or more than 2 pixels
left between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.runtime.contracts import Picture

FEATURES = 1500
FEWEST, RESIDUAL_PX = 40, 2.0
RANSAC_PX = 3.0
FARTHEST = 0.15  # of the width: a corner that lies farther off is another view, not a swaying pole


@dataclass(frozen=True, slots=True)
class Fit:
    """How one picture lies over another.

    Attributes:
        matrix: (3, 3) float64, from its pixels to those of the other one.
        inliers: Points that agree.
        residual_px: Their median distance.
    """

    matrix: NDArray[np.float64]
    inliers: int
    residual_px: float


def fit(picture: Picture, anchor: Picture) -> Fit | None:
    """How ``picture`` lies over ``anchor``; ``None`` when that cannot be said or they show different things."""
    orb = cv2.ORB.create(FEATURES)
    points, words = orb.detectAndCompute(_even(picture), None)
    others, other_words = orb.detectAndCompute(_even(anchor), None)
    if words is None or other_words is None or min(len(points), len(others)) < FEWEST:
        return None
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(words, other_words)
    if len(matches) < FEWEST:
        return None
    here = np.array([points[one.queryIdx].pt for one in matches], np.float64)
    there = np.array([others[one.trainIdx].pt for one in matches], np.float64)
    found: Any = cv2.findHomography(
        here, there, cv2.RANSAC, RANSAC_PX
    )  # its stubs do not know that it may fail
    if found[0] is None:
        return None
    matrix, inside = np.asarray(found[0], np.float64), found[1].ravel().astype(bool)
    laid = cv2.perspectiveTransform(here[inside].reshape(-1, 1, 2), matrix).reshape(-1, 2)
    residual = float(np.median(np.hypot(*(laid - there[inside]).T))) if inside.any() else np.inf
    if (
        int(inside.sum()) < FEWEST
        or residual > RESIDUAL_PX
        or _far(matrix, picture.shape[1], picture.shape[0])
    ):
        return None
    return Fit(matrix, int(inside.sum()), residual)


def laid_over(picture: Picture, found: Fit) -> tuple[Picture, NDArray[np.uint8]]:
    """The picture as the other one's camera would have taken it, and where it shows anything (255) or nothing (0)."""
    height, width = picture.shape[:2]
    laid = cv2.warpPerspective(picture, found.matrix, (width, height))
    shown = cv2.warpPerspective(np.full((height, width), 255, np.uint8), found.matrix, (width, height))
    return np.asarray(laid, np.uint8), np.asarray(shown, np.uint8)


def _even(picture: Picture) -> NDArray[np.uint8]:
    """Grey, with the contrast of each part stretched: the same corners are found in sun and shade."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.createCLAHE(3.0, (8, 8)).apply(grey), np.uint8)


def _far(matrix: NDArray[np.float64], width: int, height: int) -> bool:
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64).reshape(-1, 1, 2)
    moved = cv2.perspectiveTransform(corners, matrix) - corners
    return bool(np.abs(moved).max() > FARTHEST * width)
