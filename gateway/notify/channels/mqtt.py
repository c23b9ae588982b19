"""Messages over MQTT, for a siren box, a screen or a program of one's own.

::

    channels:
      house:
        type: mqtt
        host: 192.168.1.20
        username: gateway
        password_file: mqtt-out-password
        topic: village/notice

A message goes to ``topic``, with an address to ``topic/address``, as a JSON object (``id``, ``site``, ``to``,
``subject``, ``text``, ``severity``, ``template``, ``variables``, ``at``), QoS 1, not retained. It is accepted when
the broker has acknowledged it; whether anybody listens is not known. Pictures are left out.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Sequence

from pydantic import field_validator

from gateway.broker import BrokerSettings
from gateway.contracts import ChannelContext, Delivered
from gateway.errors import Broken, Retry, Uncertain, Undeliverable
from gateway.model import Notice
from gateway.mqtt import Connection

OPEN_TIMEOUT_S = 15.0
SEND_TIMEOUT_S = 15.0
GOODBYE_S = 1.0  # a lost connection is reported at once after what was lost with it
_ADDRESS = re.compile(r"[^+#\x00-\x1f/]{1,100}(/[^+#\x00-\x1f/]{1,100}){0,5}")


class Settings(BrokerSettings):
    """One broker.

    Attributes:
        topic: Of messages without an address.
    """

    topic: str = "village/notice"

    @field_validator("topic")
    @classmethod
    def _plain(cls, topic: str) -> str:
        if not _ADDRESS.fullmatch(topic) or topic.startswith("$") or len(topic.encode()) > 1000:
            raise ValueError(
                "a topic has no wildcard, no control character, no empty level and no $ in front"
            )
        return topic


class Channel:
    """The broker; each message has a connection of its own."""

    def __init__(self, settings: Settings, context: ChannelContext) -> None:
        self._settings = settings
        self._context = context

    def unfit(self, notice: Notice) -> str:
        """An address is the end of a topic."""
        if not notice.to or _ADDRESS.fullmatch(notice.to):
            return ""
        return f"{notice.to!r} is no part of a topic: no wildcard, no control character, no empty level"

    def deliver(self, notice: Notice) -> Delivered:
        """See :class:`gateway.contracts.Channel`."""
        if problem := self.unfit(notice):
            raise Undeliverable(problem)
        body = {
            "id": notice.id,
            "site": self._context.site,
            "to": notice.to,
            "subject": notice.subject,
            "text": notice.text,
            "severity": notice.severity.word,
            "template": notice.template,
            "variables": dict(notice.variables),
            "at": self._context.clock.now().isoformat(timespec="seconds"),
        }
        topic = f"{self._settings.topic}/{notice.to}" if notice.to else self._settings.topic
        exchange = _Exchange(self._settings, f"village-notice-{secrets.token_hex(4)}")
        try:
            exchange.publish(topic, json.dumps(body, ensure_ascii=False).encode())
        finally:
            exchange.close()
        words = "the broker has it"
        return Delivered("", f"{words}; picture left out" if notice.picture is not None else words)

    def close(self) -> None:
        """Nothing stays open."""


class _Exchange:
    """One connection, one message, waited for."""

    def __init__(self, settings: Settings, client_id: str) -> None:
        self._opened = threading.Event()
        self._done = threading.Event()
        self._ended = threading.Event()
        self._lost = ""
        self._refused = ""
        self._connection = Connection(
            settings,
            settings.client_id or client_id,
            session=False,
            on_open=self._on_open,
            on_message=lambda _: None,
            on_lost=self._on_lost,
        )

    def publish(self, topic: str, payload: bytes) -> None:
        """Connect, send, wait for the acknowledgement; raises as a channel does."""
        self._connection.start()
        if not self._opened.wait(OPEN_TIMEOUT_S):
            raise Retry(f"the broker did not answer within {OPEN_TIMEOUT_S:g} s")
        if self._ended.is_set():
            raise Broken(self._lost) if self._connection.misconfigured else Retry(self._lost)
        self._connection.publish(topic, payload, retain=False, done=self._on_done)
        if not self._done.wait(SEND_TIMEOUT_S):
            raise Uncertain(f"not acknowledged within {SEND_TIMEOUT_S:g} s")
        if self._refused and self._ended.wait(GOODBYE_S):
            raise Uncertain(self._lost)  # not the broker's no: the connection went first
        if self._refused:
            raise Undeliverable(f"{topic}: {self._refused}")

    def close(self) -> None:
        """Say goodbye."""
        self._connection.stop()
        self._connection.join(2)

    def _on_open(self, refused: Sequence[str]) -> None:
        del refused  # there are no subscriptions
        self._opened.set()

    def _on_done(self, problem: str) -> None:
        self._refused = problem
        self._done.set()

    def _on_lost(self, reason: str) -> None:
        self._lost = reason
        self._ended.set()
        self._opened.set()
