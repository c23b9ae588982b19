"""One suite for every driver on the shelf: a new file is tested the moment it exists."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from gateway import plugins
from gateway.catalogue import Catalogue
from gateway.clock import ManualClock
from gateway.contracts import Context, Device, SourceHealth
from gateway.errors import Lost
from gateway.model import Delivery, Event, Reading
from gateway.quantities import Quantities
from gateway.settings import DeviceSettings
from tests.servers import free_port

DRIVERS = plugins.names("driver")

WITH_NOBODY_THERE: Mapping[str, dict[str, Any]] = {
    "mqtt": {"host": "127.0.0.1", "listen": ["chirpstack"]},
    "modbus": {"host": "127.0.0.1"},
    "isapi": {"url": "http://127.0.0.1", "username": "village", "password_file": "/nobody/wrote/it"},
    "dahua": {"url": "http://127.0.0.1", "username": "village", "password_file": "/nobody/wrote/it"},
    "vision": {
        "worker": "unit",
        "socket": "/nobody/made/this/folder/eyes.sock",
        "cameras": {"yard": {"url": "rtsp://127.0.0.1/sub"}},
    },
}
"""Settings of the drivers that need a far end; the port is one where nobody listens."""

DEVICES: Mapping[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "mqtt": (("bin-1", {"model": "milesight-em400-mud", "address": "24E124713B492158"}),),
    "modbus": (("pond", {"model": "yosemitech-y504", "address": 1}),),
    "simulated": (("bin-1", {"model": "milesight-em400-mud"}),),
    "vision": (("yard", {}),),
}


def context(
    name: str, folder: Path, clock: ManualClock, quantities: Quantities, catalogue: Catalogue
) -> Context:
    devices = tuple(
        Device(
            slug,
            DeviceSettings(source=name, **settings),
            catalogue[settings["model"]] if "model" in settings else None,
        )
        for slug, settings in DEVICES.get(name, ())
    )
    return Context(
        name=name,
        site="demo",
        devices=devices,
        quantities=quantities,
        catalogue=catalogue,
        clock=clock,
        health=SourceHealth(),
        state_dir=folder,
    )


def settings_of(name: str) -> BaseModel:
    keys = dict(WITH_NOBODY_THERE.get(name, {}))
    if "url" in keys:
        keys["url"] = f"{keys['url']}:{free_port()}"
    elif keys and "socket" not in keys:
        keys["port"] = free_port()
    model: BaseModel = plugins.load("driver", name).Settings.model_validate(keys)
    return model


@pytest.mark.parametrize("name", DRIVERS)
def test_a_driver_has_its_two_names_and_says_what_it_does(name: str) -> None:
    module = plugins.load("driver", name)
    assert issubclass(module.Settings, BaseModel)
    assert module.Settings.model_config.get("extra") == "forbid", "an unknown key must be refused"
    assert inspect.isasyncgenfunction(module.Driver.observations)
    head = inspect.getdoc(module) or ""
    for word in ("reads", "reconnects", "times out", "tested on the wire", "seen on real hardware"):
        assert word in head, f"drivers/{name}.py does not say: {word}"


@pytest.mark.parametrize("name", DRIVERS)
async def test_an_absent_far_end_is_lost_and_leaves_nothing_behind(
    name: str, tmp_path: Path, clock: ManualClock, quantities: Quantities, catalogue: Catalogue
) -> None:
    before = {task for task in asyncio.all_tasks() if not task.done()}
    given = context(name, tmp_path / "state", clock, quantities, catalogue)
    driver = plugins.load("driver", name).Driver(settings_of(name), given)
    if name in WITH_NOBODY_THERE:
        with pytest.raises(Lost) as lost:
            async with driver:
                await anext(aiter(driver.observations()))
        assert str(lost.value), "says why"
    else:
        async with driver:
            pass
    await asyncio.sleep(0)
    assert {task for task in asyncio.all_tasks() if not task.done()} == before


@pytest.mark.parametrize("name", [name for name in DRIVERS if name not in WITH_NOBODY_THERE])
async def test_what_a_driver_yields_is_what_the_house_expects(
    name: str, tmp_path: Path, clock: ManualClock, quantities: Quantities, catalogue: Catalogue
) -> None:
    given = context(name, tmp_path / "state", clock, quantities, catalogue)
    async with plugins.load("driver", name).Driver(settings_of(name), given) as driver:
        deliveries = aiter(driver.observations())
        waiting = asyncio.ensure_future(anext(deliveries))
        while not waiting.done():
            await clock.advance(60)
        delivery = waiting.result()
        await deliveries.aclose()
    assert isinstance(delivery, Delivery)
    assert delivery.observations
    for item in delivery.observations:
        assert isinstance(item, Reading | Event)
        assert item.at.tzinfo is not None
        if isinstance(item, Reading):
            device, _, quantity = item.series.partition("/")
            assert device
            assert quantity in quantities
            assert item.at.microsecond % 1000 == 0, "whole milliseconds: the grain of the journal"
            assert (item.value is None) == (item.flag.name == "MISSING")
