"""Every shipped rule: it loads, names its sources, and its own story comes true."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from gateway.rulefiles import Written, load_rules, rule_files
from gateway.rules.plan import Surroundings
from gateway.rules.scenario import tell
from gateway.site import load_quantities

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
