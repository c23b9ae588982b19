"""One signed question to a provider of SMS and calls over HTTPS, and its answer as JSON.

What went wrong decides what happens next: not connected is Retry (nothing was sent), sent without an answer is Uncertain
(the person may have it), an answer that is no JSON of the provider's is a proxy's and Retry. What an answer means is the
provider's own file's work.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gateway.errors import Broken, DeliveryError, Retry, Uncertain, Undeliverable
from gateway.notify.phones import masked

CONNECT_S = 10.0
LARGEST_ANSWER_BYTES = 256 * 1024  # an answer has about 300 bytes, a page of receipts a few thousand
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the HTTP status, which proves nothing, and the body, which is judged."""

    status: int
    body: Mapping[str, Any]


def checked_endpoint(url: str) -> str:
    """The address of a provider: https, or plain http on this very machine.

    Raises:
        ValueError: It is neither.
    """
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or local) or parts.path.strip("/") or parts.query:
        raise ValueError(f"{url!r} is no address of a provider; write https://name, without a path")
    return url.rstrip("/")


def host_of(endpoint: str) -> str:
    """The ``Host`` header of an endpoint, which is signed."""
    return urlsplit(endpoint).netloc


def post(endpoint: str, target: str, headers: Mapping[str, str], body: bytes, *, timeout_s: float) -> Answer:
    """Send one request and read its answer.

    Args:
        endpoint: See :func:`checked_endpoint`.
        target: Path and query.
        headers: All of them, with ``Host`` and the signature.
        body: May be empty.
        timeout_s: For the answer [s].

    Raises:
        Retry: Not connected, or what answered is not the provider.
        Uncertain: It went out and no answer came.
    """
    connection = _connect(endpoint)
    try:
        assert connection.sock is not None
        connection.sock.settimeout(timeout_s)
        try:
            connection.request("POST", target, body, dict(headers))
            reply = connection.getresponse()
            raw = reply.read(LARGEST_ANSWER_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            words = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
            raise Uncertain(f"{urlsplit(endpoint).hostname} took the request and then: {words}") from error
        return _read(urlsplit(endpoint).hostname or "", reply.status, raw)
    finally:
        connection.close()


def _connect(endpoint: str) -> http.client.HTTPConnection:
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, parts.port, timeout=CONNECT_S, context=context)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=CONNECT_S)
    try:
        connection.connect()
    except ssl.SSLCertVerificationError as error:
        connection.close()
        problem = f"{host}: its certificate is not believed ({error.verify_message}); is this machine's clock right?"
        raise Retry(problem) from error
    except socket.gaierror as error:
        raise Retry(f"{host}: no such name, or no network") from error
    except OSError as error:
        raise Retry(f"{host}: cannot be reached ({error.strerror or error})") from error
    return connection


def _read(host: str, status: int, raw: bytes) -> Answer:
    if len(raw) > LARGEST_ANSWER_BYTES:
        raise Retry(f"{host} answered HTTP {status} with more than {LARGEST_ANSWER_BYTES} bytes: not the provider")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        problem = f"{host} answered HTTP {status} without JSON: something stands in between, or it is out of order"
        raise Retry(problem) from error
    if not isinstance(body, dict):
        raise Retry(f"{host} answered HTTP {status} with JSON that is no object")
    return Answer(status, body)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one error code means for us.

    Attributes:
        kind: Retry, Undeliverable or Broken.
        words: What it is and what would help.
        after_s: For Retry: how long to wait [s]; 0 for as usual.
    """

    kind: type[DeliveryError]
    words: str
    after_s: float = 0.0


def retry(words: str, after_s: float = 0.0) -> Verdict:
    """The same again later."""
    return Verdict(Retry, words, after_s)


def undeliverable(words: str) -> Verdict:
    """Not this message to this person this way."""
    return Verdict(Undeliverable, words)


def broken(words: str) -> Verdict:
    """Nobody this way until a person acts."""
    return Verdict(Broken, words)


def said(code: str, message: object) -> str:
    """The provider's own words, short, with numbers of people hidden."""
    return masked(f"{code}: {message}")[:300] if message else code
