"""What the rules would have said of the past, from the journal of this box."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.contracts import Device
from gateway.model import AlertChange, Event, Observation, Tick, split_series
from gateway.quantities import Quantities
from gateway.replay import TICK, Verdicts
from gateway.rules.language import ANY
from gateway.rules.plan import Plan, chosen, quantities_of
from gateway.rules.rulebook import ALERT, Rulebook
from gateway.store.reader import Reader

MOST_CHANGES = 500
_PAGE = 1000


@dataclass(slots=True)
class Hindsight:
    """How a rule would have done.

    Attributes:
        fired: How often. told: How many changes people would have been told. targets: At how many places.
        changes: Of state that people would have been told, the newest last, at most 500.
        whole: Whether all of the time asked for was looked at.
    """

    fired: int = 0
    told: int = 0
    targets: int = 0
    changes: list[AlertChange] = field(default_factory=list)
    whole: bool = True


def hindsight(
    reader: Reader,
    plan: Plan,
    devices: Mapping[str, Device],
    quantities: Quantities,
    *,
    start: datetime,
    end: datetime,
    enough: Callable[[], bool] = lambda: False,
) -> Hindsight:
    """Judge the past by one rule.

    Args:
        reader: Of the journal.
        plan: The rule.
        devices: Of the site.
        quantities: What is measured.
        start: From when on.
        end: Until when.
        enough: Asked now and then; True breaks it off.
    """
    verdicts = Verdicts(Rulebook((plan,), devices, quantities))
    found = Hindsight()

    def patiently() -> Iterator[Observation]:
        for one in past(reader, start, end, _series(reader, plan, devices)):
            if isinstance(one, Tick) and enough():
                found.whole = False
                return
            yield one

    for change in verdicts.feed(patiently()):
        if change.told:
            found.changes = [*found.changes[1 - MOST_CHANGES :], change]
    for row in verdicts.table():
        found.fired, found.told, found.targets = row["fired"], row["told"], row["targets"]
    return found


def _series(reader: Reader, plan: Plan, devices: Mapping[str, Device]) -> list[str]:
    """What the rule could look at."""
    wanted = quantities_of(plan.rule)
    meant = {slug for slug, device in devices.items() if chosen(plan.rule.for_each, slug, device)}
    return [
        name
        for name in reader.series()
        for device, quantity in [split_series(name)]
        if (device in meant or plan.rule.confirmed_by is not None) and (ANY in wanted or quantity in wanted)
    ]


def past(
    reader: Reader, start: datetime, end: datetime, series: Sequence[str] | None = None
) -> Iterator[Observation]:
    """Readings and events of the journal in event order, as if each had come at once, and ticks between them."""
    names = reader.series() if series is None else series
    events = list(_events(reader, start, end))
    now: datetime | None = None
    for hour in reader.hours(start, end):
        heard: list[Observation] = [
            replace(one, received=one.at) for one in reader.hour(hour, names, start, end)
        ]
        until = heard[-1].at if heard else start
        happened = [replace(one, received=one.at) for one in events if one.at <= until]
        events = events[len(happened) :]
        heard += happened
        heard.sort(key=lambda one: one.at)
        for one in heard:
            now = now or one.at
            while now + TICK <= one.at:
                now += TICK
                yield Tick(now)
            yield one


def _events(reader: Reader, start: datetime, end: datetime) -> Iterator[Event]:
    after = 0
    found: list[Event] = []
    while entries := reader.events(after, _PAGE):
        after = entries[-1].seq
        found += [one.item for one in entries if isinstance(one.item, Event) and one.item.kind != ALERT]
    yield from sorted((one for one in found if start <= one.at < end), key=lambda one: one.at)
