"""Recorded readings through the house again: graded, derived, in their own time. No clock of ours is asked.

What judges further (rules) takes what comes out of :meth:`Replay.feed` in its order, ticks included, exactly as the
spine would hand it on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from gateway.contracts import Device
from gateway.deriver import Deriver
from gateway.model import AlertChange, AlertState, Event, Flag, Observation, Reading, Severity, Tick
from gateway.quality.grader import Grader
from gateway.quantities import Quantities
from gateway.rules.rulebook import Rulebook

TICK = timedelta(minutes=5)


class Replay:
    """A grader and a deriver under a replayed clock.

    Args:
        quantities: What is measured.
        devices: The sensors; their silence is found when there are any.
        ticks: Let time pass even without devices: rules wait for it.
    """

    def __init__(self, quantities: Quantities, devices: Mapping[str, Device], *, ticks: bool = False) -> None:
        self._grader = Grader(quantities, devices)
        self._deriver = Deriver(devices, quantities)
        self._ticks = ticks or bool(devices)
        self._now: datetime | None = None
        self.summary = Summary()

    def feed(self, readings: Sequence[Reading]) -> Iterator[Observation]:
        """What the house makes of one delivery; the clock moves to its time first, in ticks of five minutes."""
        for reading in readings[:1]:
            yield from self._until(reading.received)
        graded = self._grader.grade_all([self._received(reading) for reading in readings])
        for observation in (*graded, *self._deriver.derive(graded)):
            self.summary.count(observation)
            yield observation

    def _received(self, reading: Reading) -> Reading:
        """A row that is older than the one before it came late: it was received now, not then."""
        if self._now is None or reading.received >= self._now:
            return reading
        return replace(reading, received=self._now)

    def _until(self, now: datetime) -> Iterator[Observation]:
        if self._now is not None and now < self._now:
            self.summary.late += 1
            return
        if self._ticks and self._now is not None:
            tick = self._now + TICK
            while tick <= now:
                for told in self._grader.tick(tick):
                    self.summary.count(told)
                    yield told
                yield Tick(tick)
                self._now = tick
                tick += TICK
            return
        self._now = now


class Verdicts:
    """What the rules would have said, under the replayed clock.

    Args:
        rulebook: Fresh.
    """

    def __init__(self, rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        self.fired: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self.worst: dict[str, Severity] = {}
        self.targets: dict[str, set[str]] = {}
        self._waiting: list[Observation] = []

    def feed(self, observations: Iterable[Observation]) -> Iterator[AlertChange]:
        """Judge what the house made of one delivery; what stood between two ticks belongs together."""
        for one in observations:
            if isinstance(one, Tick):
                yield from self._step()
                self._waiting.append(one)
                yield from self._step()
            else:
                self._waiting.append(one)
        yield from self._step()

    def _step(self) -> Iterator[AlertChange]:
        waiting, self._waiting = self._waiting, []
        for change in self.rulebook.step(waiting):
            self.told[change.rule] += change.told
            if change.after is AlertState.FIRING:
                self.fired[change.rule] += change.since == change.at
                worst = self.worst.get(change.rule, change.severity)
                self.worst[change.rule] = max(worst, change.severity)
                self.targets.setdefault(change.rule, set()).add(change.target)
            yield change

    def table(self) -> list[dict[str, Any]]:
        """How often each rule would have fired, the most frequent first."""
        return [
            {
                "rule": rule,
                "fired": fired,
                "told": self.told[rule],
                "targets": len(self.targets[rule]),
                "worst": self.worst[rule].word,
            }
            for rule, fired in self.fired.most_common()
        ]


class Summary:
    """What came out, counted."""

    def __init__(self) -> None:
        self.flags: Counter[Flag] = Counter()
        self.reasons: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.late = 0
        self.first: datetime | None = None
        self.last: datetime | None = None

    def count(self, observation: Observation) -> None:
        """Take note of one observation."""
        if isinstance(observation, Event):
            self.events[observation.kind] += 1
        elif isinstance(observation, Reading):
            self.flags[observation.flag] += 1
            if observation.flagged_by:
                self.reasons.update(observation.flagged_by.split("+"))
            at = observation.at
            self.first = at if self.first is None or at < self.first else self.first
            self.last = at if self.last is None or at > self.last else self.last
