"""Several matters, one message: a cleaner's round, a quiet night, and somebody who puts an alert aside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.app import House
from gateway.clock import ManualClock
from gateway.errors import SettingsError, Unavailable
from gateway.model import Delivery, Notice, Tick
from gateway.rulefiles import load_rules, rule_files
from gateway.site import load_quantities
from tests.house import house
from tests.story.test_telling import _command, heard, pass_, settled, told, until
from tests.telling import PEOPLE

__all__ = ["told"]  # a fixture

RULES = [
    {
        "id": "full", "name": {"zh": "桶满", "en": "Bin full"}, "tell": "cleaner", "severity": "yellow",
        "when": {"fill": {"above": "80 %", "clear_below": "60 %"}}, "batch": "next_round",
    },
    {
        "id": "acid", "name": {"zh": "水质偏酸", "en": "Water is acid"}, "tell": "grid-member", "severity": "yellow",
        "when": {"ph": {"below": "6"}},
    },
]  # fmt: skip
PLACES = {"bin-1": (27.9900, 120.7), "bin-2": (27.9940, 120.7), "bin-3": (27.9920, 120.7)}


@asynccontextmanager
async def village(folder: Path, clock: ManualClock) -> AsyncIterator[House]:
    shipped = load_rules(rule_files(None), load_quantities()).written
    devices: dict[str, Any] = {
        slug: {
            "source": "radio",
            "name": f"{slug[-1]}号桶",
            "cell": "east",
            "role": "cleaner",
            "lat": lat,
            "lon": lon,
        }
        for slug, (lat, lon) in PLACES.items()
    }
    devices |= {
        f"pond-{number}": {"source": "radio", "name": f"{number}号塘", "cell": "east"} for number in (1, 2)
    }
    cells = {**PEOPLE["cells"], "village": {**PEOPLE["cells"]["village"], "lat": 27.9890, "lon": 120.7}}
    site = {
        "site": {"slug": "demo", "name": "Demo"},
        "api": {"port": 0},
        "rules": {"disable": list(shipped)},
        "sources": {"radio": {"driver": "mqtt", "host": "127.0.0.1", "port": 1, "listen": ["zigbee2mqtt"]}},
        "devices": devices,
        **PEOPLE,
        "cells": cells,
        "duty": {**PEOPLE["duty"], "rounds": {"cleaner": ["14:00"]}},
    }
    (folder / "rules").mkdir(exist_ok=True)
    text = yaml.safe_dump({"rules": RULES}, allow_unicode=True)
    (folder / "rules" / "own.yaml").write_text(text, encoding="utf-8")
    async with house(folder, clock, yaml.safe_dump(site, allow_unicode=True)) as building:
        yield building


async def ticks(building: House, clock: ManualClock, minutes: float) -> None:
    """Time passes, and the house notices."""
    await pass_(building, clock, minutes)
    await building.bus.put(Delivery((Tick(clock.now()),)))
    await settled(building)


async def test_bins_fill_and_the_cleaner_gets_one_route_half_an_hour_before_his_round(
    tmp_path: Path, clock: ManualClock, told: list[Notice]
) -> None:
    async with village(tmp_path, clock) as building:
        for bin_ in PLACES:
            await heard(building, f"{bin_}/fill", 85.0)
            await ticks(building, clock, 5)
        assert told == []
        (first, *_) = building.alerts()
        assert first["reason_zh"] == "满溢度85 %(高于80 %)"
        assert [one["pile"] for one in first["told"]][:1] == ["round"]
    async with village(tmp_path, clock) as building:  # the power went
        await ticks(building, clock, 74)
        assert told == []
        await ticks(building, clock, 1)  # 13:30
        await until(lambda: len(told) == 1)
        assert told[0].subject == "清运路线:3处"
        lines = [line.partition(" [")[0] for line in told[0].text.splitlines()]
        assert lines[:3] == ["1. 1号桶 85 %", "2. 3号桶 85 %", "3. 2号桶 85 %"]
        for bin_ in PLACES:
            await heard(building, f"{bin_}/fill", 5.0)
        await ticks(building, clock, 60)
        assert len(told) == 1
        assert building.alerts() == []


async def test_a_quiet_night_and_in_the_morning_a_list_of_what_is_still_true(
    tmp_path: Path, clock: ManualClock, told: list[Notice]
) -> None:
    clock.move_to(clock.now() + timedelta(hours=11))  # 23:00
    async with village(tmp_path, clock) as building:
        for pond in ("pond-1", "pond-2"):
            await heard(building, f"{pond}/ph", 5.0)
        await ticks(building, clock, 20)
        night = [one for one in told if one.to.endswith("0101")]
        assert night == []
        masks = {mask["kind"] for one in building.alerts() for mask in one["masks"]}
        assert masks == {"quiet"}
        await heard(building, "pond-2/ph", 7.0)
        await heard(building, "pond-1/ph", 5.2)
        await ticks(building, clock, 6 * 60 + 39)
        assert [one for one in told if one.to.endswith("0101")] == []
        await ticks(building, clock, 2)  # 06:01
        await until(lambda: any(one.to.endswith("0101") for one in told))
        (morning,) = [one for one in told if one.to.endswith("0101")]
        assert morning.subject == "yellow: Water is acid, 1号塘"
        assert "pH 5" in morning.text


async def test_the_same_from_the_command_line(tmp_path: Path, clock: ManualClock, capsys) -> None:
    async with village(tmp_path, clock) as building:
        await heard(building, "pond-1/ph", 5.0)
        await settled(building)

        async def command(*words: str) -> str:
            state = ("--state", str(building.state_dir))
            assert await asyncio.to_thread(_command, [*words, *state]) == 0
            return capsys.readouterr().out

        who = ("--by", "Lin")
        await command("shelve", "acid", "pond-1", "--for", "6h", "--why", "lime", *who)
        listed = await command("list", "--lang", "en")
        assert "put aside  until 07-18" in listed
        assert "Lin  lime" in listed
        await command("unshelve", "acid", "pond-1", *who)
        await command("maintain", "pond-1", "--for", "2d", "--why", "probe", *who)
        assert "out of service  until 07-20" in await command("list", "--lang", "en")
        await command("maintain", "pond-1", "--end", *who)
        await command("ack", "acid", "pond-1", *who)
        listed = await command("list", "--lang", "en")
        assert "taken on by Lin" in listed
        assert "put aside" not in listed
        with pytest.raises(Unavailable, match="时间过长"):
            await command("shelve", "acid", "pond-1", "--for", "2d", "--why", "lime", *who)
        with pytest.raises(SettingsError, match="--for"):
            await command("shelve", "acid", "pond-1", "--why", "lime", *who)


async def test_somebody_puts_an_alert_aside_and_it_is_told_when_that_ends(
    tmp_path: Path, clock: ManualClock, told: list[Notice]
) -> None:
    async with village(tmp_path, clock) as building:
        assert await building.shelve("acid", "pond-1", clock.now() + timedelta(hours=25), "何", "撒石灰")
        assert await building.shelve("acid", "pond-1", clock.now() + timedelta(hours=2), "何", "撒石灰") == ""
        await heard(building, "pond-1/ph", 5.0)
        await ticks(building, clock, 30)
        assert told == []
        (alert,) = building.alerts()
        (mask,) = alert["masks"]
        assert (mask["kind"], mask["by"], mask["why"]) == ("shelved", "何", "撒石灰")
    async with village(tmp_path, clock) as building:
        await ticks(building, clock, 80)
        assert told == []
        await ticks(building, clock, 11)
        await ticks(building, clock, 1)
        await until(lambda: len(told) >= 1)
        assert told[0].subject == "yellow: Water is acid, 1号塘"
        kinds = [entry.item.kind for entry in building.journal.events(0, 100)]  # type: ignore[union-attr]
        assert "alert_shelved" in kinds
        assert await asyncio.wait_for(building.unshelve("acid", "pond-1", "何"), 20) == "该告警未被搁置。"
        assert await building.maintain("pond-1", clock.now() + timedelta(days=2), "何", "换探头") == ""
        (alert,) = building.alerts()
        assert [one["kind"] for one in alert["masks"]] == ["maintenance"]
        assert await building.unmaintain("pond-1", "何") == ""


@pytest.mark.parametrize("batch", ["tomorrow", "25:00", "funday 08:00", "next round"])
def test_a_batch_that_nobody_understands_is_refused(batch: str) -> None:
    from pydantic import ValidationError  # noqa: PLC0415

    from gateway.rules.language import Rule  # noqa: PLC0415

    with pytest.raises(ValidationError, match="monday 08:00"):
        Rule.model_validate({**RULES[1], "batch": batch})
