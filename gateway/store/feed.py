"""What a sink should get next: events, then what is new, then what is old at a bounded rate; and how far it has come.

Only reads the journal and notes the bookmark; sending is ``forward.py``'s work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from gateway.clock import Clock
from gateway.contracts import Entry, Rollup
from gateway.model import Reading
from gateway.settings import Pace
from gateway.store.progress import Progress

MOST_BLANKS = 20  # times a range is asked for again that should hold readings and shows too few (ten seconds)


class Source(Protocol):
    """What a forwarder asks of the journal; every call may come from the forwarder's own thread."""

    def head(self) -> int:
        """Seq of the newest reading that consumers may have, 0 when there is none."""

    def count(self, after: int, until: int) -> int:
        """How many readings stand in a range of seqs; numbers may be left out, and old readings leave."""

    def entries(self, after: int, limit: int, until: int | None = None) -> list[Entry]:
        """Readings in the order they arrived."""

    def events(self, after: int, limit: int) -> list[Entry]:
        """Events in the order they arrived, by their own count."""

    def rolled_hours(self, after: int, limit: int) -> list[tuple[int, datetime]]:
        """Hours whose roll-ups stand (anew), by the count of that log."""

    def hour_rollups(self, hour: datetime) -> list[Rollup]:
        """The roll-ups of one hour."""

    def bookmark(self, consumer: str) -> str | None:
        """What was noted last."""

    def set_bookmark(self, consumer: str, text: str) -> None:
        """Note it; soon durable."""

    def park(self, consumer: str, entries: Sequence[Entry], why: str) -> None:
        """Put aside what the far side refuses for good, durably. Raises Unavailable."""

    def parked_count(self, consumer: str) -> int:
        """How many lie there."""

    def wait_for_news(self, seen: int, timeout: float) -> int:
        """Block until there is news or the time is over [s]; returns a number that changes with the news."""


class Lane(StrEnum):
    """Where a portion comes from; each lane has its own place in the progress."""

    EVENTS = "events"
    NEWS = "news"
    BACKLOG = "backlog"
    ROLLUPS = "roll-ups"


@dataclass(frozen=True, slots=True)
class Portion:
    """Entries that are sent together.

    Attributes:
        lane: Where they come from.
        entries: In order; may be empty when a range holds nothing (any more).
        after: The seq before them in that lane. upto: The seq that is reached with them.
    """

    lane: Lane
    entries: list[Entry]
    after: int
    upto: int


