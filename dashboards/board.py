"""The village board: pages for people, served by the daemon itself, without the internet.

::

    /                    ─► /board/
    /board/<page>        ─► one HTML shell; its modules draw the page
    /board/page/<file>   ─► modules, styles, icons (ETag, gzip)
    /board/words/<lang>  ─► every text people read, from config/words
    /board/data/<page>   ─► what the page shows, computed by ``views/`` (at most once a second, whoever asks)
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from dashboards.serving.shelf import Leaf, Shelf, answer, leaf
from dashboards.views.alerts import alerts, headline
from dashboards.views.bins import bins
from dashboards.views.device import device
from dashboards.views.fields import fields
from dashboards.views.houses import houses
from dashboards.views.linkage import linkage
from dashboards.views.scene import Past, Scene
from dashboards.views.village import village
from dashboards.views.water import water
from dashboards.views.weather import weather
from gateway.clock import Clock
from gateway.contracts import Device
from gateway.latest import Latest
from gateway.quantities import Quantities
from gateway.rules.plan import Plan
from gateway.settings import BoardSettings, Village
from gateway.words import Phrase

PAGE = Path(__file__).parent / "page"
SEEING_DRIVER = ".vision"
FRESH_S = 1.0  # a view is computed at most this often, however many people look
WORDS_OF_THE_BOARD = ("board", "doctor", "told", "state", "duty")
VIEWS: Mapping[str, Callable[[Scene], Any]] = {
    "band": lambda scene: {"people": dict(scene.people)},
    "village": village,
    "bins": bins,
    "water": water,
    "houses": houses,
    "fields": fields,
    "weather": weather,
    "linkage": linkage,
    "alerts": lambda scene: {"alerts": alerts(scene)},
}
Settings = BoardSettings
Allow = Callable[[Request], Awaitable[Response | None]]


class Known(Protocol):
    """What the board reads of a site."""

    @property
    def village(self) -> Village:
        """As the file says."""

    @property
    def devices(self) -> Mapping[str, Device]:
        """Every sensor."""

    @property
    def quantities(self) -> Quantities:
        """All quantities."""

    @property
    def sources(self) -> Mapping[str, Any]:
        """Its sources with their modules: which of them see."""

    @property
    def rules(self) -> Judged:
        """Its rules."""


class Judged(Protocol):
    """What the board reads of the rules."""

    @property
    def plans(self) -> tuple[Plan, ...]:
        """Those that are judged."""


class Watched(Protocol):
    """The house, as the board sees it."""

    @property
    def clock(self) -> Clock:
        """The house's clock."""

    @property
    def latest(self) -> Latest:
        """The last word of every series."""

    @property
    def journal(self) -> Past:
        """Where the past is kept."""

    @property
    def site(self) -> Known:
        """The site as it is now; another one after a reload."""

    def status(self) -> dict[str, Any]:
        """What the box is doing, the alerts among it."""


class Board:
    """Serves the pages of one house.

    Args:
        house: What is shown.
        phrases: Every text, in both languages.
        allow: Whether a request may look: nothing, or the answer that refuses it.
    """

    def __init__(self, house: Watched, phrases: Mapping[str, Phrase], allow: Allow) -> None:
        self._house = house
        self._allow = allow
        self._shelf = Shelf(PAGE)
        self._words = {language: _words(phrases, language) for language in ("zh", "en")}
        self._views: dict[str, tuple[float, Leaf]] = {}
        self._busy: dict[str, asyncio.Lock] = {}

    def routes(self) -> list[BaseRoute]:
        """What the daemon's application mounts."""
        return [
            Route("/", self._home),
            Route("/board", self._home),
            Route("/board/page/{name:path}", self._file),
            Route("/board/words/{language}", self._speak),
            Route("/board/data/device/{slug}", self._device),
            Route("/board/data/{page}", self._data),
            Route("/board/sw.js", self._worker),
            Route("/board/{rest:path}", self._shell),
        ]

    async def _home(self, _: Request) -> Response:
        return RedirectResponse("/board/", 307)

    async def _shell(self, request: Request) -> Response:
        return answer(request, self._shelf.get("index.html"))

    async def _worker(self, request: Request) -> Response:
        return answer(request, self._shelf.get("sw.js"))

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._shelf:
            return JSONResponse({"error": "no such file"}, 404)
        return answer(request, self._shelf.get(name))

    async def _speak(self, request: Request) -> Response:
        language = request.path_params["language"]
        found = self._words.get(self._house.site.village.site.language if language == "site" else language)
        return answer(request, found) if found is not None else JSONResponse({"error": "zh or en"}, 404)

    async def _data(self, request: Request) -> Response:
        name = request.path_params["page"]
        view = VIEWS.get(name)
        if view is None:
            return JSONResponse({"error": f"no page is called {name!r}"}, 404)
        return await self._seen_by(request, name, view)

    async def _device(self, request: Request) -> Response:
        slug = request.path_params["slug"]
        return await self._seen_by(request, f"device/{slug}", lambda scene: device(scene, slug))

    async def _seen_by(self, request: Request, name: str, view: Callable[[Scene], Any]) -> Response:
        refused = await self._allow(request)
        if refused is not None:
            return refused
        async with self._busy.setdefault(name, asyncio.Lock()):
            now = self._house.clock.monotonic()
            have = self._views.get(name)
            if have is None or now - have[0] >= FRESH_S:
                made = await self._made(view)
                if made is None:
                    self._busy.pop(name, None)
                    return JSONResponse({"error": "no such thing here"}, 404)
                have = self._views[name] = (now, made)
        return answer(request, have[1])

    async def _made(self, view: Callable[[Scene], Any]) -> Leaf | None:
        """Compute a view in a thread, from a copy of what changes meanwhile."""
        scene = self._scene()
        site = self._house.site.village.site
        about = {"site": site.name or site.slug, "zone": site.timezone, "now": scene.now.isoformat()}

        def work() -> Leaf | None:
            shown = view(scene)
            if shown is None:
                return None
            whole = {**about, "headline": headline(scene), **shown}
            return leaf(
                json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode(), "application/json", 4
            )

        return await asyncio.to_thread(work)

    def _scene(self) -> Scene:
        house, known = self._house, self._house.site
        status = house.status()
        latest = dict(house.latest)
        seeing = {name for name, one in known.sources.items() if one.module.__name__.endswith(SEEING_DRIVER)}
        believed = {series: house.latest.last_good(series) for series in latest}
        return Scene(
            now=house.clock.now(),
            devices=known.devices,
            cells=known.village.cells,
            people={slug: person.name or slug for slug, person in known.village.people.items()},
            quantities=known.quantities,
            plans=known.rules.plans,
            latest=latest,
            believed={series: reading for series, reading in believed.items() if reading is not None},
            alerts=status["alerts"],
            status=status,
            past=house.journal,
            cameras=frozenset(
                slug for slug, device in known.devices.items() if device.settings.source in seeing
            ),
        )


def _words(phrases: Mapping[str, Phrase], language: str) -> Leaf:
    """The texts of the board in one language, as one JSON object."""
    told = {
        key: getattr(phrase, language)
        for key, phrase in phrases.items()
        if key.partition(".")[0].startswith(WORDS_OF_THE_BOARD)
    }
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    return leaf(body, "application/json", 9)
