"""One entry for each thing that can be asked, and the one way from a request to its work.

The entry says everything: the door (role), the parameters, the body, the answer. The OpenAPI document and the contract
tests are made from it, so neither can say anything else than what happens.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.api.asked import Asked, Refusal, Served
from gateway.api.entry import Doorkeeper
from gateway.api.shapes import Shape, read, wrongs
from gateway.api.words import Speaker
from gateway.errors import SettingsError, Unavailable
from gateway.store.accounts import Role

UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
Work = Callable[[Asked], Awaitable[Any]]


@dataclass(frozen=True)
class Endpoint:
    """Something that can be asked.

    Attributes:
        method: HTTP's. path: With ``{names}``.
        role: The least that may ask; ``None``: anybody, signed in or not.
        text: What it is for, in one line.
        work: Does it: plain JSON data or a Response; raises Refusal, SettingsError, Unavailable.
        answer: What comes back with 200; ``None`` where it is no JSON.
        path_shapes: Of the names in the path; plain words by default.
        query: What may stand in the query: name -> shape. Those with a default get it.
        body: What must be sent; ``None``: nothing.
        media: Of the answer.
        raw: The work reads the body itself (files).
        examples: Values for path names and body, for whoever tries it out; the contract test does.
        first: May be asked by somebody who has still to choose a password.
    """

    method: str
    path: str
    role: Role | None
    text: str
    work: Work
    answer: Shape | None = None
    path_shapes: Mapping[str, Shape] = field(default_factory=dict)
    query: Mapping[str, Shape] = field(default_factory=dict)
    body: Shape | None = None
    media: str = "application/json"
    raw: bool = False
    examples: Mapping[str, Any] = field(default_factory=dict)
    first: bool = False


class Desk:
    """Takes a request to its endpoint's work and gives back what comes of it.

    Args:
        house: Who is asked.
        doorkeeper: Says who asks.
        known: The named shapes.
    """

    def __init__(self, house: Served, doorkeeper: Doorkeeper, known: Mapping[str, Shape]) -> None:
        self._house = house
        self._doorkeeper = doorkeeper
        self._known = known
        self._say = Speaker()

    def serve(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint as Starlette calls it."""

        async def answer(request: Request) -> Response:
            who = None
            try:
                who = self._doorkeeper.who(request)
                self._doorkeeper.check(request, who, endpoint.role, first=endpoint.first)
                asked = Asked(
                    self._house,
                    who,
                    self._given(endpoint, request),
                    await self._body(endpoint, request),
                    request,
                )
                return _as_response(await endpoint.work(asked))
            except Refusal as refusal:
                return self.refused(refusal, who.language if who else None)
            except SettingsError as error:
                return JSONResponse(_faults(error), 422)
            except Unavailable as error:
                after = error.retry_after.total_seconds() if error.retry_after else None
                later = Refusal(503, "not_now", why=str(error), retry_after_s=after)
                return self.refused(later, who.language if who else None)

        return answer

    def refused(self, refusal: Refusal, language: str | None = None) -> Response:
        """A no, in the language of whoever asked."""
        spoken = language or self._house.site.village.site.language
        body: dict[str, Any] = {
            "error": self._say(spoken, refusal.what, {"field": refusal.key, **refusal.facts})
        }
        if refusal.key:
            body["key"] = refusal.key
        if refusal.remedy:
            body["remedy"] = refusal.remedy
        if refusal.faults:
            body["faults"] = list(refusal.faults)
        wait = refusal.retry_after_s
        headers = {} if wait is None else {"Retry-After": str(max(1, round(wait)))}
        return JSONResponse(body, refusal.status, headers=headers)

    def _given(self, endpoint: Endpoint, request: Request) -> dict[str, Any]:
        given: dict[str, Any] = {}
        shapes = {name: endpoint.path_shapes.get(name, {"type": "string"}) for name in request.path_params}
        said = {**request.query_params, **request.path_params}
        for name, shape in {**endpoint.query, **shapes}.items():
            if name in said:
                try:
                    given[name] = read(shape, str(said[name]))
                except ValueError as error:
                    raise Refusal(400, "bad_value", key=name, problem=str(error)) from error
            else:
                default = shape.get("default")
                given[name] = read(shape, default) if isinstance(default, str) else default
        return given

    async def _body(self, endpoint: Endpoint, request: Request) -> Any:
        if endpoint.body is None or endpoint.raw:
            return None
        raw = await request.body()
        if not raw and self._doorkeeper.is_local(request):
            body: Any = _from_query(endpoint.body, request)
        else:
            if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                raise Refusal(415, "no_json")
            body = plain_json(raw)
        for key, problem in wrongs(endpoint.body, body, self._known):
            raise Refusal(400, "bad_value", key=key, problem=problem)
        return body


def plain_json(raw: bytes) -> Any:
    """A JSON body; NaN, infinity and towers of brackets are none. Raises Refusal."""
    if max(raw.count(b"["), raw.count(b"{")) > 10_000:
        raise Refusal(400, "no_json")
    try:
        body = json.loads(raw, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "no_json") from error
    if not isinstance(body, dict):
        raise Refusal(400, "no_json")
    return body


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _from_query(shape: Shape, request: Request) -> dict[str, Any]:
    """What a command of the box says in the query instead of a body."""
    fields: Mapping[str, Shape] = shape.get("properties", {})
    try:
        return {name: _plain(fields.get(name, {}), text) for name, text in request.query_params.items()}
    except ValueError as error:
        raise Refusal(400, "no_json") from error


def _plain(shape: Shape, text: str) -> Any:
    return text if shape.get("type", "string") == "string" else read(shape, text)


def _as_response(result: Any) -> Response:
    return result if isinstance(result, Response) else JSONResponse(result)


def _faults(error: SettingsError) -> dict[str, Any]:
    """Faults for a person (texts) and for a form (keys)."""
    first = error.faults[0]
    return {
        "error": str(first),
        "key": first.key,
        "remedy": first.remedy,
        "faults": [str(fault) for fault in error.faults],
        "details": [
            {"line": one.line, "key": one.key, "problem": one.problem, "remedy": one.remedy}
            for one in error.faults
        ],
    }
