"""Where evidence lies: one folder for each occurrence, found by an id that says nothing about it.

An id is handed out only after its first files are on the disk: files, then ``meta.json``, each synced, in a folder with
a dot before its name; then one rename. So a power cut leaves all of it or none, and nothing that an event has named is
ever half there. Files that come later (a clip, more numbers) are renamed into place before ``meta.json``, which is
replaced as a whole, lists them.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import string
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from gateway.errors import Unavailable

ID = re.compile(r"[a-z0-9]{20}")  # 20 of 36 signs: 103 bits, nobody guesses one
FILE = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}(\.[a-z0-9]{1,8}){1,2}")
META = "meta.json"
TYPES = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".mp4": "video/mp4",
    ".mkv": "video/x-matroska",
    ".jsonl": "application/x-ndjson",
    ".sealed": "application/octet-stream",
}
_SIGNS = string.ascii_lowercase + string.digits
_FOLDER_MODE = 0o750  # the daemon's group reads; the units set the group
_FILE_MODE = 0o640

Content = bytes | Path  # a file that is given as a path is moved in


@dataclass(frozen=True, slots=True)
class Item:
    """One occurrence's evidence.

    Attributes:
        id: Opaque.
        folder: Where it lies.
        meta: What ``meta.json`` says: ``id``, ``camera``, ``kind``, ``at``, ``files``, ``why``, ``boxes`` ...
    """

    id: str
    folder: Path
    meta: Mapping[str, Any]

    @property
    def day(self) -> str:
        """Name of the folder of its day, UTC."""
        return self.folder.parent.name

    @property
    def files(self) -> Mapping[str, Mapping[str, Any]]:
        """Name -> ``{"name", "type", "bytes"}``."""
        return {str(one["name"]): one for one in self.meta.get("files", ())}

    @property
    def size(self) -> int:
        """All its files [bytes]."""
        return sum(int(one["bytes"]) for one in self.meta.get("files", ()))

    def read(self, name: str) -> bytes | None:
        """One of its files; ``None`` when it has none of that name, or no longer."""
        path = self.path(name)
        try:
            return None if path is None else path.read_bytes()
        except OSError:
            return None

    def path(self, name: str) -> Path | None:
        """Where one of its files lies; ``None`` for anything ``meta.json`` does not list, and for links."""
        if name not in self.files or not FILE.fullmatch(name):
            return None
        path = self.folder / name
        return path if path.is_file() and not path.is_symlink() else None


def new_id() -> str:
    """An id that says nothing and that nobody can guess."""
    return "".join(secrets.choice(_SIGNS) for _ in range(20))


class Shelf:
    """The evidence of a site.

    Args:
        root: The folder; made when it is first needed.
        owner: Who writes through this object; what he left half done is swept away by :meth:`sweep` alone.
    """

    def __init__(self, root: Path, owner: str = "eyes") -> None:
        self.root = root
        self._owner = owner
        self._adding = threading.Lock()  # a clip is ready while another picture comes

    def put(
        self, at: datetime, meta: Mapping[str, Any], files: Mapping[str, Content], *, name: str = ""
    ) -> str:
        """Keep something new; on the disk when this returns.

        Args:
            at: When it happened, aware UTC: the folder of its day.
            meta: What is known of it; ``id``, ``at`` and ``files`` are added.
            files: Name -> content.
            name: Its id, if it has been drawn already.

        Returns:
            The id.

        Raises:
            Unavailable: The disk does not take it; nothing is left behind.
        """
        number = name or new_id()
        day = self.root / at.date().isoformat()
        part = day / f".{self._owner}-{number}"
        try:
            if not day.is_dir():
                day.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
                _sync(self.root)
            part.mkdir(mode=_FOLDER_MODE)
            listed = [_place(part, each, content) for each, content in files.items()]
            whole = {"id": number, "at": at.isoformat(), **meta, "files": listed}
            _write(part / META, _as_json(whole))
            _sync(part)
            part.rename(day / number)
            _sync(day)
        except OSError as error:
            shutil.rmtree(part, ignore_errors=True)
            raise Unavailable(f"evidence cannot be kept in {self.root}: {error.strerror}") from error
        return number

    def add(
        self,
        number: str,
        files: Mapping[str, Content],
        change: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    ) -> Item | None:
        """More files for what is kept already; one of the same name is replaced.

        Args:
            number: Its id.
            files: Name -> content.
            change: What becomes of the rest of ``meta.json``.

        Returns:
            It, as it is now; ``None`` when it is no longer there.

        Raises:
            Unavailable: The disk does not take it; what was there is untouched.
        """
        with self._adding:
            return self._add(number, files, change)

    def _add(
        self,
        number: str,
        files: Mapping[str, Content],
        change: Callable[[dict[str, Any]], dict[str, Any]],
    ) -> Item | None:
        item = self.find(number)
        if item is None:
            return None
        try:
            listed = {name: dict(entry) for name, entry in item.files.items()}
            for name, content in files.items():
                listed[name] = _place(item.folder, name, content)
            meta = {**change(dict(item.meta)), "files": list(listed.values())}
            _write(item.folder / META, _as_json(meta))
            _sync(item.folder)
        except FileNotFoundError:
            return None  # deleted meanwhile
        except OSError as error:
            raise Unavailable(f"evidence {number} cannot be added to: {error.strerror}") from error
        return Item(number, item.folder, meta)

    def find(self, number: str) -> Item | None:
        """What an id names; ``None`` for what is none, never was, or is gone."""
        if not ID.fullmatch(number):
            return None
        for day in self._days():
            folder = day / number
            if folder.is_dir() and not folder.is_symlink():
                return _item(folder)
        return None

    def items(self) -> Iterator[Item]:
        """All of it, the oldest first."""
        for day in self._days():
            found = [item for folder in _folders(day) if (item := _item(folder)) is not None]
            yield from sorted(found, key=lambda item: str(item.meta.get("at", "")))

    def move(self, item: Item, day: date, meta: Mapping[str, Any]) -> Item:
        """Lay it into another day's folder. Raises Unavailable."""
        target = self.root / day.isoformat()
        try:
            _write(item.folder / META, _as_json(meta))
            target.mkdir(exist_ok=True, mode=_FOLDER_MODE)
            item.folder.rename(target / item.id)
            _sync(target)
            _sync(item.folder.parent)
        except OSError as error:
            raise Unavailable(f"evidence {item.id} cannot be moved: {error.strerror}") from error
        return Item(item.id, target / item.id, meta)

    def remove(self, item: Item) -> bool:
        """Delete it; at once invisible, and gone for good even when the power fails half-way (see :meth:`sweep`)."""
        gone = item.folder.parent / f".gone-{item.id}"
        try:
            item.folder.rename(gone)
        except OSError:
            return False
        shutil.rmtree(gone, ignore_errors=True)
        _drop_if_empty(item.folder.parent)
        return True

    def sweep(self) -> int:
        """Put away what a crash left half written or half deleted; nothing of it was ever named. Returns how many."""
        count = 0
        for day in self._days():
            for left in [*day.glob(f".{self._owner}-*"), *day.glob(".gone-*")]:
                shutil.rmtree(left, ignore_errors=True)
                count += 1
            for left in day.glob("*/.*.tmp"):
                left.unlink(missing_ok=True)
            _drop_if_empty(day)
        return count

    def _days(self) -> list[Path]:
        if not self.root.is_dir():
            return []
        return sorted(path for path in self.root.iterdir() if path.is_dir() and _is_day(path.name))


