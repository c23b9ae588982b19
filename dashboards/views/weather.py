"""气象与防汛: rain sums per window against the colour levels, wind, and rivers with their levels.

Official signals are issued by the weather bureau; what stands here was observed in the village.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from dashboards.views.limits import Limit, limits_of, plain_limits
from dashboards.views.scene import WORST_FIRST, Scene, trend
from gateway.model import series_of

HOUR = timedelta(hours=1)
WINDOWS_H = (1, 3, 6, 12, 24)
AIR = (
    "air_temp",
    "air_rh",
    "air_pressure",
    "solar_radiation",
    "illuminance",
    "uv_index",
    "pm25",
    "pm10",
    "noise",
    "co2",
)
SUM_POINTS = 24


def weather(scene: Scene) -> dict[str, Any]:
    """Rain, wind and air of every station; rivers, ponds and wells."""
    stations = [_station(scene, slug) for slug, _ in scene.of_domain("weather")]
    stations.sort(key=lambda one: (not one["rain"], not one["wind"], one["name"]))
    return {"stations": stations, "levels": [_level(scene, slug) for slug, _ in scene.of_domain("level")]}


def rain_sums(scene: Scene, slug: str) -> list[dict[str, Any]]:
    """The rain of each window and the limits that hold for it, mildest first."""
    limits = [
        one
        for one in limits_of(scene.plans, slug, scene.devices.get(slug), scene.quantities, "rain")
        if one.view == "sum_over" and one.value is not None
    ]
    found = []
    for hours in sorted({*WINDOWS_H, *(round(one.span_s / 3600) for one in limits)}):
        mine = [one for one in limits if round(one.span_s / 3600) == hours]
        total = _sum(scene, slug, hours)
        found.append(
            {
                "hours": hours,
                "mm": total,
                "limits": [one.plain() for one in mine],
                "level": level_of(mine, total),
            }
        )
    return found


def level_of(limits: Sequence[Limit], value: float | None) -> str:
    """The colour that a value has reached; empty below all."""
    reached = {
        one.severity for one in limits if value is not None and one.value is not None and value > one.value
    }
    return next((word for word in WORST_FIRST if word in reached), "")


def _sum(scene: Scene, slug: str, hours: int) -> float | None:
    rows = scene.past.chart(series_of(slug, "rain"), scene.now - hours * HOUR, scene.now, SUM_POINTS)
    return round(sum(row.mean * row.count for row in rows), 1) if rows else None


def _station(scene: Scene, slug: str) -> dict[str, Any]:
    device = scene.devices[slug]
    said = set(scene.quantities_of(slug))
    wind = None
    if "wind_speed" in said:
        speed = limits_of(scene.plans, slug, device, scene.quantities, "wind_speed")
        gust = plain_limits(limits_of(scene.plans, slug, device, scene.quantities, "wind_gust"))
        wind = {
            "speed": scene.reading(slug, "wind_speed"),
            "gust": scene.reading(slug, "wind_gust"),
            "dir": scene.reading(slug, "wind_dir"),
            "limits": [one.plain() for one in speed if one.value is not None],
            "gust_limits": [one.plain() for one in gust],
            "spark": scene.spark(slug, "wind_speed"),
        }
    air = []
    for quantity in [name for name in AIR if name in said]:
        reading = scene.reading(slug, quantity)
        assert reading is not None
        spark = scene.spark(slug, quantity)
        air.append({**reading, "spark": spark, "trend": trend(spark, reading["digits"])})
    return {
        **scene.card(slug),
        "rain": rain_sums(scene, slug) if "rain" in said else [],
        "wind": wind,
        "air": air,
    }


def _level(scene: Scene, slug: str) -> dict[str, Any]:
    device = scene.devices[slug]
    quantity = "water_level" if "water_level" in scene.quantities_of(slug) else "water_depth"
    limits = limits_of(scene.plans, slug, device, scene.quantities, quantity)
    rows = scene.past.chart(series_of(slug, quantity), scene.now - HOUR, scene.now, 60)
    rise = rows[-1].mean - rows[0].mean if len(rows) > 1 else None
    spark = scene.spark(slug, quantity)
    return {
        **scene.card(slug),
        "level": scene.reading(slug, quantity),
        "limits": [one.plain() for one in plain_limits(limits)],
        "rise": round(rise, 3) if rise is not None else None,
        "rise_over_s": round((rows[-1].start - rows[0].start).total_seconds()) if len(rows) > 1 else 0,
        "rise_limits": [one.plain() for one in limits if one.view == "rise_over"],
        "spark": spark,
        "trend": trend(spark, 2),
        "water_temp": scene.reading(slug, "water_temp"),
    }
