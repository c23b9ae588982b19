"""What the box is doing, in JSON and for Prometheus; and its own user's command to read the site again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.responses import PlainTextResponse, Response

from gateway.api.asked import Asked, Refusal
from gateway.api.shapes import ANY, INTEGER, NUMBER, OBJECT, TEXT, TIME, listing, mapping, record
from gateway.api.table import Endpoint
from gateway.store.accounts import Role


async def _healthz(asked: Asked) -> Response:
    stalled = asked.house.stalled()
    return PlainTextResponse("stalled: " + ", ".join(stalled) if stalled else "ok", 503 if stalled else 200)


async def _status(asked: Asked) -> Any:
    return asked.house.status()


async def _reload(asked: Asked) -> Any:
    outcome = await asked.house.reload()
    await asyncio.to_thread(asked.house.accounts.note, asked.person, "site.reload", **outcome)
    return outcome


async def _metrics(asked: Asked) -> Response:
    if asked.who is None and not _is_from_here(asked):
        raise Refusal(401, "sign_in")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(asked.house.status()))
    return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")


def _is_from_here(asked: Asked) -> bool:
    client = asked.request.client
    return client is None or not client.host or ip_address(client.host).is_loopback


class _Collector:
    """The status as Prometheus metrics."""

    def __init__(self, status: dict[str, Any]) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        status = self._status
        yield GaugeMetricFamily("village_uptime_seconds", "Time since start.", status["uptime_s"])
        yield GaugeMetricFamily(
            "village_clock_trusted", "1 when the clock is set.", float(status["clock"]["trusted"])
        )
        yield GaugeMetricFamily("village_bus_waiting", "Deliveries on the bus.", status["bus"]["waiting"])
        yield CounterMetricFamily(
            "village_bus_dropped", "Readings thinned on the bus.", status["bus"]["dropped"]
        )
        quality = CounterMetricFamily("village_readings", "Readings by quality.", labels=["flag"])
        for flag, number in status["quality"].items():
            quality.add_metric([flag], number)
        yield quality
        alerts = GaugeMetricFamily(
            "village_alerts", "Alerts that are not normal now.", labels=["severity", "state"]
        )
        for (severity, state), number in Counter(
            (one["severity"], one["state"]) for one in status["alerts"]
        ).items():
            alerts.add_metric([severity, state], number)
        yield alerts
        for key in ("received", "refused", "duplicates", "dropped", "overdue", "reopened"):
            metric = CounterMetricFamily(f"village_source_{key}", f"Messages {key}.", labels=["source"])
            for name, source in status["sources"].items():
                metric.add_metric([name], source[key])
            yield metric
        opened = GaugeMetricFamily("village_source_open", "1 while the source is open.", labels=["source"])
        for name, source in status["sources"].items():
            opened.add_metric([name], float(source["state"] == "open"))
        yield opened
        for section in ("journal", "sinks"):
            entries = {"": status["journal"]} if section == "journal" else status["sinks"]
            yield from _gauges(section, entries)


def _gauges(section: str, entries: dict[str, dict[str, Any]]) -> Iterator[Metric]:
    """Every number of the journal or of the sinks as a gauge; texts are left out."""
    keys = dict.fromkeys(key for entry in entries.values() for key in entry)
    for key in keys:
        prefix = "village_journal" if section == "journal" else "village_sink"
        metric = GaugeMetricFamily(
            f"{prefix}_{key}", f"{key} of the {section}.", labels=["sink"] if section == "sinks" else []
        )
        found = False
        for name, entry in entries.items():
            value = entry.get(key)
            if isinstance(value, int | float) and not isinstance(value, bool):
                metric.add_metric([name] if section == "sinks" else [], float(value))
                found = True
        if found:
            yield metric


_STATUS = record(
    more=True, site=TEXT, name=TEXT, language=TEXT, started=TIME, uptime_s=NUMBER, sources=mapping(OBJECT),
    devices=mapping(OBJECT), journal=OBJECT, sinks=mapping(OBJECT), clock=OBJECT, alerts=listing(OBJECT),
    channels=mapping(OBJECT), rules=mapping(INTEGER), bus=mapping(INTEGER), quality=mapping(INTEGER), events=INTEGER,
    stalled=listing(TEXT), accounts=TEXT, versions=mapping(ANY),
)  # fmt: skip
ENDPOINTS = (
    Endpoint("GET", "/healthz", None, "ok, or 503 with the stages that stand still.", _healthz, media="text/plain"),
    Endpoint(
        "GET", "/metrics", None, "For Prometheus; from other machines only with a key.", _metrics, media="text/plain"
    ),
    Endpoint("GET", "/api/v1/status", Role.VIEWER, "Everything that village status shows.", _status, _STATUS),
    Endpoint(
        "POST", "/api/v1/reload", Role.ADMIN, "Read the site again and apply what has changed.", _reload,
        record(more=True, sources=OBJECT, sinks=OBJECT, channels=OBJECT, needs_restart=listing(TEXT)),
    ),
)  # fmt: skip
