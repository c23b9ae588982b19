"""Hours of the day, kinds of day, stretches of dates: what a rota is written in. Pure; time is an argument.

A person writes the clock on the wall. Each wall time becomes one instant of the site's zone, so two shifts that touch
on paper touch in fact, on the days when the clocks change too. An hour that the clocks skip begins when they jump.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from gateway.schema import Strict

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DayWord = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "workday", "restday"]
WEEK: tuple[Weekday, ...] = get_args(Weekday)
DAY_WORDS: tuple[DayWord, ...] = get_args(DayWord)
DAY = timedelta(days=1)
LONGEST_HOLIDAY_DAYS = 366
_CLOCK = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])")
_WINDOW = re.compile(r"\s*([0-9]{1,2}:[0-9]{2})\s*(?:-|–|to)\s*([0-9]{1,2}:[0-9]{2})\s*")
_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[ T]([0-9]{1,2}:[0-9]{2}))?")


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are not what their weekday says.

    Attributes:
        zone: Of every wall time.
        holidays: Days off.
        workdays: Days worked although they are a Saturday or Sunday (调休).
    """

    zone: ZoneInfo
    holidays: Set[date] = frozenset()
    workdays: Set[date] = frozenset()

    def words(self, day: date) -> set[DayWord]:
        """The words that a rota may call this day by."""
        off = day in self.holidays or (day.weekday() >= 5 and day not in self.workdays)
        return {WEEK[day.weekday()], "restday" if off else "workday"}

    def instant(self, day: date, clock: time) -> datetime:
        """A wall time as an instant; the earlier one where the clocks are turned back over it."""
        return datetime.combine(day, clock, self.zone).astimezone(UTC)


def _clock(value: Any) -> time:
    if isinstance(value, time):
        return value
    found = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or (found.group(1) == "24" and found.group(2) != "00"):
        raise ValueError(f"{value!r} is no time of day; write 07:30")
    return time(int(found.group(1)) % 24, int(found.group(2)))


def _days(value: Any) -> tuple[DayWord, ...]:
    """``mon-fri``, ``[sat, sun]``, ``workday``, ``daily`` as the words of the days."""
    parts = value if isinstance(value, (list, tuple)) else str(value).split(",")
    named: list[DayWord] = []
    for part in parts:
        word = str(part).strip().lower()
        first, dash, last = word.partition("-")
        if word in {"daily", "every day"}:
            named += WEEK
        elif word in DAY_WORDS:
            named.append(next(known for known in DAY_WORDS if known == word))
        elif dash and first in WEEK and last in WEEK:
            begin, span = WEEK.index(first), (WEEK.index(last) - WEEK.index(first)) % 7
            named += [WEEK[(begin + step) % 7] for step in range(span + 1)]
        else:
            raise ValueError(f"{word!r} is no day; write mon to sun, mon-fri, workday, restday or daily")
    if not named:
        raise ValueError("names no day; leave it out for every day")
    return tuple(dict.fromkeys(named))


Clock = Annotated[time, BeforeValidator(_clock)]
Days = Annotated[tuple[DayWord, ...], BeforeValidator(_days)]


class Window(Strict):
    """Hours of the day on some days; ``22:00`` to ``06:00`` runs into the next morning and belongs to its first day.

    Attributes:
        from_: First moment. ``from`` in the file.
        to: First moment after it; the same as ``from``: a whole day.
        days: ``mon`` .. ``sun``, ``mon-fri``, ``workday``, ``restday``, ``daily`` (default).
    """

    from_: Clock = Field(default=time(), alias="from")
    to: Clock = time()
    days: Days = WEEK

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = _WINDOW.fullmatch(value)
        if found is None:
            raise ValueError(f"{value!r} is no stretch of the day; write 21:30-06:30")
        return {"from": found.group(1), "to": found.group(2)}

    def on(self, day: date, calendar: Calendar) -> tuple[datetime, datetime] | None:
        """The stretch that begins on this day, as instants; None when the day is not one of its days."""
        if calendar.words(day).isdisjoint(self.days):
            return None
        ends = day if self.to > self.from_ else day + DAY
        start, end = calendar.instant(day, self.from_), calendar.instant(ends, self.to)
        return (start, end) if start < end else None  # an hour that the clocks skip lasts no time

    def holds(self, at: datetime, calendar: Calendar) -> tuple[datetime, datetime] | None:
        """The stretch that this moment lies in."""
        today = at.astimezone(calendar.zone).date()
        for day in (today - DAY, today):
            stretch = self.on(day, calendar)
            if stretch is not None and stretch[0] <= at < stretch[1]:
                return stretch
        return None

    def edges(self, start: datetime, end: datetime, calendar: Calendar) -> Iterator[datetime]:
        """Every moment between two at which a stretch begins or ends."""
        day = start.astimezone(calendar.zone).date() - DAY
        last = end.astimezone(calendar.zone).date()
        while day <= last:
            yield from (edge for edge in self.on(day, calendar) or () if start < edge < end)
            day += DAY


def _moment(value: Any, *, whole_day: bool) -> datetime:
    if isinstance(value, datetime):
        return value
    found = _MOMENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r} is no date; write 2026-12-01 or 2026-12-01 08:00")
    day = datetime.combine(date.fromisoformat(found.group(1)), time())
    if found.group(2) is None:
        return day + DAY if whole_day else day
    clock = _clock(found.group(2))
    midnight = found.group(2).startswith("24")
    return datetime.combine(day.date() + (DAY if midnight else timedelta(0)), clock)


class Span(Strict):
    """From one date or wall time until another; a date alone means the whole of that day.

    Attributes:
        from_: First moment, on the site's wall clock. ``from`` in the file.
        until: First moment after it; written as a date, that day still belongs to it.
    """

    from_: Annotated[datetime, BeforeValidator(lambda value: _moment(value, whole_day=False))] = Field(
        alias="from"
    )
    until: Annotated[datetime, BeforeValidator(lambda value: _moment(value, whole_day=True))]

    @model_validator(mode="after")
    def _forward(self) -> Span:
        if self.until <= self.from_:
            raise ValueError("until lies before from")
        return self

    def instants(self, calendar: Calendar) -> tuple[datetime, datetime]:
        """Both ends as instants of the site's zone."""
        start = calendar.instant(self.from_.date(), self.from_.time())
        return start, calendar.instant(self.until.date(), self.until.time())

    def holds(self, at: datetime, calendar: Calendar) -> bool:
        """Whether the moment lies in it."""
        start, end = self.instants(calendar)
        return start <= at < end


def _dates(value: Any) -> frozenset[date]:
    """Single days and stretches ``{from, until}``, both ends included."""
    if isinstance(value, frozenset):
        return value
    entries = value if isinstance(value, list) else []
    if entries != value:
        raise ValueError("is a list of dates such as 2027-01-01, or of {from: 2027-02-05, until: 2027-02-12}")
    days: set[date] = set()
    for entry in entries:
        ends = entry if isinstance(entry, dict) else {"from": entry, "until": entry}
        if ends.keys() != {"from", "until"}:
            raise ValueError(f"{entry!r} needs from and until")
        first = _moment(ends["from"], whole_day=False).date()
        last = _moment(ends["until"], whole_day=False).date()
        if not 0 <= (last - first).days <= LONGEST_HOLIDAY_DAYS:
            raise ValueError(f"{first} until {last} is no stretch of days")
        days |= {first + timedelta(days=step) for step in range((last - first).days + 1)}
    return frozenset(days)


Dates = Annotated[frozenset[date], BeforeValidator(_dates)]
