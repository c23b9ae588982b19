"""In which unit the figure of a rule is: what it was judged by, for people who read it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.quantities import Quantities
from gateway.rules.language import ANY, Limits, Rule, When

_HOURS = frozenset({"will_reach", "will_fall_to"})
_PER = frozenset({"rate_over", "slope_over", "drift_over"})
_NONE = frozenset({"count_over", "times_usual", "missing_for", "flagged"})


def unit_of(rule: Rule, quantities: Quantities) -> str | None:
    """The unit; ``None`` where its conditions speak of several, or of none."""
    units = {unit for step in rule.all_steps() for unit in _units(step.when, quantities)}
    return units.pop() if len(units) == 1 else None


def _units(when: When, quantities: Quantities) -> Iterator[str | None]:
    for part in (*(when.any_of or ()), *(when.all_of or ()), *((when.not_,) if when.not_ else ())):
        yield from _units(part, quantities)
    for name, limits in when.readings.items():
        yield None if name == ANY or name not in quantities else _unit(quantities[name].unit, limits)


def _unit(unit: str, limits: Limits) -> str | None:
    if limits.view in _HOURS:
        return "h"
    if limits.view in _PER:
        return f"{unit}/{limits.per}"
    return None if limits.view in _NONE else unit
