"""All rules, moved by one observation. Pure: no clock, no file; time comes with the observations.

Event time decides what happened: readings are judged in the order they were measured, a late one once at the newest
time, and what a rule waits for (``for``, ``keep``, ``ends_after``) runs out by the readings' time, or by a
:class:`~gateway.model.Tick` when no reading comes. A step of the gateway's clock moves what is running along with it:
nothing fires by that. Missing data ends nothing. (Alerting reference 4.2 to 4.5.)
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from gateway.contracts import Device
from gateway.model import (
    AlertChange,
    AlertState,
    Event,
    Flag,
    Observation,
    Reading,
    Severity,
    Tick,
    split_series,
)
from gateway.quantities import Quantities
from gateway.rules.blind import BLIND, Blindness
from gateway.rules.instance import CALM, NOTHING, Instance, time_of
from gateway.rules.language import ANY
from gateway.rules.plan import Plan, chosen
from gateway.rules.state import INF

CONFIRMED = "alert_confirmed"  # the event by which a person's word reaches the rules, through the journal
ALERT = "alert"  # the event by which a change of state is written down
ONLINE = "online"
CLOCK_STEP_S = 600.0  # observations further apart: the clock was set or the box slept
CLOCK_BACK_S = 300.0  # less: two sources disagree by a moment
AHEAD_S = 120.0  # alerting reference 4.3: further ahead than that, the time of arrival counts
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC).timestamp()  # the same
DEFAULT_PERIOD_S = 600.0
_CLOCK_REASONS = frozenset({"clock_ahead", "clock_behind"})
_NUMBERED = re.compile(r"(.+)_([0-9]+)")
_NO_REASONS: frozenset[str] = frozenset()
Key = tuple[str, str]


class _Ear:
    """One instance that listens to one series; calm: its last reading had no complaint, and nothing came of that."""

    __slots__ = ("calm", "flags", "flagwise", "instance", "name", "valued", "witness")

    def __init__(
        self, instance: Instance, name: str, *, valued: bool, flagwise: bool, witness: Plan | None
    ) -> None:
        self.instance = instance
        self.name = name
        self.flags = instance.plan.flags
        self.valued = valued
        self.flagwise = flagwise
        self.witness = witness
        self.calm = False


class Rulebook:
    """All rules of the site.

    Args:
        plans: Every rule that is judged.
        devices: The sensors of this site, for what rules choose by and for how often they report.
        quantities: For which series are safety.
    """

    def __init__(self, plans: Sequence[Plan], devices: Mapping[str, Device], quantities: Quantities) -> None:
        self._plans = {plan.rule.id: plan for plan in plans}
        self._devices = devices
        self._quantities = quantities
        self._ears: dict[str, list[_Ear]] = {}
        self._instances: dict[Key, Instance] = {}
        self._of_rule: dict[str, list[Instance]] = {}
        self._witnesses: dict[Key, Instance] = {}
        self._timers: list[tuple[float, int, Instance]] = []
        self._number = count()
        self._awake: set[Key] = set()
        self._blindness = Blindness()
        self._now: float | None = None
        self.judged = 0

    def __len__(self) -> int:
        """How many rules are judged for how many targets, together."""
        return len(self._instances)

    def step(self, observations: Iterable[Observation]) -> list[AlertChange]:
        """Let every rule judge one delivery.

        Args:
            observations: Graded; a device's own history may come newest first.

        Returns:
            Every change of state, in event order.
        """
        heard = list(observations)
        if len(heard) > 1:
            heard.sort(key=lambda one: (isinstance(one, Tick), one.at))
        changes: list[AlertChange] = []
        for one in heard:
            if isinstance(one, Reading):
                self._pass(one.received.timestamp())
                changes += self._read(one)
            elif isinstance(one, Event):
                self._pass(one.received.timestamp())
                changes += self._happened(one)
            else:
                now = one.at.timestamp()
                self._pass(now)
                changes += self._tick(now)
        return changes

    def alerts(self) -> list[dict[str, Any]]:
        """What is not normal now, worst first, plain data."""
        found = []
        for key in self._awake:
            one = self._instances[key]
            if one.state is AlertState.NORMAL:
                continue
            name = one.plan.rule.name
            found.append(
                {
                    "rule": key[0],
                    "target": key[1],
                    "device": one.device,
                    "name": name if isinstance(name, str) else {"zh": name.zh, "en": name.en},
                    "state": one.state.value,
                    "severity": one.severity.word,
                    "value": one.figure,
                    "reason": one.reason,
                    "facts": [[fact.key, dict(fact.values)] for fact in one.facts],
                    "since": time_of(one.began if one.began is not None else one.changed).isoformat(),
                    "changed": time_of(one.changed).isoformat(),
                    "unknown": one.unknown,
                    "tell": list(one.plan.rule.tell),
                }
            )
        for series, since, severity in self._blindness.shown():
            at = time_of(since).isoformat()
            device, quantity = split_series(series)
            found.append(
                {
                    "rule": BLIND, "target": f"{device}:{quantity}", "device": device, "name": "",
                    "state": AlertState.FIRING.value, "severity": severity.word, "value": None,
                    "reason": f"no usable {quantity}", "facts": [["blind", {"quantity": quantity}]],
                    "since": at, "changed": at, "unknown": True, "tell": [],
                }
            )  # fmt: skip
        order = [state.value for state in (AlertState.NORMAL, AlertState.PENDING, AlertState.RECOVERING)]
        return sorted(
            found,
            key=lambda one: (
                one["state"] in order,
                -Severity[one["severity"].upper()],
                one["since"],
                one["target"],
            ),
        )

    def spans(self, series: Iterable[str]) -> dict[str, float]:
        """How much of the past each of these series' rules look at [s]: what to read back after a restart."""
        found = {}
        for name in series:
            ears = self._listening(name)
            longest = max((leaf.span for ear in ears for leaf in ear.instance.leaves), default=0.0)
            if ears:
                found[name] = longest
        return found

    def learn(self, readings: Iterable[Reading]) -> None:
        """Readings of the past, oldest first: remembered, not judged. Before :meth:`restore`."""
        for reading in readings:
            usable = self._usable(reading)
            for ear in self._listening(reading.series):
                if ear.valued and reading.value is not None and (reading.flag in ear.flags or usable):
                    ear.instance.learn(ear.name, reading.at.timestamp(), reading.value)
            device, quantity = split_series(reading.series)
            if quantity == ONLINE and reading.value is not None:
                self._blindness.online(device, here=reading.value != 0)

    def memory(self) -> dict[str, Any]:
        """What must outlive a restart: every instance that is not at rest, plain JSON."""
        return {
            "instances": {
                f"{rule} {target}": self._instances[rule, target].memory()
                for rule, target in sorted(self._awake)
            },
            "blind": self._blindness.memory(),
        }

    def restore(self, memory: Mapping[str, Any]) -> list[AlertChange]:
        """Take it back, by rule id and target. Causes no message, except that what is gone is closed.

        Returns:
            A change to normal for each rule or target that no longer exists and was firing.
        """
        closed = []
        for name, kept in dict(memory.get("instances", {})).items():
            rule, _, target = str(name).partition(" ")
            instance = self._recalled(rule, target)
            try:
                if instance is None:
                    closed += _closed(rule, target, kept)
                else:
                    instance.restore(kept)
                    self._noted((rule, target), instance)
            except (KeyError, TypeError, ValueError):
                continue  # written by somebody else: this one starts anew
        self._blindness.restore(dict(memory.get("blind", {})))
        return closed

    def adopt(self, event: Event) -> None:
        """A change that was written down after the memory was: what was told stays told."""
        detail = event.detail
        rule, target = str(detail.get("rule", "")), str(detail.get("target", ""))
        instance = self._recalled(rule, target)
        if instance is None:
            return
        try:
            state = AlertState(str(detail["to"]))
            severity = Severity[str(detail["severity"]).upper()]
        except (KeyError, ValueError):
            return
        instance.adopt(state, severity, event.at.timestamp())
        self._noted((rule, target), instance)

    def standing(self, rule: str) -> Iterator[tuple[str, AlertState, bool]]:
        """Where a rule stands for each target, and whether its newest reading could not be used."""
        for instance in self._of_rule.get(rule, ()):
            yield instance.target, instance.state, instance.unknown

    def knows(self, rule: str, target: str) -> bool:
        """Whether something of this rule and target is not at rest."""
        return (rule, target) in self._awake

    # -- one observation ----------------------------------------------------------------------------------------------

    def _read(self, reading: Reading) -> list[AlertChange]:
        ears = self._ears.get(reading.series)
        if ears is None:
            ears = self._listening(reading.series)
        changes: list[AlertChange] = []
        device, quantity = split_series(reading.series)
        if quantity == ONLINE and reading.value is not None:
            self._blindness.online(device, here=reading.value != 0)
        if not ears:
            return changes
        at, now = reading.at.timestamp(), reading.received.timestamp()
        if at > now + AHEAD_S or at < EARLIEST:
            at = now
        forgiven = self._usable(reading)
        reasons = frozenset(reading.flagged_by.split("+")) if reading.flagged_by else _NO_REASONS
        heard = False
        for ear in ears:
            instance = ear.instance
            found: list[AlertChange] = []
            self.judged += 1
            if ear.flagwise and (reasons or not ear.calm):
                complaints = instance.complain(ear.name, quantity, reasons, at)
                ear.calm = complaints is NOTHING and not reasons
                if complaints is NOTHING and not ear.valued:
                    continue
                found += complaints
            elif not ear.valued:
                continue
            if ear.valued:
                if reading.value is not None and (reading.flag in ear.flags or forgiven):
                    heard = True
                    found += instance.hear(ear.name, at, reading.value, now)
                else:
                    instance.unknown = True
            self._settled(ear.witness, instance, found, changes)
        if heard:
            changes += self._blindness.usable(reading.series, now, at)
        return changes

    def _happened(self, event: Event) -> list[AlertChange]:
        if event.kind == CONFIRMED:
            return self._confirmed(event)
        at, now = event.at.timestamp(), event.received.timestamp()
        if at > now + AHEAD_S or at < EARLIEST:
            at = now
        zone = event.detail.get("zone")
        target = f"{event.source}:{zone}" if zone else event.source
        changes: list[AlertChange] = []
        for plan, witness in self._all_plans():
            if event.kind in plan.events and plan.concerns(event.source, self._devices.get(event.source)):
                instance = self._instance(plan, target, witness)
                found = instance.happened(event.kind, at, event.confidence)
                self._settled(witness, instance, found, changes)
        for ears in [self._ears[name] for name in self._ears if split_series(name)[0] == event.source]:
            for ear in ears:
                if event.kind not in ear.instance.plan.events:
                    for leaf in ear.instance.leaves:
                        leaf.happened(event.kind, at, event.confidence)
        return changes

    def _confirmed(self, event: Event) -> list[AlertChange]:
        key = (str(event.detail.get("rule", "")), str(event.detail.get("target", event.source)))
        if key not in self._awake:
            return []
        instance = self._instances[key]
        changes: list[AlertChange] = []
        self._settled(None, instance, instance.confirm(event.at.timestamp()), changes)
        return changes

    def _tick(self, now: float) -> list[AlertChange]:
        changes: list[AlertChange] = []
        timers = self._timers
        while timers and timers[0][0] <= now:
            due, _, instance = heapq.heappop(timers)
            if due != instance.due:
                continue  # it was moved meanwhile, and has another timer
            instance.armed = INF
            found = instance.move(due, fresh=False)
            if instance.due <= due:
                instance.due = due + 1.0
            self._settled(self._witnessed(instance), instance, found, changes)
        return changes + self._blindness.tick(now)

    def _pass(self, now: float) -> None:
        """The gateway's clock says so; if that is a step, nothing becomes due by it."""
        before, self._now = self._now, now
        if before is None:
            for instance in (*self._instances.values(), *self._witnesses.values()):
                instance.rearm(now)
            self._arm_all()
            return
        by = now - before
        if -CLOCK_BACK_S <= by < 0:
            self._now = before
        elif by > CLOCK_STEP_S or by < 0:
            for instance in (*self._instances.values(), *self._witnesses.values()):
                instance.shift(by)
            self._blindness.shift(by)
            self._arm_all()

    # -- instances ----------------------------------------------------------------------------------------------------

    def _settled(
        self, witness: Plan | None, instance: Instance, found: list[AlertChange], changes: list[AlertChange]
    ) -> None:
        """After an instance has moved: its timer, its place among those awake, and its witness."""
        if instance.due != instance.armed:
            self._arm(instance)
            if len(self._timers) > 4 * (len(self._instances) + len(self._witnesses)) + 64:
                self._arm_all()
        if witness is not None:
            if found and found[-1].after is AlertState.FIRING:
                for key, one in self._instances.items():
                    if key[0] == witness.rule.id:
                        changes += self._second(one)
            return
        changes += found
        key = (instance.plan.rule.id, instance.target)
        self._noted(key, instance)
        if instance.began is not None and instance.plan.witness is not None:
            changes += self._second(instance)

    def _second(self, instance: Instance) -> list[AlertChange]:
        """Whether a second witness near enough in time and place has seen the same."""
        confirmed = instance.plan.rule.confirmed_by
        if confirmed is None or instance.began is None:
            return []
        within = confirmed.within.total_seconds()
        for (rule, _), other in self._witnesses.items():
            if rule != instance.plan.rule.id or not self._near(confirmed.same, instance.device, other.device):
                continue
            if abs(other.true_at - instance.true_at) <= within:
                return instance.raised(max(other.true_at, instance.true_at))
        return []

    def _near(self, same: str, one: str, other: str) -> bool:
        if same == "site" or one == other:
            return True
        tags = [set(self._devices[slug].settings.tags) for slug in (one, other) if slug in self._devices]
        return same == "tag" and len(tags) == 2 and not tags[0].isdisjoint(tags[1])

    def _noted(self, key: Key, instance: Instance) -> None:
        if instance.at_rest:
            self._awake.discard(key)
        else:
            self._awake.add(key)

    def _listening(self, series: str) -> list[_Ear]:
        """Who listens to a series; built when it is first heard."""
        ears = self._ears.get(series)
        if ears is not None:
            return ears
        slug, quantity = split_series(series)
        device = self._devices.get(slug)
        ears = self._ears[series] = []
        for plan, witness in self._all_plans():
            if not plan.concerns(slug, device):
                continue
            name, target = self._heard_as(plan, slug, quantity)
            if name is None:
                continue
            instance = self._instance(plan, target, witness)
            valued = name in plan.valued
            ears.append(_Ear(instance, name, valued=valued, flagwise=name in plan.flagwise, witness=witness))
            known = self._quantities.get(quantity)
            if (
                device is not None
                and valued
                and witness is None
                and known is not None
                and known.kind == "gauge"
            ):
                limit = plan.blind_after(instance.period)
                self._blindness.watch(series, limit, safety=known.safety)
        return ears

    def _heard_as(self, plan: Plan, slug: str, quantity: str) -> tuple[str | None, str]:
        """The name under which a rule hears a quantity, and for which target; ``fill_2`` is the second channel."""
        if quantity in plan.quantities:
            return quantity, slug
        numbered = _NUMBERED.fullmatch(quantity)
        if numbered is not None and numbered.group(1) in plan.quantities:
            return numbered.group(1), f"{slug}:{numbered.group(2)}"
        return (ANY, slug) if ANY in plan.quantities else (None, slug)

    def _all_plans(self) -> Iterator[tuple[Plan, Plan | None]]:
        """Every rule, and behind it its second witness."""
        for plan in self._plans.values():
            yield plan, None
            if plan.witness is not None:
                yield plan.witness, plan

    def _instance(self, plan: Plan, target: str, witness: Plan | None) -> Instance:
        shelf = self._instances if witness is None else self._witnesses
        key = (plan.rule.id, target)
        instance = shelf.get(key)
        if instance is None:
            device = self._devices.get(target.partition(":")[0])
            period = device.period.total_seconds() if device is not None else DEFAULT_PERIOD_S
            instance = shelf[key] = Instance(plan, target, period)
            if witness is None:
                self._of_rule.setdefault(plan.rule.id, []).append(instance)
            if self._now is not None and instance.rearm(self._now) < INF:
                self._arm(instance)
        return instance

    def _recalled(self, rule: str, target: str) -> Instance | None:
        plan = self._plans.get(rule)
        slug = target.partition(":")[0]
        if plan is None or not chosen(plan.rule.for_each, slug, self._devices.get(slug)):
            return None
        return self._instance(plan, target, None)

    def _witnessed(self, instance: Instance) -> Plan | None:
        key = (instance.plan.rule.id, instance.target)
        return self._plans[key[0]] if self._witnesses.get(key) is instance else None

    def _arm(self, instance: Instance) -> None:
        instance.armed = instance.due
        if instance.due < INF:
            heapq.heappush(self._timers, (instance.due, next(self._number), instance))

    def _arm_all(self) -> None:
        everybody = (*self._instances.values(), *self._witnesses.values())
        for one in everybody:
            one.armed = one.due
        self._timers = [(one.due, next(self._number), one) for one in everybody if one.due < INF]
        heapq.heapify(self._timers)

    def _usable(self, reading: Reading) -> bool:
        """A right value whose only fault is its device's clock."""
        return (
            reading.flag is Flag.SUSPECT
            and bool(reading.flagged_by)
            and _CLOCK_REASONS.issuperset(reading.flagged_by.split("+"))
        )


def _closed(rule: str, target: str, kept: Mapping[str, Any]) -> list[AlertChange]:
    """What was firing for a rule or device that is gone."""
    if AlertState(kept["told"][0]) is CALM[0]:
        return []
    return [
        AlertChange(
            at=time_of(float(kept["changed"])),
            rule=rule,
            target=target,
            before=AlertState(kept["state"]),
            after=AlertState.NORMAL,
            severity=Severity[str(kept["severity"]).upper()],
            value=None,
            reason="the rule or its target was removed",
            since=time_of(float(kept["began"])) if kept["began"] is not None else None,
        )
    ]
