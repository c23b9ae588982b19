"""Days on which a place cannot be judged: fog hides it, snow paints it (vision reference 4.3, point 6)."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from detectors.runtime import likeness
from detectors.runtime.contracts import Picture
from detectors.runtime.likeness import Mask, Structure

FOG_SHARE = 0.30  # fewer windows than that show their usual contrast
SNOW_BRIGHTER, SNOW_PALER = (
    40.0,
    0.6,
)  # grey levels above the brightest reference, of the palest one's saturation: ours


def hidden(
    plate: Picture,
    references: Sequence[Picture],
    structure: Structure,
    gallery: Sequence[Structure],
    usable: Mask | None,
) -> str:
    """``fog`` or ``snow`` when the place cannot be judged, else empty."""
    seen = likeness.visible(structure, gallery)
    if usable is not None and usable.any():
        seen = seen[usable]
    if float(seen.mean()) < FOG_SHARE:
        return "fog"
    bright, colour = _light(plate)
    usual = [_light(one) for one in references]
    brightest, palest = max(one[0] for one in usual), min(one[1] for one in usual)
    return "snow" if bright > brightest + SNOW_BRIGHTER and colour < SNOW_PALER * palest else ""


def _light(picture: Picture) -> tuple[float, float]:
    """Mean brightness and saturation."""
    colours = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)
    return float(np.mean(colours[:, :, 2])), float(np.mean(colours[:, :, 1]))
