"""Times as people and loggers write them, made aware UTC in whole milliseconds. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

_FORMATS = (
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%d/%m/%Y %H:%M:%S",  # day first; American files need a format of their own
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%Y%m%d%H%M%S",
    "%Y%m%d%H%M",
    "%a %b %d %H:%M:%S %Y",
)
_EPOCH = re.compile(r"(?:[0-9]{9,10}|[0-9]{13}|[0-9]{16}|[0-9]{19})(?:\.[0-9]+)?")  # s, ms, us, ns since 1970
_HOUR = re.compile(r"(\S+) ([0-9]{1,2})")  # "2020-06-01 24": the hour that ends, 24 being midnight
_FRACTION = re.compile(r"(\.[0-9]{6})[0-9]+")
_START = datetime(1970, 1, 1, tzinfo=UTC)


class Times:
    """Reads times; remembers which way of writing fitted last, since a file rarely changes it.

    Args:
        zone: Of times that name none.
        form: The only way they are written (``strptime``); default: ISO 8601, seconds or milliseconds since 1970, and
            the usual ways with the day before the month.
    """

    def __init__(self, zone: tzinfo = UTC, form: str | None = None) -> None:
        self._zone = zone
        self._forms = [form] if form is not None else list(_FORMATS)
        self._only = form is not None

    def read(self, text: str) -> datetime:
        """A time.

        Raises:
            ValueError: It is none, in words.
        """
        found = self._parsed(text.strip())
        if found.year < _START.year:
            raise ValueError(f"{text[:40]!r} is before {_START.year}")
        if found.tzinfo is None:
            found = found.replace(tzinfo=self._zone)
        found = found.astimezone(UTC)
        return found.replace(microsecond=found.microsecond // 1000 * 1000)

    def _parsed(self, text: str) -> datetime:
        if not self._only:
            if _EPOCH.fullmatch(text):
                return _since_1970(float(text))
            try:
                return datetime.fromisoformat(_FRACTION.sub(r"\1", text) if "." in text else text)
            except ValueError:
                pass  # one of the other ways, then
            hour = _HOUR.fullmatch(text)
            if hour is not None and int(hour.group(2)) <= 24:
                return self._parsed(hour.group(1)) + timedelta(hours=int(hour.group(2)))
        for place, form in enumerate(self._forms):
            try:
                found = datetime.strptime(text, form)  # noqa: DTZ007  # its zone is added by read()
            except ValueError:
                continue
            if place:
                self._forms.insert(0, self._forms.pop(place))
            return found
        raise ValueError(f"{text[:40]!r} is no time")


def _since_1970(number: float) -> datetime:
    unit_s = next(unit for unit in (1.0, 1e-3, 1e-6, 1e-9) if number * unit < 1e11)  # 1e11 s: the year 5138
    return _START + timedelta(milliseconds=round(number * unit_s * 1000))
