"""What is not normal, and what people do about it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from gateway.api.asked import Asked, Refusal
from gateway.api.named import SEVERITY
from gateway.api.plain import alert_json
from gateway.api.shapes import BOTH, NUMBER, TEXT, TIME, WORD, listing, named, one_of, or_null, record, within
from gateway.api.table import Endpoint
from gateway.api.timeline import MASKS, Timeline, titles
from gateway.model import Event
from gateway.occurrences import Occurrence, closed
from gateway.rules.rulebook import ALERT, CONFIRMED
from gateway.rules.telling import ACKNOWLEDGED
from gateway.site import Site
from gateway.store.accounts import Role

HISTORY = timedelta(days=30)
LONGEST = timedelta(
    days=7
)  # so far before the time asked for an occurrence is followed back to its beginning
MOST_EVENTS = 20_000


async def _alerts(asked: Asked) -> Any:
    return [alert_json(one, asked.house.site) for one in asked.house.alerts()]


async def _acknowledge(asked: Asked) -> Any:
    rule, target = asked.body["rule"], asked.body["target"]
    by = asked.by
    if not await asked.house.acknowledge(rule, target, by):
        raise Refusal(404, "nothing_open", rule=rule, target=target)
    await done(asked, "alert.ack", rule, target)
    return alert_of(asked, rule, target)


async def _confirm(asked: Asked) -> Any:
    rule, target = asked.body["rule"], asked.body["target"]
    if not await asked.house.confirm(rule, target, asked.by):
        raise Refusal(404, "nothing_open", rule=rule, target=target)
    await done(asked, "alert.confirm", rule, target)
    return alert_of(asked, rule, target)


async def _history(asked: Asked) -> Any:
    """Occurrences that ended within the time asked for; those of rules that are gone keep their id as name."""
    given, house = asked.given, asked.house
    end = given["to"] or house.clock.now() + timedelta(milliseconds=1)
    start = given["from"] or end - HISTORY
    found = await asyncio.to_thread(
        house.journal.events_of, start - LONGEST, end, (ALERT,), limit=MOST_EVENTS
    )
    over = closed(entry.item for entry in found if isinstance(entry.item, Event))
    return [_over_json(one, house.site) for one in over if one.ended >= start][: given["limit"]]


def _over_json(one: Occurrence, site: Site) -> dict[str, Any]:
    device = one.target.partition(":")[0]
    title = titles(site, one.rule)
    return {
        "id": f"{one.rule}/{one.target}",
        "rule": one.rule,
        "target": one.target,
        "device": device,
        "name": title[site.village.site.language],
        "title": title,
        "severity": one.severity.word,
        "value": one.value,
        "reason": one.reason,
        "began": one.began.isoformat() if one.began else None,
        "ended": one.ended.isoformat(),
    }


async def _alert(asked: Asked) -> Any:
    """The alert, open or just over, and everything that has happened around it in the last 30 days."""
    rule, target, house = asked.given["rule"], asked.given["target"], asked.house
    one = alert_of(asked, rule, target)
    now = house.clock.now()
    found = await asyncio.to_thread(
        house.journal.events_of,
        now - HISTORY,
        now + timedelta(milliseconds=1),
        (ALERT, ACKNOWLEDGED, CONFIRMED, *MASKS),
        source=target.partition(":")[0],
    )
    events = [entry.item for entry in found if isinstance(entry.item, Event)]
    device = target.partition(":")[0]
    about = {
        (rule, target),
        (None, target),
        (None, device),
    }  # what concerns the whole device concerns this, too
    mine = [one for one in events if (one.detail.get("rule"), one.detail.get("target")) in about]
    if one["state"] == "normal" and not mine:
        raise Refusal(404, "nothing_open", rule=rule, target=target)
    told, _ = await asyncio.to_thread(house.journal.told, rule, target)
    tellers = Timeline(house.site, asked.person.language)
    lines = [*(tellers.of_event(event) for event in mine), *(tellers.of_message(row) for row in told)]
    return {**one, "timeline": sorted(lines, key=lambda line: str(line["at"]))}


async def done(asked: Asked, action: str, rule: str, target: str, **detail: Any) -> None:
    """Into the audit trail, and to everybody who looks."""
    asked.house.changes.touch(rule, target)
    await asyncio.to_thread(
        asked.house.accounts.note, asked.person, action, f"{rule} {target}", by=asked.by, **detail
    )


def alert_of(asked: Asked, rule: str, target: str) -> dict[str, Any]:
    """The alert as it is now; one that has just ended is normal."""
    for one in asked.house.alerts():
        if (one["rule"], one["target"]) == (rule, target):
            return alert_json(one, asked.house.site)
    return {"rule": rule, "target": target, "state": "normal"}


_OVER = record(
    id=TEXT, rule=TEXT, target=TEXT, device=TEXT, name=TEXT, title=BOTH, severity=SEVERITY, value=or_null(NUMBER),
    reason=TEXT, began=or_null(TIME), ended=TIME,
)  # fmt: skip
_LINE = record(
    more=True, at=or_null(TIME), kind=one_of("state", "ack", "confirm", "mask", "message"), text=TEXT
)
_WHICH = record({"by": WORD}, rule=WORD, target=WORD)
ENDPOINTS = (
    Endpoint(
        "GET", "/api/v1/alerts", Role.VIEWER, "What is not normal now, worst first.", _alerts, listing(named("Alert"))
    ),
    Endpoint(
        "GET", "/api/v1/alerts/history", Role.VIEWER, "What was wrong and is over, newest end first; default 30 days.",
        _history, listing(_OVER), query={"from": TIME, "to": TIME, "limit": within(1, 5000, 500)},
    ),
    Endpoint(
        "GET", "/api/v1/alerts/{rule}/{target}", Role.VIEWER,
        "One alert and its time line: states, acknowledgements, messages with what became of them.", _alert,
        record(more=True, rule=TEXT, target=TEXT, state=TEXT, timeline=listing(_LINE)),
        examples={"rule": "bin-full", "target": "bin-1"},
    ),
    Endpoint(
        "POST", "/api/v1/alerts/ack", Role.WORKER, "I take it on: nobody else is called. On the disk when it answers.",
        _acknowledge, record(more=True, rule=TEXT, target=TEXT, state=TEXT), body=_WHICH,
        examples={"rule": "bin-full", "target": "bin-1"},
    ),
    Endpoint(
        "POST", "/api/v1/alerts/confirm", Role.OPERATOR, "I have looked: a latched alert is closed.",
        _confirm, record(more=True, rule=TEXT, target=TEXT, state=TEXT), body=_WHICH,
        examples={"rule": "bin-full", "target": "bin-1"},
    ),
)  # fmt: skip
