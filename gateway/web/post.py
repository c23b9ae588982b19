"""One HTTP server that takes what we send: a connection kept alive, bounded in time and size, that follows nobody.

- No redirect is followed: the password or token goes to the address a person wrote and nowhere else.
- At most 5 s to connect and 30 s for everything; at most 64 KiB of a reply are read, however slowly they drip
  (reliability-and-security 5, "HTTP client").
- TLS is always verified; secrets stand in a header, never in an address or a message.
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import io
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from gateway.errors import Misconfigured, Unavailable
from gateway.web.door import Credentials

CONNECT_S = 5.0
TOTAL_S = 30.0
LARGEST_REPLY_BYTES = 64 * 1024
LONGEST_RETRY_AFTER = timedelta(minutes=5)
_SLICE_BYTES = 16 * 1024  # a request goes out in slices, each with the time that is left
_STALE = (
    http.client.RemoteDisconnected,
    ConnectionResetError,
    BrokenPipeError,
    http.client.CannotSendRequest,
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered; at most the first 64 KiB of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def words(self) -> str:
        """The reason in the server's own words, in one line of at most 300 characters."""
        text = self.headers.get("x-influxdb-error") or _reason(self.body)
        plain = " ".join(text.split())
        printable = "".join(letter if letter.isprintable() else "?" for letter in plain)
        return printable[:300] or f"HTTP {self.status}"

    def retry_after(self, now: datetime) -> timedelta | None:
        """RFC 9110 10.2.3: seconds or a date; capped, because a wrong one must not silence anything for a day."""
        text = self.headers.get("retry-after", "").strip()
        if text.isdecimal() and len(text) < 10:
            wait = timedelta(seconds=int(text))
        else:
            try:
                at = parsedate_to_datetime(text)
            except ValueError:
                return None
            wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
        return min(max(wait, timedelta(0)), LONGEST_RETRY_AFTER)


class NoAnswer(Unavailable):
    """The whole request went out and no whole answer came: what was asked for may have been done."""


