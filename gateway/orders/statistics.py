"""How the village gets on with its jobs: told, accepted, done, late, for each cell, person and kind. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from typing import Any

from gateway.model import Event, Order
from gateway.rules.rulebook import ALERT

TARGET_PER_HOUR = 6  # alerting reference 4.6 (EEMUA 191, ISA-18.2): no more for one person
TARGET_PER_DAY = 150
WORST = 10


def of_orders(orders: Iterable[Order], now: datetime) -> dict[str, dict[str, dict[str, float]]]:
    """For each cell, person and kind: told, accepted, done, late, sent back; and the median time to done."""
    heaps: dict[str, dict[str, list[Order]]] = {"cells": {}, "people": {}, "kinds": {}}
    for order in orders:
        for name, key in (("cells", order.cell), ("people", order.person), ("kinds", order.kind)):
            heaps[name].setdefault(key or "-", []).append(order)
    return {
        name: {key: _sum(heap, now) for key, heap in sorted(heap.items())} for name, heap in heaps.items()
    }


def _sum(orders: Sequence[Order], now: datetime) -> dict[str, float]:
    times = sorted((one.done - one.created).total_seconds() for one in orders if one.done is not None)
    return {
        "told": len(orders),
        "accepted": sum(one.accepted is not None or one.done is not None for one in orders),
        "done": sum(one.done is not None or one.checked is not None for one in orders),
        "late": sum(is_late(one, now) for one in orders),
        "returned": sum(one.rounds for one in orders),
        "median_s": round(times[len(times) // 2]) if times else 0,
    }


def is_late(order: Order, now: datetime) -> bool:
    """Done, closed or still open after its time."""
    ends = [at for at in (order.done, order.checked, now) if at is not None]
    return min(ends) > order.due


def of_messages(messages: Iterable[tuple[str, datetime]], zone: tzinfo) -> dict[str, dict[str, Any]]:
    """For each person: messages for each day, the fullest hour, and on how many days the targets were missed.

    Args:
        messages: Person, when it went out.
        zone: Of the days.
    """
    days: dict[str, Counter[str]] = {}
    hours: dict[str, Counter[str]] = {}
    for person, at in messages:
        local = at.astimezone(zone)
        days.setdefault(person, Counter())[f"{local:%Y-%m-%d}"] += 1
        hours.setdefault(person, Counter())[f"{local:%Y-%m-%d %H}"] += 1
    return {
        person: {
            "days": dict(sorted(days[person].items())),
            "most_in_an_hour": max(hours[person].values()),
            "hours_over": sum(number > TARGET_PER_HOUR for number in hours[person].values()),
            "days_over": sum(number > TARGET_PER_DAY for number in days[person].values()),
        }
        for person in sorted(days)
    }


def worst_sources(events: Iterable[Event]) -> list[dict[str, Any]]:
    """The ten rules and targets that fired most often."""
    fired: Counter[tuple[str, str]] = Counter()
    for event in events:
        if (
            event.kind == ALERT
            and event.detail.get("to") == "firing"
            and event.detail.get("from") != "firing"
        ):
            fired[str(event.detail.get("rule", "")), str(event.detail.get("target", ""))] += int(
                event.detail.get("crossings", 1)
            )
    return [
        {"rule": rule, "target": target, "times": times}
        for (rule, target), times in sorted(fired.items(), key=lambda pair: (-pair[1], pair[0]))[:WORST]
    ]