class Feed:
    """The places of one sink in the journal.

    Args:
        name: The sink's name in the journal.
        journal: Where everything is.
        clock: Rates and ages.
        pace: Portions and rates.
    """

    def __init__(self, name: str, journal: Source, clock: Clock, pace: Pace) -> None:
        self._name = name
        self._journal = journal
        self._clock = clock
        self._pace = pace
        self._progress = Progress.from_text(journal.bookmark(name))
        self._noted = self._progress.to_text()
        self._behind = self._in_gaps()
        self._blanks = 0
        self._news_since: float | None = None
        self._allowance = float(pace.batch)
        self._allowed_at = clock.monotonic()
        self._rollups_next = False
        self.lost = 0
        self.head = 0

    @property
    def catching_up(self) -> bool:
        """Whether something old is still to be sent."""
        return bool(self._progress.gaps)

    @property
    def up_to_date(self) -> bool:
        """Whether every reading known of is sent."""
        return not self._progress.gaps and self.head <= self._progress.live

    def events(self, limit: int) -> Portion | None:
        """The next events."""
        after = self._progress.events
        entries = self._journal.events(after, limit)
        return Portion(Lane.EVENTS, entries, after, entries[-1].seq) if entries else None

    def news(self, limit: int) -> Portion | None:
        """The newest readings; when there are more than one portion of them, the older ones become backlog."""
        self.head = self._journal.head()
        if self.head < self._progress.live:  # another journal than the bookmark's: everything in it is unsent
            self._progress.live, self._progress.gaps, self._behind = 0, [], 0
        if self.head == self._progress.live or self.gather_s(limit) > 0:
            return None
        upto = self.head - limit
        if upto > self._progress.live:
            self._behind += self._journal.count(self._progress.live, upto)
            self._progress.leave_behind(upto)
        return self._read(Lane.NEWS, self._progress.live, self.head, limit)

    def old(self, limit: int) -> Portion | None:
        """The next of roll-ups and backlog, in turn, as far as the rate allows."""
        if self.owed_s() > 0:
            return None
        self._rollups_next = not self._rollups_next
        for rollups in (self._rollups_next, not self._rollups_next):
            portion = self._rollups() if rollups else self._backlog(limit)
            if portion is not None:
                return portion
        return None

    def passed(self, portion: Portion) -> None:
        """Everything in a portion is sent, parked, or under a trial that the bookmark knows of."""
        match portion.lane:
            case Lane.EVENTS:
                self._progress.events = portion.upto
            case Lane.NEWS:
                self._progress.live = portion.upto
                self._news_since = None
            case Lane.BACKLOG:
                self._progress.filled(portion.upto)
                self._behind -= len(portion.entries)
                self._allowance -= len(portion.entries)
            case Lane.ROLLUPS:
                self._progress.hours = portion.upto
                self._allowance -= len(portion.entries)

    def gather_s(self, limit: int) -> float:
        """How long to wait for more news before the first of them are sent [s]; 0 when there is nothing to wait for."""
        if self.head <= self._progress.live:
            return 0.0
        now = self._clock.monotonic()
        if self._news_since is None:
            self._news_since = now
        if self.head - self._progress.live >= limit:
            return 0.0
        return max(0.0, self._pace.gather.total_seconds() - (now - self._news_since))

    def owed_s(self) -> float:
        """How long the old must wait for its rate [s]."""
        now = self._clock.monotonic()
        earned = (now - self._allowed_at) * self._pace.backlog_rate
        self._allowance = min(float(self._pace.batch), self._allowance + earned)
        self._allowed_at = now
        return -self._allowance / self._pace.backlog_rate if self._allowance <= -1.0 else 0.0

    def backlog(self) -> int:
        """Readings not yet sent; notices what has left the journal meanwhile."""
        behind = self._in_gaps()
        self.lost += max(0, self._behind - behind)
        self._behind = behind
        return behind + self._journal.count(self._progress.live, self._journal.head())

    def oldest_age(self, tried: Sequence[Portion]) -> timedelta | None:
        """How long ago the oldest unsent reading arrived."""
        after = min([self._progress.lowest, *(portion.after for portion in tried)])
        for entry in self._journal.entries(after, 1):
            if isinstance(entry.item, Reading):
                return self._clock.now() - entry.item.received
        return None

    def note(self, tried: Sequence[Portion]) -> None:
        """Write the bookmark if it has changed.

        Args:
            tried: Readings that have been passed but are still under trial; they count as unsent.
        """
        text = self._progress.to_text([(portion.after, portion.upto) for portion in tried])
        if text != self._noted:
            self._journal.set_bookmark(self._name, text)
            self._noted = text

    def _rollups(self) -> Portion | None:
        found = self._journal.rolled_hours(self._progress.hours, 1)
        if not found:
            return None
        seq, hour = found[0]
        entries = [Entry(seq, rollup) for rollup in self._journal.hour_rollups(hour)]
        return Portion(Lane.ROLLUPS, entries, self._progress.hours, seq)

    def _backlog(self, limit: int) -> Portion | None:
        if not self._progress.gaps:
            return None
        after, until = self._progress.gaps[-1]
        return self._read(Lane.BACKLOG, after, until, limit)

    def _read(self, lane: Lane, after: int, until: int, limit: int) -> Portion | None:
        """A portion of a range; ``None`` when the journal shows too few of it and is to be asked again."""
        entries = self._journal.entries(after, limit, until)
        upto = entries[-1].seq if len(entries) >= limit else until
        missing = self._journal.count(after, upto) - len(entries)
        if missing > 0 and self._blanks < MOST_BLANKS:
            self._blanks += 1
            return None
        self._blanks = 0
        if missing > 0:
            self.lost += missing
            self._behind -= missing if lane is Lane.BACKLOG else 0
        return Portion(lane, entries, after, upto)

    def _in_gaps(self) -> int:
        return sum(self._journal.count(low, high) for low, high in self._progress.gaps)
