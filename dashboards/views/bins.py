"""垃圾桶满溢监控: how full each bin is, when it will be full, and when somebody emptied it."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from dashboards.views.limits import Limit, limits_of, plain_limits
from dashboards.views.scene import Scene
from gateway.model import Event
from gateway.rules.conditions.window import slope

DROP = 30.0  # points: what the rules call an emptied bin (config/rules/bins.yaml, restart_on_drop)
FIT_POINTS = 288
FEWEST = 6  # readings, as the shipped forecast rule asks
FAR_H = 240.0  # a forecast further ahead is no forecast
HOUR_S = 3600.0
EMPTIED_LOOKED_AT = 500


def bins(scene: Scene) -> dict[str, Any]:
    """Every bin, fullest first."""
    emptied = emptied_last(scene)
    found = [_bin(scene, slug, emptied.get(slug)) for slug, _ in scene.of_domain("bin")]
    found.sort(key=lambda one: -(one["fill"]["value"] or 0.0) if one["fill"] else 1.0)
    over = sum(_is_over(one) for one in found)
    soon = sum(1 for one in found if one["full_in_h"] is not None and 0 < one["full_in_h"] <= 12)
    return {"bins": found, "over": over, "soon": soon}


def emptied_last(scene: Scene) -> dict[str, datetime]:
    """Bin -> when somebody emptied it last."""
    found: dict[str, datetime] = {}
    for entry in scene.past.events_before(None, EMPTIED_LOOKED_AT, kind="emptied"):
        if isinstance(entry.item, Event):
            found.setdefault(entry.item.source, entry.item.at)
    return found


def full_line(limits: Sequence[Limit]) -> float | None:
    """From where on a bin counts as full: the mildest limit that is at least yellow, else the highest."""
    above = [one for one in plain_limits(limits) if one.side == "above"]
    serious = [one.value for one in above if one.severity in {"yellow", "orange", "red"}]
    values = [value for value in serious if value is not None] or [
        one.value for one in above[-1:] if one.value is not None
    ]
    return min(values, default=None)


def forecast(course: Sequence[tuple[float, float]], goal: float) -> tuple[float | None, float | None]:
    """Hours until a level is reached and growth per hour, by a straight line since the last emptying.

    Args:
        course: [seconds ago, fill %], oldest first.
        goal: Level in %.

    Returns:
        ``None`` where too little is known, or where it does not grow.
    """
    begin = 0
    for index in range(1, len(course)):
        if course[index - 1][1] - course[index][1] > DROP:
            begin = index
    since = course[begin:]
    if len(since) < FEWEST:
        return None, None
    growth, now = slope(array("d", [-ago for ago, _ in since]), array("d", [value for _, value in since]))
    per_h = growth * HOUR_S
    if now >= goal:
        return 0.0, round(per_h, 2)
    left = (goal - now) / per_h if per_h > 0 else None
    return (round(left, 3) if left is not None and left <= FAR_H else None), round(per_h, 2)


def _bin(scene: Scene, slug: str, emptied: datetime | None) -> dict[str, Any]:
    device = scene.devices[slug]
    limits = limits_of(scene.plans, slug, device, scene.quantities, "fill")
    course = scene.spark(slug, "fill", FIT_POINTS)
    line = full_line(limits)
    reach = [one.value for one in limits if one.side == "reaches" and one.value is not None]
    left, per_h = forecast(course, min(reach, default=line if line is not None else 100.0))
    return {
        **scene.card(slug),
        "fill": scene.reading(slug, "fill"),
        "limits": [one.plain() for one in plain_limits(limits)],
        "line": line,
        "goal": min(reach, default=line),
        "full_in_h": left,
        "full_at": (scene.now + timedelta(hours=left)).isoformat() if left else None,
        "per_h": per_h,
        "emptied": emptied.isoformat() if emptied is not None else None,
        "tipped": scene.value(slug, "tipped") == 1,
        "spark": course[:: max(1, len(course) // 48)],
    }


def _is_over(one: dict[str, Any]) -> bool:
    value = one["fill"]["value"] if one["fill"] else None
    return value is not None and one["line"] is not None and value > one["line"]
