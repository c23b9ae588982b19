"""One line, one question at a time, with the silence it needs in between.

A late reply is the danger of a line without transaction numbers: asked twice, a slow device answers twice, and its
second answer would be taken for the next question's. So after a time-out the same unit is asked nothing else until a
stray reply can no longer come; others may speak meanwhile, their replies carry another unit.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from drivers.decode.frames import Request
from drivers.line.settings import Settings
from drivers.line.wire import Answer, NoReply, Wire
from gateway.clock import Clock

SHORTEST_WAIT_S = 1e-6  # below it a clock may not move at all
GATEWAY_SILENT = ("exception_10", "exception_11")  # a TCP gateway speaks for a unit that does not


@dataclass(slots=True)
class _Stray:
    request: Request
    until: float


class Bus:
    """Shares one wire between the polls, a person who looks, and a siren that must sound.

    Args:
        wire: The connection.
        settings: Silences and time-outs.
        clock: For the silences.
    """

    def __init__(self, wire: Wire, settings: Settings, clock: Clock) -> None:
        self._wire = wire
        self._settings = settings
        self._clock = clock
        self._lock = asyncio.Lock()  # first come, first served: a write waits for one question at most
        self._strays: dict[int, _Stray] = {}
        self._last_unit: int | None = None
        self.frames = 0

    async def ask(
        self, request: Request, gap: timedelta = timedelta(0), timeout_s: float | None = None
    ) -> Answer:
        """Ask once.

        Args:
            request: What.
            gap: Silence this device wants before each request.
            timeout_s: Another patience than the line's.

        Raises:
            NoReply: And why.
            Lost: The connection is gone and cannot be made again.
        """
        patience = self._settings.timeout.total_seconds() if timeout_s is None else timeout_s
        async with self._lock:
            await self._silence(request, gap.total_seconds())
            self._last_unit = request.unit
            self.frames += 1
            try:
                answer = await self._wire.ask(request, patience)
            except NoReply as problem:
                if not self._settings.framed and not problem.alive:
                    self._strays[request.unit] = _Stray(request, self._clock.monotonic() + patience)
                raise
            stray = self._strays.get(request.unit)
            if (
                stray is not None
            ):  # answered at the second try: the answer to the first may still be on its way
                stray.until = self._clock.monotonic() + patience
            return answer

    def stray_s(self, unit: int) -> float:
        """How long a late reply of this unit is still possible [s]."""
        stray = self._strays.get(unit)
        return 0.0 if stray is None else max(0.0, stray.until - self._clock.monotonic())

    async def _silence(self, request: Request, gap_s: float) -> None:
        now = self._clock.monotonic()
        stray = self._strays.get(request.unit)
        if stray is not None and stray.until <= now:
            del self._strays[request.unit]
        elif stray is not None and stray.request != request:
            await self._clock.sleep(stray.until - now)
            del self._strays[request.unit]
        quiet = max(self._settings.quiet_s, gap_s)
        if self._last_unit not in {None, request.unit}:
            quiet = max(quiet, self._settings.turn_s)
        patience = self._clock.monotonic() + self._settings.timeout.total_seconds()
        while quiet > 0:
            now = self._clock.monotonic()
            left = self._wire.heard + quiet - now
            if (
                left <= SHORTEST_WAIT_S or now >= patience
            ):  # a babbling device must not stop the line for ever
                return
            await self._clock.sleep(left)
