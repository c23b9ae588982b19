"""VictoriaMetrics, through its InfluxDB door.

::

    sinks:
      metrics:
        type: victoriametrics
        url: http://127.0.0.1:8428

What is different there (measured, storage-and-dashboards 1.1), and what follows:

- A text becomes 0: of an event only its numbers are sent (``event_confidence`` and the like); its words stay here.
- Measurement and field become one name, ``waste_bin_fill``.
- The same point sent twice is kept twice unless the server runs with ``-dedup.minScrapeInterval=1ms``: set it, because
  sending again is how nothing is lost.
- A line it cannot read is skipped and still answered with 204: only the encoder's own tests stand against that.
- No InfluxQL: the check reads back through ``/api/v1/export``.

Tested on VictoriaMetrics 1.79.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from functools import partial

from gateway.clock import Clock
from gateway.contracts import SinkContext
from gateway.errors import Misconfigured
from gateway.settings import Pace
from gateway.store.lineprotocol import Encoder
from gateway.store.linesink import CHECK_FIELD, CHECK_MEASUREMENT, LineSink, Probe
from gateway.store.verdict import judge
from gateway.web.door import Credentials, Door
from gateway.web.post import Server

_LOOKS = 15  # what was written can be read after about a second, unless a flush is forbidden: then after ten
_BETWEEN_LOOKS_S = 1.0


class Settings(Pace, Door):
    """One VictoriaMetrics.

    Attributes:
        url: Scheme, host, port and path, e.g. ``http://127.0.0.1:8428``.
        username: For a proxy (vmauth) in front of it.
        password_file: Its password.
        ca_file: Certificates to trust instead of the system's.
    """


class Sink(LineSink):
    """Readings, roll-ups and the numbers of events; see :class:`gateway.contracts.Sink`."""

    def __init__(self, settings: Settings, context: SinkContext) -> None:
        encoder = Encoder(context.site, context.quantities, text=False)
        super().__init__(encoder, _Writer(settings, context.clock), context.clock, context.site)


class _Writer:
    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._patience = threading.Event()
        self._credentials = Credentials(settings.username, settings.password_file)
        self._server = Server(settings.url, settings.ca_file, credentials=self._credentials)

    def write(self, lines: Sequence[str]) -> None:
        judge(self._server.write_lines("/write", {"precision": "ms"}, lines), self._clock.now(), len(lines))

    def steps(self, probe: Probe) -> list[tuple[str, Callable[[], object]]]:
        return [
            ("credentials", self._credentials.headers),
            ("reach", self._reach),
            ("write", lambda: self.write([probe.line])),
            ("read back", partial(self._read_back, probe)),
        ]

    def close(self) -> None:
        self._patience.set()
        self._server.close()

    def _reach(self) -> None:
        reply = self._server.request("GET", "/health")
        judge(reply, self._clock.now(), 0)

    def _read_back(self, probe: Probe) -> None:
        self._server.request("GET", "/internal/force_flush")  # whatever it answers: it only saves time
        for _ in range(_LOOKS):
            found = self._found(probe)
            if probe.value in found:
                return
            self._patience.wait(_BETWEEN_LOOKS_S)
        raise Misconfigured(f"the point just written is not there; read {found or 'nothing'}")

    def _found(self, probe: Probe) -> list[float]:
        query = {
            "match[]": f'{CHECK_MEASUREMENT}_{CHECK_FIELD}{{site="{probe.site}",device="gateway"}}',
            "start": f"{probe.at_ms / 1000:.3f}",
            "end": f"{probe.at_ms / 1000 + 1:.3f}",
        }
        reply = self._server.request("GET", "/api/v1/export", query)
        judge(reply, self._clock.now(), 0)
        try:
            return [value for line in reply.body.splitlines() if line for value in json.loads(line)["values"]]
        except (ValueError, LookupError, TypeError) as error:
            raise Misconfigured(f"no VictoriaMetrics speaks there: {reply.words[:80]}") from error
