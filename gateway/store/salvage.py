"""What can still be read of a broken file, fetched behind while the service runs on a fresh one.

Rows are fetched by ranges of 50 ids; where a range fails, one by one. With 5 random pages of a 200,000-row file
overwritten 99.5 % come back this way, while the ``.recover`` of the sqlite3 shell 3.40.1 gave up
(reliability-and-security, section 0.8). Salvaged readings get new seqs behind everything there is, so that every
consumer sees them whether or not it had seen them before; counted twice they are nowhere.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.errors import Unavailable
from gateway.model import Event, Flag, Reading
from gateway.store import lite, segment
from gateway.store.book import event_of
from gateway.store.moments import DAY_MS, EARLIEST_MS, LATEST_MS, from_ms
from gateway.store.orders import WHOLE
from gateway.store.segment import Row, Segment, SegmentWriter, finite

log = logging.getLogger(__name__)

_RANGE = 50  # ids asked for at once (reliability-and-security, section 0.8)
_BATCH = 4096  # rows written at once
_LEAST_ROW = 12  # bytes; see shelf.py
_ROLLUPS = ("rollup", "day")


@dataclass(slots=True)
class Remains:
    """What was left of a book.

    Attributes:
        events: All that could be read.
        parked: Rows (consumer, at, seq, item, why).
        jobs: Rows of work orders, as :data:`gateway.store.orders.WHOLE` names their columns.
        rollups: Per table: rows (t, series, n, total, low, high).
        unread: Ranges that could not be read.
    """

    events: list[Event] = field(default_factory=list)
    parked: list[tuple[Any, ...]] = field(default_factory=list)
    jobs: list[tuple[Any, ...]] = field(default_factory=list)
    rollups: dict[str, list[tuple[int, str, int, float, float, float]]] = field(default_factory=dict)
    unread: int = 0


class Salvager:
    """The thread that works through what was set aside; it ends when there is nothing left.

    Args:
        folder: Where the journal lies.
        adopt: Takes a salvaged segment in: where it lies, how many rows.
        adopt_book: Takes in what was left of a book.
        done: Told which file needs no more looking into.
    """

    def __init__(
        self,
        folder: Path,
        *,
        adopt: Callable[[Path, int], None],
        adopt_book: Callable[[Remains], None],
        done: Callable[[Path], None],
    ) -> None:
        self._folder = folder
        self._adopt = adopt
        self._adopt_book = adopt_book
        self._done = done
        self._lock = threading.Lock()
        self._waiting: list[Path] = []
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self.state = ""

    def add(self, aside: Path) -> None:
        """A file was set aside; any thread may say so. Work begins with :meth:`wake`."""
        with self._lock:
            self._waiting.append(aside)

    def wake(self) -> None:
        """Begin, if there is something to do and nobody is at it."""
        with self._lock:
            if self._waiting and self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name="salvage", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Leave off; what is not done is begun anew at the next start."""
        self._stopping.set()
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                aside = self._waiting.pop(0)
            try:
                self._salvage(aside)
            except (sqlite3.Error, OSError, Unavailable) as error:
                self.state = f"{aside.name}: nothing salvaged: {error}"
                if isinstance(error, sqlite3.Error) and lite.trouble(error) is lite.Trouble.CORRUPT:
                    self._done(aside)  # it will be no better the next time
                log.warning("salvage failed path=%s reason=%s", aside.name, error)

    def _salvage(self, aside: Path) -> None:
        if not aside.is_file():
            self.state = f"{aside.name} is no file: nothing to salvage"
            self._done(aside)
            return
        if aside.name.startswith("book"):
            remains = salvage_book(aside, self._stopping.is_set)
            if self._stopping.is_set():
                return
            self._adopt_book(remains)
            self.state = (
                f"{aside.name}: {len(remains.events)} events salvaged, {remains.unread} ranges unreadable"
            )
        else:
            target = self._folder / f"salvage-{aside.name}.db"
            rows, lost = salvage_segment(aside, target, self._say, self._stopping.is_set)
            if self._stopping.is_set():
                return
            if rows:
                self._adopt(target, rows)
            lite.unlink_database(target)
            self.state = f"{aside.name}: {rows} readings salvaged, {lost} rows unreadable"
        self._done(aside)
        log.warning("salvage done %s", self.state)

    def _say(self, aside: Path, rows: int) -> None:
        self.state = f"{aside.name}: {rows} readings salvaged so far"


