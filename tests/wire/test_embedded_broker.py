"""The demo's own broker, spoken to by a real client."""

from __future__ import annotations

import asyncio
import socket
import threading

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from drivers.simulation.broker import HOST, EmbeddedBroker


def _round_trip(port: int) -> tuple[bytes, int]:
    """Publish with QoS 1 and hear it back as another client; runs in a thread beside the broker's loop."""
    heard: list[mqtt.MQTTMessage] = []
    subscribed, arrived = threading.Event(), threading.Event()
    reader = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="reader", protocol=mqtt.MQTTv311)
    reader.on_subscribe = lambda *_: subscribed.set()
    reader.on_message = lambda _client, _data, message: (heard.append(message), arrived.set())  # type: ignore[func-returns-value]
    reader.connect(HOST, port)
    reader.loop_start()
    reader.subscribe("village/+", qos=1)
    assert subscribed.wait(10)
    writer = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="writer", protocol=mqtt.MQTTv311)
    writer.connect(HOST, port)
    writer.loop_start()
    writer.publish("village/bin", b"42", qos=1).wait_for_publish(10)
    assert arrived.wait(10)
    for client in (reader, writer):
        client.disconnect()
        client.loop_stop()
    return heard[0].payload, heard[0].qos


async def test_the_embedded_broker_serves_a_real_client_at_qos_1() -> None:
    async with EmbeddedBroker() as broker:
        broker.receipts.published("village/bin", b"42")
        assert await asyncio.to_thread(_round_trip, broker.port) == (b"42", 1)
        async with asyncio.timeout(10):
            await broker.receipts.all_settled()
        assert broker.receipts.acknowledged == 1
        assert 0 < broker.receipts.waits_s[0] < 10


async def test_the_embedded_broker_is_gone_when_it_is_left() -> None:
    async with EmbeddedBroker() as broker:
        assert _taken(broker.port)
    assert not _taken(broker.port)


def _taken(port: int) -> bool:
    with socket.socket() as probe:  # binding, not connecting: amqtt leaks a client that never says CONNECT
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


async def test_a_message_nobody_acknowledges_stays_awaited() -> None:
    async with EmbeddedBroker() as broker:
        broker.receipts.published("village/bin", b"43")
        await asyncio.to_thread(_round_trip, broker.port)
        assert broker.receipts.awaited == {("village/bin", b"43")}


async def test_a_taken_port_is_said_in_words() -> None:
    async with EmbeddedBroker() as broker:
        with pytest.raises(OSError, match=f"127.0.0.1:{broker.port}"):
            await EmbeddedBroker(broker.port).__aenter__()
