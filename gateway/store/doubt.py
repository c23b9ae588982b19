"""A clock that cannot be believed yet: which readings wait for it, and how their times are put right.

A box without a battery clock boots in the past. Until its clock is set, readings that it stamped by itself are written
down at once (acknowledged means committed) but marked, and held back from consumers for at most the patience of the
settings. The difference between the wall clock and the monotonic clock is noted with them as an *era*; when the clock
is right, the same difference taken anew says by how much to move them. Rows of an earlier boot cannot be dated so and
stay marked (reliability-and-security, P13).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from gateway.clock import Clock
from gateway.store.moments import to_ms
from gateway.store.segment import BLOCK, SegmentWriter

_SAME_ERA_MS = 500  # the wall clock may be slewed this far before a new era is noted
Statement = tuple[str, tuple[object, ...]]


class Belief(Enum):
    """How the box sees its own clock."""

    SURE = "sure"
    HOLDING = "holding"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class Era:
    """From which row on readings were stamped by a clock that ran so far off the monotonic clock.

    Attributes:
        row: id of the first row in its segment.
        offset: Wall clock minus monotonic clock [ms].
    """

    row: int
    offset: int


class Doubt:
    """Watches the clock from the journal's thread.

    Args:
        clock: The clock in question.
        patience: How long readings wait for it.
        boot: The kernel's name for this boot.
    """

    def __init__(self, clock: Clock, patience: timedelta, boot: str) -> None:
        self._clock = clock
        self._patience = patience.total_seconds()
        self._boot = boot
        self._floor = 0
        self._since = clock.monotonic()
        self._era: Era | None = None
        self.belief = Belief.HOLDING
        self.held_from: int | None = None

    def begin(self, newest_received: int, current: SegmentWriter) -> None:
        """Look at the clock for the first time.

        Args:
            newest_received: When this box last wrote something down [ms since 1970]; a clock before that is wrong.
            current: The open segment; readings held by an earlier process of this boot go on waiting.
        """
        self._floor = newest_received
        left = current.ask(
            "SELECT row, offset, since FROM era WHERE done = 0 AND boot = ? ORDER BY id", (self._boot,)
        )
        if left:
            first, since = left[0][0], left[0][2]
            assert isinstance(first, int)
            assert isinstance(since, float)
            self.held_from, self._since = current.segment.first + first - 1, since
        elif self._right():
            self.belief = Belief.SURE

    def look(self) -> Belief:
        """How the clock looks now; the caller acts on a change and then says so by :meth:`become`."""
        if self.belief is Belief.SURE:
            return Belief.SURE
        if self._right():
            return Belief.SURE
        return Belief.DOUBTFUL if self._waited() else self.belief

    def become(self, belief: Belief) -> None:
        """The change has been dealt with: nothing is held any more."""
        self.belief = belief
        self.held_from = None
        self._era = None

    def era(self, current: SegmentWriter) -> list[Statement]:
        """What must be noted beside the next row, so that it can be dated later."""
        offset = self.offset()
        if self._era is not None and abs(offset - self._era.offset) <= _SAME_ERA_MS:
            return []
        self._era = Era(current.segment.rows + 1, offset)
        if self.held_from is None:
            self.held_from = current.segment.first + current.segment.rows
        sql = "INSERT INTO era(row, boot, offset, since) VALUES (?, ?, ?, ?)"
        return [(sql, (self._era.row, self._boot, offset, self._since))]

    def moved(self, first: int) -> None:
        """A fresh segment begins at this seq: what was held in the one before goes out as it is."""
        self._era = None
        if self.held_from is not None:
            self.held_from = max(self.held_from, first)

    def offset(self) -> int:
        """Wall clock minus monotonic clock [ms]."""
        return to_ms(self._clock.now()) - round(self._clock.monotonic() * 1000)

    def _right(self) -> bool:
        believable = to_ms(self._clock.now()) >= self._floor or self._waited()
        return self._clock.trusted() and believable

    def _waited(self) -> bool:
        return self._clock.monotonic() - self._since >= self._patience


def put_right(current: SegmentWriter, boot: str, offset: int) -> int:
    """Move the held readings of this boot to their true times, in one transaction, once.

    Args:
        current: The open segment.
        boot: The kernel's name for this boot.
        offset: Wall clock minus monotonic clock [ms], now that the wall clock is right.

    Returns:
        How many readings were moved.

    Raises:
        sqlite3.Error: Nothing was moved.
    """
    rows = current.ask("SELECT row, offset FROM era WHERE done = 0 AND boot = ? ORDER BY id", (boot,))
    eras = [Era(row, was) for row, was in rows if isinstance(row, int) and isinstance(was, int)]
    if not eras:
        return 0
    held = "mark IN (SELECT id FROM mark WHERE was IS NOT NULL)"
    counted = current.ask(f"SELECT count(*) FROM reading WHERE id >= ? AND {held}", (eras[0].row,))  # noqa: S608  # ours
    statements: list[Statement] = []
    ends = [era.row for era in eras[1:]] + [1 << 62]
    for era, end in zip(eras, ends, strict=True):
        sql = (
            "UPDATE reading SET t = t + ?, mark = (SELECT was FROM mark WHERE mark.id = reading.mark)"  # noqa: S608
            f" WHERE id >= ? AND id < ? AND {held}"
        )
        statements.append((sql, (offset - era.offset, era.row, end)))
    blocks = range((eras[0].row - 1) // BLOCK, current.segment.rows // BLOCK + 1)
    statements += _zones_anew(blocks)
    statements.append(("UPDATE era SET done = 1 WHERE boot = ?", (boot,)))
    current.execute(*statements)
    number = counted[0][0]
    assert isinstance(number, int)
    return number


def release(current: SegmentWriter, boot: str) -> None:
    """The held readings of this boot go out as they are, and will never be moved. Raises sqlite3.Error."""
    current.execute(("UPDATE era SET done = 1 WHERE boot = ?", (boot,)))


def _zones_anew(blocks: Sequence[int]) -> list[Statement]:
    sql = (
        "UPDATE zone SET t_min = (SELECT min(t) FROM reading WHERE id > ? AND id <= ?),"
        " t_max = (SELECT max(t) FROM reading WHERE id > ? AND id <= ?) WHERE block = ?"
    )
    spans = [(block * BLOCK, (block + 1) * BLOCK, block) for block in blocks]
    return [(sql, (low, high, low, high, block)) for low, high, block in spans]
