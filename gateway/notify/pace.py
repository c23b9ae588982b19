"""How many messages a service takes in how much time: better to wait than to be blocked for ten minutes."""

from __future__ import annotations

from collections import deque
from datetime import timedelta

from gateway.clock import Clock
from gateway.errors import Retry


class Pace:
    """Counts what went out, in this process; what another process sent is not known.

    Args:
        clock: Its monotonic time.
        most: So many messages ...
        within: ... in so much time.
    """

    def __init__(self, clock: Clock, most: int, within: timedelta) -> None:
        self._clock = clock
        self._most = most
        self._within = within
        self._sent: deque[float] = deque(maxlen=most)

    def step(self) -> None:
        """One more is about to go out.

        Raises:
            Retry: It would be one too many; with the time until it would not be.
        """
        now = self._clock.monotonic()
        if len(self._sent) == self._most:
            wait = self._sent[0] + self._within.total_seconds() - now
            if wait > 0:
                span = f"{self._most} messages in {self._within.total_seconds():g} s"
                raise Retry(f"the service takes at most {span}", timedelta(seconds=wait))
        self._sent.append(now)
