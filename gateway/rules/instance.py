"""One rule for one target: its steps, its severity, and whether a person must confirm that it is over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.model import AlertChange, AlertState, Fact, Severity
from gateway.rules.conditions.condition import Condition
from gateway.rules.plan import Plan
from gateway.rules.state import INF, Phase, StepState

Told = tuple[AlertState, Severity]
RESTING = (AlertState.NORMAL, AlertState.PENDING)
NOTHING: list[AlertChange] = []  # a complaint that no condition looks at: not judged
CALM: Told = (AlertState.NORMAL, Severity.INFO)


class _Step:
    """A step of the rule, running."""

    __slots__ = ("clear", "severity", "state", "when")

    def __init__(
        self, when: Condition, clear: Condition | None, state: StepState, severity: Severity
    ) -> None:
        self.when = when
        self.clear = clear
        self.state = state
        self.severity = severity

    def verdict(self, at: float) -> bool | None:
        """What the condition says; with a clear condition of its own only that one ends it."""
        verdict = self.when.judge(at)
        if verdict is True or self.clear is None:
            return verdict
        if self.state.phase in (Phase.ON, Phase.RECOVERING):
            return False if self.clear.judge(at) is True else None
        return verdict


class Instance:
    """One rule for one target.

    Attributes:
        state: Where it stands.
        severity: How bad.
        figure: What was judged.
        reason: Why, in a few words. facts: The same, to be said in any language.
        began: When this occurrence began to fire [s], ``None`` when there is none.
        changed: When the state last changed [s].
        watermark: Newest event time heard [s].
        unknown: The newest reading could not be used.
        due: When time alone may move it [s]. armed: For when a timer has been set.
        doubt: Taken back after a restart; no time runs out before a reading has said that it is still so.
    """

    __slots__ = (
        "_answered", "_confirmed", "_sorted", "_steps", "armed", "began", "changed", "device", "doubt", "due",
        "facts", "figure",
        "heard", "leaves", "period", "plan", "reason", "severity", "state", "target", "true_at", "unknown", "watermark",
        "witnessed",
    )  # fmt: skip

    def __init__(self, plan: Plan, target: str, period: float) -> None:
        self.plan = plan
        self.target = target
        self.device = target.partition(":")[0]
        self.period = period
        self._steps: list[_Step] = []
        self._confirmed = False
        self._sorted: dict[str, list[Condition]] = {}
        self.leaves: list[Condition] = []
        for step in plan.steps:
            when, clear, delays, leaves = plan.build(step, period)
            self._steps.append(_Step(when, clear, StepState(delays), step.severity))
            for leaf in leaves:
                self.leaves.append(leaf.condition)
                self._sorted.setdefault(leaf.quantity, []).append(leaf.condition)
        self.state = AlertState.NORMAL
        self.severity = Severity.INFO
        self.figure: float | None = None
        self.reason = ""
        self.facts: tuple[Fact, ...] = ()
        self.began: float | None = None
        self.changed = 0.0
        self.watermark = -INF
        self.heard: float | None = None
        self.true_at = -INF
        self.unknown = self.doubt = False
        self.witnessed = False
        self._answered: Told = CALM
        self.due = self.armed = INF

    def learn(self, quantity: str, at: float, value: float) -> None:
        """A reading of the past, after a restart: remembered, not judged."""
        for leaf in self._sorted.get(quantity, ()):
            leaf.hear(at, value)
        self.watermark = max(self.watermark, at)

    def hear(self, quantity: str, at: float, value: float, now: float) -> list[AlertChange]:
        """A usable reading, judged; a late one once more at the newest time."""
        found = []
        if self.due <= at and not self.doubt:
            found = self.move(self.due, fresh=False)
        self.unknown = False
        self.heard = now
        newest = at >= self.watermark
        for leaf in self._sorted[quantity]:
            if newest:
                leaf.hear(at, value)
            else:
                leaf.late(at, value)
            leaf.heard(now)
        if newest:
            self.watermark = at
            self.doubt = False
        return found + self.move(self.watermark, fresh=newest)

    def rearm(self, now: float) -> float:
        """When time alone may move it; asked at the first moment after a start."""
        self.due = self._next(now)
        return self.due

    def complain(self, name: str, quantity: str, reasons: frozenset[str], at: float) -> list[AlertChange]:
        """A reading of any flag, for conditions that look at flags.

        Args:
            name: What the condition listens to: the quantity, or anything.
            quantity: What was read.
            reasons: Of its flag.
            at: Event time [s].

        Returns:
            The change, if there was one; :data:`NOTHING` itself when nothing was judged.
        """
        heard = False
        for leaf in self._sorted[name]:
            heard = leaf.complained(quantity, reasons) or heard
        if not heard:
            return NOTHING
        self.doubt = False
        return self.move(at, fresh=True)

    def happened(self, kind: str, at: float, score: float) -> list[AlertChange]:
        """An event of the target, judged."""
        for leaf in self.leaves:
            leaf.happened(kind, at, score)
        self.watermark = max(self.watermark, at)
        self.doubt = False
        return self.move(self.watermark, fresh=True)

    def move(self, at: float, *, fresh: bool) -> list[AlertChange]:
        """Judge at a moment of event time.

        Returns:
            The change, if there was one.
        """
        no_data = self._no_data(at)
        for step in self._steps:
            verdict = step.verdict(at) if no_data is None else no_data
            step.state.advance(at, verdict, fresh=fresh, unknown=self.unknown and no_data is None)
            if verdict is True:
                self.true_at = max(self.true_at, at)
        changes = self._settle(at)
        self.due = self._next(at)
        return changes

    def raised(self, at: float) -> list[AlertChange]:
        """A second witness has confirmed it."""
        if self.began is None or self.witnessed:
            return []
        self.witnessed = True
        return self._settle(at)

    def confirm(self, at: float) -> list[AlertChange]:
        """A person has looked: what is over is over, what still fires ends without being asked again."""
        self._confirmed = True
        return self._settle(at)

    def shift(self, by: float) -> None:
        """The clock was stepped: nothing becomes due by that."""
        for step in self._steps:
            step.state.shift(by)
        for leaf in self.leaves:
            leaf.shift(by)
        if self.heard is not None:
            self.heard += by
        if by < 0:
            self.watermark = min(self.watermark, self.watermark + by)
        self.true_at += by
        self.due = self._next(max(self.watermark, 0.0))

    @property
    def at_rest(self) -> bool:
        """Nothing that must outlive a restart. Asked after every reading: loops, no generators."""
        if self.state is not AlertState.NORMAL:
            return False
        for step in self._steps:
            if step.state.phase or step.state.hits:
                return False
        for leaf in self.leaves:  # noqa: SIM110
            if leaf.memory() is not None:
                return False
        return True

    def memory(self) -> dict[str, Any]:
        """What must outlive a restart, plain data."""
        return {
            "state": self.state.value,
            "severity": self.severity.word,
            "told": [self._answered[0].value, self._answered[1].word],
            "began": self.began,
            "changed": self.changed,
            "confirmed": self._confirmed,
            "witnessed": self.witnessed,
            "figure": self.figure,
            "reason": self.reason,
            "facts": [[fact.key, dict(fact.values)] for fact in self.facts],
            "steps": [step.state.memory() for step in self._steps],
            "leaves": [leaf.memory() for leaf in self.leaves],
        }

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Take it back; a rule that was edited keeps what fits, and what was firing stays firing.

        Raises:
            KeyError, TypeError, ValueError: It is something else.
        """
        self.state = AlertState(memory["state"])
        self.severity = Severity[memory["severity"].upper()]
        state, severity = memory["told"]
        self._answered = (AlertState(state), Severity[severity.upper()])
        self.began, self.changed = memory["began"], float(memory["changed"])
        self._confirmed, self.witnessed = bool(memory["confirmed"]), bool(memory["witnessed"])
        self.figure, self.reason = memory["figure"], str(memory["reason"])
        self.facts = tuple(Fact(str(key), dict(values)) for key, values in memory.get("facts", []))
        for step, kept in zip(self._steps, memory["steps"], strict=False):
            step.state.restore(kept)
        if len(memory["leaves"]) == len(self.leaves):
            for leaf, kept in zip(self.leaves, memory["leaves"], strict=True):
                if kept is not None:
                    leaf.restore(kept)
        self.doubt = bool(self.plan.quantities)
        self.due = self._next(self.changed)

    def adopt(self, state: AlertState, severity: Severity, at: float) -> None:
        """What was told last, where that is newer than the memory (the power went in between)."""
        if self._answered == ((state, severity) if state is not AlertState.NORMAL else CALM):
            return
        calm = state is AlertState.NORMAL
        for step in self._steps:
            on = state is AlertState.FIRING and step.severity <= severity
            step.state.phase = Phase.ON if on else Phase.OFF
        self.began = None if calm else (at if self.began is None else self.began)
        self.state, self.severity, self.changed = state, Severity.INFO if calm else severity, at
        self._answered = CALM if calm else (state, severity)
        self.doubt = True

    @property
    def answered(self) -> Told:
        """What people would know: normal, firing with its severity, or latched."""
        return self._answered

    def _no_data(self, at: float) -> bool | None:
        means = self.plan.rule.no_data
        if means == "hold" or self.heard is None:
            return None
        return (means == "alarm") if at - self.heard >= self.plan.blind_after(self.period) else None

    def _settle(self, at: float) -> list[AlertChange]:
        """The state that follows from the steps, and whether that is news."""
        on = False
        severity: Severity | None = None
        decisive = self._steps[0]
        pending = False
        for step in self._steps:
            phase = step.state.phase
            if phase in (Phase.ON, Phase.RECOVERING):
                on = on or phase is Phase.ON
                if severity is None or step.severity > severity:
                    severity, decisive = step.severity, step
            elif phase is Phase.PENDING and severity is None:
                pending, decisive = True, step
        before, was = self.state, self.severity
        state, level = self._state(before, on=on, pending=pending, worst=severity)
        if state is AlertState.PENDING:
            level = decisive.severity
        if (state, level) == (before, was):
            return []
        self.figure = decisive.when.figure
        self.reason = decisive.when.reason()
        self.facts = decisive.when.facts()
        return [self._tell(at, state, level, was)]

    def _state(
        self, before: AlertState, *, on: bool, pending: bool, worst: Severity | None
    ) -> tuple[AlertState, Severity]:
        rule = self.plan.rule
        if worst is not None:
            if self.witnessed and rule.confirmed_by is not None:
                worst = max(worst, rule.confirmed_by.severity)
            if rule.latch and self.began is not None and not self._confirmed:
                worst = max(worst, self.severity)
            return AlertState.FIRING if on else AlertState.RECOVERING, worst
        if rule.latch and self.began is not None and not self._confirmed:
            return AlertState.LATCHED, self.severity
        if pending and before in RESTING:
            return AlertState.PENDING, Severity.INFO
        return AlertState.NORMAL, Severity.INFO

    def _tell(self, at: float, state: AlertState, severity: Severity, was: Severity) -> AlertChange:
        before = self.state
        self.state, self.severity, self.changed = state, severity, at
        if state is AlertState.FIRING and self.began is None:
            self.began = at
        elif state is AlertState.FIRING and severity > was:
            self._confirmed = False  # worse than what the person looked at
        began = self.began
        if state in RESTING:
            self.began, self.witnessed, self._confirmed = None, False, False
        answered = self._answer()
        told = answered != self._answered
        self._answered = answered
        return AlertChange(
            at=time_of(at),
            rule=self.plan.rule.id,
            target=self.target,
            before=before,
            after=state,
            severity=was if state is AlertState.NORMAL else severity,
            value=self.figure,
            reason=self.reason,
            since=time_of(began) if began is not None else None,
            told=told,
            was=was,
            facts=self.facts,
        )

    def _answer(self) -> Told:
        if self.state in RESTING:
            return CALM
        firing = AlertState.FIRING if self.state is AlertState.RECOVERING else self.state
        return firing, self.severity

    def _next(self, at: float) -> float:
        soonest = INF
        for step in self._steps:
            if not self.doubt:
                soonest = min(soonest, step.state.due(unknown=self.unknown))
            soonest = min(soonest, step.when.due(at))
            if step.clear is not None:
                soonest = min(soonest, step.clear.due(at))
        if self.plan.rule.no_data != "hold" and self.heard is not None:
            end = self.heard + self.plan.blind_after(self.period)
            soonest = min(soonest, end) if end > at else soonest
        return soonest


def time_of(seconds: float) -> datetime:
    """Seconds since 1970 as a time, whole milliseconds."""
    return datetime.fromtimestamp(round(seconds, 3), UTC)
