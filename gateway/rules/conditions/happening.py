"""Events of cameras and devices: true from then until it has not come again for a while."""

from __future__ import annotations

from typing import Any

from gateway.model import Fact
from gateway.rules.conditions.bounds import written
from gateway.rules.conditions.condition import Condition
from gateway.rules.state import INF


class Happened(Condition):
    """One of these events, sure enough, not longer ago than ``ends_after``."""

    __slots__ = ("_ends_after", "_kind", "_kinds", "_last", "_score_above")

    def __init__(self, kinds: frozenset[str], score_above: float | None, ends_after: float) -> None:
        super().__init__()
        self._kinds = kinds
        self._score_above = score_above
        self._ends_after = ends_after
        self._last = -INF
        self._kind = ""

    def happened(self, kind: str, at: float, score: float) -> None:
        """Take note of one that counts."""
        if kind in self._kinds and (self._score_above is None or score > self._score_above):
            self._last = max(self._last, at)
            self._kind = kind
            self.figure = score

    def judge(self, now: float) -> bool | None:
        """Whether it goes on."""
        return now - self._last < self._ends_after

    def due(self, now: float) -> float:
        """When it is over unless it comes again."""
        end = self._last + self._ends_after
        return end if end > now else INF

    def shift(self, by: float) -> None:
        """The clock was stepped."""
        self._last += by

    def memory(self) -> Any:
        """When it was last seen."""
        return None if self._last == -INF else self._last

    def restore(self, memory: Any) -> None:
        """Take it back."""
        self._last = float(memory)

    def facts(self) -> tuple[Fact, ...]:
        """Which event, how sure."""
        kind = self._kind or min(self._kinds)
        return (Fact("event", {"event": kind, "score": written(self.figure)}),)

    def reason(self) -> str:
        """E.g. ``event fire score 0.81``."""
        return f"event {self._kind or '/'.join(sorted(self._kinds))} score {written(self.figure)}"
