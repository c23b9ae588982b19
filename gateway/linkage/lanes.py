"""Outputs and cameras as channels of the outbox: what a rule wants done is handed over like a message."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable

from gateway.contracts import Act, Actuator, Delivered
from gateway.errors import BadReply, Lost, Retry, Undeliverable
from gateway.linkage.switchboard import Switchboard
from gateway.model import Notice

PATIENCE_S = 20.0
Find = Callable[[str], object]  # the running driver of the source that has a camera


class OutputLane:
    """One output, from the outbox's point of view."""

    def __init__(self, name: str, board: Switchboard, loop: asyncio.AbstractEventLoop) -> None:
        self._name = name
        self._board = board
        self._loop = loop

    def unfit(self, notice: Notice) -> str:
        """Nothing is."""
        del notice
        return ""

    def deliver(self, notice: Notice) -> Delivered:
        """Switch it; delivered means that the far side has done it."""
        said = notice.variables
        why = said.get("why", "")
        if said.get("do") == "off":
            work = self._board.off(self._name, by="rule", why=why)
        else:
            for_s = float(said.get("for_s") or 0)
            work = self._board.on(self._name, for_s, by="rule", why=why, text=said.get("text", ""))
        return Delivered("", waited(work, self._loop), "delivered")

    def close(self) -> None:
        """The switchboard brings it to rest."""


class CameraLane:
    """All cameras: a look at a place, a picture of it. The driver that has the camera does it."""

    def __init__(self, find: Find, loop: asyncio.AbstractEventLoop) -> None:
        self._find = find
        self._loop = loop

    def unfit(self, notice: Notice) -> str:
        """Nothing is."""
        del notice
        return ""

    def deliver(self, notice: Notice) -> Delivered:
        """Ask the camera's driver; what it says may be the id of a picture."""
        driver = self._find(notice.to)
        if driver is None:
            raise Retry(f"the source of camera {notice.to} is not open")
        if not isinstance(driver, Actuator):
            raise Undeliverable(f"the source of camera {notice.to} cannot be told to look")
        said = notice.variables
        act = Act(
            notice.id,
            "look",
            camera=notice.to,
            preset=said.get("preset", ""),
            snapshot=bool(said.get("snapshot")),
            rule=said.get("rule", ""),
            target=said.get("target", ""),
        )
        return Delivered("", waited(driver.act(act), self._loop), "delivered")

    def close(self) -> None:
        """Nothing stays open."""


def waited(work: Awaitable[str], loop: asyncio.AbstractEventLoop) -> str:
    """Something done where the house lives, waited for in a lane's thread; raises as a channel does."""

    async def done() -> str:
        return await work

    try:
        return asyncio.run_coroutine_threadsafe(done(), loop).result(PATIENCE_S)
    except (BadReply, Lost) as error:
        raise Retry(str(error)) from error
    except (concurrent.futures.CancelledError, concurrent.futures.TimeoutError, RuntimeError) as error:
        raise Retry(f"the house is busy or closing ({type(error).__name__})") from error
