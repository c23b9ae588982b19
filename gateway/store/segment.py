"""One file of readings in the order they arrived, and how it is written.

::

    readings-000000000001.db          the number is the seq of row 1: seq = number + id - 1
      reading(id, sid, t, lag, v, mark)   append only; t [ms] from the file's base, lag = received - at [ms]
      series(id, name)                    numbers of this file only, so that each file explains itself
      mark(id, flag, why, was)            flag and reason, interned; 1 is (GOOD, ""); was: once the clock is right
      zone(block, t_min, t_max)           times within each block of 4,096 rows: a query skips what cannot match
      era(id, row, boot, offset, since, done)  readings taken while the clock was in doubt, see doubt.py
      meta(key, value)                    base [ms since 1970]

A rowid table in arrival order is written almost sequentially: 100 to 150 bytes go to the card for each reading, where
an order by series and time writes 3,200 to 6,800 (storage-and-dashboards, section 5).
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.model import Flag, Reading
from gateway.store import lite

BLOCK = 4096  # rows in a zone: small enough to skip well, large enough to cost nothing
STEPS = (
    """
    CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE series(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE mark(id INTEGER PRIMARY KEY, flag INTEGER NOT NULL, why TEXT NOT NULL, was INTEGER);
    CREATE TABLE zone(block INTEGER PRIMARY KEY, t_min INTEGER NOT NULL, t_max INTEGER NOT NULL);
    CREATE TABLE era(id INTEGER PRIMARY KEY, row INTEGER NOT NULL, boot TEXT NOT NULL, offset INTEGER NOT NULL,
                     since REAL NOT NULL, done INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE reading(id INTEGER PRIMARY KEY, sid INTEGER NOT NULL, t INTEGER NOT NULL, lag INTEGER NOT NULL,
                         v REAL, mark INTEGER NOT NULL);
    INSERT INTO mark(id, flag, why) VALUES (1, 1, '')
    """,
)
_COLUMNS = 5
# Rows go in by one statement, not one by one: Python gives the lock of the interpreter away at every step of
# a statement and may wait 5 ms for it when another thread is busy. 100 rows beside a busy thread: 1,000 rows/s by
# executemany, 7,600 and more by one INSERT. Sizes are few so that each is prepared once; what is left over is NULL.
_SIZES = (4, 16, 64, 256, 1024, 4096)
_INSERT = {
    size: "INSERT INTO reading(sid, t, lag, v, mark) SELECT * FROM (VALUES "  # noqa: S608  # only question marks
    + ",".join(["(?,?,?,?,?)"] * size)
    + ") WHERE column1 IS NOT NULL"
    for size in _SIZES
}

Mark = tuple[Flag, str, Flag | None, str]  # flag, why, and the same two for later (None: these are final)


@dataclass(slots=True)
class Segment:
    """What is known of one file without looking into it.

    Attributes:
        path: Where it lies.
        first: seq of its first row.
        rows: Committed rows.
        t_min: Earliest time in it [ms since 1970]; above ``t_max`` when it is empty.
        t_max: Latest time in it [ms since 1970].
    """

    path: Path
    first: int
    rows: int = 0
    t_min: int = 1 << 62
    t_max: int = -(1 << 62)

    @property
    def last(self) -> int:
        """The seq of its last row; ``first - 1`` when it is empty."""
        return self.first + self.rows - 1

    def covers(self, t_min: int, t_max: int) -> bool:
        """Whether a time range [ms since 1970] touches this file."""
        return self.rows > 0 and self.t_min <= t_max and self.t_max >= t_min


@dataclass(frozen=True, slots=True)
class Row:
    """A reading that will be written: times in ms since 1970, and whether its own time waits for the clock."""

    reading: Reading
    at: int
    lag: int
    doubtful: bool = False


def path_of(folder: Path, first: int) -> Path:
    """Where the segment lies that begins with a seq."""
    return folder / f"readings-{first:012d}.db"


def first_of(path: Path) -> int | None:
    """The first seq of a segment, from its name; ``None`` when the name is not one of ours."""
    number = path.name.removeprefix("readings-").removesuffix(".db")
    named = path.name == f"readings-{number}.db" and number.isascii() and number.isdigit()
    return int(number) if named and int(number) > 0 else None


def is_blank(path: Path) -> bool:
    """Whether a file was begun and never got as far as its tables. Raises sqlite3.Error when it cannot be read."""
    connection = lite.open_reader(path)
    try:
        return bool(connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,))
    finally:
        connection.close()


def look_into(path: Path, first: int) -> Segment:
    """What a file holds, from its zones and the rows after the last of them.

    Raises:
        sqlite3.Error: When it cannot be read.
        SettingsError: When a newer program wrote it.
    """
    connection = lite.open_reader(path)
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        lite.refuse_newer(path, version, len(STEPS))
        base = base_of(connection)
        rows = int(connection.execute("SELECT coalesce(max(id), 0) FROM reading").fetchone()[0])
        zones = connection.execute(
            "SELECT min(t_min), max(t_max), coalesce(max(block) + 1, 0) FROM zone"
        ).fetchone()
        tail = connection.execute(
            "SELECT min(t), max(t) FROM reading WHERE id > ?", (zones[2] * BLOCK,)
        ).fetchone()
    finally:
        connection.close()
    segment = Segment(path, first, rows)
    for low, high in (zones[:2], tail):
        if low is not None:
            segment.t_min = min(segment.t_min, base + int(low))
            segment.t_max = max(segment.t_max, base + int(high))
    return segment


def base_of(connection: sqlite3.Connection) -> int:
    """The moment [ms since 1970] from which the times of a file count.

    Raises:
        sqlite3.Error: When the file does not say so.
    """
    row = connection.execute("SELECT value FROM meta WHERE key = 'base'").fetchone()
    if row is None or not isinstance(row[0], int):
        raise sqlite3.DatabaseError("the segment has no base time")
    return row[0]


class SegmentWriter:
    """The open end of the journal: the newest segment, and the only connection that writes it.

    Not to be used again once a method has raised: what SQLite has in its hands after a failed commit is not known.

    Args:
        segment: The file; created when absent.
        base: For a new file, the moment [ms since 1970] from which its times count.
        wal_pages: See :func:`lite.open_writer`.

    Raises:
        sqlite3.Error: When it cannot be opened, or is no segment.
        SettingsError: When a newer program wrote it.
    """

    def __init__(self, segment: Segment, base: int, *, wal_pages: int = 1000) -> None:
        self.segment = segment
        self._low = self._high = self._attempted = 0
        self._db = lite.open_writer(segment.path, wal_pages=wal_pages)
        try:
            self._open(base)
        except Exception:
            self._db.close()
            raise

    def _open(self, base: int) -> None:
        lite.migrate(self._db, self.segment.path, STEPS)
        self._db.execute("INSERT OR IGNORE INTO meta(key, value) VALUES ('base', ?)", (base,))
        self.base = base_of(self._db)
        if not self._db.execute("PRAGMA application_id").fetchone()[
            0
        ]:  # a second place to find it, for salvage
            self._db.execute(f"PRAGMA application_id={max(0, min(self.base // 60_000, (1 << 31) - 1))}")
        self._sids = {name: sid for sid, name in self._db.execute("SELECT id, name FROM series")}
        self._marks: dict[Mark, int] = {}
        marks = {row[0]: row[1:] for row in self._db.execute("SELECT id, flag, why, was FROM mark")}
        for number, (flag, why, was) in marks.items():
            later = marks.get(was)
            final = (Flag(later[0]), later[1]) if later else (None, "")
            self._marks[(Flag(flag), why, *final)] = number
        rows = int(self._db.execute("SELECT coalesce(max(id), 0) FROM reading").fetchone()[0])
        self.segment.rows = rows
        self._tail_zone()
        lite.sync_folder(self.segment.path.parent)

    @property
    def last_attempted(self) -> int:
        """The highest seq that may be in the file, even if its commit is not known to have happened."""
        return self.segment.first + self._attempted - 1

    def write(self, rows: Sequence[Row], extra: Sequence[tuple[str, tuple[object, ...]]] = ()) -> None:
        """Append rows in one transaction; when this returns they are on the disk.

        Args:
            rows: In the order of their arrival.
            extra: Further statements of the same transaction.

        Raises:
            sqlite3.Error: Nothing is known to be written.
        """
        sids, marks, flat = self._encode(rows)
        statements = [*sids, *marks, *self._zones(rows), *extra]
        self._attempted = self.segment.rows + len(rows)
        alone = not statements and len(rows) <= _SIZES[-1]  # one statement is its own transaction
        if not alone:
            self._db.execute("BEGIN IMMEDIATE")
        for sql, values in statements:
            self._db.execute(sql, values)
        lite.kill_point("before_commit")
        for start in range(0, len(flat), _SIZES[-1] * _COLUMNS):
            self._insert(flat[start : start + _SIZES[-1] * _COLUMNS])
        if not alone:
            self._db.execute("COMMIT")
        lite.kill_point("after_commit")
        self.segment.rows += len(rows)
        if rows:
            times = [row.at for row in rows]
            self.segment.t_min = min(self.segment.t_min, *times)
            self.segment.t_max = max(self.segment.t_max, *times)

    def execute(self, *statements: tuple[str, tuple[object, ...]]) -> None:
        """Some statements in one transaction."""
        self._db.execute("BEGIN IMMEDIATE")
        for sql, values in statements:
            self._db.execute(sql, values)
        self._db.execute("COMMIT")

    def ask(self, sql: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        """Read on the writing connection."""
        return self._db.execute(sql, values).fetchall()

    def refresh(self) -> None:
        """Look at the times anew after rows were changed in place."""
        fresh = look_into(self.segment.path, self.segment.first)
        self.segment.t_min, self.segment.t_max = fresh.t_min, fresh.t_max
        self._tail_zone()

    def seal(self) -> None:
        """No more rows will come: note the last zone, empty the log, let go. Raises sqlite3.Error."""
        if self.segment.rows % BLOCK:
            zone = (self.segment.rows // BLOCK, self._low, self._high)
            self._db.execute("INSERT OR REPLACE INTO zone(block, t_min, t_max) VALUES (?, ?, ?)", zone)
        self.close()

    def close(self) -> None:
        """Move the log into the file and let go. Raises sqlite3.Error."""
        try:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            self._db.close()

    def abandon(self) -> None:
        """Let go of a file that has failed, asking nothing more of it."""
        self._db.close()

    def _insert(self, flat: list[object]) -> None:
        wanted = len(flat) // _COLUMNS
        size = next(size for size in _SIZES if size >= wanted)
        flat.extend([None] * ((size - wanted) * _COLUMNS))
        self._db.execute(_INSERT[size], flat)

    def _encode(
        self, rows: Sequence[Row]
    ) -> tuple[list[tuple[str, tuple[object, ...]]], list[tuple[str, tuple[object, ...]]], list[object]]:
        """Rows as one flat list of columns, and the statements that name what is new in them."""
        new_sids: list[tuple[str, tuple[object, ...]]] = []
        new_marks: list[tuple[str, tuple[object, ...]]] = []
        flat: list[object] = []
        sids, base = self._sids, self.base
        for row in rows:
            reading = row.reading
            sid = sids.get(reading.series)
            if sid is None:
                sid = sids[reading.series] = len(sids) + 1
                new_sids.append(("INSERT INTO series(id, name) VALUES (?, ?)", (sid, reading.series)))
            if reading.flag is Flag.GOOD and not reading.flagged_by and not row.doubtful:
                mark = 1
            else:
                mark = self._mark(mark_of(row), new_marks)
            flat += (sid, row.at - base, row.lag, reading.value, mark)
        return new_sids, new_marks, flat

    def _mark(self, key: Mark, new: list[tuple[str, tuple[object, ...]]]) -> int:
        number = self._marks.get(key)
        if number is None:
            flag, why, later, later_why = key
            was = None if later is None else self._mark((later, later_why, None, ""), new)
            number = self._marks[key] = len(self._marks) + 1
            sql = "INSERT INTO mark(id, flag, why, was) VALUES (?, ?, ?, ?)"
            new.append((sql, (number, int(flag), why, was)))
        return number

    def _zones(self, rows: Sequence[Row]) -> list[tuple[str, tuple[object, ...]]]:
        """The zones that these rows complete; notes the times of the one they leave open."""
        done: list[tuple[str, tuple[object, ...]]] = []
        at = 0
        while at < len(rows):
            block, filled = divmod(self.segment.rows + at, BLOCK)
            part = rows[at : at + BLOCK - filled]
            times = [row.at for row in part]
            fresh = filled == 0
            low, high = min(times) - self.base, max(times) - self.base
            self._low, self._high = (low, high) if fresh else (min(self._low, low), max(self._high, high))
            if filled + len(part) == BLOCK:
                zone = (block, self._low, self._high)
                done.append(("INSERT OR REPLACE INTO zone(block, t_min, t_max) VALUES (?, ?, ?)", zone))
            at += len(part)
        return done

    def _tail_zone(self) -> None:
        self._attempted = self.segment.rows
        start = self.segment.rows // BLOCK * BLOCK
        row = self._db.execute("SELECT min(t), max(t) FROM reading WHERE id > ?", (start,)).fetchone()
        self._low, self._high = row if row[0] is not None else (0, 0)


def mark_of(row: Row) -> Mark:
    """Flag and reason of a row as they are written: a doubtful clock is said, and what stood there is remembered."""
    flag, why = row.reading.flag, row.reading.flagged_by
    if not row.doubtful:
        return flag, why, None, ""
    return max(flag, Flag.SUSPECT), "+".join(filter(None, (why, "clock"))), flag, why


def finite(value: float | None) -> bool:
    """Whether a value can be written down and averaged."""
    return value is not None and math.isfinite(value)
