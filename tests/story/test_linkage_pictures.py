"""The river rises: who can act is told at once, the nearest camera takes a picture, and the next message carries it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("cv2", reason="needs the extra 'vision'")
pytest.importorskip("cryptography", reason="needs the extra 'vision'")

from drivers.sight.wire import Child
from drivers.vision import Driver
from gateway.app import House
from gateway.clock import ManualClock, SystemClock
from gateway.errors import SettingsError
from gateway.evidence.shelf import Shelf
from gateway.model import Event, Notice
from gateway.rulefiles import load_rules, rule_files
from gateway.site import load_quantities, load_site
from tests.house import ROOT, house
from tests.story.test_linkage import write_rules
from tests.story.test_telling import heard, settled, told, until
from tests.telling import PEOPLE

__all__ = ["told"]  # a fixture
RULE: dict[str, Any] = {
    "id": "river", "name": {"zh": "河道水位", "en": "River"}, "tell": "flood", "never_quiet": True,
    "steps": [
        {"severity": "orange", "when": {"water_level": {"above": "3.5 m", "clear_below": "3.4 m"}}},
        {"severity": "red", "when": {"water_level": {"above": "4 m", "clear_below": "3.9 m"}}},
    ],
    "act": [{"camera": "nearest", "snapshot": True}],
}  # fmt: skip


def site_of(*, in_messages: bool) -> str:
    shipped = load_rules(rule_files(None), load_quantities()).written
    eyes = {
        "driver": "vision",
        "models": {"street": {"path": str(ROOT / "config/examples/demo/street.colours")}},
        "cameras": {
            name: {"url": "scene://street", "fps": 2, "size": [320, 320]} for name in ("weir", "hall")
        },
        "evidence": {"blur_models": ["street"], "in_messages": in_messages},
    }
    radio = {"driver": "mqtt", "host": "127.0.0.1", "port": 1, "listen": ["zigbee2mqtt"]}
    devices = {
        "bridge": {"source": "radio", "name": "石桥", "cell": "east", "lat": 27.990, "lon": 120.70},
        "gauge-cam": {"source": "eyes", "address": "weir", "lat": 27.991, "lon": 120.70},
        "hall": {"source": "eyes", "lat": 28.050, "lon": 120.70},
    }
    site = {
        "site": {"slug": "demo", "name": "Demo"}, "api": {"port": 0}, "rules": {"disable": list(shipped)},
        "sources": {"radio": radio, "eyes": eyes}, "devices": devices, **PEOPLE,
    }  # fmt: skip
    return yaml.safe_dump(site, allow_unicode=True)


def pictures(building: House) -> list[Event]:
    events = [one.item for one in building.journal.events(0, 1000)]
    return [one for one in events if isinstance(one, Event) and one.kind == "snapshot"]


def worker_of(building: House) -> int:
    driver = building.sources.driver("eyes")
    assert isinstance(driver, Driver)
    assert isinstance(driver.wire, Child)
    assert driver.wire.pid is not None
    return driver.wire.pid


@pytest.mark.parametrize("in_messages", [True, False])
async def test_the_message_does_not_wait_and_the_next_one_shows_the_place(
    in_messages: bool, tmp_path: Path, told: list[Notice]
) -> None:
    clock = ManualClock(SystemClock().now())  # the worker's own clock is the machine's
    write_rules(tmp_path, [RULE])
    async with house(tmp_path, clock, site_of(in_messages=in_messages)) as building:
        worker = worker_of(building)
        os.kill(worker, signal.SIGSTOP)
        await heard(building, "bridge/water_level", 3.7)
        await until(lambda: any("橙色" in one.subject for one in told))
        assert [one.picture for one in told] == [None] * len(told)  # nobody has waited for the camera
        os.kill(worker, signal.SIGCONT)
        for _ in range(60):
            if pictures(building):
                break
            clock.move_to(clock.now() + timedelta(seconds=5))  # the act is tried again
            await settled(building)
            await asyncio.sleep(0.2)
        (taken,) = pictures(building)
        assert (taken.source, taken.detail["rule"], taken.detail["target"]) == (
            "gauge-cam",
            "river",
            "bridge",
        )
        item = Shelf(building.state_dir / "sources/eyes/evidence").find(str(taken.evidence))
        assert item is not None
        assert (item.meta["kind"], item.meta["rendering"]["how"]) == ("snapshot", "blurred")
        (alert,) = building.alerts()
        assert alert["evidence"] == taken.evidence
        before = len(told)
        await heard(building, "bridge/water_level", 4.2)
        await until(lambda: any("红色" in one.subject for one in told[before:]))
        later = [one for one in told[before:] if "红色" in one.subject]
        shown = {item.read("snapshot.jpg") if in_messages else None}
        assert later[0].picture in shown
        looks = Shelf(building.state_dir / "sources/eyes/evidence").root / "looks.jsonl"
        who = [json.loads(line)["what"] for line in looks.read_text().splitlines()] if looks.exists() else []
        assert ("message" in who) is in_messages


def test_a_view_of_what_is_not_there_is_refused_with_its_line(tmp_path: Path) -> None:
    site = yaml.safe_load(site_of(in_messages=False))
    camera = site["sources"]["eyes"]["cameras"]["weir"]
    camera |= {"ptz": {"url": "http://192.0.2.1"}, "user": "a", "views": {"gate": ["bridge", "bridgo"]}}
    (tmp_path / "village.yaml").write_text(yaml.safe_dump(site, allow_unicode=True), encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        load_site(tmp_path)
    (fault,) = error.value.faults
    assert fault.key == "sources.eyes.cameras.weir.views.gate[1]"
    assert "no device is called 'bridgo'; did you mean bridge" in str(fault)
