"""The gateway's own health as a source: disk, temperature, memory, clock, backlog.

reads: statvfs, /proc, /sys/class/thermal, the Pi's throttling flags · reconnects: nothing to connect ·
times out: never blocks · tested on the wire: on the machine that runs the tests · seen on real hardware: not yet
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from drivers.decode.sample import whole_ms
from gateway.contracts import Context
from gateway.model import Delivery, Flag, Reading, series_of
from gateway.schema import Duration, Strict

DEVICE = "gateway"
# Firmware's "get_throttled" word, Raspberry Pi documentation (config_txt/vcgencmd): bits 0-3 are the present state.
_THROTTLED_NOW = 0xF
_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
_THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")


class Settings(Strict):
    """How often the gateway looks at itself.

    Attributes:
        period: Between two looks.
        disk: The folder whose disk matters; default the state folder.
    """

    period: Duration = timedelta(seconds=60)
    disk: Path | None = None


class Driver:
    """Yields one delivery of readings each period, for the device ``gateway``."""

    def __init__(self, settings: Settings, context: Context) -> None:
        self._settings = settings
        self._context = context
        self._began = context.clock.monotonic()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    async def observations(self) -> AsyncIterator[Delivery]:
        """One look now, then one each period."""
        while True:
            yield Delivery(self.look())
            self._context.health.good(self._context.clock, DEVICE)
            await self._context.clock.sleep(self._settings.period.total_seconds())

    def look(self) -> tuple[Reading, ...]:
        """What can be seen now; what this machine does not have is simply not there."""
        now = self._context.clock.now()
        figures: dict[str, float] = {"uptime": self._context.clock.monotonic() - self._began}
        looks: tuple[Callable[[], dict[str, float]], ...] = (self._disk, _processor, _memory)
        for look in looks:
            figures |= look()
        figures |= self._context.vitals()
        return tuple(
            Reading(series_of(DEVICE, quantity), float(value), whole_ms(now), now, Flag.UNKNOWN)
            for quantity, value in figures.items()
            if quantity in self._context.quantities
        )

    def _disk(self) -> dict[str, float]:
        folder = self._settings.disk or self._context.state_dir
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        figures = os.statvfs(folder)
        used = 1 - figures.f_bavail / figures.f_blocks if figures.f_blocks else 0.0
        return {"disk_free": float(figures.f_bavail * figures.f_frsize), "disk_used": round(100 * used, 2)}


def _processor() -> dict[str, float]:
    figures = {"cpu_load": os.getloadavg()[0]}
    millidegrees = _number(_THERMAL, base=10)
    if millidegrees is not None:
        figures["cpu_temp"] = millidegrees / 1000
    throttled = _number(_THROTTLED, base=16)
    if throttled is not None:
        figures["throttled"] = float(bool(throttled & _THROTTLED_NOW))
    return figures


def _memory() -> dict[str, float]:
    kilobytes = {}
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        name, _, rest = line.partition(":")
        kilobytes[name] = float(rest.split()[0])
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    used = 1 - kilobytes["MemAvailable"] / kilobytes["MemTotal"]
    return {"memory_used": round(100 * used, 2), "memory_own": float(pages * os.sysconf("SC_PAGE_SIZE"))}


def _number(path: Path, base: int) -> int | None:
    try:
        return int(path.read_text(encoding="ascii").strip(), base)
    except (OSError, ValueError):
        return None
