"""What must be known at the next start because the broker remembers it, too.

The broker's session keeps every subscription until it is told otherwise: what the site no longer listens to is given up
on the next connection. Messages that waited for us may belong to a topic that only an announcement (Home Assistant)
explains, and announcements come after them: so they are kept. A notebook that is lost or spoilt costs nothing else.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drivers.decode.messages import Message

LARGEST_BYTES = 2_000_000
_NAME = "mqtt.json"


class Notebook:
    """One small file in the source's own folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self.filters: list[str] = []
        self.lessons: list[Message] = []
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            self._read()

    def write(self, filters: Sequence[str], lessons: Sequence[Message]) -> None:
        """Keep them, if they are news; a disk that refuses is somebody else's alarm."""
        if (list(filters), list(lessons)) == (self.filters, self.lessons):
            return
        self.filters, self.lessons = list(filters), list(lessons)
        told = [[lesson.topic, lesson.payload.decode("utf-8", "replace")] for lesson in lessons]
        text = json.dumps({"filters": self.filters, "lessons": told}, ensure_ascii=False)
        if len(text) > LARGEST_BYTES:
            text = json.dumps({"filters": self.filters, "lessons": []})
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._path.with_suffix(".new")
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self._path)

    def _read(self) -> None:
        if self._path.stat().st_size > 2 * LARGEST_BYTES:
            return
        kept: Any = json.loads(self._path.read_text(encoding="utf-8"))
        filters = [name for name in kept["filters"] if isinstance(name, str) and name]
        lessons = [Message(str(topic), str(text).encode(), retained=True) for topic, text in kept["lessons"]]
        self.filters, self.lessons = filters, lessons
