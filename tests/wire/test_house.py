"""The whole gateway as a process, between a real broker and a real database."""

from __future__ import annotations

import base64
import json
import re
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway import control
from gateway.__main__ import main
from gateway.clock import ManualClock
from gateway.settings import StoreSettings
from gateway.store.journal import Journal
from tests.house import Gateway, gateway, uplink, write_site
from tests.servers import eventually, free_port, influx, influxd, mosquitto

pytestmark = pytest.mark.servers

EUI = "24E124713B492158"
BIN = base64.b64encode(
    bytes.fromhex("01755C0367010104824408050000")
).decode()  # 92 %, 25.7 degC, 2116 mm, upright
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def site_text(port: int, api: int, more: str = "", name: str = "一号垃圾桶") -> str:
    return f"""\
site: {{slug: demo, name: 示范村, clock: trusted}}
api: {{port: {api}}}
sources:
  broker: {{driver: mqtt, host: 127.0.0.1, port: {port}, listen: [chirpstack, {{plain: {{topic: "village/{{device}}/data", time: ts, time_format: ms, values: {{fill: fill}}}}}}]}}
devices:
  bin-001: {{model: milesight-em400-mud, source: broker, address: {EUI}, name: {name}, bin: {{empty: 2400 mm, full: 300 mm}}}}
  bin-002: {{source: broker, address: bin-002}}
{more}"""


class Publisher:
    """A sender with QoS 1 that knows what the broker has taken."""

    def __init__(self, port: int) -> None:
        self.client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self.client.max_inflight_messages_set(500)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def send(self, topic: str, payload: bytes) -> paho.MQTTMessageInfo:
        return self.client.publish(topic, payload, qos=1)

    def sample(self, number: int, at: datetime) -> paho.MQTTMessageInfo:
        ts = int(at.timestamp() * 1000)
        return self.send("village/bin-002/data", f'{{"ts": {ts}, "fill": {number % 100}}}'.encode())

    def bin(self, f_cnt: int, at: datetime, data: str = BIN) -> None:
        self.send(
            f"application/1/device/{EUI.lower()}/event/up", uplink(EUI, data, f_cnt, at.isoformat())
        ).wait_for_publish(10)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def publisher(broker: int) -> Any:
    sender = Publisher(broker)
    yield sender
    sender.close()


@pytest.fixture
def broker(tmp_path: Path) -> Any:
    port = free_port()
    with mosquitto(
        tmp_path, port, "max_inflight_messages 500", "max_queued_messages 10000", "connection_messages true"
    ):
        yield port


def stored(site: Path, series: str) -> list[tuple[datetime, float | None]]:
    """What is in the journal once nobody has it open."""
    with Journal(site / "state", ManualClock(datetime.now(UTC)), StoreSettings()) as journal:
        found = journal.readings(series, START - timedelta(days=1), datetime.now(UTC) + timedelta(days=1))
    return [(reading.at, reading.value) for reading in found]


def heard(running: Gateway, series: str) -> bool:
    return series in running.latest()


def test_an_uplink_becomes_graded_readings_and_what_follows_from_them(
    tmp_path: Path, broker: int, publisher: Publisher
) -> None:
    site = write_site(tmp_path / "v", site_text(broker, free_port()))
    with gateway(site) as running:
        eventually(lambda: running.open("broker"))
        publisher.bin(1, datetime.now(UTC))
        eventually(lambda: heard(running, "bin-001/fill"))
        latest = running.latest()
        assert latest["bin-001/distance"]["value"] == 2116
        assert latest["bin-001/distance"]["flag"] == "GOOD"
        assert latest["bin-001/fill"]["value"] == pytest.approx((2400 - 2116) / 2100 * 100, abs=0.01)
        assert latest["bin-001/battery"]["value"] == 92
        assert latest["bin-001/rssi"]["value"] == -36
        assert running.stop() == 0
    assert [value for _, value in stored(site, "bin-001/distance")] == [2116.0]


def test_everything_lands_in_influxdb_however_late_live_before_backlog_and_with_its_quality(
    tmp_path: Path, broker: int, publisher: Publisher
) -> None:
    database = free_port()
    sink = f"sinks:\n  far: {{type: influxdb, url: 'http://127.0.0.1:{database}', database: village}}\n"
    site = write_site(tmp_path / "v", site_text(broker, free_port(), more=sink))
    with gateway(site) as running:
        eventually(lambda: running.open("broker"))
        for step in range(200):
            publisher.sample(step, START + timedelta(seconds=step))
        no_target = base64.b64encode(
            bytes.fromhex("01755C0367010104 82FFFF 050000".replace(" ", ""))
        ).decode()
        publisher.bin(1, START, BIN)
        publisher.bin(2, START + timedelta(minutes=10), no_target)
        eventually(lambda: running.status()["journal"]["readings"] > 200)
        eventually(lambda: running.status()["sinks"]["far"]["state"] == "unreachable")
        with influxd(tmp_path, database):
            influx(database, "CREATE DATABASE village")
            eventually(
                lambda: (
                    influx(database, "SELECT count(fill) FROM waste_bin WHERE device='bin-002'") == [[0, 200]]
                ),
                90,
            )
            eventually(lambda: running.status()["sinks"]["far"]["backlog"] == 0)
            rows = influx(
                database, "SELECT distance, distance_q FROM waste_bin WHERE device='bin-001' ORDER BY time"
            )
            assert [row[1:] for row in rows] == [[2116, 1], [None, 9]]
            assert running.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["sigterm", "kill-9"])
