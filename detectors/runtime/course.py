"""The course of one occurrence: candidate, confirmed, going on, ended; when something is to be said, and no more often.

::

    CANDIDATE ─► CONFIRMED ─► ONGOING (every update_s) ─► ENDED (quiet_s without sight) ─► cool-down of its place
                     └─► CONFIRMED again after again_s, unless a person has said that he knows
"""

from __future__ import annotations

from dataclasses import dataclass

from detectors.runtime.contracts import State


@dataclass(frozen=True, slots=True)
class Timing:
    """How often what goes on is said, and when it is over (vision reference 4.1, point 7).

    Attributes:
        quiet_s: Over after so long without sight, counted only while the camera looks there [s].
        update_s: Between two words about what goes on [s].
        again_s: Told anew after so long [s].
        cooldown_s: After the end nothing new in the same place for so long [s].
        away_s: Over when the camera has not looked there for so long [s].
    """

    quiet_s: float = 30.0
    update_s: float = 60.0
    again_s: float = 600.0
    cooldown_s: float = 60.0
    away_s: float = 900.0


class Course:
    """One occurrence.

    Attributes:
        key: Its name; evidence hangs on it.
        state: Where it stands.
        began_s: Stream time of the first sign.
        known: A person has said that it is right: it is not told anew.
    """

    def __init__(self, key: str, began_s: float, timing: Timing) -> None:
        self.key = key
        self.began_s = began_s
        self.state = State.CANDIDATE
        self.known = False
        self.times_told = 0
        self._timing = timing
        self._told_s = began_s
        self._said_s = began_s
        self._looked_s = began_s
        self._quiet_s = 0.0

    @property
    def confirmed(self) -> bool:
        """It has been told and is not over."""
        return self.state in (State.CONFIRMED, State.ONGOING)

    def confirm(self, now_s: float) -> State:
        """It is true; from now on it is told."""
        self.state = State.CONFIRMED
        self._told_s = self._said_s = self._looked_s = now_s
        self._quiet_s = 0.0
        self.times_told += 1
        return self.state

    def looked(self, now_s: float, passed_s: float, *, seen: bool) -> State | None:
        """The camera has looked there.

        Args:
            now_s: Stream time.
            passed_s: Since it last looked there without a break [s].
            seen: Whether it is still to be seen.

        Returns:
            What is to be said now, if anything.
        """
        self._looked_s = now_s
        self._quiet_s = 0.0 if seen else self._quiet_s + passed_s
        if not self.confirmed:
            return None
        if self._quiet_s >= self._timing.quiet_s:
            return self.finish()
        if seen and not self.known and now_s - self._told_s >= self._timing.again_s:
            return self.confirm(now_s)
        if now_s - self._said_s >= self._timing.update_s:
            self.state, self._said_s = State.ONGOING, now_s
            return self.state
        return None

    def away(self, now_s: float) -> State | None:
        """The camera looks elsewhere."""
        if self.confirmed and now_s - self._looked_s >= self._timing.away_s:
            return self.finish()
        return None

    def finish(self) -> State:
        """It is over."""
        self.state = State.ENDED
        return self.state
