"""Who lives and works here, how they are reached, and when: ``people:`` and ``duty:`` of the site file. Pure.

Telephone numbers and addresses are personal data: nothing here has them in its ``repr``, see :class:`Contact`.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from gateway.rota import WEEK, Calendar, Clock, Dates, Days, Span, Window
from gateway.schema import Duration, Slug, Strict

Urgency = Literal["notice", "warning", "critical"]
URGENCIES: tuple[Urgency, ...] = ("notice", "warning", "critical")
# The colours of the national signals as the three speeds of telling (devices reference 9: red, orange at once).
URGENCY_OF: dict[str, Urgency] = {
    "notice": "notice",
    "warning": "warning",
    "critical": "critical",
    "info": "notice",
    "blue": "notice",
    "yellow": "warning",
    "orange": "critical",
    "red": "critical",
}

LONGEST_TURN_DAYS = 366
_PHONE = re.compile(r"\+?[0-9][0-9 -]{2,23}")
_MINUTE = timedelta(minutes=1)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _phone(value: Any) -> str:
    if isinstance(value, str) and _PHONE.fullmatch(value.strip()):
        return value.strip()
    raise ValueError('is no telephone number; write it in quotes, e.g. "+86 577 0000 0000"')


def _address(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    raise ValueError("is no address; write it in quotes")


def _phones(value: Any) -> list[Any]:
    """One number or several; a fault must not quote them."""
    if isinstance(value, list):
        return value
    return [_phone(value)]


def _contacts(value: Any) -> list[Any]:
    if isinstance(value, list) and all(isinstance(each, (dict, Contact)) for each in value):
        return value
    raise ValueError(
        "is no list of channels; write [{channel: sms}, {channel: mail, to: somebody@example.org}]"
    )


class Contact(Strict):
    """One way to reach somebody.

    Attributes:
        channel: Name of the channel.
        to: Number, mail address, user or chat id there; unset: the person's first telephone number; without
            one nobody in particular, i.e. the whole group that the channel speaks to.
    """

    channel: Slug
    to: Annotated[str, BeforeValidator(_address)] = Field(default="", repr=False)


class Person(Strict):
    """Somebody who is told.

    Attributes:
        name: As others call him.
        roles: What he answers for wherever he is a member, e.g. cleaner, electrician.
        phones: Telephone numbers, the best first.
        channels: How he is reached, in the order to try.
        language: Of what he is sent; unset: the site's.
        quiet: When he is left alone unless it is critical; unset: what ``duty.quiet`` says for his roles.
    """

    name: str
    roles: list[Slug] = Field(default_factory=list)
    phones: Annotated[list[Annotated[str, BeforeValidator(_phone)]], BeforeValidator(_phones)] = Field(
        default_factory=list, repr=False
    )
    channels: Annotated[list[Contact], BeforeValidator(_contacts)] = Field(default_factory=list)
    language: Literal["zh", "en"] | None = None
    quiet: list[Window] | None = None

    @model_validator(mode="before")
    @classmethod
    def _a_person(cls, value: Any) -> Any:
        if isinstance(value, (dict, Person)):
            return value
        raise ValueError("is no person; write {name: ..., phones: [...], channels: [...]}")

    @property
    def contacts(self) -> tuple[Contact, ...]:
        """Every way to reach him, in order, each with its address."""
        return tuple(
            contact if contact.to or not self.phones else Contact(channel=contact.channel, to=self.phones[0])
            for contact in self.channels
        )


def masked(address: str) -> str:
    """An address that its owner recognises and nobody else can use."""
    name, at, host = address.partition("@")
    if at:
        return f"{name[:1]}***@{host}"
    return f"***{address[-2:]}" if len(address) >= 6 else "***" if address else ""


class Shift(Window):
    """A line of the weekly rota.

    Attributes:
        cell: For which cell.
        role: For a role there (who is told first of its own things); unset: for the cell itself.
        people: Who is on duty, in the order in which they are named to others.
    """

    cell: Slug
    role: Slug | None = None
    people: list[Slug] = Field(min_length=1)


class Swap(Span):
    """Somebody else for once.

    Attributes:
        people: Who is on duty instead.
        instead_of: Whose shifts they take; unset: they are on duty all that time, in place of everybody.
        cell: Only for this cell; needed without ``instead_of``.
        role: Only for this role.
    """

    people: list[Slug] = Field(min_length=1)
    instead_of: list[Slug] = Field(default_factory=list)
    cell: Slug | None = None
    role: Slug | None = None

    @model_validator(mode="after")
    def _of_whom(self) -> Swap:
        if not self.instead_of and self.cell is None:
            raise ValueError("says neither instead_of (whose shifts) nor cell (which post)")
        return self


class Leave(Span):
    """Somebody is away; why is nobody's business here.

    Attributes:
        person: Who.
    """

    person: Slug


class Group(Strict):
    """People who are called together.

    Attributes:
        name: What people read.
        people: By name.
        roles: And everybody with one of these roles.
        must_all_ack: Each is chased until he answers himself (叫应, alerting reference 4.10).
        chase: How long until somebody who has not answered is called again.
    """

    name: str = ""
    people: list[Slug] = Field(default_factory=list)
    roles: list[Slug] = Field(default_factory=list)
    must_all_ack: bool = False
    chase: Duration = Field(default=5 * _MINUTE, ge=_MINUTE)

    @model_validator(mode="after")
    def _somebody(self) -> Group:
        if not self.people and not self.roles:
            raise ValueError("has nobody in it; name people or roles")
        return self


class Turn(Strict):
    """A time of the day at which something is done: a round is walked, notices are sent together.

    Attributes:
        at: On the wall clock.
        days: As in the rota.
    """

    at: Clock
    days: Days = WEEK

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"at": value} if isinstance(value, str) else value

    def next(self, after: datetime, calendar: Calendar) -> datetime:
        """The first one later than a moment; one that comes never lies a year ahead."""
        day = after.astimezone(calendar.zone).date()
        for ahead in range(LONGEST_TURN_DAYS):
            here = day + timedelta(days=ahead)
            found = calendar.instant(here, self.at)
            if found > after and not calendar.words(here).isdisjoint(self.days):
                return found
        return after + timedelta(days=LONGEST_TURN_DAYS)


def _turns(*times: str) -> list[Turn]:
    return [Turn.model_validate(each) for each in times]


class Ladder(Strict):
    """How fast a matter climbs.

    Attributes:
        after: From the first telling, when level 1, 2, 3, 4 is told; a level left out is told only when nobody below
            could be.
        repeat: How long until the same people are told again while nobody answers; unset: once.
    """

    after: list[Duration] = Field(min_length=1, max_length=4)
    repeat: Duration | None = None

    @model_validator(mode="after")
    def _upwards(self) -> Ladder:
        if any(later < earlier for earlier, later in pairwise(self.after)):
            raise ValueError("a higher level cannot be told before a lower one")
        if self.repeat is not None and self.repeat < _MINUTE:
            raise ValueError("repeat is at least 1min")
        return self


def _ladder(minutes: tuple[int, ...], repeat: timedelta | None) -> Ladder:
    return Ladder(after=[timedelta(minutes=each) for each in minutes], repeat=repeat)


class Ladders(Strict):
    """The three speeds; defaults and repeats of the alerting reference, 4.10."""

    critical: Ladder = _ladder((0, 3, 8, 15), 5 * _MINUTE)
    warning: Ladder = _ladder((0, 30, 120), timedelta(hours=4))
    notice: Ladder = _ladder((0,), None)

    def of(self, urgency: Urgency) -> Ladder:
        """The ladder of a speed."""
        ladder: Ladder = getattr(self, urgency)
        return ladder


class DutySettings(Strict):
    """Who is on duty when.

    Attributes:
        rota: Weekly shifts. A cell without any is answered for by its members at all times.
        swaps: Exceptions with dates.
        leave: Who is away.
        holidays: Days off, for ``workday`` and ``restday``.
        workdays: Weekend days that are worked.
        quiet: Role -> when its people are left alone unless it is critical.
        groups: Who is called together.
        ladders: How fast each severity climbs.
        rounds: Role -> when its round begins; what waits for it (``batch: next_round``) is told 30 minutes before.
        digests: When notices are told, together.
    """

    rota: list[Shift] = Field(default_factory=list)
    swaps: list[Swap] = Field(default_factory=list)
    leave: list[Leave] = Field(default_factory=list)
    holidays: Dates = frozenset()
    workdays: Dates = frozenset()
    quiet: dict[Slug, list[Window]] = Field(default_factory=dict)
    groups: dict[Slug, Group] = Field(default_factory=dict)
    ladders: Ladders = Ladders()
    rounds: dict[Slug, Annotated[list[Turn], BeforeValidator(_listed)]] = Field(default_factory=dict)
    digests: list[Turn] = Field(default_factory=lambda: _turns("08:00", "18:00"))
