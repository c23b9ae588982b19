"""A small MQTT broker inside this process, for the demo and for tests that must run without Debian's mosquitto.

amqtt on one loopback port: no websocket, no ``$SYS`` topics, no packet log, nothing on the disk. It speaks MQTT 3.1.1.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
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
    """What the broker handed on with QoS 1, and when the receiver said it had it.

    The gateway says so after its commit, so the wait is what a message takes from the broker to the disk and back.

    Attributes:
        delivered: Messages handed on, repetitions included.
        acknowledged: Of those, how many have been acknowledged.
        waits_s: The last thousand waits.
    """

    delivered: int = 0
    acknowledged: int = 0
    waits_s: list[float] = field(default_factory=list)
    _since: dict[tuple[str, int], float] = field(default_factory=dict)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    def handed_on(self, client: str, packet_id: int, now: float) -> None:
        """The broker has sent it."""
        self.delivered += 1
        self._since[client, packet_id] = now

    def settled(self, client: str, packet_id: int, now: float) -> None:
        """The receiver has acknowledged it."""
        since = self._since.pop((client, packet_id), None)
        if since is not None:
            self.acknowledged += 1
            self.waits_s = [*self.waits_s[-999:], now - since]
            self._moved.set()

    async def reach(self, acknowledged: int) -> None:
        """Wait until so many have been acknowledged."""
        while self.acknowledged < acknowledged:
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
            self.receipts.handed_on(str(session.client_id), packet.packet_id, time.monotonic())

    async def on_mqtt_packet_received(self, *, packet: Any, session: Session | None = None) -> None:
        """A packet has reached the broker."""
        if session is not None and packet.fixed_header.packet_type == PUBACK:
            self.receipts.settled(str(session.client_id), packet.packet_id, time.monotonic())


class EmbeddedBroker:
    """Serves from ``async with`` until it is left.

    Args:
        port: On loopback; 0 takes any free one.

    Attributes:
        receipts: What subscribers were sent and have acknowledged.

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
