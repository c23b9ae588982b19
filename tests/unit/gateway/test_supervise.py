from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Self

import pytest

from gateway.bus import Bus
from gateway.clock import ManualClock
from gateway.contracts import SourceHealth
from gateway.errors import Lost
from gateway.model import Delivery, Event
from gateway.supervise import LONGEST_PAUSE_S, QUARANTINE_S, keep_alive


class Scripted:
    """A driver whose life is a list of what happens at each opening."""

    def __init__(self, script: list[Exception | None]) -> None:
        self.script = script
        self.opened = 0
        self.closed = 0

    def __call__(self) -> Scripted:
        return self

    async def __aenter__(self) -> Self:
        self.opened += 1
        self.happens = self.script.pop(0) if self.script else None
        if isinstance(self.happens, Lost):
            raise self.happens
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closed += 1

    async def observations(self) -> AsyncIterator[Delivery]:
        yield Delivery(())
        if self.happens is not None:
            raise self.happens
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def supervised(
    make: Callable[[], Scripted], clock: ManualClock
) -> AsyncIterator[tuple[SourceHealth, Bus]]:
    health, bus = SourceHealth(), Bus()
    opened = asyncio.Event()
    task = asyncio.create_task(keep_alive("well", make, health=health, bus=bus, clock=clock, opened=opened))
    await opened.wait()
    await asyncio.sleep(0)
    try:
        yield health, bus
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_lost_source_is_opened_again_and_the_loss_is_logged_once(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    driver = Scripted([Lost("no route"), Lost("no route"), Lost("no route"), None])
    async with supervised(driver, clock) as (health, _):
        assert health.state == "lost"
        for _ in range(4):
            await clock.advance(LONGEST_PAUSE_S)
        assert health.state == "open"
        assert driver.opened == 4
    said = [record.message for record in caplog.records]
    assert said == ["source lost name=well reason=no route", "source back name=well"]


async def test_an_unexpected_exception_quarantines_the_source_and_is_an_event(clock: ManualClock) -> None:
    driver = Scripted([ZeroDivisionError("a bug"), None])
    async with supervised(driver, clock) as (health, bus):
        await clock.advance(1)
        assert health.state == "quarantined"
        assert driver.closed == 1
        bus.close()
        deliveries = [delivery async for delivery in bus]
        events = [
            item for delivery in deliveries for item in delivery.observations if isinstance(item, Event)
        ]
        assert [(event.source, event.kind) for event in events] == [("well", "source_quarantined")]
        assert events[0].detail["error"] == "ZeroDivisionError: a bug"
        await clock.advance(QUARANTINE_S)
        assert health.state == "open"


async def test_pauses_grow_and_are_capped(clock: ManualClock) -> None:
    driver = Scripted([Lost("x")] * 200)
    async with supervised(driver, clock):
        await clock.advance(3600)
        assert 60 <= driver.opened <= 200


async def test_cancelling_closes_the_driver(clock: ManualClock) -> None:
    driver = Scripted([None])
    async with supervised(driver, clock):
        pass
    assert (driver.opened, driver.closed) == (1, 1)