def test_stopped_in_full_flow_nothing_that_was_sent_is_lost_or_counted_twice(
    tmp_path: Path, broker: int, publisher: Publisher, number: int
) -> None:
    site = write_site(tmp_path / "v", site_text(broker, free_port()))
    with gateway(site) as running:
        eventually(lambda: running.open("broker"))
        for step in range(300):
            publisher.sample(step, START + timedelta(seconds=step))
        eventually(lambda: running.status()["sources"]["broker"]["received"] > 50)
        began = time.monotonic()
        running.stop(number)
        assert time.monotonic() - began < 10
    for step in range(300, 600):
        publisher.sample(step, START + timedelta(seconds=step)).wait_for_publish(10)
    with gateway(site) as running:
        last = (START + timedelta(seconds=599)).isoformat()
        eventually(lambda: running.latest().get("bin-002/fill", {}).get("at") == last)
        assert running.stop() == 0
    found = stored(site, "bin-002/fill")
    assert [at for at, _ in found] == [START + timedelta(seconds=step) for step in range(600)]
    assert [value for _, value in found] == [float(step % 100) for step in range(600)]


def test_a_reload_keeps_the_connection_of_what_did_not_change(
    tmp_path: Path, broker: int, publisher: Publisher, capsys: pytest.CaptureFixture[str]
) -> None:
    api = free_port()
    other = "".join(f"  self{number}: {{source: own}}\n" for number in range(1))
    site = write_site(tmp_path / "v", site_text(broker, api))
    with gateway(site) as running:
        eventually(lambda: running.open("broker"))
        publisher.bin(1, datetime.now(UTC))
        eventually(lambda: heard(running, "bin-001/fill"))
        text = site_text(broker, api, more=other).replace(
            "sources:\n", "sources:\n  own: {driver: health, period: 60s}\n"
        )
        write_site(site, text)
        assert main(["reload", str(site)]) == 0
        said = capsys.readouterr().out
        assert "sources kept: broker" in said
        assert "sources started: own" in said
        eventually(lambda: running.open("own"))
        write_site(site, text.replace("一号垃圾桶", "村口垃圾桶"))
        running.process.send_signal(signal.SIGHUP)
        eventually(lambda: running.status()["devices"]["bin-001"]["name"] == "村口垃圾桶")
        eventually(lambda: running.open("broker"))
        publisher.bin(2, datetime.now(UTC) + timedelta(seconds=1))
        eventually(lambda: running.status()["sources"]["broker"]["received"] >= 1)
        write_site(site, text.replace("driver: mqtt", "driver: mqqt"))
        assert main(["reload", str(site)]) == 78
        assert "did you mean mqtt?" in capsys.readouterr().err
        assert running.open("broker")
        assert running.stop() == 0
    log = (tmp_path / f"mosquitto-{broker}.log").read_text()
    assert (
        len(re.findall(r"New client connected .* as village-demo-broker", log)) == 2
    )  # start, and the change of its device


def test_a_broker_that_is_absent_at_start_is_normal_and_status_and_doctor_say_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    site = write_site(tmp_path / "v", site_text(port, free_port()))
    with gateway(site) as running:
        eventually(lambda: running.status()["sources"]["broker"]["state"] == "lost")
        assert main(["status", str(site)]) == 0
        assert "中断" in capsys.readouterr().out
        assert main(["doctor", str(site), "--lang", "en"]) == 1
        assert "Source broker has lost its connection" in capsys.readouterr().out
        with mosquitto(tmp_path, port):
            eventually(lambda: running.open("broker"), 60)
        assert running.stop() == 0


def test_a_broken_site_is_said_in_words_with_exit_code_78(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = write_site(tmp_path / "v", "site: {slug: X Y}\n")
    assert main(["run", str(site)]) == 78
    assert "village.yaml:1: site.slug: 'X Y' does not fit" in capsys.readouterr().err


def test_the_last_message_of_a_device_is_shown_as_it_came(
    tmp_path: Path, broker: int, publisher: Publisher
) -> None:
    site = write_site(tmp_path / "v", site_text(broker, free_port()))
    with gateway(site) as running:
        eventually(lambda: running.open("broker"))
        assert control.ask(running.state, "/api/v1/devices/bin-002")["raw"] is None
        publisher.sample(7, START).wait_for_publish(10)
        eventually(lambda: heard(running, "bin-002/fill"))
        device = control.ask(running.state, "/api/v1/devices/bin-002")
        assert json.loads(device["raw"]["text"]) == {"ts": int(START.timestamp() * 1000), "fill": 7}
        assert sum(device["counts"].values()) == 1
        assert running.stop() == 0
