"""SQLite as we use it: who may write, who may only read, what its errors mean to us, how a schema moves on.

Rule of the room: of every file exactly one connection writes and checkpoints, and it lives in one thread; all others
are opened read-only and can do neither. SQLite before 3.51.3 can corrupt a file when two connections write or
checkpoint at the same moment (WAL-reset bug), and Debian 12 ships 3.40.1 (reliability-and-security, section 0.6).
"""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import time
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from urllib.parse import quote

from gateway.errors import Fault, SettingsError

PAGE = 4096  # bytes; SQLite's default page, and that of the cards
COMPANIONS = ("", "-wal", "-shm")
_BUSY_MS = 1000  # a person with a shell may hold a lock; intake must not wait for him long
_KILL_AT, _, _KILL_COUNT = os.environ.get("VILLAGE_KILL_AT", "").partition(":")
_kill_countdown = itertools.count(1)


class Trouble(Enum):
    """What a failed statement means: who can do something about it."""

    FULL = "disk full"
    CORRUPT = "file corrupt"
    BUSY = "locked by another program"
    IO = "input/output error"


_MEANING = {
    sqlite3.SQLITE_FULL: Trouble.FULL,
    sqlite3.SQLITE_CORRUPT: Trouble.CORRUPT,
    sqlite3.SQLITE_NOTADB: Trouble.CORRUPT,
    sqlite3.SQLITE_SCHEMA: Trouble.CORRUPT,
    sqlite3.SQLITE_BUSY: Trouble.BUSY,
    sqlite3.SQLITE_LOCKED: Trouble.BUSY,
}


def trouble(error: sqlite3.Error | OSError) -> Trouble:
    """What kind of trouble an error is; whatever is not known to be better is input/output trouble."""
    if isinstance(error, OSError):
        return Trouble.FULL if error.errno in {28, 122} else Trouble.IO  # ENOSPC, EDQUOT
    code = getattr(error, "sqlite_errorcode", None)
    if code is None or code & 0xFF == sqlite3.SQLITE_ERROR:
        # SQL errors of statements that are right in themselves: a table or column is gone (wrong schema).
        return Trouble.CORRUPT if isinstance(error, sqlite3.DatabaseError) else Trouble.IO
    return _MEANING.get(code & 0xFF, Trouble.IO)


def open_writer(path: Path, *, wal_pages: int = 1000) -> sqlite3.Connection:
    """The one connection that writes a file.

    Args:
        path: The database; created when absent.
        wal_pages: Log pages before SQLite moves them into the file; small on small disks.

    Raises:
        sqlite3.Error: When the file cannot be opened or is no database.
    """
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=_BUSY_MS / 1000, cached_statements=256
    )
    try:
        connection.execute("PRAGMA journal_mode=WAL").fetchone()
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={wal_pages}")
        connection.execute(f"PRAGMA journal_size_limit={wal_pages * PAGE}")
        connection.execute("PRAGMA cache_size=-4000")
        connection.execute("PRAGMA temp_store=MEMORY")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, checkpoint or create the file; may be handed from thread to thread.

    Raises:
        sqlite3.Error: When there is no such file, or it is no database.
    """
    name = quote(str(path.absolute()))
    connection = sqlite3.connect(
        f"file:{name}?mode=ro",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=_BUSY_MS / 1000,
    )
    try:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA cache_size=-2000")
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[str]) -> None:
    """Bring a file to the newest schema: all steps in one transaction, a copy of the file first.

    Args:
        connection: The writing connection.
        path: Where the file lies; the copy is put beside it as ``<name>.schema-<old version>``.
        steps: ``steps[n]`` leads from schema n to n + 1; a new file goes through all of them.

    Raises:
        SettingsError: When a newer program wrote the file.
        sqlite3.Error: When a step fails; the file is then as it was.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    refuse_newer(path, version, len(steps))
    if version == len(steps):
        return
    if version > 0:
        backup = path.with_name(f"{path.name}.schema-{version}")
        copy_database(connection, backup)
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in steps[version:]:
            for statement in step.split(";"):
                if statement.strip():
                    connection.execute(statement)
        kill_point("in_migration")
        connection.execute(f"PRAGMA user_version={len(steps)}")
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    sync_folder(path.parent)


def refuse_newer(path: Path, version: int, known: int) -> None:
    """Refuse, in words, what a newer program wrote.

    Raises:
        SettingsError: When the version is higher than what is known here.
    """
    if version > known:
        problem = f"was written by a newer village (schema {version}, this one knows {known})"
        raise SettingsError(
            Fault(str(path), 0, "", problem, "install that version again, or move the file away")
        )


def copy_database(connection: sqlite3.Connection, target: Path) -> None:
    """A consistent copy of an open database, complete and synced before it gets its name."""
    fresh = target.with_name(target.name + ".new")
    fresh.unlink(missing_ok=True)
    copy = sqlite3.connect(fresh)
    try:
        connection.backup(copy)  # in one step: in small ones every commit of the daemon begins it anew
        copy.execute("PRAGMA journal_mode=DELETE").fetchone()
    finally:
        copy.close()
    with fresh.open("rb") as file:
        os.fsync(file.fileno())
    fresh.replace(target)
    sync_folder(target.parent)


def quick_check(connection: sqlite3.Connection, seconds: float) -> bool:
    """Look a database through, as far as the time allows.

    Args:
        connection: Open on it.
        seconds: After so long the look is broken off; what was seen until then was sound.

    Returns:
        Whether it was seen to the end.

    Raises:
        sqlite3.Error: When faults were found.
    """
    end = time.monotonic() + seconds
    connection.set_progress_handler(lambda: int(time.monotonic() > end), 100_000)
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return False
        raise
    finally:
        connection.set_progress_handler(None, 0)
    if found != [("ok",)]:
        raise sqlite3.DatabaseError(f"quick_check: {found[0][0] if found else 'no answer'}")
    return True


def sync_folder(folder: Path) -> None:
    """Make names in a folder (created, renamed, removed) survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def unlink_database(path: Path) -> None:
    """Remove a database with its log; the main file goes first, so that a cut leaves nothing that looks whole."""
    for companion in COMPANIONS:
        path.with_name(path.name + companion).unlink(missing_ok=True)


def size_of(path: Path) -> int:
    """Bytes of a database with its log; 0 when it is not there."""
    total = 0
    for companion in COMPANIONS:
        try:
            total += path.with_name(path.name + companion).stat().st_size
        except OSError:
            continue
    return total


def kill_point(step: str) -> None:
    """End this process at once if ``VILLAGE_KILL_AT`` names this step, or ``step:n`` the n-th time (crash tests)."""
    if step == _KILL_AT and next(_kill_countdown) >= int(_KILL_COUNT or 1):
        os.kill(os.getpid(), signal.SIGKILL)
