"""What changes, as it changes: server-sent events (WHATWG HTML, 9.2)."""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.accounts import Principal
from gateway.api.asked import Asked, Refusal
from gateway.api.entry import COOKIE
from gateway.api.table import Endpoint
from gateway.changes import Changes, Listener
from gateway.store.accounts import Role

HEARTBEAT_S = 15.0
BEGIN = b"retry: 3000\n\n"


class Stream(Response):
    """The answer that goes on until somebody hangs up, signs out, falls behind or the house closes."""

    media_type = "text/event-stream"

    def __init__(self, asked: Asked, changes: Changes, listener: Listener) -> None:
        super().__init__()
        del self.headers["content-length"]
        self.headers["connection"] = "close"  # whoever is let go comes back over a fresh one
        self.headers["x-accel-buffering"] = "no"  # a proxy would hold it back
        self._asked = asked
        self._changes = changes
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what comes, a comment when nothing does."""
        watching = asyncio.create_task(self._until_gone(receive), name="stream")
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": BEGIN, "more_body": True})
            while (piece := await self._listener.next(HEARTBEAT_S)) is not None and self._still_welcome():
                await send({"type": "http.response.body", "body": piece or b":\n\n", "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            watching.cancel()
            self._changes.leave(self._listener)

    async def _until_gone(self, receive: Receive) -> None:
        """The server takes what is sent to nobody without a word: that he has hung up is heard here."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._listener.leave()

    def _still_welcome(self) -> bool:
        """A session that was ended is told no more; one that looks on goes on."""
        key = self._asked.request.cookies.get(COOKIE)
        who: Principal = self._asked.person
        if who.csrf is None or key is None:
            return True
        return self._asked.house.accounts.by_session(key, who.address) is not None


async def _changes(asked: Asked) -> Response:
    listener = asked.house.changes.listen()
    if listener is None:
        raise Refusal(503, "too_often", retry_after_s=30)
    return Stream(asked, asked.house.changes, listener)


ENDPOINTS = (
    Endpoint(
        "GET", "/api/v1/changes", Role.VIEWER,
        "Server-sent events: reading (series: reading, at most once a second), alert, event, order, status (each 10 s),"
        " resync (fell behind: read everything anew). Last-Event-ID is accepted; there is no history.",
        _changes, media="text/event-stream",
    ),
)  # fmt: skip
