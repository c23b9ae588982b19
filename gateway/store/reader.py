"""Looking things up: connections that can only read, for threads of the daemon and for other programs beside it.

What stands twice on the disk (same series, same time) counts once, and the one that arrived last wins.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.contracts import Entry, Rollup
from gateway.model import Flag, Reading
from gateway.store import book, lite, segment
from gateway.store.moments import DAY_MS, HOUR_MS, TEN_MINUTES_MS, from_ms, to_ms
from gateway.store.segment import BLOCK, Segment

USABLE = frozenset({Flag.GOOD, Flag.UNKNOWN, Flag.SUSPECT})
DAYS_FROM = timedelta(days=60)  # charts at least this long are drawn from days, 60 points and more
TENS_FROM = timedelta(days=1)  # charts at least this long from 10 minutes, 144 points and more
_KEPT_OPEN = 8  # segments; each costs three file handles

Point = tuple[int, int, float | None, Flag]  # t [ms since 1970], seq, value, flag
Bucket = tuple[int, int, float, float, float]  # t [ms since 1970], count, total, lowest, highest


@dataclass(slots=True)
class _Open:
    """A segment somebody looks into."""

    db: sqlite3.Connection
    base: int
    names: dict[int, str]
    sids: dict[str, int]
    marks: dict[int, tuple[Flag, str]]

    def learn(self) -> None:
        self.names = dict(self.db.execute("SELECT id, name FROM series").fetchall())
        self.sids = {name: sid for sid, name in self.names.items()}
        rows = self.db.execute("SELECT id, flag, why FROM mark").fetchall()
        self.marks = {number: (Flag(flag), why) for number, flag, why in rows}


class Reader:
    """Everything that can be asked of a journal. One thread at a time; a thread of its own or a lock around it.

    Args:
        folder: Where the book and the segments lie.
        segments: What segments there are, oldest first; by default the folder is looked at anew at each question.
        broken: Told when a segment cannot be read; the answer then lacks what was in it.
    """

    def __init__(
        self,
        folder: Path,
        segments: Callable[[], Sequence[Segment]] | None = None,
        broken: Callable[[Path, sqlite3.Error], None] | None = None,
    ) -> None:
        self._folder = folder
        self._segments = segments or self._look_around
        self._broken = broken
        self._open: OrderedDict[Path, _Open] = OrderedDict()
        self._sealed: dict[Path, Segment] = {}
        self._book: sqlite3.Connection | None = None

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()

    def close(self) -> None:
        """Let every file go."""
        for opened in self._open.values():
            opened.db.close()
        self._open.clear()
        self.forget_book()

    def let_go(self) -> None:
        """Close what is no longer on the shelf: an open file takes room although it was removed."""
        here = {part.path for part in self._segments()}
        for path in [path for path in self._open if path not in here]:
            self._let_go(path)

    def forget_book(self) -> None:
        """Open the book anew at the next question (it was replaced)."""
        if self._book is not None:
            self._book.close()
            self._book = None

    def entries(self, after: int, limit: int, until: int | None = None) -> list[Entry]:
        """Readings in the order they arrived: after one seq, at most until another (inclusive)."""
        found: list[Entry] = []
        end = until if until is not None else 1 << 62
        for part in self._segments():
            if part.last <= after or part.first > end:
                continue
            low, high = max(after - part.first + 1, 0), end - part.first + 1
            sql = "SELECT id, sid, t, lag, v, mark FROM reading WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
            for opened, rows in self._ask(part, sql, (low, high, limit - len(found))):
                found += [Entry(part.first + row[0] - 1, self._reading(opened, row[1:])) for row in rows]
            if len(found) >= limit:
                break
        return found

    def events(self, after: int, limit: int) -> list[Entry]:
        """Events in the order they arrived, after a seq (their own count)."""
        sql = (
            "SELECT seq, at, received, source, kind, confidence, detail, evidence FROM event"
            " WHERE seq > ? ORDER BY seq LIMIT ?"
        )
        return [Entry(row[0], book.event_of(row[1:])) for row in self._ask_book(sql, (after, limit))]

    def readings(self, series: str, start: datetime, end: datetime, limit: int = 1_000_000) -> list[Reading]:
        """One series from ``start`` up to before ``end``, by time, each time once."""
        best: dict[int, Reading] = {}
        for part in self._segments():
            for opened, rows in self._one_series(part, series, to_ms(start), to_ms(end), "t, lag, v, mark"):
                for t, lag, v, mark in rows:
                    flag, why = self._mark(opened, mark)
                    at = opened.base + t
                    best[at] = Reading(series, v, from_ms(at), from_ms(at + lag), flag, why)
        return [best[at] for at in sorted(best)[:limit]]

    def chart(self, series: str, start: datetime, end: datetime, points: int = 500) -> list[Rollup]:
        """One series in about so many points; where nothing was measured there is no point.

        Below a day from the readings themselves, below 60 days from the 10-minute roll-ups, else from days. What is
        too new to have been rolled up comes from the finer kind.
        """
        low, high = to_ms(start), to_ms(end)
        if high <= low:
            return []
        span = end - start
        if span < TENS_FROM:
            width = max(1, -(-(high - low) // max(1, points)))
            return _merged(series, self._raw(series, low, high), width)
        if span < DAYS_FROM:
            width = TEN_MINUTES_MS * max(1, -(-(high - low) // (TEN_MINUTES_MS * max(1, points))))
            return _merged(series, self._tens(series, low, high), width)
        width = DAY_MS * max(1, -(-(high - low) // (DAY_MS * max(1, points))))
        return _merged(series, self._days(series, low, high), width)

    def series(self) -> list[str]:
        """Every series ever heard, by name."""
        names = {str(row[0]) for row in self._ask_book("SELECT name FROM series")}
        for part in list(self._segments())[-2:]:
            for opened, _ in self._ask(part, "SELECT 1", ()):
                opened.learn()
                names.update(opened.sids)
        return sorted(names)

    def rolled_hours(self, after: int, limit: int) -> list[tuple[int, datetime]]:
        """Hours whose roll-ups stand (anew), after a seq of that log."""
        sql = "SELECT seq, t FROM rolled WHERE seq > ? ORDER BY seq LIMIT ?"
        return [(seq, from_ms(t)) for seq, t in self._ask_book(sql, (after, limit))]

    def hour_rollups(self, hour: datetime) -> list[Rollup]:
        """The roll-ups of one hour, one for each series that had a usable reading in it."""
        t = to_ms(hour) // HOUR_MS * HOUR_MS
        sql = (
            "SELECT name, sum(n), sum(total), min(low), max(high) FROM rollup JOIN series ON series.id = sid"
            " WHERE t >= ? AND t < ? GROUP BY sid ORDER BY name"
        )
        rows = self._ask_book(sql, (t, t + HOUR_MS))
        span = timedelta(hours=1)
        return [Rollup(name, from_ms(t), span, n, total / n, low, high) for name, n, total, low, high in rows]

    def parked(self, consumer: str) -> list[book.Parked]:
        """What a consumer put aside, oldest first."""
        sql = "SELECT id, seq, item, why, at FROM parked WHERE consumer = ? ORDER BY id"
        return [
            book.Parked(number, Entry(seq, book.from_text(item)), why, at)
            for number, seq, item, why, at in self._ask_book(sql, (consumer,))
        ]

    def parked_counts(self) -> dict[str, int]:
        """How much each consumer has put aside."""
        rows = self._ask_book("SELECT consumer, count(*) FROM parked GROUP BY consumer")
        return {str(consumer): count for consumer, count in rows}

    def points(self, start: int, end: int) -> Iterator[tuple[str, Point]]:
        """Every reading of a time range [ms since 1970], all series, in the order they arrived."""
        for part in self._segments():
            for low, high in self._blocks(part, start, end):
                sql = (
                    "SELECT sid, t, id, v, mark FROM reading"
                    " WHERE id > ? AND id <= ? AND t >= ? AND t < ? ORDER BY id"
                )
                base = self._base(part)
                for opened, rows in self._ask(part, sql, (low, high, start - base, end - base)):
                    for sid, t, number, v, mark in rows:
                        flag, _ = self._mark(opened, mark)
                        yield self._name(opened, sid), (opened.base + t, part.first + number - 1, v, flag)

    def rolled(self, start: int, end: int) -> list[tuple[str, int, float, float, float]]:
        """Every series in a time range [ms since 1970] in one line: name, count, total, lowest, highest."""
        parts = [(part, self._blocks(part, start, end)) for part in self._segments()]
        parts = [(part, blocks) for part, blocks in parts if blocks]
        if len(parts) == 1:
            return self._rolled_in(parts[0][0], parts[0][1], start, end)
        best: dict[str, dict[int, tuple[float | None, Flag]]] = {}
        for name, (t, _, value, flag) in self.points(start, end):
            best.setdefault(name, {})[t] = value, flag
        usable = {
            name: [v for v, flag in readings.values() if v is not None and flag in USABLE]
            for name, readings in best.items()
        }
        return [(name, len(vs), sum(vs), min(vs), max(vs)) for name, vs in usable.items() if vs]

    def _rolled_in(
        self, part: Segment, blocks: list[tuple[int, int]], start: int, end: int
    ) -> list[tuple[str, int, float, float, float]]:
        """The same from one segment, done by SQLite: five times as fast, and other threads run meanwhile."""
        for opened, _ in self._ask(part, "SELECT 1", ()):
            opened.learn()
            usable = ",".join(str(number) for number, (flag, _) in opened.marks.items() if flag in USABLE)
            within = " OR ".join(["id > ? AND id <= ?"] * len(blocks))
            sql = (
                "SELECT sid, count(*), sum(v), min(v), max(v) FROM"  # noqa: S608  # numbers and question marks
                f" (SELECT sid, t, v, mark, max(id) FROM reading WHERE ({within}) AND t >= ? AND t < ? GROUP BY sid, t)"
                f" WHERE v IS NOT NULL AND mark IN ({usable}) GROUP BY sid"
            )
            edges = [edge for block in blocks for edge in block]
            for _, rows in self._ask(part, sql, (*edges, start - opened.base, end - opened.base)):
                return [(self._name(opened, sid), *figures) for sid, *figures in rows]
        return []

    def buckets(self, part: Segment, width: int, after: int = 0) -> set[int]:
        """The starts [ms since 1970] of the buckets in which a segment has readings, after a row."""
        sql = "SELECT DISTINCT (t + ? - ((t + ?) % ? + ?) % ?) FROM reading WHERE id > ?"  # floors below 1970 too
        base = self._base(part)
        values = (base, base, width, width, width, after)
        return {row[0] for _, rows in self._ask(part, sql, values) for row in rows}

    def newest(self, part: Segment, after: int) -> list[Reading]:
        """The latest reading of every series in a segment, after a row."""
        sql = "SELECT sid, max(t), lag, v, mark FROM reading WHERE id > ? GROUP BY sid"
        return [self._reading(opened, row) for opened, rows in self._ask(part, sql, (after,)) for row in rows]

    def _raw(self, series: str, low: int, high: int) -> list[Bucket]:
        best: dict[int, tuple[float | None, Flag]] = {}
        for part in self._segments():
            for opened, rows in self._one_series(part, series, low, high, "t, v, mark"):
                for t, v, mark in rows:
                    best[opened.base + t] = v, self._mark(opened, mark)[0]
        return [(t, 1, v, v, v) for t, (v, flag) in sorted(best.items()) if v is not None and flag in USABLE]

    def _tens(self, series: str, low: int, high: int) -> list[Bucket]:
        first = low // TEN_MINUTES_MS * TEN_MINUTES_MS
        found = self._rolled("rollup", series, first, high, TEN_MINUTES_MS)
        edge = self._ask_book("SELECT value FROM meta WHERE key = 'rolled_until'")
        since = max(first, int(edge[0][0]) if edge else first)
        if since < high:
            found = [row for row in found if row[0] < since]
            found += self._raw(series, since, high)
        return found

    def _days(self, series: str, low: int, high: int) -> list[Bucket]:
        first = low // DAY_MS * DAY_MS
        found = self._rolled("day", series, first, high, DAY_MS)
        edge = self._ask_book("SELECT value FROM meta WHERE key = 'days_until'")
        since = max(first, int(edge[0][0]) if edge else first)
        if since < high:
            found = [row for row in found if row[0] < since]
            found += self._tens(series, since, high)
        return found

    def _rolled(self, table: str, series: str, low: int, high: int, step: int) -> list[Bucket]:
        """One series from a table ordered by (t, sid): one jump for each bucket."""
        row = self._ask_book("SELECT id FROM series WHERE name = ?", (series,))
        if not row:
            return []
        ends = f"SELECT (SELECT min(t) FROM {table}), (SELECT max(t) FROM {table})"  # noqa: S608  # two names, both ours
        edges = self._ask_book(ends)
        if edges[0][0] is None:
            return []
        low, high = max(low, edges[0][0]), min(high, edges[0][1] + 1)
        sql = (
            "WITH RECURSIVE at(x) AS (SELECT ? UNION ALL SELECT x + ? FROM at WHERE x + ? < ?)"  # noqa: S608  # ours
            f" SELECT t, n, total, low, high FROM at CROSS JOIN {table} ON t = x AND sid = ?"
        )
        return self._ask_book(sql, (low, step, step, high, row[0][0])) if low < high else []

    def _one_series(
        self, part: Segment, series: str, start: int, end: int, columns: str
    ) -> Iterator[tuple[_Open, list[Any]]]:
        blocks = self._blocks(part, start, end)
        if not blocks:
            return
        base, sid = self._base(part), self._sid(part, series)
        if sid is None:
            return
        for low, high in blocks:
            sql = (
                f"SELECT {columns} FROM reading"  # noqa: S608  # columns are ours
                " WHERE id > ? AND id <= ? AND sid = ? AND t >= ? AND t < ? ORDER BY id"
            )
            yield from self._ask(part, sql, (low, high, sid, start - base, end - base))

    def _blocks(self, part: Segment, start: int, end: int) -> list[tuple[int, int]]:
        """Ranges of rows (after, up to) that may hold a time range; neighbours are joined."""
        if not part.covers(start, end - 1):
            return []
        base = self._base(part)
        sql = "SELECT block FROM zone WHERE t_min < ? AND t_max >= ? ORDER BY block"
        ranges: list[tuple[int, int]] = []
        for _, rows in self._ask(part, sql, (end - base, start - base)):
            for (number,) in rows:
                low = number * BLOCK
                if ranges and ranges[-1][1] == low:
                    low = ranges.pop()[0]
                ranges.append((low, number * BLOCK + BLOCK))
        for _, rows in self._ask(part, "SELECT coalesce(max(block) + 1, 0) FROM zone", ()):
            tail = rows[0][0] * BLOCK
            if ranges and ranges[-1][1] == tail:
                tail = ranges.pop()[0]
            ranges.append((tail, 1 << 62))
        return ranges

    def _ask(self, part: Segment, sql: str, values: tuple[object, ...]) -> Iterator[tuple[_Open, list[Any]]]:
        """One question to one segment: its answer, or nothing when the file is broken or was evicted."""
        try:
            opened = self._opened(part)
            rows = opened.db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            self._let_go(part.path)
            if part.path.exists() and lite.trouble(error) is not lite.Trouble.BUSY:
                if self._broken is None:
                    raise
                self._broken(part.path, error)
            return
        yield opened, rows

    def _opened(self, part: Segment) -> _Open:
        opened = self._open.get(part.path)
        if opened is None:
            while len(self._open) >= _KEPT_OPEN:
                self._let_go(next(iter(self._open)))
            db = lite.open_reader(part.path)
            try:
                opened = _Open(db, segment.base_of(db), {}, {}, {})
                opened.learn()
            except sqlite3.Error:
                db.close()
                raise
            self._open[part.path] = opened
        self._open.move_to_end(part.path)
        return opened

    def _let_go(self, path: Path) -> None:
        opened = self._open.pop(path, None)
        if opened is not None:
            with suppress(sqlite3.Error):
                opened.db.close()

    def _base(self, part: Segment) -> int:
        for opened, _ in self._ask(part, "SELECT 1", ()):
            return opened.base
        return 0

    def _sid(self, part: Segment, series: str) -> int | None:
        for _, rows in self._ask(part, "SELECT id FROM series WHERE name = ?", (series,)):
            if rows:
                return int(rows[0][0])
        return None

    def _name(self, opened: _Open, sid: int) -> str:
        name = opened.names.get(sid)
        if name is None:
            opened.learn()
            name = opened.names.get(sid, f"lost/series_{sid}")
        return name

    def _mark(self, opened: _Open, number: int) -> tuple[Flag, str]:
        mark = opened.marks.get(number)
        if mark is None:
            opened.learn()
            mark = opened.marks.get(number, (Flag.UNKNOWN, "lost"))
        return mark

    def _reading(self, opened: _Open, row: tuple[int, int, int, float | None, int]) -> Reading:
        sid, t, lag, v, mark = row
        at = from_ms(opened.base + t)
        received = at if lag == 0 else from_ms(opened.base + t + lag)
        return Reading(self._name(opened, sid), v, at, received, *self._mark(opened, mark))

    def _ask_book(self, sql: str, values: tuple[object, ...] = ()) -> list[Any]:
        """One question to the book; an empty answer when it is missing or broken (it is being made anew)."""
        try:
            if self._book is None:
                self._book = lite.open_reader(self._folder / "book.db")
            return self._book.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            self.forget_book()
            if self._broken is not None:
                self._broken(self._folder / "book.db", error)
            return []

    def _look_around(self) -> list[Segment]:
        """The segments in the folder now; those but the newest do not change and are looked into once."""
        paths = list_segments(self._folder)
        self._sealed = {path: part for path, part in self._sealed.items() if path in dict(paths)}
        found = []
        for number, (path, first) in enumerate(paths):
            part = self._sealed.get(path)
            if part is None:
                part = segment.look_into(path, first)
                if number < len(paths) - 1:
                    self._sealed[path] = part
            found.append(part)
        return found


def list_segments(folder: Path) -> list[tuple[Path, int]]:
    """The segments of a folder and their first seq, oldest first."""
    found = [(path, segment.first_of(path)) for path in folder.glob("readings-*.db")]
    return sorted(((path, first) for path, first in found if first is not None), key=lambda pair: pair[1])


def _merged(series: str, rows: Sequence[Bucket], width: int) -> list[Rollup]:
    """Rows (t, n, total, low, high) put together into buckets of a width [ms]."""
    merged: dict[int, tuple[int, float, float, float]] = {}
    for t, n, total, low, high in rows:
        start = t // width * width
        have = merged.get(start)
        merged[start] = (
            (n, total, low, high)
            if have is None
            else (have[0] + n, have[1] + total, min(have[2], low), max(have[3], high))
        )
    span = timedelta(milliseconds=width)
    return [
        Rollup(series, from_ms(start), span, n, total / n, low, high)
        for start, (n, total, low, high) in sorted(merged.items())
    ]