def _folders(day: Path) -> list[Path]:
    try:
        return [path for path in day.iterdir() if ID.fullmatch(path.name) and not path.is_symlink()]
    except FileNotFoundError:
        return []


def _item(folder: Path) -> Item | None:
    try:
        meta = json.loads((folder / META).read_bytes())
    except (OSError, ValueError):
        meta = {}  # a card lost it: what is there can still be listed and deleted
    if not folder.is_dir():
        return None
    return Item(folder.name, folder, meta if isinstance(meta, dict) else {})


def _is_day(name: str) -> bool:
    try:
        return date.fromisoformat(name).isoformat() == name
    except ValueError:
        return False


def _place(folder: Path, name: str, content: Content) -> dict[str, Any]:
    if not FILE.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a file of evidence")
    target = folder / name
    if isinstance(content, Path):
        _write_through(content)
        shutil.move(content, folder / f".{name}.tmp")
        _write_through(folder / f".{name}.tmp")
        (folder / f".{name}.tmp").rename(target)
        target.chmod(_FILE_MODE)
    else:
        _write(target, content)
    size = target.stat().st_size
    return {"name": name, "type": TYPES.get(target.suffix, "application/octet-stream"), "bytes": size}


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing, and on the disk."""
    part = path.parent / f".{path.name}.tmp"
    number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE_MODE)
    with os.fdopen(number, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def _write_through(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _as_json(meta: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(meta), ensure_ascii=False, indent=1).encode()


def _drop_if_empty(day: Path) -> None:
    try:
        day.rmdir()
    except OSError:
        return  # something is in it, which is as well
