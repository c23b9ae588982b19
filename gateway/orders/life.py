"""The life of a work order: ``open -> accepted -> on_site -> done -> checked | returned``. Pure; time is an argument.

Each deed takes an order and gives the order as it is then, or raises OrderRefused. Said twice by the same person it
does no harm. The alert and its order close separately: a job that is done while the sensor still complains is asked
about once more (alerting reference 4.12).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from gateway.errors import OrderRefused
from gateway.model import Order, OrderNote, OrderState, Severity

GATEWAY = "gateway"  # who acts when nobody does
SAFETY = Severity.ORANGE  # from here on a person closes it
LONGEST_NOTE = 500
MOST_NOTES = 200
MOST_KEYS = 50
_TO_DO = frozenset({OrderState.OPEN, OrderState.RETURNED})
AT_WORK = frozenset({OrderState.OPEN, OrderState.RETURNED, OrderState.ACCEPTED, OrderState.ON_SITE})


def noted(order: Order, now: datetime, by: str, what: str, note: str = "", **changes: Any) -> Order:
    """The order with changes and a line in its log."""
    line = OrderNote(now, by[:60], what, " ".join(note.split())[:LONGEST_NOTE])
    return replace(order, log=(*order.log, line)[-MOST_NOTES:], **changes)


def accept(order: Order, by: str, now: datetime) -> Order:
    """Somebody takes it."""
    if order.state in {OrderState.ACCEPTED, OrderState.ON_SITE}:
        if order.person == by:
            return order
        raise OrderRefused("conflict", "taken", number=order.number, by=order.person)
    _must_be(order, _TO_DO)
    return noted(order, now, by, "accepted", state=OrderState.ACCEPTED, person=by, accepted=now)


def arrive(order: Order, by: str, now: datetime, place: tuple[float, float] | None = None) -> Order:
    """Somebody is there; who has not said that he takes it says so herewith."""
    if order.state is OrderState.ON_SITE and order.person == by:
        return order
    _must_be(order, AT_WORK)
    accepted = order.accepted if order.person == by and order.accepted else now
    return noted(
        order, now, by, "on_site", state=OrderState.ON_SITE, person=by, accepted=accepted, arrived=now,
        place=place or order.place,
    )  # fmt: skip


def done(
    order: Order,
    by: str,
    now: datetime,
    *,
    photos: Sequence[str] = (),
    place: tuple[float, float] | None = None,
    note: str = "",
    wrong: str = "",
) -> Order:
    """The job is done, as far as the one who did it is concerned.

    Args:
        order: Not done yet.
        by: Who.
        now: When.
        photos: Ids of his pictures.
        place: Where they were taken.
        note: His own words.
        wrong: What is not as it should be (no picture, the condition is still true): stands in the log for who checks.
    """
    if order.state is OrderState.DONE and order.person == by and not photos:
        return order
    _must_be(order, AT_WORK | {OrderState.DONE})
    return noted(
        order, now, by, "done", " ".join(part for part in (note, f"[{wrong}]" if wrong else "") if part),
        state=OrderState.DONE, person=by, accepted=order.accepted or now, arrived=order.arrived,
        done=order.done or now, photos=(*order.photos, *photos), place=place or order.place, asked=None,
    )  # fmt: skip


def ask(order: Order, by: str, now: datetime, why: str) -> Order:
    """Somebody says that it is done and the sensor says that it is not: he is asked."""
    return noted(order, now, by, "asked", why, asked=now)


def is_sure(order: Order, by: str, now: datetime, within: timedelta) -> bool:
    """Whether the same person has been asked a moment ago: he says it again."""
    asked = next((line for line in reversed(order.log) if line.what == "asked"), None)
    return order.asked is not None and asked is not None and asked.by == by and now - order.asked <= within


def check(order: Order, by: str, now: datetime, note: str = "") -> Order:
    """Somebody who answers for it has looked and closes it; what was not done is closed with his reason."""
    if order.state is OrderState.CHECKED:
        return order
    if order.state is not OrderState.DONE and not note.strip():
        raise OrderRefused("bad", "check_needs_why", number=order.number)
    if order.state is OrderState.DONE and order.severity >= SAFETY and order.person == by:
        raise OrderRefused("conflict", "other_eyes", number=order.number)
    return noted(order, now, by, "checked", note, state=OrderState.CHECKED, checked=now)


def give_back(order: Order, by: str, now: datetime, why: str, limits: tuple[datetime, datetime]) -> Order:
    """It was not good enough: the same person again, with a fresh term."""
    _must_be(order, frozenset({OrderState.DONE}))
    if not why.strip():
        raise OrderRefused("bad", "return_needs_why", number=order.number)
    return noted(
        order, now, by, "returned", why, state=OrderState.RETURNED, returned_why=" ".join(why.split())[:LONGEST_NOTE],
        rounds=order.rounds + 1, accepted=None, arrived=None, done=None, amber=limits[0], due=limits[1], level=1,
        told_late=None, reminded=False,
    )  # fmt: skip


def assign(order: Order, person: str, by: str, now: datetime) -> Order:
    """Somebody else shall do it."""
    _must_be(order, AT_WORK)
    state = OrderState.RETURNED if order.state is OrderState.RETURNED else OrderState.OPEN
    return noted(order, now, by, "assigned", person, state=state, person=person, accepted=None, arrived=None)


def worse(order: Order, severity: Severity, now: datetime, limits: tuple[datetime, datetime]) -> Order:
    """The alert has become worse: less time, never more."""
    if severity <= order.severity:
        return order
    amber, due = (min(pair) for pair in zip(limits, (order.amber, order.due), strict=True))
    return noted(
        order, now, GATEWAY, "raised", severity.word, severity=severity, amber=amber, due=due, ended=None
    )


def over(order: Order, now: datetime) -> Order:
    """The alert is over: a notice closes by itself, what is orange or red waits for a person."""
    if order.ended is not None or order.state is OrderState.CHECKED:
        return order
    if order.auto and order.severity < SAFETY:
        return noted(order, now, GATEWAY, "ended", state=OrderState.CHECKED, ended=now, checked=now)
    return noted(order, now, GATEWAY, "ended", ended=now)


def again(order: Order, occurrence: int, now: datetime) -> Order:
    """The alert is on once more before the job was closed: the same job."""
    if order.state is OrderState.CHECKED or (order.ended is None and order.occurrence == occurrence):
        return order
    return noted(order, now, GATEWAY, "again", occurrence=occurrence, ended=None)


def reminded(order: Order, now: datetime) -> Order:
    """Who has it has been told that it is due soon; once."""
    return order if order.reminded else noted(order, now, GATEWAY, "amber", reminded=True)


def upwards(order: Order, level: int, now: datetime) -> Order:
    """It is late, and a higher level hears of it; each once."""
    if order.level >= level or order.state not in AT_WORK:
        return order
    return noted(order, now, GATEWAY, "late", f"L{level}", level=level, told_late=now)


def remembered(order: Order, key: str) -> Order:
    """The request with this key has been carried out."""
    return replace(order, keys=(*order.keys, key)[-MOST_KEYS:]) if key else order


def _must_be(order: Order, states: frozenset[OrderState]) -> None:
    if order.state not in states:
        raise OrderRefused("conflict", f"is_{order.state.value}", number=order.number, by=order.person or "-")
