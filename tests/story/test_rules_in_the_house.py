"""Rules in a running house: judged after writing, written down as events, kept over restart and reload, confirmed."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway import control
from gateway.__main__ import main
from gateway.api.plain import alert_json
from gateway.app import House
from gateway.clock import ManualClock
from gateway.commands.status import alert_lines
from gateway.errors import SettingsError
from gateway.model import Delivery, Event, Flag, Reading
from gateway.site import load_site
from tests.conftest import NOON
from tests.house import house

SITE = """
site: {slug: demo}
api: {port: 0}
sources: {radio: {driver: mqtt, host: 127.0.0.1, port: 1, listen: [chirpstack]}}
devices:
  bin-1: {source: radio, address: bin-1, name: 村口, period: 10min}
  house-7: {source: radio, address: house-7, period: 10min}
"""


async def until(right: Callable[[], Any]) -> None:
    for _ in range(400):
        if right():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come true in 4 s")


async def say(building: House, series: str, value: float | None, minutes: float = 0) -> None:
    at = NOON + timedelta(minutes=minutes)
    flag = Flag.UNKNOWN if value is not None else Flag.MISSING
    before = building.spine.rulebook.judged
    await building.bus.put(Delivery((Reading(series, value, at, at, flag),)))
    await until(lambda: building.spine.rulebook.judged > before)


def states(building: House) -> dict[tuple[str, str], str]:
    return {(one["rule"], one["target"]): f"{one['state']} {one['severity']}" for one in building.alerts()}


def alerts_written(building: House) -> list[dict[str, Any]]:
    building.journal.flush()
    items = [entry.item for entry in building.journal.events(0, 1000)]
    return [dict(item.detail) for item in items if isinstance(item, Event) and item.kind == "alert"]


async def test_a_full_bin_is_shown_and_written_down(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock, SITE) as building:
        await say(building, "bin-1/fill", 82)
        assert states(building) == {("bin-full", "bin-1"): "pending orange"}
        await say(building, "bin-1/fill", 83, 1)
        assert states(building)["bin-full", "bin-1"] == "firing yellow"
        assert building.status()["alerts"] == building.alerts()
        answer = await asyncio.to_thread(control.ask, building.state_dir, "/api/v1/alerts")
        assert answer == [alert_json(one, building.site) for one in building.alerts()]
        assert (answer[0]["id"], answer[0]["unit"]) == ("bin-full/bin-1", "%")
        (written,) = alerts_written(building)
        assert written["rule"] == "bin-full"
        assert (written["from"], written["to"], written["severity"]) == ("pending", "firing", "yellow")
        assert written["value"] == 83
        lines = list(alert_lines(building.alerts(), "zh"))
        assert lines[0] == "告警"
        assert "垃圾桶满溢" in lines[1]
        assert "黄色" in lines[1]
        assert list(alert_lines([], "en")) == ["No alerts"]


async def test_a_restart_tells_nobody_and_loses_nothing(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock, SITE) as building:
        await say(building, "bin-1/fill", 82)
        await say(building, "bin-1/fill", 83, 1)
        before = alerts_written(building)
    async with house(tmp_path, clock, SITE) as building:
        assert states(building)["bin-full", "bin-1"] == "firing yellow"
        await say(building, "bin-1/fill", 84, 10)
        assert alerts_written(building) == before
        await say(building, "bin-1/fill", 10, 20)
        assert alerts_written(building)[-1]["to"] == "normal"


async def test_what_was_told_before_the_power_went_is_not_told_again(
    tmp_path: Path, clock: ManualClock
) -> None:
    """The event is in the journal, the memory is not: the bookmark is as old as before the first reading."""
    async with house(tmp_path, clock, SITE) as building:
        await say(building, "bin-1/fill", 82)
        await say(building, "bin-1/fill", 83, 1)
        before = alerts_written(building)
        building.judgement.remember = lambda rulebook: None  # type: ignore[method-assign]
        building.journal.set_bookmark("rules", '{"events": 0, "rules": {}}')
    async with house(tmp_path, clock, SITE) as building:
        assert states(building)["bin-full", "bin-1"].startswith("firing")
        await say(building, "bin-1/fill", 84, 10)
        assert alerts_written(building) == before


async def test_the_rain_before_a_restart_counts(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock, SITE) as building:
        await say(building, "house-7/rain", 30)
        assert states(building) == {}
    async with house(tmp_path, clock, SITE) as building:
        await say(building, "house-7/rain", 25, 10)
        assert states(building)["rain", "house-7"].startswith("firing")


async def test_a_latched_alert_is_closed_by_a_person(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock, SITE) as building:
        await say(building, "house-7/tilt_alarm", 1)
        await say(building, "house-7/tilt_alarm", 0, 1)
        assert states(building)["tilt-alarm", "house-7"] == "latched orange"
        path = "/api/v1/alerts/confirm?rule=tilt-alarm&target=house-7&by=Lin"
        await asyncio.to_thread(control.ask, building.state_dir, path, method="POST")
        await until(lambda: not building.alerts())
        assert [one["to"] for one in alerts_written(building)] == ["firing", "latched", "normal"]
        assert not await building.confirm("tilt-alarm", "house-7", "Lin")


async def test_a_reload_keeps_what_fires_and_closes_what_is_gone(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock, SITE) as building:
        await say(building, "bin-1/fill", 82)
        await say(building, "bin-1/fill", 83, 1)
        await say(building, "house-7/tilt_alarm", 1, 1)
        (tmp_path / "village.yaml").write_text(SITE + "rules: {disable: [tilt-alarm]}\n", encoding="utf-8")
        await building.reload()
        assert states(building) == {("bin-full", "bin-1"): "firing yellow"}
        written = alerts_written(building)
        assert [(one["rule"], one["to"]) for one in written] == [
            ("bin-full", "firing"),
            ("tilt-alarm", "firing"),
            ("tilt-alarm", "normal"),
        ]
        assert written[-1]["reason"] == "the rule or its target was removed"


class TestFiles:
    def faults(self, tmp_path: Path, rules: str, more: str = "") -> list[str]:
        (tmp_path / "village.yaml").write_text(SITE + more, encoding="utf-8")
        (tmp_path / "rules").mkdir(exist_ok=True)
        (tmp_path / "rules" / "own.yaml").write_text(
            "version: 1\nrules:\n" + (rules or "  []"), encoding="utf-8"
        )
        with pytest.raises(SettingsError) as error:
            load_site(tmp_path)
        return [str(fault).removeprefix(f"{tmp_path}/") for fault in error.value.faults]

    def load(self, tmp_path: Path, rules: str, more: str = ""):
        (tmp_path / "village.yaml").write_text(SITE + more, encoding="utf-8")
        (tmp_path / "rules").mkdir(exist_ok=True)
        (tmp_path / "rules" / "own.yaml").write_text(
            "version: 1\nrules:\n" + (rules or "  []"), encoding="utf-8"
        )
        return load_site(tmp_path).rules

    @pytest.mark.parametrize(
        ("rules", "fault"),
        [
            (
                "- id: own\n  severity: red\n  when: {fill: {abov: 80 %}}\n",
                "rules/own.yaml:5: rules[0].when.fill.abov: unknown key; did you mean above?",
            ),
            (
                "- id: own\n  severity: red\n  wehn: {fill: {above: 80 %}}\n",
                "rules/own.yaml:5: rules[0].wehn: unknown key; did you mean when?",
            ),
            (
                "- id: own\n  severity: red\n  when: {fil: {above: 80 %}}\n",
                "rules/own.yaml:5: rules[0].when.fil: no such quantity or condition; did you mean fill",
            ),
            (
                "- id: own\n  severity: red\n  when: {fill: {above: 80}}\n",
                "rules/own.yaml:5: rules[0].when.fill.above: 80 has no unit; e.g. 80 %",
            ),
            (
                "- id: own\n  severity: red\n  when: {fill: {above: 80 mm}}\n",
                "rules/own.yaml:5: rules[0].when.fill.above: mm measures length, % measures ratio; e.g. 80 %",
            ),
            (
                "- id: own\n  severity: red\n  when: {fill: {above: 80 %, clear_below: 90 %}}\n",
                "rules/own.yaml:5: rules[0].when.fill: the clear limit lies beyond the limit; it lies on the good side",
            ),
            (
                "- id: own\n  severity: loud\n  when: {fill: {above: 80 %}}\n",
                "rules/own.yaml:4: rules[0].severity: 'loud' is no severity; write info, blue, yellow, orange, red",
            ),
            (
                "- id: own\n  severity: red\n  for: 10\n  when: {fill: {above: 80 %}}\n",
                "rules/own.yaml:5: rules[0].for: 10 is not a time with its unit, e.g. 30s, 10min, 2h, 7d",
            ),
            (
                "- id: own\n  severity: red\n  when: {fill: {above: 80 %}, ph: {above: 9}}\n",
                "rules/own.yaml:5: rules[0].when: write exactly one condition here",
            ),
            (
                "- id: own\n  severity: red\n  when: {time: {between: [22:00, 25:00]}}\n",
                "rules/own.yaml:5: rules[0].when.time.between[1]: '25:00' is no time of day; write 22:00",
            ),
            (
                "- id: own\n  severity: red\n  when: {fill: {sum_over: 1 h, mean_over: 1 h, above: 80 %}}\n",
                "rules/own.yaml:5: rules[0].when.fill: sum_over and mean_over exclude each other",
            ),
            (
                "- {id: own, severity: red, when: {fill: {above: 80 %}}}\n- {id: own, severity: red, when: {fill: {above: 80 %}}}\n",
                "rules/own.yaml:4: rules[1].id: stands twice in this file; choose another id",
            ),
            (
                "- {id: rain-1h, enabled: true}\n",
                "rules/own.yaml:3: rules[0]: is a placeholder: fill it in",
            ),
        ],
    )
    def test_a_mistake_is_named_with_its_line_and_what_would_be_right(self, tmp_path, rules, fault):
        found = self.faults(tmp_path, rules)
        assert len(found) == 1
        assert found[0].startswith(fault)

    def test_a_rule_that_is_disabled_must_exist(self, tmp_path):
        (fault,) = self.faults(tmp_path, "", "rules: {disable: [bin-ful]}\n")
        assert fault.startswith(
            "village.yaml:8: rules.disable[0]: no rule is called 'bin-ful'; did you mean bin-full"
        )

    def test_a_placeholder_is_not_enabled_by_its_name(self, tmp_path):
        (fault,) = self.faults(tmp_path, "", "rules: {enable: [river-level]}\n")
        assert "is a placeholder: warning and guaranteed level" in fault

    def test_a_site_changes_a_shipped_rule_key_by_key(self, tmp_path):
        rules = self.load(tmp_path, "- {id: river-rise, keep: 2 h}\n")
        rule = rules.written["river-rise"].rule
        assert rule.keep.fixed == timedelta(hours=2)
        assert rule.times.count == 2

    def test_a_placeholder_with_its_own_limits_is_judged(self, tmp_path):
        rules = self.load(
            tmp_path,
            "- id: river-level\n  steps:\n  - {severity: yellow, when: {water_level: {above: 2.2 m}}}\n",
        )
        assert rules.judged("river-level")
        assert rules.written["river-level"].rule.placeholder == ""

    def test_rules_are_switched_off_in_the_site_file(self, tmp_path):
        rules = self.load(tmp_path, "", "rules: {disable: [bin-full]}\n")
        assert not rules.judged("bin-full")
        assert rules.judged("bin-tipped")


class TestCommands:
    async def test_the_journal_of_the_box_is_judged_again(self, tmp_path, clock, capsys):
        async with house(tmp_path, clock, SITE) as building:
            for minute, fill in enumerate((50, 90, 91, 10)):
                await say(building, "bin-1/fill", fill, minute * 10)
        words = ["replay", "--days", "3660", "--site", str(tmp_path), "--rules", "--json"]
        assert await asyncio.to_thread(main, words) == 0
        out, err = capsys.readouterr()
        lines = [json.loads(line) for line in out.splitlines()]
        firing = [one for one in lines if one["rule"] == "bin-full" and one["to"] == "firing"]
        assert [(one["target"], one["severity"], one["from"]) for one in firing] == [
            ("bin-1", "yellow", "pending")
        ]
        assert set(firing[0]) == {"at", "rule", "target", "from", "to", "severity", "value", "reason"}
        row = next(one for one in json.loads(err)["rules"] if one["rule"] == "bin-full")
        assert (row["fired"], row["tell"]) == (1, "cleaner")

    def test_all_shipped_stories_are_told(self, capsys):
        assert main(["rules", "test"]) == 0
        assert re.search(r"\b(\d{2,}) of \1 rules", capsys.readouterr().out)

    def test_a_story_that_does_not_come_true_is_named_with_its_line(self, tmp_path, capsys):
        path = tmp_path / "own.yaml"
        path.write_text(
            "version: 1\nrules:\n- id: own\n  severity: red\n  when: {fill: {above: 80 %}}\n  scenario:\n"
            "  - [0, 10, normal]\n  - [1 min, 20, firing]\n",
            encoding="utf-8",
        )
        assert main(["rules", "test", str(path)]) == 1
        assert f"{path}:8: own: after 1min: is normal, should be firing" in capsys.readouterr().err

    def test_check_tells_the_stories_of_a_site_too(self, tmp_path, capsys):
        (tmp_path / "village.yaml").write_text("site: {slug: demo}\n", encoding="utf-8")
        (tmp_path / "rules").mkdir()
        rule = "version: 1\nrules:\n- id: own\n  severity: red\n  when: {fill: {above: 80 %}}\n"
        path = tmp_path / "rules" / "own.yaml"
        path.write_text(rule + "  scenario: [[0, 90, firing]]\n", encoding="utf-8")
        assert main(["check", str(tmp_path)]) == 0
        path.write_text(rule + "  scenario: [[0, 90, normal]]\n", encoding="utf-8")
        assert main(["check", str(tmp_path)]) == 78
        assert (
            f"{path}:3: own.scenario[0]: after 0s: is firing red, should be normal" in capsys.readouterr().err
        )

    def test_a_rule_is_explained_in_words(self, capsys):
        assert main(["rules", "explain", "river-rise", "--lang", "en"]) == 0
        said = capsys.readouterr().out
        assert (
            "water_level rise over 1h, above 0.5 m, clear below 0.2 m  [2 times in a row; over after 30min]"
            in said
        )
        assert main(["rules", "explain", "river-ris"]) == 78
        assert "did you mean river-rise" in capsys.readouterr().err

    def test_the_list_says_what_is_missing(self, capsys):
        assert main(["rules", "list", "--lang", "en"]) == 0
        line = next(one for one in capsys.readouterr().out.splitlines() if one.startswith("river-level"))
        assert "off" in line
        assert "to be filled in: warning and guaranteed level" in line
