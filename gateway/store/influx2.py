"""InfluxDB 2.x through its own client library (``api: v2``): org, bucket, token; one request at a time.

The library's synchronous mode makes no retries and keeps nothing in memory; its batching mode loses batches (measured,
storage-and-dashboards 1.4) and is not used. Importing it costs 30 MB, so this module does it only when it is asked for.
The library reads replies without bound and leaves redirects to urllib3; the pool below is what keeps both in hand.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException

from gateway.clock import Clock
from gateway.credentials import Secret
from gateway.errors import Misconfigured, Unavailable
from gateway.store.linesink import CHECK_FIELD, CHECK_MEASUREMENT, Probe
from gateway.store.verdict import judge
from gateway.web.post import CONNECT_S, LARGEST_REPLY_BYTES, TOTAL_S, Reply

_PIECE_BYTES = 4096


class Influx2:
    """A writer to one bucket.

    Args:
        url: Of the server.
        org: Organisation, name or id.
        bucket: Its name.
        token: Reads the token; asked again whenever a connection is set up.
        ca_file: Certificates to trust instead of the system's.
        clock: For a Retry-After that is a date.
        total_s: Longest wait for a whole answer [s].
    """

    def __init__(
        self,
        url: str,
        org: str,
        bucket: str,
        token: Callable[[], Secret],
        *,
        clock: Clock,
        ca_file: Path | None = None,
        total_s: float = TOTAL_S,
    ) -> None:
        self._url = url
        self._org = org
        self._bucket = bucket
        self._token = token
        self._ca_file = ca_file
        self._clock = clock
        self._total_s = total_s
        self._client: InfluxDBClient | None = None
        self._closed = False

    def write(self, lines: Sequence[str]) -> None:
        """Store lines; raises like a sink's ``send``."""
        body = "\n".join(lines).encode()

        def post(client: InfluxDBClient) -> None:
            api = client.write_api(write_options=SYNCHRONOUS)
            api.write(self._bucket, self._org, body, WritePrecision.MS)  # type: ignore[arg-type]  # its constants are texts
            pool: Any = client.api_client.rest_client.pool_manager
            judge(pool.last, self._clock.now(), len(lines))

        self._with_client(post, len(lines))

    def steps(self, probe: Probe) -> list[tuple[str, Callable[[], object]]]:
        """Token file, server, a real write, and the same point read back with the query API."""
        return [
            ("credentials", self._token),
            ("reach", lambda: self._with_client(_ping, 0)),
            ("write", lambda: self.write([probe.line])),
            ("read back", lambda: self._with_client(partial(self._read_back, probe), 0)),
        ]

    def close(self) -> None:
        """Let the connection go; nothing is sent afterwards. A request in hand ends by its own time-out."""
        self._closed = True
        self._forget()

    def _read_back(self, probe: Probe, client: InfluxDBClient) -> None:
        at = datetime.fromtimestamp(probe.at_ms / 1000, UTC)
        query = (
            "from(bucket: _bucket) |> range(start: _from, stop: _to)"
            ' |> filter(fn: (r) => r._measurement == "' + CHECK_MEASUREMENT + '"'
            ' and r._field == "' + CHECK_FIELD + '" and r.site == _site)'
        )
        limits = {
            "_bucket": self._bucket,
            "_from": at,
            "_to": datetime.fromtimestamp(probe.at_ms / 1000 + 1, UTC),
            "_site": probe.site,
        }
        tables = client.query_api().query(query, org=self._org, params=limits)
        found = [record.values.get("_value") for table in tables for record in table.records]
        if probe.value not in found:
            raise Misconfigured(f"the point just written is not there; read {found or 'nothing'}")

    def _with_client(self, action: Callable[[InfluxDBClient], None], lines: int) -> None:
        if self._closed:
            raise Unavailable("closed")
        try:
            client = self._client = self._client or self._open()
            action(client)
        except ApiException as error:
            self._forget_if_refused(error.status)
            if not error.status:
                raise _certificate(self._url, error) from error
            body = error.body if isinstance(error.body, bytes) else str(error.body or "").encode()
            headers: Mapping[str, str] = error.headers or {}
            reply = Reply(error.status, {name.lower(): value for name, value in headers.items()}, body)
            judge(reply, self._clock.now(), lines)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            self._forget()
            raise Unavailable(f"{self._url}: {_in_words(error)}") from error

    def _open(self) -> InfluxDBClient:
        client = InfluxDBClient(
            url=self._url,
            token=self._token().reveal(),
            org=self._org,
            enable_gzip=True,
            ssl_ca_cert=_text(self._ca_file),
        )
        rest: Any = client.api_client.rest_client  # its annotation names only one kind of pool
        rest.pool_manager = _Pool(self._total_s, _text(self._ca_file))
        return client

    def _forget_if_refused(self, status: int | None) -> None:
        """A token that was changed on disk is read again after the server has refused the old one."""
        if status in {401, 403}:
            self._forget()

    def _forget(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.api_client.rest_client.pool_manager.clear()


class _Pool(urllib3.PoolManager):
    """Connections that follow no redirect, retry nothing, verify always, and read at most 64 KiB in at most 30 s.

    Attributes:
        last: The last reply; the library takes any 2xx for success, we do not (a login page answers 200).
    """

    def __init__(self, total_s: float, ca_file: str | None) -> None:
        super().__init__(num_pools=1, maxsize=1, cert_reqs="CERT_REQUIRED", ca_certs=ca_file)
        self._total_s = total_s
        self.last = Reply(0, {}, b"")

    def request(self, method: str, url: str, *args: Any, **given: Any) -> urllib3.BaseHTTPResponse:
        end = time.monotonic() + self._total_s
        wanted_whole = given.get("preload_content", True)
        given |= {
            "preload_content": False,
            "redirect": False,
            "retries": False,
            "timeout": urllib3.Timeout(connect=CONNECT_S, read=self._total_s),
        }
        answer = super().request(method, url, *args, **given)
        body = b""
        while len(body) < LARGEST_REPLY_BYTES and (piece := answer.read1(_PIECE_BYTES)):
            body += piece
            if time.monotonic() > end:
                answer.close()
                raise TimeoutError("no whole answer in time")
        if len(body) >= LARGEST_REPLY_BYTES:
            answer.close()
        else:
            answer.release_conn()
        names = {name.lower(): value for name, value in answer.headers.items()}
        names.pop("content-encoding", None)  # read1 has undone it
        self.last = Reply(answer.status, names, body)
        return urllib3.HTTPResponse(
            io.BytesIO(body), names, answer.status, reason=answer.reason, preload_content=wanted_whole
        )


def _ping(client: InfluxDBClient) -> None:
    if not client.ping():
        raise Unavailable("the server does not answer /ping")


def _certificate(url: str, error: ApiException) -> Misconfigured:
    return Misconfigured(f"{url}: {' '.join(str(error.reason).split())[:300]}")


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _in_words(error: Exception) -> str:
    """The innermost reason, without object addresses."""
    cause = error.__cause__ or error.__context__ or error
    text = getattr(cause, "strerror", None) or str(cause)
    return " ".join(text.split(": ", 1)[-1].split())[:300] or type(error).__name__
