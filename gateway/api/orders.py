"""Work orders: listed, made, moved on, looked back at."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from gateway.accounts import LOCAL
from gateway.api.asked import Asked, Refusal
from gateway.api.named import SEVERITY
from gateway.api.parts import read_form
from gateway.api.shapes import (
    OBJECT,
    SLUG_NAME,
    TEXT,
    TIME,
    TRUTH,
    WORD,
    Shape,
    listing,
    moment,
    named,
    one_of,
    record,
    within,
)
from gateway.api.table import Endpoint
from gateway.errors import OrderRefused
from gateway.model import Order, OrderState, Severity
from gateway.orders.desk import OPEN
from gateway.orders.papers import Draft, Proof
from gateway.site import load_words
from gateway.store.accounts import Role
from gateway.words import Language

STATUS = {"unknown": 404, "conflict": 409, "ask": 409, "bad": 422}
LONGEST_KEY = 80
STATES = one_of(*(state.value for state in OrderState), "all")


async def _list(asked: Asked) -> Any:
    given, desk = asked.given, asked.house.orders
    person = given["person"] or ""
    if given["mine"]:
        person = asked.person.person or asked.person.name
    states = (
        OPEN if given["state"] is None else () if given["state"] == "all" else (OrderState(given["state"]),)
    )
    found = await desk.find(
        states=states, cell=given["cell"] or "", person=person, start=given["from"], end=given["to"],
        limit=given["limit"],
    )  # fmt: skip
    return [desk.plain(one) for one in found]


async def _get(asked: Asked) -> Any:
    desk = asked.house.orders
    return desk.plain(await _allowed(asked, desk.get(asked.given["id"])))


async def _create(asked: Asked) -> Any:
    body, house = asked.body, asked.house
    if body.get("rule"):
        order = await _allowed(asked, house.watch.open_for(body["rule"], body.get("target", ""), _by(asked)))
        if order is None:
            raise Refusal(404, "nothing_open", rule=body["rule"], target=body.get("target", ""))
    else:
        draft = Draft(
            title=body.get("title", ""), text=body.get("text", ""), kind=body.get("kind", ""),
            device=body.get("device", ""), cell=body.get("cell", ""), person=body.get("person", ""),
            severity=Severity[body.get("severity", "info").upper()],
            due=moment(body["due"]) if body.get("due") else None, key=_key(asked),
        )  # fmt: skip
        order = await _allowed(asked, house.orders.create(draft, _by(asked)))
    return await _moved(asked, order, "order.create")


async def _accept(asked: Asked) -> Any:
    work = asked.house.orders.accept(asked.given["id"], _by(asked), key=_key(asked))
    return await _moved(asked, await _allowed(asked, work), "order.accept")


async def _arrive(asked: Asked) -> Any:
    body = asked.body
    place = (body["lat"], body["lon"]) if "lat" in body and "lon" in body else None
    work = asked.house.orders.arrive(asked.given["id"], _by(asked), place=place, key=_key(asked))
    return await _moved(asked, await _allowed(asked, work), "order.arrive")


async def _done(asked: Asked) -> Any:
    try:
        form = read_form(asked.request.headers.get("content-type", ""), await asked.request.body())
        place = _place(form.fields.get("lat", ""), form.fields.get("lon", ""))
    except ValueError as error:
        raise Refusal(400, "bad_value", key="photo", problem=str(error)) from error
    proof = Proof(
        photos=[content for files in form.files.values() for content in files],
        place=place,
        note=form.fields.get("note", "")[:1000],
        sure=form.fields.get("sure", "") in {"1", "true"},
        by_word=asked.person.name == LOCAL and form.fields.get("by_word", "") == "1",
    )
    by = _by(asked, form.fields.get("by", ""))
    work = asked.house.orders.done(asked.given["id"], by, proof, key=_key(asked))
    return await _moved(asked, await _allowed(asked, work), "order.done")


async def _check(asked: Asked) -> Any:
    body = asked.body
    work = asked.house.orders.check(
        asked.given["id"],
        _by(asked),
        note=body.get("note", ""),
        sure=body.get("sure", False),
        key=_key(asked),
    )
    return await _moved(asked, await _allowed(asked, work), "order.check")


async def _return(asked: Asked) -> Any:
    work = asked.house.orders.give_back(asked.given["id"], _by(asked), asked.body["why"], key=_key(asked))
    return await _moved(asked, await _allowed(asked, work), "order.return")


async def _assign(asked: Asked) -> Any:
    work = asked.house.orders.assign(asked.given["id"], asked.body["person"], _by(asked), key=_key(asked))
    return await _moved(asked, await _allowed(asked, work), "order.assign")


async def _statistics(asked: Asked) -> Any:
    end = asked.given["to"] or asked.house.clock.now() + timedelta(seconds=1)  # what is made just now counts
    start = asked.given["from"] or end - timedelta(days=30)
    return await asked.house.orders.statistics(start, end)


async def _photo(asked: Asked) -> Any:
    number, name = asked.given["id"], asked.given["name"]
    try:
        content, media = await asyncio.to_thread(asked.house.orders.album.look, number, name)
    except OrderRefused as refused:
        raise _refusal(asked, refused) from refused
    await asyncio.to_thread(asked.house.accounts.note, asked.person, "order.photo", f"{number} {name}")
    return Response(content, media_type=media, headers={"Cache-Control": "private, max-age=86400"})


async def _allowed(asked: Asked, work: Awaitable[Any]) -> Any:
    try:
        return await work
    except OrderRefused as refused:
        raise _refusal(asked, refused) from refused


def _refusal(asked: Asked, refused: OrderRefused) -> Refusal:
    """A no in the language of whoever asked."""
    language: Language = (
        "en" if (asked.person.language or asked.house.site.village.site.language) == "en" else "zh"
    )
    why = load_words(language)(f"order_no.{refused.key}", **refused.facts)
    ask = refused.kind == "ask"
    return Refusal(
        STATUS[refused.kind],
        "refused",
        key="sure" if ask else refused.key,
        remedy="sure: true" if ask else "",
        why=why,
    )


async def _moved(asked: Asked, order: Order, action: str) -> dict[str, Any]:
    await asyncio.to_thread(
        asked.house.accounts.note, asked.person, action, order.number, after={"state": order.state.value}
    )
    return asked.house.orders.plain(order)


def _by(asked: Asked, said: str = "") -> str:
    """Whose deed it is: somebody of the site by his slug, else the user."""
    who = asked.person
    if who.name == LOCAL:
        body = asked.body if isinstance(asked.body, dict) else {}
        return str(said or body.get("by") or LOCAL).strip()[:60]
    return who.person or who.name


def _key(asked: Asked) -> str:
    """The same key is carried out once: a telephone repeats what it could not send."""
    return asked.request.headers.get("idempotency-key", "")[:LONGEST_KEY]


def _place(lat: str, lon: str) -> tuple[float, float] | None:
    if not lat and not lon:
        return None
    place = float(lat), float(lon)
    if not (math.isfinite(place[0]) and -90 <= place[0] <= 90 and -180 <= place[1] <= 180):
        raise ValueError("lat and lon are no place on the earth")
    return place


_ID = {"id": within(1, 1 << 53)}
_ONE = named("Order")
_EXAMPLE = {"id": 1}
_WHERE: Shape = {"type": "number", "minimum": -180, "maximum": 180}
ENDPOINTS = (
    Endpoint(
        "GET", "/api/v1/orders", Role.VIEWER, "Work orders, newest first; the open ones unless a state is asked for.",
        _list, listing(_ONE),
        query={
            "state": STATES, "cell": WORD, "person": WORD, "mine": TRUTH, "from": TIME,
            "to": TIME, "limit": within(1, 2000, 500),
        },
    ),
    Endpoint(
        "POST", "/api/v1/orders", Role.WORKER,
        "A new order, by hand or from outside: a title, or the rule and target of an alert that is on.", _create, _ONE,
        body=record(
            {
                "title": WORD, "text": TEXT, "kind": WORD, "device": SLUG_NAME, "cell": SLUG_NAME,
                "severity": SEVERITY, "person": SLUG_NAME, "due": TIME, "rule": WORD, "target": WORD, "by": WORD,
            }
        ),
        examples={"title": "clear the ditch", "severity": "yellow"},
    ),
    Endpoint(
        "GET", "/api/v1/orders/statistics", Role.VIEWER,
        "For each cell, person and kind: told, accepted, done, late; alarms for each person and day; worst sources.",
        _statistics, record(more=True, cells=OBJECT, people=OBJECT, kinds=OBJECT, alarms=OBJECT, worst=listing(OBJECT)),
        query={"from": TIME, "to": TIME},
    ),
    Endpoint(
        "GET", "/api/v1/orders/{id}", Role.VIEWER, "One order.", _get, _ONE, path_shapes=_ID, examples=_EXAMPLE
    ),
    Endpoint(
        "GET", "/api/v1/orders/{id}/photos/{name}", Role.WORKER, "A picture of an order.", _photo, path_shapes=_ID,
        media="image/jpeg", examples={"id": 1, "name": "0123456789abcdef.jpg"},
    ),
    Endpoint(
        "POST", "/api/v1/orders/{id}/accept", Role.WORKER, "I take it.", _accept, _ONE, path_shapes=_ID,
        body=record({"by": WORD}), examples=_EXAMPLE,
    ),
    Endpoint(
        "POST", "/api/v1/orders/{id}/arrive", Role.WORKER, "I am there.", _arrive, _ONE, path_shapes=_ID,
        body=record({"lat": _WHERE, "lon": _WHERE, "by": WORD}), examples={**_EXAMPLE, "lat": 27.99, "lon": 120.7},
    ),
    Endpoint(
        "POST", "/api/v1/orders/{id}/done", Role.WORKER,
        "It is done: a form with photo (files), lat, lon, note, sure. 409 with key sure: the sensor says otherwise.",
        _done, _ONE, path_shapes=_ID, raw=True,
        body=record({"photo": TEXT, "lat": TEXT, "lon": TEXT, "note": TEXT, "sure": TEXT}, more=True),
        examples=_EXAMPLE,
    ),
    Endpoint(
        "POST", "/api/v1/orders/{id}/check", Role.OPERATOR, "I have looked at it: it is closed.", _check, _ONE,
        path_shapes=_ID, body=record({"note": TEXT, "sure": TRUTH, "by": WORD}), examples=_EXAMPLE,
    ),
    Endpoint(
        "POST", "/api/v1/orders/{id}/return", Role.OPERATOR, "Not good enough, and why.", _return, _ONE,
        path_shapes=_ID, body=record({"by": WORD}, why=WORD), examples={**_EXAMPLE, "why": "half full"},
    ),
    Endpoint(
        "POST", "/api/v1/orders/{id}/assign", Role.OPERATOR, "Somebody else shall do it.", _assign, _ONE,
        path_shapes=_ID, body=record({"by": WORD}, person=SLUG_NAME), examples={**_EXAMPLE, "person": "sun"},
    ),
)  # fmt: skip
