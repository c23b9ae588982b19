"""Messages over MQTT, for a siren box, a screen or a program of one's own.

::

    channels:
      house:
        type: mqtt
        host: 192.168.1.20
        username: gateway
        password_file: mqtt-out-password
        topic: village/notice
        replies: village/reply       # hear what is said there: {"from": "wang", "text": "482913 完成"}

A message goes to ``topic``, with an address to ``topic/address``, as a JSON object (``id``, ``site``, ``to``,
``subject``, ``text``, ``severity``, ``template``, ``variables``, ``at``), QoS 1, not retained. It is accepted when
the broker has acknowledged it; whether anybody listens is not known. Pictures are left out. A reply is a JSON object
with ``from`` (an address on this channel) and ``text``; the broker keeps it until it has been done.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Sequence
from datetime import datetime
from itertools import count

from pydantic import field_validator

from gateway.broker import BrokerSettings
from gateway.contracts import ChannelContext, Delivered, Heard
from gateway.errors import Broken, Retry, Uncertain, Undeliverable
from gateway.model import Notice
from gateway.mqtt import Connection, Incoming

OPEN_TIMEOUT_S = 15.0
SEND_TIMEOUT_S = 15.0
MOST_WAITING = 100
GOODBYE_S = 1.0  # a lost connection is reported at once after what was lost with it
_ADDRESS = re.compile(r"[^+#\x00-\x1f/]{1,100}(/[^+#\x00-\x1f/]{1,100}){0,5}")


class Settings(BrokerSettings):
    """One broker.

    Attributes:
        topic: Of messages without an address.
        replies: Where people answer; unset: nobody listens.
    """

    topic: str = "village/notice"
    replies: str | None = None

    @field_validator("topic", "replies")
    @classmethod
    def _plain(cls, topic: str | None) -> str | None:
        if topic is None:
            return None
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
        self._ear: _Listener | None = None
        self._closed = False

    @property
    def listens(self) -> bool:
        """Whether there is a topic for replies."""
        return self._settings.replies is not None

    def hear(self, wait_s: float) -> Sequence[Heard]:
        """See :class:`gateway.contracts.Hearing`; the connection stays open from one look to the next."""
        if self._closed or self._settings.replies is None:
            return ()
        if self._ear is None:
            self._ear = _Listener(
                self._settings, f"village-reply-{self._context.name}", self._settings.replies
            )
        try:
            found = self._ear.wait(wait_s)
        except Retry:
            self._ear.close()
            self._ear = None
            raise
        now = self._context.clock.now()
        return [_heard(number, one, now) for number, one in found]

    def taken(self, heard: Sequence[Heard]) -> None:
        """See :class:`gateway.contracts.Hearing`."""
        if self._ear is not None:
            self._ear.ack([int(one.id) for one in heard])

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
        name = f"village-notice-{secrets.token_hex(4)}"
        publish(self._settings, name, topic, json.dumps(body, ensure_ascii=False).encode())
        words = "the broker has it"
        return Delivered("", f"{words}; picture left out" if notice.picture is not None else words)

    def close(self) -> None:
        """Nothing stays open."""
        self._closed = True
        if self._ear is not None:
            self._ear.close()


def publish(settings: Settings, client_id: str, topic: str, payload: bytes) -> None:
    """One message over a connection of its own, waited for; raises as a channel does."""
    exchange = _Exchange(settings, client_id)
    try:
        exchange.publish(topic, payload)
    finally:
        exchange.close()


class _Listener:
    """A connection that hears replies and acknowledges each only when it is done."""

    def __init__(self, settings: Settings, client_id: str, topic: str) -> None:
        self._news = threading.Condition()
        self._waiting: dict[int, Incoming] = {}
        self._lost: str | None = None
        self._numbers = count()
        self._connection = Connection(
            settings,
            f"{settings.client_id}-replies" if settings.client_id else client_id,
            filters=[topic],
            on_open=lambda refused: self._on_lost(f"{topic}: the broker refuses it") if refused else None,
            on_message=self._on_message,
            on_lost=self._on_lost,
        )
        self._connection.start()

    def wait(self, seconds: float) -> list[tuple[int, Incoming]]:
        """What came in; raises Retry when the connection is gone, Broken when a person must act."""
        with self._news:
            self._news.wait_for(lambda: self._waiting or self._lost is not None, seconds)
            if self._lost is not None:
                raise Broken(self._lost) if self._connection.misconfigured else Retry(self._lost)
            return list(self._waiting.items())

    def ack(self, numbers: Sequence[int]) -> None:
        """These are done."""
        with self._news:
            for number in numbers:
                message = self._waiting.pop(number, None)
                if message is not None and message.qos:
                    self._connection.ack(message.mid)

    def close(self) -> None:
        """Say goodbye; whoever waits is told."""
        self._connection.stop()
        self._connection.join(2)

    def _on_message(self, message: Incoming) -> None:
        with self._news:
            if (
                message.retained or len(self._waiting) >= MOST_WAITING
            ):  # an old one would be answered at every start
                if message.qos:
                    self._connection.ack(message.mid)
                return
            self._waiting[next(self._numbers)] = message
            self._news.notify_all()

    def _on_lost(self, reason: str) -> None:
        with self._news:
            self._lost = reason
            self._news.notify_all()


def _heard(number: int, message: Incoming, now: datetime) -> Heard:
    """A reply; what is none has no text."""
    sender = text = ""
    try:
        body = json.loads(message.payload)
        if isinstance(body, dict):
            sender, text = str(body.get("from", ""))[:200], str(body.get("text", ""))[:1000]
    except (ValueError, RecursionError):
        pass
    return Heard(str(number), sender, text, now)


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
