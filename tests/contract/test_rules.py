"""Every shipped rule: it loads, names its sources, and its own story comes true."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from gateway.model import AlertChange, Observation
from gateway.notify.reasons import said
from gateway.rulefiles import Written, load_rules, rule_files
from gateway.rules.plan import Surroundings
from gateway.rules.rulebook import Rulebook
from gateway.rules.scenario import tell
from gateway.site import load_quantities, load_words

QUANTITIES = load_quantities()
AROUND = Surroundings(QUANTITIES, ZoneInfo("Asia/Shanghai"), frozenset({date(2026, 10, 1)}))
SHIPPED = load_rules(rule_files(None), QUANTITIES, around=AROUND).written


@pytest.mark.parametrize("written", SHIPPED.values(), ids=SHIPPED)
def test_the_story_of_a_rule_comes_true(written: Written) -> None:
    assert [f"{failure.line + 1}: {failure.problem}" for failure in tell(written.rule, AROUND)] == []


@pytest.mark.parametrize("written", SHIPPED.values(), ids=SHIPPED)
def test_a_story_shows_its_rule_fire(written: Written) -> None:
    assert written.rule.scenario is not None
    assert any(str(line[-1]).startswith("firing") for line in written.rule.scenario.story)


@pytest.mark.parametrize("written", SHIPPED.values(), ids=SHIPPED)
def test_a_rule_says_where_its_numbers_come_from_and_whom_it_tells(written: Written) -> None:
    rule = written.rule
    assert rule.source
    assert rule.tell
    assert rule.title("zh") != rule.title("en")
    assert bool(rule.placeholder) is not rule.enabled, "what is switched off must say what is missing"


_ENGLISH = re.compile(r"[A-Za-z]{4,}")
_UNITS = {"degC", "permille"}


@pytest.mark.parametrize("written", SHIPPED.values(), ids=SHIPPED)
def test_the_reason_of_a_rule_can_be_said_in_chinese_and_in_english(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[AlertChange] = []
    before = Rulebook.step

    def step(self: Rulebook, observations: Iterable[Observation]) -> list[AlertChange]:
        changes = before(self, observations)
        told.extend(change for change in changes if change.told and change.rule == written.rule.id)
        return changes

    monkeypatch.setattr(Rulebook, "step", step)
    assert tell(written.rule, AROUND) == []
    assert told
    for change in told:
        chinese = said(change.facts, load_words("zh"), QUANTITIES)
        assert set(_ENGLISH.findall(chinese)) <= _UNITS, chinese
        assert re.search(r"[\u4e00-\u9fff]", chinese)
        assert said(change.facts, load_words("en"), QUANTITIES)
