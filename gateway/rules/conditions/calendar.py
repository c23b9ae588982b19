"""A part of the week, in the site's time zone."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, timedelta, tzinfo

from gateway.model import Fact
from gateway.rules.conditions.condition import Condition
from gateway.rules.language import WEEKDAYS, Calendar

MINUTES_OF_DAY = 24 * 60


class PartOfWeek(Condition):
    """True inside; asked again at each edge, so that a rule begins when its time begins and not with the next reading.

    ``between: [22:00, 06:00]`` crosses midnight, and the hours after midnight belong to the day before.
    """

    __slots__ = ("_answer", "_calendar", "_holidays", "_until", "_zone")

    def __init__(self, calendar: Calendar, zone: tzinfo, holidays: AbstractSet[date]) -> None:
        super().__init__()
        self._calendar = calendar
        self._zone = zone
        self._holidays = holidays
        self._answer = (1.0, 0.0, False)  # from, until, and what holds between
        self._until = 0.0

    def judge(self, now: float) -> bool | None:
        """Whether the time is inside; the answer is kept until the next edge."""
        begin, end, inside = self._answer
        if not begin <= now < end:
            self._answer = self._look(now)
            inside = self._answer[2]
        return inside

    def due(self, now: float) -> float:
        """The next edge."""
        self.judge(now)
        return self._answer[1]

    def facts(self) -> tuple[Fact, ...]:
        """The time says so."""
        return (Fact("week"),)

    def reason(self) -> str:
        """The time says so."""
        return "time of the week"

    def _look(self, now: float) -> tuple[float, float, bool]:
        local = datetime.fromtimestamp(now, UTC).astimezone(self._zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        minute = local.hour * 60 + local.minute
        start, stop = self._calendar.between or (0, MINUTES_OF_DAY)
        edges = sorted({0, start, stop, MINUTES_OF_DAY} - ({0} if minute == 0 else set()))
        following = next(edge for edge in edges if edge > minute)
        end = self._at(midnight, following)
        day = local.date()
        crosses = start > stop
        if crosses and minute < stop:
            inside = self._on(day - timedelta(days=1))
        elif crosses:
            inside = minute >= start and self._on(day)
        else:
            inside = start <= minute < stop and self._on(day)
        return now, end, inside

    def _at(self, midnight: datetime, minute: int) -> float:
        day = midnight.date() + timedelta(days=minute // MINUTES_OF_DAY)
        hour, rest = divmod(minute % MINUTES_OF_DAY, 60)
        return datetime(day.year, day.month, day.day, hour, rest, tzinfo=self._zone).timestamp()

    def _on(self, day: date) -> bool:
        weekday = self._calendar.on is None or WEEKDAYS[day.weekday()] in self._calendar.on
        holiday = day in self._holidays
        match self._calendar.holidays:
            case "only":
                return holiday
            case "never":
                return weekday and not holiday
            case "also":
                return weekday or holiday
            case _:
                return weekday
