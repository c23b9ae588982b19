"""The site as people see it: its cells, its devices, what is measured, its map."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import FileResponse, Response

from gateway.api.asked import Asked, Refusal
from gateway.api.plain import reading_json
from gateway.api.shapes import (
    ANY,
    INTEGER,
    NUMBER,
    OBJECT,
    TEXT,
    TIME,
    listing,
    mapping,
    named,
    one_of,
    or_null,
    record,
)  # fmt: skip
from gateway.api.table import Endpoint
from gateway.contracts import Device
from gateway.model import split_series
from gateway.picture import size_of
from gateway.site import Site
from gateway.store.accounts import Role

CAMERA_DRIVER = ".vision"
MAP_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}


async def _site(asked: Asked) -> Any:
    site = asked.house.site
    village = site.village
    return {
        "slug": village.site.slug,
        "name": village.site.name,
        "language": village.site.language,
        "timezone": village.site.timezone,
        "map": await asyncio.to_thread(_map_of, site),
        "cells": {
            slug: {
                "kind": cell.kind, "name": cell.name, "parent": cell.parent,
                "lat": cell.lat, "lon": cell.lon, "point": cell.point,
            }
            for slug, cell in village.cells.items()
        },
        "devices": {slug: device_json(device) for slug, device in site.devices.items()},
        "quantities": {
            name: {
                "unit": one.unit, "title": {"zh": one.zh, "en": one.en}, "kind": one.kind, "digits": one.digits,
            }
            for name, one in site.quantities.items()
        },
        "sinks": list(site.sinks),
        "cameras": cameras_of(site),
    }  # fmt: skip


async def _map(asked: Asked) -> Response:
    site = asked.house.site
    if site.village.site.map is None or await asyncio.to_thread(_map_of, site) is None:
        raise Refusal(404, "not_found", what="map", name="")
    path = site.path.parent / site.village.site.map
    return FileResponse(path, media_type=MAP_TYPES[path.suffix.lower()])


async def _device(asked: Asked) -> Any:
    site, slug = asked.house.site, asked.given["slug"]
    device = site.devices.get(slug)
    if device is None:
        raise Refusal(404, "not_found", what="device", name=slug)
    now = asked.house.clock.now()
    latest = {
        split_series(series)[1]: reading_json(reading, now)
        for series, reading in asked.house.latest.items()
        if split_series(series)[0] == slug
    }
    status = asked.house.status_of(slug)
    return {
        "slug": slug,
        **device_json(device),
        "catalogue": None if device.model is None else device.model.model_dump(mode="json", by_alias=True),
        "latest": latest,
        "counts": status["counts"],
        "raw": status["raw"],
        "error": status["error"],
        "age_s": status["age_s"],
    }


def device_json(device: Device) -> dict[str, Any]:
    """A device as the site file says."""
    settings = device.settings
    return {
        "name": settings.name,
        "kind": device.model.domain if device.model else None,
        "model": settings.model,
        "source": settings.source,
        "cell": settings.cell,
        "role": settings.role,
        "tags": settings.tags,
        "lat": settings.lat,
        "lon": settings.lon,
        "point": settings.point,
        "period_s": device.period.total_seconds(),
        "enabled": settings.enabled,
    }


def cameras_of(site: Site) -> list[str]:
    """The devices that are cameras: those that a vision source hears."""
    seeing = {name for name, plugin in site.sources.items() if plugin.module.__name__.endswith(CAMERA_DRIVER)}
    return [slug for slug, device in site.devices.items() if device.settings.source in seeing]


def _map_of(site: Site) -> dict[str, Any] | None:
    """The site's own map image and its size in pixels; None when there is none that can be read."""
    if site.village.site.map is None:
        return None
    path = site.path.parent / site.village.site.map
    size = size_of(path) if path.suffix.lower() in MAP_TYPES else None
    return None if size is None else {"url": "/api/v1/site/map", "width": size[0], "height": size[1]}


_SITE = record(
    slug=TEXT, name=TEXT, language=one_of("zh", "en"), timezone=TEXT,
    map=or_null(record(url=TEXT, width=INTEGER, height=INTEGER)),
    cells=mapping(named("Cell")), devices=mapping(named("Device")), quantities=mapping(named("Quantity")),
    sinks=listing(TEXT), cameras=listing(TEXT),
)  # fmt: skip
_DEVICE = record(
    more=True, slug=TEXT, catalogue=or_null(OBJECT), latest=mapping(named("Reading")), counts=mapping(INTEGER),
    raw=or_null(record(at=TIME, text=TEXT)), error=TEXT, age_s=or_null(NUMBER), name=TEXT, source=TEXT, model=ANY,
)  # fmt: skip
ENDPOINTS = (
    Endpoint("GET", "/api/v1/site", Role.VIEWER, "The site as people see it.", _site, _SITE),
    Endpoint("GET", "/api/v1/site/map", Role.VIEWER, "The site's own map image.", _map, media="image/png"),
    Endpoint(
        "GET", "/api/v1/devices/{slug}", Role.VIEWER, "A device: its entry, its model's file, its last words.",
        _device, _DEVICE,
    ),
)  # fmt: skip
