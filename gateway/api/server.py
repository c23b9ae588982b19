"""Serves one house: over its own socket to its own user, over TCP to everybody who may come in."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.api.asked import Refusal, Served
from gateway.api.entry import Doorkeeper
from gateway.api.guard import Guard
from gateway.api.named import NAMED
from gateway.api.routes import ENDPOINTS
from gateway.api.table import Desk
from gateway.api.wire import Listening, tcp_socket, unix_socket
from gateway.control import SOCKET_NAME
from gateway.errors import Unavailable

TIDY_S = 60.0

_log = logging.getLogger(__name__)


class Api:
    """Serves one house.

    Args:
        house: Whose questions are answered.
        pages: Routes of what people look at; they come after the API's own and stand behind the same guard.
    """

    def __init__(self, house: Served, pages: Sequence[BaseRoute] = ()) -> None:
        self._house = house
        self._settings = house.site.village.api
        self._doorkeeper = Doorkeeper(house.accounts, public=house.site.village.board.public)
        desk = Desk(house, self._doorkeeper, NAMED)
        routes: list[BaseRoute] = [
            Route(one.path, desk.serve(one), methods=[one.method]) for one in ENDPOINTS
        ]
        application = Starlette(
            routes=[*routes, *pages],
            exception_handlers={404: _refuses(desk, 404), 405: _refuses(desk, 405)},
        )
        hosts = self._hosts()
        self._local = Listening(Guard(application, hosts=hosts, desk=desk, clock=house.clock, local=True))
        tls = self._settings.tls
        beside = house.site.path.parent
        files = (
            {} if tls is None else {"ssl_certfile": beside / tls.certificate, "ssl_keyfile": beside / tls.key}
        )
        self._public = Listening(
            Guard(application, hosts=hosts, desk=desk, clock=house.clock),
            proxy_headers=self._settings.proxy,
            forwarded_allow_ips="127.0.0.1,::1",
            **files,
        )
        self.address = ""

    async def serve(self) -> None:
        """Listen until :meth:`stop`; an address in use is said in the log and the house goes on without it."""
        path = self._house.state_dir / SOCKET_NAME
        local = unix_socket(path)
        try:
            async with asyncio.TaskGroup() as group:
                tidying = group.create_task(self._tidy(), name="accounts")
                telling = group.create_task(self._house.changes.run(), name="changes")
                public = self._public_socket()
                servers = [group.create_task(self._local.serve([local]), name="api local")]
                if public is not None:
                    servers.append(group.create_task(self._public.serve([public]), name="api"))
                await asyncio.wait(servers)
                tidying.cancel()
                telling.cancel()
        finally:
            path.unlink(missing_ok=True)

    def stop(self) -> None:
        """Answer what is being asked, then end."""
        self._house.changes.close()
        self._local.should_exit = True
        self._public.should_exit = True

    def _public_socket(self) -> socket.socket | None:
        settings = self._settings
        try:
            self._public.config.load()
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            _log.error("api not listening tls=%s reason=%s", settings.tls, error)
            return None
        try:
            public = tcp_socket(settings.host, settings.port)
        except OSError as error:
            where = f"{settings.host}:{settings.port}"
            _log.error("api not listening address=%s reason=%s", where, error.strerror)
            return None
        host, port = public.getsockname()[:2]
        scheme = "http" if settings.tls is None else "https"
        self.address = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
        self._house.address = self.address
        _log.info("api listening address=%s", self.address)
        return public

    async def _tidy(self) -> None:
        """Sessions that are over end, also those that nobody shows any more."""
        while True:
            await self._house.clock.sleep(TIDY_S)
            try:
                await asyncio.to_thread(self._house.accounts.tidy)
            except Unavailable as error:
                _log.warning("sessions not noted reason=%s", error)

    def _hosts(self) -> list[str]:
        """The names this box is called by; on ``0.0.0.0`` its addresses are what the site lists."""
        own = socket.gethostname().lower()
        names = ["localhost", "127.0.0.1", "[::1]", "village", own, f"{own}.local", *self._settings.hosts]
        host = self._settings.host
        if not _is_any(host):
            names.append(f"[{host}]" if ":" in host else host)
        return [*dict.fromkeys(names)]


def _refuses(desk: Desk, status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    """What is not there, or not to be done with it, in the words of everything else."""

    async def answer(request: Request, _: Exception) -> Response:
        path = request.url.path[:120]
        if status == 404:
            return desk.refused(Refusal(404, "not_found", what="path", name=path))
        return desk.refused(Refusal(405, "method", what=path))

    return answer


def _is_any(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False
