"""A checked rule, ready to be judged: units turned into the quantities' own, conditions built for each device."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, date, tzinfo

from gateway.contracts import Device
from gateway.model import Flag
from gateway.quantities import Quantities
from gateway.rules.conditions.bounds import Bounds
from gateway.rules.conditions.calendar import PartOfWeek
from gateway.rules.conditions.condition import Condition
from gateway.rules.conditions.happening import Happened
from gateway.rules.conditions.level import Level
from gateway.rules.conditions.logic import AllOf, AnyOf, Not
from gateway.rules.conditions.presence import Flagged, Missing
from gateway.rules.conditions.trend import Drift, Forecast, Usual
from gateway.rules.conditions.window import Over
from gateway.rules.language import ANY, PER, Amount, Confirmed, ForEach, Limits, Rule, Span, Step, When
from gateway.rules.state import INF, Delays
from gateway.schema import in_words
from gateway.units import check_convertible, convert, spelled

Where = tuple[str | int, ...]
Wrong = tuple[Where, str, str]  # where in the rule, what is wrong, what would be right
GATEWAY = "gateway"
_PLAIN = frozenset(
    {"", "away_from", "sum_over", "mean_over", "min_over", "max_over", "median_over", "percentile_over"}
)
BLIND_INTERVALS = 6  # a silent device is told after three (devices reference 8.3), and is not blind
SHORTEST_BLIND_S = 7200.0
NORMAL_FLAGS = frozenset({Flag.GOOD, Flag.UNKNOWN})
SAFETY_FLAGS = NORMAL_FLAGS | {Flag.SUSPECT, Flag.FAIL}  # devices reference 8.4, "safety rule"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A condition and the quantity it hears."""

    quantity: str
    condition: Condition


@dataclass(frozen=True)
class Surroundings:
    """What a rule may know beside readings."""

    quantities: Quantities
    zone: tzinfo = UTC
    holidays: AbstractSet[date] = field(default_factory=frozenset)


class Plan:
    """One rule, ready.

    Args:
        rule: Checked: :func:`wrongs` found nothing.
        around: Quantities, time zone, holidays.
    """

    def __init__(self, rule: Rule, around: Surroundings) -> None:
        self.rule = rule
        self.steps = rule.all_steps()
        self._around = around
        self.quantities = frozenset(_quantities(when for step in self.steps for when in _whens(step)))
        self.events = frozenset(_events(when for step in self.steps for when in _whens(step)))
        limits = [pair for step in self.steps for when in _whens(step) for pair in _limits(when)]
        self.valued = frozenset(name for name, one in limits if one.flagged is None)
        self.flagwise = frozenset(name for name, one in limits if one.flagged is not None)
        self.flags = _flags(rule, self.quantities, around.quantities)
        self.witness = self._witness(rule.confirmed_by) if rule.confirmed_by is not None else None

    def concerns(self, slug: str, device: Device | None) -> bool:
        """Whether the rule looks at this device."""
        return chosen(self.rule.for_each, slug, device)

    def build(self, step: Step, period: float) -> tuple[Condition, Condition | None, Delays, list[Leaf]]:
        """The conditions of one step for a device that reports every ``period`` seconds."""
        leaves: list[Leaf] = []
        when = self._condition(step.when, period, leaves)
        clear = self._condition(step.clear, period, leaves) if step.clear is not None else None
        times = step.times or self.rule.times
        delays = Delays(
            hold=(step.for_ or self.rule.for_).seconds(period),
            keep=(step.keep or self.rule.keep).seconds(period),
            count=times.count,
            within=times.within.seconds(period) if times.within is not None else None,
        )
        return when, clear, delays, leaves

    def blind_after(self, period: float) -> float:
        """How long without a usable reading is too long [s]."""
        if self.rule.blind is not None:
            return self.rule.blind.seconds(period)
        return max(BLIND_INTERVALS * period, SHORTEST_BLIND_S)

    def _witness(self, confirmed: Confirmed) -> Plan:
        rule = self.rule.model_copy(
            update={
                "for_each": confirmed.for_each,
                "steps": [Step(severity=confirmed.severity, when=confirmed.when)],
                "when": None,
                "confirmed_by": None,
                "latch": False,
                "for_": Span(),
                "keep": Span(),
            }
        )
        return Plan(rule, self._around)

    def _condition(self, when: When, period: float, leaves: list[Leaf]) -> Condition:
        if when.any_of is not None:
            return AnyOf([self._condition(one, period, leaves) for one in when.any_of])
        if when.all_of is not None:
            return AllOf([self._condition(one, period, leaves) for one in when.all_of])
        if when.not_ is not None:
            return Not([self._condition(when.not_, period, leaves)])
        condition: Condition
        name = ""
        if when.time is not None:
            condition = PartOfWeek(when.time, self._around.zone, self._around.holidays)
        elif when.event is not None:
            ends = self.rule.ends_after.total_seconds()
            condition = Happened(frozenset(when.event.kinds), when.event.score_above, ends)
        else:
            name, limits = next(iter(when.readings.items()))
            condition = self._of_reading(name, limits, period)
        leaves.append(Leaf(name, condition))
        return condition

    def _of_reading(self, name: str, limits: Limits, period: float) -> Condition:
        if limits.flagged is not None:
            return Flagged(frozenset(limits.flagged))
        unit = self._around.quantities[name].unit

        def length(span: Span | None) -> float:
            assert span is not None
            return span.seconds(period)

        if limits.missing_for is not None:
            return Missing(name, length(limits.missing_for), _said(limits.missing_for))
        if limits.times_usual is not None:
            return Usual(name, factor=limits.times_usual, span=length(limits.over))
        goal = limits.will_reach or limits.will_fall_to
        if goal is not None:
            return self._forecast(name, limits, goal, unit)
        view = limits.view
        bounds = _bounds(limits, "1" if view == "count_over" else unit, difference=view not in _PLAIN)
        if limits.away_from is not None:
            return Level(name, spelled(unit), bounds, _in(limits.away_from, unit))
        if not view:
            return Level(name, spelled(unit), bounds)
        span: Span = getattr(limits, view)
        per = PER[limits.per] if limits.per is not None else 1.0
        shown = f"{spelled(unit)}/{limits.per}" if limits.per is not None else spelled(unit)
        if view == "drift_over":
            return Drift(name, shown, bounds, span=length(span), per=per)
        return Over(
            name,
            shown if view != "count_over" else "",
            bounds,
            view=view.removesuffix("_over"),
            span=length(span),
            period=period,
            coverage=limits.coverage,
            per=per,
            percentile=limits.percentile,
            text=_said(span),
        )

    def _forecast(self, name: str, limits: Limits, goal: Amount, unit: str) -> Forecast:
        assert limits.before is not None
        assert limits.look_back is not None
        drop = limits.restart_on_drop
        rising = limits.will_reach is not None
        return Forecast(
            name,
            _in(goal, unit),
            rising=rising,
            before=limits.before.total_seconds(),
            look_back=limits.look_back.total_seconds(),
            at_least=limits.at_least,
            drop=_in(drop, unit, difference=True) if drop is not None else None,
            text=f"{'reaches' if rising else 'falls to'} {_amount(goal)}",
        )


