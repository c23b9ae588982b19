"""The whole state as one download, read while the house goes on; one at a time.

A thread writes, the browser takes: no more than a few pieces are ever in memory, and nothing but the copy of one
database is on the disk. Whoever stops taking ends it.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from typing import IO, Any, cast

from starlette.responses import Response, StreamingResponse

from gateway.api.asked import Asked, Refusal
from gateway.api.table import Endpoint
from gateway.store.accounts import Role
from gateway.store.backup import stream

PIECES = 4  # that wait to be taken
LONGEST_S = 60.0  # that one piece waits for whoever takes it


class Chute(io.RawIOBase):
    """What a thread writes and the loop takes.

    Args:
        loop: Of whoever takes.
        patience_s: How long a piece waits before the writing ends.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, patience_s: float = LONGEST_S) -> None:
        self._loop = loop
        self._patience_s = patience_s
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue(PIECES)
        self._left = False

    def write(self, data: Any) -> int:
        """In the thread. Raises OSError when nobody takes it."""
        piece = bytes(data)
        if self._left:
            raise BrokenPipeError("whoever asked for it has gone")
        if piece:
            self._put(piece)
        return len(piece)

    def finish(self) -> None:
        """In the thread: there is no more."""
        self._put(b"")

    def _put(self, piece: bytes) -> None:
        handed = asyncio.run_coroutine_threadsafe(self._pieces.put(piece), self._loop)
        try:
            handed.result(self._patience_s)
        except (TimeoutError, CancelledError) as error:
            handed.cancel()
            raise BrokenPipeError("nobody takes it") from error

    async def take(self) -> bytes:
        """The next piece; empty: that was all."""
        return await self._pieces.get()

    def leave(self) -> None:
        """Nobody takes any more; the next piece that is written finds out."""
        self._left = True
        while not self._pieces.empty():
            self._pieces.get_nowait()


async def _backup(asked: Asked) -> Response:
    house = asked.house
    if house.backing_up.locked():
        raise Refusal(503, "not_now", why="another backup is being taken", retry_after_s=60)
    await house.backing_up.acquire()
    chute = Chute(asyncio.get_running_loop())

    def work() -> None:
        stream(house.state_dir, cast("IO[bytes]", chute))
        chute.finish()

    name = f"village-{house.site.village.site.slug}-{house.clock.now():%Y%m%dT%H%MZ}.tar"
    try:
        await asyncio.to_thread(house.accounts.note, asked.person, "backup.take", name)
        working = asyncio.ensure_future(asyncio.to_thread(work))
    except BaseException:
        house.backing_up.release()
        raise
    working.add_done_callback(lambda done: _ended(done, house.backing_up))
    first = await _next(chute, working)
    return StreamingResponse(
        _pieces(first, chute, working),
        media_type="application/x-tar",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
        },
    )


def _ended(done: asyncio.Future[None], lock: asyncio.Lock) -> None:
    lock.release()
    if not done.cancelled():
        done.exception()  # is said where the pieces are taken, or to nobody any more


async def _next(chute: Chute, working: asyncio.Future[None]) -> bytes:
    """The next piece. Raises Unavailable: a download breaks off, never ends short and looks whole."""
    taking = asyncio.ensure_future(chute.take())
    try:
        either: set[asyncio.Future[Any]] = {taking, working}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not taking.done() and working.done():
            working.result()
        return await taking
    except BaseException:
        taking.cancel()
        chute.leave()
        raise


async def _pieces(first: bytes, chute: Chute, working: asyncio.Future[None]) -> AsyncIterator[bytes]:
    piece = first
    try:
        while piece:
            yield piece
            piece = await _next(chute, working)
    finally:
        chute.leave()


ENDPOINTS = (
    Endpoint(
        "GET", "/api/v1/backup", Role.ADMIN,
        "Everything stored, as one tar (as village backup makes it); one at a time.", _backup,
        media="application/x-tar",
    ),
)  # fmt: skip
