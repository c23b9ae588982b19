"""What the broker is waiting for: settled from the journal's thread, sent by the network thread."""

from __future__ import annotations

import asyncio
import contextlib

from gateway.mqtt import Connection


class Receipts:
    """The receipts of one connection: each settles once, from whatever thread, even when nobody is connected."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: Connection) -> None:
        self._loop = loop
        self._connection = connection
        self._open: set[int] = set()
        self._empty = asyncio.Event()

    def issue(self, mid: int) -> Receipt:
        """One for the message of that number."""
        self._open.add(mid)
        return Receipt(self, mid)

    def settle(self, mid: int) -> None:
        """The message is on the disk: let the broker forget it. From any thread."""
        try:
            self._open.remove(mid)
        except KeyError:
            return
        self._connection.ack(mid)
        if not self._open:
            with contextlib.suppress(RuntimeError):  # the loop has gone: nobody waits
                self._loop.call_soon_threadsafe(self._empty.set)

    async def settled(self, seconds: float) -> None:
        """Wait until all are, or for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._open:
                    self._empty.clear()
                    await self._empty.wait()


class Receipt:
    """What the journal settles."""

    __slots__ = ("_mid", "_receipts")

    def __init__(self, receipts: Receipts, mid: int) -> None:
        self._receipts = receipts
        self._mid = mid

    def settle(self) -> None:
        """The message is on the disk: let the broker forget it."""
        self._receipts.settle(self._mid)
