"""Outputs over HTTP and MQTT, against a box that answers and a real mosquitto."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.clock import ManualClock
from gateway.contracts import Act
from gateway.errors import Broken, DeliveryError, Retry
from gateway.linkage.actuators import actuator
from gateway.notify.channels.mqtt import Settings
from gateway.outputs import Output
from tests.channels import SECRET, secret_file
from tests.conftest import NOON
from tests.servers import eventually, free_port, mosquitto
from tests.wire.scripted import replied, scripted
from tests.wire.test_channels_http import sent

ON = Act("siren-1", "switch", on=True, for_s=120.0, text="河水快速上涨")
OFF = Act("siren-2", "switch", on=False)


def way(channels: dict[str, Any] | None = None, **given: Any) -> Any:
    output = Output.model_validate({"max_duration": "3min", **given})
    return actuator(output, find=lambda _: None, channels=channels or {}, clock=ManualClock(NOON))


async def test_a_box_gets_what_it_shall_do_and_says_ok(tmp_path: Path) -> None:
    with scripted(replied(200, b'{"ok": true}'), replied(204), replied(200, b"done")) as server:
        url = f"http://127.0.0.1:{server.port}/say"
        box = way(kind="http", url=url, token_file=secret_file(tmp_path))
        assert await box.act(ON) == '{"ok": true}'
        path, headers, body = sent(server)
        assert (path, headers["authorization"]) == ("/say", f"Bearer {SECRET}")
        assert body == {"id": "siren-1", "on": True, "text": "河水快速上涨", "for_s": 120.0}
        await box.act(OFF)
        assert sent(server)[2]["on"] is False
        await way(kind="http", url=url, on="AN", off="AUS").act(OFF)
        assert sent(server)[2] == b"AUS"


@pytest.mark.parametrize(
    ("status", "kind"), [(500, Retry), (503, Retry), (401, Broken), (404, Broken), (302, Broken)]
)
async def test_anything_but_2xx_is_a_no_without_the_secret(
    tmp_path: Path, status: int, kind: type[Exception]
) -> None:
    with scripted(replied(status, f"no {SECRET}".encode())) as server:
        box = way(kind="http", url=f"http://127.0.0.1:{server.port}/", token_file=secret_file(tmp_path))
        with pytest.raises(DeliveryError) as caught:
            await box.act(ON)
    assert isinstance(caught.value, kind)
    assert SECRET not in str(caught.value)


async def test_a_box_that_is_away_is_tried_again() -> None:
    with pytest.raises(Retry):
        await way(kind="http", url=f"http://127.0.0.1:{free_port()}/").act(ON)


async def test_a_coil_whose_line_is_not_open_is_tried_again() -> None:
    with pytest.raises(Retry, match="line is not open"):
        await way(kind="modbus_coil", source="line", unit=1, address=0).act(ON)


@pytest.mark.servers
async def test_a_topic_is_told_and_the_broker_has_it(tmp_path: Path) -> None:
    port = free_port()
    heard: list[bytes] = []
    with mosquitto(tmp_path, port):
        listener = mqtt.Client(CallbackAPIVersion.VERSION2)
        listener.on_message = lambda *args: heard.append(args[2].payload)
        listener.connect("127.0.0.1", port)
        listener.subscribe("siren/1", 1)
        listener.loop_start()
        broker = {"house": Settings(host="127.0.0.1", port=port)}
        eventually(listener.is_connected)
        siren = way(broker, kind="mqtt", channel="house", topic="siren/1")
        assert await siren.act(ON) == "the broker has it (siren/1)"
        await way(broker, kind="mqtt", channel="house", topic="siren/1", on="ON", off="OFF").act(OFF)
        eventually(lambda: len(heard) == 2)
        listener.disconnect()
        listener.loop_stop()
    assert json.loads(heard[0])["for_s"] == 120.0
    assert heard[1] == b"OFF"
    with pytest.raises(Retry):
        await siren.act(ON)
