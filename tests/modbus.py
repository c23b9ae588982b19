"""Far ends and devices for the tests of Modbus lines."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from drivers.decode.frames import Request
from drivers.line.wire import Answer, NoReply
from drivers.modbus import Driver
from gateway.catalogue import Catalogue, DeviceModel
from gateway.clock import Clock, ManualClock
from gateway.contracts import Context, Device, SourceHealth
from gateway.errors import Lost
from gateway.model import Delivery, Reading
from gateway.quantities import Quantities
from gateway.settings import DeviceSettings


def model(name: str = "test-probe", **says: Any) -> DeviceModel:
    """A Modbus model with whatever a test needs; by default pH in register 0 and water temperature in 1."""
    whole: dict[str, Any] = {
        "model": name,
        "maker": "test",
        "title": {"en": name, "zh": name},
        "domain": "water",
        "wire": "modbus",
        "documents": [{"name": "test"}],
        "interval": "1s",
        "registers": {
            "ph": {"address": 0, "scale": 0.01},
            "water_temp": {"address": 1, "type": "int16", "scale": 0.1},
        },
        "readings": {"ph": {}, "water_temp": {}},
    }
    return DeviceModel.model_validate(whole | says)


def device(slug: str, of: DeviceModel, unit: int, period: timedelta | None = None) -> Device:
    return Device(slug, DeviceSettings(source="line", model=of.model, address=unit, period=period), of)


def context(
    devices: Iterable[Device], clock: Clock, quantities: Quantities, models: Iterable[DeviceModel] = ()
) -> Context:
    return Context(
        name="line",
        site="test",
        devices=tuple(devices),
        quantities=quantities,
        catalogue=Catalogue(models),
        clock=clock,
        health=SourceHealth(),
        state_dir=Path("/nonexistent"),
    )


T = TypeVar("T")
Speech = Callable[[Request], "tuple[int, ...] | str | None"]


class FakeWire:
    """A line whose far end is Python: for tests that own time.

    Args:
        clock: Whose seconds pass while it answers.
        units: Unit id -> what it says to a request: words, a problem (``exception_2``), or ``None`` for silence.
        delay_s: How long an answer takes.
    """

    def __init__(self, clock: Clock, units: Mapping[int, Speech], delay_s: float = 0.01) -> None:
        self.clock, self.units, self.delay_s = clock, units, delay_s
        self.asked: list[tuple[float, Request]] = []
        self.opened = 0
        self.open_now = False
        self.refuse: str | None = None
        self.heard = float("-inf")

    async def open(self) -> None:
        if self.refuse:
            raise Lost(self.refuse)
        self.opened += 1
        self.open_now = True

    async def close(self) -> None:
        self.open_now = False

    async def ask(self, request: Request, timeout_s: float) -> Answer:
        assert self.open_now
        if self.refuse:
            raise Lost(self.refuse)
        self.heard = self.clock.monotonic()
        self.asked.append((self.heard, request))
        says = self.units.get(request.unit, lambda _: None)(request)
        if says is None:
            await self.clock.sleep(timeout_s)
            raise NoReply("no_reply", sent=request.rtu)
        await self.clock.sleep(self.delay_s)
        self.heard = self.clock.monotonic()
        if isinstance(says, str):
            raise NoReply(says, alive=says not in {"bad_crc", "connection_closed"}, sent=request.rtu)
        return Answer(says, request.rtu, b"?")

    def times(self, unit: int) -> list[float]:
        """When a unit was asked."""
        return [at for at, request in self.asked if request.unit == unit]


def counting(*words: int) -> Speech:
    """A unit that answers every read with these words, as many as are asked for."""
    return lambda request: (words * 130)[: request.count or 1]


class Watch:
    """Runs a driver beside a test that owns time, and keeps what it delivers."""

    def __init__(self, driver: Driver, clock: ManualClock) -> None:
        self.driver, self.clock = driver, clock
        self.deliveries: list[Delivery] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Watch:
        await self.driver.__aenter__()
        self._task = asyncio.create_task(self._listen())
        await self.clock.advance(0)  # it asks its first question before any time passes
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Lost):
            await self._task
        await self.driver.__aexit__(None, None, None)

    async def _listen(self) -> None:
        async with contextlib.aclosing(self.driver.observations()) as deliveries:
            async for delivery in deliveries:
                self.deliveries.append(delivery)

    @property
    def ended(self) -> BaseException | None:
        """What the driver raised, if it did."""
        assert self._task is not None
        return self._task.exception() if self._task.done() else None

    def readings(self, slug: str) -> list[Reading]:
        """All readings of a device, in order."""
        return [
            item
            for delivery in self.deliveries
            for item in delivery.observations
            if isinstance(item, Reading) and item.series.startswith(f"{slug}/")
        ]


async def play(
    clock: ManualClock, doing: Coroutine[Any, Any, T], step_s: float = 0.05, most_s: float = 400
) -> T:
    """Let time pass until something is done; what it raises is raised here."""
    task = asyncio.create_task(doing)
    for _ in range(round(most_s / step_s)):
        await clock.advance(0)
        if task.done():
            return await task
        await clock.advance(step_s)
    task.cancel()
    raise AssertionError(f"not done within {most_s} s")


async def nothing_more(stream: AsyncIterator[Delivery]) -> None:
    """Listen until the line is lost; until then no reading has a value."""
    async with asyncio.timeout(10):
        async for delivery in stream:
            assert {item.value for item in delivery.observations if isinstance(item, Reading)} == {None}
