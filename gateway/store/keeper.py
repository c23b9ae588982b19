"""The journal's files in the hands of its one thread: readings on the shelf, the rest in the book.

Nothing here knows of queues, receipts or asyncio. ``commit`` returns when a group is on the disk, or raises Unavailable
when no way was found for now; called again with the same group it goes on where it stopped.
"""

from __future__ import annotations

import logging
import math
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from gateway.clock import Clock
from gateway.errors import Unavailable
from gateway.model import Delivery, Event, Flag, Reading
from gateway.settings import StoreSettings
from gateway.store import doubt, lite, salvage
from gateway.store.book import Book, clean
from gateway.store.disk import Disk
from gateway.store.doubt import Belief, Doubt
from gateway.store.moments import TEN_MINUTES_MS, to_ms
from gateway.store.reader import Reader, list_segments
from gateway.store.rolling import Rolling
from gateway.store.segment import Row, Segment
from gateway.store.shelf import Shelf
from gateway.store.status import Counters

log = logging.getLogger(__name__)
T = TypeVar("T")

BOOK = "book.db"
_CHECK_S = 3.0  # a look at a book that was not closed cleanly may take so long at start
_ATTEMPTS = 8  # ways tried for one group before saying that there is none now
_BOOKMARKS_S = 5.0  # bookmarks are written so often
_TIDY_S = 30.0  # the room on the disk is looked at so often
_CHECKPOINT_ROWS = 100_000  # after so many readings the last words are noted even if no bucket was due
_FUTURE_MS = 600_000  # a last word this far ahead of its arrival does not keep later ones out
_LONGEST_WHY = 200  # characters


@dataclass(slots=True)
class Group:
    """What is committed together; shrinks as it gets to the disk."""

    rows: list[Row] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


