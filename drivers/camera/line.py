"""One HTTP request to a camera whose answer does not end; with Digest, over TLS if asked for, bounded everywhere.

Nothing is followed (no redirect), and the password goes nowhere but to the address that a person wrote.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gateway.credentials import Secret
from gateway.errors import BadReply, Lost
from gateway.web.digest import Digest, offers_basic

CONNECT_S = 5.0
ANSWER_S = 10.0
LARGEST_HEAD = 16 * 1024
LARGEST_CHUNK = 16 * 1024 * 1024


class PasswordRefused(Lost):
    """The camera knows us not: trying often would lock the account."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Where the camera is and who we are.

    Attributes:
        url: Scheme, host and port.
        username: Of an account that may only look. password: Its password.
        ca_file: Certificate to trust instead of the system's.
        basic: The password may be sent as it is, for cameras that know no Digest; over TLS it always may.
    """

    url: str
    username: str
    password: Secret
    ca_file: Path | None = None
    basic: bool = False


class Answer:
    """An answer whose head has come; its body is read piece by piece."""

    def __init__(
        self,
        status: int,
        headers: Mapping[str, Sequence[str]],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.status = status
        self.headers = headers
        self._reader = reader
        self._writer = writer

    def header(self, name: str) -> str:
        """The first header of this name; empty when there is none."""
        return next(iter(self.headers.get(name, ())), "")

    async def pieces(self, silence_s: float) -> AsyncIterator[bytes]:
        """The body as it comes.

        Raises:
            Lost: Nothing for so long, or the connection ended.
        """
        chunked = self.header("transfer-encoding").lower() == "chunked"
        while True:
            try:
                async with asyncio.timeout(silence_s):
                    piece = await (self._chunk() if chunked else self._reader.read(65536))
            except TimeoutError as error:
                raise Lost(f"said nothing for {silence_s:g} s, not even that it is alive") from error
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                raise Lost(f"the connection broke: {_in_words(error)}") from error
            if not piece:
                raise Lost("the camera ended the connection")
            yield piece

    async def close(self) -> None:
        """Let go."""
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
            async with asyncio.timeout(1.0):
                await self._writer.wait_closed()

    async def _chunk(self) -> bytes:
        """One chunk (RFC 9112 7.1); empty at the last."""
        line = await self._reader.readuntil(b"\n")
        size = int(line.partition(b";")[0].strip() or b"x", 16)
        if not 0 <= size <= LARGEST_CHUNK:
            raise ValueError("a chunk of impossible size")
        data = await self._reader.readexactly(size) if size else b""
        if size:
            await self._reader.readuntil(b"\n")
        return data


async def ask(caller: Caller, target: str, *, digest: Digest) -> Answer:
    """GET once; once more when the camera asks who we are.

    Raises:
        PasswordRefused: It does not believe us.
        Lost: It is not there, or does not speak HTTP.
        BadReply: It answers something else than 200.
    """
    answer = await _once(caller, target, digest.headers("GET", target))
    if answer.status == 401:
        asks = answer.headers.get("www-authenticate", ())
        await answer.close()
        if digest.challenged(asks):
            proof = digest.headers("GET", target)
        elif offers_basic(asks) and (caller.basic or urlsplit(caller.url).scheme == "https"):
            pair = f"{caller.username}:{caller.password.reveal()}".encode()
            proof = {"Authorization": "Basic " + base64.b64encode(pair).decode("ascii")}
        else:
            raise PasswordRefused(
                "the camera asks for a proof that is not known, or for the bare password without TLS"
            )
        answer = await _once(caller, target, proof)
    if answer.status == 200:
        return answer
    await answer.close()
    if answer.status in {401, 403}:
        raise PasswordRefused(f"the camera refuses the user or the password (HTTP {answer.status})")
    raise BadReply(f"the camera answers HTTP {answer.status}")


async def _once(caller: Caller, target: str, proof: Mapping[str, str]) -> Answer:
    parts = urlsplit(caller.url)
    secure = parts.scheme == "https"
    context = ssl.create_default_context(cafile=caller.ca_file) if secure else None
    port = parts.port or (443 if secure else 80)
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(
                parts.hostname, port, ssl=context, limit=LARGEST_HEAD
            )
        lines = [
            f"GET {target} HTTP/1.1",
            f"Host: {parts.netloc}",
            "User-Agent: village-gateway",
            "Accept: */*",
        ]
        lines += [f"{name}: {value}" for name, value in proof.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        async with asyncio.timeout(ANSWER_S):
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
        status, headers = _head(head)
    except BaseException as error:
        if writer is not None:
            writer.close()
        match error:
            case TimeoutError():
                raise Lost("the camera does not answer") from error
            case OSError() | asyncio.IncompleteReadError() | asyncio.LimitOverrunError() | ValueError():
                raise Lost(f"the camera cannot be reached: {_in_words(error)}") from error
            case _:
                raise
    return Answer(status, headers, reader, writer)


def _head(head: bytes) -> tuple[int, Mapping[str, Sequence[str]]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdecimal():
        raise ValueError("does not speak HTTP")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), []).append(value.strip())
    return int(words[1]), headers


def _in_words(error: BaseException) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return error.verify_message
        case asyncio.IncompleteReadError():
            return "ended in the middle"
        case asyncio.LimitOverrunError():
            return "the answer's head is too large"
        case OSError() if error.strerror:
            return error.strerror
        case _:
            return str(error) or type(error).__name__
