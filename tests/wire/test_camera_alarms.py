"""Alarms of cameras over real sockets: a camera made for the test, with everything that such cameras do."""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from drivers.camera.alarms import Alarm
from gateway import plugins
from gateway.catalogue import Catalogue
from gateway.clock import ManualClock
from gateway.contracts import Context, Device, SourceHealth
from gateway.errors import Lost
from gateway.model import Event, Reading
from gateway.quantities import Quantities
from gateway.settings import DeviceSettings
from tests.camera import HEARTBEAT, PASSWORD, PICTURE, USER, FakeCamera, dahua_part, isapi_alarm, isapi_part
from tests.conftest import NOON
from tests.wire.test_modbus_hostile import certificates


class House:
    """One source at a camera."""

    def __init__(self, folder: Path, clock: ManualClock, quantities: Quantities) -> None:
        self.clock = clock
        self.health = SourceHealth()
        self.password = folder / "password"
        self.write_password(PASSWORD)
        self._folder = folder
        self._quantities = quantities

    def write_password(self, text: str) -> None:
        self.password.unlink(missing_ok=True)
        self.password.write_text(text, encoding="utf-8")
        self.password.chmod(0o600)

    def driver(
        self,
        kind: str,
        camera: FakeCamera,
        devices: Sequence[tuple[str, Any]] = (("hill", 2),),
        **settings: Any,
    ) -> Any:
        module = plugins.load("driver", kind)
        keys = {
            "url": camera.url,
            "username": USER,
            "password_file": str(self.password),
            "silence": "5s",
            **settings,
        }
        context = Context(
            name="camera",
            site="demo",
            devices=tuple(
                Device(slug, DeviceSettings(source="camera", address=address)) for slug, address in devices
            ),
            quantities=self._quantities,
            catalogue=Catalogue([]),
            clock=self.clock,
            health=self.health,
            state_dir=self._folder,
        )
        return module.Driver(module.Settings.model_validate(keys), context)

    async def hear(self, kind: str, camera: FakeCamera, **settings: Any) -> tuple[list[Event], str]:
        """Everything until the stream is lost, and why it was."""
        events: list[Event] = []
        self.online: list[tuple[str, float | None]] = []
        try:
            async with asyncio.timeout(20), self.driver(kind, camera, **settings) as driver:
                async for delivery in driver.observations():
                    readings = [one for one in delivery.observations if isinstance(one, Reading)]
                    self.online += [(one.series, one.value) for one in readings]
                    events += [one for one in delivery.observations if isinstance(one, Event)]
        except Lost as lost:
            return events, str(lost)
        raise AssertionError("a stream ends with Lost")


@pytest.fixture
def house(tmp_path: Path, clock: ManualClock, quantities: Quantities) -> House:
    return House(tmp_path, clock, quantities)


ALARM = isapi_part(HEARTBEAT) + isapi_part(isapi_alarm()) + PICTURE + PICTURE + isapi_part(HEARTBEAT)


async def test_a_fire_point_becomes_an_event_of_its_channel(house: House) -> None:
    async with FakeCamera(steps=[ALARM], ends=True) as camera:
        events, why = await house.hear("isapi", camera)
    (event,) = events
    assert (event.source, event.kind, event.confidence, event.at) == ("hill", "thermal", 0.9, NOON)
    assert event.detail["celsius"] == 168
    assert event.detail["alarm"] == "fireDetection"
    assert event.detail["region"] == "1"
    assert event.evidence is None
    assert why == "the camera ended the connection"
    assert camera.requests == ["/ISAPI/Event/notification/alertStream"] * 2
    assert camera.right == 1
    assert house.health.received == 3, "heartbeats count as heard"
    assert house.health.refused == 0


@pytest.mark.parametrize("chunked", [False, True])
async def test_the_alarm_is_told_before_anything_else_comes(house: House, *, chunked: bool) -> None:
    """No boundary, no heartbeat and no clear message after it: the first word must not wait for them."""
    halves = isapi_part(isapi_alarm())
    steps = [halves[:100], halves[100:300], halves[300:]]
    async with (
        FakeCamera(steps=steps, chunked=chunked) as camera,
        asyncio.timeout(5),
        house.driver("isapi", camera) as driver,
    ):
        deliveries = aiter(driver.observations())
        await anext(deliveries)  # that it is there
        delivery = await anext(deliveries)
    assert delivery.observations[0].kind == "thermal"


