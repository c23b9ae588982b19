"""What is not normal, with everything a person asks next: where, how far beyond which limit, since when, who has it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dashboards.views.limits import asked, limits_of
from dashboards.views.scene import GATEWAY, WORST_FIRST, Scene

ACTIVE = frozenset({"firing", "recovering", "latched"})


def alerts(scene: Scene) -> list[dict[str, Any]]:
    """Every alert, worst first, waiting ones last, as the list of the big screen shows it."""
    return [one_alert(scene, alert) for alert in scene.alerts]


def one_alert(scene: Scene, alert: Mapping[str, Any]) -> dict[str, Any]:
    """One alert, with its limit and names."""
    slug = str(alert["device"])
    device = scene.devices.get(slug)
    found = asked(
        limits_of(
            [plan for plan in scene.plans if plan.rule.id == alert["rule"]], slug, device, scene.quantities
        ),
        str(alert["severity"]),
        str(alert["reason"]),
    )
    quantity = found.quantity if found is not None else ""
    if not quantity or quantity not in scene.quantities:
        quantity = _named_quantity(scene, alert)
    name = alert["name"]
    told = alert.get("told", ())
    taken = alert.get("acknowledged")
    cell = device.settings.cell if device is not None else None
    return {
        "rule": alert["rule"],
        "target": alert["target"],
        "device": slug,
        "place": (device.settings.name or slug) if device is not None else slug,
        "domain": scene.domain(slug) if device is not None else ("gateway" if slug == GATEWAY else "camera"),
        "cell": cell,
        "cell_name": scene.cells[cell].name if cell is not None and cell in scene.cells else "",
        "title": name if isinstance(name, Mapping) else {"zh": name, "en": name},
        "state": alert["state"],
        "severity": alert["severity"],
        "value": alert["value"],
        "limit": found.plain() if found is not None else None,
        "reason": alert["reason"],
        "since": alert["since"],
        "age_s": _age(scene, str(alert["since"])),
        "told": sorted({scene.people.get(row["person"], row["person"]) for row in told if _reached(row)}),
        "waiting": sorted(
            {scene.people.get(row["person"], row["person"]) for row in told if not _reached(row)}
        ),
        "acknowledged": None
        if not taken
        else {"by": scene.people.get(str(taken["by"]), str(taken["by"])), "at": taken["at"]},
        "masks": list(alert.get("masks", ())),
        "order": alert.get("order"),
        "evidence": alert.get("evidence"),
        "measured": scene.named(quantity) if quantity else None,
    }


def headline(scene: Scene) -> dict[str, Any]:
    """Is anything wrong, and how fresh is this: the one line on top of every page."""
    active = [one for one in scene.alerts if one["state"] in ACTIVE]
    counts = {word: sum(one["severity"] == word for one in active) for word in WORST_FIRST}
    worst = next((word for word in WORST_FIRST if counts[word]), "normal")
    expected = [slug for slug, device in scene.devices.items() if device.settings.enabled]
    newest = max((reading.received for reading in scene.latest.values()), default=None)
    return {
        "worst": worst,
        "counts": counts,
        "waiting": sum(one["state"] == "pending" for one in scene.alerts),
        "expected": len(expected),
        "silent": sum(scene.state(slug) in {"silent", "unheard"} for slug in expected),
        "open": sum(not one.get("acknowledged") for one in active),
        "newest": newest.isoformat() if newest is not None else None,
        "age_s": scene.age_s(newest) if newest is not None else None,
    }


def _reached(row: Mapping[str, Any]) -> bool:
    return row.get("state") in {"delivered", "accepted", "uncertain"}


def _named_quantity(scene: Scene, alert: Mapping[str, Any]) -> str:
    """The quantity that a flag or a silence is about: the reason or the target names it."""
    words = [*str(alert["reason"]).split(), *str(alert["target"]).partition(":")[2:]]
    return next((word for word in words if word in scene.quantities), "")


def _age(scene: Scene, since: str) -> float:
    return scene.age_s(datetime.fromisoformat(since))
