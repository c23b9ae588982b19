"""What the worker says, one JSON object a line: sightings, a heartbeat each second, a summary at the end."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from detectors.runtime.contracts import Box, Sighting


def sighting_line(camera: str, sighting: Sighting, evidence: str | None) -> dict[str, Any]:
    """One sighting."""
    return {
        "kind": sighting.kind,
        "state": sighting.state.value,
        "camera": camera,
        "key": sighting.key,
        "at": iso(sighting.at),
        "stream_s": round(sighting.stream_s, 3),
        "score": round(float(sighting.score), 3),
        "zone": sighting.zone,
        "review": sighting.review,
        "boxes": [_box(box) for box in sighting.boxes],
        "evidence": evidence,
        "why": {name: _plain(value) for name, value in sighting.why.items()},
    }


def said(line: Mapping[str, Any]) -> str:
    """A line as it goes over the pipe: no line break within it."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def in_words(line: Mapping[str, Any]) -> str:
    """The same for a person; nothing for a heartbeat in which nothing is wrong."""
    if "kind" in line:
        why = " ".join(f"{name}={value}" for name, value in line["why"].items())
        place = f" in {line['zone']}" if line["zone"] else ""
        review = " (worth a look)" if line["review"] else ""
        shown = f" evidence {line['evidence']}" if line["evidence"] else ""
        time = f"{line['stream_s']:8.2f} s"
        what = f"{line['camera']}  {line['kind']} {line['state']}{place}{review}"
        return f"{time}  {what}  score {line['score']:.2f}  {why}{shown}"
    if "summary" in line:
        summary = line["summary"]
        events = ", ".join(f"{count} {kind}" for kind, count in summary["events"].items()) or "no events"
        return (
            f"{summary['frames']} pictures, {summary['stream_s']:.1f} s of stream in {summary['wall_s']:.1f} s,"
            f" {summary['ms']:.1f} ms a picture; {events}"
        )
    if "fault" in line:
        return f"{line['fault']['key']}: {line['fault']['problem']}"
    return ""


def so_far(line: Mapping[str, Any]) -> str:
    """A heartbeat for a person who waits: how many pictures of each camera or film have been looked at."""
    told = (
        f"{slug}: {one['frames']} pictures" + (f", {one['ms']:.0f} ms each" if one["ms"] is not None else "")
        for slug, one in line["cameras"].items()
    )
    return "; ".join(told)


def iso(at: datetime) -> str:
    """A moment, in milliseconds, UTC."""
    return at.isoformat(timespec="milliseconds")


def _box(box: Box) -> list[Any]:
    return [
        *(round(float(side), 4) for side in (box.x1, box.y1, box.x2, box.y2)),
        box.label,
        round(float(box.score), 3),
    ]


def _plain(value: Any) -> float | str:
    """A number or a short text, whatever array library it comes from."""
    if isinstance(value, str):
        return value[:200]
    number = float(value)
    return round(number, 4) if math.isfinite(number) else str(number)
