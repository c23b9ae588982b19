"""The book in its case: opened, written in transactions, replaced when it is broken.

What the book says about readings is made again from the segments; events, bookmarks and what was parked are salvaged
from the broken file (salvage.py). Its own counts never start again from one: a consumer's bookmark would hide what is
new.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from gateway.clock import Clock
from gateway.errors import Unavailable
from gateway.store import lite, salvage
from gateway.store.access import list_segments
from gateway.store.book import Book
from gateway.store.disk import Disk
from gateway.store.moments import to_ms
from gateway.store.status import Counters

log = logging.getLogger(__name__)
T = TypeVar("T")

BOOK = "book.db"
_CHECK_S = 3.0  # a look at a book that was not closed in order may take so long at start
_ATTEMPTS = 8  # ways tried for one transaction before saying that there is none now


class Bookcase:
    """Keeps a book that works; belongs to the journal's thread. ``bookmarks`` and ``generation`` may be read by any.

    Args:
        disk: The room it lies in.
        clock: The house's clock.
        counters: Where failures are counted.
        quota: Bytes, if somebody has decided.
        make_room: One step towards a disk that is not full; False when none is left.
        replaced: Told when a broken book was set aside: where it lies now.
    """

    def __init__(
        self,
        disk: Disk,
        clock: Clock,
        counters: Counters,
        *,
        quota: int | None,
        make_room: Callable[[], bool],
        replaced: Callable[[Path], None],
    ) -> None:
        self._disk = disk
        self._clock = clock
        self._counters = counters
        self._quota = quota
        self._make_room = make_room
        self._tell_replaced = replaced
        self._path = disk.folder / BOOK
        self._book: Book | None = None
        self._sequence = 0
        self._jobs = 0  # the last id of a work order that a book set aside had given
        self._marked: set[str] = set()
        self.bookmarks: dict[str, str] = {}
        self.generation = 0  # readers open the book anew when it was replaced
        self.totals = {"evicted": 0, "evicted_rollups": 0, "evicted_events": 0, "parked_dropped": 0}
        self.evicted_until = -(1 << 62)

    def open(self) -> Book:
        """The book as it was left, or a fresh one when that is broken.

        Raises:
            SettingsError: A newer program wrote it.
            sqlite3.Error, OSError, Unavailable: Nothing can be written here.
        """
        try:
            self._book = Book(self._path, wal_pages=self._disk.wal_pages)
            if not self._book.number("clean", 1):
                self._book.check(_CHECK_S)
            return self._take_up(self._book)
        except sqlite3.Error as error:
            if lite.trouble(error) is lite.Trouble.BUSY:
                raise
            if not (lite.trouble(error) is lite.Trouble.FULL and self._disk.drop_ballast()):
                self.replace(error)
            self._book = Book(self._path, wal_pages=self._disk.wal_pages)
        return self._take_up(self._book)

    def write(self, work: Callable[[Book], T]) -> T:
        """One transaction; a broken book is replaced and the work done in the fresh one.

        Raises:
            Unavailable: No way was found now.
        """
        for _ in range(_ATTEMPTS):
            try:
                if self._book is None:
                    self._book = Book(self._path, wal_pages=self._disk.wal_pages)
                    self._take_up(self._book)
                with self._book as book:
                    result = work(book)
            except (sqlite3.Error, OSError) as error:
                self._counters.failed(lite.trouble(error).value, error)
                try:
                    self._mend(error)
                except (sqlite3.Error, OSError) as another:
                    raise Unavailable(f"the book could not be mended: {another}") from another
            else:
                return result
        raise Unavailable(f"the book could not be written: {self._counters.last_failure}")

    def note_quietly(self, **numbers: int) -> None:
        """Keep counters if that is possible now; else they are kept with the next checkpoint."""
        try:
            if self._book is not None:
                with self._book as book:
                    book.note(**numbers)
        except sqlite3.Error as error:
            log.warning("counters not noted yet reason=%s", error)

    def replace(self, error: sqlite3.Error | OSError) -> None:
        """Set the book aside because it is broken; a fresh one is opened by the next :meth:`write`."""
        self._let_go()
        aside = self._disk.set_aside(self._path, self._clock.now().strftime("%Y%m%dT%H%M%S"))
        log.error("book set aside as=%s reason=%s", aside.name, error)
        left, numbers = salvage.bookmarks_of(aside)
        self.bookmarks = left | self.bookmarks
        self._marked = set(self.bookmarks)
        for name in self.totals:
            self.totals[name] = max(self.totals[name], numbers.get(name, 0))
        self._sequence = max(self._sequence, numbers.get("event", 0), numbers.get("rolled", 0))
        self._jobs = max(self._jobs, numbers.get("job", 0))
        self.generation += 1
        self._tell_replaced(aside)

    def mark(self, consumer: str, text: str) -> None:
        """A consumer has got somewhere. Any thread may call."""
        self.bookmarks[consumer] = text
        self._marked.add(consumer)

    @property
    def has_marks(self) -> bool:
        """Whether bookmarks wait to be written."""
        return bool(self._marked)

    def write_with_marks(self, work: Callable[[Book], None]) -> None:
        """One transaction that takes the waiting bookmarks along. Raises Unavailable."""
        marked, self._marked = self._marked, set()

        def both(book: Book) -> None:
            work(book)
            book.keep_bookmarks({name: self.bookmarks[name] for name in marked})

        try:
            self.write(both)
        except Unavailable:
            self._marked |= marked
            raise

    def close(self) -> None:
        """Let the file go."""
        book, self._book = self._book, None
        if book is not None:
            with suppress(sqlite3.Error):
                book.close()

    def _take_up(self, book: Book) -> Book:
        """Remember what the book knows, and tell a fresh one what we know."""
        for name, have in self.totals.items():
            self.totals[name] = max(have, book.number(name))
        self.evicted_until = max(self.evicted_until, book.number("evicted_until", self.evicted_until))
        self.bookmarks = book.bookmarks() | self.bookmarks
        fresh = book.number("quota") == 0
        self._disk.quota = self._quota or book.number("quota") or self._disk.default_quota()
        book.bound_log(self._disk.wal_pages)
        with book:
            book.note(quota=self._disk.quota, evicted_until=self.evicted_until, **self.totals)
            if fresh and self._is_not_the_first():
                book.count_from(max(self._sequence, to_ms(self._clock.now()) // 1000))
                book.orders.count_from(self._jobs)
        return book

    def _is_not_the_first(self) -> bool:
        return bool(self._sequence or self._disk.corrupt_files() or list_segments(self._disk.folder))

    def _mend(self, error: sqlite3.Error | OSError) -> None:
        kind = lite.trouble(error)
        if kind is lite.Trouble.CORRUPT:
            self.replace(error)
            return
        self._let_go()
        if kind is lite.Trouble.BUSY:
            raise Unavailable(f"the book is locked by another program: {error}") from error
        if kind is lite.Trouble.FULL and not self._make_room():
            raise Unavailable("the disk is full and nothing is left to evict") from error

    def _let_go(self) -> None:
        book, self._book = self._book, None
        if book is not None:
            with suppress(sqlite3.Error):
                book.abandon()
