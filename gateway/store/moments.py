"""Times as the disk keeps them: whole milliseconds since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEN_MINUTES_MS = 600_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
EARLIEST_MS = -62_135_596_800_000  # year 1
LATEST_MS = 253_402_300_799_999  # year 9999


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970 of an aware time, rounded to the nearest."""
    return round(moment.timestamp() * 1000)


def from_ms(ms: int) -> datetime:
    """The aware UTC time of milliseconds since 1970; what a broken file says beyond year 9999 is cut off there."""
    return EPOCH + timedelta(milliseconds=max(EARLIEST_MS, min(LATEST_MS, ms)))
