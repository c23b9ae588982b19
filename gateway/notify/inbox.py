"""What people answer: one thread for each channel that hears, all leading to one place in the house.

What came in is let go of at the far side only when the house has done what it asks; a power cut in between brings it
again, and deeds said twice do no harm. A channel that cannot listen just now is asked again ever more slowly.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from gateway.contracts import Channel, Heard, Hearing
from gateway.errors import DeliveryError, GatewayError

WAIT_S = 20.0  # a channel listens so long at once
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0
TAKEN_S = 60.0  # the house does what one message asks within this time, or it is asked again
PARTING_S = 2.5

_log = logging.getLogger(__name__)
Take = Callable[[str, Heard], Awaitable[None]]


class Ear:
    """One channel's listening thread.

    Args:
        name: Of the channel.
        channel: Asked from this thread, too: one that hears must bear that.
        loop: Where the house lives.
        take: Does what a message asks.
    """

    def __init__(self, name: str, channel: Hearing, loop: asyncio.AbstractEventLoop, take: Take) -> None:
        self.name = name
        self.channel = channel
        self._loop = loop
        self._take = take
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"hear-{name}", daemon=True)
        self.heard = 0
        self.trouble = ""

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is being listened to may take a moment longer, and is then not taken."""
        self._stopping.set()

    def join(self) -> None:
        """Wait a little for the end."""
        self._thread.join(PARTING_S)

    def step(self) -> float:
        """Listen once; how long to pause then [s]."""
        try:
            found = self.channel.hear(WAIT_S)
            done = []
            for one in found:
                if not self._hand_over(one):
                    break
                done.append(one)
            if done:
                self.channel.taken(done)
        except DeliveryError as error:
            if self.trouble != str(error):
                _log.warning("channel=%s does not hear why=%s", self.name, error)
            self.trouble = str(error)
            return FIRST_PAUSE_S
        self.trouble = ""
        self.heard += len(done)
        return 0.0 if len(done) == len(found) else FIRST_PAUSE_S

    def _hand_over(self, one: Heard) -> bool:
        if self._stopping.is_set():
            return False
        try:
            asyncio.run_coroutine_threadsafe(self._awaited(one), self._loop).result(TAKEN_S)
        except (
            concurrent.futures.CancelledError,
            concurrent.futures.TimeoutError,
            RuntimeError,
            GatewayError,
        ) as error:
            _log.warning("channel=%s answer not taken why=%s", self.name, error or type(error).__name__)
            return False
        return True

    async def _awaited(self, one: Heard) -> None:
        await self._take(self.name, one)

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopping.is_set():
            try:
                wait = self.step()
            except Exception as error:  # noqa: BLE001 - the thread's edge: a fault in one channel deafens no other
                _log.error("channel=%s stumbles listening", self.name, exc_info=error)
                self.trouble, wait = f"{type(error).__name__}: {error}", LONGEST_PAUSE_S
            pause = min(max(wait, pause * 2), LONGEST_PAUSE_S) if wait else FIRST_PAUSE_S
            if wait:
                self._stopping.wait(pause)


class Inbox:
    """All channels that hear."""

    def __init__(self) -> None:
        self._ears: dict[str, Ear] = {}
        self._begun: tuple[asyncio.AbstractEventLoop, Take] | None = None

    def begin(self, loop: asyncio.AbstractEventLoop, take: Take) -> None:
        """From now on what is heard goes here."""
        self._begun = loop, take

    def apply(self, channels: Mapping[str, Channel]) -> None:
        """Listen to exactly these channels, as far as they hear."""
        hearing: dict[str, Hearing] = {
            name: one for name, one in channels.items() if isinstance(one, Hearing) and one.listens
        }
        for name in [name for name, ear in self._ears.items() if hearing.get(name) is not ear.channel]:
            self._ears.pop(name).stop()
        for name, channel in hearing.items():
            if name not in self._ears and self._begun is not None:
                ear = self._ears[name] = Ear(name, channel, *self._begun)
                ear.start()

    def stop(self) -> None:
        """Listen no more; the channels are closed by their lanes."""
        for ear in self._ears.values():
            ear.stop()

    def join(self) -> None:
        """Wait a little until nobody listens."""
        for ear in self._ears.values():
            with suppress(RuntimeError):
                ear.join()

    def status(self) -> dict[str, dict[str, Any]]:
        """Every channel that hears, plain data."""
        return {name: {"heard": ear.heard, "trouble": ear.trouble} for name, ear in self._ears.items()}
