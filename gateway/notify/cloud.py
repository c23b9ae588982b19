"""One signed question to a provider of SMS and calls over HTTPS, and its answer as JSON.

What went wrong decides what happens next: not connected is Retry (nothing was sent), sent without an answer is
Uncertain (the person may have it), an answer that is no JSON of the provider's is a proxy's and Retry. What an answer
means is the work of the provider's own file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gateway.errors import Broken, DeliveryError, Misconfigured, Retry, Unavailable, Uncertain, Undeliverable
from gateway.notify.phones import masked
from gateway.web.post import NoAnswer, Server

_BEHIND = (502, 504)  # RFC 9110 15.6: somebody behind the one that answered was asked
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
        timeout_s: For everything [s].

    Raises:
        Retry: Not connected, or what answered is not the provider.
        Uncertain: It went out and no answer came.
    """
    server = Server(endpoint, total_s=timeout_s)
    try:
        reply = server.request("POST", target, body=body, headers={**headers, "Connection": "close"})
    except NoAnswer as error:
        raise Uncertain(f"{error}; it has the request and may have carried it out") from error
    except Unavailable as error:
        raise Retry(str(error), error.retry_after) from error
    except Misconfigured as error:  # a machine that boots in the past believes no certificate: it heals
        raise Retry(f"{error}: its certificate is not believed; is this machine's clock right?") from error
    finally:
        server.close()
    try:
        document = json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        problem = f"{server.name} answered HTTP {reply.status} without JSON: something stands in between"
        kind = Uncertain if reply.status in _BEHIND else Retry
        raise kind(problem) from error
    if not isinstance(document, dict):
        raise Retry(f"{server.name} answered HTTP {reply.status} with JSON that is no object")
    return Answer(reply.status, document)


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
