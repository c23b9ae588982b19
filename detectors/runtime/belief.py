"""The numbers behind a supposed fire, for whoever looks at it, and how sure they make us. Nothing here decides."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from detectors.runtime import flames
from detectors.runtime.burning import Place
from detectors.runtime.contracts import Box, Frame

Why = Mapping[str, float | str]
WEIGHTS = {"peak": 0.4, "share": 0.2, "colour": 0.15, "flicker": 0.1, "risk": 0.1, "drift": 0.05}  # ours
HOT = 0.8  # with heat in the same place it is at least this sure (ours)


def numbers(
    place: Place, frame: Frame, *, window_s: float, frames: int, risk: float
) -> dict[str, float | str]:
    """What was seen in one place.

    Args:
        place: The place.
        frame: The picture of now.
        window_s: Over which hits are counted.
        frames: Pictures looked at in that time.
        risk: How bad a fire would be there, 0..1.
    """
    hits = place.within(frame.stream_s, window_s)
    colours = flames.flame_colours if place.label == "fire" else flames.smoke_colours
    drift = flames.upward_drift([hit.at_s for hit in place.hits], [hit.box.y1 for hit in place.hits])
    return {
        "hits": len(hits),
        "frames": frames,
        "share": round(len(hits) / max(1, frames), 3),
        "peak": round(max((hit.score for hit in hits), default=0.0), 3),
        "growth": round(place.growth(frame.stream_s), 3),
        "colour": round(colours(frame.image, place.box), 3),
        "flicker": round(max(place.flicker, 0.0), 3),
        "drift": round(drift, 3),
        "risk": risk,
    }


def score(why: Why, *, review: bool) -> float:
    """How sure, 0..1: what may wake people lies at 0.5 and above, what is only worth a look below.

    Nothing hangs on the weights but the order in which pictures are looked at.
    """
    mean = sum(weight * min(1.0, float(why[name])) for name, weight in WEIGHTS.items())
    if str(why["support"]).startswith("thermal"):
        mean = max(mean, HOT)
    sure = 0.5 + 0.5 * mean
    return round(0.5 * sure - 0.01 if review else sure, 3)


def hottest(frame: Frame, box: Box) -> float | None:
    """Hottest pixel in the box, where the same camera measures heat [degC]."""
    if frame.celsius is None:
        return None
    height, width = frame.celsius.shape
    x1, y1 = int(box.x1 * width), int(box.y1 * height)
    part = frame.celsius[y1 : int(np.ceil(box.y2 * height)), x1 : int(np.ceil(box.x2 * width))]
    return float(part.max()) if part.size else None
