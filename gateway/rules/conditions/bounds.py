"""Limits with a clear limit apart: strict comparisons, and a side that is kept inside the dead band."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.rules.state import INF


@dataclass(frozen=True, slots=True)
class Bounds:
    """Out is above ``high`` or below ``low``; once out, it is in again only strictly inside the clear limits.

    Attributes:
        text: As a person wrote it, e.g. ``above 80 %``.
        said: The same as facts: ``limit`` names the sentence, the others fill it in.
    """

    high: float = INF
    low: float = -INF
    clear_high: float = INF
    clear_low: float = -INF
    equals: frozenset[float] = frozenset()
    text: str = ""
    said: Mapping[str, str] = field(default_factory=dict)

    def out(self, value: float, was: bool | None) -> bool:  # noqa: FBT001  # the side it was on is the state
        """Which side a value is on. The first value inside the dead band is in."""
        if value > self.high or value < self.low:
            return True
        if self.equals:
            return value in self.equals
        return bool(was) and (value >= self.clear_high or value <= self.clear_low)

    def surely_above(self, value: float) -> bool:
        """Out at the high end, whatever else may come."""
        return value > self.high

    def surely_below(self, value: float) -> bool:
        """Out at the low end."""
        return value < self.low


def written(value: float | None) -> str:
    """A figure for a reason: six digits at most, no exponent for what people measure."""
    if value is None:
        return "?"
    return f"{value:.6g}" if abs(value) < 1e6 else f"{value:.0f}"
