"""Wrong passwords: who has given some lately, and how long he waits now."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from gateway.clock import Clock

FREE_TRIES = 5  # reliability-and-security 5: five tries, then a delay, for each account and address
FREE_TRIES_OF_A_USER = 10  # from anywhere; more, so that nobody can keep somebody else out with five
LONGEST_DELAY_S = 900.0
LONGEST_DELAY_OF_A_USER_S = 60.0
FORGOTTEN_S = 3600.0
MOST_REMEMBERED = 2000


@dataclass(slots=True)
class _Failed:
    count: int = 0
    last: float = 0.0


class Tries:
    """Who has given wrong passwords lately, and how long he waits now; bounded, the oldest are forgotten first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed: OrderedDict[tuple[str, str], _Failed] = OrderedDict()

    def wait_s(self, user: str, address: str) -> float:
        """Seconds until the next try is looked at; 0 now."""
        now = self._clock.monotonic()
        return max(
            self._wait_s(("address", address), FREE_TRIES, LONGEST_DELAY_S, now),
            self._wait_s(("user", user), FREE_TRIES_OF_A_USER, LONGEST_DELAY_OF_A_USER_S, now),
        )

    def failed(self, user: str, address: str) -> None:
        """A wrong password. Waits double: 5 s after the fifth, 10 s after the sixth ..."""
        now = self._clock.monotonic()
        for key in (("address", address), ("user", user)):
            one = self._failed.pop(key, None) or _Failed()
            if now - one.last > FORGOTTEN_S:
                one.count = 0
            one.count, one.last = one.count + 1, now
            self._failed[key] = one
        while len(self._failed) > MOST_REMEMBERED:
            self._failed.popitem(last=False)

    def went_well(self, user: str, address: str) -> None:
        """The right password: nothing is held against anybody."""
        self._failed.pop(("address", address), None)
        self._failed.pop(("user", user), None)

    def _wait_s(self, key: tuple[str, str], free: int, longest: float, now: float) -> float:
        one = self._failed.get(key)
        if one is None or one.count < free or now - one.last > FORGOTTEN_S:
            return 0.0
        delay = min(longest, 5.0 * 2.0 ** min(20, one.count - free))
        return max(0.0, delay - (now - one.last))
