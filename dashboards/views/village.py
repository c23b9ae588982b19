"""The big screen: is anything wrong, can this screen be trusted, and how does each function of the village stand."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from dashboards.views.alerts import alerts, headline
from dashboards.views.bins import full_line
from dashboards.views.limits import limits_of, plain_limits
from dashboards.views.linkage import acting
from dashboards.views.news import news
from dashboards.views.scene import GATEWAY, WORST_FIRST, Scene, trend
from dashboards.views.water import class_of, class_table
from dashboards.views.weather import rain_sums
from gateway.doctor import examine
from gateway.model import Event

ALERTS_SHOWN = 40
SIGHTS_LOOKED_AT = 500


def village(scene: Scene) -> dict[str, Any]:
    """Everything on the first page."""
    listed = alerts(scene)
    return {
        "alerts": listed[:ALERTS_SHOWN],
        "more": max(0, len(listed) - ALERTS_SHOWN),
        "trust": trust(scene),
        "news": news(scene),
        "acting": acting(scene),
        "tiles": [
            tile
            for tile in (
                _bins(scene),
                _water(scene),
                _houses(scene),
                _weather(scene),
                _level(scene),
                _fields(scene),
                _cameras(scene),
            )
            if tile is not None
        ],
        "assets": [scene.card(slug) for slug, device in scene.devices.items() if device.settings.enabled],
        "cells": {
            slug: {
                "kind": cell.kind,
                "name": cell.name or slug,
                "lat": cell.lat,
                "lon": cell.lon,
                "point": cell.point,
            }
            for slug, cell in scene.cells.items()
        },
    }


def trust(scene: Scene) -> dict[str, Any]:
    """Can I trust the screen: what is silent, what waits, what the box itself complains of."""
    expected = [slug for slug, device in scene.devices.items() if device.settings.enabled]
    states = {slug: scene.state(slug) for slug in expected}
    silent = [slug for slug in expected if states[slug] in {"silent", "unheard"}]
    oldest = max(silent, key=lambda slug: scene.heard_s(slug) or float("inf"), default=None)
    status = scene.status
    sinks = status["sinks"]
    blind = [one for one in scene.alerts if one["rule"] == "camera-blind" and one["state"] != "pending"]
    return {
        "expected": len(expected),
        "heard": len(expected) - len(silent),
        "silent": [scene.card(slug) for slug in silent],
        "oldest": scene.card(oldest) if oldest else None,
        "sources": {name: source["state"] for name, source in status["sources"].items()},
        "backlog": max((sink["backlog"] for sink in sinks.values()), default=None),
        "sinks": {name: sink["state"] for name, sink in sinks.items()},
        "disk_used": scene.value(GATEWAY, "disk_used"),
        "cpu_temp": scene.value(GATEWAY, "cpu_temp"),
        "clock": bool(status["clock"]["trusted"]),
        "blind": [str(one["device"]) for one in blind],
        "problems": [
            {
                "kind": problem.kind,
                "facts": {key: str(value) for key, value in problem.facts.items()},
                "urgent": problem.urgent,
            }
            for problem in examine(status)
        ],
    }


def _tile(scene: Scene, domain: str, slugs: list[str], **more: Any) -> dict[str, Any]:
    states = Counter(scene.state(slug) for slug in slugs)
    worst = next((word for word in (*WORST_FIRST, "silent", "pending") if states[word]), "normal")
    return {
        "domain": domain,
        "count": len(slugs),
        "states": dict(states),
        "worst": worst,
        "bad": sum(states[word] for word in WORST_FIRST),
        **more,
    }


def _bins(scene: Scene) -> dict[str, Any] | None:
    slugs = [slug for slug, _ in scene.of_domain("bin")]
    if not slugs:
        return None
    lines = {
        slug: full_line(limits_of(scene.plans, slug, scene.devices[slug], scene.quantities, "fill"))
        for slug in slugs
    }
    readings = {slug: scene.reading(slug, "fill") for slug in slugs}
    bars = [
        {
            "device": slug,
            "name": scene.devices[slug].settings.name or slug,
            "value": reading["value"],
            "line": lines[slug],
            "state": scene.state(slug),
        }
        for slug, reading in readings.items()
        if reading is not None
    ]
    bars.sort(key=lambda one: -(one["value"] or 0))
    over = sum(
        one["value"] is not None and one["line"] is not None and one["value"] > one["line"] for one in bars
    )
    fullest = readings[bars[0]["device"]] if bars else None
    return _tile(
        scene, "bin", slugs, main=fullest, of=bars[0] if bars else None, bars=bars[:12], over=over,
        limit=bars[0]["line"] if bars else None, side="above",
    )  # fmt: skip


def _water(scene: Scene) -> dict[str, Any] | None:
    slugs = [slug for slug, _ in scene.of_domain("water")]
    if not slugs:
        return None
    table = class_table(scene)
    worst: tuple[int, str, str] | None = None
    for slug in slugs:
        for quantity in set(scene.quantities_of(slug)) & table.keys():
            value = scene.value(slug, quantity)
            found = (class_of(table[quantity], value), slug, quantity) if value is not None else None
            if found and (worst is None or found[0] > worst[0]):
                worst = found
    if worst is None:
        return _tile(scene, "water", slugs, main=None)
    number, slug, quantity = worst
    return _tile(
        scene, "water", slugs, number=number, **_course(scene, slug, quantity), **{"class": number}
    )  # fmt: skip


def _houses(scene: Scene) -> dict[str, Any] | None:
    slugs = [slug for slug, _ in scene.of_domain("structure")]
    return _extreme(scene, "structure", slugs, "tilt_delta")


def _level(scene: Scene) -> dict[str, Any] | None:
    slugs = [slug for slug, _ in scene.of_domain("level")]
    rivers = [slug for slug in slugs if "well" not in scene.devices[slug].settings.tags] or slugs
    return _extreme(scene, "level", slugs, "water_level", among=rivers)


def _fields(scene: Scene) -> dict[str, Any] | None:
    slugs = [slug for slug, _ in scene.of_domain("soil")]
    return _extreme(scene, "soil", slugs, "soil_moisture", lowest=True)


def _weather(scene: Scene) -> dict[str, Any] | None:
    slugs = [slug for slug, _ in scene.of_domain("weather")]
    if not slugs:
        return None
    gauges = [slug for slug in slugs if "rain" in scene.quantities_of(slug)]
    sums = {slug: rain_sums(scene, slug) for slug in gauges}
    wettest = max(gauges, key=lambda slug: max((one["mm"] or 0) for one in sums[slug]), default=None)
    warm = next((slug for slug in slugs if scene.value(slug, "air_temp") is not None), None)
    windy = next((slug for slug in slugs if scene.value(slug, "wind_speed") is not None), None)
    return _tile(
        scene, "weather", slugs,
        main=scene.reading(warm, "air_temp") if warm else None,
        of={"device": warm, "name": scene.devices[warm].settings.name} if warm else None,
        rain=sums[wettest] if wettest else [],
        wind=scene.reading(windy, "wind_speed") if windy else None,
        wind_dir=scene.reading(windy, "wind_dir") if windy else None,
        spark=scene.spark(warm, "air_temp") if warm else [],
    )  # fmt: skip


def _cameras(scene: Scene) -> dict[str, Any] | None:
    """What the cameras have seen in a day; an end of something seen is no second sight."""
    slugs = [slug for slug, _ in scene.of_domain("camera")]
    if not slugs:
        return None
    since = scene.now - timedelta(days=1)
    seen = [
        entry.item
        for entry in scene.past.events_before(None, SIGHTS_LOOKED_AT)
        if isinstance(entry.item, Event)
        and entry.item.source in scene.cameras
        and entry.item.evidence
        and entry.item.at >= since
        and entry.item.detail.get("state") != "ended"
    ]
    last = seen[0] if seen else None
    return _tile(
        scene,
        "camera",
        slugs,
        main=None,
        seen=len(seen),
        kinds=dict(Counter(event.kind for event in seen).most_common(4)),
        last=None
        if last is None
        else {"kind": last.kind, "at": last.at.isoformat(), "place": scene.card(last.source)["name"]},
    )


def _extreme(
    scene: Scene,
    domain: str,
    slugs: list[str],
    quantity: str,
    *,
    among: list[str] | None = None,
    lowest: bool = False,
) -> dict[str, Any] | None:
    """The tile of the device whose value is most extreme."""
    if not slugs:
        return None
    values = {slug: scene.value(slug, quantity) for slug in among or slugs}
    known = {slug: value for slug, value in values.items() if value is not None}
    if not known:
        return _tile(scene, domain, slugs, main=None)
    chosen = (min if lowest else max)(known, key=lambda slug: known[slug])
    return _tile(scene, domain, slugs, **_course(scene, chosen, quantity))


def _course(scene: Scene, slug: str, quantity: str) -> dict[str, Any]:
    """The figure of a tile: value, next limit, course, and whose it is."""
    reading = scene.reading(slug, quantity)
    spark = scene.spark(slug, quantity)
    limits = plain_limits(limits_of(scene.plans, slug, scene.devices[slug], scene.quantities, quantity))
    first = next((one for one in limits if one.severity != "info"), limits[0] if limits else None)
    return {
        "main": reading,
        "of": {"device": slug, "name": scene.devices[slug].settings.name or slug},
        "limit": first.value if first else None,
        "side": first.side if first else None,
        "spark": spark,
        "trend": trend(spark, reading["digits"]) if reading else 0,
    }


def summary(scene: Scene) -> dict[str, Any]:
    """The top band of every page."""
    return headline(scene)
