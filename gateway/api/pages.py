"""What people look at hangs behind the API's own door; it is found on its shelf, never named."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from gateway import plugins
from gateway.api.asked import Refusal, Served
from gateway.api.entry import Doorkeeper
from gateway.api.named import NAMED
from gateway.api.table import Desk
from gateway.site import load_words
from gateway.store.accounts import Role


def pages_of(house: Served, name: str = "board") -> Sequence[BaseRoute]:
    """The routes of a board, its figures guarded like ``/api/v1/latest``."""
    doorkeeper = Doorkeeper(house.accounts, public=house.site.village.board.public)
    desk = Desk(house, doorkeeper, NAMED)

    async def allow(request: Request) -> Response | None:
        try:
            doorkeeper.check(request, doorkeeper.who(request), Role.VIEWER)
        except Refusal as refusal:
            return desk.refused(refusal)
        return None

    routes: Sequence[BaseRoute] = (
        plugins.load("board", name).Board(house, load_words().phrases, allow).routes()
    )
    return routes
