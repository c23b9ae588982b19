"""The API's socket against people who mean no good: slow heads, slow bodies, large ones, readers who do not read."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway import control
from gateway.api import guard, wire
from gateway.app import House
from gateway.clock import ManualClock
from gateway.model import Delivery, Reading
from gateway.settings import ApiSettings
from gateway.store.accounts import Role
from tests.conftest import NOON
from tests.house import house
from tests.visitor import visitor


def place(building: House) -> tuple[str, int]:
    host, port = building.address.removeprefix("http://").split(":")
    return host, int(port)


@asynccontextmanager
async def connected(building: House) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*place(building))
    try:
        yield reader, writer
    finally:
        await hang_up(writer)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def rest(reader: asyncio.StreamReader, seconds: float = 10) -> bytes:
    """Everything until the far side hangs up."""
    try:
        return await asyncio.wait_for(reader.read(), seconds)
    except (ConnectionResetError, BrokenPipeError):
        return b""


async def test_a_head_that_never_ends_is_cut_off_after_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "HEAD_S", 0.4)
    async with house(tmp_path, ManualClock(NOON)) as building:
        async with connected(building) as (reader, _):
            assert await rest(reader, 3) == b""  # not a byte was said
        async with connected(building) as (reader, writer):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            for number in range(6):  # a line now and then does not buy more time
                await asyncio.sleep(0.15)
                if writer.is_closing():
                    break
                writer.write(f"X-{number}: 1\r\n".encode())
            assert await rest(reader, 3) == b""
        async with connected(building) as (reader, writer):  # a kept connection has the same bound
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert b"200 OK" in await reader.readuntil(b"ok")
            writer.write(b"GET /healthz HTTP/1.1\r\n")
            assert await rest(reader, 3) == b""


async def test_a_body_that_drips_is_refused_after_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "BODY_S", 0.4)
    async with house(tmp_path, ManualClock(NOON)) as building, connected(building) as (reader, writer):
        writer.write(
            b"POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000\r\n\r\n{"
        )
        answer = await rest(reader, 5)
        assert b"408" in answer.split(b"\r\n")[0]
        assert b"content-security-policy" in answer


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_large_is_refused_before_it_is_kept(tmp_path: Path, chunked: bool) -> None:
    async with house(tmp_path, ManualClock(NOON)) as building, connected(building) as (reader, writer):
        size = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 99999999"
        writer.write(
            b"POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            + size
            + b"\r\n\r\n"
        )
        if chunked:
            for _ in range(20):
                writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                await asyncio.sleep(0)
        answer = await rest(reader, 5)
        assert b"413" in answer.split(b"\r\n")[0]


async def test_a_head_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON)) as building, connected(building) as (reader, writer):
        writer.write(
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nX-Long: "
            + b"a" * 40_000
            + b"\r\n\r\n"
        )
        answer = await rest(reader, 5)
        assert not answer or answer.startswith(b"HTTP/1.1 4")


BODIES: list[bytes] = [
    b"", b"null", b"[]", b'"text"', b"{", b"\xff\xfe", b'{"user": NaN}', b'{"user": Infinity, "password": "x"}',
    b"[" * 100_000, b'{"a":' * 50_000, b'{"user": "lin"}', b'{"user": 1, "password": "x"}',
    b'{"user": "a\\u0000b", "password": "x"}', b'{"user": "\\ud800", "password": "x"}',
    b'{"user": "lin", "password": "' + b"x" * 10_000 + b'"}', b'{"user": "../../etc", "password": "x"}',
    b'{"user": "lin", "password": "x", "role": "admin"}', b'{"user": {"$gt": ""}, "password": {"$gt": ""}}',
]  # fmt: skip


async def test_rubbish_is_refused_in_words_and_the_house_stands(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON)) as building:
        stranger = await visitor(building)
        stranger.cookie = ""
        for body in BODIES:
            reply = await asyncio.to_thread(
                stranger.ask, "/api/v1/session", None, "POST", body, Content_Type="application/json"
            )
            assert reply.status in {400, 401, 429}, (body[:60], reply.status, reply.raw[:200])
            assert json.loads(reply.raw)["error"]
        assert (await stranger.get("/healthz")).status == 200


REQUESTS = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS on a plain port
    b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n\r\n", b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\n\r\n", b"GET /healthz HTTP/1.1\r\nHost:\r\n\r\n",
    b"POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET",
    b"GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: village_session=" + b"a" * 5000 + b"\r\n\r\n",
    b"GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
    b"GET /api/v1/changes HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda raw: repr(raw[:24]))
async def test_no_broken_request_is_answered_with_a_yes(tmp_path: Path, request_: bytes) -> None:
    async with house(tmp_path, ManualClock(NOON)) as building:
        async with connected(building) as (reader, writer):
            writer.write(request_)
            writer.write_eof()
            answer = await rest(reader, 12)
            assert not answer or answer.startswith(b"HTTP/1.1 4"), answer[:200]
            assert b"Traceback" not in answer
        assert (await (await visitor(building)).get("/healthz")).status == 200


async def test_who_does_not_read_is_let_go_and_blocks_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "STANDSTILL_S", 0.5)
    clock = ManualClock(NOON)
    async with house(tmp_path, clock) as building:
        somebody = await visitor(building)
        lazy = socket.socket()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect(place(building))
        lazy.sendall(
            f"GET /api/v1/changes HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: village_session={somebody.cookie}\r\n\r\n".encode()
        )
        while not len(building.changes):
            await asyncio.sleep(0)
        for step in range(300):
            now = clock.now()
            many = tuple(Reading(f"device-{number}/battery", float(step), now, now) for number in range(500))
            await building.bus.put(Delivery(many))
            await clock.advance(1)
            if not len(building.changes):
                break
            await asyncio.sleep(0.01)
        assert not len(building.changes)
        assert building.latest["device-0/battery"].value == float(step)  # the spine has waited for nobody
        lazy.close()


async def test_one_address_holds_only_so_many_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MOST_OF_AN_ADDRESS", 5)
    monkeypatch.setattr(wire, "_is_loopback", lambda _: False)  # as if it came from elsewhere
    async with house(tmp_path, ManualClock(NOON)) as building:
        kept = [await asyncio.open_connection(*place(building)) for _ in range(5)]
        for _, writer in kept:
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        for reader, _ in kept:
            assert b"200" in await asyncio.wait_for(reader.readuntil(b"ok"), 5)
        async with connected(building) as (reader, _):
            assert await rest(reader, 3) == b""
        for _, writer in kept:
            await hang_up(writer)
        while wire._connected:
            await asyncio.sleep(0.01)
        async with connected(building) as (reader, writer):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert b"200" in await asyncio.wait_for(reader.readuntil(b"ok"), 5)


def test_an_address_has_so_many_requests_at_once_and_then_so_many_a_second() -> None:
    clock = ManualClock(NOON)
    rates = guard.Rates(clock)
    waits = [rates.wait_s("192.0.2.1") for _ in range(guard.BURST)]
    assert not any(waits)
    assert rates.wait_s("192.0.2.1") > 0
    assert rates.wait_s("192.0.2.2") == 0
    assert not any(rates.wait_s("127.0.0.1") for _ in range(guard.BURST * 2))
    clock._step_to(clock.monotonic() + 1.0)
    assert not any(rates.wait_s("192.0.2.1") for _ in range(int(guard.PER_S)))
    assert rates.wait_s("192.0.2.1") > 0


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    made = subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(tmp_path / "key.pem"),
            "-out", str(tmp_path / "cert.pem"),
        ],
        check=False, capture_output=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return tmp_path / "cert.pem"


@pytest.mark.servers
async def test_with_a_certificate_it_speaks_https_and_the_cookie_is_secure(
    tmp_path: Path, certificate: Path
) -> None:
    site = "site: {slug: demo}\napi: {port: 0, tls: {certificate: cert.pem, key: key.pem}}\n"
    async with house(tmp_path, ManualClock(NOON), site) as building:
        assert building.address.startswith("https://")
        await visitor(building, Role.VIEWER, "lin")
        trust = ssl.create_default_context(cafile=certificate)
        port = int(building.address.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("localhost", port, ssl=trust, family=socket.AF_INET)
        body = b'{"user": "lin", "password": "river-stone-lamp-42"}'
        head = (
            f"POST /api/v1/session HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json\r\n"
        )
        writer.write(head.encode() + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        answer = (await rest(reader)).lower()
        assert b"200 ok" in answer.split(b"\r\n")[0]
        assert b"; secure" in answer
        await hang_up(writer)


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"host": "0.0.0.0"}, "lan: true"),
        ({"host": "::"}, "lan: true"),
        ({"host": "192.168.1.5"}, "lan: true"),
        ({"hosts": ["a b"]}, "hosts"),
        ({"hosts": ["http://a"]}, "hosts"),
        ({"tls": {"certificate": "a"}}, "key"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_would_be_right(said: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        ApiSettings.model_validate(said)


def test_what_is_meant_is_taken() -> None:
    assert ApiSettings.model_validate(
        {"host": "0.0.0.0", "lan": True, "hosts": ["village.example", "*.lan"]}
    ).lan
    assert ApiSettings.model_validate({"host": "::1"}).host == "::1"


@pytest.mark.parametrize("key", ["absent.pem", "cert.pem"], ids=["absent", "no-key"])
async def test_a_certificate_that_is_no_good_keeps_the_port_shut_and_the_house_alive(
    tmp_path: Path, certificate: Path, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    site = f"site: {{slug: demo}}\napi: {{port: 0, tls: {{certificate: {certificate.name}, key: {key}}}}}\n"
    async with house(tmp_path, ManualClock(NOON), site) as building:
        assert building.address == ""
        assert "api not listening" in caplog.text
        status = await asyncio.to_thread(control.ask, building.state_dir, "/api/v1/status")
        assert status["stalled"] == []
