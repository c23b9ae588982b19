"""Readings and events handed on over MQTT, with Home Assistant discovery.

::

    sinks:
      house:
        type: mqtt
        host: 192.168.1.20
        username: gateway
        password_file: mqtt-out-password

    village/<site>/<device>/<quantity>        {"value": 12.0, "unit": "%", "flag": "GOOD", "at": "..."}, retained
    village/<site>/<device>/<quantity>/late   the same for what is older than the last one, not retained
    village/<site>/<source>/event             {"kind": "emptied", "at": "...", "confidence": 1.0, "detail": {...}}
    village/<site>/status                     online or offline, retained

Everything goes at QoS 1, and an entry counts as sent once the broker has acknowledged it. What is sent again is the
same message again: whoever keeps it knows it by topic and ``at``. Roll-ups are not handed on. MQTT has no answer that
names a bad message, so nothing is ever refused; a topic that we may not write is a matter for a person.

Tested on mosquitto 2.0 (MQTT 5 and 3.1.1).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import field_validator

from gateway.broker import BrokerSettings
from gateway.contracts import Entry, SinkContext
from gateway.errors import Misconfigured, StoreError, Unavailable
from gateway.model import Event, Reading, split_series
from gateway.mqtt import Connection, Incoming
from gateway.settings import Pace
from gateway.store.announce import announcement, discovery_topic

OPEN_TIMEOUT_S = 15.0
SEND_TIMEOUT_S = 30.0  # as the other sinks: reference reliability-and-security section 5, HTTP client


class Settings(Pace, BrokerSettings):
    """One broker to hand on to.

    Attributes:
        prefix: First level of every topic.
        discovery: Home Assistant's discovery prefix; empty: announce nothing.
    """

    prefix: str = "village"
    discovery: str = "homeassistant"

    @field_validator("prefix", "discovery")
    @classmethod
    def _plain(cls, topic: str) -> str:
        if any(sign in topic for sign in "+#") or not topic.isprintable() or topic.startswith(("/", "$")):
            raise ValueError("a topic prefix has no wildcard, no control character and no / or $ in front")
        return topic.rstrip("/")


@dataclass(frozen=True, slots=True)
class _Post:
    """One message to send."""

    topic: str
    payload: bytes
    retain: bool


class Sink:
    """One broker."""

    def __init__(self, settings: Settings, context: SinkContext) -> None:
        self._settings = settings
        self._context = context
        self._root = f"{settings.prefix}/{context.site}"
        self._newest: dict[str, datetime] = {}
        self._announced: set[str] = set()
        self._lock = (
            threading.Lock()
        )  # guards the two above and the link: Home Assistant speaks from the MQTT thread
        self._link: _Link | None = None

    def send(self, entries: Sequence[Entry]) -> None:
        """Publish them all; returns when the broker has acknowledged each.

        Raises:
            Unavailable: The broker is away, or went away before it had acknowledged everything.
            Misconfigured: It refuses us or a topic.
        """
        link = self._opened()
        newest = dict(self._newest)
        posts = [post for entry in entries for post in self._posts(entry, newest)]
        announced = [
            item.series
            for entry in entries
            if isinstance(item := entry.item, Reading) and self._known(item.series)
        ]
        link.publish([*self._announcements(announced), *posts])
        with self._lock:
            self._newest = newest
            self._announced.update(announced)

    def check(self) -> list[tuple[str, str]]:
        """Connect, publish, and hear what was published."""
        steps: list[tuple[str, str]] = []
        topic = f"{self._root}/check"
        heard = threading.Event()
        link = _Link(self._settings, f"{self._client_id()}-check", [topic], lambda _: heard.set())
        try:
            link.open()
            steps.append(("connect", "ok"))
            link.publish([_Post(topic, b"{}", retain=False)])
            steps.append(("publish", "ok"))
            back = (
                "ok" if heard.wait(5) else f"nothing came back on {topic}; may this user read and write it?"
            )
            steps.append(("read back", back))
        except StoreError as error:
            steps.append((("connect", "publish", "read back")[len(steps)], str(error)))
        finally:
            link.close()
        return steps

    def close(self) -> None:
        """Say goodbye; a ``send`` under way raises Unavailable."""
        with self._lock:
            link, self._link = self._link, None
        if link is not None:
            link.close(f"{self._root}/status")

    def _opened(self) -> _Link:
        with self._lock:
            if self._link is not None and self._link.alive:
                return self._link
            status = f"{self._root}/status"
            filters = [f"{self._settings.discovery}/status"] if self._settings.discovery else []
            link = self._link = _Link(
                self._settings, self._client_id(), filters, self._heard, will=(status, b"offline")
            )
            self._announced.clear()
        try:
            link.open()
            link.publish([_Post(status, b"online", retain=True)])
        except StoreError:
            with self._lock:
                self._link = None
            link.close()
            raise
        return link

    def _client_id(self) -> str:
        return self._settings.client_id or f"village-{self._context.site}-{self._context.name}-out"

    def _heard(self, incoming: Incoming) -> None:
        """Home Assistant has started: it wants to hear again who there is."""
        if incoming.payload != b"online" or incoming.retained:
            return
        with self._lock:
            link, known = self._link, sorted(self._announced)
        if link is not None:
            link.hurry([self._announcement(series) for series in known])

    def _announcements(self, series: Sequence[str]) -> list[_Post]:
        if not self._settings.discovery:
            return []
        return [self._announcement(name) for name in dict.fromkeys(series) if name not in self._announced]

    def _announcement(self, series: str) -> _Post:
        device, quantity = split_series(series)
        topic = discovery_topic(self._settings.discovery, self._context.site, device, quantity)
        body = announcement(self._root, self._context.site, series, self._context.quantities[quantity])
        return _Post(topic, _json(body), retain=True)

    def _known(self, series: str) -> bool:
        return split_series(series)[1] in self._context.quantities

    def _posts(self, entry: Entry, newest: dict[str, datetime]) -> Iterator[_Post]:
        item = entry.item
        if isinstance(item, Event):
            body: dict[str, Any] = {
                "kind": item.kind,
                "at": _iso(item.at),
                "confidence": item.confidence,
                "detail": dict(item.detail),
            }
            yield _Post(f"{self._root}/{item.source}/event", _json(body), retain=False)
        elif isinstance(item, Reading):
            late = item.at < newest.get(item.series, item.at)
            newest[item.series] = max(item.at, newest.get(item.series, item.at))
            topic = f"{self._root}/{item.series}"
            yield _Post(f"{topic}/late" if late else topic, self._reading(item), retain=not late)

    def _reading(self, reading: Reading) -> bytes:
        _, quantity = split_series(reading.series)
        body: dict[str, Any] = {
            "value": reading.value,
            "unit": self._context.quantities[quantity].unit if self._known(reading.series) else None,
            "flag": reading.flag.name,
            "at": _iso(reading.at),
        }
        if reading.flagged_by:
            body["flagged_by"] = reading.flagged_by
        return _json(body)


class _Link:
    """A connection, waited for: the sink's own thread may block."""

    def __init__(
        self,
        settings: Settings,
        client_id: str,
        filters: Sequence[str],
        heard: Any,
        will: tuple[str, bytes] | None = None,
    ) -> None:
        self._opened = threading.Event()
        self._ended = threading.Event()
        self._reason = ""
        self._connection = Connection(
            settings,
            client_id,
            filters=filters,
            session=False,
            on_open=self._on_open,
            on_message=lambda incoming: self._on_message(incoming, heard),
            on_lost=self._on_lost,
            will=will,
        )

    @property
    def alive(self) -> bool:
        """Whether it still stands."""
        return not self._ended.is_set()

    def open(self) -> None:
        """Connect.

        Raises:
            Unavailable: The broker is away.
            Misconfigured: It does not let us in.
        """
        self._connection.start()
        if not self._opened.wait(OPEN_TIMEOUT_S):
            self._connection.stop()
            raise Unavailable(f"the broker did not answer within {OPEN_TIMEOUT_S:g} s")
        if self._ended.is_set():
            raise self._problem()

    def publish(self, posts: Sequence[_Post]) -> None:
        """Send and wait until each is acknowledged.

        Raises:
            Unavailable: Not all were in time.
            Misconfigured: The broker refuses a topic.
        """
        tally = _Tally(len(posts))
        for post in posts:
            self._connection.publish(post.topic, post.payload, retain=post.retain, done=tally.one)
        if not tally.complete.wait(SEND_TIMEOUT_S):
            self._connection.stop()
            raise Unavailable(f"{tally.open} of {len(posts)} not acknowledged within {SEND_TIMEOUT_S:g} s")
        if tally.refused and not self._ended.is_set():
            raise Misconfigured(f"{len(posts)} messages under {posts[0].topic}: {tally.refused}")
        if tally.refused:
            raise self._problem()

    def hurry(self, posts: Sequence[_Post]) -> None:
        """Send without waiting: it is said again at the next start anyway."""
        for post in posts:
            self._connection.publish(post.topic, post.payload, retain=post.retain, done=lambda _: None)

    def close(self, status: str | None = None) -> None:
        """Say goodbye: a clean one is not announced by the broker, so we say ``offline`` ourselves."""
        if status is not None and self._opened.is_set() and self.alive:
            tally = _Tally(1)
            self._connection.publish(status, b"offline", retain=True, done=tally.one)
            tally.complete.wait(1)
        self._connection.stop()
        self._connection.join(2)

    def _on_open(self, _refused: Sequence[str]) -> None:
        self._opened.set()

    def _on_lost(self, reason: str) -> None:
        self._reason = reason
        self._ended.set()
        self._opened.set()

    def _on_message(self, incoming: Incoming, heard: Any) -> None:
        if incoming.qos:
            self._connection.ack(incoming.mid)
        heard(incoming)

    def _problem(self) -> StoreError:
        kind = Misconfigured if self._connection.misconfigured else Unavailable
        return kind(self._reason)


class _Tally:
    """Counts acknowledgements down."""

    def __init__(self, count: int) -> None:
        self.open = count
        self.refused = ""
        self.complete = threading.Event()
        self._lock = threading.Lock()  # a connection that has ended answers in the caller's thread
        if count == 0:
            self.complete.set()

    def one(self, problem: str) -> None:
        """One more is settled."""
        with self._lock:
            self.refused = self.refused or problem
            self.open -= 1
            if self.open <= 0:
                self.complete.set()


def _json(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
