"""The source without a wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from drivers.simulated import Driver, Settings
from gateway.catalogue import Catalogue
from gateway.clock import ManualClock
from gateway.contracts import Context, Device, SourceHealth
from gateway.errors import SettingsError
from gateway.model import Delivery, Flag
from gateway.quantities import Quantities
from gateway.schema import duration
from gateway.settings import DeviceSettings
from tests.conftest import NOON


@pytest.fixture
def context(quantities: Quantities, catalogue: Catalogue, tmp_path: Path) -> Context:
    device = Device(
        "bin-1", DeviceSettings(source="x", period=duration("1min")), catalogue["milesight-em310-udl"]
    )
    return Context(
        name="x",
        site="s",
        devices=(device,),
        quantities=quantities,
        catalogue=catalogue,
        clock=ManualClock(NOON),
        health=SourceHealth(),
        state_dir=tmp_path,
    )


async def _hear(context: Context, minutes: int, **settings: Any) -> list[Delivery]:
    """Everything a driver yields within so many minutes of a clock that we move."""
    clock = context.clock
    assert isinstance(clock, ManualClock)
    heard: list[Delivery] = []

    async def listen(deliveries: AsyncIterator[Delivery]) -> None:
        async for delivery in deliveries:
            heard.append(delivery)  # noqa: PERF401  # what was heard must be there when the task is cancelled

    async with Driver(Settings.model_validate(settings), context) as driver:
        listening = asyncio.create_task(listen(driver.observations()))
        await clock.advance(0)  # lets it start
        await clock.advance(minutes * 60)
        listening.cancel()
        await asyncio.wait([listening])
    return heard


async def test_a_device_reports_at_once_and_then_at_its_period(context: Context) -> None:
    heard = await _hear(context, 3)
    assert [delivery.observations[0].at for delivery in heard] == [
        NOON + duration(f"{minute}min") for minute in range(4)
    ]
    assert context.health.received == 4


async def test_the_same_seed_and_clock_give_the_same_readings(context: Context) -> None:
    again = replace(context, clock=ManualClock(NOON))
    other = replace(context, clock=ManualClock(NOON))
    first = await _hear(context, 5, seed=3)
    assert await _hear(again, 5, seed=3) == first
    assert await _hear(other, 5, seed=4) != first


async def test_it_measures_what_its_model_measures(context: Context) -> None:
    [first, *_] = await _hear(context, 1)
    assert {reading.series for reading in first.observations} == {
        "bin-1/distance",
        "bin-1/tipped",
        "bin-1/battery",
    }


async def test_a_silent_device_says_nothing_while_it_is_silent(context: Context) -> None:
    fault = {"kind": "silent", "after": "90s", "lasts": "2min"}
    heard = await _hear(context, 5, faults={"bin-1": [fault]})
    assert [(delivery.observations[0].at - NOON).total_seconds() for delivery in heard] == [0, 60, 240, 300]


async def test_a_sentinel_is_no_value_and_the_story_runs_at_its_own_speed(context: Context) -> None:
    faults = [{"kind": "sentinel", "after": "5min"}]
    heard = await _hear(context, 6, speed=10, faults={"bin-1": faults})
    values = [
        reading.value
        for delivery in heard
        for reading in delivery.observations
        if "distance" in reading.series
    ]
    assert values[:1] != [None]
    assert set(values[1:]) == {None}  # ten minutes of village pass between two reports
    missing = heard[-1].observations[0]
    assert (missing.flag, missing.flagged_by) == (Flag.MISSING, "no_value")


async def test_a_stuck_device_does_not_move(context: Context) -> None:
    heard = await _hear(context, 30, faults={"bin-1": [{"kind": "stuck", "after": "10min"}]})
    values = [
        reading.value
        for delivery in heard
        for reading in delivery.observations
        if "distance" in reading.series
    ]
    assert len(set(values[:10])) > 1
    assert len(set(values[10:])) == 1


def test_a_device_without_a_model_must_be_said_what_it_measures(context: Context) -> None:
    bare = replace(context, devices=(Device("w", DeviceSettings(source="x")),))
    with pytest.raises(SettingsError, match="measures"):
        Driver(Settings(), bare)
    with pytest.raises(SettingsError, match="nothing simulated is called gravity"):
        Driver(Settings(measures={"w": ["gravity"]}), bare)


def test_what_needs_a_network_server_is_refused() -> None:
    with pytest.raises(ValidationError, match="network server"):
        Settings.model_validate({"faults": {"a": [{"kind": "test_uplink"}]}})
