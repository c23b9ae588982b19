"""What was wrong and is over: occurrences of alerts, put together from the events that tell them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gateway.model import AlertState, Event, Severity

OVER = frozenset({AlertState.NORMAL.value})
WAITING = frozenset({AlertState.NORMAL.value, AlertState.PENDING.value})


@dataclass(slots=True)
class Occurrence:
    """One time that a rule fired for a target.

    Attributes:
        rule: Its id. target: Device, behind a colon its channel.
        began: When it began to fire; ``None`` when that is further back than was looked.
        ended: When it was over.
        severity: The worst it was.
        value: What was judged when it was that bad. reason: Why it was.
    """

    rule: str
    target: str
    began: datetime | None
    ended: datetime
    severity: Severity
    value: float | None
    reason: str


def closed(events: Iterable[Event]) -> list[Occurrence]:
    """The occurrences that are over, newest end first.

    Args:
        events: Of the kind ``alert``, newest first.
    """
    found: list[Occurrence] = []
    open_: dict[tuple[str, str], Occurrence] = {}
    for event in events:
        detail = event.detail
        rule, target = str(detail.get("rule", "")), str(detail.get("target", ""))
        severity = Severity[str(detail.get("severity", "info")).upper()]
        key = rule, target
        if detail.get("to") in OVER:
            open_[key] = Occurrence(rule, target, None, event.at, severity, None, "")
            found.append(open_[key])
            continue
        one = open_.get(key)
        if one is None:
            continue
        if severity >= one.severity or not one.reason:
            value = detail.get("value")
            one.severity = max(one.severity, severity)
            one.value = float(value) if isinstance(value, int | float) else None
            one.reason = str(detail.get("reason", ""))
        if detail.get("from") in WAITING:
            one.began = event.at
            del open_[key]
    return found
