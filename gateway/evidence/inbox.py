"""Marks on their way from operators to detectors: each is handed over once, also over restarts, and noted beside it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from gateway.errors import GatewayError
from gateway.evidence.notebook import Mark, Marks
from gateway.evidence.shelf import Item, Shelf


class Inbox:
    """What operators have said since the last look.

    Args:
        shelf: The evidence.
        bookmark: A file of the worker's own that says how far it has read.
    """

    def __init__(self, shelf: Shelf, bookmark: Path) -> None:
        self._shelf = shelf
        self._bookmark = bookmark
        self._marks = Marks(shelf.root, _number(bookmark))

    def fresh(self) -> list[tuple[Item, Mark]]:
        """New marks with what they are about; those of evidence that is gone are passed over.

        ``item.meta`` names the ``camera`` and the ``key``. What was handed over and not yet learnt
        when the worker was killed comes again: a detector takes the same mark twice without harm.
        """
        found = []
        for mark in self._marks.fresh():
            item = self._shelf.find(mark.id)
            if item is None:
                continue
            with contextlib.suppress(GatewayError):  # the mark itself is on the disk
                item = self._shelf.add(mark.id, {}, lambda meta, mark=mark: _marked(meta, mark)) or item  # type: ignore[misc]  # mypy does not infer a lambda's default
            found.append((item, mark))
        return found

    def learnt(self) -> None:
        """What was handed over so far is remembered by the detectors."""
        part = self._bookmark.with_name(f".{self._bookmark.name}")
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(str(self._marks.read_to), encoding="ascii")
        part.rename(self._bookmark)


def _marked(meta: dict[str, Any], mark: Mark) -> dict[str, Any]:
    said = {"mark": "right" if mark.right else "false", "by": mark.by, "at": mark.at.isoformat()}
    return {**meta, "marks": [*meta.get("marks", ()), said][-20:]}


def _number(path: Path) -> int:
    try:
        return max(0, int(path.read_text(encoding="ascii")))
    except (OSError, ValueError):
        return 0
