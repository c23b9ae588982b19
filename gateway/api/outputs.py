"""What this box may switch: looked at, tested for a moment, stopped."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.api.asked import Asked, Refusal
from gateway.api.shapes import INTEGER, NUMBER, TEXT, TRUTH, WORD, Shape, mapping, one_of, or_null, record
from gateway.api.table import Endpoint
from gateway.errors import DeliveryError, Retry, Undeliverable
from gateway.store.accounts import Role

TEST_S = 2.0


async def _list(asked: Asked) -> Any:
    return asked.house.outputs.status()


async def _test(asked: Asked) -> Any:
    name = _known(asked)
    for_s = float((asked.body or {}).get("seconds") or TEST_S)
    try:
        words = await asked.house.outputs.test(name, for_s, asked.by)
    except DeliveryError as error:
        raise _refusal(error) from error
    await _note(asked, "output.test", name)
    return {"output": name, "said": words}


async def _stop(asked: Asked) -> Any:
    name = _known(asked)
    try:
        words = await asked.house.outputs.off(name, by=asked.by, why="stop")
    except DeliveryError as error:
        raise _refusal(error) from error
    await _note(asked, "output.stop", name)
    return {"output": name, "said": words}


async def _stop_all(asked: Asked) -> Any:
    said = {}
    for name in asked.house.outputs.status():
        try:
            said[name] = await asked.house.outputs.off(name, by=asked.by, why="stop")
        except DeliveryError as error:
            said[name] = str(error)
    await _note(asked, "output.stop", "all")
    return said


def _known(asked: Asked) -> str:
    name = str(asked.given["name"])
    if name not in asked.house.outputs.status():
        raise Refusal(404, "not_found", what="output", name=name)
    return name


def _refusal(error: DeliveryError) -> Refusal:
    status = 503 if isinstance(error, Retry) else 409 if isinstance(error, Undeliverable) else 502
    return Refusal(status, "refused", why=str(error))


async def _note(asked: Asked, action: str, name: str) -> None:
    await asyncio.to_thread(asked.house.accounts.note, asked.person, action, name, by=asked.by)


_OUTPUT: Shape = record(
    name=TEXT, kind=one_of("modbus_coil", "mqtt", "http"), on=or_null(TRUTH), left_s=NUMBER, max_s=NUMBER,
    safe=one_of("off", "on"), by=TEXT, why=TEXT, acts=INTEGER, trouble=TEXT,
)  # fmt: skip
_DONE = record(output=TEXT, said=TEXT)
_EXAMPLE = {"name": "siren"}
ENDPOINTS = (
    Endpoint(
        "GET", "/api/v1/outputs", Role.VIEWER, "What this box may switch, what is on, and until when.", _list,
        mapping(_OUTPUT),
    ),
    Endpoint(
        "POST", "/api/v1/outputs/stop", Role.WORKER, "Everything to its safe state, now.", _stop_all, mapping(TEXT),
        body=record({"by": WORD}),
    ),
    Endpoint(
        "POST", "/api/v1/outputs/{name}/test", Role.ADMIN, "On for a moment (5 s at most), marked as a test.", _test,
        _DONE, body=record({"seconds": NUMBER, "by": WORD}), examples=_EXAMPLE,
    ),
    Endpoint(
        "POST", "/api/v1/outputs/{name}/stop", Role.WORKER, "To its safe state, now.", _stop, _DONE,
        body=record({"by": WORD}), examples=_EXAMPLE,
    ),
)  # fmt: skip
