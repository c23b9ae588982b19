"""A journal in memory with the interface that a forwarder asks of the real one."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime

from gateway.contracts import Entry, Rollup
from gateway.model import Event, Reading


class MemoryJournal:
    def __init__(self) -> None:
        self._news = threading.Condition()
        self._seqs: list[int] = []
        self._readings: list[Entry] = []
        self._events: list[Entry] = []
        self._hours: list[tuple[int, datetime]] = []
        self._rollups: dict[datetime, list[Rollup]] = {}
        self._bookmarks: dict[str, str] = {}
        self.put_aside: list[tuple[str, Entry, str]] = []
        self._told = 0
        self.blank = False

    def append(self, *items: Reading | Event, skip: int = 0) -> None:
        with self._news:
            for item in items:
                if isinstance(item, Event):
                    self._events.append(Entry(len(self._events) + 1, item))
                else:
                    seq = (self._seqs[-1] if self._seqs else 0) + 1 + skip
                    self._seqs.append(seq)
                    self._readings.append(Entry(seq, item))
            self._told += 1
            self._news.notify_all()

    def roll(self, hour: datetime, *rollups: Rollup) -> None:
        self._rollups[hour] = list(rollups)
        self._hours.append((len(self._hours) + 1, hour))

    def evict(self, upto: int) -> None:
        with self._news:
            keep = bisect_right(self._seqs, upto)
            del self._seqs[:keep], self._readings[:keep]

    def head(self) -> int:
        return self._seqs[-1] if self._seqs else 0

    def count(self, after: int, until: int) -> int:
        return max(0, bisect_right(self._seqs, until) - bisect_right(self._seqs, after))

    def entries(self, after: int, limit: int, until: int | None = None) -> list[Entry]:
        if self.blank:
            return []
        with self._news:
            first = bisect_right(self._seqs, after)
            last = len(self._seqs) if until is None else bisect_right(self._seqs, until)
            return self._readings[first : min(last, first + limit)]

    def events(self, after: int, limit: int) -> list[Entry]:
        return self._events[after : after + limit]

    def rolled_hours(self, after: int, limit: int) -> list[tuple[int, datetime]]:
        return self._hours[after : after + limit]

    def hour_rollups(self, hour: datetime) -> list[Rollup]:
        return self._rollups[hour]

    def bookmark(self, consumer: str) -> str | None:
        return self._bookmarks.get(consumer)

    def set_bookmark(self, consumer: str, text: str) -> None:
        self._bookmarks[consumer] = text

    def park(self, consumer: str, entries: Sequence[Entry], why: str) -> None:
        self.put_aside += [(consumer, entry, why) for entry in entries]

    def parked_count(self, consumer: str) -> int:
        return sum(1 for name, _, _ in self.put_aside if name == consumer)

    def wait_for_news(self, seen: int, timeout: float) -> int:
        with self._news:
            self._news.wait_for(lambda: self._told != seen, timeout)
            return self._told
