"""A consistent copy of a whole state folder in one tar file, taken while the daemon runs.

The book is copied first and each segment after it, every one as of one moment: what the book knows of readings is in
the segments by then, and what came later is found again when the copy is opened. Unpacked into an empty folder it is a
state folder again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Iterator, Set
from pathlib import Path
from typing import IO, Literal

from gateway.errors import Unavailable
from gateway.store import lite
from gateway.store.access import list_segments

_BOOK = "book.db"
_ACCOUNTS = "accounts.db"  # store/accounts.py
_BESIDE = ".backup"  # in the journal's folder, of which only databases are copied
PIECE = 256 * 1024  # bytes written at once


def back_up(state: Path, target: Path, say: Callable[[int, int, str], None] = lambda *_: None) -> int:
    """Write the copy; the target gets its name when it is complete.

    Args:
        state: The state folder.
        target: The tar file; ``.gz`` at the end of its name compresses it.
        say: Told before each file: how many are done, how many there are, its name.

    Returns:
        Bytes of the copy.

    Raises:
        Unavailable: There is no journal, it cannot be read, or the target not be written.
    """
    fresh = target.with_name(target.name + ".new")
    try:
        with _private(fresh) as out:
            _copy(state, out, _mode(target), fresh, leave_out={target.name, fresh.name}, say=say)
        with fresh.open("rb") as written:
            os.fsync(written.fileno())
        fresh.replace(target)
        lite.sync_folder(target.absolute().parent)
        return target.stat().st_size
    except (sqlite3.Error, OSError) as error:
        fresh.unlink(missing_ok=True)
        raise Unavailable(f"the backup {target} was not written: {error}") from error


def stream(state: Path, out: IO[bytes]) -> None:
    """The same copy, uncompressed, into something that is only written to, one piece after the other.

    Only one at a time for each state folder: the copy of one database lies beside the journal until it is sent.

    Raises:
        Unavailable: There is no journal, it cannot be read, or nobody takes the copy.
    """
    own = state / "journal" / _BESIDE
    shutil.rmtree(own, ignore_errors=True)  # of a box that lost its power meanwhile
    try:
        if own.parent.is_dir():
            own.mkdir(mode=0o700)
        _copy(state, out, "w|", own / "one")
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(f"the backup was not completed: {error}") from error
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _copy(
    state: Path,
    out: IO[bytes],
    mode: Literal["w", "w:gz", "w|"],
    beside: Path,
    *,
    leave_out: Set[str] = frozenset(),
    say: Callable[[int, int, str], None] = lambda *_: None,
) -> None:
    journal = state / "journal"
    if not journal.is_dir():
        raise Unavailable(f"there is no journal in {state}")
    with tarfile.open(fileobj=out, mode=mode, bufsize=PIECE) as tar:
        databases = [
            path
            for path in [state / _ACCOUNTS, journal / _BOOK, *(p for p, _ in list_segments(journal))]
            if path.is_file()
        ]
        others = [path for path in _others(state, leave_out) if path.is_file() and not path.is_symlink()]
        count = len(databases) + len(others)
        for done, path in enumerate(databases):
            say(done, count, path.name)
            _add_database(tar, path, str(path.relative_to(state)), beside)
        for done, path in enumerate(others, len(databases)):
            say(done, count, path.name)
            with contextlib.suppress(FileNotFoundError):  # gone meanwhile
                tar.add(path, str(path.relative_to(state)), recursive=False)


def _mode(target: Path) -> Literal["w", "w:gz"]:
    return "w:gz" if target.suffix in {".gz", ".tgz"} else "w"


@contextlib.contextmanager
def _private(path: Path) -> Iterator[IO[bytes]]:
    """A new file that only its owner may read: a state folder may hold what is nobody else's business."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        yield file


def _others(state: Path, leave_out: Set[str]) -> Iterator[Path]:
    """What the drivers keep; of the journal's folder nothing but the databases is needed."""
    for path in sorted(state.rglob("*")):
        inside = path.relative_to(state).parts
        ours = {_ACCOUNTS, f"{_ACCOUNTS}-journal"}
        if inside[0] != "journal" and path.name not in ours | leave_out:
            yield path


def _add_database(tar: tarfile.TarFile, path: Path, name: str, beside: Path) -> None:
    copy = beside.with_name(beside.name + ".part")
    try:
        connection = lite.open_reader(path)
    except sqlite3.Error:
        if path.exists():
            raise
        return  # evicted meanwhile
    try:
        lite.copy_database(connection, copy)
    finally:
        connection.close()
    try:
        tar.add(copy, name)
    finally:
        copy.unlink(missing_ok=True)
