"""Too much at once: a flood of alerts, and many devices of one source that fall silent together. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

FLOOD_BEGINS, FLOOD_ENDS, FLOOD_S = (
    10,
    5,
    600.0,
)  # more than 10 in 10 min, below 5 again (alerting reference 4.6)
STORM_S = 600.0  # 4.5: silent within 10 min
STORM_LEAST = 3
STORM_SHARE = 0.5


class Flood:
    """How many matters have been raised lately."""

    def __init__(self) -> None:
        self.raised: list[float] = []
        self.since: float | None = None

    def note(self, now: float) -> bool:
        """One more; returns whether that begins a flood."""
        self.raised = [at for at in self.raised if abs(now - at) < FLOOD_S] + [now]
        if self.since is None and len(self.raised) > FLOOD_BEGINS:
            self.since = now
            return True
        return False

    def ends(self, now: float) -> bool:
        """Whether a flood is over now."""
        self.raised = [at for at in self.raised if abs(now - at) < FLOOD_S]
        if self.since is None or len(self.raised) >= FLOOD_ENDS:
            return False
        self.since = None
        return True

    def shift(self, by: float) -> None:
        """The clock was stepped."""
        self.raised = [at + by for at in self.raised]
        self.since = None if self.since is None else self.since + by

    def memory(self) -> str:
        """As JSON; empty when there is nothing to remember."""
        return json.dumps([self.since, self.raised]) if self.raised or self.since is not None else ""

    def restore(self, text: str) -> None:
        """Take it back."""
        try:
            since, raised = json.loads(text)
            self.since = None if since is None else float(since)
            self.raised = [float(at) for at in raised]
        except (TypeError, ValueError):
            return


def storm(silent: Mapping[str, float], devices: Iterable[str], now: float, *, on: bool) -> bool:
    """Whether the devices of a source are silent because the source is.

    Args:
        silent: Which are silent, since when that is known [s].
        devices: All that the source hears.
        now: Now [s].
        on: It is so already; then it is so until enough of them speak again.
    """
    whole = len(set(devices))
    recent = sum(abs(now - at) <= STORM_S for at in silent.values())
    count = len(silent) if on else recent
    return count >= STORM_LEAST and count > STORM_SHARE * whole
