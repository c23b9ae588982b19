"""智慧农业: what the soil and the greenhouse say, with the limits that are judged."""

from __future__ import annotations

from typing import Any

from dashboards.views.limits import limits_of, plain_limits
from dashboards.views.scene import Scene, trend

SHOWN = ("soil_moisture", "soil_temp", "soil_ec", "soil_ph", "soil_n", "soil_p", "soil_k")


def fields(scene: Scene) -> dict[str, Any]:
    """Every field, driest first."""
    found = [_field(scene, slug) for slug, _ in scene.of_domain("soil")]
    found.sort(key=_moisture)
    return {"fields": found}


def _moisture(one: dict[str, Any]) -> float:
    value = next((each["value"] for each in one["values"] if each["quantity"] == "soil_moisture"), None)
    return value if value is not None else 101.0


def _field(scene: Scene, slug: str) -> dict[str, Any]:
    device = scene.devices[slug]
    said = scene.quantities_of(slug)
    values = []
    for quantity in [name for name in SHOWN if name in said]:
        reading = scene.reading(slug, quantity)
        assert reading is not None
        spark = scene.spark(slug, quantity)
        limits = plain_limits(limits_of(scene.plans, slug, device, scene.quantities, quantity))
        values.append(
            {
                **reading,
                "limits": [one.plain() for one in limits],
                "spark": spark,
                "trend": trend(spark, reading["digits"]),
            }
        )
    return {**scene.card(slug), "values": values}
