"""The simulated Modbus probes, polled by a client that is not ours and not pymodbus."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import TypeVar

import pytest
from pyModbusTCP.client import ModbusClient

from drivers.simulation.probes import GATEWAY_TARGET_SILENT, ILLEGAL_ADDRESS, Probe, ProbeServer, registers_of
from gateway.catalogue import DeviceModel
from gateway.quantities import Quantities
from tests.servers import tool

T = TypeVar("T")


def _model(
    registers: dict[str, dict[str, object]], readings: dict[str, dict[str, object]], **more: object
) -> DeviceModel:
    return DeviceModel.model_validate(
        {
            "model": "test-probe",
            "maker": "Test",
            "title": {"en": "Probe", "zh": "探头"},
            "domain": "water",
            "wire": "modbus",
            "documents": [{"name": "made up for this test"}],
            "registers": registers,
            "readings": readings,
            **more,
        }
    )


async def _ask(server: ProbeServer, unit: int, question: Callable[[ModbusClient], T]) -> tuple[T, int]:
    """One question by another stack, in a thread beside the server's loop; the answer and the exception code."""

    def run() -> tuple[T, int]:
        client = ModbusClient(host="127.0.0.1", port=server.port, unit_id=unit, timeout=1)
        try:
            return question(client), client.last_except
        finally:
            client.close()

    return await asyncio.to_thread(run)


PH = {"ph": {"address": 1, "scale": 0.01}, "temp": {"address": 0, "type": "int16", "scale": 0.1}}
PH_READINGS = {"ph": {}, "water_temp": {"from": "temp", "unit": "degC"}}


async def test_another_stack_reads_the_values_by_the_models_own_map(quantities: Quantities) -> None:
    contents = registers_of(_model(PH, PH_READINGS), {"ph": 7.21, "water_temp": -1.5}, quantities)
    async with ProbeServer({3: Probe(lambda: contents)}) as server:
        words, _ = await _ask(server, 3, lambda client: client.read_holding_registers(0, 2))
    assert words == [65536 - 15, 721]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("ABCD", [0x41AB, 0xAE14]),
        ("CDAB", [0xAE14, 0x41AB]),
        ("BADC", [0xAB41, 0x14AE]),
        ("DCBA", [0x14AE, 0xAB41]),
    ],
)
def test_floats_lie_in_the_models_word_order(order: str, expected: list[int], quantities: Quantities) -> None:
    model = _model({"t": {"address": 0x53, "type": "float32"}}, {"water_temp": {"from": "t"}}, order=order)
    contents = registers_of(model, {"water_temp": 21.46}, quantities)
    assert [contents[3, 0x53], contents[3, 0x54]] == expected  # 21.46 = 41ABAE14 (IEEE 754)


def test_a_value_beyond_what_the_probe_can_measure_stops_at_its_end(quantities: Quantities) -> None:
    model = _model({"d": {"address": 0}}, {"water_level": {"from": "d", "unit": "mm", "span": [0, 30]}})
    assert registers_of(model, {"water_level": 99.0}, quantities)[3, 0] == 30_000


async def test_what_the_probe_does_not_have_is_refused_with_the_standards_code(
    quantities: Quantities,
) -> None:
    contents = registers_of(_model(PH, PH_READINGS), {"ph": 7.0}, quantities)
    async with ProbeServer({3: Probe(lambda: contents)}) as server:
        outside = await _ask(server, 3, lambda client: client.read_holding_registers(0, 3))
        stranger = await _ask(server, 9, lambda client: client.read_holding_registers(0, 1))
    assert outside == (None, ILLEGAL_ADDRESS)
    assert stranger == (None, GATEWAY_TARGET_SILENT)


async def test_a_silent_probe_says_nothing_and_its_neighbour_still_answers(quantities: Quantities) -> None:
    contents = registers_of(_model(PH, PH_READINGS), {"ph": 7.0}, quantities)
    async with ProbeServer({1: Probe(lambda: None), 2: Probe(lambda: contents)}) as server:
        silent, _ = await _ask(server, 1, lambda client: client.read_holding_registers(0, 2))
        words, _ = await _ask(server, 2, lambda client: client.read_holding_registers(0, 2))
        assert server.units[1].polls == 0
    assert silent is None
    assert words == [0, 700]


def test_a_coil_and_a_register_bit_are_packed_as_the_standard_says(quantities: Quantities) -> None:
    model = _model(
        {
            "smoke": {"function": 2, "address": 4, "type": "bit"},
            "door": {"address": 0, "type": "bit", "bit": 3},
        },
        {"smoke": {}, "contact": {"from": "door"}},
    )
    contents = registers_of(model, {"smoke": 1.0, "contact": 1.0}, quantities)
    server = ProbeServer({1: Probe(lambda: contents)})
    assert server.answer(struct.pack(">BBHH", 1, 2, 4, 1)) == b"\x01\x02\x01\x01"
    assert server.answer(struct.pack(">BBHH", 1, 3, 0, 1)) == b"\x01\x03\x02\x00\x08"


async def test_a_command_to_the_probe_is_taken(quantities: Quantities) -> None:
    contents = registers_of(_model(PH, PH_READINGS), {"ph": 7.0}, quantities)
    async with ProbeServer({1: Probe(lambda: contents)}) as server:
        single, _ = await _ask(server, 1, lambda client: client.write_single_register(1, 3))
        several, _ = await _ask(server, 1, lambda client: client.write_multiple_registers(0x2500, [1]))
    assert single is True
    assert several is True


@pytest.mark.servers
async def test_a_technicians_tool_reads_the_same(quantities: Quantities) -> None:
    """mbpoll (libmodbus): register references start at 1 there, at 0 on the wire."""
    contents = registers_of(_model(PH, PH_READINGS), {"ph": 7.21, "water_temp": -1.5}, quantities)
    async with ProbeServer({3: Probe(lambda: contents)}) as server:
        asked = await asyncio.create_subprocess_exec(
            *(tool("mbpoll"), "-1", "-m", "tcp", "-p", str(server.port), "-a", "3", "-t", "4"),
            *("-r", "1", "-c", "2", "127.0.0.1"),
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await asked.communicate()
    assert asked.returncode == 0
    assert "[2]: \t721" in said.decode()
