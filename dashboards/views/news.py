"""What has happened lately, for people: bins emptied, alerts that came and went, what cameras saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboards.views.scene import GATEWAY, Scene
from gateway.contracts import Entry
from gateway.model import AlertState, Event
from gateway.rules.rulebook import ALERT

LOOKED_AT = 150
SHOWN = 14
TOLD = frozenset({AlertState.FIRING.value, AlertState.NORMAL.value})
OWN_TO_OTHERS = frozenset({"alert_confirmed", "alert_acknowledged"})  # said on the alert's own page


def news(scene: Scene) -> list[dict[str, Any]]:
    """The last things worth a line, newest first."""
    found = [_line(scene, entry) for entry in scene.past.events_before(None, LOOKED_AT)]
    return [one for one in found if one is not None][:SHOWN]


def _line(scene: Scene, entry: Entry) -> dict[str, Any] | None:
    event = entry.item
    if not isinstance(event, Event) or event.kind in OWN_TO_OTHERS or event.detail.get("state") == "ended":
        return None
    line = {
        "seq": entry.seq,
        "at": event.at.isoformat(),
        "kind": event.kind,
        "device": event.source,
        "place": _place(scene, event.source),
        "title": None,
        "state": "normal",
        "evidence": event.evidence,
        "detail": dict(event.detail),
    }
    if event.kind == ALERT:
        return _of_alert(scene, event, line)
    return line


def _of_alert(scene: Scene, event: Event, line: dict[str, Any]) -> dict[str, Any] | None:
    detail: Mapping[str, Any] = event.detail
    after = str(detail.get("to", ""))
    before = str(detail.get("from", ""))
    if after not in TOLD or (before == AlertState.PENDING.value and after == AlertState.NORMAL.value):
        return None
    plan = next((plan for plan in scene.plans if plan.rule.id == detail.get("rule")), None)
    if plan is None:
        return None
    return {
        **line,
        "kind": "over" if after == AlertState.NORMAL.value else "alert",
        "title": {"zh": plan.rule.title("zh"), "en": plan.rule.title("en")},
        "state": "normal" if after == AlertState.NORMAL.value else str(detail.get("severity", "info")),
    }


def _place(scene: Scene, slug: str) -> str:
    device = scene.devices.get(slug)
    if device is None:
        return "" if slug == GATEWAY else slug
    return device.settings.name or slug
