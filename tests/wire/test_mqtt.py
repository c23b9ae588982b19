"""The MQTT driver against a real mosquitto: acknowledged after the commit, lost and found again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from drivers.mqtt import Driver, Settings
from gateway.catalogue import Catalogue
from gateway.clock import SystemClock
from gateway.contracts import Context, Device, SourceHealth
from gateway.errors import BadReply, Lost
from gateway.model import Delivery, Reading
from gateway.quantities import Quantities
from gateway.settings import DeviceSettings
from tests.hostile import LISTEN, corpus
from tests.servers import eventually, free_port, mosquitto, tool
from tests.unit.test_messages import CHIRP, chirpstack_up

pytestmark = pytest.mark.servers

PLAIN = {"topic": "village/{device}/data", "values": {"fill": "fill"}}
DURABLE = ("persistence false", "max_inflight_messages 500")


@dataclass
class Rig:
    """One driver's surroundings; ``health`` outlives its openings, as in the daemon."""

    quantities: Quantities
    catalogue: Catalogue
    port: int
    folder: Path
    more: dict[str, Any] = field(default_factory=dict)
    health: SourceHealth = field(default_factory=SourceHealth)
    by_hand: bool = False

    def device(self, slug: str) -> Device:
        return Device(slug, DeviceSettings(source="broker", address=slug))

    def driver(self, **more: Any) -> Driver:
        keys = {
            "port": self.port,
            "listen": [{"plain": PLAIN}, "zigbee2mqtt"],
            "keepalive": "5s",
            **self.more,
            **more,
        }
        devices = (
            Device("bin-1", DeviceSettings(source="broker", address="bin-1")),
            Device("door", DeviceSettings(source="broker", address="hall/door")),
        )
        context = Context(
            "broker-by-hand" if self.by_hand else "broker",
            "test",
            devices,
            self.quantities,
            self.catalogue,
            SystemClock(),
            self.health,
            self.folder,
            by_hand=self.by_hand,
        )
        return Driver(Settings.model_validate(keys), context)


@pytest.fixture(params=["5", "3.1.1"])
def rig(request: Any, quantities: Quantities, catalogue: Catalogue, tmp_path: Path) -> Rig:
    return Rig(quantities, catalogue, free_port(), tmp_path, {"protocol": request.param})


@pytest.fixture
def rig5(quantities: Quantities, catalogue: Catalogue, tmp_path: Path) -> Rig:
    return Rig(quantities, catalogue, free_port(), tmp_path)


@contextlib.contextmanager
def sender(port: int) -> Iterator[paho.Client]:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="sender")
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def send(
    client: paho.Client, fill: float, *, qos: int = 1, topic: str = "village/bin-1/data", **more: Any
) -> None:
    info = client.publish(topic, json.dumps({"fill": fill}), qos=qos, **more)
    info.wait_for_publish(10)


async def nothing_comes(deliveries: AsyncIterator[Delivery], seconds: float = 0.5) -> None:
    task = asyncio.ensure_future(anext(deliveries))
    done, _ = await asyncio.wait([task], timeout=seconds)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
        await task
    assert not done, "a message came although the one before was not settled"


async def take(deliveries: AsyncIterator[Delivery], count: int) -> list[Delivery]:
    async with asyncio.timeout(20):
        return [await anext(deliveries) for _ in range(count)]


def fills(deliveries: list[Delivery]) -> list[float | None]:
    return [item.value for one in deliveries for item in one.observations if isinstance(item, Reading)]


def settle(deliveries: list[Delivery]) -> None:
    for one in deliveries:
        assert one.receipt is not None
        one.receipt.settle()


async def test_nothing_is_acknowledged_before_it_is_settled(rig: Rig) -> None:
    with mosquitto(rig.folder, rig.port, "max_inflight_messages 1"), sender(rig.port) as client:
        async with rig.driver(inflight=1) as driver:
            deliveries = driver.observations()
            send(client, 1)
            send(client, 2)
            first = await take(deliveries, 1)
            waiting = asyncio.ensure_future(anext(deliveries))
            done, _ = await asyncio.wait([waiting], timeout=0.7)
            assert not done, "the broker sent a second message although the first was not settled"
            await asyncio.to_thread(settle, first)  # as the journal does: from another thread
            async with asyncio.timeout(10):
                second = [await waiting]
            assert fills(first + second) == [1.0, 2.0]
            settle(second)


