"""What the journal says about itself: figures for status, metrics and the watchdog."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Counters:
    """What has happened since the process began; written by the journal's thread, read by anyone.

    Attributes:
        readings: Written.
        events: Written.
        duplicates: Readings and events known already, not written again.
        late: Readings older than the newest of their series.
        unfit: Readings whose value was no number that can be kept; written as MISSING.
        commits: Of readings and events.
        last_commit: Monotonic time of the last one.
        failures: Writes that failed, by kind; each was tried again elsewhere.
        last_failure: The last of them, in words.
        restamped: Readings whose time was put right when the clock was set.
        unkept: Deliveries given up at a stop because the disk took nothing; their senders were not told.
    """

    readings: int = 0
    events: int = 0
    duplicates: int = 0
    late: int = 0
    unfit: int = 0
    commits: int = 0
    last_commit: float | None = None
    failures: dict[str, int] = field(default_factory=dict)
    last_failure: str = ""
    restamped: int = 0
    unkept: int = 0

    def failed(self, kind: str, error: Exception) -> None:
        """A write failed; what is done about it is not said here."""
        self.failures[kind] = self.failures.get(kind, 0) + 1
        self.last_failure = f"{kind}: {error}"


@dataclass(frozen=True, slots=True)
class JournalStatus:
    """One look at the journal.

    Attributes:
        bytes: On disk, logs and ballast and broken files included.
        quota: Most bytes.
        free: Bytes free on that disk.
        segments: Files of readings.
        oldest: Earliest time still held.
        newest: Latest time held.
        head: seq of the newest reading that consumers may have.
        readings: Written since start. events: Written since start.
        duplicates: Not written again. late: Written, older than the newest of their series.
        unfit: Written as MISSING because the value was no number.
        evicted: Readings removed for the quota or a full disk, ever.
        evicted_rollups: Roll-ups removed for the quota, ever. evicted_events: Events removed, ever.
        commits: Since start.
        commit_age: Seconds since the last one; ``None`` before the first.
        held: Readings that wait for the clock.
        clock: ``sure``, ``holding`` or ``doubtful``.
        restamped: Readings whose time was put right.
        corrupt: Names of files set aside.
        salvage: What salvage does or has done, in words; empty when never needed.
        waiting: Deliveries on their way to the disk.
        unrolled: Buckets of 10 minutes still to be rolled up.
        parked: Refused entries put aside, per consumer. parked_dropped: Of those, pushed out by newer ones, ever.
        failures: Failed writes since start, by kind. last_failure: In words.
        stuck: Why nothing can be written now; empty when all is well.
        sqlite: Version of the library.
    """

    bytes: int
    quota: int
    free: int
    segments: int
    oldest: datetime | None
    newest: datetime | None
    head: int
    readings: int
    events: int
    duplicates: int
    late: int
    unfit: int
    evicted: int
    evicted_rollups: int
    evicted_events: int
    commits: int
    commit_age: float | None
    held: int
    clock: str
    restamped: int
    corrupt: tuple[str, ...]
    salvage: str
    waiting: int
    unrolled: int
    parked: dict[str, int]
    parked_dropped: int
    failures: dict[str, int]
    last_failure: str
    stuck: str
    sqlite: str
