"""One step of one rule for one target: off, pending, on, recovering. Event time in seconds, told, never asked.

::

              true, for > 0            true for long and often enough
    OFF ────────────────────► PENDING ───────────────────────────────► ON ◄──── true again ────┐
     ▲ ◄──── false ──────────────┘                                     │                        │
     └───────────────────────────── false long enough (keep) ──── RECOVERING ◄── false, keep > 0 ┘

What is not known (``None``) moves nothing, except that a time already running runs out (alerting reference 4.2).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

INF = float("inf")
Verdict = bool | None  # true, false, or not to be known


class Phase(IntEnum):
    """Where a step stands."""

    OFF = 0
    PENDING = 1
    ON = 2
    RECOVERING = 3


class Delays:
    """The times of a step, resolved for one device [s]."""

    __slots__ = ("count", "hold", "keep", "within")

    def __init__(
        self, hold: float = 0.0, keep: float = 0.0, count: int = 1, within: float | None = None
    ) -> None:
        self.hold = hold
        self.keep = keep
        self.count = count
        self.within = within


class StepState:
    """Moves by verdicts and by time."""

    __slots__ = ("delays", "hits", "phase", "since")

    def __init__(self, delays: Delays) -> None:
        self.delays = delays
        self.phase = Phase.OFF
        self.since = 0.0
        self.hits: list[float] = []

    def advance(self, at: float, verdict: Verdict, *, fresh: bool, unknown: bool = False) -> None:
        """Take a verdict.

        Args:
            at: Event time [s].
            verdict: What the condition says; ``None`` when it cannot be known.
            fresh: A new reading or event is behind it; False when only time has passed.
            unknown: The newest reading could not be used: nothing is over by the clock alone.
        """
        if fresh and self.since > at:
            self.since = at  # the clock was set back
        if verdict is True:
            self._true(at, fresh=fresh)
        elif (verdict is False or self.phase is Phase.RECOVERING) and (fresh or not unknown):
            self._false(at)
        if self.phase is Phase.PENDING and self._often() and at - self.since >= self.delays.hold:
            self.phase = Phase.ON
            self.hits.clear()

    def due(self, *, unknown: bool) -> float:
        """When time alone moves it; ``INF`` when it does not."""
        if self.phase is Phase.PENDING and self._often():
            return self.since + self.delays.hold
        if self.phase is Phase.RECOVERING and not unknown:
            return self.since + self.delays.keep
        return INF

    def shift(self, by: float) -> None:
        """The clock was stepped: what was running runs on, no longer and no shorter."""
        self.since += by
        self.hits = [hit + by for hit in self.hits]

    def memory(self) -> list[Any]:
        """Plain data."""
        return [int(self.phase), self.since, list(self.hits)]

    def restore(self, memory: list[Any]) -> None:
        """Take it back; raises when it is something else."""
        phase, since, hits = memory
        self.phase, self.since, self.hits = Phase(phase), float(since), [float(hit) for hit in hits]

    @property
    def at_rest(self) -> bool:
        """Nothing worth remembering."""
        return self.phase is Phase.OFF and not self.hits

    def _often(self) -> bool:
        return self.delays.count <= 1 or len(self.hits) >= self.delays.count

    def _true(self, at: float, *, fresh: bool) -> None:
        if self.phase is Phase.RECOVERING:
            self.phase = Phase.ON
        elif self.phase is not Phase.ON:
            if fresh and self.delays.count > 1:
                within = self.delays.within
                if within is not None:
                    self.hits = [hit for hit in self.hits if hit > at - within]
                self.hits.append(at)
                del self.hits[: -self.delays.count]
            if self.phase is Phase.OFF:
                self.phase, self.since = Phase.PENDING, at

    def _false(self, at: float) -> None:
        if self.delays.within is None:
            self.hits.clear()
        if self.phase is Phase.PENDING:
            self.phase = Phase.OFF
        elif self.phase is Phase.ON:
            self.phase, self.since = Phase.RECOVERING, at
        if self.phase is Phase.RECOVERING and at - self.since >= self.delays.keep:
            self.phase = Phase.OFF
