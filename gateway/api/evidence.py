"""Pictures and clips of what was seen: each look written down first, files only by the names their list holds."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from starlette.responses import FileResponse, Response

from gateway.api.asked import Asked, Refusal
from gateway.api.shapes import OBJECT, TEXT, TIME, TRUTH, listing, or_null, record
from gateway.api.table import Endpoint
from gateway.evidence import notebook
from gateway.evidence.pictures import Place, found
from gateway.evidence.shelf import TYPES, Item
from gateway.store.accounts import Role

SHOWN = frozenset(
    {"image/jpeg", "image/png", "video/mp4"}
)  # a browser may show these; all else is only saved
_FIRST = re.compile(r"bytes=0-\d*")


async def _meta(asked: Asked) -> Any:
    place, item = await _looked_at(asked, "list")
    marks = await asyncio.to_thread(_marks, place, item.id)
    return {
        "id": item.id,
        "camera": str(item.meta.get("camera", "")),
        "kind": str(item.meta.get("kind", "")),
        "at": item.meta.get("at"),
        "why": item.meta.get("why"),
        "files": [
            {"name": name, "type": _type(name), "bytes": int(entry.get("bytes", 0))}
            for name, entry in item.files.items()
        ],
        "marks": marks,
        "meta": {key: value for key, value in item.meta.items() if key != "files"},
    }


async def _file(asked: Asked) -> Response:
    """The bytes. A player that asks for a later part of a clip has been written down with its first part."""
    name = asked.given["name"]
    part = asked.request.headers.get("range", "")
    place, item = await _found(asked)
    path = item.path(name)
    if path is None:
        raise Refusal(404, "not_found", what="file", name=name)
    if not part or _FIRST.fullmatch(part):
        await _write_down(asked, place, item.id, "view", name)
    kind = _type(name)
    return FileResponse(
        path,
        media_type=kind,
        filename=f"{item.id}-{name}",
        content_disposition_type="inline" if kind in SHOWN else "attachment",
        headers={"Cache-Control": "private, no-store"},
    )


async def _mark(asked: Asked) -> Any:
    place, item = await _found(asked)
    right, house = asked.body["right"], asked.house
    await asyncio.to_thread(
        notebook.mark, place.root, item.id, right=right, by=asked.person.name, at=house.clock.now()
    )
    await asyncio.to_thread(house.accounts.note, asked.person, "evidence.mark", item.id, right=right)
    return {"id": item.id, "right": right}


async def _found(asked: Asked) -> tuple[Place, Item]:
    """Where it lies; an id that is none and one that is gone are answered alike."""
    number = asked.given["id"]
    known = await asyncio.to_thread(found, asked.house.evidence, number)
    if known is None:
        raise Refusal(404, "not_found", what="evidence", name=number[:40])
    return known


async def _looked_at(asked: Asked, what: str) -> tuple[Place, Item]:
    place, item = await _found(asked)
    await _write_down(asked, place, item.id, what)
    return place, item


async def _write_down(asked: Asked, place: Place, number: str, what: str, name: str = "") -> None:
    """Before anybody sees anything. Raises Unavailable: then nobody does."""
    house, who = asked.house, asked.person
    await asyncio.to_thread(
        notebook.look, place.root, number, who=who.name, what=what, at=house.clock.now(), why=name
    )
    await asyncio.to_thread(house.accounts.note, who, f"evidence.{what}", number, file=name)


def _marks(place: Place, number: str) -> list[dict[str, Any]]:
    return [
        {"right": line.get("mark") == "right", "by": str(line.get("by", "")), "at": line.get("at")}
        for line in notebook.lines(place.root / notebook.MARKS)
        if line.get("id") == number
    ]


def _type(name: str) -> str:
    """What a file is, by its ending; never by what somebody wrote into its list."""
    return TYPES.get(f".{name.rpartition('.')[2]}", "application/octet-stream")


_META = record(
    id=TEXT, camera=TEXT, kind=TEXT, at=or_null(TIME), why={}, marks=listing(record(right=TRUTH, by=TEXT, at={})),
    files=listing(record(name=TEXT, type=TEXT, bytes={"type": "integer"})), meta=OBJECT,
)  # fmt: skip
_ID = {"id": TEXT}
ENDPOINTS = (
    Endpoint(
        "GET", "/api/v1/evidence/{id}", Role.WORKER, "What is kept of something seen; the look is written down.", _meta,
        _META, path_shapes=_ID,
    ),
    Endpoint(
        "GET", "/api/v1/evidence/{id}/{name}", Role.WORKER, "One of its files; the look is written down first.", _file,
        media="*/*", path_shapes=_ID, examples={"name": "snapshot.jpg"},
    ),
    Endpoint(
        "POST", "/api/v1/evidence/{id}/mark", Role.OPERATOR, "It was right, or a false alarm: the worker learns.",
        _mark, record(id=TEXT, right=TRUTH), path_shapes=_ID, body=record(right=TRUTH), examples={"right": False},
    ),
)  # fmt: skip
