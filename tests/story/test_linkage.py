"""The river rises and it rains: the steps reach their levels, the siren sounds over a real Modbus line and falls silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyModbusTCP.server import DataBank, ModbusServer

from gateway.__main__ import main
from gateway.app import House
from gateway.clock import ManualClock
from gateway.errors import SettingsError
from gateway.model import Event, Notice
from gateway.rulefiles import load_rules, rule_files
from gateway.site import load_quantities, load_site
from tests.house import house
from tests.servers import free_port
from tests.story.test_telling import heard, pass_, settled, told, until
from tests.telling import PEOPLE

__all__ = ["told"]  # a fixture
RULES: list[dict[str, Any]] = [
    {
        "id": "river", "name": {"zh": "河道水位", "en": "River"}, "tell": "flood", "never_quiet": True,
        "steps": [
            {"severity": "yellow", "when": {"water_level": {"above": "3 m", "clear_below": "2.9 m"}}},
            {"severity": "orange", "when": {"water_level": {"above": "3.5 m", "clear_below": "3.4 m"}}},
            {"severity": "red", "when": {"all": [
                {"water_level": {"above": "4 m", "clear_below": "3.9 m"}}, {"rain": {"sum_over": "1 h", "above": "50 mm"}},
            ]}},
        ],
        "act": [{"output": "siren", "for": "2 min", "from": "orange"}],
    },
]  # fmt: skip
OUTPUTS = {
    "siren": {
        "kind": "modbus_coil",
        "source": "line",
        "unit": 1,
        "address": 5,
        "max_duration": "3 min",
        "name": "桥头警报器",
    }
}


@pytest.fixture
def siren() -> Iterator[ModbusServer]:
    bank = DataBank()
    bank.set_coils(5, [True])  # somebody has left it on
    server = ModbusServer("127.0.0.1", free_port(), no_block=True, data_bank=bank)
    server.start()
    yield server
    server.stop()


def site_of(server: ModbusServer, **more: Any) -> str:
    shipped = load_rules(rule_files(None), load_quantities()).written
    coil = {"unit": 1, "kind": "coil", "address": 5}
    line = {
        "driver": "modbus",
        "connection": "tcp",
        "host": "127.0.0.1",
        "port": server.port,
        "writes": [coil],
    }
    site = {
        "site": {"slug": "demo", "name": "Demo"},
        "api": {"port": 0},
        "rules": {"disable": list(shipped)},
        "sources": {
            "line": line,
            "radio": {"driver": "mqtt", "host": "127.0.0.1", "port": 1, "listen": ["zigbee2mqtt"]},
        },
        "devices": {"bridge": {"source": "radio", "name": "石桥", "cell": "east"}},
        "outputs": OUTPUTS,
        **PEOPLE,
        **more,
    }
    return yaml.safe_dump(site, allow_unicode=True)


def write_rules(folder: Path, rules: list[dict[str, Any]]) -> None:
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules" / "own.yaml").write_text(
        yaml.safe_dump({"rules": rules}, allow_unicode=True), encoding="utf-8"
    )


@asynccontextmanager
async def village(folder: Path, clock: ManualClock, server: ModbusServer) -> AsyncIterator[House]:
    write_rules(folder, RULES)
    async with house(folder, clock, site_of(server)) as building:
        yield building


def sounds(server: ModbusServer) -> bool:
    return bool(server.data_bank.get_coils(5, 1)[0])


async def moved(clock: ManualClock, seconds: float) -> None:
    """Time passes in small steps, with room for threads and sockets in between."""
    for _ in range(int(seconds // 10)):
        await clock.advance(10)
        await asyncio.sleep(0.01)


async def test_the_river_rises_and_it_rains(
    tmp_path: Path, clock: ManualClock, told: list[Notice], siren: ModbusServer
) -> None:
    async with village(tmp_path, clock, siren) as building:
        await until(lambda: building.sources.health["line"].state == "open")
        await clock.advance(1)
        await until(lambda: not sounds(siren))  # its safe state, before anything has happened
        await heard(building, "bridge/water_level", 3.2)
        await until(lambda: bool(building.alerts()))
        await pass_(building, clock, 2)
        await until(lambda: len(told) >= 2)
        assert {one.subject[:2] for one in told} == {"黄色"}
        await settled(building)
        assert not sounds(siren)
        await heard(building, "bridge/water_level", 3.7)
        await until(lambda: sounds(siren))
        await until(lambda: any("橙色" in one.subject for one in told))
        await moved(clock, 100)
        assert sounds(siren)
        await heard(building, "bridge/rain", 60.0)
        await heard(building, "bridge/water_level", 4.2)
        await until(lambda: any("红色" in one.subject for one in told))
        await moved(clock, 60)
        assert sounds(siren)  # asked for anew, though no longer than it may
        await moved(clock, 40)
        await until(lambda: not sounds(siren))
        events = [one.item for one in building.journal.events(0, 1000) if isinstance(one.item, Event)]
        acts = [(one.source, one.detail["on"], one.detail["why"]) for one in events if one.kind == "output"]
        assert acts[0] == ("siren", 1.0, "river bridge")
        assert acts[-1][1] == 0.0
        assert {one.to for one in told if "红色" in one.subject} >= {"+86 577 0000 0301", "+86 577 0000 0201"}


async def test_put_aside_it_is_silent_and_it_falls_silent_when_the_alert_is_over_and_at_the_end(
    tmp_path: Path,
    clock: ManualClock,
    told: list[Notice],
    siren: ModbusServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with village(tmp_path, clock, siren) as building:
        await until(lambda: building.sources.health["line"].state == "open")
        await clock.advance(1)
        await until(lambda: not sounds(siren))
        await heard(building, "bridge/water_level", 3.7)
        await until(lambda: sounds(siren))
        await pass_(building, clock, 1)
        await heard(building, "bridge/water_level", 2.0)
        await until(lambda: not building.alerts())
        await until(lambda: not sounds(siren))
        until_then = clock.now().replace(hour=clock.now().hour + 3)
        assert await building.shelve("river", "bridge", until_then, "He", "works at the bridge") == ""
        await pass_(building, clock, 5)
        await heard(building, "bridge/water_level", 3.7)
        await until(lambda: bool(building.alerts()))
        await settled(building)
        assert not sounds(siren)
        state = ["--state", str(building.state_dir)]
        assert await asyncio.to_thread(main, ["outputs", "test", "siren", "--by", "he", *state]) == 0
        assert sounds(siren)
        assert await asyncio.to_thread(main, ["outputs", "list", *state]) == 0
        assert "siren           modbus_coil ON 2 s left" in capsys.readouterr().out
        assert await asyncio.to_thread(main, ["outputs", "stop", "--by", "he", *state]) == 0
        assert not sounds(siren)
        assert await asyncio.to_thread(main, ["outputs", "test", "horn", "--by", "he", *state]) != 0
        await building.outputs.test("siren", 600, "he")
        assert sounds(siren)
    assert not sounds(siren)  # the gateway has stopped


def faults(folder: Path, server: ModbusServer, rules: list[dict[str, Any]], **more: Any) -> str:
    write_rules(folder, rules)
    (folder / "village.yaml").write_text(site_of(server, **more), encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        load_site(folder)
    return str(error.value)


def test_what_is_not_on_the_list_is_refused_with_its_line(tmp_path: Path, siren: ModbusServer) -> None:
    other = {"siren": {**OUTPUTS["siren"], "address": 6, "interlock": ["pump"]}}
    said = faults(tmp_path, siren, [], outputs=other)
    assert (
        "outputs.siren.address: line may not write this coil; add {unit: 1, kind: coil, address: 6}" in said
    )
    assert "outputs.siren.interlock[0]: no output is called 'pump'" in said
    said = faults(
        tmp_path, siren, [{**RULES[0], "act": [{"output": "sirene"}, {"output": "siren", "for": "1 h"}]}]
    )
    assert "own.yaml:2: rules.river.act[0].output: no output is called 'sirene'; did you mean siren" in said
    assert "rules.river.act[1].for: siren may be on for 180 s at most" in said
    said = faults(tmp_path, siren, [{**RULES[0], "act": [{"camera": "gate", "snapshot": True}]}])
    assert "no camera is called 'gate'; no source has cameras" in said