class Server:
    """One far end.

    Args:
        url: Scheme, host, port and the path before the API's own.
        ca_file: Certificates to trust instead of the system's.
        credentials: Who we are; sent with every request, here and nowhere else.
        connect_s: Longest wait for a connection [s].
        total_s: Longest wait for a whole answer [s].
        largest_bytes: At most so much of an answer is read.
    """

    def __init__(
        self,
        url: str,
        ca_file: Path | None = None,
        *,
        credentials: Credentials | None = None,
        connect_s: float = CONNECT_S,
        total_s: float = TOTAL_S,
        largest_bytes: int = LARGEST_REPLY_BYTES,
    ) -> None:
        parts = urlsplit(url)
        self._largest_bytes = largest_bytes
        self.name = f"{parts.scheme}://{parts.netloc}"
        self._host = parts.hostname or ""
        self._port = parts.port
        self._root = parts.path.rstrip("/")
        self._tls = parts.scheme == "https"
        self._ca_file = ca_file
        self._credentials = credentials or Credentials(None, None)
        self._connect_s = connect_s
        self._total_s = total_s
        self._connection: http.client.HTTPConnection | None = None
        self._asked = False  # the last request is out as a whole
        self._in_hand = threading.Lock()
        self._closed = threading.Event()

    def write_lines(self, path: str, query: Mapping[str, str], lines: Sequence[str]) -> Reply:
        """POST lines, compressed; raises like :meth:`request`."""
        body = gzip.compress("\n".join(lines).encode(), compresslevel=1, mtime=0)
        headers = {"Content-Type": "text/plain; charset=utf-8", "Content-Encoding": "gzip"}
        return self.request("POST", path, query, body=body, headers=headers)

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Ask once; a kept connection that has gone stale is opened again once.

        Raises:
            Unavailable: No connection, or it broke before the request was out.
            NoAnswer: No whole answer in time, or an answer that is no HTTP.
            Misconfigured: The certificate does not convince, or the password file is not as it should be.
        """
        said = {**(headers or {}), **self._credentials.headers()}
        target = f"{self._root}{path}" + (f"?{urlencode(query)}" if query else "")
        deadline = time.monotonic() + self._total_s
        kept = self._connection is not None
        self._asked = False
        try:
            try:
                return self._once(method, target, body, said, deadline)
            except _STALE:
                if not kept:
                    raise
                return self._once(method, target, body, said, deadline)
        except ssl.SSLCertVerificationError as error:
            raise Misconfigured(f"{self.name}: {error.verify_message}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            kind = NoAnswer if self._asked else Unavailable
            raise kind(f"{self.name}: {_in_words(error)}") from error

    def close(self) -> None:
        """Let the connection go, also while another thread waits for it; nothing is sent afterwards."""
        self._closed.set()
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(
                    socket.SHUT_RDWR
                )  # wakes whoever waits; that thread then lets go itself
        if self._in_hand.acquire(blocking=False):
            self._drop()
            self._in_hand.release()

    def _once(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str], deadline: float
    ) -> Reply:
        with self._in_hand:
            if self._closed.is_set():
                raise ConnectionAbortedError("closed")
            try:
                reply, goes_on = self._exchange(method, target, body, headers, deadline)
            except BaseException:
                self._drop()
                raise
            if not goes_on or self._closed.is_set():
                self._drop()
        if reply.status in {401, 403}:
            self._credentials.forget()
        return reply

    def _exchange(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str], deadline: float
    ) -> tuple[Reply, bool]:
        """One request and its answer; and whether the connection can be used again."""
        connection = self._connection = self._connection or self._connect()
        fixed = {"User-Agent": "village-gateway", "Content-Length": str(len(body))}
        connection.request(method, target, _slices(connection, body, deadline), {**headers, **fixed})
        self._asked = True
        connection.response_class = _limited_to(deadline)
        answer = connection.getresponse()
        with contextlib.closing(answer):
            content = answer.read(self._largest_bytes)
            whole = answer.isclosed() or not answer.read(1)
            names: dict[str, str] = {}
            for name, value in answer.getheaders():  # a camera may ask for its proof in several headers
                known = names.get(name.lower()) if name.lower() == "www-authenticate" else None
                names[name.lower()] = f"{known}, {value}" if known else value
            return Reply(answer.status, names, content), whole and not answer.will_close

    def _connect(self) -> http.client.HTTPConnection:
        if not self._tls:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._connect_s)
        trust = ssl.create_default_context(cafile=self._ca_file)
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._connect_s, context=trust)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _slices(connection: http.client.HTTPConnection, body: bytes, deadline: float) -> Iterator[bytes]:
    for start in range(0, len(body), _SLICE_BYTES):
        connection.sock.settimeout(_left(deadline))
        yield body[start : start + _SLICE_BYTES]


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no whole answer in time")
    return left


class _Patience(io.RawIOBase):
    """A socket's file that never waits past the deadline, however many small pieces arrive."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_left(self._deadline))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _limited_to(deadline: float) -> type[http.client.HTTPResponse]:
    class Limited(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            raw = self.fp.detach()
            self.fp = io.BufferedReader(_Patience(raw, sock, deadline))

    return Limited


def _reason(body: bytes) -> str:
    """The sentence in an error's body: InfluxDB 1.x ``error``, 2.x ``message``, 3 ``error`` and ``data``; else text."""
    text = body.decode("utf-8", "replace")
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(answer, dict):
        return text
    parts = [answer.get("message") or answer.get("error")]
    data = answer.get("data")
    if isinstance(data, list) and data and isinstance(data[0], dict):
        parts.append(data[0].get("error_message"))
    return ": ".join(str(part) for part in parts if part) or text


def _in_words(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "no answer in time"
        case socket.gaierror():
            return f"the name cannot be looked up ({error.strerror})"
        case OSError() if error.strerror:
            return error.strerror
        case _:
            return str(error) or type(error).__name__