async def test_what_was_not_settled_comes_again_after_a_crash(rig: Rig) -> None:
    with mosquitto(rig.folder, rig.port, *DURABLE), sender(rig.port) as client:
        async with rig.driver() as driver:
            deliveries = driver.observations()
            send(client, 1)
            send(client, 2)
            both = await take(deliveries, 2)
            settle(both[:1])
            await asyncio.sleep(0.3)  # the acknowledgement must reach the broker
            assert driver._connection is not None
            driver._connection._client.socket().close()  # the cable is cut: no goodbye
            with pytest.raises(Lost):
                await anext(deliveries)
        send(client, 3)  # while nobody is there
        rig.health = SourceHealth()  # another process: nothing is remembered
        async with rig.driver() as driver:
            again = await take(driver.observations(), 2)
            assert fills(again) == [2.0, 3.0]
            settle(again)


async def test_a_repetition_of_what_is_already_on_its_way_is_acknowledged_but_not_counted(rig: Rig) -> None:
    with mosquitto(rig.folder, rig.port, *DURABLE), sender(rig.port) as client:
        async with rig.driver() as driver:
            send(client, 1)
            first = await take(driver.observations(), 1)
            assert driver._connection is not None
            driver._connection._client.socket().close()
        settle(first)  # the commit comes after the connection went: harmless
        async with rig.driver() as driver:
            again = await take(driver.observations(), 1)
            assert again[0].observations == ()
            settle(again)
        assert rig.health.duplicates == 1
        async with rig.driver() as driver:
            send(client, 7)
            last = await take(driver.observations(), 1)
            assert fills(last) == [7.0]
            settle(last)


async def test_a_broker_absent_at_start_is_lost_and_then_found(rig: Rig) -> None:
    with pytest.raises(Lost, match="refused"):
        async with rig.driver():
            pass
    with mosquitto(rig.folder, rig.port), sender(rig.port) as client:
        async with rig.driver() as driver:
            send(client, 5)
            got = await take(driver.observations(), 1)
            assert fills(got) == [5.0]
            settle(got)


async def test_a_broker_that_restarts_is_lost_and_subscribed_again(rig: Rig) -> None:
    with mosquitto(rig.folder, rig.port):
        driver = rig.driver()
        await driver.__aenter__()
        deliveries = driver.observations()
        waiting = asyncio.ensure_future(anext(deliveries))
        await asyncio.sleep(0.1)
    with pytest.raises(Lost):
        await asyncio.wait_for(waiting, 10)
    await driver.__aexit__(None, None, None)
    with mosquitto(rig.folder, rig.port), sender(rig.port) as client:  # it has forgotten every session
        async with rig.driver() as again:
            send(client, 6)
            got = await take(again.observations(), 1)
            assert fills(got) == [6.0]
            settle(got)


async def test_a_session_taken_over_by_somebody_else_is_lost(rig: Rig) -> None:
    with mosquitto(rig.folder, rig.port):
        async with rig.driver() as driver:
            waiting = asyncio.ensure_future(anext(driver.observations()))
            thief = paho.Client(CallbackAPIVersion.VERSION2, client_id="village-test-broker")
            thief.connect("127.0.0.1", rig.port)
            with pytest.raises(Lost):
                await asyncio.wait_for(waiting, 10)
            thief.disconnect()


async def test_a_broker_that_hangs_for_ten_seconds_loses_nothing(rig5: Rig) -> None:
    rig5.more["keepalive"] = "30s"
    with mosquitto(rig5.folder, rig5.port) as broker, sender(rig5.port) as client:
        async with rig5.driver() as driver:
            deliveries = driver.observations()
            broker.send_signal(signal.SIGSTOP)
            info = client.publish("village/bin-1/data", b'{"fill": 9}', qos=1)
            await asyncio.sleep(10)
            broker.send_signal(signal.SIGCONT)
            got = await take(deliveries, 1)
            assert fills(got) == [9.0]
            settle(got)
            await asyncio.to_thread(info.wait_for_publish, 10)


async def test_a_broker_that_is_dead_but_connected_is_noticed_within_twice_the_keepalive(rig5: Rig) -> None:
    with mosquitto(rig5.folder, rig5.port) as broker:
        async with rig5.driver(keepalive="5s") as driver:
            broker.send_signal(signal.SIGSTOP)
            with pytest.raises(Lost):
                async with asyncio.timeout(13):
                    await anext(driver.observations())
        broker.send_signal(signal.SIGCONT)


