"""The wire itself: pymodbus opens it and sends; what comes back is judged by ``drivers/decode/frames.py``.

pymodbus 3.16 takes a reply with fewer registers than asked for, transaction 0 for any transaction, and throws inside
the event loop on an unknown function. So its public ``trace_packet`` hook hands us every byte, and nothing is left for
its own decoder: the hook settles the waiting request with the one frame that answers it, and returns nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient, AsyncModbusTlsClient
from pymodbus.client.base import ModbusBaseClient

from drivers.decode.frames import Look, Request, find_rtu, find_tcp, words_of
from drivers.line.settings import Settings
from gateway.clock import Clock
from gateway.errors import Lost

SILENT_BEFORE_RECONNECT = (
    5  # time-outs in a row before a network connection is made anew: it may be half open
)

logging.getLogger("pymodbus.logging").setLevel(
    logging.CRITICAL
)  # it logs every poll that fails; we count them


class NoReply(Exception):
    """One question without a usable answer.

    Attributes:
        problem: ``no_reply``, ``exception_2``, ``short_reply``, ``bad_crc``, ``connection_closed``, ...
        alive: The unit did say something that was certainly its own.
        sent: What left. got: What was heard.
    """

    def __init__(self, problem: str, *, alive: bool = False, sent: bytes = b"", got: bytes = b"") -> None:
        self.problem, self.alive, self.sent, self.got = problem, alive, sent, got
        super().__init__(problem)


@dataclass(frozen=True, slots=True)
class Answer:
    """One good reply.

    Attributes:
        words: Registers or bits, as many as asked for; empty for a write.
        sent: The request as it left.
        got: The reply as it came.
    """

    words: tuple[int, ...]
    sent: bytes = b""
    got: bytes = b""


class Wire(Protocol):
    """One connection. ``ask`` is never called twice at a time."""

    @property
    def heard(self) -> float:
        """Monotonic time of the last byte in either direction."""

    async def open(self) -> None:
        """Connect; raises Lost."""

    async def ask(self, request: Request, timeout_s: float) -> Answer:
        """One request, one reply; raises NoReply, or Lost when the connection cannot be made again."""

    async def close(self) -> None:
        """Let go; does not raise."""


class PymodbusWire:
    """The real thing: TCP, TLS, RTU, RTU over TCP."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._client: ModbusBaseClient | None = None
        self._request: Request | None = None
        self._waiting: asyncio.Future[Look] | None = None
        self._look = Look()
        self._sent = b""
        self._got = b""
        self._silent = 0
        self._heard = float("-inf")

    @property
    def heard(self) -> float:
        """Monotonic time of the last byte in either direction."""
        return self._heard

    async def open(self) -> None:
        """Connect, or say in words why that did not work."""
        client = self._build()
        if not await client.connect():
            client.close()
            raise Lost(f"{self._settings.place}: {await self._why()}")
        self._client = client
        self._silent = 0

    async def ask(self, request: Request, timeout_s: float) -> Answer:
        """One request, one reply."""
        if self._client is None or not self._client.connected or self._silent >= SILENT_BEFORE_RECONNECT:
            await self._anew()  # a serial server closes what idles: that is no loss
        self._request = request
        self._look, self._sent, self._got = Look(), b"", b""
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._send(request)
            async with asyncio.timeout(timeout_s):
                look = await self._waiting
        except TimeoutError:
            self._silent += self._settings.connection != "rtu"
            raise self._no_reply(self._look.problem or "no_reply") from None
        except (ConnectionError, OSError):
            raise self._no_reply("connection_closed") from None
        finally:
            self._request = self._waiting = None
        if look.broken:
            await self._anew()  # guessing where the next frame starts is how wrong values are made
            raise self._no_reply("garbage")
        self._silent = 0
        frame = look.frame or b""
        if look.problem:
            raise NoReply(look.problem, alive=look.problem != "wrong_unit", sent=self._sent, got=frame)
        pdu = frame[7:] if self._settings.framed else frame[1:-2]
        return Answer(words_of(pdu, request), self._sent, frame)

    async def close(self) -> None:
        """Close the connection and let the loop finish doing so."""
        if self._client is not None:
            self._client.close()
            self._client = None
            await asyncio.sleep(0)

    async def _anew(self) -> None:
        await self.close()
        await self.open()

    async def _send(self, request: Request) -> None:
        client = self._client
        assert client is not None
        unit, address = request.unit, request.address
        count = 1 if request.count is None else request.count
        mute = True  # the answer comes through _packet
        match request.function:
            case 1:
                await client.read_coils(address, count=count, device_id=unit, no_response_expected=mute)
            case 2:
                await client.read_discrete_inputs(
                    address, count=count, device_id=unit, no_response_expected=mute
                )
            case 3:
                await client.read_holding_registers(
                    address, count=count, device_id=unit, no_response_expected=mute
                )
            case 4:
                await client.read_input_registers(
                    address, count=count, device_id=unit, no_response_expected=mute
                )
            case 5:
                value = bool(request.values[0])
                await client.write_coil(address, value, device_id=unit, no_response_expected=mute)
            case 6:
                await client.write_register(
                    address, request.values[0], device_id=unit, no_response_expected=mute
                )
            case _:
                await client.write_registers(
                    address, request.values, device_id=unit, no_response_expected=mute
                )

    def _packet(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001  # pymodbus calls it like this
        """Every packet out and every byte in passes here (pymodbus ``trace_packet``)."""
        self._heard = self._clock.monotonic()
        if sending:
            self._sent = data
            return data
        self._got = data
        if self._request is not None and self._waiting is not None and not self._waiting.done():
            if self._settings.framed:
                look = find_tcp(data, self._request, int.from_bytes(self._sent[:2], "big"))
            else:
                look = find_rtu(data, self._request, echo=self._settings.echo)
            self._look = look
            if look.frame is not None or look.broken:
                self._waiting.set_result(look)
        return b""

    def _connection(self, made: bool) -> None:  # noqa: FBT001  # pymodbus calls it like this
        if not made and self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionResetError())

    def _no_reply(self, problem: str) -> NoReply:
        return NoReply(problem, sent=self._sent, got=self._got)

    def _build(self) -> ModbusBaseClient:
        settings = self._settings
        timeout = settings.connect_timeout.total_seconds()
        if settings.connection == "rtu":
            return AsyncModbusSerialClient(
                str(settings.port),
                framer=FramerType.RTU,
                baudrate=settings.baud,
                parity=settings.parity,
                stopbits=settings.stop,
                timeout=timeout,
                retries=0,
                reconnect_delay=0,
                trace_packet=self._packet,
                trace_connect=self._connection,
            )
        if settings.connection == "tls":
            return AsyncModbusTlsClient(
                settings.host,
                sslctx=tls_context(settings),
                port=settings.tcp_port,
                timeout=timeout,
                retries=0,
                reconnect_delay=0,
                trace_packet=self._packet,
                trace_connect=self._connection,
            )
        framer = FramerType.SOCKET if settings.framed else FramerType.RTU
        return AsyncModbusTcpClient(
            settings.host,
            framer=framer,
            port=settings.tcp_port,
            timeout=timeout,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._packet,
            trace_connect=self._connection,
        )

    async def _why(self) -> str:
        """The reason of a failed connection: pymodbus keeps it to itself, so we look once more."""
        settings = self._settings
        if settings.connection == "rtu":
            return _why_no_port(str(settings.port))
        tls = tls_context(settings) if settings.connection == "tls" else None
        try:
            async with asyncio.timeout(settings.connect_timeout.total_seconds()):
                _, writer = await asyncio.open_connection(settings.host, settings.tcp_port, ssl=tls)
        except TimeoutError:
            return "nobody answers"
        except OSError as error:
            if isinstance(error, ssl.SSLError) or not error.errno or error.errno < 0:
                return str(error)
            return os.strerror(error.errno).lower()
        writer.close()
        return "the connection was refused at first"


def tls_context(settings: Settings) -> ssl.SSLContext:
    """What we trust and who we say we are (Modbus/TCP Security asks for TLS 1.2 or later).

    Raises:
        Lost: A certificate file cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=settings.ca)
        context.check_hostname = settings.check_name
        if settings.certificate:
            context.load_cert_chain(settings.certificate, settings.key)
    except OSError as error:
        names = ", ".join(name for name in (settings.ca, settings.certificate, settings.key) if name)
        raise Lost(f"certificates ({names}): {error.strerror or error}") from error
    return context


def _why_no_port(port: str) -> str:
    if not Path(port).exists():
        return "no such serial port; is the adapter plugged in?"
    if not os.access(port, os.R_OK | os.W_OK):
        return "no permission; add the gateway's user to the group dialout"
    return "cannot be opened; another program may be using it"
