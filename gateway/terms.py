"""How soon a job must be done and what its end must show: ``orders:`` of the site file. Pure; time is an argument.

Times: devices reference 10.3 (bin full 4 h, overflow 2 h, water 24 h, house yellow 24 h, orange 2 h, red 30 min; hours
of work 08:00-18:00); what it does not name is a choice of ours. Lights: 80 % and 100 % of the time (10.2). A
term of a day or more is counted by the clock, a shorter one within the hours of work; red, and orange of houses and
floods, always by the clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from gateway.model import Order, OrderState, Severity
from gateway.rota import Calendar, Window
from gateway.schema import Duration, LengthM, Size, Slug, Strict

AMBER = 0.8  # of the time (devices reference 10.2)
HORIZON = timedelta(days=60)  # hours of work that never come are not waited for
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_URGENT_KINDS = frozenset({"structure", "level", "weather", "camera"})
Light = Literal["green", "amber", "red"]
Word = Literal["info", "blue", "yellow", "orange", "red"]


class Term(Strict):
    """How long one kind of job may take.

    Attributes:
        kind: Of work; unset: every kind.
        severity: Of the alert; unset: every one.
        within: How long.
        always: By the clock, not by the hours of work.
    """

    kind: Slug | None = None
    severity: Word | None = None
    within: Annotated[Duration, Field(ge=_MINUTE, le=timedelta(days=90))]
    always: bool = False


class OrderSettings(Strict):
    """Work orders of this site.

    Attributes:
        hours: In which short terms are counted.
        terms: The site's own, before the shipped ones; the first that fits counts.
        photo: Whether a job is only done with a picture; ``required`` binds the API and the command, whoever answers by
            SMS or key has no picture to give and is checked by a person.
        radius: The picture must be taken this near to the device.
        largest_photo: Of one picture.
        most_photos: Of one order.
        sure_within: Saying once more within this time that it is done counts as being sure.
    """

    hours: Window = Window.model_validate("08:00-18:00")
    terms: list[Term] = Field(default_factory=list)
    photo: Literal["required", "optional"] = "required"
    radius: LengthM = 100.0
    largest_photo: Size = Field(default=8_000_000, ge=100_000, le=50_000_000)
    most_photos: int = Field(default=6, ge=1, le=20)
    sure_within: Annotated[Duration, Field(ge=_MINUTE)] = 30 * _MINUTE


SHIPPED: tuple[Term, ...] = (
    Term(kind="bin", severity="orange", within=2 * _HOUR),
    Term(kind="bin", severity="red", within=30 * _MINUTE),
    Term(kind="bin", within=4 * _HOUR),
    Term(kind="water", within=_DAY),
    Term(severity="red", within=30 * _MINUTE),
    Term(severity="orange", within=2 * _HOUR),
    Term(severity="yellow", within=_DAY),
    Term(within=3 * _DAY),
)


def term_for(kind: str, severity: Severity, own: Sequence[Term] = ()) -> Term:
    """The first term that fits."""
    for term in (*own, *SHIPPED):
        if term.kind in {None, kind} and term.severity in {None, severity.word}:
            return term
    raise AssertionError("the last shipped term fits everything")


def limits(
    kind: str, severity: Severity, start: datetime, settings: OrderSettings, calendar: Calendar
) -> tuple[datetime, datetime]:
    """When a job that begins now turns amber, and when it is due."""
    term = term_for(kind, severity, settings.terms)
    urgent = severity is Severity.RED or (severity is Severity.ORANGE and kind in _URGENT_KINDS)
    if term.always or urgent or term.within >= _DAY:
        return start + term.within * AMBER, start + term.within
    return tuple(
        _worked(start, share, settings.hours, calendar) for share in (term.within * AMBER, term.within)
    )  # type: ignore[return-value]  # two of them


def _worked(start: datetime, left: timedelta, hours: Window, calendar: Calendar) -> datetime:
    """When so many hours of work have passed."""
    day = start.astimezone(calendar.zone).date() - _DAY
    last = day + HORIZON
    while day <= last:
        stretch = hours.on(day, calendar)
        day += _DAY
        if stretch is None or stretch[1] <= start:
            continue
        begin = max(start, stretch[0])
        if stretch[1] - begin >= left:
            return begin + left
        left -= stretch[1] - begin
    return start + left


def light(order: Order, now: datetime) -> Light:
    """Green, amber from 80 % of the time on, red when it is late; what is done keeps the light it was done at."""
    at = min(now, order.done) if order.done is not None else now
    if order.state is OrderState.CHECKED and order.done is None and order.checked is not None:
        at = min(now, order.checked)
    return "red" if at > order.due else "amber" if at >= order.amber else "green"
