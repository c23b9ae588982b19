"""The newest picture of each camera, and who is looked at next.

Readers put, one worker takes. A live camera's picture that nobody has taken is replaced by the next one; a file's
waits, so that every picture counts.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Slots(Generic[T]):
    """One place for each name; the one that has waited longest is taken first.

    Args:
        names: Whose places.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[str, T] = {}  # in order of arrival
        self._closed = False
        self.replaced: dict[str, int] = dict.fromkeys(names, 0)

    def put(self, name: str, item: T) -> None:
        """Lay it there; what lies there untaken is replaced, and keeps its turn."""
        with self._changed:
            if name in self._waiting:
                self.replaced[name] += 1
            self._waiting[name] = item
            self._changed.notify_all()

    def put_in_turn(self, name: str, item: T) -> bool:
        """Lay it there once the place is free; False when everything is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or name not in self._waiting)
            if self._closed:
                return False
            self._waiting[name] = item
            self._changed.notify_all()
            return True

    def take(self, timeout_s: float) -> tuple[str, T] | None:
        """What has waited longest; ``None`` when nothing has come for so long."""
        with self._changed:
            if (
                not self._changed.wait_for(lambda: self._closed or self._waiting, timeout_s)
                or not self._waiting
            ):
                return None
            name = next(iter(self._waiting))
            item = self._waiting.pop(name)
            self._changed.notify_all()
            return name, item

    def close(self) -> None:
        """Whoever waits for a place gives up."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