def chosen(which: ForEach, slug: str, device: Device | None) -> bool:
    """Whether a device is among those that are meant; a device without a model is of every kind but the gateway's."""
    if which.device and slug not in which.device:
        return False
    tags = set(device.settings.tags) if device is not None else set()
    if (which.tag and tags.isdisjoint(which.tag)) or not tags.isdisjoint(which.not_tag):
        return False
    if which.kind == "any":
        return True
    if GATEWAY in {which.kind, slug}:
        return which.kind == slug
    model = device.model if device is not None else None
    return model is None or model.domain == which.kind


def wrongs(rule: Rule, quantities: Quantities) -> list[Wrong]:
    """What cannot be meant: unknown quantities, units of something else, clear limits on the wrong side."""
    found: list[Wrong] = []
    deaf: Wrong = (
        (),
        "hears nothing: the time of the week alone is no condition",
        "name a quantity or an event",
    )
    hearing = [any(one.readings or one.event for one in _walk([step.when])) for step in rule.all_steps()]
    found += [deaf for hears in hearing if not hears]
    if rule.steps is not None:
        for index, step in enumerate(rule.steps):
            where: Where = ("steps", index)
            found += _wrong_when(step.when, (*where, "when"), quantities)
            found += _wrong_when(step.clear, (*where, "clear"), quantities) if step.clear is not None else []
    if rule.when is not None:
        found += _wrong_when(rule.when, ("when",), quantities)
    if rule.clear is not None:
        found += _wrong_when(rule.clear, ("clear",), quantities)
    if rule.confirmed_by is not None:
        found += _wrong_when(rule.confirmed_by.when, ("confirmed_by", "when"), quantities)
    return found


def _wrong_when(when: When, where: Where, quantities: Quantities) -> list[Wrong]:
    found: list[Wrong] = []
    for name, parts in (("any", when.any_of), ("all", when.all_of)):
        for index, part in enumerate(parts or ()):
            found += _wrong_when(part, (*where, name, index), quantities)
    if when.not_ is not None:
        found += _wrong_when(when.not_, (*where, "not"), quantities)
    for name, limits in when.readings.items():
        found += _wrong_limits(name, limits, (*where, name), quantities)
    return found


