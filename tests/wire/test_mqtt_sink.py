"""Readings handed on over MQTT to a real mosquitto, and how Home Assistant is told of them."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.clock import SystemClock
from gateway.contracts import Entry, Rollup, SinkContext
from gateway.errors import Misconfigured, Unavailable
from gateway.model import Event, Flag, Reading
from gateway.quantities import Quantities
from gateway.store.sinks.mqtt import Settings, Sink
from tests.conftest import NOON
from tests.servers import eventually, free_port, mosquitto

pytestmark = pytest.mark.servers


@pytest.fixture(params=["5", "3.1.1"])
def sink_of(request: Any, quantities: Quantities, tmp_path: Path) -> Iterator[Any]:
    made: list[Sink] = []

    def build(port: int, **more: Any) -> Sink:
        context = SinkContext("house", "liuhe", quantities, SystemClock(), tmp_path)
        sink = Sink(Settings.model_validate({"port": port, "protocol": request.param, **more}), context)
        made.append(sink)
        return sink

    yield build
    for sink in made:
        sink.close()


class Listener:
    """Somebody on the far side who keeps what he hears."""

    def __init__(self, port: int, *filters: str) -> None:
        self.heard: list[tuple[str, Any, bool]] = []
        ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._message
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe([(name, 1) for name in filters])
        assert ready.wait(10)

    def _message(self, _client: Any, _user: Any, message: Any) -> None:
        text = message.payload.decode()
        self.heard.append((message.topic, json.loads(text) if text.startswith("{") else text, message.retain))

    def say(self, topic: str, payload: str) -> None:
        self._client.publish(topic, payload, qos=1).wait_for_publish(10)

    def body(self, topic: str) -> Any:
        return next((body for name, body, _ in reversed(self.heard) if name == topic), None)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.contextmanager
def listener(port: int, *filters: str) -> Iterator[Listener]:
    one = Listener(port, *filters)
    try:
        yield one
    finally:
        one.close()


def reading(value: float | None, *, minutes: int = 0, series: str = "bin-1/fill", **more: Any) -> Entry:
    at = NOON + timedelta(minutes=minutes)
    return Entry(1, Reading(series, value, at, at, **{"flag": Flag.GOOD, **more}))


def test_readings_and_events_are_handed_on_and_roll_ups_are_not(sink_of: Any, tmp_path: Path) -> None:
    port = free_port()
    with mosquitto(tmp_path, port), listener(port, "village/#") as far:
        sink = sink_of(port)
        sink.send(
            [
                reading(12.0),
                reading(None, series="bin-1/distance", flag=Flag.MISSING, flagged_by="no_target"),
                Entry(2, Event("bin-1", "emptied", NOON, NOON, detail={"from": 90.0})),
                Entry(3, Rollup("bin-1/fill", NOON, timedelta(hours=1), 1, 12.0, 12.0, 12.0)),
            ]
        )
        eventually(lambda: far.body("village/liuhe/bin-1/event"))
        assert far.body("village/liuhe/status") == "online"
        assert far.body("village/liuhe/bin-1/fill") == {
            "value": 12.0,
            "unit": "%",
            "flag": "GOOD",
            "at": "2026-07-18T04:00:00.000Z",
        }
        assert far.body("village/liuhe/bin-1/distance") == {
            "value": None,
            "unit": "mm",
            "flag": "MISSING",
            "at": "2026-07-18T04:00:00.000Z",
            "flagged_by": "no_target",
        }
        assert far.body("village/liuhe/bin-1/event")["detail"] == {"from": 90.0}
        assert len(far.heard) == 4


def test_the_last_word_is_retained_and_late_ones_do_not_replace_it(sink_of: Any, tmp_path: Path) -> None:
    port = free_port()
    with mosquitto(tmp_path, port):
        sink = sink_of(port)
        sink.send([reading(50.0, minutes=10)])
        sink.send([reading(20.0, minutes=0), reading(51.0, minutes=11), reading(50.0, minutes=10)])
        with listener(port, "village/liuhe/bin-1/#") as far:
            eventually(lambda: far.heard)
            assert [(topic, body["value"], kept) for topic, body, kept in far.heard] == [
                ("village/liuhe/bin-1/fill", 51.0, True)
            ]


def test_a_portion_larger_than_what_the_broker_takes_at_once_arrives_whole(
    sink_of: Any, tmp_path: Path
) -> None:
    port = free_port()
    with (
        mosquitto(
            tmp_path, port, "max_inflight_messages 20", "max_queued_messages 0"
        ),  # for the slow listener
        listener(port, "village/liuhe/bin-1/fill") as far,
    ):
        sink_of(port).send([reading(float(number), minutes=number) for number in range(2000)])
        eventually(lambda: len(far.heard) == 2000)
        assert [body["value"] for _, body, _ in far.heard] == [float(number) for number in range(2000)]


def test_a_broker_away_is_unavailable_and_found_again(sink_of: Any, tmp_path: Path) -> None:
    port = free_port()
    sink = sink_of(port)
    with pytest.raises(Unavailable, match="refused"):
        sink.send([reading(1.0)])
    with mosquitto(tmp_path, port):
        sink.send([reading(1.0)])
    eventually(lambda: sink._link is None or not sink._link.alive)
    with pytest.raises(Unavailable):
        sink.send([reading(2.0)])
    with mosquitto(tmp_path, port), listener(port, "village/liuhe/bin-1/fill") as far:
        sink.send([reading(2.0)])
        eventually(lambda: far.heard)


def test_a_broker_that_refuses_us_is_a_matter_for_a_person(sink_of: Any, tmp_path: Path) -> None:
    port = free_port()
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("wrong")
    users = tmp_path / "users"
    users.touch(mode=0o600)
    with mosquitto(tmp_path, port, "allow_anonymous false", f"password_file {users}"):
        sink = sink_of(port, username="gw", password_file=str(secret))
        with pytest.raises(Misconfigured, match=r"(?i)not authori[sz]ed"):
            sink.send([reading(1.0)])
        assert sink.check()[-1][1] != "ok"
        secret.chmod(0o644)
        with pytest.raises(Misconfigured, match="chmod 600"):
            sink.send([reading(1.0)])


def test_home_assistant_is_told_once_and_again_when_it_starts(sink_of: Any, tmp_path: Path) -> None:
    port = free_port()
    topic = "homeassistant/sensor/village_liuhe_bin-1/fill/config"
    with mosquitto(tmp_path, port), listener(port, "homeassistant/+/+/+/config") as far:
        sink = sink_of(port)
        sink.send([reading(1.0), reading(1.0, series="door.2/contact")])
        sink.send([reading(2.0, minutes=1)])
        eventually(lambda: len(far.heard) == 2)
        told = far.body(topic)
        assert told["state_topic"] == "village/liuhe/bin-1/fill"
        assert (told["unit_of_measurement"], told["state_class"]) == ("%", "measurement")
        assert told["availability"] == [{"topic": "village/liuhe/status"}]
        door = far.body("homeassistant/binary_sensor/village_liuhe_door_2/contact/config")
        assert (door["payload_on"], door["payload_off"], door["device_class"]) == ("0.0", "1.0", "door")
        far.heard.clear()
        far.say("homeassistant/status", "online")
        eventually(lambda: len(far.heard) == 2)
        assert far.body(topic) == told


def test_a_gateway_that_dies_is_offline_and_one_that_closes_says_so(sink_of: Any, tmp_path: Path) -> None:
    port = free_port()
    with mosquitto(tmp_path, port), listener(port, "village/liuhe/status") as far:
        first = sink_of(port)
        first.send([])
        eventually(lambda: far.body("village/liuhe/status") == "online")
        assert first._link is not None
        first._link._connection._client.socket().close()  # no goodbye
        eventually(lambda: far.body("village/liuhe/status") == "offline")
        second = sink_of(port)
        second.send([])
        eventually(lambda: far.body("village/liuhe/status") == "online")
        second.close()
        eventually(lambda: far.body("village/liuhe/status") == "offline")


def test_check_tries_every_step(sink_of: Any, tmp_path: Path) -> None:
    port = free_port()
    with mosquitto(tmp_path, port):
        assert sink_of(port).check() == [("connect", "ok"), ("publish", "ok"), ("read back", "ok")]
    steps = sink_of(port).check()
    assert steps[0][0] == "connect"
    assert "refused" in steps[0][1]
