"""危房监控: how far a house has leaned since it was surveyed, which way, and how fast it goes on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dashboards.views.limits import limits_of, plain_limits
from dashboards.views.scene import Scene
from gateway.contracts import Rollup
from gateway.model import series_of

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
DRIFT_DAYS = 7
TRAIL_POINTS = 60


def houses(scene: Scene) -> dict[str, Any]:
    """Every house, most leaning first against its own limits."""
    found = [_house(scene, slug) for slug, _ in scene.of_domain("structure")]
    found.sort(key=lambda one: -(one["share"] or 0.0))
    return {"houses": found}


def drift_per_day(hours: list[Rollup]) -> tuple[float | None, int]:
    """How far it moved in a day, same hour against same hour, so that the sun is left out.

    Args:
        hours: Hourly means, by time, with gaps.

    Returns:
        Unit per day over the longest whole number of days that is known, and that number; ``None`` below one day.
    """
    if not hours:
        return None, 0
    last = hours[-1]
    by_start = {one.start: one for one in hours}
    for days in range(DRIFT_DAYS, 0, -1):
        first = by_start.get(last.start - days * DAY)
        if first is not None:
            return (last.mean - first.mean) / days, days
    return None, 0


def _house(scene: Scene, slug: str) -> dict[str, Any]:
    device = scene.devices[slug]
    limits = plain_limits(limits_of(scene.plans, slug, device, scene.quantities, "tilt_delta"))
    tilt = scene.reading(slug, "tilt_delta")
    value = tilt["value"] if tilt else None
    goals = [one.value for one in limits if one.value]
    start = scene.now.replace(minute=0, second=0, microsecond=0) + HOUR
    hours = scene.past.chart(
        series_of(slug, "tilt_delta"),
        start - DRIFT_DAYS * DAY - 2 * HOUR,
        start,
        24 * DRIFT_DAYS + 2,
    )
    drift, days = drift_per_day(hours)
    across = dict(scene.spark(slug, "tilt_delta_x", TRAIL_POINTS))
    along = dict(scene.spark(slug, "tilt_delta_y", TRAIL_POINTS))
    trail = [[across[ago], along[ago]] for ago in sorted(across.keys() & along.keys(), reverse=True)]
    return {
        **scene.card(slug),
        "tilt": tilt,
        "permille": scene.reading(slug, "tilt_permille"),
        "lean": scene.reading(slug, "lean_permille"),
        "x": scene.value(slug, "tilt_delta_x"),
        "y": scene.value(slug, "tilt_delta_y"),
        "limits": [one.plain() for one in limits],
        "share": abs(value) / min(goals) if value is not None and goals else None,
        "drift": round(drift, 5) if drift is not None else None,
        "drift_days": days,
        "drift_limits": [
            one.plain()
            for one in limits_of(scene.plans, slug, device, scene.quantities, "tilt_delta")
            if one.view == "drift_over"
        ],
        "trail": trail,
        "spark": scene.spark(slug, "tilt_delta"),
        "crack": scene.reading(slug, "crack_width"),
        "zero": device.settings.tilt is not None and device.settings.tilt.zero is not None,
    }
