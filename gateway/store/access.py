"""Files that are only read: connections opened when they are needed, a few kept, the rest let go.

A file that is broken or was evicted meanwhile is an answer without its rows, not an error of the one who asks.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from gateway.model import Flag, Reading
from gateway.store import lite, segment
from gateway.store.moments import from_ms
from gateway.store.segment import BLOCK, Segment

_KEPT_OPEN = 8  # segments; each costs three file handles


@dataclass(slots=True)
class Opened:
    """A segment somebody looks into.

    Attributes:
        db: The connection. base: The moment [ms since 1970] from which its times count.
        names: Series by their numbers. sids: The other way round. marks: Flag and reason by number.
    """

    db: sqlite3.Connection
    base: int
    names: dict[int, str]
    sids: dict[str, int]
    marks: dict[int, tuple[Flag, str]]

    def learn(self) -> None:
        """Read anew what the numbers of this file mean."""
        self.names = dict(self.db.execute("SELECT id, name FROM series").fetchall())
        self.sids = {name: sid for sid, name in self.names.items()}
        rows = self.db.execute("SELECT id, flag, why FROM mark").fetchall()
        self.marks = {number: (Flag(flag), why) for number, flag, why in rows}


class Access:
    """The files of a journal, to look into. One thread at a time; a thread of its own or a lock around it.

    Args:
        folder: Where the book and the segments lie.
        segments: What segments there are, oldest first; by default the folder is looked at anew at each question.
        broken: Told when a segment cannot be read; the answer then lacks what was in it. By default it is raised.
    """

    def __init__(
        self,
        folder: Path,
        segments: Callable[[], Sequence[Segment]] | None = None,
        broken: Callable[[Path, Exception], None] | None = None,
    ) -> None:
        self._folder = folder
        self._segments = segments or self._look_around
        self._broken = broken
        self._open: OrderedDict[Path, Opened] = OrderedDict()
        self._sealed: dict[Path, Segment] = {}
        self._book: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
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

    def _ask(self, part: Segment, sql: str, values: tuple[object, ...]) -> Iterator[tuple[Opened, list[Any]]]:
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

    def _opened(self, part: Segment) -> Opened:
        opened = self._open.get(part.path)
        if opened is None:
            while len(self._open) >= _KEPT_OPEN:
                self._let_go(next(iter(self._open)))
            db = lite.open_reader(part.path)
            try:
                opened = Opened(db, segment.base_of(db), {}, {}, {})
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

    def _name(self, opened: Opened, sid: int) -> str:
        name = opened.names.get(sid)
        if name is None:
            opened.learn()
            name = opened.names.get(sid, f"lost/series_{sid}")
        return name

    def _mark(self, opened: Opened, number: int) -> tuple[Flag, str]:
        mark = opened.marks.get(number)
        if mark is None:
            opened.learn()
            mark = opened.marks.get(number, (Flag.UNKNOWN, "lost"))
        return mark

    def _reading(self, opened: Opened, row: tuple[int, int, int, float | None, int]) -> Reading:
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
                try:
                    part = segment.look_into(path, first)
                except sqlite3.Error as error:
                    if self._broken is None:
                        raise
                    if path.exists():  # else it was evicted meanwhile
                        self._broken(path, error)
                    continue
                if number < len(paths) - 1:
                    self._sealed[path] = part
            found.append(part)
        return found


def list_segments(folder: Path) -> list[tuple[Path, int]]:
    """The segments of a folder and their first seq, oldest first."""
    found = [(path, segment.first_of(path)) for path in folder.glob("readings-*.db")]
    return sorted(((path, first) for path, first in found if first is not None), key=lambda pair: pair[1])