async def test_what_lasts_is_said_once_a_minute_and_what_comes_again_at_once(house: House) -> None:
    async with FakeCamera() as camera:
        driver = house.driver("isapi", camera)
    fire, over = Alarm("fireDetection", "2", active=True), Alarm("fireDetection", "2", active=False)
    told = []
    for second in range(130):  # such cameras repeat an alarm each second
        told += [second for _ in driver._alarms.events(fire)]
        await house.clock.advance(1)
    assert told == [0, 60, 120]
    assert list(driver._alarms.events(over)) == []
    assert len(list(driver._alarms.events(fire))) == 1, "it was over and is here again"
    elsewhere = Alarm("fireDetection", "2", active=True, region="3")
    assert len(list(driver._alarms.events(elsewhere))) == 1, "another region is another alarm"


@pytest.mark.parametrize(
    ("name", "kind", "score"),
    [
        ("TMA", "thermal", 0.9),
        ("TMPA", "thermal", 0.5),
        ("TDA", "thermal", 0.7),
        ("smokeDetection", "smoke", 0.7),
        ("smokeAndFireDetection", "fire", 0.8),
        ("VMD", None, 0.0),
        ("linedetection", "person", 0.8),
    ],
)
async def test_each_alarm_has_its_kind_and_the_site_may_add_some(
    house: House, name: str, kind: str | None, score: float
) -> None:
    async with FakeCamera(steps=[isapi_part(isapi_alarm(name, celsius=None))], ends=True) as camera:
        events, _ = await house.hear("isapi", camera, kinds={"linedetection": "person"})
    assert [(one.kind, one.confidence) for one in events] == ([(kind, score)] if kind else [])


async def test_an_alarm_of_a_channel_that_nobody_configured_is_told_all_the_same(house: House) -> None:
    async with FakeCamera(steps=[isapi_part(isapi_alarm(channel=7))], ends=True) as camera:
        events, _ = await house.hear("isapi", camera)
    assert [one.source for one in events] == ["camera"]
    assert list(house.health.unknown) == ["channel 7"]


async def test_rubbish_is_counted_and_the_next_alarm_is_heard(house: House) -> None:
    evil = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><EventNotificationAlert><eventType>&b;</eventType></EventNotificationAlert>'
    steps = [isapi_part(evil), isapi_part("<html>busy</html>"), isapi_part(isapi_alarm())]
    async with FakeCamera(steps=steps, ends=True) as camera:
        events, _ = await house.hear("isapi", camera)
    assert len(events) == 1
    assert house.health.refused == 2
    assert "XML" in house.health.last_error or "html" in house.health.last_error


# -- the door ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess"])
async def test_every_form_of_digest(house: House, algorithm: str) -> None:
    async with FakeCamera(steps=[ALARM], ends=True, algorithm=algorithm) as camera:
        events, _ = await house.hear("isapi", camera)
    assert len(events) == 1


async def test_digest_of_an_old_camera(house: House) -> None:
    async with FakeCamera(steps=[ALARM], ends=True, qop=False) as camera:
        assert len((await house.hear("isapi", camera))[0]) == 1


