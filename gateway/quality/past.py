"""The recent past of one series, and what it says about the next value. Small, bounded, lost without harm."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta

from gateway.model import Flag, Reading
from gateway.quality import checks
from gateway.quantities import Checks

LEAST_MEMORY = timedelta(
    hours=6
)  # older neighbours say nothing about a value; six periods where that is longer
_NEVER = datetime.min.replace(tzinfo=UTC)


class Past:
    """Five values, one run, and the limits they are held against.

    Args:
        limits: What is held against the series.
        period: How often it should be heard; after six silent periods (at least six hours) nothing is compared.
    """

    __slots__ = (
        "_after_missing",
        "_good",
        "_good_at",
        "_gross",
        "_last",
        "_lost",
        "_memory",
        "_newest",
        "_newest_at",
        "_newest_verdict",
        "_rate",
        "_run_count",
        "_run_high",
        "_run_low",
        "_run_since",
        "_spike",
        "_spike_ratio",
        "_stuck_s",
        "_stuck_within",
        "_usual",
        "checked",
    )

    def __init__(self, limits: Checks, period: timedelta) -> None:
        self._gross = limits.gross
        self._usual = limits.usual
        self._spike = limits.spike if limits.spike is not None else (0.0 if limits.spike_ratio else None)
        self._spike_ratio = limits.spike_ratio
        self._rate = limits.rate_per_min
        self._stuck_s = limits.stuck.total_seconds() if limits.stuck is not None else None
        self._stuck_within = limits.stuck_within
        self._after_missing = limits.after_missing and self._spike is not None
        self._memory = max(LEAST_MEMORY, 6 * period)
        self.checked = any(
            limit is not None for limit in (self._gross, self._usual, self._spike, self._rate, self._stuck_s)
        )
        self._last: deque[float] = deque(maxlen=5)
        self._newest_at: datetime | None = None
        self._newest = 0.0
        self._newest_verdict = (Flag.GOOD, "")
        self._good = 0.0
        self._good_at: datetime | None = None
        self._lost = False
        self._run_low = self._run_high = 0.0
        self._run_since = _NEVER
        self._run_count = 0

    def remember(self, reading: Reading) -> None:
        """Take over the last value known from before a restart; nothing is judged."""
        if reading.at - reading.received > checks.LARGEST_SKEW:
            return
        self._newest_at = reading.at
        if reading.value is None:
            self._lost = True
            return
        self._newest = reading.value
        self._newest_verdict = (reading.flag, reading.flagged_by)
        if reading.flag < Flag.FAIL:
            self._last.append(reading.value)
            self._note_run(reading.value, reading.at)
        if reading.flag == Flag.GOOD:
            self._good, self._good_at = reading.value, reading.at

    def missing(self, at: datetime) -> None:
        """A "no value" came in its turn."""
        if self._newest_at is None or at > self._newest_at:
            self._newest_at = at
            self._lost = True

    def ranges(self, value: float, complaints: list[tuple[Flag, str]]) -> None:
        """What can be said of a value by itself."""
        if self._gross is not None and checks.gross_range(value, *self._gross) is not Flag.GOOD:
            complaints.append((Flag.FAIL, "gross_range"))
        elif self._usual is not None and checks.usual_range(value, *self._usual) is not Flag.GOOD:
            complaints.append((Flag.SUSPECT, "usual_range"))

    def is_late(self, at: datetime, received: datetime) -> bool:
        """Whether a newer value is already known, so that neighbours cannot be compared.

        What lies in the future of the one who received it was written under a wrong clock: it is forgotten, or
        everything would be late until that future comes.
        """
        if self._newest_at is None or at >= self._newest_at:
            return False
        if self._newest_at - received > checks.LARGEST_SKEW:
            self._forget()
            self._newest_at = None
            return False
        return True

    def same_moment(self, value: float, at: datetime) -> tuple[Flag, str] | None:
        """The verdict for a moment that has been judged before; ``None`` when it is a new moment."""
        if at != self._newest_at or self._lost:
            return None
        if checks.duplicate_time(value, self._newest) is Flag.GOOD:
            return self._newest_verdict
        return Flag.SUSPECT, "duplicate_time"

    def neighbours(self, value: float, at: datetime, complaints: list[tuple[Flag, str]]) -> None:
        """What the values before it say about a new one; also moves the run it may be stuck in."""
        if self._newest_at is not None and at - self._newest_at > self._memory:
            self._forget()
        spike = self._spike
        if spike is not None:
            if checks.spike(value, self._last, spike, self._spike_ratio) is Flag.SUSPECT:
                complaints.append((Flag.SUSPECT, "spike"))
            elif self._lost and self._after_missing:
                before = self._last[-1] if self._last else None
                if checks.after_missing(value, before, spike) is Flag.SUSPECT:
                    complaints.append((Flag.SUSPECT, "after_missing"))
        if self._rate is not None and self._good_at is not None:
            elapsed_s = (at - self._good_at).total_seconds()
            if checks.rate_of_change(self._good, value, elapsed_s, self._rate) is Flag.SUSPECT:
                complaints.append((Flag.SUSPECT, "rate"))
        if self._stuck_s is not None:
            self._note_run(value, at)
            lasted_s = (at - self._run_since).total_seconds()
            span = self._run_high - self._run_low
            if (
                checks.stuck(span, self._run_count, lasted_s, self._stuck_s, self._stuck_within)
                is Flag.SUSPECT
            ):
                complaints.append((Flag.SUSPECT, "stuck"))

    def note(self, value: float, at: datetime, flag: Flag, reasons: str) -> None:
        """Remember a value that was judged in its turn."""
        self._newest, self._newest_at, self._newest_verdict = value, at, (flag, reasons)
        self._lost = False
        if flag < Flag.FAIL:
            self._last.append(value)
        if flag == Flag.GOOD:
            self._good, self._good_at = value, at

    def _note_run(self, value: float, at: datetime) -> None:
        """Lengthen the run of values that lie within the tolerance, or begin a new one.

        A run never spans more than the tolerance, so a flag is never wrong; that a new run begins only at the value
        that broke the old one can make it late by one duration at most.
        """
        low, high = min(self._run_low, value), max(self._run_high, value)
        if self._run_count and high - low <= self._stuck_within:
            self._run_low, self._run_high, self._run_count = low, high, self._run_count + 1
        else:
            self._run_low = self._run_high = value
            self._run_since, self._run_count = at, 1

    def _forget(self) -> None:
        self._last.clear()
        self._good_at = None
        self._lost = False
        self._run_count = 0
