"""A Modbus TCP server with simulated probes behind it, as a serial-to-TCP bridge would show them.

Small and our own on purpose: what the driver (pymodbus) is tested against must not share its code. Registers are
filled from the catalogue's own map of each model, so every Modbus model of the catalogue can be played.

::

    request  tx(2) 0000 len(2) unit(1) fc(1) address(2) count(2)
    reply    tx(2) 0000 len(2) unit(1) fc(1) bytes(1) data...        or   unit(1) fc|80 code(1)

Source: MODBUS Messaging on TCP/IP Implementation Guide V1.0b section 3; Application Protocol V1.1b3 sections 6-7.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import TracebackType
from typing import Self

from drivers.simulation.world import value_of
from gateway.catalogue import DeviceModel, Register
from gateway.quantities import Quantities
from gateway.units import convert

HOST = "127.0.0.1"
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
GATEWAY_TARGET_SILENT = 0x0B
WRITES = frozenset({5, 6, 15, 16})  # e.g. "start measuring"; the probe obeys and nothing here changes
_STRUCT = {
    "uint16": ">H",
    "int16": ">h",
    "uint32": ">I",
    "int32": ">i",
    "uint64": ">Q",
    "int64": ">q",
    "float32": ">f",
    "float64": ">d",
}

Registers = Mapping[tuple[int, int], int]  # (function, address) -> word or bit


@dataclass
class Probe:
    """One unit on the bus.

    Attributes:
        registers: What it would answer now, asked anew for every request; ``None``: no answer (a cut cable).
        accepts: Function and address of the writes it acknowledges (what starts a measurement).
        polls: Requests it has answered.
    """

    registers: Callable[[], Registers | None]
    accepts: frozenset[tuple[int, int]] = frozenset()
    polls: int = 0


@dataclass
class Relays:
    """A board of relays on the bus: coils that are written and read back.

    Attributes:
        coils: Address -> whether it is on; an address that is not here the board does not have.
    """

    coils: dict[int, bool]

    def answer(self, request: bytes) -> bytes | None:
        """The reply to function 1 or 5; ``None`` for any other."""
        function, address, value = request[1], *struct.unpack(">HH", request[2:6])
        if address not in self.coils:
            return None
        if function == 5 and value in {0x0000, 0xFF00}:
            self.coils[address] = value == 0xFF00
            return request[:6]
        if function == 1 and value == 1:
            return request[:2] + bytes((1, int(self.coils[address])))
        return None


@dataclass
class ProbeServer:
    """Serves probes on a loopback port from ``async with`` until it is left.

    Attributes:
        units: Unit id -> probe.
        relays: Unit id -> board of relays.
        port: 0 takes any free one.
        delay_s: How long a reply takes, as a serial line would.
        refused: Requests answered with an exception.
    """

    units: Mapping[int, Probe]
    port: int = 0
    relays: Mapping[int, Relays] = field(default_factory=dict)
    delay_s: float = 0.0
    refused: int = 0
    _server: asyncio.Server | None = field(default=None, repr=False)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set, repr=False)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                transaction, _, length = struct.unpack(">HHH", await reader.readexactly(6))
                request = await reader.readexactly(length)
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                reply = self.answer(request)
                if reply is not None:
                    writer.write(struct.pack(">HHH", transaction, 0, len(reply)) + reply)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the caller has hung up
        finally:
            self._writers.discard(writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def answer(self, request: bytes) -> bytes | None:
        """The reply to one request (unit id first), ``None`` for silence."""
        if len(request) < 2:
            return None
        unit, function = request[0], request[1]
        if unit in self.relays and len(request) == 6:
            return self.relays[unit].answer(request) or self._exception(unit, function, ILLEGAL_ADDRESS)
        probe = self.units.get(unit)
        if probe is None:
            return self._exception(unit, function, GATEWAY_TARGET_SILENT)
        registers = probe.registers()
        if registers is None:
            return None
        if len(request) >= 6 and (function, int.from_bytes(request[2:4], "big")) in probe.accepts:
            return request[:6]  # functions 6 and 16 alike: unit, function, address, value or count
        if function in WRITES:
            probe.polls += 1
            return request[:6]  # taken: unit, function, address, value or count
        if function not in {1, 2, 3, 4}:
            return self._exception(unit, function, ILLEGAL_FUNCTION)
        if len(request) != 6:
            return self._exception(unit, function, ILLEGAL_VALUE)
        address, count = struct.unpack(">HH", request[2:])
        if not 1 <= count <= (2000 if function <= 2 else 125):
            return self._exception(unit, function, ILLEGAL_VALUE)
        wanted = [(function, address + offset) for offset in range(count)]
        if any(key not in registers for key in wanted):
            return self._exception(unit, function, ILLEGAL_ADDRESS)
        probe.polls += 1
        words = [registers[key] for key in wanted]
        data = _bits(words) if function <= 2 else struct.pack(f">{count}H", *words)
        return bytes((unit, function, len(data))) + data

    def _exception(self, unit: int, function: int, code: int) -> bytes:
        self.refused += 1
        return bytes((unit, function | 0x80, code))


def registers_of(
    model: DeviceModel, values: Mapping[str, float], quantities: Quantities, *, unit_offset: int = 0
) -> dict[tuple[int, int], int]:
    """The register contents with which a model would report these values.

    Args:
        model: A Modbus model of the catalogue.
        values: Quantity -> value in the quantity's unit; what is not given reads as zero.
        quantities: For the one unit of each.
        unit_offset: Only registers whose own ``unit`` lies this far from the model's (two ids in one housing).

    Returns:
        (function, address) -> word. Addresses inside a permitted hole read as zero, as in a real device.
    """
    contents: dict[tuple[int, int], int] = {}
    raw = _raw_fields(model, values, quantities)
    own = model.serial.unit if model.serial else 1
    for name, register in model.registers.items():
        if (register.unit if register.unit is not None else own) - own != unit_offset:
            continue
        order = register.order or (model.order if register.width > 1 else "ABCD")
        for offset, word in enumerate(_words(register, raw.get(name, 0.0), order)):
            key = (register.function, register.address + offset)
            contents[key] = contents.get(key, 0) | word if register.type == "bit" else word
    started_by = {(step.function, step.address): 0 for step in model.prepare if step.function == 3}
    return contents | _holes(contents, model.limits.hole) | started_by


def commands_of(model: DeviceModel) -> frozenset[tuple[int, int]]:
    """The writes that start a measurement of this model."""
    return frozenset((step.function, step.address) for step in model.prepare if step.function != 3)


def _raw_fields(model: DeviceModel, values: Mapping[str, float], quantities: Quantities) -> dict[str, float]:
    raw: dict[str, float] = {}
    decimals: dict[str, int] = {}
    for quantity, meaning in model.readings.items():
        name = meaning.field or quantity
        value = value_of(values, quantity)
        if value is None or name in raw:
            continue
        if meaning.span:
            value = min(max(value, meaning.span[0]), meaning.span[1])
        if meaning.unit:
            value = convert(value, quantities[quantity].unit, meaning.unit)
        register = model.registers[name]
        if register.decimals_from:
            decimals[register.decimals_from] = 2
            value *= 100
        raw[name] = (value - register.offset) / register.scale
    return {**raw, **{name: float(count) for name, count in decimals.items()}}


def _words(register: Register, raw: float, order: str) -> list[int]:
    if register.type == "bit":
        return [int(bool(raw)) << (register.bit or 0)]
    if register.type == "string":
        return [0x2020] * register.count
    if register.type in {"bcd16", "bcd32"}:
        digits = 4 * register.width
        return _split(bytes.fromhex(f"{round(raw):0{digits}d}"), order)
    number = raw if register.type.startswith("float") else round(raw)
    return _split(struct.pack(_STRUCT[register.type], number), order)


def _split(big_endian: bytes, order: str) -> list[int]:
    words = [big_endian[at : at + 2] for at in range(0, len(big_endian), 2)]
    if order in {"CDAB", "DCBA"}:
        words.reverse()
    if order in {"BADC", "DCBA"}:
        words = [word[::-1] for word in words]
    return [int.from_bytes(word) for word in words]


def _holes(contents: Mapping[tuple[int, int], int], hole: int) -> dict[tuple[int, int], int]:
    filled: dict[tuple[int, int], int] = {}
    keys = sorted(contents)
    for (function, address), (next_function, next_address) in pairwise(keys):
        if function == next_function and next_address - address - 1 <= hole:
            filled |= {(function, between): 0 for between in range(address + 1, next_address)}
    return filled


def _bits(words: list[int]) -> bytes:
    packed = bytearray((len(words) + 7) // 8)
    for index, word in enumerate(words):
        packed[index // 8] |= (1 if word else 0) << (index % 8)
    return bytes(packed)
