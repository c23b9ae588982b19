"""The limits that are really judged, taken out of the rules' own plans: a page draws what people are told by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gateway.contracts import Device
from gateway.quantities import Quantities
from gateway.rules.language import Amount, Limits, When
from gateway.rules.plan import Plan, chosen
from gateway.units import convert

Side = Literal["above", "below", "is", "reaches", "falls_to", "missing", "flagged", "event", "usual"]


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of one rule.

    Attributes:
        rule: Its id. severity: What crossing it means.
        quantity: What is looked at.
        view: How: empty for the plain value, else ``sum_over``, ``rise_over`` ...
        side: On which side of ``value`` it is crossed.
        value: In the quantity's unit; ``None`` where there is no number.
        span_s: Length of the window of the view, 0 without one.
        per: ``min``, ``h`` or ``day`` for rates.
    """

    rule: str
    severity: str
    quantity: str
    view: str
    side: Side
    value: float | None
    span_s: float = 0.0
    per: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "rule": self.rule, "severity": self.severity, "quantity": self.quantity, "view": self.view,
            "side": self.side, "value": self.value, "span_s": self.span_s, "per": self.per,
        }  # fmt: skip


def limits_of(
    plans: Iterable[Plan],
    slug: str,
    device: Device | None,
    quantities: Quantities,
    quantity: str | None = None,
) -> list[Limit]:
    """Every limit that is judged for a device, mildest first.

    Args:
        plans: The rules of the site.
        slug: Of the device.
        device: Itself; ``None`` for one that is no sensor (a camera).
        quantities: For units.
        quantity: Only of this one.
    """
    period = device.period.total_seconds() if device is not None else 600.0
    found = [
        limit
        for plan in plans
        if chosen(plan.rule.for_each, slug, device) and (quantity is None or quantity in plan.quantities)
        for limit in limits_in(plan, quantities, period)
        if quantity is None or limit.quantity == quantity
    ]
    order = ("info", "blue", "yellow", "orange", "red")
    return sorted(found, key=lambda limit: order.index(limit.severity))


def plain_limits(limits: Iterable[Limit]) -> list[Limit]:
    """Those of the plain value: what can be drawn as a line beside it."""
    return [
        one for one in limits if not one.view and one.side in {"above", "below"} and one.value is not None
    ]


def limits_in(plan: Plan, quantities: Quantities, period_s: float = 600.0) -> list[Limit]:
    """Every limit of one rule, in the order of its steps."""
    return [
        limit
        for step in plan.steps
        for limit in _of_when(step.when, plan.rule.id, step.severity.word, quantities, period_s)
    ]


def asked(limits: Sequence[Limit], severity: str, reason: str) -> Limit | None:
    """Which limit an alert speaks of: of its severity, of the quantity its reason begins with.

    Where several fit (two sums of rain), the one whose number the reason names.
    """
    fitting = [one for one in limits if one.severity == severity] or list(limits)
    word = reason.split(" ", 1)[0]
    named = [one for one in fitting if one.quantity == word] or fitting
    numbered = [one for one in named if one.value is not None and f" {one.value:g}" in reason]
    return next(iter(numbered or named), None)


def _of_when(
    when: When, rule: str, severity: str, quantities: Quantities, period_s: float
) -> Iterator[Limit]:
    for part in (*(when.any_of or ()), *(when.all_of or ())):
        yield from _of_when(part, rule, severity, quantities, period_s)
    if when.event is not None:
        yield Limit(rule, severity, "", "event", "event", when.event.score_above)
    for quantity, limits in when.readings.items():
        unit = quantities[quantity].unit if quantity in quantities else ""
        for side, value in _sides(limits, unit):
            span = getattr(limits, limits.view, None) if limits.view.endswith(("_over", "_for")) else None
            seconds = span.seconds(period_s) if span is not None else 0.0
            if limits.before is not None:
                seconds = limits.before.total_seconds()
            yield Limit(rule, severity, quantity, limits.view, side, value, seconds, limits.per or "")


def _sides(limits: Limits, unit: str) -> Iterator[tuple[Side, float | None]]:
    difference = limits.view not in {"", "sum_over", "mean_over", "min_over", "max_over", "median_over"}
    if limits.flagged is not None:
        yield "flagged", None
    elif limits.missing_for is not None:
        yield "missing", None
    elif limits.times_usual is not None:
        yield "usual", limits.times_usual
    elif limits.will_reach is not None:
        yield "reaches", _number(limits.will_reach, unit)
    elif limits.will_fall_to is not None:
        yield "falls_to", _number(limits.will_fall_to, unit)
    elif limits.outside is not None:
        low, high = limits.outside
        yield "below", _number(low, unit, difference=difference)
        yield "above", _number(high, unit, difference=difference)
    elif limits.above is not None:
        yield "above", _number(limits.above, unit, difference=difference)
    elif limits.below is not None:
        yield "below", _number(limits.below, unit, difference=difference)
    elif limits.equals is not None:
        yield "is", limits.equals[0]


def _number(amount: Amount, unit: str, *, difference: bool = False) -> float:
    if not amount.unit or not unit:
        return amount.number
    value = convert(amount.number, amount.unit, unit)
    return value - convert(0.0, amount.unit, unit) if difference else value
