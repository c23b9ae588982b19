"""Where and when something may burn: a kitchen, a temple, a burn-off on a certain day."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from detectors.runtime.contracts import Box
from detectors.runtime.zones import Zones
from gateway.schema import Strict

WHOLLY = (
    0.7  # of the box lies in the zone: a fire that outgrows the hearth is no longer the one that is allowed
)
_CLOCK = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _minutes(value: Any) -> Any:
    if isinstance(value, int):
        return value
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None or (minutes := 60 * int(found.group(1)) + int(found.group(2))) > 24 * 60:
        raise ValueError(f"{value!r} is no time of day; write 22:00")
    return minutes


Minutes = Annotated[int, BeforeValidator(_minutes)]


class Allowed(Strict):
    """One permission; every key narrows it.

    Attributes:
        zone: Name of one of the camera's zones; none: the whole picture, which then needs a time.
        between: Local time of day, ``[05:00, 08:30]``; may cross midnight.
        on: Days of the week.
        first: From this day on (a burn-off). last: To this day.
        kinds: ``fire``, ``smoke`` or both.
    """

    zone: str = ""
    between: tuple[Minutes, Minutes] | None = None
    on: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = Field(default_factory=list)
    first: date | None = None
    last: date | None = None
    kinds: list[Literal["fire", "smoke"]] = Field(default=["fire", "smoke"], min_length=1)

    @model_validator(mode="after")
    def _narrow(self) -> Self:
        if not self.zone and self.between is None and self.first is None and self.last is None:
            raise ValueError(
                "allows fire everywhere and always; name a zone, hours (between) or days (first, last)"
            )
        return self

    def holds(self, box: Box, zones: Zones, preset: str, *, at: datetime, offset_s: float) -> bool:
        """Whether this box may burn now."""
        if box.label not in self.kinds or not self._open(at + timedelta(seconds=offset_s)):
            return False
        return not self.zone or zones.share(self.zone, box, preset) >= WHOLLY

    def _open(self, local: datetime) -> bool:
        day = local.date()
        if self.between is not None:
            start, stop = self.between
            minute = 60 * local.hour + local.minute
            if start <= stop:
                if not start <= minute < stop:
                    return False
            elif minute < stop:
                day -= timedelta(days=1)  # after midnight: it belongs to the evening before
            elif minute < start:
                return False
        if self.on and _DAYS[day.weekday()] not in self.on:
            return False
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)
