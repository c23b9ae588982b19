"""A small MQTT broker inside this process, for the demo and for tests that must run without Debian's mosquitto.

amqtt on one loopback port: no websocket, no ``$SYS`` topics, no packet log, nothing on the disk. It speaks MQTT 3.1.1.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from types import TracebackType
from typing import Self

from amqtt.broker import Broker
from amqtt.errors import BrokerError

HOST = "127.0.0.1"


class EmbeddedBroker:
    """Serves from ``async with`` until it is left.

    Args:
        port: On loopback; 0 takes any free one.

    Raises:
        OSError: On entering, when the port is taken.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port or free_port()
        self._broker: Broker | None = None

    async def __aenter__(self) -> Self:
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)  # a client that just leaves is no news here
        logging.getLogger("transitions").setLevel(logging.WARNING)
        broker = Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{self.port}"}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            }
        )
        try:
            await broker.start()
        except BrokerError as error:
            raise OSError(f"the embedded MQTT broker cannot open {HOST}:{self.port}: {error}") from error
        self._broker = broker
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