def _wrong_limits(name: str, limits: Limits, where: Where, quantities: Quantities) -> list[Wrong]:
    if name == ANY:
        wrong = limits.flagged is None
        return [(where, f"{ANY} can only be asked for flagged", "name a quantity")] if wrong else []
    if name not in quantities:
        known = [*quantities, "any", "all", "not", "event", "time", ANY]
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
        remedy = (
            f"did you mean {' or '.join(near)}?" if near else "config/quantities.yaml lists what is measured"
        )
        return [(where, "no such quantity or condition", remedy)]
    unit = quantities[name].unit
    found: list[Wrong] = []
    pairs: list[tuple[str, Amount]] = []
    for key in Limits.model_fields:
        said = getattr(limits, key)
        pairs += [
            (key, one) for one in (said if isinstance(said, tuple) else (said,)) if isinstance(one, Amount)
        ]
    for key, amount in pairs:
        limit_unit = "1" if limits.view == "count_over" and key not in {"away_from"} else unit
        problem = _wrong_unit(amount, limit_unit)
        if problem:
            found.append(((*where, key), problem, f"e.g. {amount.number:g} {limit_unit}".removesuffix(" 1")))
    if not found:
        bounds = _bounds(limits, "1" if limits.view == "count_over" else unit, difference=False)
        if bounds.low > -INF and bounds.high < INF and bounds.low >= bounds.high:
            found.append(
                ((*where, "outside"), "its first limit is not below its second", "write [low, high]")
            )
        if INF > bounds.clear_high > bounds.high or -INF < bounds.clear_low < bounds.low:
            found.append((where, "the clear limit lies beyond the limit", "it lies on the good side"))
    return found


def _wrong_unit(amount: Amount, unit: str) -> str:
    if not amount.unit:
        bare = unit in {"1", "pH"}
        return "" if bare else f"{amount.number:g} has no unit"
    try:
        check_convertible(amount.unit, unit)
    except ValueError as error:
        return str(error)
    return ""


def _in(amount: Amount, unit: str, *, difference: bool = False) -> float:
    if not amount.unit:
        return amount.number
    value = convert(amount.number, amount.unit, unit)
    return value - convert(0.0, amount.unit, unit) if difference else value


def _amount(amount: Amount) -> str:
    return f"{amount.number:g} {amount.unit}".rstrip()


def _said(span: Span | None) -> str:
    if span is None:
        return ""
    return f"{span.intervals:g} intervals" if span.intervals else in_words(span.fixed)


def _shown(amount: Amount) -> str:
    """A limit as people read it: 0.4 °, not 0.4 deg."""
    return f"{amount.number:g} {spelled(amount.unit)}".rstrip()


def _bounds(limits: Limits, unit: str, *, difference: bool) -> Bounds:
    def number(amount: Amount | None, otherwise: float) -> float:
        return otherwise if amount is None else _in(amount, unit, difference=difference)

    if limits.outside is not None:
        clear = limits.clear_inside or (None, None)
        low, high = limits.outside
        return Bounds(
            high=number(high, INF),
            low=number(low, -INF),
            clear_high=number(clear[1], INF),
            clear_low=number(clear[0], -INF),
            text=f"outside {_amount(low)} to {_amount(high)}",
            said={"limit": "outside", "low": _shown(low), "high": _shown(high)},
        )
    if limits.equals is not None:
        text = " or ".join(f"{value:g}" for value in limits.equals)
        said = {"limit": "is", "value": " / ".join(f"{value:g}" for value in limits.equals)}
        return Bounds(equals=frozenset(limits.equals), text=f"is {text}", said=said)
    limit, amount = ("below", limits.below) if limits.below else ("above", limits.above)
    told = {"limit": limit, "value": _shown(amount)} if amount is not None else {}
    return Bounds(
        high=number(limits.above, INF),
        low=number(limits.below, -INF),
        clear_high=number(limits.clear_below, INF),
        clear_low=number(limits.clear_above, -INF),
        text=f"{limit} {_amount(amount)}" if amount is not None else "",
        said=told,
    )


def _whens(step: Step) -> Iterator[When]:
    yield step.when
    if step.clear is not None:
        yield step.clear


def _walk(whens: Iterator[When] | list[When]) -> Iterator[When]:
    for when in whens:
        yield when
        yield from _walk([*(when.any_of or ()), *(when.all_of or ()), *([when.not_] if when.not_ else [])])


def quantities_of(rule: Rule) -> frozenset[str]:
    """Everything it wants to hear."""
    whens = [step.when for step in rule.all_steps()]
    whens += [step.clear for step in rule.all_steps() if step.clear is not None]
    whens += [rule.confirmed_by.when] if rule.confirmed_by is not None else []
    return frozenset(_quantities(whens))


def _quantities(whens: Iterator[When] | list[When]) -> Iterator[str]:
    for when in _walk(whens):
        yield from when.readings


def _limits(when: When) -> Iterator[tuple[str, Limits]]:
    for one in _walk([when]):
        yield from one.readings.items()


def _events(whens: Iterator[When]) -> Iterator[str]:
    for when in _walk(whens):
        if when.event is not None:
            yield from when.event.kinds


def _flags(rule: Rule, names: AbstractSet[str], quantities: Quantities) -> frozenset[Flag]:
    if rule.judge is not None:
        return frozenset(Flag[name] for name in rule.judge)
    known = [quantities[name].safety for name in names if name in quantities]
    return SAFETY_FLAGS if known and all(known) else NORMAL_FLAGS
