"""Names of occurrences, none given twice, not even after a restart. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Keys:
    """Counts what was given a name; every detector has one."""

    def __init__(self) -> None:
        self._count = 0

    def next(self, start: str) -> str:
        """A fresh one that begins like this."""
        self._count += 1
        return f"{start}-{self._count}"

    def memory(self) -> dict[str, Any]:
        """How many were given, plain data."""
        return {"count": self._count}

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Go on counting; what is no count begins at nothing."""
        count = memory.get("count")
        self._count = count if isinstance(count, int) and count >= 0 else 0
