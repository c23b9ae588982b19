"""Where a clip comes from: the encoded stream itself, cut and joined, never decoded (``-c copy``).

::

    main stream ─► ffmpeg -c copy -f segment ─► <ring>/<session>-000123.mkv ... (2 s each, the last 40 s)
                        │ one line a finished segment              │
                        ▼                                          ▼ those that overlap
                   index.jsonl (monotonic begin and end)      ffmpeg -f concat -c copy ─► clip.mp4

Matroska, not MPEG-TS: it takes every codec that cameras send, Motion JPEG too, and a segment whose writer was killed
can still be read. Times are the machine's monotonic clock, which one boot's processes share: a worker that was killed
finds the segments again and finishes the clip (:func:`Ring.ready` says from when on).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import resource
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway.clock import boot_id
from gateway.errors import Unavailable

SEGMENT_S = 2.0
KEEP_S = 40.0  # 10 s before and 20 s after an occurrence, and slack for a slow disk
LARGEST_BYTES = 80_000_000  # of one camera: 40 s at 16 Mbit/s
CUT_S = 60.0
MEMORY_BYTES = 600_000_000  # it copies packets and decodes nothing
_INDEX = "index.jsonl"

_log = logging.getLogger(__name__)


class Footage(Protocol):
    """Encoded pictures of one camera."""

    def moment(self, stream_s: float) -> float:
        """Now, on this footage's own clock [s]."""

    def ready(self, end: float) -> bool:
        """Whether everything up to ``end`` is there, or will never be."""

    def cut(self, begin: float, end: float, target: Path) -> Path:
        """Write what lies between, at least; returns the file, whose ending says what it is. Raises Unavailable."""


class FileFootage:
    """A file that is played: cut out of itself.

    Args:
        path: The video.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def moment(self, stream_s: float) -> float:
        """Stream time is the file's time."""
        return stream_s

    def ready(self, end: float) -> bool:
        """All of it is there."""
        return end >= 0

    def cut(self, begin: float, end: float, target: Path) -> Path:
        """From the key picture before ``begin``. Raises Unavailable."""
        begin = max(0.0, begin)
        return _copied(
            ["-ss", f"{begin:.3f}", "-t", f"{end - begin:.3f}", "-i", str(self._path.resolve())], target
        )


@dataclass(frozen=True, slots=True)
class _Segment:
    name: str
    session: str
    begin: float
    end: float


