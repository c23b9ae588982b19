"""A vehicle that stops dead in a running lane, touches nobody that was seen, and stays.

Source: vision reference 4.2 (losses: single-vehicle crashes), after the stalled vehicles of AI City 2021, track 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from detectors.runtime.encounters import AFTER_S, BEFORE_S, REST, SETTLE_S, impulse
from detectors.runtime.trails import Trail, kind_of

STOP_IMPULSE = 1.4  # body lengths/s; a strong impulse of vision reference 4.2, point 3: brakes do not do that
PASSED = 2  # others drove on beside it while it stood: the lane runs, it is no queue
BESIDE_SIZES = 2.5  # of the larger one: so near is the same carriageway
RUNNING = 0.7  # body lengths/s; slower is a queue (point 7)
STILL_S = 1.0  # unseen for longer: no word about it


@dataclass(eq=False)
class Stall:
    """One vehicle that stopped dead.

    Attributes:
        trail: Whose. stopped_s: When. impulse: How hard [body lengths/s].
    """

    trail: Trail
    stopped_s: float
    impulse: float
    others: set[int] = field(default_factory=set)

    @property
    def passed(self) -> int:
        """How many have driven by since."""
        return len(self.others)


class Stalls:
    """All of one camera.

    Args:
        stands_s: It must stand so long; 0: nothing is looked for.
    """

    def __init__(self, stands_s: float) -> None:
        self._stands_s = stands_s
        self._open: dict[int, Stall] = {}
        self._told: set[int] = set()

    def clear(self) -> None:
        """Forget all."""
        self._open.clear()
        self._told.clear()

    def step(
        self, stream_s: float, here: Sequence[Trail], told_there: Callable[[tuple[float, float], float], bool]
    ) -> list[Stall]:
        """One picture later; returns those that are sure now.

        Args:
            stream_s: When.
            here: Trails in this picture.
            told_there: Whether a place is told of already, as a collision.
        """
        if not self._stands_s:
            return []
        for trail in here:
            if (
                kind_of(trail.label) == "vehicle"
                and trail.number not in self._open
                and trail.number not in self._told
            ):
                self._stop(trail, stream_s)
        sure = []
        for number, stall in list(self._open.items()):
            foot = stall.trail.last.box.foot
            speed = stall.trail.speed(stall.trail.seen_s)
            if stream_s - stall.trail.seen_s > STILL_S or speed is None or speed > REST:
                if stream_s - stall.stopped_s > AFTER_S * 2:
                    del self._open[number]
                continue
            self._passers(stall, here)
            if stream_s - stall.stopped_s >= self._stands_s and stall.passed >= PASSED:
                del self._open[number]
                self._told.add(number)
                sure += [] if told_there(foot, stream_s) else [stall]
        return sure

    def _stop(self, trail: Trail, stream_s: float) -> None:
        at = stream_s - AFTER_S
        before = trail.velocity(at - BEFORE_S, at)
        after = trail.velocity(at + SETTLE_S, stream_s)
        if before is None or after is None or after.size >= REST:
            return
        change = impulse(before, after)
        if change >= STOP_IMPULSE:
            self._open[trail.number] = Stall(trail, at, change)

    def _passers(self, stall: Stall, here: Sequence[Trail]) -> None:
        box = stall.trail.last.box
        for trail in here:
            if trail is stall.trail or trail.number in stall.others or kind_of(trail.label) == "person":
                continue
            other = trail.last.box
            distance = math.hypot(other.foot[0] - box.foot[0], other.foot[1] - box.foot[1])
            speed = trail.speed(trail.seen_s)
            if (
                distance <= BESIDE_SIZES * max(box.size, other.size)
                and speed is not None
                and speed >= RUNNING
            ):
                stall.others.add(trail.number)
