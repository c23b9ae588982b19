"""The book: everything small beside the readings, and the one connection that writes it.

It holds names, the last word of every series, roll-ups, events, bookmarks, what sinks refused, and counters. What it
says about readings is derived: if the book is lost it is made again from the segments. Nothing needs the book and a
segment to be committed together:

* a reading is committed to its segment first; ``checkpoint`` says up to which seq latest and roll-ups have seen it, and
  what lies behind is looked at again after a crash;
* an event is committed after the readings of its delivery and before the receipt; if the sender repeats the delivery,
  the readings count once in every query and the event is known already;
* ``evicted`` is raised before a file is removed; a file that is still there below it is removed at the next start
  without being counted again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from gateway.contracts import Entry, Rollup
from gateway.model import Event, Flag, Reading
from gateway.store import lite
from gateway.store.codes import CODES, CodesTable
from gateway.store.desk import DESK, DeskTable
from gateway.store.moments import from_ms, to_ms
from gateway.store.orders import ORDERS, OrdersTable
from gateway.store.outbox import OUTBOX, OutboxTable
from gateway.store.posting import PILES

STEPS = (
    """
    CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE series(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE latest(sid INTEGER PRIMARY KEY, t INTEGER NOT NULL, lag INTEGER NOT NULL, v REAL,
                        flag INTEGER NOT NULL, why TEXT NOT NULL);
    CREATE TABLE rollup(t INTEGER NOT NULL, sid INTEGER NOT NULL, n INTEGER NOT NULL, total REAL NOT NULL,
                        low REAL NOT NULL, high REAL NOT NULL, PRIMARY KEY(t, sid)) WITHOUT ROWID;
    CREATE TABLE day(t INTEGER NOT NULL, sid INTEGER NOT NULL, n INTEGER NOT NULL, total REAL NOT NULL,
                     low REAL NOT NULL, high REAL NOT NULL, PRIMARY KEY(t, sid)) WITHOUT ROWID;
    CREATE TABLE dirty(kind TEXT NOT NULL, t INTEGER NOT NULL, PRIMARY KEY(kind, t)) WITHOUT ROWID;
    CREATE TABLE rolled(seq INTEGER PRIMARY KEY AUTOINCREMENT, t INTEGER NOT NULL);
    CREATE TABLE event(seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, received INTEGER NOT NULL,
                       source TEXT NOT NULL, kind TEXT NOT NULL, confidence REAL NOT NULL, detail TEXT NOT NULL,
                       evidence TEXT);
    CREATE INDEX event_at ON event(at, source, kind);
    CREATE TABLE bookmark(consumer TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE parked(id INTEGER PRIMARY KEY AUTOINCREMENT, consumer TEXT NOT NULL, at INTEGER NOT NULL,
                        seq INTEGER NOT NULL, item TEXT NOT NULL, why TEXT NOT NULL);
    CREATE INDEX parked_by ON parked(consumer, id)
    """,
    OUTBOX,
    PILES,
    DESK,
    ORDERS,
    CODES,
)
MOST_PARKED = 10_000  # per consumer (reliability-and-security, P3)
MOST_PARKED_BYTES = 16_000_000  # per consumer (P3)
MOST_EVENTS = 1_000_000  # about 200 MB; the oldest go first, counted
MOST_ROLLED = 10_000  # hours: more than a year of them, for a sink that was away
_BOOK_WAL = 250  # pages: the book is written rarely, its log stays small

Buckets = Iterable[tuple[int, str, int, float, float, float]]  # t, series, n, total, low, high


@dataclass(frozen=True, slots=True)
class Parked:
    """Something a sink refused for good.

    Attributes:
        id: For :meth:`Journal.drop_parked`.
        entry: What it was.
        why: The far side's words.
        at: When it was parked [ms since 1970].
    """

    id: int
    entry: Entry
    why: str
    at: int


class Book:
    """The writing side of the book.

    Args:
        path: The file; created when absent.
        wal_pages: See :func:`lite.open_writer`.

    Raises:
        sqlite3.Error: When it cannot be opened, or is no book.
        SettingsError: When a newer program wrote it.
    """

    def __init__(self, path: Path, *, wal_pages: int = _BOOK_WAL) -> None:
        self.path = path
        self._db = lite.open_writer(path, wal_pages=min(wal_pages, _BOOK_WAL))
        try:
            lite.migrate(self._db, path, STEPS)
            self._sids = {name: sid for sid, name in self._db.execute("SELECT id, name FROM series")}
        except Exception:
            self._db.close()
            raise
        lite.sync_folder(path.parent)
        self.outbox = OutboxTable(self._db)
        self.desk = DeskTable(self._db)
        self.orders = OrdersTable(self._db)
        self.codes = CodesTable(self._db)

    def __enter__(self) -> Book:
        """Begin a transaction."""
        self._db.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Commit it, or take it back when something was raised."""
        if kind is None:
            lite.kill_point("before_book_commit")
            self._db.execute("COMMIT")
            lite.kill_point("after_book_commit")
        else:
            self.roll_back()

    def roll_back(self) -> None:
        """Forget an unfinished transaction, and the numbers of series it had given."""
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._sids = {name: sid for sid, name in self._db.execute("SELECT id, name FROM series")}
        except sqlite3.Error:
            return  # the file itself is broken: whoever raised the first error sets it aside

    def close(self) -> None:
        """Move the log into the file and let go. Raises sqlite3.Error."""
        try:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            self._db.close()

    def abandon(self) -> None:
        """Let go of a file that has failed."""
        self._db.close()

    def ask(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Read on the writing connection."""
        return self._db.execute(sql, values).fetchall()

    def bound_log(self, wal_pages: int) -> None:
        """Keep the log as small as the disk asks for."""
        pages = min(wal_pages, _BOOK_WAL)
        self._db.execute(f"PRAGMA wal_autocheckpoint={pages}").fetchone()
        self._db.execute(f"PRAGMA journal_size_limit={pages * lite.PAGE}").fetchone()

    def check(self, seconds: float) -> None:
        """Look the file through, as far as the time allows. Raises sqlite3.Error when faults were found."""
        lite.quick_check(self._db, seconds)

    def number(self, key: str, default: int = 0) -> int:
        """A counter or mark kept in the book."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return int(row[0]) if row is not None else default

    def note(self, **numbers: int) -> None:
        """Keep counters or marks."""
        self._db.executemany("INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)", numbers.items())

    def count_from(self, number: int) -> None:
        """Let events and rolled hours count on from a number, so that none is given that an older book has given."""
        for table in ("event", "rolled"):
            self._db.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
            self._db.execute("INSERT INTO sqlite_sequence(name, seq) VALUES (?, ?)", (table, number))

    def sid(self, series: str) -> int:
        """The number of a series in this book; given now if it has none."""
        number = self._sids.get(series)
        if number is None:
            number = self._sids[series] = len(self._sids) + 1
            self._db.execute("INSERT INTO series(id, name) VALUES (?, ?)", (number, series))
        return number

    def keep_latest(self, readings: Iterable[Reading]) -> None:
        """The last word of some series."""
        rows = [
            (
                self.sid(r.series),
                to_ms(r.at),
                to_ms(r.received) - to_ms(r.at),
                r.value,
                int(r.flag),
                r.flagged_by,
            )
            for r in readings
        ]
        self._db.executemany("INSERT OR REPLACE INTO latest VALUES (?, ?, ?, ?, ?, ?)", rows)

    def latest(self) -> dict[str, Reading]:
        """The last word of every series, as of the last checkpoint."""
        sql = "SELECT name, t, lag, v, flag, why FROM latest JOIN series ON series.id = latest.sid"
        return {
            name: Reading(name, v, from_ms(t), from_ms(t + lag), Flag(flag), why)
            for name, t, lag, v, flag, why in self._db.execute(sql)
        }

    def replace_rollups(self, table: str, t: int, rows: Buckets, *, keep: bool = False) -> None:
        """All roll-ups of one bucket.

        Args:
            table: ``rollup`` (10 minutes) or ``day``.
            t: Its start [ms since 1970].
            rows: One for each series with a usable reading in it.
            keep: Keep what is there and add only series that are not: the readings behind it are no longer complete.
        """
        if not keep:
            self._db.execute(f"DELETE FROM {table} WHERE t = ?", (t,))  # noqa: S608  # two names, both ours
        self.add_rollups(table, rows)

    def add_rollups(self, table: str, rows: Buckets) -> None:
        """Roll-ups that are kept only where there are none yet."""
        values = [(start, self.sid(name), *rest) for start, name, *rest in rows]
        sql = f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608  # two names, both ours
        self._db.executemany(sql, values)

    def roll_day(self, t: int, end: int) -> None:
        """One day from its 10-minute roll-ups; left alone when those are gone already."""
        if not self._db.execute("SELECT 1 FROM rollup WHERE t >= ? AND t < ? LIMIT 1", (t, end)).fetchone():
            return
        self._db.execute("DELETE FROM day WHERE t = ?", (t,))
        self._db.execute(
            "INSERT INTO day SELECT ?, sid, sum(n), sum(total), min(low), max(high) FROM rollup"
            " WHERE t >= ? AND t < ? GROUP BY sid",
            (t, t, end),
        )

    def add_events(self, events: Iterable[Event]) -> int:
        """Write events down; returns how many were known already (same source, kind, time and facts)."""
        known = 0
        for event in events:
            row = _event_row(event)
            same = "SELECT 1 FROM event WHERE at = ? AND source = ? AND kind = ? AND detail = ? AND evidence IS ?"
            facts = (row[0], row[2], row[3], row[5], row[6])
            if self._db.execute(same, facts).fetchone():
                known += 1
                continue
            sql = "INSERT INTO event(at, received, source, kind, confidence, detail, evidence)"
            self._db.execute(sql + " VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return known

    def keep_bookmarks(self, bookmarks: Mapping[str, str]) -> None:
        """Where some consumers are."""
        self._db.executemany("INSERT OR REPLACE INTO bookmark VALUES (?, ?)", bookmarks.items())

    def bookmarks(self) -> dict[str, str]:
        """Where every consumer is."""
        return dict(self._db.execute("SELECT consumer, text FROM bookmark").fetchall())

    def park(self, consumer: str, entries: Sequence[Entry], why: str, at: int) -> int:
        """Put aside what a sink refused; returns how many older ones had to go for it."""
        rows = [(consumer, at, entry.seq, as_text(entry.item), why[:1000]) for entry in entries]
        self._db.executemany("INSERT INTO parked(consumer, at, seq, item, why) VALUES (?, ?, ?, ?, ?)", rows)
        sql = "SELECT count(*), coalesce(sum(length(item) + length(why)), 0) FROM parked WHERE consumer = ?"
        count, size = self._db.execute(sql, (consumer,)).fetchone()
        excess = max(0, count - MOST_PARKED)
        if size > MOST_PARKED_BYTES:
            excess = max(excess, count * (size - MOST_PARKED_BYTES) // size + 1)
        if excess:
            oldest = "SELECT id FROM parked WHERE consumer = ? ORDER BY id LIMIT ?"
            self._db.execute(f"DELETE FROM parked WHERE id IN ({oldest})", (consumer, excess))  # noqa: S608  # ours
        return int(excess)

    def park_again(self, row: Sequence[object]) -> None:
        """Something parked, from an older book: consumer, at, seq, item, why."""
        self._db.execute(
            "INSERT INTO parked(consumer, at, seq, item, why) VALUES (?, ?, ?, ?, ?)", tuple(row)
        )

    def drop_parked(self, consumer: str, ids: Sequence[int] | None) -> int:
        """Forget what was parked, all of it or some; returns how many."""
        if ids is None:
            return self._db.execute("DELETE FROM parked WHERE consumer = ?", (consumer,)).rowcount
        pairs = [(consumer, number) for number in ids]
        before = self._db.total_changes
        self._db.executemany("DELETE FROM parked WHERE consumer = ? AND id = ?", pairs)
        return self._db.total_changes - before

    def keep_dirty(self, kind: str, added: Iterable[int], gone: Iterable[int]) -> None:
        """Which buckets, days or hours are still to be rolled up."""
        self._db.executemany("INSERT OR IGNORE INTO dirty VALUES (?, ?)", [(kind, t) for t in added])
        self._db.executemany("DELETE FROM dirty WHERE kind = ? AND t = ?", [(kind, t) for t in gone])

    def dirty(self, kind: str) -> set[int]:
        """What :meth:`keep_dirty` has kept."""
        return {row[0] for row in self._db.execute("SELECT t FROM dirty WHERE kind = ?", (kind,))}

    def log_hours(self, hours: Iterable[int]) -> None:
        """Say that the roll-ups of some hours stand (anew)."""
        self._db.executemany("INSERT INTO rolled(t) VALUES (?)", [(t,) for t in hours])
        self._db.execute("DELETE FROM rolled WHERE seq <= (SELECT max(seq) FROM rolled) - ?", (MOST_ROLLED,))

    def trim(self, most_bytes: int) -> tuple[int, int]:
        """Keep the book within its bytes: oldest 10-minute roll-ups first, a day at a time, then oldest events.

        Returns:
            Roll-ups and events that had to go.
        """
        rollups = events = 0
        free, pages, page = (
            int(self._db.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("freelist_count", "page_count", "page_size")
        )
        if (pages - free) * page > most_bytes:
            row = self._db.execute("SELECT min(t) FROM rollup").fetchone()
            if row[0] is not None:
                end = row[0] + 86_400_000
                rollups = self._db.execute("DELETE FROM rollup WHERE t < ?", (end,)).rowcount
            if rollups < 100:  # nothing left to win there
                sql = "DELETE FROM event WHERE seq IN (SELECT seq FROM event ORDER BY seq LIMIT 200)"
                events = self._db.execute(sql).rowcount
        sql = "DELETE FROM event WHERE seq <= (SELECT max(seq) FROM event) - ?"
        events += self._db.execute(sql, (MOST_EVENTS,)).rowcount
        return rollups, events


def _event_row(event: Event) -> tuple[int, int, str, str, float, str, str | None]:
    detail = clean(json.dumps(dict(event.detail), sort_keys=True, ensure_ascii=False))
    evidence = None if event.evidence is None else clean(event.evidence)
    times = to_ms(event.at), to_ms(event.received)
    return *times, clean(event.source), clean(event.kind), float(event.confidence), detail, evidence


def clean(text: str) -> str:
    """A text that a database takes: hostile JSON brings halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode("utf-8")


def event_of(row: Sequence[object]) -> Event:
    """An event from its columns: at, received, source, kind, confidence, detail, evidence."""
    at, received, source, kind, confidence, detail, evidence = row
    assert isinstance(at, int)
    assert isinstance(received, int)
    assert isinstance(confidence, float)
    facts = json.loads(str(detail))
    named = None if evidence is None else str(evidence)
    return Event(str(source), str(kind), from_ms(at), from_ms(received), confidence, facts, named)


def as_text(item: Reading | Event | Rollup) -> str:
    """An entry's item as one JSON line, for what is parked."""
    match item:
        case Reading():
            times = to_ms(item.at), to_ms(item.received)
            body: list[object] = ["reading", item.series, item.value, *times, int(item.flag), item.flagged_by]
        case Event():
            body = ["event", *_event_row(item)]
        case Rollup():
            span = round(item.span.total_seconds() * 1000)
            figures = item.count, item.mean, item.minimum, item.maximum
            body = ["rollup", item.series, to_ms(item.start), span, *figures]
    return json.dumps(body, ensure_ascii=False)


def from_text(text: str) -> Reading | Event | Rollup:
    """What :func:`as_text` wrote."""
    kind, *rest = json.loads(text)
    if kind == "reading":
        series, value, at, received, flag, why = rest
        return Reading(series, value, from_ms(at), from_ms(received), Flag(flag), why)
    if kind == "event":
        return event_of(rest)
    series, start, span, *figures = rest
    return Rollup(series, from_ms(start), timedelta(milliseconds=span), *figures)
