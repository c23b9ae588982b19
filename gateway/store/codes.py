"""The few digits by which people answer, in the book beside the messages that carry them.

They are told on one channel and typed by hand on any other, so they are kept as they are; they live a day.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from gateway.model import Code
from gateway.store.moments import from_ms, to_ms

CODES = """
    CREATE TABLE code(digits TEXT PRIMARY KEY, person TEXT NOT NULL, rule TEXT NOT NULL, target TEXT NOT NULL,
                      occurrence INTEGER NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID
"""


class CodesTable:
    """The rows.

    Args:
        db: The book's writing connection.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, codes: Iterable[Code], now_ms: int) -> None:
        """Keep these; forget what means nothing any more."""
        rows = [
            (one.digits, one.person, one.rule, one.target, one.occurrence, to_ms(one.until)) for one in codes
        ]
        if rows:
            self._db.execute("DELETE FROM code WHERE until <= ?", (now_ms,))
            self._db.executemany("INSERT OR REPLACE INTO code VALUES (?, ?, ?, ?, ?, ?)", rows)

    def all(self) -> list[Code]:
        """Every one that is kept."""
        rows = self._db.execute("SELECT digits, person, rule, target, occurrence, until FROM code")
        return [
            Code(digits, person, rule, target, occurrence, from_ms(until))
            for digits, person, rule, target, occurrence, until in rows
        ]
