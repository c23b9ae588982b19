"""Now and sleep, so that a test owns time.

The only module that asks the machine what time it is. Ages and time-outs use ``monotonic``; a wall-clock time is
only ever a label on a reading. ``trusted`` says whether that label can be believed: a Pi has no battery clock and
boots in the past.
"""

from __future__ import annotations

import asyncio
import ctypes
import heapq
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Protocol

_TIMESYNC_MARK = Path("/run/systemd/timesync/synchronized")
_BATTERY_CLOCK = Path("/sys/class/rtc/rtc0/since_epoch")
_BATTERY_CLOCK_AGREES_S = 120  # one without its battery starts in 1970 or 2000 and never comes near
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_STA_UNSYNC = 0x0040  # <sys/timex.h>
_TIME_ERROR = 5  # adjtimex(2): "the system clock is not synchronized to a reliable server"


class Clock(Protocol):
    """What the house may ask about time."""

    def now(self) -> datetime:
        """The wall clock, aware UTC."""

    def monotonic(self) -> float:
        """Seconds that never jump."""

    def trusted(self) -> bool:
        """Whether the wall clock has been set from a reliable source since boot."""

    async def sleep(self, seconds: float) -> None:
        """Wait; a test's clock returns when the test says so."""


class SystemClock:
    """The machine's own clock.

    Args:
        assume_trusted: The site says that something outside this machine's sight sets its clock (the host of a
            container, a GPS receiver): it is believed without looking.
    """

    def now(self) -> datetime:
        """The wall clock, aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment of this boot."""
        return time.monotonic()

    def __init__(self, *, assume_trusted: bool = False) -> None:
        self._assumed = assume_trusted
        self._trusted = False
        self._looked = float("-inf")

    def trusted(self) -> bool:
        """True once the kernel, systemd-timesyncd or a battery clock vouches for the wall clock.

        Asked for every delivery, so the answer is kept: for a second while it is no, for a minute once it is yes.
        """
        now = time.monotonic()
        if now - self._looked > (60.0 if self._trusted else 1.0):
            self._looked = now
            self._trusted = (
                self._assumed
                or _TIMESYNC_MARK.exists()
                or _kernel_says_synchronised()
                or _battery_clock_agrees(time.time())
            )
        return self._trusted

    async def sleep(self, seconds: float) -> None:
        """Wait for real."""
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that stands still until somebody moves it: replays and story tests.

    Args:
        start: First value of :meth:`now`.
        trusted: What :meth:`trusted` answers; may be changed at any time.
    """

    def __init__(self, start: datetime, *, trusted: bool = True) -> None:
        self._wall = start
        self._monotonic = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()
        self.is_trusted = trusted

    def now(self) -> datetime:
        """The wall clock as it was last set."""
        return self._wall

    def monotonic(self) -> float:
        """Seconds moved forward so far (from an arbitrary start)."""
        return self._monotonic

    def trusted(self) -> bool:
        """Whatever the test says."""
        return self.is_trusted

    def set_wall(self, wall: datetime) -> None:
        """Step the wall clock only, as NTP or a person would; the monotonic clock does not notice."""
        self._wall = wall

    def move_to(self, wall: datetime) -> None:
        """Set the wall clock and let the monotonic clock follow forwards (never back); wakes nobody."""
        self._monotonic += max(0.0, (wall - self._wall).total_seconds())
        self._wall = wall

    async def advance(self, seconds: float) -> None:
        """Let time pass: wakes each sleeper at its own moment, in order, and lets it run."""
        end = self._monotonic + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, sleeper = heapq.heappop(self._sleepers)
            self._step_to(due)
            if not sleeper.done():
                sleeper.set_result(None)
            await _let_others_run()
        self._step_to(end)
        await _let_others_run()

    async def sleep(self, seconds: float) -> None:
        """Wait until :meth:`advance` has passed this moment."""
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + max(0.0, seconds), next(self._order), sleeper))
        await sleeper

    def _step_to(self, monotonic: float) -> None:
        step = monotonic - self._monotonic
        if step > 0:
            self._monotonic = monotonic
            self._wall += timedelta(seconds=step)


def boot_id() -> str:
    """The kernel's name for this boot; together with the monotonic clock it dates what the wall clock cannot."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def _battery_clock_agrees(wall_s: float) -> bool:
    try:
        return abs(int(_BATTERY_CLOCK.read_text(encoding="ascii")) - wall_s) < _BATTERY_CLOCK_AGREES_S
    except (OSError, ValueError):
        return False


class _Timex(ctypes.Structure):
    """Enough of ``struct timex`` to read ``status``; the padding covers the rest of it (<sys/timex.h>)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),
    )


def _kernel_says_synchronised() -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    adjtimex = getattr(libc, "adjtimex", None)
    if adjtimex is None:
        return False
    timex = _Timex()
    state = adjtimex(ctypes.byref(timex))  # modes = 0: only asks
    return bool(state not in (-1, _TIME_ERROR) and not timex.status & _STA_UNSYNC)


async def _let_others_run() -> None:
    for _ in range(10):  # a woken task often wakes another one: give a short chain the time to settle
        await asyncio.sleep(0)
