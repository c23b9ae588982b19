"""One sensor: every limit that is judged for each of its quantities, and what is wrong with it now."""

from __future__ import annotations

from typing import Any

from dashboards.views.alerts import one_alert
from dashboards.views.limits import limits_of
from dashboards.views.scene import GATEWAY, Scene

_LAST = {"device", "gateway"}  # measurements of the box itself come after what it measures


def device(scene: Scene, slug: str) -> dict[str, Any] | None:
    """Everything of one device; ``None`` for a name nobody has configured."""
    if slug not in scene.devices and slug != GATEWAY:
        return None
    said = scene.quantities_of(slug)
    said.sort(key=lambda name: scene.quantities[name].measurement in _LAST)
    known = scene.devices.get(slug)
    return {
        "card": scene.card(slug) if known is not None else {"device": slug, "name": "", "domain": "gateway"},
        "values": [
            {
                **(scene.reading(slug, name) or {}),
                "kind": scene.quantities[name].kind,
                "limits": [
                    one.plain() for one in limits_of(scene.plans, slug, known, scene.quantities, name)
                ],
            }
            for name in said
        ],
        "alerts": [one_alert(scene, one) for one in scene.alerts if one["device"] == slug],
    }
