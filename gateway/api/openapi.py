"""The table as an OpenAPI 3.1 document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import gateway
from gateway.api.asked import Asked
from gateway.api.named import NAMED
from gateway.api.shapes import OBJECT, Shape, named
from gateway.api.table import Endpoint

_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
_NAME = re.compile(r"{(\w+)(?::\w+)?}")


async def _document(_: Asked) -> Any:
    return _whole()


@cache
def _whole() -> dict[str, Any]:
    """The document of everything; anybody may ask for it as often as he likes."""
    from gateway.api import routes  # noqa: PLC0415  # the table lists this file, too

    return document(routes.ENDPOINTS)


def document(table: Iterable[Endpoint]) -> dict[str, Any]:
    """All of it."""
    paths: dict[str, dict[str, Any]] = {}
    for one in table:
        paths.setdefault(_plain(one.path), {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Village gateway", "version": gateway.__version__, "license": _LICENSE},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": NAMED,
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "village_session"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(one: Endpoint) -> dict[str, Any]:
    names = _NAME.findall(one.path)
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": one.path_shapes.get(name, {"type": "string"}),
        }
        for name in names
    ] + [
        {"name": name, "in": "query", "required": False, "schema": shape} for name, shape in one.query.items()
    ]
    operation: dict[str, Any] = {
        "operationId": f"{one.method.lower()}{re.sub(r'[^a-z0-9]+', '_', _plain(one.path).lower()).rstrip('_')}",
        "summary": one.text,
        "x-role": one.role.word if one.role else None,
        "security": [{"session": []}, {"token": []}] if one.role else [{}],
        "responses": {"200": _answer(one), "default": _error()},
    }
    if parameters:
        operation["parameters"] = parameters
    if one.body is not None:
        media = "multipart/form-data" if one.raw else "application/json"
        operation["requestBody"] = {"required": True, "content": {media: {"schema": one.body}}}
    return operation


def _answer(one: Endpoint) -> Mapping[str, Any]:
    shape: Shape = one.answer if one.answer is not None else {}
    return {"description": "Done.", "content": {one.media: {"schema": shape}}}


def _error() -> Mapping[str, Any]:
    return {
        "description": "It was not done; why, in words.",
        "content": {"application/json": {"schema": named("Error")}},
    }


def _plain(path: str) -> str:
    """A path without Starlette's converters."""
    return _NAME.sub(r"{\1}", path)


ENDPOINTS = (Endpoint("GET", "/api/v1/openapi.json", None, "This document.", _document, OBJECT),)
