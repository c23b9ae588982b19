"""What holds for every request, pages of the board included: names, rates, sizes, times, and headers of the answer."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from ipaddress import ip_address

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.asked import Refusal
from gateway.api.table import Desk
from gateway.api.wire import HEAD_BYTES
from gateway.clock import Clock

LARGEST_BODY = 1024 * 1024  # reliability-and-security 5
LARGEST_UPLOAD = 12 * 1024 * 1024  # a telephone's photo
BODY_S = 30.0
BURST = 240  # requests an address may make at once: a page with everything on it, several browsers behind one address
PER_S = 8.0  # and so many a second from then on
MOST_ADDRESSES = 2000

HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self';"
        b" frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"geolocation=(self), camera=(self), microphone=(), payment=(), usb=()"),
)


class Guard:
    """Stands before everything.

    Args:
        application: What is behind.
        hosts: Names this box is called by; ``*.`` before one allows all below it. The port does not matter.
        desk: Says no.
        clock: For rates.
        local: Stands at the box's own socket: file permissions guard it, names and rates do not matter.
    """

    def __init__(
        self, application: ASGIApp, *, hosts: Sequence[str], desk: Desk, clock: Clock, local: bool = False
    ) -> None:
        self._application = application
        self._hosts = frozenset(host.lower() for host in hosts if not host.startswith("*."))
        self._below = tuple(host[1:].lower() for host in hosts if host.startswith("*."))
        self._desk = desk
        self._rates = Rates(clock)
        self._local = local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        scope["village.local"] = self._local
        request = Request(scope)
        body = _Body(receive, _most(request), expected=_has_body(request))
        answering = _Answer(scope, send, body)
        try:
            if not self._local:
                self._check(request)
            await self._application(scope, body, answering)
        except Refusal as refusal:
            if not answering.begun:  # else it is too late for words
                await self._desk.refused(refusal)(scope, receive, answering)

    def _check(self, request: Request) -> None:
        host = _name_of(request.headers.get("host", ""))
        if host not in self._hosts and not host.endswith(self._below or ("\n",)):
            raise Refusal(400, "host", host=host[:80] or "-")
        if sum(len(name) + len(value) for name, value in request.scope["headers"]) > HEAD_BYTES:
            raise Refusal(431, "too_large", most=HEAD_BYTES)
        wait = self._rates.wait_s(request.client.host if request.client else "")
        if wait:
            raise Refusal(429, "too_often", retry_after_s=wait)
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > _most(request):
            raise Refusal(413, "too_large", most=_most(request))


class Rates:
    """How often each address asks: so many at once, then so many a second; the loopback as often as it likes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """0 when one more request is welcome, else after how many seconds."""
        if not address or _is_loopback(address):
            return 0.0
        now = self._clock.monotonic()
        left, since = self._left.pop(address, (float(BURST), now))
        left = min(float(BURST), left + (now - since) * PER_S)
        self._left[address] = (left - 1.0, now) if left >= 1.0 else (left, now)
        while len(self._left) > MOST_ADDRESSES:
            self._left.popitem(last=False)
        return 0.0 if left >= 1.0 else (1.0 - left) / PER_S


class _Body:
    """The request's body: no larger and no slower than it may be, else Refusal."""

    def __init__(self, receive: Receive, most: int, *, expected: bool) -> None:
        self._receive = receive
        self._most = most
        self._so_far = 0
        self.ended = not expected
        self._until = asyncio.get_running_loop().time() + BODY_S

    async def __call__(self) -> Message:
        if self.ended:
            return await self._receive()  # waits for the far side to hang up
        left = self._until - asyncio.get_running_loop().time()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, left))
        except TimeoutError as error:
            raise Refusal(408, "too_slow") from error
        self._so_far += len(message.get("body", b""))
        if self._so_far > self._most:
            raise Refusal(413, "too_large", most=self._most)
        self.ended = message["type"] != "http.request" or not message.get("more_body", False)
        return message


class _Answer:
    """The answer, with the headers that every answer has."""

    def __init__(self, scope: Scope, send: Send, body: _Body) -> None:
        self._send = send
        self._body = body
        self._api = scope["path"].startswith("/api/")
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = list(message.get("headers", ()))
            have = {name for name, _ in headers}
            headers += [pair for pair in HEADERS if pair[0] not in have]
            if self._api and b"cache-control" not in have:
                headers.append((b"cache-control", b"no-store"))
            if not self._body.ended:
                headers.append((b"connection", b"close"))  # what is left of the body is not read
            message = {**message, "headers": headers}
        await self._send(message)


def _most(request: Request) -> int:
    kind = request.headers.get("content-type", "")
    return LARGEST_UPLOAD if kind.startswith("multipart/form-data") else LARGEST_BODY


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def _name_of(host: str) -> str:
    """The name in a Host header: without its port, in small letters."""
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.partition(":")[0].lower()


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
