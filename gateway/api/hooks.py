"""What other programs report: an alert of Grafana becomes an event, and the rules may judge it.

The shape is that of Grafana's webhook contact point ("Configure webhook notifications for alerting", Grafana docs 11):
``alerts[]`` with ``status``, ``labels``, ``annotations``, ``startsAt``, ``fingerprint``, ``values``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gateway.api.asked import Asked
from gateway.api.shapes import ANY, INTEGER, TEXT, listing, mapping, moment, or_null, record
from gateway.api.table import Endpoint
from gateway.model import Delivery, Event
from gateway.site import GATEWAY
from gateway.store.accounts import Role

KIND = "grafana_alert"
OVER = "grafana_resolved"
MOST_ALERTS = 100
LONGEST_TEXT = 200


async def _grafana(asked: Asked) -> Any:
    now = asked.house.clock.now()
    heard = [_event(asked, one, now) for one in asked.body["alerts"][:MOST_ALERTS]]
    if heard:
        await asked.house.bus.put(Delivery(tuple(heard)))
    return {"events": len(heard), "left_out": max(0, len(asked.body["alerts"]) - MOST_ALERTS)}


def _event(asked: Asked, one: dict[str, Any], now: datetime) -> Event:
    """One alert of Grafana; its label ``device`` says whose it is, where the site has one of that name."""
    labels, notes = one.get("labels") or {}, one.get("annotations") or {}
    device = str(labels.get("device", ""))
    source = device if device in asked.house.site.devices else GATEWAY.slug
    over = one.get("status") == "resolved"
    at = _time(one.get("endsAt" if over else "startsAt"), now)
    facts = {
        "name": labels.get("alertname", ""),
        "severity": labels.get("severity", ""),
        "summary": notes.get("summary", "") or notes.get("description", ""),
        "fingerprint": one.get("fingerprint", ""),
    }
    detail: dict[str, float | str] = {name: str(fact)[:LONGEST_TEXT] for name, fact in facts.items() if fact}
    return Event(source, OVER if over else KIND, at, now, detail=detail)


def _time(text: Any, now: datetime) -> datetime:
    """When Grafana says it was; its clock may be ahead of ours, and "not yet" is the year 1."""
    try:
        at = moment(str(text))
    except ValueError:
        return now
    return at if at.year > 2000 and at <= now else now


_ALERT = record(
    {
        "status": TEXT, "labels": mapping(ANY), "annotations": mapping(ANY), "startsAt": TEXT, "endsAt": TEXT,
        "fingerprint": TEXT, "values": or_null(ANY), "generatorURL": TEXT,
    },
    more=True,
)  # fmt: skip
ENDPOINTS = (
    Endpoint(
        "POST", "/api/v1/hooks/grafana", Role.WORKER,
        "Grafana's webhook: each alert becomes an event grafana_alert (or grafana_resolved) of its label device.",
        _grafana, record(events=INTEGER, left_out=INTEGER), body=record(more=True, alerts=listing(_ALERT)),
        examples={"alerts": [{"status": "firing", "labels": {"alertname": "Silent", "device": "bin-1"}}]},
    ),
)  # fmt: skip
