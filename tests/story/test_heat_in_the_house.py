"""From the alarm of a thermal camera to a red alert in the running house, and a fire in light that it raises."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from gateway.clock import ManualClock
from gateway.model import Delivery, Event
from tests.camera import HEARTBEAT, PASSWORD, USER, FakeCamera, dahua_part, isapi_alarm, isapi_part
from tests.conftest import NOON
from tests.house import house
from tests.story.test_rules_in_the_house import alerts_written, states, until

SITE = """
site: {{slug: demo}}
api: {{port: 0}}
sources:
  hill: {{driver: isapi, url: "{isapi}", username: {user}, password_file: "{file}"}}
  ridge: {{driver: dahua, url: "{dahua}", username: {user}, password_file: "{file}"}}
devices:
  hill-thermal: {{source: hill, address: 2, tags: [hill]}}
  ridge-thermal: {{source: ridge, address: 1, tags: [ridge]}}
  gate: {{source: hill, address: 1, tags: [hill]}}
"""


async def test_the_cameras_own_alarm_is_red_at_once_and_raises_what_is_seen_in_light(
    tmp_path: Path, clock: ManualClock
) -> None:
    password = tmp_path / "password"
    password.write_text(PASSWORD, encoding="utf-8")
    password.chmod(0o600)
    alarm = isapi_part(HEARTBEAT) + isapi_part(isapi_alarm(celsius=168))
    early = dahua_part("Heartbeat") + dahua_part("Code=SmokeDetection;action=Start;index=1")
    async with (
        FakeCamera(steps=[alarm]) as hill,
        FakeCamera("multipart/x-mixed-replace; boundary=myboundary", [early]) as ridge,
    ):
        text = SITE.format(isapi=hill.url, dahua=ridge.url, user=USER, file=password)
        async with house(tmp_path, clock, text) as building:
            await until(lambda: ("thermal", "hill-thermal") in states(building))
            await until(lambda: ("fire", "ridge-thermal") in states(building))
            assert states(building)["thermal", "hill-thermal"] == "firing red"
            assert states(building)["fire", "ridge-thermal"] == "firing orange", (
                "smoke alone, on another ridge"
            )
            at = NOON + timedelta(seconds=30)
            await building.bus.put(Delivery((Event("gate", "fire", at, at, 0.8, {"zone": "yard"}),)))
            await until(lambda: ("fire", "gate:yard") in states(building))
            assert states(building)["fire", "gate:yard"] == "firing red", (
                "heat of the same tag has shown it before"
            )
            (written,) = [one for one in alerts_written(building) if one["rule"] == "thermal"]
            assert written["severity"] == "red"
            assert {name: one.state for name, one in building.sources.health.items() if name in {"hill", "ridge"}} == {
                "hill": "open", "ridge": "open"
            }  # fmt: skip
