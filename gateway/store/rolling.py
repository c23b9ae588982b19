"""Roll-ups: which buckets are to be made (again), and what they hold.

A bucket is made from the readings on disk, all series at once, when its ten minutes are over, and again whenever a late
reading has landed in it; so late and timely readings go one way, and after a crash the same buckets are simply made
again. Only GOOD, UNKNOWN and SUSPECT readings count. 400 series cost 4 bytes of roll-up a reading.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Final

from gateway.store.book import Book
from gateway.store.moments import DAY_MS, HOUR_MS, TEN_MINUTES_MS
from gateway.store.reader import Reader

GRACE_MS: Final = 30_000  # after its end a bucket waits so long for stragglers
_QUIET_S: Final = 20.0  # a bucket of the past is made again when no reading has come for it so long
_PRESSING: Final = 2_000  # so many waiting buckets are not waited for
_AT_ONCE: Final = 8  # buckets in one go; intake comes between


class Rolling:
    """What is to be rolled up; belongs to the journal's thread."""

    def __init__(self) -> None:
        self._touched: dict[int, float] = {}
        self._days: set[int] = set()
        self._hours: set[int] = set()
        self._kept: dict[str, set[int]] = {"ten": set(), "day": set(), "hour": set()}

    def __len__(self) -> int:
        return len(self._touched)

    def load(self, book: Book) -> None:
        """What was still to be done when the book was last written."""
        for kind in self._kept:
            self._kept[kind] = book.dirty(kind)
        self._days |= self._kept["day"]
        self._hours |= self._kept["hour"]
        self.touch(self._kept["ten"], 0.0)

    def touch(self, buckets: Iterable[int], monotonic: float) -> None:
        """Readings have landed in these buckets."""
        for bucket in buckets:
            self._touched[bucket] = monotonic

    def due(self, now: int, monotonic: float, *, everything: bool = False) -> list[int]:
        """Some buckets to be made now.

        Args:
            now: Wall clock [ms since 1970].
            monotonic: Seconds; tells how long a bucket has been left alone.
            everything: Do not wait for quiet.
        """
        pressing = everything or len(self._touched) > _PRESSING
        over = now - GRACE_MS - TEN_MINUTES_MS
        found = (
            bucket
            for bucket, touched in self._touched.items()
            if (bucket <= over and (pressing or monotonic - touched >= _QUIET_S))
            or len(self._touched) > 2 * _PRESSING
        )
        return heapq.nsmallest(_AT_ONCE, found)

    def roll(self, book: Book, reader: Reader, buckets: Iterable[int], evicted_until: int) -> None:
        """Make buckets; within a transaction of the book.

        Args:
            book: Where they are kept.
            reader: Gives the readings.
            buckets: Their starts [ms since 1970].
            evicted_until: Readings before that moment may be gone: what was rolled up from them is kept.
        """
        for bucket in buckets:
            rows = [(bucket, *line) for line in reader.rolled(bucket, bucket + TEN_MINUTES_MS)]
            book.replace_rollups("rollup", bucket, rows, keep=bucket < evicted_until)
            self._hours.add(bucket // HOUR_MS * HOUR_MS)
            self._days.add(bucket // DAY_MS * DAY_MS)

    def close_periods(self, book: Book, done: Iterable[int], now: int) -> None:
        """Log the hours and make the days that are over and have no bucket waiting; note what is left to do.

        Args:
            book: In a transaction.
            done: Buckets that have just been made.
            now: Wall clock [ms since 1970].
        """
        left = {bucket: touched for bucket, touched in self._touched.items() if bucket not in set(done)}
        busy_hours = {bucket // HOUR_MS * HOUR_MS for bucket in left}
        busy_days = {bucket // DAY_MS * DAY_MS for bucket in left}
        over = now - GRACE_MS
        hours = sorted(t for t in self._hours - busy_hours if t + HOUR_MS <= over)
        days = sorted(t for t in self._days - busy_days if t + DAY_MS <= over)
        for day in days:
            book.roll_day(day, day + DAY_MS)
        if hours:
            book.log_hours(hours)
        self._todo = left, self._days.difference(days), self._hours.difference(hours)
        now_kept = {"ten": set(left), "day": self._todo[1], "hour": self._todo[2]}
        for kind, wanted in now_kept.items():
            book.keep_dirty(kind, wanted - self._kept[kind], self._kept[kind] - wanted)
        recent = [t for t in left if now - HOUR_MS <= t <= now]
        recent_days = [t for t in self._todo[1] if now - 3 * DAY_MS <= t <= now]
        book.note(
            rolled_until=min([*recent, now // TEN_MINUTES_MS * TEN_MINUTES_MS]),
            days_until=min([*recent_days, now // DAY_MS * DAY_MS]),
        )

    def committed(self) -> None:
        """The book has committed what :meth:`close_periods` did."""
        touched, self._days, self._hours = self._todo
        self._touched = touched
        self._kept = {"ten": set(touched), "day": set(self._days), "hour": set(self._hours)}

    def lost(self) -> None:
        """The book was replaced: nothing of what it kept is there any more."""
        self._kept = {kind: set() for kind in self._kept}
