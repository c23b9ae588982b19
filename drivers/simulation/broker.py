"""A small MQTT broker inside this process, for the demo and for tests that must run without Debian's mosquitto.

amqtt on one loopback port: no websocket, no ``$SYS`` topics, no packet log, nothing on the disk. It speaks MQTT 3.1.1.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from amqtt.broker import Broker
from amqtt.contexts import BaseContext
from amqtt.errors import BrokerError
from amqtt.mqtt.packet import PUBACK, PUBLISH
from amqtt.plugins.base import BasePlugin
from amqtt.session import Session

HOST = "127.0.0.1"


@dataclass
class Receipts:
    """Which messages the receiver has acknowledged: the gateway does so after its commit.

    The wait is therefore what a message takes from the broker to the disk and back.

    Attributes:
        awaited: Messages (topic and payload) that have been published and not acknowledged yet.
        acknowledged: How many have been.
        waits_s: The last thousand waits.
    """

    awaited: set[tuple[str, bytes]] = field(default_factory=set)
    acknowledged: int = 0
    waits_s: deque[float] = field(default_factory=lambda: deque(maxlen=1000))
    _since: dict[tuple[str, int], tuple[float, tuple[str, bytes]]] = field(default_factory=dict)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    def published(self, topic: str, payload: bytes) -> None:
        """Somebody is about to publish it and cares that it arrives."""
        self.awaited.add((topic, payload))

    def handed_on(self, client: str, packet_id: int, message: tuple[str, bytes], now: float) -> None:
        """The broker has sent it to a subscriber."""
        self._since[client, packet_id] = (now, message)

    def settled(self, client: str, packet_id: int, now: float) -> None:
        """The subscriber has acknowledged it."""
        since, message = self._since.pop((client, packet_id), (now, ("", b"")))
        if message in self.awaited:
            self.awaited.remove(message)
            self.acknowledged += 1
            self.waits_s.append(now - since)
            self._moved.set()

    async def all_settled(self) -> None:
        """Wait until nothing is awaited any more."""
        while self.awaited:
            self._moved.clear()
            await self._moved.wait()


class Watch(BasePlugin[BaseContext]):  # type: ignore[misc]  # amqtt ships no types
    """amqtt's way to let somebody see packets pass."""

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self.receipts = Receipts()

    async def on_mqtt_packet_sent(self, *, packet: Any, session: Session | None = None) -> None:
        """A packet has left the broker."""
        if session is not None and packet.fixed_header.packet_type == PUBLISH and packet.packet_id:
            message = (str(packet.topic_name), bytes(packet.data))
            self.receipts.handed_on(str(session.client_id), packet.packet_id, message, time.monotonic())

    async def on_mqtt_packet_received(self, *, packet: Any, session: Session | None = None) -> None:
        """A packet has reached the broker."""
        if session is not None and packet.fixed_header.packet_type == PUBACK:
            self.receipts.settled(str(session.client_id), packet.packet_id, time.monotonic())


class EmbeddedBroker:
    """Serves from ``async with`` until it is left.

    Args:
        port: On loopback; 0 takes any free one.

    Attributes:
        receipts: What subscribers have acknowledged.

    Raises:
        OSError: On entering, when the port is taken.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port or free_port()
        self.receipts = Receipts()
        self._broker: Broker | None = None

    async def __aenter__(self) -> Self:
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)  # a client that just leaves is no news here
        logging.getLogger("transitions").setLevel(logging.WARNING)
        broker = Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{self.port}"}},
                "plugins": {
                    "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
                    f"{Watch.__module__}.{Watch.__name__}": {},
                },
            }
        )
        try:
            await broker.start()
        except BrokerError as error:
            raise OSError(f"the embedded MQTT broker cannot open {HOST}:{self.port}: {error}") from error
        self._broker = broker
        self.receipts = broker.plugins_manager.get_plugin(Watch.__name__).receipts
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._broker is not None:
            async with asyncio.timeout(5):
                await self._broker.shutdown()


def free_port() -> int:
    """A loopback port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
