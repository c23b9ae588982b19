"""A far end that does everything wrong: no wrong value ever comes of it, and its neighbours keep their period."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from drivers.decode.frames import with_crc
from drivers.modbus import Driver, Settings
from gateway.clock import SystemClock
from gateway.contracts import Context
from gateway.errors import Lost
from gateway.model import Delivery, Flag, Reading
from gateway.quantities import Quantities
from tests.modbus import context, device, model
from tests.servers import tool

TRUE = b"\x03\x04\x02\xc8\x00\x64"  # pH 7.12, 10.0 degC
FALSE = b"\x03\x04\x01\x11\x01\x11"  # what must never be believed

Trick = Callable[[int, bytes, bytes], list[bytes]]
"""Transaction, whole request, unit -> what is written back, piece by piece."""


def adu(transaction: int, body: bytes, protocol: int = 0, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return transaction.to_bytes(2, "big") + protocol.to_bytes(2, "big") + size.to_bytes(2, "big") + body


TCP_TRICKS: dict[str, Trick] = {
    "silence": lambda t, q, u: [],
    "stale transaction": lambda t, q, u: [adu(t - 1, u + FALSE)],
    "future transaction": lambda t, q, u: [adu(t + 1, u + FALSE)],
    "no transaction": lambda t, q, u: [adu(0, u + FALSE)],
    "wrong unit": lambda t, q, u: [adu(t, b"\x63" + FALSE)],
    "wrong function": lambda t, q, u: [adu(t, u + b"\x04" + FALSE[1:])],
    "another answer's function": lambda t, q, u: [adu(t, u + b"\x06\x00\x00\x01\x11")],
    "one register short": lambda t, q, u: [adu(t, u + b"\x03\x02\x01\x11")],
    "odd byte count": lambda t, q, u: [adu(t, u + b"\x03\x03\x01\x11\x01")],
    "one register long": lambda t, q, u: [adu(t, u + b"\x03\x06\x01\x11\x01\x11\x01\x11")],
    "byte count lies": lambda t, q, u: [adu(t, u + b"\x03\x04\x01\x11")],
    "length lies": lambda t, q, u: [adu(t, u + FALSE, length=6)],
    "length is huge": lambda t, q, u: [adu(t, u + FALSE, length=60000)],
    "protocol lies": lambda t, q, u: [adu(t, u + FALSE, protocol=7)],
    "exception": lambda t, q, u: [adu(t, u + b"\x83\x04")],
    "exception of another function": lambda t, q, u: [adu(t, u + b"\x84\x02")],
    "gateway says unit is silent": lambda t, q, u: [adu(t, u + b"\x83\x0b")],
    "echo": lambda t, q, u: [q],
    "garbage": lambda t, q, u: [random.Random(t).randbytes(40)],  # not a secret
    "half a reply": lambda t, q, u: [adu(t, u + FALSE)[:9]],
    "an RTU frame": lambda t, q, u: [with_crc(u + FALSE)],
    "hangs up": lambda t, q, u: [b""],
}
RTU_TRICKS: dict[str, Trick] = {
    "silence": lambda t, q, u: [],
    "flipped bit": lambda t, q, u: [with_crc(u + TRUE)[:4] + b"\x01" + with_crc(u + TRUE)[5:]],
    "wrong unit": lambda t, q, u: [with_crc(b"\x63" + FALSE)],
    "wrong function": lambda t, q, u: [with_crc(u + b"\x04" + FALSE[1:])],
    "one register short": lambda t, q, u: [with_crc(u + b"\x03\x02\x01\x11")],
    "odd byte count": lambda t, q, u: [with_crc(u + b"\x03\x03\x01\x11\x01")],
    "one register long": lambda t, q, u: [with_crc(u + b"\x03\x06\x01\x11\x01\x11\x01\x11")],
    "exception": lambda t, q, u: [with_crc(u + b"\x83\x02")],
    "only echo": lambda t, q, u: [q],
    "garbage": lambda t, q, u: [random.Random(t).randbytes(300)],  # not a secret
    "half a reply": lambda t, q, u: [with_crc(u + FALSE)[:6]],
    "a TCP frame": lambda t, q, u: [adu(t, u + FALSE)],
    "hangs up": lambda t, q, u: [b""],
}
HARMLESS: dict[str, Trick] = {
    "in pieces": lambda t, q, u: [adu(t, u + TRUE)[at : at + 1] for at in range(13)],
    "behind a stale one": lambda t, q, u: [adu(t - 1, u + FALSE) + adu(t, u + TRUE)],
    "twice": lambda t, q, u: [adu(t, u + TRUE) * 2],
    "before a stranger's": lambda t, q, u: [adu(t, u + TRUE) + adu(t + 9, u + FALSE)],
}


class Hostile:
    """A server whose unit 1 plays a trick and whose other units are honest; counts what it was asked."""

    def __init__(self, trick: Trick, *, rtu: bool = False, bad: frozenset[int] = frozenset({1})) -> None:
        self.trick, self.rtu, self.bad = trick, rtu, bad
        self.asked: list[tuple[float, int]] = []
        self.connections = 0
        self.again = asyncio.Event()
        self._talks: list[asyncio.Future[None]] = []

    @contextlib.asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        async with server:
            yield server.sockets[0].getsockname()[1]
            server.close()
            await asyncio.wait_for(asyncio.gather(*self._talks), 5)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.again.set()
        self._talks.append(asyncio.get_running_loop().create_future())
        talk = self._talks[-1]
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            while True:
                request = await reader.readexactly(8 if self.rtu else 12)
                unit = request[0:1] if self.rtu else request[6:7]
                transaction = len(self.asked) if self.rtu else int.from_bytes(request[:2], "big")
                self.asked.append((asyncio.get_running_loop().time(), unit[0]))
                honest = with_crc(unit + TRUE) if self.rtu else adu(transaction, unit + TRUE)
                pieces = self.trick(transaction, request, unit) if unit[0] in self.bad else [honest]
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                if pieces == [b""]:
                    break
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
        talk.set_result(None)


def given(quantities: Quantities, units: int = 2, period_s: float = 0.1) -> Context:
    probe, period = model(), timedelta(seconds=period_s)
    devices = [device(f"d{unit}", probe, unit, period) for unit in range(1, units + 1)]
    return context(devices, SystemClock(), quantities)


def settings(port: int, **more: object) -> Settings:
    return Settings.model_validate(
        {"host": "127.0.0.1", "port": port, "timeout": "60ms", "retries": 1, "gap": "0s", **more}
    )


async def listen(driver: Driver, seconds: float) -> list[Delivery]:
    found: list[Delivery] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async for delivery in driver.observations():
                found += [delivery]
    return found


def readings(found: list[Delivery], slug: str) -> list[Reading]:
    return [
        item
        for each in found
        for item in each.observations
        if isinstance(item, Reading) and item.series.startswith(f"{slug}/")
    ]


def only_the_truth(found: list[Delivery]) -> None:
    for slug in ("d1", "d2"):
        for item in readings(found, slug):
            true = 7.12 if item.series.endswith("/ph") else 10.0
            assert item.value in {None, true}, f"{item.series} = {item.value}"
            assert (item.value is None) == (item.flag is Flag.MISSING)
            assert (item.value is None) == bool(item.flagged_by)


@pytest.mark.parametrize("name", TCP_TRICKS)
async def test_no_trick_of_a_tcp_server_makes_a_value(name: str, quantities: Quantities) -> None:
    far_end, wanted = Hostile(TCP_TRICKS[name]), given(quantities)
    async with far_end.serving() as port, Driver(settings(port), wanted) as driver:
        found = await listen(driver, 0.45)
    only_the_truth(found)
    bad, good = readings(found, "d1"), readings(found, "d2")
    assert bad
    assert {item.value for item in bad} == {None}
    assert len([item for item in good if item.value is not None]) >= 3
    assert wanted.health.refused
    assert "d1" in wanted.health.device_errors


@pytest.mark.parametrize("name", RTU_TRICKS)
async def test_no_trick_of_a_serial_server_makes_a_value(name: str, quantities: Quantities) -> None:
    far_end, wanted = Hostile(RTU_TRICKS[name], rtu=True), given(quantities)
    async with far_end.serving() as port, Driver(settings(port, connection="rtu-over-tcp"), wanted) as driver:
        found = await listen(driver, 0.45)
    only_the_truth(found)
    assert {item.value for item in readings(found, "d1")} == {None}
    assert len([item for item in readings(found, "d2") if item.value is not None]) >= 3


@pytest.mark.parametrize("name", HARMLESS)
async def test_what_is_merely_odd_is_read(name: str, quantities: Quantities) -> None:
    far_end, wanted = Hostile(HARMLESS[name]), given(quantities)
    async with far_end.serving() as port, Driver(settings(port), wanted) as driver:
        found = await listen(driver, 0.4)
    only_the_truth(found)
    assert len(readings(found, "d1")) >= 4
    assert None not in {item.value for item in found[0].observations if isinstance(item, Reading)}


async def test_one_bad_device_of_ten_delays_its_neighbours_by_one_time_out_at_most(
    quantities: Quantities,
) -> None:
    far_end, wanted = Hostile(TCP_TRICKS["silence"]), given(quantities, units=10, period_s=0.4)
    async with far_end.serving() as port, Driver(settings(port), wanted) as driver:
        await listen(driver, 2.6)
    for unit in range(2, 11):
        times = [at for at, who in far_end.asked if who == unit]
        assert len(times) >= 6, f"unit {unit} was left behind"
        worst = max(later - earlier for earlier, later in itertools.pairwise(times))
        assert worst <= 0.4 + 0.06 + 0.15, (
            f"unit {unit} waited {worst:.2f} s"
        )  # period, time-out, a busy machine
    assert len([who for _, who in far_end.asked if who == 1]) <= 5


async def test_a_half_open_connection_is_made_again(quantities: Quantities) -> None:
    """A firewall that forgets a connection says nothing: after some silence a fresh one is tried."""
    far_end = Hostile(TCP_TRICKS["silence"], bad=frozenset({1, 2}))
    wanted = given(quantities)
    async with (
        far_end.serving() as port,
        Driver(settings(port, timeout="20ms", backoff="100ms"), wanted) as driver,
    ):
        listening = asyncio.create_task(listen(driver, 1.5))
        await far_end.again.wait()
        far_end.again.clear()
        await far_end.again.wait()
        far_end.bad = frozenset()
        found = await listening
    assert {item.value for item in readings(found, "d1")} == {None, 7.12, 10.0}


def certificates(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority."""
    key, certificate = folder / "key.pem", folder / "cert.pem"
    words = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    words += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    words += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([tool("openssl"), *words], check=True, capture_output=True)
    return key, certificate


@pytest.mark.servers
async def test_tls_is_spoken_to_who_proves_to_be_himself(tmp_path: Path, quantities: Quantities) -> None:
    key, certificate = certificates(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    far_end = Hostile(HARMLESS["in pieces"])
    async with far_end.serving(tls) as port:
        trusting = settings(port, connection="tls", ca=str(certificate), timeout="1s")
        async with Driver(trusting, given(quantities)) as driver:
            found = await listen(driver, 0.6)
        with pytest.raises(Lost, match="certificate verify failed"):
            async with Driver(settings(port, connection="tls"), given(quantities)):
                pass
        missing = settings(port, connection="tls", ca=str(tmp_path / "none.pem"))
        with pytest.raises(Lost, match=r"none\.pem"):
            async with Driver(missing, given(quantities)):
                pass
    only_the_truth(found)
    assert [item.value for item in readings(found, "d1")][:2] == [7.12, 10.0]
