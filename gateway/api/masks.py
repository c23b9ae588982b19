"""What people silence for a while: alerts put aside, devices out of service."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from gateway.api.alerts import alert_of, done
from gateway.api.asked import Asked, Refusal
from gateway.api.shapes import TEXT, TIME, WORD, moment, or_null, record, within
from gateway.api.table import Endpoint
from gateway.store.accounts import Role


async def _shelve(asked: Asked) -> Any:
    rule, target, why = asked.body["rule"], asked.body["target"], asked.body["why"]
    until = until_of(asked)
    refuse(await asked.house.shelve(rule, target, until, asked.by, why))
    await done(asked, "alert.shelve", rule, target, until=until.isoformat(), why=why)
    return alert_of(asked, rule, target)


async def _unshelve(asked: Asked) -> Any:
    rule, target = asked.body["rule"], asked.body["target"]
    refuse(await asked.house.unshelve(rule, target, asked.by))
    await done(asked, "alert.unshelve", rule, target)
    return alert_of(asked, rule, target)


async def _maintain(asked: Asked) -> Any:
    device, why = asked.body["device"], asked.body["why"]
    until = until_of(asked)
    refuse(await asked.house.maintain(device, until, asked.by, why))
    await _done_with(asked, "maintenance.begin", device, until=until.isoformat(), why=why)
    return {"device": device, "until": until.isoformat()}


async def _unmaintain(asked: Asked) -> Any:
    device = asked.body["device"]
    refuse(await asked.house.unmaintain(device, asked.by))
    await _done_with(asked, "maintenance.end", device)
    return {"device": device, "until": None}


def until_of(asked: Asked) -> datetime:
    """When it ends: ``until``, or so many ``minutes`` from now."""
    body = asked.body
    if ("until" in body) == ("minutes" in body):
        raise Refusal(400, "bad_value", key="minutes", problem="write minutes or until")
    if "until" in body:
        return moment(body["until"])
    return asked.house.clock.now() + timedelta(minutes=body["minutes"])


def refuse(why: str) -> None:
    """A no of the house is a no of the API."""
    if why:
        raise Refusal(409, "refused", why=why)


async def _done_with(asked: Asked, action: str, device: str, **detail: Any) -> None:
    """The same for everything of a device."""
    for one in asked.house.alerts():
        if one["device"] == device:
            asked.house.changes.touch(one["rule"], one["target"])
    await asyncio.to_thread(asked.house.accounts.note, asked.person, action, device, by=asked.by, **detail)


_END = {"minutes": within(1, 31 * 24 * 60), "until": TIME, "by": WORD}
_OUT_OF_SERVICE = record(device=TEXT, until=or_null(TIME))
_WHICH = record({"by": WORD}, rule=WORD, target=WORD)
ENDPOINTS = (
    Endpoint(
        "POST", "/api/v1/alerts/shelve", Role.OPERATOR, "Put an alert aside for a while, at most a day; never a fire.",
        _shelve, record(more=True, rule=TEXT, target=TEXT, state=TEXT),
        body=record(_END, rule=WORD, target=WORD, why=WORD),
        examples={"rule": "bin-full", "target": "bin-1", "minutes": 60, "why": "is being mended"},
    ),
    Endpoint(
        "POST", "/api/v1/alerts/unshelve", Role.OPERATOR, "Before its time.", _unshelve,
        record(more=True, rule=TEXT, target=TEXT, state=TEXT), body=_WHICH,
        examples={"rule": "bin-full", "target": "bin-1"},
    ),
    Endpoint(
        "POST", "/api/v1/maintenance", Role.OPERATOR, "A device or cell is out of service: nobody is told of it.",
        _maintain, _OUT_OF_SERVICE, body=record(_END, device=WORD, why=WORD),
        examples={"device": "bin-1", "minutes": 60, "why": "new battery"},
    ),
    Endpoint(
        "DELETE", "/api/v1/maintenance", Role.OPERATOR, "Back in service.", _unmaintain, _OUT_OF_SERVICE,
        body=record({"by": WORD}, device=WORD), examples={"device": "bin-1"},
    ),
)  # fmt: skip
