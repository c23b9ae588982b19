"""A street without a model: actors that move along lines, seen as boxes with track numbers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from detectors.runtime.contracts import Detections, Detector, Frame, SceneContext, Sighting, Zone

START = datetime(2026, 7, 18, 4, 0, tzinfo=UTC)
WIDTH, HEIGHT = 1280, 720
PICTURE = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)


@dataclass
class Actor:
    """Something that moves from point to point in straight lines.

    Attributes:
        label: What the model calls it.
        way: (time s, x, y) of the foot of its box, in order; it is there from the first time to the last.
        size: Width and height of its box [px].
        track: Its number. switches: From such a time on it has another one.
        hidden: (from, to): not seen in between.
        fallen_s: From then on its box lies on its side.
    """

    label: str
    way: Sequence[tuple[float, float, float]]
    size: tuple[float, float] = (100, 64)
    track: int = 1
    switches: dict[float, int] = field(default_factory=dict)
    hidden: Sequence[tuple[float, float]] = ()
    fallen_s: float = 1e9

    def box(self, t: float) -> tuple[float, float, float, float] | None:
        if not self.way[0][0] <= t <= self.way[-1][0] or any(start <= t < end for start, end in self.hidden):
            return None
        xs = [np.interp(t, [p[0] for p in self.way], [p[axis] for p in self.way]) for axis in (1, 2)]
        width, height = self.size if t < self.fallen_s else (self.size[1], self.size[0])
        x1, y1, x2, y2 = xs[0] - width / 2, xs[1] - height, xs[0] + width / 2, xs[1]
        x1, x2, y1, y2 = max(x1, 0), min(x2, WIDTH - 1), max(y1, 0), min(y2, HEIGHT - 1)
        return None if x2 - x1 < 8 or y2 - y1 < 8 else (x1, y1, x2, y2)

    def number(self, t: float) -> int:
        return next((new for at, new in sorted(self.switches.items(), reverse=True) if t >= at), self.track)


def context(tmp_path: Path = Path("unused"), **zones: Sequence[tuple[float, float]]) -> SceneContext:
    return SceneContext(
        "gate", {name: Zone(name, tuple(polygon)) for name, polygon in zones.items()}, tmp_path
    )


def watch(
    detector: Detector,
    actors: Sequence[Actor],
    seconds: float,
    *,
    fps: float = 10.0,
    start: float = 0.0,
    **frame: Any,
) -> list[Sighting]:
    """Play it; boxes tremble by half a pixel as a model's do."""
    said: list[Sighting] = []
    tremble = random.Random(7)
    for step in range(round(start * fps), round((start + seconds) * fps)):
        t = step / fps
        rows = [(box, actor) for actor in actors if (box := actor.box(t)) is not None]
        boxes = [[side + tremble.uniform(-0.5, 0.5) for side in box] for box, _ in rows]
        seen = Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.full(len(rows), 0.8, np.float32),
            tuple(actor.label for _, actor in rows),
            np.array([actor.number(t) for _, actor in rows], np.int64),
        )
        said += detector.look(Frame(PICTURE, t, START + timedelta(seconds=t), **frame), seen)
    return said


def told(said: Sequence[Sighting]) -> list[str]:
    """What people hear of: kinds of what was confirmed, in order."""
    return [one.kind for one in said if one.state == "confirmed" and not one.review]
