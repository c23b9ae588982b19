"""Lines beside the evidence: marks of operators, looks of people. Appended, synced, never rewritten by a reader."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.errors import Unavailable

MARKS = "marks.jsonl"
LOOKS = "looks.jsonl"
DELETED = "deleted.jsonl"
LONGEST_REASON = 500
_MODE = 0o660


@dataclass(frozen=True, slots=True)
class Mark:
    """What an operator said of a sighting."""

    id: str
    right: bool
    at: datetime
    by: str = ""


def mark(root: Path, number: str, *, right: bool, by: str, at: datetime) -> None:
    """An operator says that it was right, or a false alarm; the camera worker learns of it within seconds."""
    append(
        root / MARKS, {"id": number, "mark": "right" if right else "false", "by": by, "at": at.isoformat()}
    )


def marks_in(root: Path) -> dict[str, bool]:
    """Evidence -> whether it was right, by the last word said of each; nothing where none is kept."""
    said = (line for line in lines(root / MARKS) if "id" in line and "mark" in line)
    return {str(line["id"]): line["mark"] == "right" for line in said}


def look(root: Path, number: str, *, who: str, what: str, at: datetime, why: str = "") -> None:
    """Somebody looks: written down before he sees anything.

    Args:
        root: Of the evidence.
        number: Its id; ``*`` for a list.
        who: A person or account.
        what: ``view``, ``list``, ``export``, ``open``, ``delete``, ``message`` ...
        at: When.
        why: In his own words, where he was asked.
    """
    append(
        root / LOOKS,
        {"at": at.isoformat(), "who": who, "what": what, "id": number, "why": why[:LONGEST_REASON]},
    )


def append(path: Path, line: Mapping[str, Any]) -> None:
    """One line more, on the disk when this returns. Raises Unavailable."""
    text = json.dumps(dict(line), ensure_ascii=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o770)
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, _MODE)
        try:
            about = os.fstat(number)
            if about.st_uid == os.geteuid() and about.st_mode & 0o777 != _MODE:
                os.fchmod(
                    number, _MODE
                )  # gateway and worker may be two users of one group; a umask knows nothing of it
            size = about.st_size
            torn = size and os.pread(number, 1, size - 1) != b"\n"
            os.write(
                number, (b"\n" if torn else b"") + text.encode()
            )  # one call: two writers' lines do not mix
            os.fsync(number)
        finally:
            os.close(number)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from error


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """All whole lines; a torn one (the power failed) is passed over."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for raw in file:
            try:
                found = json.loads(raw)
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found


class Marks:
    """The marks that have come since the last look.

    Args:
        root: Of the evidence.
        read_to: How far they were read before [bytes].
    """

    def __init__(self, root: Path, read_to: int = 0) -> None:
        self._path = root / MARKS
        self.read_to = read_to

    def fresh(self) -> list[Mark]:
        """New ones, in the order they were made; a line that is still being written waits."""
        try:
            size = self._path.stat().st_size
            if size < self.read_to:
                self.read_to = 0  # somebody began a new file
            if size == self.read_to:
                return []
            with self._path.open("rb") as file:
                file.seek(self.read_to)
                raw = file.read()
        except OSError:
            return []
        whole = raw[: raw.rfind(b"\n") + 1]
        self.read_to += len(whole)
        return [found for line in whole.splitlines() if (found := _mark(line)) is not None]


def _mark(line: bytes) -> Mark | None:
    try:
        found = json.loads(line)
        at = datetime.fromisoformat(found["at"])
        if found["mark"] not in {"right", "false"}:
            return None
        return Mark(str(found["id"]), found["mark"] == "right", at, str(found.get("by", "")))
    except (ValueError, KeyError, TypeError):
        return None
