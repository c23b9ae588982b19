"""Modbus TCP against a server that is not pymodbus: pyModbusTCP."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from pyModbusTCP.server import DataBank, ModbusServer

from drivers.modbus import Driver, Settings
from gateway.clock import SystemClock
from gateway.contracts import Context
from gateway.errors import BadReply, Lost
from gateway.model import Delivery, Flag, Reading
from gateway.quantities import Quantities
from tests.modbus import context, device, model, nothing_more
from tests.servers import free_port


@pytest.fixture
def server() -> Iterator[ModbusServer]:
    bank = DataBank()
    bank.set_holding_registers(0, [712, 0xFF9B, 0x41AB, 0xAE14, *range(4, 200)])
    bank.set_input_registers(10, [0x1234, 0xC000])
    bank.set_coils(5, [False, True])
    bank.set_discrete_inputs(6, [True])
    server = ModbusServer("127.0.0.1", free_port(), no_block=True, data_bank=bank)
    server.start()
    yield server
    server.stop()


def settings(server: ModbusServer, **more: object) -> Settings:
    return Settings.model_validate({"host": "127.0.0.1", "port": server.port, "timeout": "1s", **more})


async def deliveries(driver: Driver, count: int) -> list[Delivery]:
    found: list[Delivery] = []
    async for delivery in driver.observations():
        found.append(delivery)
        if len(found) == count:
            break
    return found


async def first(driver: Driver) -> dict[str, float | None]:
    """The values of the first poll."""
    (delivery,) = await deliveries(driver, 1)
    return {item.series: item.value for item in delivery.observations if isinstance(item, Reading)}


def quick(quantities: Quantities, **says: object) -> Context:
    probe = device("pond-1", model(**says), 1, timedelta(milliseconds=200))
    return context([probe], SystemClock(), quantities)


async def test_registers_become_readings_of_one_moment(server: ModbusServer, quantities: Quantities) -> None:
    given = quick(quantities)
    async with Driver(settings(server), given) as driver:
        (delivery,) = await deliveries(driver, 1)
        ph, temp = delivery.observations
    assert (ph.series, ph.value, ph.flag) == ("pond-1/ph", 7.12, Flag.UNKNOWN)
    assert (temp.series, temp.value) == ("pond-1/water_temp", -10.1)
    assert ph.at == temp.at
    assert driver.frames == 1
    assert given.health.received == 1


async def test_all_four_tables_are_read(server: ModbusServer, quantities: Quantities) -> None:
    given = quick(
        quantities,
        registers={
            "ec": {"address": 10, "function": 4},
            "leak": {"address": 5, "function": 1, "type": "bit"},
            "contact": {"address": 6, "function": 1, "type": "bit"},
            "smoke": {"address": 6, "function": 2, "type": "bit"},
            "occupancy": {"address": 11, "function": 4, "type": "bit", "bit": 14},
            "water_temp": {"address": 2, "type": "float32"},
        },
        readings={name: {} for name in ("ec", "leak", "contact", "smoke", "occupancy", "water_temp")},
    )
    async with Driver(settings(server), given) as driver:
        values = await first(driver)
        assert driver.frames == 4
    assert values == {
        "pond-1/ec": 0x1234,
        "pond-1/leak": 0,
        "pond-1/contact": 1,
        "pond-1/smoke": 1,
        "pond-1/occupancy": 1,
        "pond-1/water_temp": 21.46,
    }


async def test_an_absent_server_is_lost_with_the_reason(quantities: Quantities) -> None:
    away = Settings.model_validate({"host": "127.0.0.1", "port": free_port(), "connect_timeout": "1s"})
    with pytest.raises(Lost, match="refused"):
        async with Driver(away, quick(quantities)):
            pass


async def test_a_server_that_went_and_came_back_costs_no_wrong_value(
    server: ModbusServer, quantities: Quantities
) -> None:
    given = quick(quantities)
    async with Driver(settings(server), given) as driver:
        stream = driver.observations()
        before = await anext(stream)
        server.stop()
        with pytest.raises(Lost):
            await nothing_more(stream)
    server.start()
    async with Driver(settings(server), given) as driver:
        assert [item.value for item in before.observations] == list((await first(driver)).values())


async def test_an_idle_connection_closed_by_the_server_is_made_again_unnoticed(
    quantities: Quantities,
) -> None:
    """Serial servers hang up after a minute of silence; a probe is asked every five."""
    calls = 0

    async def one_question(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        request = await reader.readexactly(12)
        writer.write(request[:5] + b"\x07" + request[6:8] + b"\x04\x02\xc8\x00\x64")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(one_question, "127.0.0.1", 0) as far_end:
        port = far_end.sockets[0].getsockname()[1]
        given = quick(quantities)
        async with Driver(Settings(host="127.0.0.1", port=port), given) as driver:
            for delivery in await deliveries(driver, 3):
                assert [item.value for item in delivery.observations] == [7.12, 10.0]
    assert calls == 3
    assert given.health.refused == 0


async def test_fifty_units_of_twenty_registers_take_fifty_frames_a_round(
    server: ModbusServer, quantities: Quantities
) -> None:
    probe = model(
        registers={f"count_{number}": {"address": number} for number in range(1, 21)},
        readings={f"count_{number}": {} for number in range(1, 21)},
    )
    devices = [device(f"d{unit}", probe, unit, timedelta(seconds=1)) for unit in range(1, 51)]
    given = context(devices, SystemClock(), quantities)
    async with Driver(settings(server), given) as driver:
        found = await deliveries(driver, 100)
        assert driver.frames == 100
    assert sum(len(delivery.observations) for delivery in found) == 2000
    assert set(Counter(delivery.observations[0].series for delivery in found).values()) == {2}  # type: ignore[union-attr]
    assert given.health.overdue == 0


async def test_a_write_reaches_the_register_while_polling_goes_on(
    server: ModbusServer, quantities: Quantities
) -> None:
    writes = [{"unit": 1, "address": 150, "max": 500}, {"unit": 1, "address": 20, "kind": "coil"}]
    async with Driver(settings(server, writes=writes), quick(quantities)) as driver:
        polls = asyncio.create_task(deliveries(driver, 5))
        await driver.write(1, 150, 321)
        await driver.write(1, 20, 1, "coil")
        assert len(await polls) == 5
    assert server.data_bank.get_holding_registers(150) == [321]
    assert server.data_bank.get_coils(20) == [True]


async def test_one_look_shows_frames_and_meaning(server: ModbusServer, quantities: Quantities) -> None:
    given = quick(quantities)
    async with Driver(settings(server), given) as driver:
        exchange = await driver.read(given.devices[0])
        sent, heard, words = exchange.raw
    assert sent.endswith("01 03 00 00 00 02")
    assert heard.endswith("01 03 04 02 c8 ff 9b")
    assert words == "= 02C8 FF9B  (holding 0..1)"
    assert [item.value for item in exchange.readings] == [7.12, -10.1]


async def test_one_look_at_nothing_says_why(server: ModbusServer, quantities: Quantities) -> None:
    probe = model(registers={"ph": {"address": 65535}}, readings={"ph": {}})
    server.data_bank = DataBank(h_regs_size=100)
    given = context([device("pond-1", probe, 1)], SystemClock(), quantities)
    server.stop()
    small = ModbusServer("127.0.0.1", free_port(), no_block=True, data_bank=DataBank(h_regs_size=100))
    small.start()
    try:
        async with Driver(settings(small), given) as driver:
            with pytest.raises(BadReply, match="illegal data address"):
                await driver.read(given.devices[0])
    finally:
        small.stop()
