"""The value itself, or its distance from a surveyed zero, against limits."""

from __future__ import annotations

from gateway.model import Fact
from gateway.rules.conditions.bounds import Bounds, written
from gateway.rules.conditions.condition import Sided


class Level(Sided):
    """A plain threshold.

    Args:
        name: Of the quantity, for reasons.
        unit: As people read it.
        bounds: The limits.
        zero: What the value is measured away from; ``None`` for the value itself.
    """

    __slots__ = ("_bounds", "_name", "_unit", "_zero")

    def __init__(self, name: str, unit: str, bounds: Bounds, zero: float | None = None) -> None:
        super().__init__()
        self._name = name
        self._unit = unit
        self._bounds = bounds
        self._zero = zero

    def hear(self, at: float, value: float) -> None:
        """The newest value decides."""
        del at
        if self._zero is not None:
            value = abs(value - self._zero)
        self.figure = value
        self._side = self._bounds.out(value, self._side)

    def facts(self) -> tuple[Fact, ...]:
        """Quantity, figure, limit."""
        key = "level" if self._zero is None else "away"
        values = {"quantity": self._name, "figure": written(self.figure), "unit": self._unit}
        return (Fact(key, {**values, **self._bounds.said}),)

    def reason(self) -> str:
        """E.g. ``fill 91 % (above 80 %)``."""
        away = " away from zero" if self._zero is not None else ""
        return f"{self._name}{away} {written(self.figure)} {self._unit}".rstrip() + f" ({self._bounds.text})"