class Ring:
    """The last seconds of a camera's main stream.

    Args:
        folder: Its own; best in memory (a tmpfs), so that nothing of it ever reaches the card.
        source: Words for ffmpeg that open the stream; no password may stand in them.
        monotonic: The clock.
        stdin: What ffmpeg reads on its standard input, where the address with its password may stand; asked for at
            each opening. May raise SettingsError.
        memory: What its ffmpeg may take [bytes of addresses].
    """

    def __init__(
        self,
        folder: Path,
        source: Sequence[str],
        monotonic: Callable[[], float],
        *,
        stdin: Callable[[], bytes] = bytes,
        memory: int = MEMORY_BYTES,
    ) -> None:
        self._folder = folder
        self._source = list(source)
        self._monotonic = monotonic
        self._stdin = stdin
        self._memory = memory
        self._lock = threading.Lock()
        self._boot = boot_id()
        self._segments = self._found()
        self._child: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    def open(self) -> None:
        """Begin to record; a stream that ends must be opened again by whoever watches it. Raises Unavailable."""
        script = self._stdin()
        session = f"{os.getpid():x}-{int(self._monotonic() * 1000):x}"
        command = [
            "ffmpeg", "-hide_banner", "-loglevel", "error", *self._source,
            "-map", "0:v:0", "-c", "copy", "-f", "segment", "-segment_time", f"{SEGMENT_S:g}",
            "-segment_format", "matroska", "-reset_timestamps", "1",
            "-segment_list", "pipe:1", "-segment_list_type", "csv",
            str(self._folder / f"{session}-%06d.mkv"),
        ]  # fmt: skip
        if shutil.which("setpriv"):  # else an orphan goes on writing: a broken list does not end ffmpeg
            command = ["setpriv", "--pdeathsig", "KILL", "--", *command]
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._child = subprocess.Popen(  # noqa: S603  # our own words
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise Unavailable(f"the main stream cannot be recorded: {error.strerror}") from error
        self._limit(self._child.pid)
        self._reader = threading.Thread(
            target=self._follow, args=(self._child, session), name="ring", daemon=True
        )
        self._reader.start()
        if self._child.stdin is not None:
            with contextlib.suppress(OSError):
                self._child.stdin.write(script)
                self._child.stdin.close()

    @property
    def alive(self) -> bool:
        """Whether it records."""
        return self._child is not None and self._child.poll() is None

    def close(self) -> None:
        """End; what is there stays until it is too old."""
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(2.0)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        if self._reader is not None:
            self._reader.join(2.0)
        if self._child.stdout is not None:
            self._child.stdout.close()
        self._child = None

    def moment(self, stream_s: float) -> float:
        """The machine's clock: the main stream and the one that is looked at have no time in common."""
        del stream_s
        return self._monotonic()

    def ready(self, end: float) -> bool:
        """The segment that holds ``end`` is finished, or has had its time."""
        with self._lock:
            newest = max((segment.end for segment in self._segments), default=float("-inf"))
        return newest >= end or self._monotonic() >= end + 3 * SEGMENT_S

    def cut(self, begin: float, end: float, target: Path) -> Path:
        """Whole segments, of one session: another one may speak another codec. Raises Unavailable."""
        with self._lock:
            wanted = [each for each in self._segments if each.end > begin and each.begin < end]
        sessions = {each.session for each in wanted}
        best = max(sessions, key=lambda one: sum(each.session == one for each in wanted), default="")
        names = [each.name for each in wanted if each.session == best]
        if not names:
            raise Unavailable("the main stream was not recorded then")
        listing = target.with_suffix(".txt")
        listing.write_text("".join(f"file '{self._folder / name}'\n" for name in names), encoding="utf-8")
        try:
            return _copied(["-f", "concat", "-safe", "0", "-i", str(listing)], target)
        finally:
            listing.unlink(missing_ok=True)

    def _limit(self, pid: int) -> None:
        with contextlib.suppress(OSError, ValueError):  # it may have ended already
            resource.prlimit(pid, resource.RLIMIT_AS, (self._memory, self._memory))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))

    def _follow(self, child: subprocess.Popen[bytes], session: str) -> None:
        assert child.stdout is not None
        for raw in child.stdout:
            name, _, times = raw.decode("utf-8", "replace").strip().partition(",")
            begin, _, end = times.partition(",")
            try:
                length = float(end) - float(begin)
            except ValueError:
                continue
            now = self._monotonic()
            self._note(_Segment(Path(name).name, session, now - length, now))

    def _note(self, segment: _Segment) -> None:
        with self._lock:
            self._segments.append(segment)
            self._thin(segment.end)
            rows = [{"boot": self._boot, **_as_row(each)} for each in self._segments]
            part = self._folder / f".{_INDEX}"
            try:
                part.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
                part.rename(self._folder / _INDEX)
            except OSError as error:
                _log.warning("ring index not written why=%s", error.strerror)

    def _thin(self, now: float) -> None:
        sizes = {each.name: _size(self._folder / each.name) for each in self._segments}
        total = sum(sizes.values())
        while len(self._segments) > 1 and (self._segments[0].end < now - KEEP_S or total > LARGEST_BYTES):
            oldest = self._segments.pop(0)
            total -= sizes[oldest.name]
            (self._folder / oldest.name).unlink(missing_ok=True)

    def _found(self) -> list[_Segment]:
        """What an earlier process of this boot has recorded; everything else there is of no use."""
        index = self._folder / _INDEX
        found = []
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            for line in index.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                if row["boot"] == self._boot and (self._folder / row["name"]).is_file():
                    found.append(_segment(row))
        known = {each.name for each in found}
        if self._folder.is_dir():
            for path in self._folder.glob("*.mkv"):
                if path.name not in known:
                    path.unlink(missing_ok=True)
        return found


def _as_row(segment: _Segment) -> dict[str, str | float]:
    return {
        "name": segment.name,
        "session": segment.session,
        "begin": segment.begin,
        "end": segment.end,
    }


def _segment(row: Mapping[str, str | float]) -> _Segment:
    return _Segment(str(row["name"]), str(row["session"]), float(row["begin"]), float(row["end"]))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _copied(source: list[str], target: Path) -> Path:
    """MP4 where the codec allows it (a browser plays it), else Matroska."""
    problem = ""
    for ending, more in ((".mp4", ["-movflags", "+faststart"]), (".mkv", [])):
        path = target.with_suffix(ending)
        command = [
            "ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *source,
            "-map", "0:v:0", "-an", "-c", "copy", *more, str(path),
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, timeout=CUT_S, check=False)  # noqa: S603
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"no clip: {error}") from error
        if done.returncode == 0 and _size(path):
            return path
        path.unlink(missing_ok=True)
        problem = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:][0] if done.stderr else ""
    raise Unavailable(f"no clip: {problem or 'nothing was recorded then'}")
