"""A camera for tests: HTTP with Digest as RFC 7616 says, one endless answer, misbehaviour on demand.

It computes the proof that it expects by itself, so that a mistake in ours is seen.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

PASSWORD = 'hill, 99 "steps"'
USER = "village"
Step = bytes | Callable[[], Awaitable[None]]


@dataclass
class FakeCamera:
    """Answers every request for its stream with the steps of its script.

    Attributes:
        content_type: Of the stream. steps: Bytes to send, or something to wait for. chunked: How they are sent.
        algorithm: Of its challenge. qop: Whether it knows ``auth``. challenge: What it sends instead of its own challenge.
        ends: Ends the connection after the last step.
    """

    content_type: str = "multipart/mixed; boundary=boundary"
    steps: Sequence[Step] = ()
    chunked: bool = False
    algorithm: str = "MD5"
    qop: bool = True
    challenge: str | None = None
    status: int = 200
    ends: bool = False
    requests: list[str] = field(default_factory=list)
    proofs: list[str] = field(default_factory=list)
    right: int = 0
    tls: ssl.SSLContext | None = None
    url: str = ""

    async def __aenter__(self) -> FakeCamera:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._over = asyncio.Event()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *headers = head.split("\r\n")
            method, target, _ = line.split(" ")
            self.requests.append(target)
            proof = next(
                (h.partition(":")[2].strip() for h in headers if h.lower().startswith("authorization:")), ""
            )
            if self._believes(method, target, proof):
                self.right += 1
                await self._stream(writer)
            else:
                await self._refuse(writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        if self.status != 200:
            writer.write(f"HTTP/1.1 {self.status} No\r\nContent-Length: 0\r\n\r\n".encode())
            return
        head = f"HTTP/1.1 200 OK\r\nMIME-Version: 1.0\r\nConnection: close\r\nContent-Type: {self.content_type}\r\n"
        writer.write((head + ("Transfer-Encoding: chunked\r\n" if self.chunked else "") + "\r\n").encode())
        for step in self.steps:
            if isinstance(step, bytes):
                writer.write(b"%x\r\n%s\r\n" % (len(step), step) if self.chunked else step)
                await writer.drain()
            else:
                await step()
        if self.ends:
            writer.write(b"0\r\n\r\n" if self.chunked else b"")
            return
        await self._over.wait()

    async def _refuse(self, writer: asyncio.StreamWriter) -> None:
        fields = ['realm="IP Camera(E1518)"', f'nonce="{self._nonce}"', 'stale="FALSE"']
        fields += ['qop="auth"'] if self.qop else []
        fields += [f"algorithm={self.algorithm}", 'opaque="0a\\"b"'] if self.algorithm != "MD5" else []
        asked = "Digest " + ", ".join(fields) if self.challenge is None else self.challenge
        body = b"<html>Unauthorized</html>"
        head = f"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nWWW-Authenticate: {asked}\r\n"
        writer.write(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()

    @property
    def _nonce(self) -> str:
        return f"4d5441{len(self.requests):02d}"

    def _believes(self, method: str, target: str, proof: str) -> bool:
        if not proof:
            return False
        self.proofs.append(proof)
        if not proof.startswith("Digest "):
            return False
        said = {
            k: q.replace('\\"', '"') if q else p
            for k, q, p in re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))', proof)
        }
        hashing = hashlib.sha256 if self.algorithm.startswith("SHA-256") else hashlib.md5

        def h(text: str) -> str:
            return hashing(text.encode()).hexdigest()

        secret = h(f"{USER}:IP Camera(E1518):{PASSWORD}")
        if self.algorithm.endswith("-sess"):
            secret = h(f"{secret}:{said['nonce']}:{said['cnonce']}")
        wanted = h(f"{method}:{target}")
        middle = f"{said['nc']}:{said['cnonce']}:auth:" if self.qop else ""
        fresh = said["nonce"] == f"4d5441{len(self.requests) - 1:02d}"
        opaque = self.algorithm == "MD5" or said.get("opaque") == '0a"b'
        right = said["response"] == h(f"{secret}:{said['nonce']}:{middle}{wanted}")
        return right and fresh and opaque and said["uri"] == target and said["username"] == USER


def isapi_part(
    body: str,
    *,
    length: int | None = None,
    early_line: bool = False,
    kind: str = 'application/xml; charset="UTF-8"',
) -> bytes:
    """One part as the documents and captures show it."""
    data = body.encode()
    head = "--boundary\r\n" + ("\r\n" if early_line else "")
    return (
        f"{head}Content-Type: {kind}\r\nContent-Length: {len(data) if length is None else length}\r\n\r\n".encode()
        + data
        + b"\r\n"
    )


def isapi_alarm(
    event: str = "fireDetection",
    *,
    state: str = "active",
    channel: int = 2,
    region: int = 1,
    celsius: float | None = 168,
    extra: str = "",
) -> str:
    """An EventNotificationAlert."""
    heat = (
        f"<temperatureUnit>celsius</temperatureUnit><fireMaxTemperature>{celsius}</fireMaxTemperature>"
        if celsius is not None
        else ""
    )
    region_list = (
        f"<DetectionRegionList><DetectionRegionEntry><regionID>{region}</regionID><FireDetection><FireRegion><x>683</x><y>10</y>"
        f"<width>31</width><height>36</height></FireRegion>{heat}</FireDetection></DetectionRegionEntry></DetectionRegionList>"
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n'
        '<EventNotificationAlert version="2.0" xmlns="http://www.hikvision.com/ver20/XMLSchema">\r\n'
        f"<ipAddress>192.168.1.64</ipAddress>\r\n<portNo>80</portNo>\r\n<protocol>HTTP</protocol>\r\n<channelID>{channel}</channelID>\r\n"
        "<dateTime>2023-12-27T18:07:58+08:00</dateTime>\r\n<activePostCount>1</activePostCount>\r\n"
        f"<eventType>{event}</eventType>\r\n<eventState>{state}</eventState>\r\n<eventDescription>{event} alarm</eventDescription>\r\n"
        f"{region_list if event != 'videoloss' else ''}{extra}<channelName>北山</channelName>\r\n</EventNotificationAlert>"
    )


HEARTBEAT = isapi_alarm("videoloss", state="inactive", channel=1)
PICTURE = (
    b"--boundary\r\nContent-Disposition: form-data;\r\nContent-Type: image/pjpeg\r\nContent-Length: 600\r\n\r\n"
    + bytes(range(256)) * 2
    + b"\xff\xd8" * 44
    + b"\r\n"
)


def dahua_part(text: str, *, length: int | None = None) -> bytes:
    """One part of Dahua's stream."""
    data = text.encode()
    return b"--myboundary\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n" % (
        len(data) if length is None else length,
        data,
    )
