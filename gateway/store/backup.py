"""A consistent copy of a whole state folder in one tar file, taken while the daemon runs.

The book is copied first and each segment after it, every one as of one moment: what the book knows of readings is in
the segments by then, and what came later is found again when the copy is opened. Unpacked into an empty folder it is a
state folder again.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Literal

from gateway.errors import Unavailable
from gateway.store import lite
from gateway.store.access import list_segments

_BOOK = "book.db"
_ACCOUNTS = "accounts.db"  # store/accounts.py


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
    journal = state / "journal"
    if not journal.is_dir():
        raise Unavailable(f"there is no journal in {state}")
    fresh = target.with_name(target.name + ".new")
    try:
        with _private(fresh) as out, tarfile.open(fileobj=out, mode=_mode(target)) as tar:
            databases = [
                path
                for path in [state / _ACCOUNTS, journal / _BOOK, *(p for p, _ in list_segments(journal))]
                if path.is_file()
            ]
            others = [path for path in _others(state, target) if path.is_file() and not path.is_symlink()]
            count = len(databases) + len(others)
            for done, path in enumerate(databases):
                say(done, count, path.name)
                _add_database(tar, path, str(path.relative_to(state)), fresh)
            for done, path in enumerate(others, len(databases)):
                say(done, count, path.name)
                with contextlib.suppress(FileNotFoundError):  # gone meanwhile
                    tar.add(path, str(path.relative_to(state)), recursive=False)
        with fresh.open("rb") as written:
            os.fsync(written.fileno())
        fresh.replace(target)
        lite.sync_folder(target.absolute().parent)
        return target.stat().st_size
    except (sqlite3.Error, OSError) as error:
        fresh.unlink(missing_ok=True)
        raise Unavailable(f"the backup {target} was not written: {error}") from error


def _mode(target: Path) -> Literal["w", "w:gz"]:
    return "w:gz" if target.suffix in {".gz", ".tgz"} else "w"


@contextlib.contextmanager
def _private(path: Path) -> Iterator[IO[bytes]]:
    """A new file that only its owner may read: a state folder may hold what is nobody else's business."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        yield file


def _others(state: Path, target: Path) -> Iterator[Path]:
    """What the drivers keep; of the journal's folder nothing but the databases is needed."""
    for path in sorted(state.rglob("*")):
        inside = path.relative_to(state).parts
        ours = {target.name, target.name + ".new", _ACCOUNTS, f"{_ACCOUNTS}-journal"}
        if inside[0] != "journal" and path.name not in ours:
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