async def test_retained_messages_are_marked_and_not_fresh(rig: Rig) -> None:
    with mosquitto(rig.folder, rig.port), sender(rig.port) as client:
        send(client, 3, retain=True)
        client.publish(
            "zigbee2mqtt/hall/door/availability", b'{"state":"online"}', qos=1, retain=True
        ).wait_for_publish(9)
        async with rig.driver() as driver:
            got = await take(driver.observations(), 2)
            settle(got)
            assert [item.series for one in got for item in one.observations if isinstance(item, Reading)] == [
                "door/online"
            ]
            assert rig.health.last_good is None
            assert rig.health.devices == {}
            send(client, 4)
            live = await take(driver.observations(), 1)
            assert fills(live) == [4.0]
            settle(live)
            assert set(rig.health.devices) == {"bin-1"}


async def test_a_message_that_nobody_understands_is_counted_and_acknowledged(rig: Rig) -> None:
    with mosquitto(rig.folder, rig.port, "max_inflight_messages 1"), sender(rig.port) as client:
        async with rig.driver() as driver:
            client.publish("village/bin-1/data", b"{", qos=1)
            client.publish("village/bin-1/data", b"\xff\xfe", qos=1)
            send(client, 1)
            deliveries = driver.observations()
            for _ in range(2):
                (refused,) = await take(deliveries, 1)
                assert refused.observations == ()
                settle([refused])
            good = await take(deliveries, 1)
            assert fills(good) == [1.0]
            settle(good)
        assert rig.health.refused == 2
        assert rig.health.received == 1


async def test_qos_0_is_expendable_and_has_no_receipt(rig: Rig) -> None:
    with mosquitto(rig.folder, rig.port), sender(rig.port) as client:
        async with rig.driver() as driver:
            send(client, 2, qos=0)
            (got,) = await take(driver.observations(), 1)
            assert (got.receipt, got.expendable, fills([got])) == (None, True, [2.0])


async def test_a_friendly_name_with_a_slash_is_heard(rig: Rig) -> None:
    with mosquitto(rig.folder, rig.port), sender(rig.port) as client:
        async with rig.driver() as driver:
            client.publish("zigbee2mqtt/hall/door", b'{"contact": false}', qos=1)
            (got,) = await take(driver.observations(), 1)
            (reading,) = got.observations
            assert isinstance(reading, Reading)
            assert (reading.series, reading.value) == ("door/contact", 0.0)
            settle([got])


async def test_a_password_file_that_others_can_read_is_refused(rig5: Rig) -> None:
    secret = rig5.folder / "password"
    secret.write_text("hunter2\n")
    secret.chmod(0o640)
    with mosquitto(rig5.folder, rig5.port), pytest.raises(Lost, match="chmod 600") as raised:
        async with rig5.driver(username="gw", password_file=str(secret)):
            pass
    assert "hunter2" not in str(raised.value)


async def test_user_and_password_open_a_closed_broker_and_a_wrong_one_says_so(rig: Rig) -> None:
    users = rig.folder / "users"
    users.write_text("gw:secret\n")
    users.chmod(0o600)
    await asyncio.to_thread(subprocess.run, [tool("mosquitto_passwd"), "-U", str(users)], check=True)
    secret, wrong = rig.folder / "good", rig.folder / "bad"
    for path, text in ((secret, "secret"), (wrong, "nope")):
        path.touch(mode=0o600)
        path.write_text(text)
    with mosquitto(rig.folder, rig.port, "allow_anonymous false", f"password_file {users}"):
        async with rig.driver(username="gw", password_file=str(secret)):
            pass
        with pytest.raises(Lost, match=r"(?i)not authori[sz]ed"):
            async with rig.driver(username="gw", password_file=str(wrong)):
                pass


async def test_a_subscription_that_the_access_list_forbids_is_told(rig5: Rig) -> None:
    acl = rig5.folder / "acl"
    acl.write_text("topic read village/#\n")
    with mosquitto(rig5.folder, rig5.port, f"acl_file {acl}"):
        async with rig5.driver():
            pass


def _openssl(*words: str, cwd: Path) -> None:
    subprocess.run([tool("openssl"), *words], cwd=cwd, check=True, capture_output=True)


