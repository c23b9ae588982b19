"""The one path of an observation: graded, derived, written down, judged, remembered.

Nothing else decides the order. An unexpected exception here ends the process: a broken spine must never pretend to be
alive (the supervisor of the process starts it again, and what was not acknowledged comes again).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Protocol, assert_never

from gateway.alerts.desk import Outcome
from gateway.bus import Bus
from gateway.clock import Clock
from gateway.deriver import Deriver
from gateway.latest import Latest
from gateway.model import AlertChange, Delivery, Event, Flag, Observation, Reading, Tick, split_series
from gateway.quality.grader import Grader
from gateway.rules.rulebook import Rulebook
from gateway.rules.telling import event_of, net
from gateway.store.journal import Journal


class Heralds(Protocol):
    """Who says whom a change reaches."""

    def hear(self, changes: Sequence[AlertChange], now: datetime) -> Outcome:
        """What changes cause in the outbox."""

    def tick(self, now: datetime) -> Outcome:
        """What the passing of time causes there."""

    def wake(self) -> None:
        """Something was queued or taken back."""


class Spine:
    """Takes each delivery from the bus to the journal.

    Args:
        bus: Where deliveries come from.
        journal: Where everything is written down.
        grader: Flags readings.
        deriver: Makes fill from distance, rain from a counter, and so on.
        rulebook: All rules; what they change is written down, too.
        latest: The last word of every series.
        clock: For the progress that the watchdog looks at.
        herald: Says what a change and the passing of time cause in the outbox; ``None``: nothing.
        noted: Called with what has been noted, for whoever looks on; must not wait or fail.
    """

    def __init__(
        self,
        bus: Bus,
        journal: Journal,
        *,
        grader: Grader,
        deriver: Deriver,
        rulebook: Rulebook,
        latest: Latest,
        clock: Clock,
        herald: Heralds | None = None,
        noted: Callable[[Sequence[Observation]], None] = lambda _: None,
    ) -> None:
        self._bus = bus
        self.grader = grader
        self.deriver = deriver
        self.rulebook = rulebook
        self._journal = journal
        self._latest = latest
        self._clock = clock
        self._herald = herald
        self._noted = noted
        self.flags: Counter[Flag] = Counter()
        self.counts: defaultdict[str, Counter[Flag]] = defaultdict(Counter)  # per device
        self.events = 0
        self.passed = clock.monotonic()

    async def run(self) -> None:
        """Work until the bus is closed and empty."""
        async for delivery in self._bus:
            observations = tuple(self._graded(delivery.observations))
            if observations or delivery.receipt is not None:
                await self._journal.append(Delivery(observations, delivery.receipt, delivery.expendable))
            self._note(observations)
            ticks = [item for item in delivery.observations if isinstance(item, Tick)]
            await self.tell(self.rulebook.step((*observations, *ticks)), passed=bool(ticks))
            self.passed = self._clock.monotonic()

    async def tell(self, changes: Sequence[AlertChange], *, passed: bool = False) -> None:
        """Write down what the rules have changed, and in the same transaction whom that reaches.

        Args:
            changes: Of the rules.
            passed: Time has passed, too: who waits may be told.
        """
        if not changes and not passed:
            return
        now = self._clock.now()
        news = net(changes)
        outcomes = []
        if self._herald is not None:
            outcomes = [self._herald.hear([change for change, _ in news], now)] if news else []
            outcomes += [self._herald.tick(now)] if passed else []
        alerts = tuple(event_of(change, now, crossings) for change, crossings in news)
        alerts += tuple(event for one in outcomes for event in one.events)
        tellings = tuple(telling for one in outcomes for telling in one.tellings)
        notes = tuple(note for one in outcomes for note in one.notes)
        if alerts or tellings or notes:
            await self._journal.append(Delivery(alerts, tellings=tellings, notes=notes))
            self._note(alerts)
        if self._herald is not None and (alerts or tellings):
            self._herald.wake()

    def _graded(self, observations: Sequence[Observation]) -> Iterator[Observation]:
        """What goes into the journal: events as they are, readings graded, and what follows from them."""
        trusted = self._clock.trusted()
        heard = [item for item in observations if isinstance(item, Reading)]
        graded = self.grader.grade_all(heard, clock_trusted=trusted) if heard else []
        for item in observations:
            match item:
                case Event():
                    yield item
                case Tick():
                    graded += self.grader.tick(item.at)
                case Reading():
                    pass  # graded together above
                case _:
                    assert_never(item)
        yield from graded
        derived = self.deriver.derive(graded) if graded else []
        yield from (item for item in derived if isinstance(item, Event))
        yield from self.grader.grade_all(
            [item for item in derived if isinstance(item, Reading)], clock_trusted=trusted
        )

    def _note(self, observations: Sequence[Observation]) -> None:
        self._noted(observations)
        for item in observations:
            if isinstance(item, Reading):
                self.flags[item.flag] += 1
                self.counts[split_series(item.series)[0]][item.flag] += 1
                self._latest.note(item)
            elif isinstance(item, Event):
                self.events += 1
