"""Per-frame numbers around an occurrence, so that an operator sees why: one JSON object a line, bounded."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from detectors.runtime.contracts import Detections, Frame, Sighting

BEFORE_S = 10.0
MOST_BEFORE = 300  # rows: 10 s at 30 pictures a second
MOST_ROWS = 3000  # of one occurrence: 5 min at 10 pictures a second
MOST_BOXES = 60  # of one row


class Trace:
    """The numbers of one camera: the last seconds always, and of each open occurrence from then on."""

    def __init__(self) -> None:
        self._before: deque[dict[str, Any]] = deque(maxlen=MOST_BEFORE)
        self._open: dict[str, list[dict[str, Any]]] = {}

    def frame(self, frame: Frame, seen: Iterable[Detections]) -> None:
        """One picture and what models saw in it."""
        row: dict[str, Any] = {
            "s": round(frame.stream_s, 3),
            "at": frame.at.isoformat(),
            "seen": _boxes(seen),
        }
        if frame.celsius is not None:
            row["hottest"] = round(float(np.nanmax(frame.celsius)), 1)
        if frame.changed:
            row["changed"] = round(frame.changed, 3)
        if frame.moving:
            row["moving"] = True
        self._add(row)
        while self._before and self._before[0]["s"] < frame.stream_s - BEFORE_S:
            self._before.popleft()

    def sighting(self, sighting: Sighting) -> None:
        """What a detector made of it."""
        row = {
            "s": round(sighting.stream_s, 3),
            "at": sighting.at.isoformat(),
            "kind": sighting.kind,
            "state": str(sighting.state),
            "score": round(sighting.score, 3),
            "zone": sighting.zone,
            "key": sighting.key,
            "why": plain(sighting.why),
        }
        self._add(row)

    def begin(self, key: str) -> None:
        """From now on, with the seconds before, for one occurrence."""
        self._open.setdefault(key, list(self._before))

    def end(self, key: str) -> None:
        """Nobody asks for it any more."""
        self._open.pop(key, None)

    def text(self, key: str) -> bytes:
        """All rows of an occurrence as a file."""
        rows = self._open.get(key, ())
        return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)

    def _add(self, row: dict[str, Any]) -> None:
        self._before.append(row)
        for rows in self._open.values():
            if len(rows) < MOST_ROWS:
                rows.append(row)


def plain(why: Mapping[str, float | str]) -> dict[str, float | str]:
    """The same with numbers as JSON knows them, rounded for reading."""
    return {key: value if isinstance(value, str) else round(float(value), 4) for key, value in why.items()}


def _boxes(seen: Iterable[Detections]) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for each in seen:
        tracks = each.tracks if each.tracks is not None else np.full(len(each), -1)
        for label, score, corners, track in zip(
            each.labels, each.scores.tolist(), each.xyxy.tolist(), tracks.tolist(), strict=True
        ):
            rows.append([label, round(score, 3), *(round(value, 1) for value in corners), track])
    return rows[:MOST_BOXES]
