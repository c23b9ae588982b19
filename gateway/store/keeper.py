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
from pathlib import Path

from gateway.clock import Clock
from gateway.errors import Unavailable
from gateway.model import Delivery
from gateway.settings import StoreSettings
from gateway.store import doubt, lite, salvage
from gateway.store.book import Book
from gateway.store.bookcase import BOOK, Bookcase
from gateway.store.disk import Disk
from gateway.store.doubt import Belief, Doubt
from gateway.store.intake import Group, Intake
from gateway.store.moments import TEN_MINUTES_MS, to_ms
from gateway.store.reader import Reader
from gateway.store.rolling import Rolling
from gateway.store.segment import Row, Segment
from gateway.store.shelf import Shelf
from gateway.store.status import Counters

log = logging.getLogger(__name__)

_ATTEMPTS = 40  # ways tried for one group before saying that there is none now
_BOOKMARKS_S = 5.0  # bookmarks are written so often
_TIDY_S = 30.0  # the room on the disk is looked at so often
_CHECKPOINT_ROWS = 100_000  # after so many readings the last words are noted even if no bucket was due


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
        *,
        boot: str,
        freed: Callable[[], None],
        aside: Callable[[Path], None],
    ) -> None:
        self.folder = folder
        self.clock = clock
        self.disk = Disk(folder)
        self.counters = Counters()
        self.intake = Intake(self.counters)
        self.doubt = Doubt(clock, settings.clock_patience, boot)
        self.rolling = Rolling()
        self.shelf = Shelf(self.disk, clock, evicted=self._evicted, freed=self._freed, aside=aside)
        self.books = Bookcase(
            self.disk,
            clock,
            self.counters,
            quota=settings.quota,
            make_room=self.shelf.make_room,
            replaced=self._book_replaced,
        )
        self._boot = boot
        self._tell_freed = freed
        self._tell_aside = aside
        self._reader = Reader(folder, lambda: self.shelf.segments, self.suspect)
        self._suspects: list[tuple[Path, sqlite3.Error]] = []
        self._unseen: list[Segment] = []
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
            book = self.books.open()
            clean, noted = bool(book.number("clean", 1)), book.number("checkpoint")
            self.books.write(lambda book: book.note(clean=0))
            self.shelf.open(evicted_through=book.number("evicted_through"), noted=noted, clean=clean)
            self._recall(book, noted)
            received = (to_ms(reading.received) for reading in self.intake.latest.values())
            self.doubt.begin(max(received, default=0), self.shelf.ready())
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(f"the journal in {self.folder} cannot be opened: {error}") from error
        self.disk.hold_ballast()
        self.tidy()

    def close(self, *, in_order: bool = True) -> None:
        """Note everything and let the files go; what cannot be noted is found again at the next start."""
        try:
            if in_order:
                self.note(everything=True)
                self.books.write(lambda book: book.note(clean=1))
        except (Unavailable, sqlite3.Error, OSError) as error:
            log.warning("journal not closed in order reason=%s", error)
        self._reader.close()
        with suppress(sqlite3.Error):
            self.shelf.close()
        self.books.close()

    def _recall(self, book: Book, noted: int) -> None:
        """The last word of every series, and what is to be rolled up: from the book, and from what came after it."""
        self.intake.latest = book.latest()
        self.rolling.load(book)
        for part in self.shelf.segments:
            if part.last > noted:
                after = max(0, noted - part.first + 1)
                self.intake.recall(self._reader.newest(part, after), newer_only=True)
                self._unseen.append(part)

    # -- writing ----------------------------------------------------------------------------------------------

    def accept(self, deliveries: Iterable[Delivery]) -> Group:
        """What of these deliveries is to be written; looks at the clock once for all of them."""
        try:
            belief = self.look_at_clock()
        except Unavailable:  # a change of belief could not be written down yet
            belief = self.doubt.belief
        return self.intake.accept(deliveries, belief)

    def commit(self, group: Group) -> None:
        """Write a group down; when this returns it is on the disk.

        Raises:
            Unavailable: No way was found now. Call again with the same group.
        """
        if group.rows:
            self._commit_rows(group.rows)
            self.counters.readings += len(group.rows)
            self._since_note += len(group.rows)
            buckets = {row.at // TEN_MINUTES_MS for row in group.rows}
            self.rolling.touch((number * TEN_MINUTES_MS for number in buckets), self.clock.monotonic())
            group.rows = []
        if group.events or group.tellings or group.notes:
            known = self.books.write(lambda book: _write_events(book, group))
            self.counters.events += len(group.events) - known
            self.counters.duplicates += known
            group.events, group.tellings, group.notes = [], [], []
        self.counters.commits += 1
        self.counters.last_commit = self.clock.monotonic()

    def _commit_rows(self, rows: list[Row]) -> None:
        for _ in range(_ATTEMPTS):
            try:
                current = self.shelf.ready()
                extra = self.doubt.era(current) if any(row.doubtful for row in rows) else []
                current.write(rows, extra)
            except (sqlite3.Error, OSError) as error:
                self._mend(error)
            else:
                return
        raise Unavailable(f"the journal could not be written: {self.counters.last_failure}")

    def _mend(self, error: sqlite3.Error | OSError) -> None:
        """A write to the open segment failed. Raises Unavailable when nothing helps now."""
        self.counters.failed(lite.trouble(error).value, error)
        try:
            self.shelf.mend(error)
            self.doubt.moved(self.shelf.ready().segment.first)
        except (sqlite3.Error, OSError) as another:
            raise Unavailable(f"the journal could not be mended: {another}") from another

    def _evicted(self, part: Segment) -> None:
        """A segment is about to be removed: count it first, so that no cut can count it twice or not at all."""
        books = self.books
        books.totals["evicted"] += part.rows
        if part.rows:
            books.evicted_until = max(books.evicted_until, part.t_max + 1)
        books.note_quietly(
            evicted=books.totals["evicted"], evicted_through=part.last, evicted_until=books.evicted_until
        )

    def _freed(self) -> None:
        self._reader.let_go()
        self._tell_freed()

    def _book_replaced(self, aside: Path) -> None:
        self.rolling.lost()
        self.intake.changed = set(self.intake.latest)
        self._unseen = list(self.shelf.segments)
        self._reader.forget_book()
        self._tell_aside(aside)

    # -- what is done in between ------------------------------------------------------------------------------

    def suspect(self, path: Path, error: Exception) -> None:
        """A reader found a broken file; any thread may call."""
        if isinstance(error, sqlite3.Error) and lite.trouble(error) is lite.Trouble.CORRUPT:
            self._suspects.append((path, error))

    def tidy(self, *, everything: bool = False) -> bool:
        """Whatever is due now; True when there is more of it.

        Raises:
            Unavailable: Something could not be written now; it stays due.
        """
        self.look_at_clock()
        while self._suspects:
            path, error = self._suspects.pop(0)
            if path.name == BOOK:
                self.books.replace(error)
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

    def note(self, *, everything: bool = False) -> bool:
        """Roll up what is due; note last words and bookmarks when it is time; True when there is more to do."""
        monotonic, now = self.clock.monotonic(), to_ms(self.clock.now())
        if self._unseen:
            buckets = self._reader.buckets(self._unseen.pop(), TEN_MINUTES_MS)
            self.rolling.touch((t for t in buckets if t + TEN_MINUTES_MS > self.books.evicted_until), 0.0)
        due = self.rolling.due(now, monotonic, everything=everything)
        if due or everything or self._since_note >= _CHECKPOINT_ROWS:
            self._checkpoint(due, now)
        elif self.books.has_marks and monotonic - self._noted >= _BOOKMARKS_S:
            self.books.write_with_marks(lambda _: None)
            self._noted = monotonic
        return bool(self._unseen) or bool(self.rolling.due(now, monotonic, everything=everything))

    def adopt_book(self, remains: salvage.Remains) -> None:
        """Take in what was left of a book that was set aside. Raises Unavailable."""

        def work(book: Book) -> None:
            book.add_events(remains.events)
            for row in remains.parked:
                book.park_again(row)
            book.orders.take_back(remains.jobs)
            for table, rows in remains.rollups.items():
                book.add_rollups(table, rows)

        self.books.write(work)

    def adopt(self, path: Path, rows: int) -> None:
        """Take a salvaged segment in."""
        part = self.shelf.adopt(path, rows)
        self.doubt.moved(self.shelf.ready().segment.first)
        if part is not None:
            self._unseen.append(part)

    def _keep_within(self) -> None:
        while self.disk.used() > self.disk.quota and (
            self.disk.forget_salvaged() or self.shelf.evict_oldest()
        ):
            continue
        rollups, events = self.books.write(lambda book: book.trim(self.disk.book_limit))
        self.books.totals["evicted_rollups"] += rollups
        self.books.totals["evicted_events"] += events
        self.disk.hold_ballast()

    def _checkpoint(self, buckets: list[int], now: int) -> None:
        last = self.shelf.last if not self._unseen else None
        changed, self.intake.changed = self.intake.changed, set()

        def work(book: Book) -> None:
            self.rolling.roll(book, self._reader, buckets, self.books.evicted_until)
            self.rolling.close_periods(book, buckets, now)
            book.keep_latest(self.intake.storable_latest(changed))
            book.note(**self.books.totals)
            if last is not None:
                book.note(checkpoint=last)

        try:
            self.books.write_with_marks(work)
        except Unavailable:
            self.intake.changed |= changed
            raise
        self.rolling.committed()
        self._noted = self.clock.monotonic()
        self._since_note = 0

    # -- the clock --------------------------------------------------------------------------------------------

    def look_at_clock(self) -> Belief:
        """How the clock is believed now; what was held is put right or released when that changes."""
        before, now = self.doubt.belief, self.doubt.look()
        if before is now:
            return now
        if before is Belief.HOLDING and self.doubt.held_from is not None:
            try:
                if now is Belief.SURE:
                    self._put_right()
                else:
                    doubt.release(self.shelf.ready(), self._boot)
            except sqlite3.Error as error:  # what was held there goes out as it is
                self._mend(error)
        self.doubt.become(now)
        log.warning(
            "clock belief=%s before=%s restamped=%d", now.value, before.value, self.counters.restamped
        )
        return now

    def _put_right(self) -> None:
        current = self.shelf.ready()
        after = max(0, (self.doubt.held_from or 1) - current.segment.first)
        before = self._reader.buckets(current.segment, TEN_MINUTES_MS, after)
        self.counters.restamped += doubt.put_right(current, self._boot, self.doubt.offset())
        current.refresh()
        moved = self._reader.buckets(current.segment, TEN_MINUTES_MS, after)
        self.rolling.touch(before | moved, self.clock.monotonic())
        self.intake.recall(self._reader.newest(current.segment, after), newer_only=False)


def _write_events(book: Book, group: Group) -> int:
    """Events and what they cause in the outbox; how many events were known already."""
    known = book.add_events(group.events)
    for telling in group.tellings:
        book.outbox.tell(telling)
        book.codes.add(telling.codes, to_ms(telling.now))
    book.desk.keep(group.notes)
    return known
