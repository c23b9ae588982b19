"""All sources of the house, each in a task of its own; a changed site is applied by difference.

What did not change keeps its connection and its state.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel

from gateway.bus import Bus
from gateway.clock import Clock
from gateway.contracts import Context, Device, Driver, SourceHealth
from gateway.site import Plugin
from gateway.supervise import keep_alive

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wanted:
    """What a source should be: its module, its settings, its devices."""

    plugin: Plugin
    devices: tuple[Device, ...]

    @property
    def likeness(self) -> tuple[str, BaseModel, tuple[Device, ...]]:
        """Two that are alike need no new connection."""
        return self.plugin.module.__name__, self.plugin.settings, self.devices


@dataclass
class _Running:
    wanted: Wanted
    health: SourceHealth
    task: asyncio.Task[None]
    opened: asyncio.Event
    driver: Driver | None = None


class Sources:
    """Starts, stops and replaces sources.

    Args:
        bus: Where their deliveries go.
        clock: For pauses.
        context: Builds what a driver is given.
    """

    def __init__(
        self, bus: Bus, clock: Clock, context: Callable[[str, Wanted, SourceHealth], Context]
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._context = context
        self._running: dict[str, _Running] = {}

    @property
    def health(self) -> dict[str, SourceHealth]:
        """What each source has done so far."""
        return {name: running.health for name, running in self._running.items()}

    def driver(self, name: str) -> Driver | None:
        """The driver of a source while it is open: whoever wants something of a line asks the one that owns it."""
        running = self._running.get(name)
        return running.driver if running is not None and running.health.state == "open" else None

    async def apply(self, group: asyncio.TaskGroup, wanted: dict[str, Wanted]) -> dict[str, list[str]]:
        """Make the running sources what they should be.

        Returns:
            Names under ``kept``, ``started``, ``stopped`` and ``replaced``.
        """
        outcome: dict[str, list[str]] = {"kept": [], "started": [], "stopped": [], "replaced": []}
        for name in [name for name in self._running if name not in wanted]:
            await self._stop(name)
            outcome["stopped"].append(name)
        for name, want in wanted.items():
            running = self._running.get(name)
            if running is not None and running.wanted.likeness == want.likeness:
                outcome["kept"].append(name)
                continue
            if running is not None:
                await self._stop(name)
            outcome["replaced" if running is not None else "started"].append(name)
            self._start(group, name, want)
        return outcome

    async def opened(self, seconds: float) -> bool:
        """Wait until every source has made its first attempt; False when that took too long."""
        try:
            async with asyncio.timeout(seconds):
                for running in list(self._running.values()):
                    await running.opened.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """Close every source; what they have heard is already on the bus."""
        for name in list(self._running):
            await self._stop(name)

    def _start(self, group: asyncio.TaskGroup, name: str, want: Wanted) -> None:
        health = SourceHealth()
        opened = asyncio.Event()

        def make() -> Driver:
            driver: Driver = want.plugin.module.Driver(
                want.plugin.settings, self._context(name, want, health)
            )
            if name in self._running:
                self._running[name].driver = driver
            return driver

        task = group.create_task(
            keep_alive(name, make, health=health, bus=self._bus, clock=self._clock, opened=opened),
            name=f"source {name}",
        )
        self._running[name] = _Running(want, health, task, opened)

    async def _stop(self, name: str) -> None:
        running = self._running.pop(name)
        running.task.cancel()
        await asyncio.wait([running.task])
        _log.info("source closed name=%s", name)
