"""水质监测: class I to V of each parameter against GB 3838, with the limits of the rules themselves.

Online sensors give an indicative class of what they measure, no assessment of compliance.
"""

from __future__ import annotations

from typing import Any

from dashboards.views.limits import limits_in, limits_of, plain_limits
from dashboards.views.scene import Scene, trend

CLASS_TAG = "class-"
WORSE_THAN_V = 6
SHOWN = (
    "ph", "do", "codmn", "cod", "nh4_n", "turbidity", "ec", "water_temp", "do_sat", "orp", "chlorine", "chlorophyll",
    "blue_green_algae",
)  # fmt: skip


def water(scene: Scene) -> dict[str, Any]:
    """Every station, worst first."""
    table = class_table(scene)
    stations = [_station(scene, slug, table) for slug, _ in scene.of_domain("water")]
    stations.sort(key=lambda one: (-(one["class"] or 0), one["name"]))
    return {"stations": stations, "table": [{"quantity": name, **table[name]} for name in table]}


def class_table(scene: Scene) -> dict[str, dict[str, Any]]:
    """Quantity -> side and the limit of each class, best first, read from the rules that carry a class tag.

    A range that is the same for all classes (pH) has ``low`` and ``high`` instead.
    """
    table: dict[str, dict[str, Any]] = {}
    for plan in scene.plans:
        tags = [tag for tag in plan.rule.for_each.tag if tag.startswith(CLASS_TAG)]
        for limit in plain_limits(limits_in(plan, scene.quantities)):
            for tag in tags:
                number = tag.removeprefix(CLASS_TAG)
                if number.isdigit():
                    row = table.setdefault(limit.quantity, {"side": limit.side, "limits": {}})
                    row["limits"][int(number)] = limit.value
        if not plan.rule.for_each.tag and plan.rule.for_each.kind == "water":
            _range(table, plain_limits(limits_in(plan, scene.quantities)))
    return table


def class_of(row: dict[str, Any], value: float) -> int:
    """1 to 5, 6 for worse than class V. A range that holds for all classes is kept (1) or broken (6)."""
    if "low" in row:
        return 1 if row["low"] <= value <= row["high"] else WORSE_THAN_V
    for number, limit in sorted(row["limits"].items()):
        if value <= limit if row["side"] == "above" else value >= limit:
            return int(number)
    return WORSE_THAN_V


def _range(table: dict[str, dict[str, Any]], limits: list[Any]) -> None:
    """A quantity with a mildest limit on both sides: pH."""
    for quantity in {one.quantity for one in limits}:
        mildest = [one for one in limits if one.quantity == quantity]
        low = next((one.value for one in mildest if one.side == "below"), None)
        high = next((one.value for one in mildest if one.side == "above"), None)
        if quantity == "ph" and low is not None and high is not None:
            table[quantity] = {"low": low, "high": high}


def _station(scene: Scene, slug: str, table: dict[str, dict[str, Any]]) -> dict[str, Any]:
    device = scene.devices[slug]
    tags = [tag.removeprefix(CLASS_TAG) for tag in device.settings.tags if tag.startswith(CLASS_TAG)]
    said = scene.quantities_of(slug)
    parameters = []
    for quantity in [name for name in SHOWN if name in said]:
        reading = scene.reading(slug, quantity)
        assert reading is not None
        spark = scene.spark(slug, quantity)
        known = table.get(quantity)
        usable = reading["value"] is not None and not reading["kept"]
        parameters.append(
            {
                **reading,
                "class": class_of(known, reading["value"]) if known and usable else None,
                "limits": [
                    one.plain()
                    for one in plain_limits(limits_of(scene.plans, slug, device, scene.quantities, quantity))
                ],
                "spark": spark,
                "trend": trend(spark, reading["digits"]),
            }
        )
    worst = max((one["class"] for one in parameters if one["class"]), default=None)
    decides = [one["quantity"] for one in parameters if worst and one["class"] == worst]
    return {
        **scene.card(slug),
        "class": worst,
        "decides": decides,
        "must": int(tags[0]) if tags and tags[0].isdigit() else None,
        "parameters": parameters,
    }
