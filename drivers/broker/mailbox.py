"""Messages on their way from the network thread to the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

from gateway.contracts import Context
from gateway.errors import Lost
from gateway.mqtt import Connection, Incoming

MOST_WAITING = 2000
MOST_WAITING_BYTES = 16_000_000  # of the 250 MB that the whole gateway may use (reference P7)


class Mailbox:
    """Messages on their way from the network thread to the event loop; bounded.

    QoS 1: when it is full nothing more is read, the broker keeps the rest. QoS 0: the oldest is thrown away, counted.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, context: Context) -> None:
        self.connection: Connection | None = None
        self._loop = loop
        self._context = context
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Incoming, datetime]] = deque()
        self._arrived = asyncio.Event()
        self._asleep = False
        self._kept = 0
        self._bytes = 0
        self._reason: str | None = None
        self._ready: asyncio.Future[Sequence[str]] = loop.create_future()

    @property
    def is_lost(self) -> bool:
        """Whether the connection has ended."""
        return self._reason is not None

    def full(self) -> bool:
        """Whether QoS 1 messages alone fill it."""
        return self._kept >= MOST_WAITING or (self._kept > 0 and self._bytes >= MOST_WAITING_BYTES)

    def put(self, incoming: Incoming) -> None:
        """From the network thread."""
        entry = (incoming, self._context.clock.now())
        with self._lock:
            if incoming.qos:
                self._kept += 1
            while len(self._waiting) >= MOST_WAITING or self._bytes >= MOST_WAITING_BYTES:
                if not self._thin():
                    break
            self._waiting.append(entry)
            self._bytes += len(incoming.payload)
            wake, self._asleep = self._asleep, False
        if wake:
            self._call(self._arrived.set)

    def opened(self, refused: Sequence[str]) -> None:
        """From the network thread: connected and subscribed."""
        self._call(lambda: self._is_ready(refused))

    def lost(self, reason: str) -> None:
        """From the network thread, last."""
        with self._lock:
            self._reason = reason
        self._call(self._lose)

    async def ready(self) -> Sequence[str]:
        """Wait until subscribed; the filters that the broker refused."""
        return await asyncio.shield(self._ready)

    async def get(self) -> tuple[Incoming, datetime]:
        """The next message; Lost when there will be none."""
        while True:
            with self._lock:
                if self._waiting:
                    entry = self._waiting.popleft()
                    was_full = self.full()
                    self._kept -= 1 if entry[0].qos else 0
                    self._bytes -= len(entry[0].payload)
                    break
                if self._reason is not None:
                    raise Lost(self._reason)
                self._arrived.clear()
                self._asleep = True
            await self._arrived.wait()
        if was_full and self.connection is not None and not self.full():
            self.connection.resume()
        return entry

    def _is_ready(self, refused: Sequence[str]) -> None:
        if not self._ready.done():
            self._ready.set_result(refused)

    def _lose(self) -> None:
        if not self._ready.done():
            self._ready.set_exception(Lost(self._reason or ""))
            self._ready.exception()  # looked at: nobody may be waiting any more
        self._arrived.set()

    def _thin(self) -> bool:
        for index, (incoming, _) in enumerate(self._waiting):
            if incoming.qos == 0:
                del self._waiting[index]
                self._bytes -= len(incoming.payload)
                self._context.health.dropped += 1
                return True
        return False

    def _call(self, what: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has gone: nobody waits
            self._loop.call_soon_threadsafe(what)