def _certificates(folder: Path) -> None:
    subject = ["-nodes", "-days", "2", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    _openssl(
        "req", "-x509", *subject, "-subj", "/CN=test ca", "-keyout", "ca.key", "-out", "ca.crt", cwd=folder
    )
    for name, extra in (
        ("server", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
        ("client", "keyUsage=digitalSignature"),
    ):
        _openssl(
            "req",
            *subject,
            "-subj",
            f"/CN={name}",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
            cwd=folder,
        )
        (folder / "ext").write_text(extra)
        signing = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext"]
        _openssl("x509", "-req", "-in", f"{name}.csr", *signing, "-out", f"{name}.crt", cwd=folder)
        (folder / f"{name}.key").chmod(0o600)


async def test_tls_with_a_private_authority_and_a_client_certificate(rig: Rig) -> None:
    await asyncio.to_thread(_certificates, rig.folder)
    here = str(rig.folder)
    tls = {"ca": f"{here}/ca.crt", "cert": f"{here}/client.crt", "key": f"{here}/client.key"}
    lines = (
        f"cafile {here}/ca.crt",
        f"certfile {here}/server.crt",
        f"keyfile {here}/server.key",
        "require_certificate true",
        "max_inflight_messages 500",
    )
    with mosquitto(rig.folder, rig.port, *lines):
        async with rig.driver(tls=tls) as driver, rig.driver(tls=tls, client_id="second") as other:
            assert other._connection is not None
            taken: list[str] = []
            for number in range(50):
                payload = json.dumps({"fill": number}).encode()
                other._connection.publish("village/bin-1/data", payload, retain=False, done=taken.append)
            await asyncio.to_thread(eventually, lambda: taken == [""] * 50)
            got = await take(driver.observations(), 50)
            assert fills(got) == [float(number) for number in range(50)]
            settle(got)
        with pytest.raises(Lost):  # without a certificate of ours
            async with rig.driver(tls={"ca": tls["ca"]}):
                pass
        with pytest.raises(Lost, match="certificate verify failed"):  # an authority that nobody knows
            async with rig.driver(tls={}):
                pass


async def test_nothing_runs_on_after_leaving(rig5: Rig) -> None:
    with mosquitto(rig5.folder, rig5.port):
        async with rig5.driver():
            assert any(thread.name.startswith("mqtt-") for thread in threading.enumerate())
        eventually(lambda: not any(thread.name.startswith("mqtt-") for thread in threading.enumerate()), 5)


async def test_a_storm_of_hostile_messages_is_acknowledged_to_the_last_and_intake_goes_on(rig: Rig) -> None:
    rig.more |= {"listen": LISTEN, "inflight": 20}
    messages = [(topic, payload) for topic, payload in corpus() if topic and "\0" not in topic][::5]
    with mosquitto(rig.folder, rig.port, "max_queued_messages 0"), sender(rig.port) as client:
        async with rig.driver() as driver:
            deliveries = driver.observations()
            for topic, payload in messages:
                client.publish(topic, payload, qos=1)
            client.publish("village/bin-1/data", b'{"ts": 1784368800000, "fill": 77}', qos=1)
            last: list[float | None] = []
            while last[-1:] != [77.0]:
                (one,) = await take(deliveries, 1)
                settle([one])
                last += fills([one])
        assert rig.health.refused > 450


@pytest.fixture
def by_hand(rig5: Rig) -> Rig:
    rig5.by_hand = True
    return rig5


async def test_read_shows_the_next_message_of_one_device_raw_and_decoded(by_hand: Rig) -> None:
    with mosquitto(by_hand.folder, by_hand.port), sender(by_hand.port) as client:
        send(client, 1, retain=True)
        async with by_hand.driver() as driver:
            client.publish("zigbee2mqtt/other", b'{"temperature": 1}', qos=1)
            send(client, 42)
            exchange = await driver.read(by_hand.device("bin-1"))
        assert exchange.raw == ("topic village/bin-1/data", 'payload {"fill": 42}')
        assert [(reading.series, reading.value) for reading in exchange.readings] == [("bin-1/fill", 42.0)]


async def test_read_gives_up_in_words(by_hand: Rig) -> None:
    with mosquitto(by_hand.folder, by_hand.port), sender(by_hand.port) as client:
        async with by_hand.driver(read_patience="1s") as driver:
            client.publish("zigbee2mqtt/other", b'{"temperature": 1}', qos=1)
            with pytest.raises(BadReply, match=r"nothing came from bin-1 within 1s; heard others: other"):
                await driver.read(by_hand.device("bin-1"))


async def test_discover_names_strangers_with_the_model_that_fits(by_hand: Rig) -> None:
    up = chirpstack_up(deviceInfo={"devEui": "24e124713b492158"}, data="AXVcA4JECAQAAQ==")
    with mosquitto(by_hand.folder, by_hand.port), sender(by_hand.port) as client:
        async with by_hand.driver() as driver:
            loop = asyncio.get_running_loop()
            loop.call_later(0.5, client.publish, CHIRP + "up", json.dumps(up), 1)
            loop.call_later(0.6, client.publish, "zigbee2mqtt/porch", '{"temperature": 1}', 1)
            loop.call_later(0.6, client.publish, "village/bin-1/data", '{"fill": 1}', 1)
            found = await driver.discover(1.5)
    assert [one.address for one in found] == ["24e124713b492158", "porch"]
    assert found[0].models[0].startswith("milesight-em310-udl")
    lines = found[0].yaml.splitlines()
    assert lines[0] == "  24e124713b492158:"
    assert lines[1].startswith("    model: milesight-em310-udl")
    assert lines[2:] == ["    source: broker", '    address: "24e124713b492158"']


async def test_looking_by_hand_leaves_the_daemons_session_alone_and_none_behind(
    by_hand: Rig, rig5: Rig
) -> None:
    with mosquitto(by_hand.folder, by_hand.port), sender(by_hand.port) as client:
        rig5.by_hand = False
        async with rig5.driver() as daemon:
            rig5.by_hand = True
            async with rig5.driver():
                pass
            send(client, 8)
            (got,) = await take(daemon.observations(), 1)
            assert fills([got]) == [8.0]
            settle([got])


async def test_what_the_site_no_longer_listens_to_is_given_up(rig: Rig) -> None:
    with mosquitto(rig.folder, rig.port), sender(rig.port) as client:
        async with rig.driver():
            pass
        async with rig.driver(listen=[{"plain": PLAIN}]) as driver:
            client.publish("zigbee2mqtt/hall/door", b'{"contact": false}', qos=1)
            send(client, 3)
            got = await take(driver.observations(), 1)
            assert fills(got) == [3.0]
            settle(got)
        assert rig.health.refused == 0


async def test_announced_states_that_waited_for_us_are_understood_after_a_restart(rig: Rig) -> None:
    announced = {
        "state_topic": "esp/bin",
        "value_template": "{{ value_json.d }}",
        "device_class": "distance",
        "unit_of_measurement": "cm",
        "device": {"identifiers": "bin-1"},
    }
    with mosquitto(rig.folder, rig.port), sender(rig.port) as client:
        topic = "homeassistant/sensor/esp/bin/config"
        client.publish(topic, json.dumps(announced), qos=1, retain=True).wait_for_publish(10)
        async with rig.driver(listen=["homeassistant"]) as driver:
            deliveries = driver.observations()
            settle(await take(deliveries, 1))
            for value in (1, 2):  # the first one may come before the broker has our new subscription
                await asyncio.sleep(0.2)
                client.publish("esp/bin", json.dumps({"d": value}), qos=1)
            got = await take(deliveries, 1)
            while fills(got)[-1:] != [20.0]:
                settle(got)
                got = await take(deliveries, 1)
            settle(got)
        client.publish("esp/bin", b'{"d": 42}', qos=1).wait_for_publish(10)
        rig.health = SourceHealth()  # another process
        async with rig.driver(listen=["homeassistant"]) as driver:
            got = await take(driver.observations(), 1)
            assert fills(got) == [420.0]
            settle(got)


async def test_a_large_message_is_refused_and_the_next_one_comes(rig: Rig) -> None:
    with mosquitto(rig.folder, rig.port), sender(rig.port) as client:
        async with rig.driver() as driver:
            client.publish("village/bin-1/data", b"x" * 100_000, qos=1)
            client.publish("village/bin-1/data", b"x" * 2_000_000, qos=1)
            send(client, 4)
            got = await take(driver.observations(), 2)
            while not fills(got):
                settle(got)
                got = await take(driver.observations(), 1)
            assert fills(got) == [4.0]
            settle(got)
        assert rig.health.refused >= 1
        assert "larger than 65536 bytes" in rig.health.last_error
