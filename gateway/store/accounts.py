"""Who may come in, and who did what: users, sessions, keys of programs, and the audit trail in ``STATE/accounts.db``.

A file of its own and no tables of the book: a broken book is set aside and made again from the readings, and with it
would go the passwords; the box would then open to whoever reads the first-run password. It is written seldom, so it
has a plain rollback journal: no log that two programs could move at once (reliability-and-security 0.6).
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Any

from gateway.errors import Unavailable
from gateway.store import lite
from gateway.store.moments import from_ms, to_ms

FILE = "accounts.db"
MOST_AUDITED = 100_000  # about 30 MB; the oldest go first
STEPS = (
    """
    CREATE TABLE user(name TEXT PRIMARY KEY, title TEXT NOT NULL, role INTEGER NOT NULL, person TEXT, language TEXT,
                      password TEXT NOT NULL, must_change INTEGER NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE session(print TEXT PRIMARY KEY, user TEXT NOT NULL, created INTEGER NOT NULL, seen INTEGER NOT NULL,
                         address TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE token(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, print TEXT NOT NULL UNIQUE,
                       role INTEGER NOT NULL, created INTEGER NOT NULL, expires INTEGER, by TEXT NOT NULL);
    CREATE TABLE audit(seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL,
                       address TEXT NOT NULL, action TEXT NOT NULL, object TEXT NOT NULL, detail TEXT NOT NULL)
    """,
)


class Role(IntEnum):
    """What somebody may do; each may also do what those before it may."""

    VIEWER = 1
    WORKER = 2
    OPERATOR = 3
    ADMIN = 4

    @property
    def word(self) -> str:
        """As it is written."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in.

    Attributes:
        name: What is typed. title: As others call him. role: What he may do.
        person: Who of the site he is, if any. language: His; unset: the site's.
        password: Its hash. must_change: The next thing he does is choose another password.
        created: When.
    """

    name: str
    title: str
    role: Role
    person: str | None
    language: str | None
    password: str = field(repr=False)
    must_change: bool
    created: datetime


@dataclass(slots=True)
class Session:
    """A browser that is signed in. ``print`` is the fingerprint of its key."""

    print: str = field(repr=False)
    user: str
    created: datetime
    seen: datetime
    address: str


@dataclass(frozen=True, slots=True)
class Token:
    """A key of a program; ``print`` is its fingerprint."""

    id: int
    name: str
    print: str = field(repr=False)
    role: Role
    created: datetime
    expires: datetime | None
    by: str


@dataclass(frozen=True, slots=True)
class Deed:
    """One line of the audit trail.

    Attributes:
        who: User, ``token:<name>``, ``local`` for the box's own commands. address: Where the request came from.
        action: What, e.g. ``alert.ack``. object: To what. detail: What was there before and after, and the like.
    """

    at: datetime
    who: str
    address: str
    action: str
    object: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


class AccountsFile:
    """The file. Every method may be called from any thread; each change is on the disk when it returns.

    Args:
        folder: The state folder.

    Every method raises Unavailable when the disk does not take or give it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    def open(self) -> None:
        """Find it as it was left, or make it. Raises SettingsError when a newer program wrote it."""
        try:
            db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=1.0)
            self._path.chmod(0o600)
            db.execute("PRAGMA journal_mode=DELETE").fetchone()
            db.execute("PRAGMA synchronous=EXTRA")
            db.execute("PRAGMA cache_size=-500")
            lite.migrate(db, self._path, STEPS)
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(f"{self._path} cannot be opened: {error}") from error
        self._db = db

    def close(self) -> None:
        """Let it go. May be called twice."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def users(self) -> dict[str, User]:
        """Everybody, by name."""
        sql = "SELECT name, title, role, person, language, password, must_change, created FROM user ORDER BY name"
        return {
            row[0]: User(row[0], row[1], Role(row[2]), row[3], row[4], row[5], bool(row[6]), from_ms(row[7]))
            for row in self._ask(sql)
        }

    def keep_user(self, user: User) -> None:
        """A new user, or one who has changed."""
        row = (
            user.name,
            user.title,
            int(user.role),
            user.person,
            user.language,
            user.password,
            int(user.must_change),
            to_ms(user.created),
        )
        self._do(("INSERT OR REPLACE INTO user VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row))

    def drop_user(self, name: str) -> None:
        """A user and all his sessions."""
        self._do(
            ("DELETE FROM user WHERE name = ?", (name,)),
            ("DELETE FROM session WHERE user = ?", (name,)),
        )

    def sessions(self) -> list[Session]:
        """Everybody who is signed in."""
        sql = "SELECT print, user, created, seen, address FROM session"
        return [Session(row[0], row[1], from_ms(row[2]), from_ms(row[3]), row[4]) for row in self._ask(sql)]

    def keep_sessions(self, sessions: Iterable[Session]) -> None:
        """New ones, or when they were last seen."""
        sql = "INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?, ?)"
        self._do(*((sql, (s.print, s.user, to_ms(s.created), to_ms(s.seen), s.address)) for s in sessions))

    def drop_sessions(self, prints: Iterable[str]) -> None:
        """These are over."""
        self._do(*(("DELETE FROM session WHERE print = ?", (one,)) for one in prints))

    def tokens(self) -> list[Token]:
        """All keys of programs."""
        sql = "SELECT id, name, print, role, created, expires, by FROM token ORDER BY id"
        return [
            Token(
                row[0], row[1], row[2], Role(row[3]), from_ms(row[4]),
                None if row[5] is None else from_ms(row[5]), row[6],
            )
            for row in self._ask(sql)
        ]  # fmt: skip

    def add_token(self, token: Token) -> None:
        """A new key; its number is given here."""
        sql = "INSERT INTO token(name, print, role, created, expires, by) VALUES (?, ?, ?, ?, ?, ?)"
        until = None if token.expires is None else to_ms(token.expires)
        self._do((sql, (token.name, token.print, int(token.role), to_ms(token.created), until, token.by)))

    def drop_token(self, number: int) -> None:
        """A key that opens nothing any more."""
        self._do(("DELETE FROM token WHERE id = ?", (number,)))

    def note(self, deed: Deed) -> None:
        """A line of the audit trail; the oldest go when there are too many."""
        sql = "INSERT INTO audit(at, who, address, action, object, detail) VALUES (?, ?, ?, ?, ?, ?)"
        texts = (
            deed.who,
            deed.address,
            deed.action,
            deed.object,
            json.dumps(deed.detail, ensure_ascii=False),
        )
        row = (to_ms(deed.at), *(text.encode("utf-8", "replace").decode() for text in texts))
        trim = "DELETE FROM audit WHERE seq <= (SELECT max(seq) FROM audit) - ?"
        self._do((sql, row), (trim, (MOST_AUDITED,)))

    def trail(self, before: int | None, limit: int) -> list[tuple[int, Deed]]:
        """The audit trail, newest first, below a seq."""
        sql = "SELECT seq, at, who, address, action, object, detail FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?"
        return [
            (row[0], Deed(from_ms(row[1]), row[2], row[3], row[4], row[5], json.loads(row[6])))
            for row in self._ask(sql, (before if before is not None else 1 << 62, limit))
        ]

    def _ask(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._open_db().execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise Unavailable(f"{FILE} cannot be read: {error}") from error

    def _do(self, *statements: tuple[str, Sequence[object]]) -> None:
        with self._lock:
            db = self._open_db()
            try:
                db.execute("BEGIN IMMEDIATE")
                for sql, values in statements:
                    db.execute(sql, values)
                db.execute("COMMIT")
            except sqlite3.Error as error:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise Unavailable(f"{FILE} cannot be written: {error}") from error

    def _open_db(self) -> sqlite3.Connection:
        if self._db is None:
            raise Unavailable(f"{FILE} is closed")
        return self._db
