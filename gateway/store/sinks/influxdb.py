"""InfluxDB 1.x, 2.x and 3 Core.

::

    sinks:
      local:                                        # 1.x, and 2.x or 3 Core through their 1.x door
        type: influxdb
        url: http://127.0.0.1:8086
        database: village
        username: gateway
        password_file: influx-password              # on 2.x and 3 Core this file holds the token
      cloud:                                        # 2.x by organisation and bucket
        type: influxdb
        url: https://influx.example
        api: v2
        org: liuhe
        bucket: village
        token_file: influx-token

- ``api: v1`` writes ``POST /write`` with HTTP Basic, which all three generations document (storage-and-dashboards 1.3);
  precision is always ``ms``, the only name they share with one meaning.
- ``api: v2`` uses influxdb-client and needs 30 MB of memory more.
- Tested on InfluxDB 1.6.7 (v1) and, for ``api: v2``, on VictoriaMetrics and a scripted server; 2.x and 3 Core by their
  documents only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

from pydantic import Field, model_validator

from gateway.clock import Clock
from gateway.contracts import SinkContext
from gateway.errors import Misconfigured
from gateway.settings import Pace
from gateway.store.lineprotocol import Encoder
from gateway.store.linesink import CHECK_FIELD, CHECK_MEASUREMENT, LineSink, LineWriter, Probe
from gateway.store.verdict import judge
from gateway.web.door import Credentials, Door, needed_secret
from gateway.web.post import Server

_NAME = r"^[^\x00-\x1f\"\\]+$"  # databases, buckets and organisations: anything printable but quotes


class Settings(Pace, Door):
    """One InfluxDB.

    Attributes:
        url: Scheme, host and port, e.g. ``http://127.0.0.1:8086``.
        api: ``v1`` for all generations, ``v2`` for organisation and bucket.
        database: v1: its name; on 2.x the bucket, on 3 Core the database.
        retention_policy: v1: usually left out.
        username: v1: user; any name on 2.x and 3 Core.
        password_file: v1: file with the password, or with the token on 2.x and 3 Core.
        org: v2: organisation.
        bucket: v2: bucket.
        token_file: v2: file with the token.
        ca_file: Certificates to trust instead of the system's.
    """

    api: Literal["v1", "v2"] = "v1"
    database: str = Field(default="", pattern=_NAME + r"|^$")
    retention_policy: str = Field(default="", pattern=_NAME + r"|^$")
    org: str = Field(default="", pattern=_NAME + r"|^$")
    bucket: str = Field(default="", pattern=_NAME + r"|^$")
    token_file: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> Settings:
        if self.api == "v1":
            if not self.database:
                raise ValueError("api: v1 needs database:")
            if self.org or self.bucket or self.token_file:
                raise ValueError("org:, bucket: and token_file: belong to api: v2")
        else:
            if not (self.org and self.bucket and self.token_file):
                raise ValueError("api: v2 needs org:, bucket: and token_file:")
            if self.database or self.username or self.password_file or self.retention_policy:
                raise ValueError(
                    "database:, retention_policy:, username: and password_file: belong to api: v1"
                )
        return self


class Sink(LineSink):
    """Readings, events and roll-ups into one InfluxDB; see :class:`gateway.contracts.Sink`."""

    def __init__(self, settings: Settings, context: SinkContext) -> None:
        writer = _writer(settings, context.clock)
        super().__init__(Encoder(context.site, context.quantities), writer, context.clock, context.site)


def _writer(settings: Settings, clock: Clock) -> LineWriter:
    if settings.api == "v1":
        database = settings.database
        write_query = {"db": database, "precision": "ms"}
        if settings.retention_policy:
            write_query["rp"] = settings.retention_policy
        return V1Writer(settings, write_query, clock)
    from gateway.store.influx2 import Influx2  # noqa: PLC0415 - 30 MB that only api: v2 needs

    token = partial(needed_secret, settings.token_file or "", "token_file")
    return Influx2(settings.url, settings.org, settings.bucket, token, clock=clock, ca_file=settings.ca_file)


class V1Writer:
    """``POST /write`` with gzip and HTTP Basic over one kept connection."""

    def __init__(self, settings: Settings, write_query: dict[str, str], clock: Clock) -> None:
        self._settings = settings
        self._write_query = write_query
        self._clock = clock
        self._credentials = Credentials(settings.username, settings.password_file)
        self._server = Server(settings.url, settings.ca_file, credentials=self._credentials)

    def write(self, lines: Sequence[str]) -> None:
        """Store lines; raises like a sink's ``send``."""
        judge(self._server.write_lines("/write", self._write_query, lines), self._clock.now(), len(lines))

    def steps(self, probe: Probe) -> list[tuple[str, Callable[[], object]]]:
        """Password file, server, a question, a real write, and the same point read back with InfluxQL."""
        return [
            ("credentials", self._credentials.headers),
            ("reach", self._reach),
            ("sign in", partial(self._query, "SHOW MEASUREMENTS LIMIT 1")),
            ("write", lambda: self.write([probe.line])),
            ("read back", partial(self._read_back, probe)),
        ]

    def close(self) -> None:
        """Let the connection go."""
        self._server.close()

    def _reach(self) -> None:
        judge(self._server.request("GET", "/ping"), self._clock.now(), 0)

    def _read_back(self, probe: Probe) -> None:
        result = self._query(
            f'SELECT "{CHECK_FIELD}" FROM "{CHECK_MEASUREMENT}" '  # noqa: S608 - a slug and a number, both our own
            f"WHERE \"site\" = '{probe.site}' AND time = {probe.at_ms}ms"
        )
        found = [row[1] for series in result.get("series", ()) for row in series["values"]]
        if probe.value not in found:
            raise Misconfigured(f"the point just written is not there; read {found or 'nothing'}")

    def _query(self, question: str) -> dict[str, Any]:
        query = {"db": self._settings.database, "q": question, "epoch": "ms"}
        reply = self._server.request("GET", "/query", query)
        judge(reply, self._clock.now(), 0)
        try:
            result: dict[str, Any] = json.loads(reply.body)["results"][0]
        except (ValueError, LookupError, TypeError) as error:
            raise Misconfigured(f"no InfluxDB speaks there: {reply.words[:80]}") from error
        if "error" in result:
            raise Misconfigured(str(result["error"]))
        return result
