"""The segments on the shelf: the newest is written, the oldest goes first, a broken one is set aside.

======================  =====================================================================================
a write failed because  then
======================  =====================================================================================
the disk is full        drop the ballast, else evict the oldest segment, else the current one; same file again
the file is corrupt     set it aside, go on in a fresh one, salvage behind
input/output error      go on in a fresh file; nothing is tried again on the old handle
somebody locks it       open it again
======================  =====================================================================================
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from gateway.clock import Clock
from gateway.errors import Unavailable
from gateway.store import lite, segment
from gateway.store.access import list_segments
from gateway.store.disk import Disk
from gateway.store.lite import Trouble
from gateway.store.moments import DAY_MS, to_ms
from gateway.store.segment import Row, Segment, SegmentWriter

log = logging.getLogger(__name__)

RESERVE = 1_000_000  # seqs left out where files are missing, so that none is given a second time
_CHECK_S = 3.0  # a look at a file that was not closed cleanly may take so long at start
_FEW_BYTES = 4 * 1024 * 1024  # a day's segment smaller than this goes on for up to a month
_LEAST_ROW = 12  # bytes; no row is smaller, so a file of n bytes has at most n / 12 rows


class Shelf:
    """All segments; belongs to the journal's thread. ``segments`` may be read by any.

    Args:
        disk: The room they lie in.
        clock: The house's clock.
        evicted: Told before a segment is removed.
        freed: Told after that: whoever has it open must let it go, or its room is not free.
        aside: Told when a file was set aside: where it lies now.
    """

    def __init__(
        self,
        disk: Disk,
        clock: Clock,
        *,
        evicted: Callable[[Segment], None],
        freed: Callable[[], None],
        aside: Callable[[Path], None],
    ) -> None:
        self._disk = disk
        self._clock = clock
        self._tell_evicted = evicted
        self._tell_freed = freed
        self._tell_aside = aside
        self._current: SegmentWriter | None = None
        self.segments: tuple[Segment, ...] = ()  # replaced, never changed in length: other threads hold it
        self.reserved = 0

    @property
    def current(self) -> SegmentWriter | None:
        """The open end; ``None`` after a failure until the next :meth:`ready`."""
        return self._current

    @property
    def last(self) -> int:
        """The seq of the newest committed reading; any thread may ask."""
        segments = self.segments
        return segments[-1].last if segments else 0

    def open(self, *, evicted_through: int, noted: int, clean: bool) -> None:
        """Find the segments, remove what was evicted already, set aside what is broken, open the newest.

        Args:
            evicted_through: Last seq whose removal has been counted.
            noted: A seq that is known to have been given.
            clean: The journal was closed in order, so that nothing needs to be looked through.

        Raises:
            SettingsError: When a newer program wrote one.
            Unavailable: When nothing can be written.
        """
        found: list[Segment] = []
        paths = list_segments(self._disk.folder)
        for path, first in paths:
            self.reserved = max(self.reserved, first - 1)
            if path.is_file() and lite.size_of(path) == 0:
                lite.unlink_database(path)  # somebody or something emptied it
                self.reserved = max(self.reserved, first + RESERVE)
                continue
            try:
                if segment.is_blank(path):
                    lite.unlink_database(path)  # a power cut while it was made
                    continue
                part = segment.look_into(path, first)
                if path == paths[-1][0] and not clean:
                    check(path)
            except sqlite3.Error as error:
                self._put_aside(path, first, error)
                continue
            if part.rows and part.last <= evicted_through:
                lite.unlink_database(path)
                continue
            found.append(part)
        for left in self._disk.corrupt_files():
            self.reserved = max(self.reserved, _beyond(left))
        self.segments = tuple(found)
        if max(self.last, self.reserved) < noted:  # files are missing
            self.reserved = noted + RESERVE
        if found and found[-1].last >= self.reserved:
            self._reopen(found[-1])
        self.ready()

    def ready(self) -> SegmentWriter:
        """The open end, opened now if need be.

        Raises:
            Unavailable: When there is no way to write now.
        """
        for _ in range(len(self.segments) + 5):
            if self._current is not None:
                return self._current
            try:
                self._begin()
            except (sqlite3.Error, OSError) as error:
                kind = lite.trouble(error)
                if kind is not Trouble.FULL or not self.make_room():
                    raise Unavailable(f"cannot write in {self._disk.folder}: {error}") from error
        raise Unavailable(f"cannot write in {self._disk.folder}: {Trouble.FULL.value}")

    def mend(self, error: sqlite3.Error | OSError) -> None:
        """The open end has failed: do what helps, so that :meth:`ready` gives a good one.

        Raises:
            Unavailable: When nothing helps now.
        """
        failed = self._current
        self._current = None
        if failed is None:
            return
        with suppress(sqlite3.Error):
            failed.abandon()
        part = failed.segment
        self.reserved = max(self.reserved, failed.last_attempted)
        match lite.trouble(error):
            case Trouble.FULL:
                if not self.make_room():
                    raise Unavailable(f"the disk is full and nothing is left to evict in {self._disk.folder}")
                if part in self.segments:
                    self._reopen(part)
            case Trouble.CORRUPT:
                self.put_aside(part.path, error)
            case Trouble.BUSY:
                self._reopen(part)
            case Trouble.IO:
                self.reserved = max(self.reserved, part.last + 1)  # so that the next file has another name
                log.warning("segment given up path=%s reason=%s", part.path.name, error)

    def rotate_if_due(self, limit: int, *, by_age: bool) -> bool:
        """Begin a fresh segment when the current one has reached a size [bytes] or is old."""
        if self._current is None or not self._due(self._current, limit, by_age=by_age):
            return False
        self.rotate()
        return True

    def rotate(self) -> None:
        """Begin a fresh segment now, unless nothing stands in the one there is."""
        if self._current is not None and self._current.segment.rows == 0:
            return
        if self._current is not None:
            current, self._current = self._current, None
            try:
                current.seal()
            except sqlite3.Error as error:  # its rows are committed; only the last zone is not noted
                log.warning("segment not sealed path=%s reason=%s", current.segment.path.name, error)
        self.ready()

    def adopt(self, path: Path, rows: int) -> Segment | None:
        """Take a salvaged file in: its rows come after everything there is now."""
        if self._current is not None and self._current.segment.rows == 0:
            empty, self._current = self._current, None
            self.segments = self.segments[:-1]
            with suppress(sqlite3.Error):
                empty.close()
            lite.unlink_database(empty.segment.path)
        elif self._current is not None:
            current, self._current = self._current, None
            with suppress(sqlite3.Error):
                current.seal()
        first = self._next()
        target = segment.path_of(self._disk.folder, first)
        path.rename(target)
        lite.sync_folder(self._disk.folder)
        self.reserved = max(self.reserved, first + rows)
        try:
            part = segment.look_into(target, first)
        except sqlite3.Error as error:
            self._put_aside(target, first, error)
            part = None
        if part is not None:
            self.segments = (*self.segments, part)
        self.ready()
        return part

    def put_aside(self, path: Path, error: sqlite3.Error | OSError) -> None:
        """Set a segment aside because it is broken; a fresh one is opened by the next :meth:`ready`."""
        first = segment.first_of(path)
        if first is None or not any(part.path == path for part in self.segments):
            return
        if self._current is not None and self._current.segment.path == path:
            with suppress(sqlite3.Error):
                self._current.abandon()
            self._current = None
        self.segments = tuple(part for part in self.segments if part.path != path)
        self._put_aside(path, first, error)

    def evict_oldest(self) -> bool:
        """Remove the oldest segment that is not the open one; False when there is none."""
        if len(self.segments) < 2:
            return False
        self._evict(self.segments[0])
        return True

    def make_room(self) -> bool:
        """One step towards a disk that is not full; False when none is left."""
        if self._disk.drop_ballast():
            return True
        if self._disk.forget_salvaged() or self.evict_oldest():
            return True
        if self._disk.corrupt_files():
            self._disk.forget_corrupt(self._disk.corrupt_files()[0])
            return True
        if self.segments and self.segments[0].rows:
            if self._current is not None:
                with suppress(sqlite3.Error):
                    self._current.abandon()
                self._current = None
            self._evict(self.segments[0])
            return True
        return False

    def close(self) -> None:
        """Let the open end go. Raises sqlite3.Error."""
        current, self._current = self._current, None
        if current is not None:
            current.close()

    def write(self, rows: Sequence[Row], extra: Sequence[tuple[str, tuple[object, ...]]]) -> None:
        """Append to the open end.

        Raises:
            sqlite3.Error: Nothing is known to be written; see :meth:`mend`.
            Unavailable: There is no open end and no way to make one.
        """
        self.ready().write(rows, extra)

    def _evict(self, part: Segment) -> None:
        self._tell_evicted(part)
        lite.kill_point("before_unlink")
        lite.unlink_database(part.path)
        lite.kill_point("after_unlink")
        self.segments = tuple(other for other in self.segments if other is not part)
        self._tell_freed()
        log.info("segment evicted path=%s readings=%d", part.path.name, part.rows)

    def _due(self, current: SegmentWriter, limit: int, *, by_age: bool) -> bool:
        size = current.segment.path.stat().st_size  # without the log, which comes and goes
        if size >= limit:
            return True
        if current.segment.rows == 0 or not by_age:
            return False
        age = to_ms(self._clock.now()) - current.base
        return age >= 31 * DAY_MS or (age >= DAY_MS and size >= min(_FEW_BYTES, limit // 4))

    def _next(self) -> int:
        """A first seq beyond everything that was ever given."""
        return max(self.last, self.reserved) + 1

    def _begin(self) -> None:
        first = self._next()
        part = Segment(segment.path_of(self._disk.folder, first), first)
        now = to_ms(self._clock.now())
        self._current = SegmentWriter(part, now // 60_000 * 60_000, wal_pages=self._disk.wal_pages)
        others = tuple(
            other for other in self.segments if other.path != part.path
        )  # one without a row is taken up again
        self.segments = (*others, part)
        lite.kill_point("after_new_segment")

    def _reopen(self, part: Segment) -> None:
        """Go on in a segment; when that fails it stays as it is, or is set aside if it is broken."""
        try:
            self._current = SegmentWriter(part, 0, wal_pages=self._disk.wal_pages)
        except (sqlite3.Error, OSError) as error:
            if lite.trouble(error) is Trouble.CORRUPT:
                self.put_aside(part.path, error)

    def _put_aside(self, path: Path, first: int, error: sqlite3.Error | OSError) -> None:
        self.reserved = max(self.reserved, first + lite.size_of(path) // _LEAST_ROW)
        stamp = self._clock.now().strftime("%Y%m%dT%H%M%S")
        aside = self._disk.set_aside(path, stamp)
        log.error("journal file set aside path=%s as=%s reason=%s", path.name, aside.name, error)
        self._tell_aside(aside)


def check(path: Path) -> None:
    """Look a file through that was not closed cleanly, for a few seconds at most.

    Raises:
        sqlite3.Error: When faults were found.
    """
    connection = lite.open_reader(path)
    try:
        lite.quick_check(connection, _CHECK_S)
    finally:
        connection.close()


def _beyond(aside: Path) -> int:
    """A seq that no row of a file set aside can have reached."""
    first = segment.first_of(aside.with_name(aside.name.partition(".corrupt-")[0]))
    return 0 if first is None else first + lite.size_of(aside) // _LEAST_ROW
