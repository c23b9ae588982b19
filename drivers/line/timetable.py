"""Whose turn it is: every device at its period, dead ones rarely, and when the line is too slow everybody evenly later.

Periods are counted on a clock of the line's own. While the line keeps up, that clock runs like any other. When the work
of all periods together exceeds the line, it runs slower: every period stretches by the same factor, nobody starves,
registers that are due together stay due together, and the factor can be told to people.

::

    load = sum over devices of (seconds of line per poll) / (seconds between polls)
    stretch = max(1, load / 0.9)            the tenth is for writes, retries and a person with a laptop

Pure: seconds in, seconds out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

FULL = 0.9  # share of the line that polling may use before periods stretch
SPREAD_S = 2.0  # first polls are spread over at most this long
LEARN = 0.3  # weight of the newest poll in the cost of a device
DEAD_SHARE = 0.1  # a silent unit may use up to this share of the line at first
LONGEST_DOUBLING = 10  # 2**10 periods are more than any back-off
_TOGETHER_S = 1e-3  # slots closer than this are one
_NOW_S = 1e-6  # less than this is no wait: below it a clock may not move at all


@dataclass(slots=True)
class Turn:
    """One device's place in the timetable.

    Attributes:
        name: Of the device.
        periods: Of its groups of registers [s].
        phase: Of its first poll on the line's clock [s].
        slots: Number of the next slot of each group.
        not_before: Monotonic time until which it is left alone.
        cost: Seconds of line that one poll takes, learnt.
        failures: Polls in a row without a word from it.
    """

    name: str
    periods: tuple[float, ...]
    phase: float
    slots: list[int] = field(default_factory=list)
    not_before: float = -math.inf
    cost: float = 0.0
    failures: int = 0

    def due(self) -> float:
        """Its next slot on the line's clock."""
        return min(self.slot(group) for group in range(len(self.periods)))

    def slot(self, group: int) -> float:
        """The next slot of one group on the line's clock."""
        return self.phase + self.slots[group] * self.periods[group]


class Timetable:
    """All devices of a line.

    Args:
        periods: Device -> the periods of its groups of registers [s].
        now: Monotonic time of the start.
        longest_backoff_s: Longest pause of a silent unit.
    """

    def __init__(self, periods: Mapping[str, Sequence[float]], now: float, longest_backoff_s: float) -> None:
        self._since, self._line_since = now, 0.0
        self._longest = longest_backoff_s
        self.stretch = 1.0
        self.overdue = 0
        self._turns = [
            Turn(name, tuple(of), index / len(periods) * min(SPREAD_S, *of), [0] * len(of))
            for index, (name, of) in enumerate(periods.items())
        ]
        self._rates = {turn.name: _polls_per_second(turn.periods) for turn in self._turns}

    def next(self, now: float) -> tuple[float, Turn | None]:
        """Who is to be asked now, or how many seconds nobody is (infinite when there is nobody at all)."""
        best, best_at = None, math.inf
        for turn in self._turns:
            at = max(self._since + (turn.due() - self._line_since) * self.stretch, turn.not_before)
            if at < best_at:
                best, best_at = turn, at
        if best is None or best_at > now + _NOW_S:
            return best_at - now, None
        return 0.0, best

    def groups(self, turn: Turn, now: float) -> tuple[int, ...]:
        """Which of its groups are due; at least one."""
        until = max(self._line(now), turn.due()) + _TOGETHER_S
        return tuple(group for group in range(len(turn.periods)) if turn.slot(group) <= until)

    def answered(self, turn: Turn, groups: Sequence[int], now: float, cost_s: float) -> None:
        """A poll is over and the device spoke."""
        turn.failures = 0
        self._learn(turn, cost_s, _polls_per_second(turn.periods), now)
        self._advance(turn, groups, now)

    def silent(self, turn: Turn, groups: Sequence[int], now: float, cost_s: float) -> float:
        """A poll is over and the device said nothing: how long it is left alone [s]."""
        turn.failures += 1
        first = max(min(turn.periods), cost_s / DEAD_SHARE)
        pause = min(self._longest, first * 2.0 ** min(turn.failures - 1, LONGEST_DOUBLING))
        turn.not_before = now + pause
        self._learn(turn, cost_s, 1 / max(pause, min(turn.periods)), now)
        self._advance(turn, groups, now + pause, count=False)
        return pause

    @property
    def load(self) -> float:
        """Share of the line that all periods together ask for; above 1 they cannot be kept."""
        return sum(turn.cost * self._rates[turn.name] for turn in self._turns)

    def _line(self, now: float) -> float:
        return self._line_since + (now - self._since) / self.stretch

    def _learn(self, turn: Turn, cost_s: float, rate: float, now: float) -> None:
        known = turn.cost > 0 and self._rates[turn.name] == rate
        turn.cost = turn.cost + LEARN * (cost_s - turn.cost) if known else cost_s
        self._rates[turn.name] = rate
        self._line_since, self._since = self._line(now), now
        self.stretch = max(1.0, self.load / FULL)

    def _advance(self, turn: Turn, groups: Sequence[int], now: float, *, count: bool = True) -> None:
        """To the first slot still to come; what lies between was missed."""
        line = self._line(now)
        for group in groups:
            passed = math.floor((line - turn.phase) / turn.periods[group] + 1e-9)
            following = max(passed, turn.slots[group]) + 1
            if count:
                self.overdue += following - turn.slots[group] - 1
            turn.slots[group] = following


def _polls_per_second(periods: Sequence[float]) -> float:
    """How often a device is asked: once per shortest period where the others are its multiples, else each by itself."""
    shortest = min(periods)
    together = all(abs(period / shortest - round(period / shortest)) < 1e-6 for period in periods)
    return 1 / shortest if together else sum(1 / period for period in periods)
