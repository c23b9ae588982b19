"""What of all changes is worth writing down: the net of a delivery, as an event."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from gateway.model import AlertChange, Event
from gateway.rules.rulebook import ALERT, CONFIRMED

ACKNOWLEDGED = "alert_acknowledged"

Net = tuple[AlertChange, int]  # the change, and how many changes that would have been told it stands for


def net(changes: Iterable[AlertChange]) -> list[Net]:
    """What people would be told of one delivery, in order of event time.

    A device that sends two hours at once crosses a limit many times: what counts is where it stands now, and how
    often it crossed (alerting reference 4.3, batch).
    """
    found: dict[tuple[str, str], list[AlertChange]] = {}
    for change in changes:
        if change.told:
            found.setdefault((change.rule, change.target), []).append(change)
    whole = [
        (
            replace(
                many[-1],
                before=many[0].before,
                since=many[-1].since or many[0].since,
                was=many[0].was,
            ),
            len(many),
        )
        for many in found.values()
    ]
    return sorted(whole, key=lambda pair: pair[0].at)


def event_of(change: AlertChange, received: datetime, crossings: int = 1) -> Event:
    """A change as it is written down, forwarded and exported."""
    detail: dict[str, float | str] = {
        "rule": change.rule,
        "target": change.target,
        "from": change.before.value,
        "to": change.after.value,
        "severity": change.severity.word,
        "reason": change.reason[:300],
    }
    if change.value is not None:
        detail["value"] = change.value
    if crossings > 1:
        detail["crossings"] = crossings
    return Event(change.target.partition(":")[0], ALERT, change.at, received, detail=detail)


def acknowledged(rule: str, target: str, by: str, at: datetime, since: datetime | None = None) -> Event:
    """A person's word that he has taken it on; the alert goes on, the calling stops.

    Args:
        rule: Of the alert.
        target: Of the alert.
        by: Who.
        at: When.
        since: When it began to fire; how long it took is written beside it [s].
    """
    detail: dict[str, float | str] = {"rule": rule, "target": target, "by": by}
    if since is not None:
        detail["after_s"] = max(0.0, round((at - since).total_seconds(), 1))
    return Event(target.partition(":")[0], ACKNOWLEDGED, at, at, detail=detail)


def confirmation(rule: str, target: str, by: str, at: datetime) -> Event:
    """A person's word that what is over is over."""
    device = target.partition(":")[0]
    return Event(device, CONFIRMED, at, at, detail={"rule": rule, "target": target, "by": by})
