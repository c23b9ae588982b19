"""The round that a moving camera makes: turn, come to rest, look for a while, turn on. Pure: time and reports come in.

::

    TURNING ─► (rest is seen, or assumed) ─► SETTLING ─► LOOKING ─► TURNING to the next
       ▲                                                   │  ▲
       │ a place on request, then back to where it was ◄───┘  └ stay: something is seen here
       └────────── BY HAND: somebody else turned it; the round goes on when it was left alone for a while
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from detectors.runtime.onvif import Position, Preset, Report


class Phase(StrEnum):
    """What the camera does."""

    TURNING = "turning"
    SETTLING = "settling"
    LOOKING = "looking"
    BY_HAND = "by hand"


@dataclass(frozen=True, slots=True)
class Pace:
    """How the round is made.

    Attributes:
        dwell_s: How long it looks at each place; smoke needs 6 s and more.
        settle_s: After it has come to rest, before what is seen counts.
        turn_s: A turn that takes longer is taken as done (cameras that do not say where they are: always so long).
        hand_s: After somebody else has turned it, the round waits for so long.
        longest_s: However much there is to see, it turns on after so long.
        tolerance: So far apart are two positions of one place.
    """

    dwell_s: float = 12.0
    settle_s: float = 1.0
    turn_s: float = 15.0
    hand_s: float = 120.0
    longest_s: float = 120.0
    tolerance: float = 0.01


@dataclass(frozen=True, slots=True)
class Visit:
    """A place to look at.

    Attributes:
        preset: A stored one; ``None``: by its numbers.
        position: Its numbers.
        stay_s: How long to look.
        name: What it is called while it looks there.
    """

    preset: Preset | None
    position: Position | None
    stay_s: float
    name: str


class Tour:
    """The round.

    Args:
        presets: In order.
        pace: How.
        now_s: When it begins.
    """

    def __init__(self, presets: Sequence[Preset], pace: Pace, now_s: float) -> None:
        self._round = [Visit(one, one.position, pace.dwell_s, one.name) for one in presets]
        self._pace = pace
        self._next = 0
        self._asked: deque[Visit] = deque()
        self._target: Visit | None = None
        self._rest: Position | None = None  # where it came to rest
        self._back: Visit | None = None
        self._last: Position | None = None
        self._since_s = now_s
        self._until_s = now_s
        self.phase = Phase.BY_HAND if not self._round else Phase.LOOKING

    @property
    def place(self) -> str:
        """Name of the place it looks at; empty while it turns or stands where nobody sent it."""
        return self._target.name if self._target is not None and self.phase is Phase.LOOKING else ""

    @property
    def turning(self) -> bool:
        """What is seen now is not where it was."""
        return self.phase in (Phase.TURNING, Phase.SETTLING)

    @property
    def asked(self) -> bool:
        """Whether a place on request waits."""
        return bool(self._asked)

    def look_at(self, visit: Visit) -> None:
        """A place on request: next, before the round goes on."""
        self._asked.append(visit)
        if self.phase is Phase.LOOKING:
            self._until_s = min(self._until_s, self._since_s)  # at once

    def stay(self, now_s: float, seconds: float) -> None:
        """Something is seen here: do not turn away yet."""
        if self.phase is Phase.LOOKING and not self._asked:
            self._until_s = max(self._until_s, min(now_s + seconds, self._since_s + self._pace.longest_s))

    def step(self, now_s: float, report: Report) -> Visit | None:
        """What the camera says of itself, a moment later.

        Returns:
            Where it is to be sent now, if anywhere.
        """
        before, self._last = self._last, report.position
        match self.phase:
            case Phase.TURNING:
                if self._arrived(now_s, report, before):
                    self._enter(Phase.SETTLING, now_s, self._pace.settle_s)
            case Phase.SETTLING:
                if now_s >= self._until_s:
                    self._rest = report.position
                    stay_s = self._target.stay_s if self._target is not None and not self._asked else 0.0
                    self._enter(Phase.LOOKING, now_s, stay_s)
            case Phase.LOOKING | Phase.BY_HAND:
                if self.phase is Phase.BY_HAND and self._rest is None:
                    self._rest = report.position
                if self._taken_away(report):
                    self._target, self._rest = None, report.position
                    self._enter(Phase.BY_HAND, now_s, self._pace.hand_s)
                elif now_s >= self._until_s:
                    return self._depart(now_s)
        return None

    def failed(self, now_s: float) -> None:
        """It could not be sent there: the next one is tried when this would have been over."""
        self._target = None
        self._enter(Phase.LOOKING, now_s, self._pace.dwell_s)

    def _depart(self, now_s: float) -> Visit | None:
        visit: Visit | None = None
        if self._asked:
            visit = self._asked.popleft()
            self._remember_way_back()
        elif self._back is not None:
            visit, self._back = self._back, None
        elif self._round:
            visit = self._round[self._next % len(self._round)]
            if self._target is visit and len(self._round) == 1:
                self._enter(Phase.LOOKING, now_s, self._pace.dwell_s)  # one place only: it stays there
                return None
            self._next += 1
        if visit is None:
            return None
        self._target, self._rest = visit, None
        self._enter(Phase.TURNING, now_s, self._pace.turn_s)
        return visit

    def _remember_way_back(self) -> None:
        """After a place on request it returns to where it was: to that place of the round, or to the bare position."""
        if self._target is not None and any(self._target is one for one in self._round):
            self._next -= 1
        elif not self._round and self._back is None and self._rest is not None:
            self._back = Visit(None, self._rest, self._pace.dwell_s, "")

    def _arrived(self, now_s: float, report: Report, before: Position | None) -> bool:
        """It stands still where it was sent; a camera that says nothing of itself is given its time."""
        if now_s >= self._until_s:
            return True
        if report.position is None:
            return False if report.moving is None else not report.moving and now_s - self._since_s >= 1.0
        if report.moving or before is None or not report.position.near(before, self._pace.tolerance / 2):
            return False
        goal = self._target.position if self._target is not None else None
        if goal is not None:
            return report.position.near(goal, 2 * self._pace.tolerance)
        return now_s - self._since_s >= 1.0  # it needs a moment to begin

    def _taken_away(self, report: Report) -> bool:
        if report.position is None or self._rest is None:
            return bool(report.moving) and self._rest is None and self._target is not None
        return not report.position.near(self._rest, 2 * self._pace.tolerance)

    def _enter(self, phase: Phase, now_s: float, seconds: float) -> None:
        self.phase, self._since_s, self._until_s = phase, now_s, now_s + seconds
