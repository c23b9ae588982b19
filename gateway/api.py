"""The daemon's HTTP API, versioned: status, latest values, charts, metrics; reload over the local socket only.

It listens on the address of the site file (loopback by default) and on ``control.sock`` in the state folder, which only
the daemon's own user can open. What changes something is answered on the socket alone.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import uvicorn
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gateway import plugins
from gateway.clock import Clock
from gateway.control import SOCKET_NAME
from gateway.errors import SettingsError, Unavailable
from gateway.model import Reading
from gateway.schema import duration
from gateway.site import Site, load_words
from gateway.store.journal import Journal

_log = logging.getLogger(__name__)


class Served(Protocol):
    """What the API needs to know of a house."""

    site: Site
    state_dir: Path
    clock: Clock
    journal: Journal
    address: str

    @property
    def latest(self) -> Mapping[str, Reading]:
        """The last word of every series."""

    def status(self) -> dict[str, Any]:
        """What the box is doing, as plain data."""

    def alerts(self) -> list[dict[str, Any]]:
        """What is not normal now, worst first."""

    async def confirm(self, rule: str, target: str, by: str) -> bool:
        """A person has looked at an alert; False when there is none."""

    async def acknowledge(self, rule: str, target: str, by: str) -> bool:
        """A person has taken an alert on; False when there is none. Raises Unavailable."""

    async def reload(self) -> dict[str, Any]:
        """Apply a changed site; raises SettingsError."""


class Api:
    """Serves one house."""

    def __init__(self, house: Served) -> None:
        self._house = house
        settings = house.site.village.api
        hosts = ["localhost", "127.0.0.1", "[::1]", "village", socket.gethostname(), settings.host]
        routes = [
            Route("/healthz", self._healthz),
            Route("/metrics", self._metrics),
            Route("/api/v1/status", self._status),
            Route("/api/v1/latest", self._latest),
            Route("/api/v1/series", self._series),
            Route("/api/v1/chart/{device}/{quantity}", self._chart),
            Route("/api/v1/alerts", self._alerts),
            Route("/api/v1/alerts/confirm", self._confirm, methods=["POST"]),
            Route("/api/v1/alerts/ack", self._acknowledge, methods=["POST"]),
            Route("/api/v1/reload", self._reload, methods=["POST"]),
            *plugins.load("board", "board").Board(house, load_words().phrases, _open).routes(),
        ]
        guard = Middleware(TrustedHostMiddleware, allowed_hosts=[*dict.fromkeys(hosts)])
        application = Starlette(routes=routes, middleware=[guard])
        config = uvicorn.Config(
            application, log_config=None, access_log=False, lifespan="off", server_header=False, limit_concurrency=64,
            timeout_keep_alive=10, timeout_graceful_shutdown=2,
        )  # fmt: skip
        self._server = _Server(config)
        self.address = ""

    async def serve(self) -> None:
        """Listen until :meth:`stop`; an address in use is said in the log and the house goes on without it."""
        path = self._house.state_dir / SOCKET_NAME
        sockets = [_unix_socket(path)]
        settings = self._house.site.village.api
        try:
            public = socket.create_server((settings.host, settings.port), reuse_port=False)
        except OSError as error:
            _log.error(
                "api not listening address=%s:%s reason=%s", settings.host, settings.port, error.strerror
            )
        else:
            sockets.append(public)
            host, port = public.getsockname()[:2]
            self.address = f"http://{host}:{port}"
            self._house.address = self.address
            _log.info("api listening address=%s", self.address)
        try:
            await self._server.serve(sockets)
        finally:
            path.unlink(missing_ok=True)

    def stop(self) -> None:
        """Answer what is being asked, then end."""
        self._server.should_exit = True

    async def _healthz(self, _: Request) -> Response:
        stalled = self._house.status()["stalled"]
        return PlainTextResponse(
            "stalled: " + ", ".join(stalled) if stalled else "ok", 503 if stalled else 200
        )

    async def _status(self, _: Request) -> Response:
        return JSONResponse(self._house.status())

    async def _latest(self, _: Request) -> Response:
        now = self._house.clock.now()
        return JSONResponse(
            {series: reading_json(reading, now) for series, reading in self._house.latest.items()}
        )

    async def _series(self, _: Request) -> Response:
        return JSONResponse(sorted(self._house.latest))

    async def _chart(self, request: Request) -> Response:
        series = f"{request.path_params['device']}/{request.path_params['quantity']}"
        try:
            span = duration(request.query_params.get("span", "24h"))
            end = _time(request.query_params.get("end")) or self._house.clock.now()
            points = min(2000, max(10, int(request.query_params.get("points", "500"))))
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        buckets = self._house.journal.chart(series, end - min(span, timedelta(days=3660)), end, points)
        rows = [
            [bucket.start.isoformat(), bucket.mean, bucket.minimum, bucket.maximum, bucket.count]
            for bucket in buckets
        ]
        return JSONResponse(
            {"series": series, "columns": ["start", "mean", "min", "max", "count"], "rows": rows}
        )

    async def _alerts(self, _: Request) -> Response:
        return JSONResponse(self._house.alerts())

    async def _confirm(self, request: Request) -> Response:
        if _from_afar(request):
            return JSONResponse({"error": "only over the local socket"}, 403)
        asked = request.query_params
        rule, target, by = asked.get("rule", ""), asked.get("target", ""), asked.get("by", "")[:60]
        if not await self._house.confirm(rule, target, by):
            return JSONResponse({"error": f"nothing of rule {rule} is open for {target}"}, 404)
        return JSONResponse({"rule": rule, "target": target})

    async def _acknowledge(self, request: Request) -> Response:
        if _from_afar(request):
            return JSONResponse({"error": "only over the local socket"}, 403)
        asked = request.query_params
        rule, target, by = asked.get("rule", ""), asked.get("target", ""), asked.get("by", "").strip()[:60]
        if not by:
            return JSONResponse({"error": "by is missing: who has taken it on"}, 400)
        try:
            if not await self._house.acknowledge(rule, target, by):
                return JSONResponse({"error": f"nothing of rule {rule} is open for {target}"}, 404)
        except Unavailable as error:
            return JSONResponse({"error": str(error)}, 503)
        return JSONResponse({"rule": rule, "target": target, "by": by})

    async def _reload(self, request: Request) -> Response:
        if _from_afar(request):
            return JSONResponse({"error": "only over the local socket"}, 403)
        try:
            return JSONResponse(await self._house.reload())
        except SettingsError as error:
            return JSONResponse({"faults": [str(fault) for fault in error.faults]}, 422)

    async def _metrics(self, _: Request) -> Response:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collector(self._house.status()))
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")


def reading_json(reading: Reading, now: datetime) -> dict[str, Any]:
    """A reading as the API gives it: its value never without its flag and age."""
    return {
        "value": reading.value,
        "at": reading.at.isoformat(),
        "age_s": round((now - reading.at).total_seconds(), 1),
        "flag": reading.flag.name,
        "flagged_by": reading.flagged_by,
    }


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handlers: the house decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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


def _from_afar(request: Request) -> bool:
    """Whether it came over the network and not over the local socket."""
    server = request.scope.get("server") or ("", 0)
    return server[1] is not None


def _unix_socket(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(16)
    return listener


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


async def _open(_: Request) -> Response | None:
    return None
