"""What the desk of alerts must still know after a restart: masks, what people were told, rates. In the book."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from gateway.model import Note

DESK = """
    CREATE TABLE desk(kind TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY(kind, key)) WITHOUT ROWID
"""


class DeskTable:
    """The rows; every method runs inside a transaction of the journal's thread.

    Args:
        db: The book's writing connection.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def keep(self, notes: Iterable[Note]) -> None:
        """Write down, or forget what has no text."""
        for note in notes:
            key = note.key.encode("utf-8", "replace").decode("utf-8")
            if note.text:
                sql = "INSERT OR REPLACE INTO desk VALUES (?, ?, ?)"
                self._db.execute(sql, (note.kind, key, note.text.encode("utf-8", "replace").decode("utf-8")))
            else:
                self._db.execute("DELETE FROM desk WHERE kind = ? AND key = ?", (note.kind, key))

    def notes(self) -> list[Note]:
        """All of it."""
        rows = self._db.execute("SELECT kind, key, text FROM desk ORDER BY kind, key").fetchall()
        return [Note(*row) for row in rows]
