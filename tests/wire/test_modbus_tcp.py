"""Modbus TCP against a server that is not pymodbus: pyModbusTCP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pyModbusTCP.server import DataBank, ModbusServer

from drivers.modbus import Driver, Settings
from gateway.clock import SystemClock
from gateway.model import Flag
from gateway.quantities import Quantities
from tests.modbus import context, device, model
from tests.servers import free_port


@pytest.fixture
def server() -> Iterator[ModbusServer]:
    bank = DataBank()
    bank.set_holding_registers(0, [712, 0xFF9B])
    server = ModbusServer("127.0.0.1", free_port(), no_block=True, data_bank=bank)
    server.start()
    yield server
    server.stop()


def settings(server: ModbusServer, **more: object) -> Settings:
    return Settings.model_validate({"host": "127.0.0.1", "port": server.port, "timeout": "500ms", **more})


async def test_registers_become_readings_of_one_moment(server: ModbusServer, quantities: Quantities) -> None:
    probe = device("pond-1", model(), 1, timedelta(milliseconds=200))
    given = context([probe], SystemClock(), quantities)
    async with Driver(settings(server), given) as driver:
        async for delivery in driver.observations():
            ph, temp = delivery.observations
            break
    assert (ph.series, ph.value, ph.flag) == ("pond-1/ph", 7.12, Flag.UNKNOWN)
    assert (temp.series, temp.value) == ("pond-1/water_temp", -10.1)
    assert ph.at == temp.at
    assert driver.frames == 1
    assert given.health.received == 1
