"""The journal: append once, read by bookmark. What it has acknowledged is on the disk.

::

    STATE/journal/
      readings-000000000001.db   readings in the order they arrived, one file after the other (segment.py)
      readings-000000412345.db   the newest is written, the oldest is evicted whole
      book.db                    names, last words, roll-ups, events, bookmarks, what was refused, counters (book.py)
      ballast                    256 KiB to drop on a full disk
      *.corrupt-<time>           what was set aside, at most three; salvaged behind

One thread writes (writer.py, keeper.py); every other thread reads over connections that can do
nothing else (reader.py).
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from gateway import clock as clocks
from gateway.clock import Clock
from gateway.contracts import Entry, Rollup
from gateway.errors import Unavailable
from gateway.model import Code, Delivery, Event, Note, Order, Reading
from gateway.settings import StoreSettings
from gateway.store.backup import back_up
from gateway.store.book import Book, Parked
from gateway.store.keeper import Keeper
from gateway.store.moments import from_ms, to_ms
from gateway.store.outbox import OutboxTable
from gateway.store.reader import Reader
from gateway.store.salvage import Salvager
from gateway.store.status import JournalStatus
from gateway.store.writer import Writer

T = TypeVar("T")

_READERS = 4  # threads that look things up at the same moment; a fifth waits for one of them


class Journal:
    """Readings and events on the disk. Every method may be called from any thread.

    Args:
        root: The state folder of the gateway; the files lie in ``journal/`` under it.
        clock: The house's clock.
        settings: Quota, groups, patience with the clock.
        boot: The kernel's name for this boot; by default asked of the kernel.
    """

    def __init__(self, root: Path, clock: Clock, settings: StoreSettings, *, boot: str | None = None) -> None:
        self.folder = folder_of(root)
        self._clock = clock
        name = clocks.boot_id() if boot is None else boot
        self._keeper = Keeper(self.folder, clock, settings, boot=name, freed=self._freed, aside=self._aside)
        self._writer = Writer(self._keeper, settings)
        self._salvager = Salvager(
            self.folder,
            adopt=lambda path, rows: self._writer.ask(lambda: self._keeper.adopt(path, rows)),
            adopt_book=lambda remains: self._writer.ask(lambda: self._keeper.adopt_book(remains)),
            done=self._keeper.disk.mark_salvaged,
        )
        self._readers: queue.LifoQueue[tuple[Reader, int] | None] = queue.LifoQueue()
        for _ in range(_READERS):
            self._readers.put(None)
        self._closing = threading.Lock()
        self._closed = False

    def open(self) -> None:
        """Find everything as it was left, mend what is broken, and begin to write.

        Raises:
            SettingsError: A newer program wrote a file.
            Unavailable: Nothing can be written there.
        """
        self._keeper.open()
        left = self._keeper.disk.to_salvage()
        self._writer.start()
        for path in left:
            self._salvager.add(path)
        self._salvager.wake()

    def close(self) -> None:
        """Write down what waits, settle its receipts, let the files go. May be called twice."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._salvager.stop()
            self._writer.stop()
            for _ in range(_READERS):
                reader = self._readers.get()
                if reader is not None:
                    reader[0].close()

    def __enter__(self) -> Journal:
        self.open()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()

    async def append(self, delivery: Delivery) -> None:
        """Hand a delivery over to be written; its receipt is settled after the commit, never before.

        Waits only while the queue is full.

        Raises:
            Unavailable: The journal is closed.
        """
        await self._writer.put(delivery)

    def flush(self, timeout: float = 30.0) -> None:
        """Wait until everything appended is committed, and roll up and note what can be.

        Raises:
            Unavailable: The disk did not take it in time.
        """
        self._writer.ask(self._flush, timeout)

    def _flush(self) -> None:
        while self._keeper.tidy(everything=True):
            continue
        self._writer.tell()

    def latest(self) -> dict[str, Reading]:
        """The last word of every series."""
        return self._writer.ask(lambda: dict(self._keeper.intake.latest))

    def head(self) -> int:
        """The newest seq that :meth:`entries` gives out; 0 when there is none."""
        return self._keeper.head

    def count(self, after: int, until: int) -> int:
        """How many readings stand after a seq, up to another; seqs may be left out, and old readings leave."""
        parts = self._keeper.shelf.segments
        return sum(max(0, min(part.last, until) - max(part.first - 1, after)) for part in parts)

    def entries(self, after: int, limit: int, until: int | None = None) -> list[Entry]:
        """Readings in the order they arrived: after a seq, at most until another; committed and not held."""
        head = self._keeper.head
        with self._reading() as reader:
            return reader.entries(after, limit, head if until is None else min(head, until))

    def events(self, after: int, limit: int) -> list[Entry]:
        """Events in the order they arrived, after a seq; events have their own count."""
        with self._reading() as reader:
            return reader.events(after, limit)

    def events_before(
        self, before: int | None, limit: int, *, kind: str | None = None, source: str | None = None
    ) -> list[Entry]:
        """Events below a seq (none: all), newest first; of a kind or a source only, where these are given."""
        with self._reading() as reader:
            return reader.events_before(before, limit, kind=kind, source=source)

    def events_of(
        self,
        start: datetime,
        end: datetime,
        kinds: Sequence[str],
        *,
        source: str | None = None,
        limit: int = 1000,
    ) -> list[Entry]:
        """Events of some kinds by the time they happened, newest first."""
        with self._reading() as reader:
            return reader.events_of(start, end, kinds, source=source, limit=limit)

    def evidence_of(self, source: str, kinds: Collection[str], start: datetime, end: datetime) -> str | None:
        """What a message about an event can show; see :meth:`Reader.evidence_of`."""
        with self._reading() as reader:
            return reader.evidence_of(source, kinds, start, end)

    def readings(self, series: str, start: datetime, end: datetime, limit: int = 1_000_000) -> list[Reading]:
        """One series from ``start`` up to before ``end``, by time, each time once."""
        with self._reading() as reader:
            return reader.readings(series, start, end, limit)

    def chart(self, series: str, start: datetime, end: datetime, points: int = 500) -> list[Rollup]:
        """One series in about so many points; see :meth:`Reader.chart`."""
        with self._reading() as reader:
            return reader.chart(series, start, end, points)

    def series(self) -> list[str]:
        """Every series ever heard, by name."""
        with self._reading() as reader:
            return reader.series()

    def rolled_hours(self, after: int, limit: int) -> list[tuple[int, datetime]]:
        """Hours whose roll-ups stand (anew): a log that only grows, after a seq of its own."""
        with self._reading() as reader:
            return reader.rolled_hours(after, limit)

    def hour_rollups(self, hour: datetime) -> list[Rollup]:
        """The roll-ups of one hour, one for each series."""
        with self._reading() as reader:
            return reader.hour_rollups(hour)

    def bookmark(self, consumer: str) -> str | None:
        """How far a consumer said it was."""
        return self._keeper.books.bookmarks.get(consumer)

    def set_bookmark(self, consumer: str, text: str) -> None:
        """Remember how far a consumer is; on the disk within a few seconds and at close."""
        self._keeper.books.mark(consumer, text)

    def park(self, consumer: str, entries: Sequence[Entry], why: str) -> None:
        """Put aside what a sink refused, on the disk when this returns.

        At most 10,000 or 16 MB for each consumer: older ones are pushed out, counted in the status.

        Raises:
            Unavailable: The disk did not take it.
        """
        at = to_ms(self._clock.now())
        kept = tuple(entries)

        def work() -> None:
            pushed_out = self._keeper.books.write(lambda book: book.park(consumer, kept, why, at))
            self._keeper.books.totals["parked_dropped"] += pushed_out

        self._writer.ask(work)

    def parked(self, consumer: str) -> list[Parked]:
        """What a consumer put aside, oldest first."""
        with self._reading() as reader:
            return reader.parked(consumer)

    def parked_count(self, consumer: str) -> int:
        """How much a consumer put aside."""
        with self._reading() as reader:
            return reader.parked_counts().get(consumer, 0)

    def drop_parked(self, consumer: str, ids: Sequence[int] | None = None) -> int:
        """Forget what was put aside, all of it or some; returns how many. Raises Unavailable."""
        return self._writer.ask(
            lambda: self._keeper.books.write(lambda book: book.drop_parked(consumer, ids))
        )

    def outbox(self, work: Callable[[OutboxTable], T]) -> T:
        """Something done to the outbox, in one transaction, after everything appended before. Raises Unavailable."""
        return self._writer.ask(lambda: self._keeper.books.write(lambda book: work(book.outbox)))

    def desk_notes(self) -> list[Note]:
        """What the desk of alerts had written down, oldest kind first. Raises Unavailable."""
        return self._writer.ask(lambda: self._keeper.books.write(lambda book: book.desk.notes()))

    def change(self, work: Callable[[Book], T]) -> T:
        """Something done to the book in one transaction, after everything appended before. Raises Unavailable.

        What ``work`` raises itself is raised here, with nothing changed.
        """
        done = self._writer.ask(lambda: _caught(lambda: self._keeper.books.write(work)))
        self._writer.tell()
        return done()

    def orders(self, question: str, values: Sequence[object]) -> list[Order]:
        """Work orders that a question of :func:`gateway.store.orders.asked` finds."""
        with self._reading() as reader:
            return reader.orders(question, values)

    def message_about(self, channel: str, about: str) -> Code | None:
        """Whom a message was for and what it was about, by our id or the provider's number of it."""
        with self._reading() as reader:
            return reader.message_about(channel, about)

    def told_between(self, start: datetime, end: datetime) -> list[tuple[str, datetime]]:
        """Person and time of every message that went out, answers to people left aside."""
        with self._reading() as reader:
            return reader.told_between(start, end)

    def events_between(self, kind: str, start: datetime, end: datetime, limit: int = 100_000) -> list[Event]:
        """Events of a kind by the time at which they happened."""
        with self._reading() as reader:
            return reader.events_between(kind, start, end, limit)

    def told(self, rule: str, target: str) -> tuple[list[dict[str, Any]], dict[str, str] | None]:
        """Who was or will be told of the newest occurrence of an alert, and who has acknowledged it."""
        with self._reading() as reader:
            return reader.told(rule, target)

    def backup(self, target: Path) -> int:
        """Everything in one tar file while the journal works (backup.py); its bytes. Raises Unavailable."""
        return back_up(self.folder.parent, target)

    def wait_for_news(self, seen: int, timeout: float) -> int:
        """Wait until something was committed, released or rolled up.

        Args:
            seen: What this method returned last; -1 at first, which returns at once.
            timeout: Seconds.

        Returns:
            A number that changes with every piece of news.
        """
        return self._writer.wait_for_news(seen, timeout)

    def progress(self) -> tuple[int, float | None]:
        """Commits so far, and the monotonic time of the last: what a watchdog watches."""
        return self._keeper.counters.commits, self._keeper.counters.last_commit

    def status(self) -> JournalStatus:
        """One look at the journal."""
        keeper = self._keeper
        counters, segments, last_commit = keeper.counters, keeper.shelf.segments, keeper.counters.last_commit
        filled = [part for part in segments if part.rows]
        with self._reading() as reader:
            parked = reader.parked_counts()
        return JournalStatus(
            bytes=keeper.disk.used(),
            quota=keeper.disk.quota,
            free=keeper.disk.free(),
            segments=len(segments),
            oldest=from_ms(min(part.t_min for part in filled)) if filled else None,
            newest=from_ms(max(part.t_max for part in filled)) if filled else None,
            head=keeper.head,
            readings=counters.readings,
            events=counters.events,
            duplicates=counters.duplicates,
            late=counters.late,
            unfit=counters.unfit,
            evicted=keeper.books.totals["evicted"],
            evicted_rollups=keeper.books.totals["evicted_rollups"],
            evicted_events=keeper.books.totals["evicted_events"],
            commits=counters.commits,
            commit_age=None if last_commit is None else self._clock.monotonic() - last_commit,
            held=keeper.shelf.last - keeper.head,
            clock=keeper.doubt.belief.value,
            restamped=counters.restamped,
            corrupt=tuple(path.name for path in keeper.disk.corrupt_files()),
            salvage=self._salvager.state,
            waiting=len(self._writer),
            unrolled=len(keeper.rolling),
            parked=parked,
            parked_dropped=keeper.books.totals["parked_dropped"],
            failures=dict(counters.failures),
            last_failure=counters.last_failure,
            stuck=self._writer.stuck,
            sqlite=sqlite3.sqlite_version,
        )

    def _freed(self) -> None:
        """Segments were removed: readers that rest let them go now, those at work when they are done."""
        resting = []
        with suppress(queue.Empty):
            while True:
                resting.append(self._readers.get_nowait())
        for have in resting:
            if have is not None:
                have[0].let_go()
            self._readers.put(have)

    def _aside(self, path: Path) -> None:
        """A file was set aside; what is set aside while opening is found again when that is done."""
        if self._writer.running:
            self._salvager.add(path)
            self._salvager.wake()

    @contextmanager
    def _reading(self) -> Iterator[Reader]:
        """A reader for this thread, for as long as it needs it."""
        have = self._readers.get()
        keeper = self._keeper
        before = keeper.shelf.segments
        try:
            if have is None:
                have = (
                    Reader(self.folder, lambda: keeper.shelf.segments, keeper.suspect),
                    keeper.books.generation,
                )
            elif have[1] != keeper.books.generation:
                have[0].forget_book()
                have = have[0], keeper.books.generation
            yield have[0]
        finally:
            if have is not None and keeper.shelf.segments is not before:
                have[0].let_go()
            self._readers.put(have)


def _caught(work: Callable[[], T]) -> Callable[[], T]:
    """What a job gave or raised, handed out of the journal's thread: whoever asked for it bears it, not the journal."""
    try:
        found = work()
    except (Unavailable, sqlite3.Error, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - the thread's edge: a fault in one job must not end the journal
        raised = error

        def give() -> T:
            raise raised

        return give
    return lambda: found


def folder_of(root: Path) -> Path:
    """Where the journal of a state folder lies."""
    return root / "journal"
