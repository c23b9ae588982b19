"""The sockets: uvicorn with bounds on who connects, how slowly he speaks and how slowly he listens.

uvicorn itself waits for ever for the first byte of a request and for a reader who does not read (0.30 to 0.54). Here a
request's head has to arrive within ten seconds, a reader may stand still for thirty, and one address has at most 64
connections (the loopback as many as there are: a proxy or a tunnel may stand there).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0  # reliability-and-security 5: header time-out 10 s
STANDSTILL_S = 30.0
MOST_CONNECTIONS = 320  # 250 that listen to changes, and those who ask
MOST_OF_AN_ADDRESS = 64
HEAD_BYTES = 16 * 1024

_connected: Counter[str] = Counter()


class Wire(H11Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody has connected; one too many of an address is let go at once."""
        super().connection_made(transport)
        self._timer: asyncio.TimerHandle | None = None
        self._address = self.client[0] if self.client and self.client[1] else ""
        if self._address and not _is_loopback(self._address):
            _connected[self._address] += 1
            if _connected[self._address] > MOST_OF_AN_ADDRESS:
                transport.abort()
                return
        else:
            self._address = ""
        self._wait(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._stop_waiting()
        if self._address:
            _connected[self._address] -= 1
            if _connected[self._address] <= 0:
                del _connected[self._address]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """The clock runs from the first byte of a head to its last; a body has its own (guard.py)."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._stop_waiting()
        elif self._between_requests() and self._timer is None:
            self._wait(HEAD_S)

    def pause_writing(self) -> None:
        """The far side does not read."""
        super().pause_writing()
        self._wait(STANDSTILL_S)

    def resume_writing(self) -> None:
        """It reads again."""
        self._stop_waiting()
        super().resume_writing()

    def _between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Listening(uvicorn.Server):
    """Uvicorn without its own signal handlers: the house decides when to stop."""

    def __init__(self, application: Any, **settings: Any) -> None:
        bounds: dict[str, Any] = {
            "limit_concurrency": MOST_CONNECTIONS,
            "h11_max_incomplete_event_size": HEAD_BYTES,
            "timeout_keep_alive": 10,
            "timeout_graceful_shutdown": 2,
        }
        quiet: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False}
        super().__init__(
            uvicorn.Config(application, http=Wire, ws="none", lifespan="off", **bounds, **quiet, **settings)
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None are ours."""
        yield


def unix_socket(path: Path) -> socket.socket:
    """The box's own socket: only its own user can open it."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(16)
    return listener


def tcp_socket(host: str, port: int) -> socket.socket:
    """A socket that other programs, and where the site says so other machines, can reach. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, reuse_port=False, backlog=128)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return True
