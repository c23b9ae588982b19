"""Many sources in, one spine out: a bounded queue that says what it had to drop.

Full: whoever can wait, waits (a polled driver polls later, an MQTT source stops reading and its broker keeps what
carries a receipt). Only what nobody can repeat is thinned, oldest first, and counted. An Event is never dropped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from gateway.model import Delivery, Event


class Bus:
    """The one queue between the sources and the spine.

    Args:
        size: Most deliveries that wait.
    """

    def __init__(self, size: int = 1000) -> None:
        self._size = size
        self._waiting: deque[Delivery] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._closed = False
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    async def put(self, delivery: Delivery) -> None:
        """Hand over; waits for room unless something expendable can be thinned."""
        while len(self._waiting) >= self._size and not self._thin():
            self._room.clear()
            await self._room.wait()
        self._waiting.append(delivery)
        self._arrived.set()

    def close(self) -> None:
        """No more will come: the reader ends once it has everything."""
        self._closed = True
        self._arrived.set()

    async def __aiter__(self) -> AsyncIterator[Delivery]:
        while True:
            while self._waiting:
                delivery = self._waiting.popleft()
                self._room.set()
                yield delivery
            if self._closed:
                return
            self._arrived.clear()
            await self._arrived.wait()

    def _thin(self) -> bool:
        for index, delivery in enumerate(self._waiting):
            if delivery.expendable and not any(isinstance(item, Event) for item in delivery.observations):
                del self._waiting[index]
                self.dropped += len(delivery.observations)
                return True
        return False
