"""One service's HTTP API, asked for one message at a time; what its answers mean in general.

Each question has a connection of its own: on a kept one that breaks, nobody knows whether the message was taken.
Secrets stand where the service wants them (often in the address); whatever is shown of an answer has them blotted
out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from gateway.clock import Clock
from gateway.credentials import Secret, read_secret
from gateway.errors import (
    Broken,
    DeliveryError,
    Misconfigured,
    Retry,
    SettingsError,
    Unavailable,
    Uncertain,
    Undeliverable,
)
from gateway.web.post import NoAnswer, Server

SHORTEST_SECRET = 4  # blotting out shorter ones would blot out the sentence


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said.

    Attributes:
        status: Of HTTP.
        document: The JSON object in its body; empty when there is none.
        words: The beginning of the body in one line, without secrets.
        after: How long it asks us to wait.
        location: Host to which it sends us on.
    """

    status: int
    document: Mapping[str, Any]
    words: str
    after: timedelta | None = None
    location: str = ""

    @property
    def good(self) -> bool:
        """Whether HTTP itself is content; the body may say otherwise."""
        return 200 <= self.status < 300

    def fault(self, words: str = "") -> DeliveryError:
        """What an answer means by its status alone, with the service's own ``words`` where it has some."""
        said = f"HTTP {self.status}: {words or self.words}"
        match self.status:
            case 504:
                return Uncertain(said, self.after)  # somebody behind it was asked
            case 408 | 425 | 429:
                return Retry(said, self.after)
            case status if status >= 500 or status < 300:  # a page where an answer should be
                return Retry(said, self.after)
            case status if status < 400:
                return Broken(
                    f"HTTP {status}: we are sent on to {self.location}; write the final address as url:"
                )
            case 401 | 403 | 404 | 405 | 407 | 410:
                return Broken(said)
            case _:
                return Undeliverable(said)

    def number(self, *keys: str) -> int | None:
        """The first of these keys that holds a whole number, as the services' result codes do."""
        for key in keys:
            value = self.document.get(key)
            if isinstance(value, int) and not isinstance(value, bool):
                return value
        return None

    def text(self, key: str) -> str:
        """A text of the document, in one printable line; empty when it is not there."""
        value = self.document.get(key)
        return _line(str(value)) if isinstance(value, str | int) else ""


class Provider:
    """One service.

    Args:
        url: Its address without anything secret.
        clock: For a Retry-After that is a date.
        ca_file: Certificates to trust instead of the system's.
        total_s: Longest wait for an answer [s]; default that of every request of this house.
    """

    def __init__(self, url: str, clock: Clock, ca_file: Path | None = None, total_s: float = 30.0) -> None:
        self._url = url
        self._clock = clock
        self._ca_file = ca_file
        self.total_s = total_s

    def ask(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        method: str = "POST",
        document: Mapping[str, Any] | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        hide: Sequence[Secret] = (),
    ) -> Answer:
        """One question.

        Args:
            path: Behind the address.
            query: Behind the path.
            method: Of HTTP.
            document: Sent as JSON; else ``body`` as it is.
            body: What to send.
            headers: More of them.
            hide: What must not be shown of the answer.

        Raises:
            Retry: It cannot be reached.
            Uncertain: It has the whole question and gave no answer.
            Broken: Its certificate does not convince; Retry, if that may be our clock.
        """
        said = {"Connection": "close", **(headers or {})}
        if document is not None:
            body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
            said["Content-Type"] = "application/json; charset=utf-8"
        server = Server(self._url, self._ca_file, total_s=self.total_s)
        try:
            reply = server.request(method, path, query, body=body, headers=said)
        except NoAnswer as error:
            raise Uncertain(blotted(str(error), hide)) from None  # its cause may show the address
        except Unavailable as error:
            raise Retry(blotted(str(error), hide), error.retry_after) from None
        except Misconfigured as error:
            raise distrust(blotted(str(error), hide)) from None
        finally:
            server.close()
        text = blotted(reply.body.decode("utf-8", "replace"), hide)
        place = urlsplit(reply.headers.get("location", ""))
        host = f"{place.scheme}://{place.netloc}" if place.netloc else "another address"
        after = reply.retry_after(self._clock.now())
        return Answer(reply.status, _object(text), _line(text), after, host)


def distrust(words: str) -> DeliveryError:
    """A certificate that does not convince; out of its time, it may be our clock: a box can boot in the past."""
    if "not yet valid" in words or "expired" in words:
        return Retry(f"{words}: is the clock of this box right?")
    return Broken(words)


def needed_secret(name: str, key: str) -> Secret:
    """A secret without which nothing can be sent.

    Raises:
        Broken: It is not there or not as it should be, in the words of the fault.
    """
    try:
        return read_secret(name, key)
    except SettingsError as error:
        raise Broken(str(error)) from error


def blotted(text: str, hide: Sequence[Secret]) -> str:
    """A text without these secrets, also not in the shape they have in an address."""
    for secret in hide:
        shown = secret.reveal()
        if len(shown) >= SHORTEST_SECRET:
            for shape in (quote(shown, safe=""), quote(shown), shown):  # the longer ones first
                text = text.replace(shape, "***")
    return text


def _line(text: str) -> str:
    line = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(line.split())[:300]


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
