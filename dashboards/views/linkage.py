"""联动: what this box may switch, what is on now and why, which rules switch it, what was done lately."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dashboards.views.scene import Scene
from gateway.model import Event

LOOKED_AT = 40
SWITCHED, FAULT = "output", "output_fault"


def linkage(scene: Scene) -> dict[str, Any]:
    """Every output of the site, those that are on first."""
    found = [_output(scene, name, state) for name, state in scene.status.get("outputs", {}).items()]
    found.sort(key=lambda one: (not one["on"], not one["trouble"], one["name"]))
    return {"outputs": found, "looks": list(_looks(scene)), "done": list(_done(scene))}


def acting(scene: Scene) -> list[dict[str, Any]]:
    """The outputs that are on now, or do not obey: what the first page says in a band of its own."""
    states = scene.status.get("outputs", {})
    return [_output(scene, name, state) for name, state in states.items() if state["on"] or state["trouble"]]


def _output(scene: Scene, name: str, state: dict[str, Any]) -> dict[str, Any]:
    return {
        "output": name,
        **state,
        "name": state["name"] or name,
        "why_title": _title(scene, str(state["why"])),
        "rules": [
            {
                "rule": plan.rule.id,
                "title": {"zh": plan.rule.title("zh"), "en": plan.rule.title("en")},
                "from": act.from_.word if act.from_ is not None else None,
                "for_s": act.for_.total_seconds() if act.for_ is not None else None,
            }
            for plan in scene.plans
            for act in plan.rule.act
            if act.output == name
        ],
    }


def _looks(scene: Scene) -> Iterator[dict[str, Any]]:
    """Rules that turn a camera."""
    for plan in scene.plans:
        for act in plan.rule.act:
            if act.camera is not None:
                title = {"zh": plan.rule.title("zh"), "en": plan.rule.title("en")}
                yield {"rule": plan.rule.id, "title": title, "camera": act.camera, "preset": act.preset}


def _done(scene: Scene) -> Iterator[dict[str, Any]]:
    entries = [
        entry for kind in (SWITCHED, FAULT) for entry in scene.past.events_before(None, LOOKED_AT, kind=kind)
    ]
    for entry in sorted(entries, key=lambda one: -one.seq)[:LOOKED_AT]:
        event = entry.item
        if isinstance(event, Event):
            why = str(event.detail.get("why", ""))
            yield {
                "seq": entry.seq,
                "at": event.at.isoformat(),
                "output": event.source,
                "kind": event.kind,
                "detail": dict(event.detail),
                "why_title": _title(scene, why),
            }


def _title(scene: Scene, why: str) -> dict[str, str] | None:
    """What people call the rule that a reason begins with."""
    word = why.split(" ", 1)[0].split("/", 1)[0]
    plan = next((plan for plan in scene.plans if plan.rule.id == word), None)
    return None if plan is None else {"zh": plan.rule.title("zh"), "en": plan.rule.title("en")}
