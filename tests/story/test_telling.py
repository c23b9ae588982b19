"""A bin fills, a house tilts: the one who can act is told, and it survives a restart."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway import control
from gateway.app import House
from gateway.clock import ManualClock
from gateway.commands import alerts as command
from gateway.errors import Unavailable
from gateway.model import Delivery, Flag, Notice, Reading
from gateway.notify.channels import console
from gateway.rulefiles import load_rules, rule_files
from gateway.site import load_quantities, load_site
from tests.telling import DEVICES, PEOPLE
from tests.visitor import Visitor

RULES = {
    "rules": [
        {
            "id": "full",
            "name": {"zh": "桶满", "en": "Bin full"},
            "when": {"fill": {"above": "80 %", "clear_below": "60 %"}},
            "severity": "blue",
            "tell": "cleaner",
        },
        {
            "id": "lean",
            "name": {"zh": "倾斜", "en": "House leans"},
            "when": {"tilt_delta": {"above": "0.4 deg"}},
            "severity": "red",
            "tell": "grid-member",
            "never_quiet": True,
        },
    ]
}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Notice]:
    """What the console channels were given, by any house of this test."""
    heard: list[Notice] = []
    before = console.Channel.deliver

    def deliver(self: console.Channel, notice: Notice) -> Any:
        heard.append(notice)
        return before(self, notice)

    monkeypatch.setattr(console.Channel, "deliver", deliver)
    return heard


@asynccontextmanager
async def village(folder: Path, clock: ManualClock) -> AsyncIterator[House]:
    shipped = load_rules(rule_files(None), load_quantities()).written
    site: dict[str, Any] = {
        "site": {"slug": "demo", "name": "Demo"},
        "api": {"port": 0},
        "rules": {"disable": list(shipped)},
    }
    devices = {
        slug: {**settings, "source": "radio"} for slug, settings in DEVICES.items() if slug != "nowhere"
    }
    site["sources"] = {"radio": {"driver": "mqtt", "host": "127.0.0.1", "port": 1, "listen": ["zigbee2mqtt"]}}
    (folder / "village.yaml").write_text(
        yaml.safe_dump({**site, "devices": devices, **PEOPLE}, allow_unicode=True), encoding="utf-8"
    )
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules" / "own.yaml").write_text(yaml.safe_dump(RULES, allow_unicode=True), encoding="utf-8")
    house = House(load_site(folder), folder / "state", clock)
    stop, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(house.run(stop, ready.set))
    try:
        await asyncio.wait_for(ready.wait(), 20)
        yield house
    finally:
        stop.set()
        await clock.advance(0)
        await asyncio.wait_for(task, 20)


async def heard(house: House, series: str, value: float) -> None:
    now = house.clock.now()
    await house.bus.put(Delivery((Reading(series, value, now, now, Flag.GOOD),)))


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not what():
            await asyncio.sleep(0.01)


async def pass_(house: House, clock: ManualClock, minutes: float) -> None:
    clock.move_to(clock.now() + timedelta(minutes=minutes))
    house.herald.wake()


async def settled(house: House) -> None:
    """Whatever was due has been handed over."""
    for _ in range(3):
        house.herald.wake()
        await asyncio.sleep(0.05)
        await asyncio.to_thread(house.journal.outbox, lambda _: None)


async def test_a_bin_fills_the_cleaner_is_told_once_takes_it_on_and_hears_that_it_is_over(
    tmp_path: Path, clock: ManualClock, told: list[Notice], capsys: pytest.CaptureFixture[str]
) -> None:
    async with village(tmp_path, clock) as house:
        await heard(house, "bin-1/fill", 85.0)
        await settled(house)
        assert told == []  # others of its kind may follow
        await pass_(house, clock, 1)
        await until(lambda: len(told) == 1)
        assert told[0].to == "+86 577 0000 0501"
        assert told[0].subject == "蓝色告警:桶满,1号桶"
        await pass_(house, clock, 1)
        await heard(house, "bin-1/fill", 90.0)
        await settled(house)
        assert len(told) == 1
    async with village(tmp_path, clock) as house:  # the power went
        await settled(house)
        assert len(told) == 1
        taken = {"rule": "full", "target": "bin-1", "by": "Sun"}
        assert (await Visitor(house.address).post("/api/v1/alerts/ack", taken)).status == 401
        words = ["ack", "full", "bin-1", "--by", "Sun", "--state", str(house.state_dir)]
        assert await asyncio.to_thread(_command, words) == 0
        assert (
            await asyncio.to_thread(_command, ["list", "--state", str(house.state_dir), "--lang", "en"]) == 0
        )
        shown = capsys.readouterr().out
        assert "taken on by Sun" in shown
        assert "sun         sms       delivered" in shown
        with pytest.raises(Unavailable, match="nothing of rule full is open"):
            await asyncio.to_thread(
                _command, ["ack", "full", "gone", "--by", "Sun", "--state", str(house.state_dir)]
            )
        kinds = [entry.item.kind for entry in house.journal.events(0, 100)]  # type: ignore[union-attr]
        assert "alert_acknowledged" in kinds
        await pass_(house, clock, 1)
        await heard(house, "bin-1/fill", 10.0)
        await until(lambda: len(told) == 2)
        assert told[1].subject == "已解除:桶满,1号桶"
        await settled(house)
        assert len(told) == 2


def _command(words: list[str]) -> int:
    parser = argparse.ArgumentParser()
    command.arguments(parser)
    return command.run(parser.parse_args(words))


async def test_a_house_leans_and_nobody_answers(
    tmp_path: Path, clock: ManualClock, told: list[Notice]
) -> None:
    async with village(tmp_path, clock) as house:
        await heard(house, "house-7/tilt_delta", 0.5)
        await until(lambda: len(told) == 1)
        await pass_(house, clock, 3)
        await until(lambda: len(told) == 2)
    async with village(tmp_path, clock) as house:
        await pass_(house, clock, 5)
        await until(lambda: len(told) == 3)
        assert [one.to[-4:] for one in told] == ["0101", "0201", "0301"]
        assert told[0].subject == "red: House leans, 7号屋"
        status = await asyncio.to_thread(control.ask, house.state_dir, "/api/v1/status")
        (alert,) = [one for one in status["alerts"] if one["rule"] == "lean"]
        states = [(one["person"], one["state"]) for one in alert["told"]]
        assert states[-1] == ("tang", "queued")
        assert json.dumps(status).find("0000 0101") == -1
        assert status["channels"]["chat"]["state"] == "open"
        await asyncio.to_thread(
            control.ask, house.state_dir, "/api/v1/alerts/ack?rule=lean&target=house-7&by=He", method="POST"
        )
        await pass_(house, clock, 30)
        await settled(house)
        assert len(told) == 3
