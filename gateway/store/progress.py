"""How far a sink has come: one place that moves with the news, and the gaps left behind it. Pure.

::

    seq   0 ──────────── gap ─────────── gap ──── live ─── head
          already sent  (a, b]          (c, d]          the next to send

The newest gap is filled first. Everything fits into one short text, the sink's bookmark in the journal; what was sent
after the last bookmark is sent again after a crash, which overwrites the same points.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

MOST_GAPS = (
    32  # more are joined with their neighbours: sending a little twice costs less than remembering everything
)


@dataclass(slots=True)
class Progress:
    """The places of one sink.

    Attributes:
        live: Every reading up to this seq is sent or lies in a gap.
        gaps: Ranges (after, up to) still to be sent, oldest first, disjoint.
        events: Every event up to this seq is sent (their own count).
        hours: Every roll-up up to this seq of its log is sent.
    """

    live: int = 0
    gaps: list[tuple[int, int]] = field(default_factory=list)
    events: int = 0
    hours: int = 0

    @classmethod
    def from_text(cls, text: str | None) -> Progress:
        """What a bookmark says; from the beginning when there is none or it cannot be read: sent again, none lost."""
        try:
            said = json.loads(text or "{}")
            gaps = [(int(low), int(high)) for low, high in said.get("gaps", ())]
            found = cls(int(said["live"]), [], int(said["events"]), int(said["hours"]))
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls()
        for low, high in gaps:
            found.add_gap(low, high)
        return found

    def to_text(self, also: list[tuple[int, int]] | None = None) -> str:
        """The bookmark; ``also`` are ranges still under trial, which count as unsent."""
        whole = Progress(self.live, list(self.gaps), self.events, self.hours)
        for low, high in also or ():
            whole.add_gap(low, high)
        said = {"live": whole.live, "gaps": whole.gaps, "events": whole.events, "hours": whole.hours}
        return json.dumps(said, separators=(",", ":"))

    @property
    def lowest(self) -> int:
        """Everything up to this seq is sent."""
        return self.gaps[0][0] if self.gaps else self.live

    def leave_behind(self, upto: int) -> None:
        """Let the news start after ``upto``; what lies before becomes a gap."""
        if upto > self.live:
            self.add_gap(self.live, upto)
            self.live = upto

    def add_gap(self, low: int, high: int) -> None:
        """Remember a range (after low, up to high), joined with what it touches."""
        if low >= high:
            return
        apart = []
        for gap in self.gaps:
            if gap[1] < low or gap[0] > high:
                apart.append(gap)
            else:
                low, high = min(low, gap[0]), max(high, gap[1])
        self.gaps = sorted([*apart, (low, high)])
        while len(self.gaps) > MOST_GAPS:
            spaces = [self.gaps[i + 1][0] - self.gaps[i][1] for i in range(len(self.gaps) - 1)]
            nearest = spaces.index(min(spaces))
            joined = (self.gaps[nearest][0], self.gaps[nearest + 1][1])
            self.gaps[nearest : nearest + 2] = [joined]

    def filled(self, upto: int) -> None:
        """The newest gap has been dealt with up to a seq."""
        low, high = self.gaps.pop()
        if max(low, upto) < high:
            self.gaps.append((max(low, upto), high))