class Keeper:
    """The files. Every method belongs to the journal's thread, except where it says otherwise.

    Args:
        folder: Where the files are.
        clock: The house's clock.
        settings: Quota and patience.
        boot: The kernel's name for this boot.
        freed: Told when segments have been removed, so that other readers let them go.
        aside: Told when a file was set aside: where it lies now.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        settings: StoreSettings,
        boot: str,
        freed: Callable[[], None],
        aside: Callable[[Path], None],
    ) -> None:
        self.folder = folder
        self.clock = clock
        self.disk = Disk(folder)
        self.counters = Counters()
        self.latest: dict[str, Reading] = {}
        self.doubt = Doubt(clock, settings.clock_patience, boot)
        self.rolling = Rolling()
        self.bookmarks: dict[str, str] = {}
        self.generation = 0  # of the book: readers open it anew when it was replaced
        self.totals = {"evicted": 0, "evicted_rollups": 0, "evicted_events": 0, "parked_dropped": 0}
        self.shelf = Shelf(self.disk, clock, evicted=self._evicted, freed=self._freed, aside=aside)
        self._tell_freed = freed
        self._settings = settings
        self._boot = boot
        self._aside = aside
        self._book: Book | None = None
        self._reader = Reader(folder, lambda: self.shelf.segments, self.suspect)
        self._suspects: list[tuple[Path, sqlite3.Error]] = []
        self._changed: set[str] = set()
        self._unseen: list[Segment] = []
        self._evicted_until = -(1 << 62)
        self._sequence = 0
        self._marked: set[str] = set()
        self._looked = self._noted = clock.monotonic()
        self._since_note = 0

    @property
    def head(self) -> int:
        """The newest seq that consumers may have; any thread may ask."""
        held_from = self.doubt.held_from
        return self.shelf.last if held_from is None else min(self.shelf.last, held_from - 1)

    # -- opening and closing ----------------------------------------------------------------------------------

    def open(self) -> None:
        """Find everything as it was left, mend what is broken.

        Raises:
            SettingsError: When a newer program wrote a file.
            Unavailable: When nothing can be written in the folder.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for left in (*self.folder.glob("*.new"), *self.folder.glob("salvage-*")):
                left.unlink(missing_ok=True)
            book = self._open_book()
            clean, noted = bool(book.number("clean", 1)), book.number("checkpoint")
            self._write_book(lambda book: book.note(clean=0))
            self.shelf.open(evicted_through=book.number("evicted_through"), noted=noted, clean=clean)
            self._recall(noted)
            self.doubt.begin(self._newest_received(), self.shelf.ready())
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(f"the journal in {self.folder} cannot be opened: {error}") from error
        self.disk.hold_ballast()
        self.tidy()

    def close(self) -> None:
        """Note everything and let the files go; what cannot be noted is found again at the next start."""
        try:
            self.note(everything=True)
            self._write_book(lambda book: book.note(clean=1))
        except (Unavailable, sqlite3.Error, OSError) as error:
            log.warning("journal not closed in order reason=%s", error)
        self._reader.close()
        with suppress(sqlite3.Error):
            self.shelf.close()
        book, self._book = self._book, None
        if book is not None:
            with suppress(sqlite3.Error):
                book.close()

    def _open_book(self) -> Book:
        path = self.folder / BOOK
        try:
            self._book = Book(path, wal_pages=self.disk.wal_pages)
            if not self._book.number("clean", 1):
                self._book.check(_CHECK_S)
        except sqlite3.Error as error:
            if lite.trouble(error) is lite.Trouble.BUSY:
                raise
            if not (lite.trouble(error) is lite.Trouble.FULL and self.disk.drop_ballast()):
                self._drop_book(error)
            self._book = Book(path, wal_pages=self.disk.wal_pages)
        return self._load_book()

    def _load_book(self) -> Book:
        book = self._book
        assert book is not None
        for name, have in self.totals.items():
            self.totals[name] = max(have, book.number(name))
        self._evicted_until = max(self._evicted_until, book.number("evicted_until", self._evicted_until))
        self.bookmarks = book.bookmarks() | self.bookmarks
        self.disk.quota = self._settings.quota or book.number("quota") or self.disk.default_quota()
        book.bound_log(self.disk.wal_pages)
        fresh = book.number("quota") == 0
        count_from = max(self._sequence, to_ms(self.clock.now()) // 1000) if fresh and self._old() else 0

        def work(book: Book) -> None:
            book.note(quota=self.disk.quota, evicted_until=self._evicted_until, **self.totals)
            if count_from:
                book.count_from(count_from)

        self._write_book(work)
        return book

    def _old(self) -> bool:
        """Whether consumers may have bookmarks from an earlier book, whose counts must not be given again."""
        return bool(self._sequence or self.disk.corrupt_files() or list_segments(self.folder))

    def _drop_book(self, error: sqlite3.Error | OSError) -> None:
        """Set the book aside; what it said about readings is made again from the segments."""
        book, self._book = self._book, None
        if book is not None:
            with suppress(sqlite3.Error):
                book.abandon()
        aside = self.disk.set_aside(self.folder / BOOK, self.clock.now().strftime("%Y%m%dT%H%M%S"))
        log.error("book set aside as=%s reason=%s", aside.name, error)
        self.generation += 1
        left, numbers = salvage.bookmarks_of(aside)
        self.bookmarks = left | self.bookmarks
        for name in self.totals:
            self.totals[name] = max(self.totals[name], numbers.get(name, 0))
        self._sequence = max(self._sequence, numbers.get("event", 0), numbers.get("rolled", 0))
        self.rolling.lost()
        self._changed = set(self.latest)
        self._marked = set(self.bookmarks)
        self._unseen = list(self.shelf.segments)
        self._aside(aside)

    def _recall(self, noted: int) -> None:
        """The last word of every series, and what is to be rolled up: from the book, and from what came after it."""
        book = self._book
        assert book is not None
        self.latest = book.latest()
        self.rolling.load(book)
        for part in self.shelf.segments:
            if part.last <= noted:
                continue
            for reading in self._reader.newest(part, max(0, noted - part.first + 1)):
                have = self.latest.get(reading.series)
                if have is None or reading.at >= have.at:
                    self.latest[reading.series] = reading
                    self._changed.add(reading.series)
            self._unseen.append(part)

    def _newest_received(self) -> int:
        return max((to_ms(reading.received) for reading in self.latest.values()), default=0)

    # -- writing ----------------------------------------------------------------------------------------------

    def accept(self, deliveries: Iterable[Delivery]) -> Group:
        """What of these deliveries is to be written; looks at the clock once for all of them."""
        belief = self._look_at_clock()
        group = Group()
        for delivery in deliveries:
            for item in delivery.observations:
                if isinstance(item, Reading):
                    row = self._row(item, belief)
                    if row is not None:
                        group.rows.append(row)
                elif isinstance(item, Event):
                    group.events.append(item)
        return group

    def commit(self, group: Group) -> None:
        """Write a group down; when this returns it is on the disk.

        Raises:
            Unavailable: No way was found now. Call again with the same group.
        """
        if group.rows:
            self._commit_rows(group.rows)
            self._note_rows(group.rows)
            group.rows = []
        if group.events:
            known = self._write_book(lambda book: book.add_events(group.events))
            self.counters.events += len(group.events) - known
            self.counters.duplicates += known
            group.events = []
        self.counters.commits += 1
        self.counters.last_commit = self.clock.monotonic()

    def _row(self, reading: Reading, belief: Belief) -> Row | None:
        have = self.latest.get(reading.series)
        if have is not None:
            if reading.at == have.at and reading.value == have.value:
                self.counters.duplicates += 1
                return None
            if reading.at < have.at:
                self.counters.late += 1
        if reading.value.__class__ is not float or not math.isfinite(reading.value):
            reading = self._fit(reading)
        at = to_ms(reading.at)
        lag = 0 if reading.received == reading.at else to_ms(reading.received) - at
        doubtful = belief is not Belief.SURE and lag == 0
        if doubtful and belief is Belief.DOUBTFUL:
            why = "+".join(filter(None, (reading.flagged_by, "clock")))
            reading = replace(reading, flag=max(reading.flag, Flag.SUSPECT), flagged_by=why)
            doubtful = False
        if have is None or reading.at >= have.at or to_ms(have.at) > to_ms(have.received) + _FUTURE_MS:
            self.latest[reading.series] = reading
            self._changed.add(reading.series)
        return Row(_storable(reading), at, lag, doubtful)

    def _fit(self, reading: Reading) -> Reading:
        """A value that is no float, as one; what cannot be kept as a number is kept as missing."""
        if reading.value is None:
            return reading
        with suppress(OverflowError):
            value = float(reading.value)
            if math.isfinite(value):
                return replace(reading, value=value)
        self.counters.unfit += 1
        why = "+".join(filter(None, (reading.flagged_by, "not_a_number")))
        return replace(reading, value=None, flag=Flag.MISSING, flagged_by=why)

    def _commit_rows(self, rows: list[Row]) -> None:
        for _ in range(_ATTEMPTS):
            try:
                current = self.shelf.ready()
                extra = self.doubt.era(current) if any(row.doubtful for row in rows) else []
                current.write(rows, extra)
            except (sqlite3.Error, OSError) as error:
                self._failed(error)
                self.shelf.mend(error)
                self.doubt.moved(self.shelf.ready().segment.first)
            else:
                return
        raise Unavailable(f"the journal could not be written: {self.counters.last_failure}")

    def _note_rows(self, rows: list[Row]) -> None:
        self.counters.readings += len(rows)
        self._since_note += len(rows)
        buckets = {row.at // TEN_MINUTES_MS for row in rows}
        self.rolling.touch((bucket * TEN_MINUTES_MS for bucket in buckets), self.clock.monotonic())

    def _write_book(self, work: Callable[[Book], T]) -> T:
        """One transaction of the book; a broken book is replaced, a full disk evicted.

        Raises:
            Unavailable: No way was found now.
        """
        for _ in range(_ATTEMPTS):
            try:
                if self._book is None:
                    self._book = Book(self.folder / BOOK, wal_pages=self.disk.wal_pages)
                    self._load_book()
                with self._book as book:
                    result = work(book)
            except (sqlite3.Error, OSError) as error:
                self._failed(error)
                self._mend_book(error)
            else:
                return result
        raise Unavailable(f"the book could not be written: {self.counters.last_failure}")

    def _mend_book(self, error: sqlite3.Error | OSError) -> None:
        kind = lite.trouble(error)
        if kind is lite.Trouble.CORRUPT:
            self._drop_book(error)
            return
        book, self._book = self._book, None
        if book is not None:
            with suppress(sqlite3.Error):
                book.abandon()
        if kind is lite.Trouble.BUSY:
            raise Unavailable(f"the book is locked by another program: {error}") from error
        if kind is lite.Trouble.FULL and not self.shelf.make_room():
            raise Unavailable("the disk is full and nothing is left to evict") from error

    def _failed(self, error: sqlite3.Error | OSError) -> None:
        kind = lite.trouble(error).value
        self.counters.failures[kind] = self.counters.failures.get(kind, 0) + 1
        self.counters.last_failure = f"{kind}: {error}"

    def _evicted(self, part: Segment) -> None:
        """A segment is about to be removed: count it first, so that no cut can count it twice or not at all."""
        self.totals["evicted"] += part.rows
        self._evicted_until = max(self._evicted_until, part.t_max + 1 if part.rows else self._evicted_until)
        facts = {
            "evicted": self.totals["evicted"],
            "evicted_through": part.last,
            "evicted_until": self._evicted_until,
        }
        try:
            if self._book is not None:
                with self._book as book:
                    book.note(**facts)
        except sqlite3.Error as error:  # the removal may be what the book is waiting for: it is counted later
            log.warning("eviction not noted yet reason=%s", error)

    def _freed(self) -> None:
        self._reader.let_go()
        self._tell_freed()

    # -- what is done in between ------------------------------------------------------------------------------

    def suspect(self, path: Path, error: sqlite3.Error) -> None:
        """A reader found a broken file; any thread may call."""
        if lite.trouble(error) is lite.Trouble.CORRUPT:
            self._suspects.append((path, error))

    def mark(self, consumer: str, text: str) -> None:
        """A consumer has got somewhere; written soon. Any thread may call."""
        self.bookmarks[consumer] = text
        self._marked.add(consumer)

    def tidy(self, *, everything: bool = False) -> bool:
        """Whatever is due now; True when there is more of it.

        Raises:
            Unavailable: Something could not be written now; it stays due.
        """
        self._look_at_clock()
        while self._suspects:
            path, error = self._suspects.pop(0)
            if path.name == BOOK:
                self._drop_book(error)
            else:
                self.shelf.put_aside(path, error)
                self.doubt.moved(self.shelf.ready().segment.first)
        holding = self.doubt.held_from is not None  # held readings can only be moved in the open segment
        limit = self.disk.segment_limit * (4 if holding else 1)
        if self.shelf.rotate_if_due(limit, by_age=not holding):
            self.doubt.moved(self.shelf.ready().segment.first)
            self._looked = -math.inf
        monotonic = self.clock.monotonic()
        if monotonic - self._looked >= _TIDY_S:
            self._looked = monotonic
            self._keep_within()
        return self.note(everything=everything)

    def _keep_within(self) -> None:
        while self.disk.used() > self.disk.quota and (
            self.disk.forget_salvaged() or self.shelf.evict_oldest()
        ):
            continue
        rollups, events = self._write_book(lambda book: book.trim(self.disk.book_limit))
        self.totals["evicted_rollups"] += rollups
        self.totals["evicted_events"] += events
        self.disk.hold_ballast()

    def note(self, *, everything: bool = False) -> bool:
        """Roll up what is due; note last words and bookmarks when it is time; True when there is more to do."""
        monotonic, now = self.clock.monotonic(), to_ms(self.clock.now())
        if self._unseen:
            part = self._unseen.pop()
            buckets = self._reader.buckets(part, TEN_MINUTES_MS)
            self.rolling.touch((t for t in buckets if t + TEN_MINUTES_MS > self._evicted_until), 0.0)
        buckets_due = self.rolling.due(now, monotonic, everything=everything)
        if buckets_due or everything or self._since_note >= _CHECKPOINT_ROWS:
            self._checkpoint(buckets_due, now)
        elif self._marked and monotonic - self._noted >= _BOOKMARKS_S:
            self._write_bookmarks()
        return bool(self._unseen) or bool(self.rolling.due(now, monotonic, everything=everything))

    def _checkpoint(self, buckets: list[int], now: int) -> None:
        last = self.shelf.last if not self._unseen else None
        changed, marked = self._changed, self._marked
        self._changed, self._marked = set(), set()

        def work(book: Book) -> None:
            self.rolling.roll(book, self._reader, buckets, self._evicted_until)
            self.rolling.close_periods(book, buckets, now)
            book.keep_latest(_storable(self.latest[name]) for name in changed)
            book.keep_bookmarks({name: self.bookmarks[name] for name in marked})
            book.note(**self.totals)
            if last is not None:
                book.note(checkpoint=last)

        try:
            self._write_book(work)
        except Unavailable:
            self._changed |= changed
            self._marked |= marked
            raise
        self.rolling.committed()
        self._noted = self.clock.monotonic()
        self._since_note = 0

    def _write_bookmarks(self) -> None:
        marked, self._marked = self._marked, set()
        try:
            self._write_book(
                lambda book: book.keep_bookmarks({name: self.bookmarks[name] for name in marked})
            )
        except Unavailable:
            self._marked |= marked
            raise
        self._noted = self.clock.monotonic()

    def in_book(self, work: Callable[[Book], T]) -> T:
        """Something a consumer wants written in the book. Raises Unavailable."""
        return self._write_book(work)

    def adopt_book(self, remains: salvage.Remains) -> None:
        """Take in what was left of a book that was set aside. Raises Unavailable."""

        def work(book: Book) -> None:
            book.add_events(remains.events)
            for row in remains.parked:
                book.park_again(row)
            for table, rows in remains.rollups.items():
                book.add_rollups(table, rows)

        self._write_book(work)

    def adopt(self, path: Path, rows: int) -> None:
        """Take a salvaged segment in."""
        part = self.shelf.adopt(path, rows)
        self.doubt.moved(self.shelf.ready().segment.first)
        if part is not None:
            self._unseen.append(part)

    # -- the clock --------------------------------------------------------------------------------------------

    def _look_at_clock(self) -> Belief:
        before, now = self.doubt.belief, self.doubt.look()
        if before is now:
            return now
        current = self.shelf.ready()
        if before is Belief.HOLDING and self.doubt.held_from is not None:
            try:
                if now is Belief.SURE:
                    self._put_right()
                else:
                    doubt.release(current, self._boot)
            except sqlite3.Error as error:
                self._failed(error)
                self.shelf.mend(error)
        self.doubt.become(now)
        log.warning(
            "clock belief=%s before=%s restamped=%d", now.value, before.value, self.counters.restamped
        )
        return now

    def _put_right(self) -> None:
        current = self.shelf.ready()
        first = max(0, (self.doubt.held_from or 1) - current.segment.first)
        before = self._reader.buckets(current.segment, TEN_MINUTES_MS, first)
        moved = doubt.put_right(current, self._boot, self.doubt.offset())
        current.refresh()
        self.counters.restamped += moved
        after = self._reader.buckets(current.segment, TEN_MINUTES_MS, first)
        self.rolling.touch(before | after, self.clock.monotonic())
        for reading in self._reader.newest(current.segment, first):
            self.latest[reading.series] = reading
            self._changed.add(reading.series)


def _storable(reading: Reading) -> Reading:
    """The same reading with texts that a database takes, not too long."""
    series, why = reading.series, reading.flagged_by
    if series.isascii() and why.isascii() and len(why) <= _LONGEST_WHY:
        return reading
    return replace(reading, series=clean(series), flagged_by=clean(why[:_LONGEST_WHY]))
