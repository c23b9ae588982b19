"""A driver of cameras that rules ask for looks, over a worker that the test plays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from drivers.sight.errands import Errands
from drivers.vision import Driver, Settings
from gateway.catalogue import Catalogue
from gateway.clock import ManualClock
from gateway.contracts import Act, Actuator, Context, Device, SourceHealth
from gateway.errors import BadReply, GatewayError, Lost, Undeliverable
from gateway.model import Event
from gateway.quantities import Quantities
from gateway.settings import DeviceSettings
from tests.conftest import NOON

CAMERAS: dict[str, dict[str, object]] = {
    "hill": {"url": "scene://street", "ptz": {"url": "http://192.0.2.1"}, "views": {"bridge": ["river-1"]}},
    "yard": {"url": "scene://street"},
}


class Played:
    """A worker: says what the test puts in, keeps what it hears."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[bytes] = asyncio.Queue()
        self.heard: list[Mapping[str, Any]] = []

    async def open(self, plan: Mapping[str, Any], seconds: float) -> None:
        self.says({"beat": 1, "cameras": {}})

    async def line(self) -> bytes:
        return await self.lines.get()

    def say(self, line: Mapping[str, Any]) -> None:
        self.heard.append(line)

    def give_up(self) -> None: ...

    async def close(self) -> str:
        return "it ended"

    def says(self, line: Mapping[str, Any]) -> None:
        self.lines.put_nowait(json.dumps(line).encode())

    def looked(self, number: str, camera: str, evidence: str | None = None, **more: Any) -> None:
        said = {"id": number, "camera": camera, "at": NOON.isoformat(), "evidence": evidence, "place": ""}
        self.says({"looked": {**said, "why": "", "again": False, **more}})


class Running:
    def __init__(self, driver: Driver, worker: Played) -> None:
        self.driver = driver
        self.worker = worker
        self.events: list[Event] = []

    async def collect(self) -> None:
        async for delivery in self.driver.observations():
            self.events += [item for item in delivery.observations if isinstance(item, Event)]

    async def asked(self, act: Act) -> asyncio.Task[str]:
        task = asyncio.create_task(self.driver.act(act))
        await asyncio.sleep(0)
        return task


def driver_of(folder: Path, quantities: Quantities, catalogue: Catalogue) -> tuple[Driver, Played]:
    devices = tuple(
        Device(slug, DeviceSettings(source="eyes", address=camera))
        for slug, camera in (("hill-top", "hill"), ("yard", "yard"))
    )
    settings = Settings.model_validate({"cameras": CAMERAS})
    context = Context("eyes", "t", devices, quantities, catalogue, ManualClock(NOON), SourceHealth(), folder)
    driver, worker = Driver(settings, context), Played()
    driver._wire = worker
    driver._errands = Errands(worker.say, wait_s=0.2)
    return driver, worker


@asynccontextmanager
async def running(folder: Path, quantities: Quantities, catalogue: Catalogue) -> AsyncIterator[Running]:
    driver, worker = driver_of(folder, quantities, catalogue)
    async with driver:
        found = Running(driver, worker)
        reader = asyncio.create_task(found.collect())
        try:
            yield found
        finally:
            reader.cancel()
            await asyncio.wait([reader])


def look(camera: str, number: str = "7", **more: Any) -> Act:
    return Act(number, "look", camera=camera, rule="river", target="river-1", **more)


async def test_a_picture_is_an_event_that_names_the_alert(
    tmp_path: Path, quantities: Quantities, catalogue: Catalogue
) -> None:
    async with running(tmp_path, quantities, catalogue) as it:
        assert isinstance(it.driver, Actuator)
        task = await it.asked(look("hill", snapshot=True))
        asked = {"id": "7", "camera": "hill", "snapshot": True, "seconds": 60.0, "place": "bridge"}
        assert it.worker.heard == [{"look": asked}]  # the preset from which the alert's device is seen
        it.worker.looked("7", "hill", "k3v0", place="bridge")
        assert await task == "k3v0"
        (event,) = it.events
        assert (event.source, event.kind, event.evidence, event.at) == ("hill-top", "snapshot", "k3v0", NOON)
        detail = {"rule": "river", "target": "river-1", "camera": "hill", "place": "bridge"}
        assert event.detail == detail
        assert await it.driver.act(look("hill", snapshot=True)) == "k3v0"  # tried again by the outbox
        assert len(it.worker.heard) == 1


async def test_what_the_rule_names_wins_and_a_camera_that_stands_still_is_only_asked_for_a_picture(
    tmp_path: Path, quantities: Quantities, catalogue: Catalogue
) -> None:
    async with running(tmp_path, quantities, catalogue) as it:
        task = await it.asked(look("hill", preset="gate"))
        it.worker.looked("7", "hill", place="gate")
        assert await task == "hill turns to gate"
        assert it.events == []
        await it.asked(look("yard", "8", snapshot=True))
        assert [one["look"].get("place") for one in it.worker.heard] == ["gate", None]


@pytest.mark.parametrize(
    ("act", "answer", "error", "words"),
    [
        (look("well", snapshot=True), {}, Undeliverable, "no camera is called 'well'"),
        (look("yard", preset="gate"), {}, Undeliverable, "yard cannot be turned"),
        (look("yard", snapshot=True), {"why": "boxes only"}, Undeliverable, "camera yard: boxes only"),
        (look("yard", snapshot=True), {"why": "blind", "again": True}, BadReply, "camera yard: blind"),
        (look("yard", snapshot=True), None, Lost, "has not answered for 0.2 s"),
    ],
)
async def test_what_cannot_be_done_is_said(
    act: Act,
    answer: dict[str, Any] | None,
    error: type[GatewayError],
    words: str,
    tmp_path: Path,
    quantities: Quantities,
    catalogue: Catalogue,
) -> None:
    async with running(tmp_path, quantities, catalogue) as it:
        task = await it.asked(act)
        if answer is not None:
            it.worker.looked("7", act.camera, **answer)
        with pytest.raises(error, match=words):
            await task
        assert it.events == []


async def test_a_late_picture_still_counts_and_a_second_try_asks_again(
    tmp_path: Path, quantities: Quantities, catalogue: Catalogue
) -> None:
    async with running(tmp_path, quantities, catalogue) as it:
        with pytest.raises(Lost):
            await it.driver.act(look("yard", snapshot=True))
        it.worker.looked("7", "yard", "late")
        while not it.events:
            await asyncio.sleep(0)
        task = await it.asked(look("yard", snapshot=True))
        it.worker.looked("7", "yard", "again")
        assert await task == "again"
        assert [one.evidence for one in it.events] == ["late", "again"]


async def test_a_worker_that_is_not_there_or_goes_is_lost_at_once(
    tmp_path: Path, quantities: Quantities, catalogue: Catalogue
) -> None:
    driver, _ = driver_of(tmp_path, quantities, catalogue)
    with pytest.raises(Lost, match="not there"):
        await driver.act(look("yard", snapshot=True))
    async with running(tmp_path, quantities, catalogue) as it:
        it.driver._errands = Errands(it.worker.say, wait_s=60)
        task = await it.asked(look("yard", snapshot=True))
    with pytest.raises(Lost, match="the worker has gone"):
        await asyncio.wait_for(task, 5)
    with pytest.raises(Lost, match="not there"):
        await it.driver.act(look("yard", snapshot=True))


def test_views_need_something_that_turns() -> None:
    with pytest.raises(ValueError, match="without ptz: has none"):
        Settings.model_validate({"cameras": {"yard": {**CAMERAS["yard"], "views": {"gate": ["river-1"]}}}})