def salvage_segment(
    aside: Path, target: Path, say: Callable[[Path, int], None], stopped: Callable[[], bool]
) -> tuple[int, int]:
    """Bring what can be read of a segment into a new one.

    Args:
        aside: The broken file.
        target: The new file; not there yet.
        say: Told now and then how many readings there are.
        stopped: Whether to leave off.

    Returns:
        Readings brought over, and rows that could not be read.

    Raises:
        sqlite3.Error: The broken file cannot be opened at all, or the new one not be written.
    """
    lite.unlink_database(target)
    connection = lite.open_reader(aside)
    try:
        base = _base(connection)
        names, _ = _table(
            connection,
            "SELECT id, name FROM series WHERE id >= ? AND id < ?",
            _top(connection, "series", 100_000),
        )
        marks, _ = _table(
            connection,
            "SELECT id, flag, why FROM mark WHERE id >= ? AND id < ?",
            _top(connection, "mark", 100_000),
        )
        known = {number: str(name) for number, name in names}
        meant = {number: (flag, str(why)) for number, flag, why in marks}
        writer = SegmentWriter(Segment(target, 1), base)
        lost = 0
        try:
            top = _top(connection, "reading", lite.size_of(aside) // _LEAST_ROW)
            batch: list[Row] = []
            for found, missing in _ranges(
                connection, "SELECT id, sid, t, lag, v, mark FROM reading WHERE id >= ? AND id < ?", top
            ):
                lost += missing
                for raw in found:
                    row = _row(raw, base, known, meant)
                    if row is None:
                        lost += 1
                    else:
                        batch.append(row)
                if len(batch) >= _BATCH:
                    writer.write(batch)
                    batch = []
                    say(aside, writer.segment.rows)
                    if stopped():
                        break
            writer.write(batch)
        finally:
            with suppress(sqlite3.Error):
                writer.seal()
        return writer.segment.rows, lost
    finally:
        connection.close()


def salvage_book(aside: Path, stopped: Callable[[], bool]) -> Remains:
    """What can be read of a book: events, what was parked, roll-ups.

    Raises:
        sqlite3.Error: It cannot be opened at all.
    """
    connection = lite.open_reader(aside)
    remains = Remains()
    try:
        sql = (
            "SELECT seq, at, received, source, kind, confidence, detail, evidence FROM event"
            " WHERE seq >= ? AND seq < ?"
        )
        rows, lost = _table(
            connection, sql, _top(connection, "event", 0, "seq"), _bottom(connection, "event", "seq")
        )
        for row in rows:
            with suppress(ValueError, AssertionError, TypeError, AttributeError):
                remains.events.append(event_of(row[1:]))
        sql = "SELECT id, consumer, at, seq, item, why FROM parked WHERE id >= ? AND id < ?"
        parked, unread = _table(connection, sql, _top(connection, "parked", 0), _bottom(connection, "parked"))
        remains.parked = [row[1:] for row in parked]
        remains.unread = lost + unread
        with suppress(sqlite3.Error):  # a book from before there were orders
            sql = f"SELECT {WHOLE} FROM job WHERE id >= ? AND id < ?"  # noqa: S608  # ours
            jobs, unread = _table(connection, sql, _top(connection, "job", 0), _bottom(connection, "job"))
            remains.jobs = list(jobs)
            remains.unread += unread
        for table in _ROLLUPS:
            if not stopped():
                remains.rollups[table] = _rollups(connection, table, remains)
    finally:
        connection.close()
    return remains


def bookmarks_of(aside: Path) -> tuple[dict[str, str], dict[str, int]]:
    """Bookmarks and the last given numbers of a broken book, as far as they can be read at once."""
    bookmarks: dict[str, str] = {}
    numbers: dict[str, int] = {}
    with suppress(sqlite3.Error, OSError):
        connection = lite.open_reader(aside)
        try:
            for sql, into in (
                ("SELECT name, seq FROM sqlite_sequence", numbers),
                ("SELECT key, value FROM meta", numbers),
                ("SELECT consumer, text FROM bookmark", bookmarks),
            ):
                with suppress(sqlite3.Error, TypeError, ValueError):
                    into.update(connection.execute(sql).fetchall())
        finally:
            connection.close()
    return (
        {key: text for key, text in bookmarks.items() if isinstance(key, str) and isinstance(text, str)},
        {key: n for key, n in numbers.items() if isinstance(key, str) and isinstance(n, int)},
    )


def _base(connection: sqlite3.Connection) -> int:
    try:
        return segment.base_of(connection)
    except sqlite3.Error:  # the same, in minutes, stands in the head of the file
        minutes = int(connection.execute("PRAGMA application_id").fetchone()[0])
        if minutes <= 0:
            raise
        return minutes * 60_000


def _top(connection: sqlite3.Connection, table: str, otherwise: int, key: str = "id") -> int:
    """The highest id of a table, or what it can be at most when that cannot be read."""
    try:
        return int(connection.execute(f"SELECT coalesce(max({key}), 0) FROM {table}").fetchone()[0])  # noqa: S608  # ours
    except (sqlite3.Error, TypeError, ValueError):
        return otherwise


def _bottom(connection: sqlite3.Connection, table: str, key: str = "id") -> int:
    try:
        return int(connection.execute(f"SELECT coalesce(min({key}), 1) FROM {table}").fetchone()[0])  # noqa: S608  # ours
    except (sqlite3.Error, TypeError, ValueError):
        return 1


def _table(
    connection: sqlite3.Connection, sql: str, top: int, bottom: int = 1
) -> tuple[list[tuple[Any, ...]], int]:
    """All rows that can be read, and how many ids could not."""
    rows: list[tuple[Any, ...]] = []
    lost = 0
    for found, missing in _ranges(connection, sql, top, bottom):
        rows += found
        lost += missing
    return rows, lost


def _ranges(
    connection: sqlite3.Connection, sql: str, top: int, bottom: int = 1
) -> Iterator[tuple[list[tuple[Any, ...]], int]]:
    for low in range(bottom, top + 1, _RANGE):
        try:
            yield connection.execute(sql, (low, low + _RANGE)).fetchall(), 0
        except (sqlite3.Error, UnicodeDecodeError):
            yield _one_by_one(connection, sql, low, min(low + _RANGE, top + 1))


def _one_by_one(
    connection: sqlite3.Connection, sql: str, low: int, high: int
) -> tuple[list[tuple[Any, ...]], int]:
    rows: list[tuple[Any, ...]] = []
    lost = 0
    for number in range(low, high):
        try:
            rows += connection.execute(sql, (number, number + 1)).fetchall()
        except (sqlite3.Error, UnicodeDecodeError):
            lost += 1
    return rows, lost


def _row(
    raw: tuple[Any, ...], base: int, names: dict[int, str], marks: dict[int, tuple[Any, str]]
) -> Row | None:
    """A row as it will be written again; ``None`` when it cannot be one of ours."""
    _, sid, t, lag, value, mark = raw
    if not (isinstance(sid, int) and isinstance(t, int) and isinstance(lag, int)):
        return None
    if value is not None and not (isinstance(value, float) and finite(value)):
        return None
    at, received = base + t, base + t + lag
    if not (EARLIEST_MS <= at <= LATEST_MS and EARLIEST_MS <= received <= LATEST_MS):
        return None
    flag, why = marks.get(mark, (Flag.UNKNOWN, "salvaged"))
    try:
        flag = Flag(flag)
    except ValueError:
        flag, why = Flag.UNKNOWN, "salvaged"
    series = names.get(sid, f"salvaged/series_{sid}")
    return Row(Reading(series, value, from_ms(at), from_ms(received), flag, why), at, lag)


def _rollups(
    connection: sqlite3.Connection, table: str, remains: Remains
) -> list[tuple[int, str, int, float, float, float]]:
    names, lost = _table(
        connection, "SELECT id, name FROM series WHERE id >= ? AND id < ?", _top(connection, "series", 0)
    )
    known = {number: str(name) for number, name in names}
    found: list[tuple[int, str, int, float, float, float]] = []
    sql = f"SELECT t, sid, n, total, low, high FROM {table} WHERE t >= ? AND t < ?"  # noqa: S608  # two names, both ours
    start, end = _bottom(connection, table, "t"), _top(connection, table, 0, "t")
    remains.unread += lost
    for day in range(start, end + 1, DAY_MS):
        try:
            rows = connection.execute(sql, (day, day + DAY_MS)).fetchall()
        except sqlite3.Error:
            remains.unread += 1
            continue
        found += [(t, known[sid], *rest) for t, sid, *rest in rows if sid in known]
    return found
