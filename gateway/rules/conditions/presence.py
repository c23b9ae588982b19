"""What is not there: no usable reading for too long; and what comes with a complaint."""

from __future__ import annotations

from typing import Any

from gateway.model import Fact
from gateway.rules.conditions.bounds import written
from gateway.rules.conditions.condition import Condition


class Missing(Condition):
    """No usable reading for so long, on the gateway's clock; counted from the start at the earliest."""

    __slots__ = ("_known", "_name", "_since", "_span", "_text")

    def __init__(self, name: str, span: float, text: str) -> None:
        super().__init__()
        self._name = name
        self._span = span
        self._text = text
        self._since: float | None = None
        self._known = False

    def heard(self, now: float) -> None:
        """There it is."""
        self._since = now
        self._known = True

    def judge(self, now: float) -> bool | None:
        """True when the time is up; unknown after a start until something is heard or the time is up."""
        if self._since is None:
            self._since = now
        self.figure = round(now - self._since, 1)
        if now - self._since >= self._span:
            return True
        return False if self._known else None

    def due(self, now: float) -> float:
        """When the time is up."""
        if self._since is None:
            self._since = now
        end = self._since + self._span
        return end if end > now else float("inf")

    def shift(self, by: float) -> None:
        """The clock was stepped."""
        if self._since is not None:
            self._since += by

    def facts(self) -> tuple[Fact, ...]:
        """Quantity and how long."""
        return (Fact("missing", {"quantity": self._name, "span": self._text}),)

    def reason(self) -> str:
        """E.g. ``fill missing for 3h``."""
        return f"{self._name} missing for {self._text}"


class Flagged(Condition):
    """A reading comes with one of these reasons beside its flag (``stuck``, ``clock_ahead``, ``gross_range`` ...)."""

    __slots__ = ("_complaining", "_reasons")

    def __init__(self, reasons: frozenset[str]) -> None:
        super().__init__()
        self._reasons = reasons
        self._complaining: dict[str, str] = {}
        self.figure = None

    def complained(self, quantity: str, reasons: frozenset[str]) -> bool:
        """What each quantity says of itself; nearly always nothing."""
        if not reasons and not self._complaining and self.figure is not None:
            return False
        found = sorted(reasons & self._reasons)
        if found:
            self._complaining[quantity] = found[0]
        else:
            self._complaining.pop(quantity, None)
        self.figure = float(len(self._complaining))
        return True

    def judge(self, now: float) -> bool | None:
        """Whether any does."""
        del now
        return None if self.figure is None else bool(self._complaining)

    def memory(self) -> Any:
        """Which do."""
        return dict(self._complaining) or None

    def restore(self, memory: Any) -> None:
        """Take it back."""
        self._complaining = {str(name): str(reason) for name, reason in memory.items()}
        self.figure = float(len(self._complaining))

    def facts(self) -> tuple[Fact, ...]:
        """Quantities with their complaints."""
        complaints = sorted(self._complaining.items())
        found = tuple(Fact("flagged", {"quantity": name, "reason": reason}) for name, reason in complaints)
        return found or (Fact("no_complaint"),)

    def reason(self) -> str:
        """E.g. ``fill stuck``."""
        said = ", ".join(f"{name} {reason}" for name, reason in sorted(self._complaining.items()))
        return said or f"{written(self.figure)} complaints"

    @property
    def never(self) -> bool:
        """No reading yet."""
        return self.figure is None