async def test_a_refused_password_is_not_tried_again_until_it_changes_or_ten_minutes_have_passed(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    house.write_password("wrong one")
    async with FakeCamera(steps=[ALARM], ends=True) as camera:
        _, why = await house.hear("isapi", camera)
        assert "refuses the user or the password" in why
        asked = len(camera.requests)
        for _ in range(5):
            _, why = await house.hear("isapi", camera)
            assert "tried again in 10 min" in why
        assert len(camera.requests) == asked, "the account is not locked by us"
        house.clock._monotonic += 601
        await house.hear("isapi", camera)
        assert len(camera.requests) == asked + 2
        house.write_password(PASSWORD)
        events, _ = await house.hear("isapi", camera)
    assert len(events) == 1
    for secret in ("wrong one", PASSWORD):
        assert secret not in caplog.text
        assert secret not in repr(house.health)
        assert secret not in "".join(camera.proofs)


async def test_the_bare_password_is_not_sent_without_tls_unless_somebody_said_so(house: House) -> None:
    async with FakeCamera(challenge='Basic realm="x"') as camera:
        _, why = await house.hear("isapi", camera)
        assert "bare password without TLS" in why
        assert camera.proofs == []


@pytest.mark.parametrize("status", [403, 404, 500, 503])
async def test_another_answer_is_a_reason_in_words(house: House, status: int) -> None:
    async with FakeCamera(status=status) as camera:
        _, why = await house.hear("isapi", camera)
    assert str(status) in why


async def test_a_login_page_is_no_stream(house: House) -> None:
    async with FakeCamera(content_type="text/html", steps=[b"<html>"], ends=True) as camera:
        _, why = await house.hear("isapi", camera)
    assert "text/html instead of a stream" in why


async def test_a_camera_that_is_there_says_so_now_and_then_and_one_that_is_lost_does_too(
    house: House,
) -> None:
    async def passes() -> None:
        await asyncio.sleep(0.05)  # the far end waits: the heartbeat before it has been read
        await house.clock.advance(301)

    steps = [isapi_part(HEARTBEAT), passes, isapi_part(HEARTBEAT), passes, isapi_part(HEARTBEAT)]
    async with FakeCamera(steps=steps, ends=True) as camera:
        events, _ = await house.hear("isapi", camera, devices=(("hill", 2), ("gate", 1)))
    assert events == []
    assert house.online == [(f"{slug}/online", value) for value in (1, 1, 1, 0) for slug in ("hill", "gate")]


async def test_a_mute_camera_is_lost(house: House) -> None:
    async with FakeCamera(steps=[isapi_part(HEARTBEAT)]) as camera:
        _, why = await house.hear("isapi", camera, silence="300ms")
    assert "said nothing for 0.3 s" in why


async def test_a_camera_that_is_not_there_is_lost(house: House) -> None:
    async with FakeCamera() as camera:
        pass
    _, why = await house.hear("isapi", camera)
    assert "cannot be reached" in why


async def test_over_tls_the_certificate_decides_before_anything_is_said(house: House, tmp_path: Path) -> None:
    key, ca = certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca, key)
    async with FakeCamera(steps=[ALARM], ends=True, tls=context) as camera:
        _, why = await house.hear("isapi", camera)
        assert "certificate" in why or "self-signed" in why
        assert camera.requests == []
        events, _ = await house.hear("isapi", camera, ca_file=str(ca))
    assert len(events) == 1


async def test_the_bare_password_may_go_over_tls(house: House, tmp_path: Path) -> None:
    key, ca = certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca, key)
    async with FakeCamera(challenge='Basic realm="x"', tls=context) as camera:
        _, why = await house.hear("isapi", camera, ca_file=str(ca))
    pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    assert camera.proofs == [f"Basic {pair}"]
    assert "refuses the user or the password" in why, "this one wants Digest after all"


# -- Dahua -------------------------------------------------------------------------------------------------------------------


async def test_dahua_alarms_of_both_kinds(house: House) -> None:
    data = '{\n   "Name" : "stack",\n   "Temperature" : 163.5\n}\n'
    steps = [
        dahua_part("Heartbeat"),
        dahua_part("Code=FireWarning;action=Start;index=1"),
        dahua_part(f"Code=HeatImagingTemper;action=Start;index=1;data={data}"),
        dahua_part("Code=VideoMotion;action=Start;index=0"),
        dahua_part("Error"),
        dahua_part("Code=FireWarning;action=Stop;index=1"),
        dahua_part("Heartbeat"),
    ]
    async with FakeCamera(
        "multipart/x-mixed-replace; boundary=myboundary", steps, ends=True, chunked=True
    ) as camera:
        events, _ = await house.hear("dahua", camera, devices=(("hill", 1),))
    assert [(one.source, one.kind, one.detail["alarm"]) for one in events] == [
        ("hill", "thermal", "FireWarning"),
        ("hill", "thermal", "HeatImagingTemper"),
    ]
    assert events[1].detail["celsius"] == 163.5
    assert camera.requests[0] == (
        "/cgi-bin/eventManager.cgi?action=attach&codes=[FireDetection,FireWarning,HeatImagingTemper,SmokeDetection]&heartbeat=5"
    )
    assert house.health.refused == 1


async def test_a_camera_with_one_eye_needs_no_channel(house: House) -> None:
    steps = [dahua_part("Code=FireWarning;action=Start;index=3")]
    async with FakeCamera("multipart/x-mixed-replace; boundary=myboundary", steps, ends=True) as camera:
        events, _ = await house.hear("dahua", camera, devices=(("hill", ""),))
    assert [one.source for one in events] == ["hill"]
