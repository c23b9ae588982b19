"""One camera: a thread that keeps its decoder open and lays the newest picture into its place.

- reads: RTSP over TCP, HTTP, files (ffmpeg) · reconnects: by itself, 1 s to 15 s apart, for ever
- times out: 15 s until the first picture, then as soon as it counts as blind (8 s)
- tested on the wire: GStreamer's RTSP server (drops, silence, another codec, 401, a frozen picture)
- seen on real hardware: not yet
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from detectors.runtime.decoder import Decoder, Shot, address
from detectors.runtime.slots import Slots
from gateway.cameras import CameraEntry
from gateway.clock import Clock
from gateway.credentials import read_secret
from gateway.errors import Lost, SettingsError

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 15.0
SETTLED_S = 60.0  # open for this long: the next loss starts again with a short pause

_log = logging.getLogger(__name__)


class Reader(Protocol):
    """What pictures come out of: a decoder, or a camera that is asked for stills."""

    def picture(self, timeout_s: float) -> Shot | None:
        """The next one; ``None`` at the end. Raises Lost."""

    def kill(self) -> None:
        """End it, from any thread."""

    def close(self) -> None:
        """Let go; may be called twice."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A picture that has come.

    Attributes:
        shot: The picture.
        session: Which opening of the stream it belongs to.
        stream_s: Seconds since the first picture ever; goes on over breaks.
        at: On the wall clock, aware UTC.
        monotonic_s: When it came.
    """

    shot: Shot
    session: int
    stream_s: float
    at: datetime
    monotonic_s: float


class Camera:
    """Keeps one stream open.

    Args:
        slug: Its name.
        entry: What the site says.
        fps: Most pictures a second.
        slots: Where they are laid.
        clock: The only clock it asks.
        began: Of a file: when its first picture was taken.
    """

    def __init__(
        self,
        slug: str,
        entry: CameraEntry,
        *,
        fps: float,
        slots: Slots[Arrival],
        clock: Clock,
        began: datetime | None = None,
        opener: Callable[[], Reader] | None = None,
    ) -> None:
        self.slug = slug
        self.entry = entry
        self.fps = fps
        self._slots = slots
        self._clock = clock
        self._began = began or clock.now()
        self._start: float | None = None
        self._opener = opener or self._open
        self._stop = threading.Event()
        self._decoder: Reader | None = None
        self._thread = threading.Thread(target=self._run, name=f"camera {slug}", daemon=True)
        self.session = 0
        self.open = False
        self.ended = False
        self.reason = ""
        self.pictures = 0

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End the decoder; nothing of it is left when this returns."""
        self._stop.set()
        decoder = self._decoder
        if decoder is not None:
            decoder.kill()
        self._thread.join(5.0)

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stop.is_set():
            opened = self._clock.monotonic()
            try:
                self._read()
                problem = "the stream has ended"
            except Lost as error:
                problem = str(error)
            except SettingsError as error:  # its password file: a person must act, and may any time
                problem = str(error)
            except Exception as error:  # noqa: BLE001  # one camera's trouble is never another's
                _log.exception("camera failed camera=%s", self.slug)
                problem = f"{type(error).__name__}: {error}"
            if self._stop.is_set():
                break
            if not self.entry.live:
                self.reason = "" if problem == "the stream has ended" else problem
                break
            if self.open or problem != self.reason:
                _log.warning("camera lost camera=%s reason=%s", self.slug, problem)
            self.open, self.reason = False, problem
            pause = FIRST_PAUSE_S if self._clock.monotonic() - opened > SETTLED_S else pause
            self._stop.wait(random.uniform(0.5, 1.0) * pause)  # noqa: S311  # jitter, not a secret
            pause = min(pause * 2, LONGEST_PAUSE_S)
        self.open = False
        self.ended = True

    def _open(self) -> Decoder:
        entry = self.entry
        password = read_secret(entry.password_file, "password_file") if entry.password_file else None
        return Decoder(entry, self.fps, address(entry.looks_at, entry.user, password), self._clock)

    def _read(self) -> None:
        decoder = self._decoder = self._opener()
        try:
            timeout_s = self.entry.limits.open.total_seconds()
            base_s = 0.0
            while not self._stop.is_set() and (shot := decoder.picture(timeout_s)) is not None:
                now = self._clock.monotonic()
                if not self.open:
                    self.session += 1
                    self._start = now if self._start is None else self._start
                    base_s = now - self._start
                    if self.reason:
                        _log.info("camera back camera=%s", self.slug)
                    self.open, self.reason = True, ""
                timeout_s = self.entry.watch.blind.total_seconds() or timeout_s
                self.pictures += 1
                self._lay(shot, base_s, now)
        finally:
            decoder.close()
            self._decoder = None

    def _lay(self, shot: Shot, base_s: float, now: float) -> None:
        if self.entry.live:
            self._slots.put(
                self.slug, Arrival(shot, self.session, base_s + shot.stream_s, self._clock.now(), now)
            )
        else:
            at = self._began + timedelta(seconds=shot.stream_s)
            self._slots.put_in_turn(self.slug, Arrival(shot, self.session, shot.stream_s, at, now))
