"""What is not normal, and what people do about it."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.api.asked import Asked, Refusal
from gateway.api.plain import alert_json
from gateway.api.shapes import TEXT, WORD, listing, named, record
from gateway.api.table import Endpoint
from gateway.store.accounts import Role


async def _alerts(asked: Asked) -> Any:
    return [alert_json(one, asked.house.site) for one in asked.house.alerts()]


async def _acknowledge(asked: Asked) -> Any:
    rule, target = asked.body["rule"], asked.body["target"]
    by = asked.by
    if not await asked.house.acknowledge(rule, target, by):
        raise Refusal(404, "nothing_open", rule=rule, target=target)
    await _note(asked, "alert.ack", rule, target)
    return _one(asked, rule, target)


async def _confirm(asked: Asked) -> Any:
    rule, target = asked.body["rule"], asked.body["target"]
    if not await asked.house.confirm(rule, target, asked.by):
        raise Refusal(404, "nothing_open", rule=rule, target=target)
    await _note(asked, "alert.confirm", rule, target)
    return _one(asked, rule, target)


async def _note(asked: Asked, action: str, rule: str, target: str, **detail: Any) -> None:
    await asyncio.to_thread(
        asked.house.accounts.note, asked.person, action, f"{rule} {target}", by=asked.by, **detail
    )


def _one(asked: Asked, rule: str, target: str) -> dict[str, Any]:
    """The alert as it is now; one that has just ended is normal."""
    for one in asked.house.alerts():
        if (one["rule"], one["target"]) == (rule, target):
            return alert_json(one, asked.house.site)
    return {"rule": rule, "target": target, "state": "normal"}


_WHICH = record({"by": WORD}, rule=WORD, target=WORD)
ENDPOINTS = (
    Endpoint(
        "GET", "/api/v1/alerts", Role.VIEWER, "What is not normal now, worst first.", _alerts, listing(named("Alert"))
    ),
    Endpoint(
        "POST", "/api/v1/alerts/ack", Role.WORKER, "I take it on: nobody else is called. On the disk when it answers.",
        _acknowledge, record(more=True, rule=TEXT, target=TEXT, state=TEXT), body=_WHICH,
        examples={"rule": "bin-full", "target": "bin-001"},
    ),
    Endpoint(
        "POST", "/api/v1/alerts/confirm", Role.OPERATOR, "I have looked: a latched alert is closed.",
        _confirm, record(more=True, rule=TEXT, target=TEXT, state=TEXT), body=_WHICH,
        examples={"rule": "bin-full", "target": "bin-001"},
    ),
)  # fmt: skip
