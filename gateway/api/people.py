"""Who lives and works here, the cells, who is on duty; and changing them, as the devices, in the site file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.api import edit
from gateway.api.asked import Asked, Refusal
from gateway.api.shapes import OBJECT, SLUG_NAME, TEXT, TIME, TRUTH, listing, mapping, or_null, record
from gateway.api.table import Endpoint
from gateway.duty import Answer
from gateway.names import roster_of
from gateway.store.accounts import Role

LEVELS = (1, 2, 3, 4)


async def _people(asked: Asked) -> Any:
    found = await asyncio.to_thread(edit.read, asked.house.site.path, ("people",)) or {}
    return found if asked.person.role >= Role.ADMIN else edit.covered(found)


async def _duty(asked: Asked) -> Any:
    village = asked.house.site.village
    roster = roster_of(village)
    at = asked.given["at"] or asked.house.clock.now()
    cells = {
        slug: [
            {"level": level, **_answer_json(roster.answers(slug, level, at))}
            for level in LEVELS
            if level >= village.cells[slug].level
        ]
        for slug in village.cells
    }
    held = sorted({(shift.cell, shift.role) for shift in village.duty.rota if shift.role})
    roles = [
        {"cell": cell, "role": role, **_answer_json(roster.answers(cell, 1, at, role=role))}
        for cell, role in held
    ]
    written = await asyncio.to_thread(edit.read, asked.house.site.path, ("duty",)) or {}
    return {"at": at.isoformat(), "cells": cells, "roles": roles, "written": written}


def _answer_json(answer: Answer) -> dict[str, Any]:
    return {
        "people": [one.person for one in answer.people],
        "skipped": [{"person": one.person, "why": one.why} for one in answer.skipped],
    }


def _edits(section: str) -> tuple[Callable[[Asked], Awaitable[Any]], ...]:
    """PUT, PATCH and DELETE of one entry of a section."""

    async def put(asked: Asked) -> Any:
        return await _change(asked, section, lambda _: asked.body)

    async def patch(asked: Asked) -> Any:
        return await _change(asked, section, lambda before: _patched(asked, section, before))

    async def delete(asked: Asked) -> Any:
        return await _change(asked, section, lambda before: _gone(asked, section, before))

    return put, patch, delete


async def _change(asked: Asked, section: str, what: Callable[[Any], Any]) -> Any:
    way = (section, asked.given["slug"]) if "slug" in asked.given else (section,)
    return await edit.change(asked, asked.house.site.path, way, what, f"{section}.change")


def _patched(asked: Asked, section: str, before: Any) -> Any:
    """The entry with some keys changed; a key that is null goes."""
    if before is None and "slug" in asked.given:
        raise Refusal(404, "not_found", what=section, name=asked.given["slug"])
    changed = {**(before or {}), **asked.body}
    return {key: value for key, value in changed.items() if value is not None}


async def _duty_would(asked: Asked) -> Any:
    await edit.would(asked, asked.house.site.path, ("duty",), lambda before: _patched(asked, "duty", before))
    return {"ok": True}


def _gone(asked: Asked, section: str, before: Any) -> None:
    if before is None:
        raise Refusal(404, "not_found", what=section, name=asked.given["slug"])


_WHO = record(people=listing(TEXT), skipped=listing(record(person=or_null(TEXT), why=TEXT)))
_EDITED = record(entry=or_null(OBJECT), changed=listing(TEXT), applied=OBJECT)
_SLUG = {"slug": SLUG_NAME}


def _endpoints(section: str, what: str, example: dict[str, Any]) -> tuple[Endpoint, ...]:
    path = f"/api/v1/{section}/{{slug}}"
    put, patch, delete = _edits(section)
    text = "in the site file: tried as a whole first, applied at once (422: nothing has changed)."
    return (
        Endpoint(
            "PUT", path, Role.ADMIN, f"A {what}, new or anew, {text}", put, _EDITED, path_shapes=_SLUG, body=OBJECT,
            examples=example,
        ),
        Endpoint(
            "PATCH", path, Role.ADMIN, f"Some keys of a {what} (null takes one away), {text}", patch, _EDITED,
            path_shapes=_SLUG, body=OBJECT, examples=example,
        ),
        Endpoint(
            "DELETE", path, Role.ADMIN, f"A {what} goes, {text}", delete, _EDITED, path_shapes=_SLUG, examples=example
        ),
    )  # fmt: skip


_PUT_DUTY, _PATCH_DUTY, _ = _edits("duty")
ENDPOINTS = (
    Endpoint(
        "GET", "/api/v1/people", Role.OPERATOR, "Everybody, as the site file says; numbers covered below admin.",
        _people, mapping(OBJECT),
    ),
    *_endpoints("people", "person", {"slug": "lin", "name": "Lin"}),
    *_endpoints("cells", "cell", {"slug": "east", "kind": "grid"}),
    *_endpoints("devices", "device", {"slug": "bin-1", "source": "radio"}),
    Endpoint(
        "GET", "/api/v1/duty", Role.OPERATOR, "Who answers for each cell and role at a moment; the rota as written.",
        _duty,
        record(
            at=TIME, cells=mapping(listing(record(level={"type": "integer"}, **_WHO["properties"]))),
            roles=listing(record(cell=TEXT, role=TEXT, **_WHO["properties"])), written=OBJECT,
        ),
        query={"at": TIME},
    ),
    Endpoint("PUT", "/api/v1/duty", Role.ADMIN, "The whole of duty:, as for people.", _PUT_DUTY, _EDITED, body=OBJECT),
    Endpoint(
        "PATCH", "/api/v1/duty", Role.ADMIN, "Some keys of duty:, e.g. leave or swaps.", _PATCH_DUTY, _EDITED,
        body=OBJECT,
    ),
    Endpoint(
        "POST", "/api/v1/duty/check", Role.ADMIN, "Would these keys of duty: do? Nothing is written.", _duty_would,
        record(ok=TRUTH), body=OBJECT,
    ),
)  # fmt: skip
