from __future__ import annotations

import copy
from typing import Any

import pytest

from gateway.doctor import CAMERA_BLIND, RULE_BLIND, age, examine
from gateway.rulefiles import load_rules, rule_files
from gateway.rules.blind import BLIND
from gateway.site import load_quantities, load_words

HEALTHY: dict[str, Any] = {
    "uptime_s": 90_000.0,
    "stalled": [],
    "clock": {"trusted": True},
    "bus": {"dropped": 0},
    "sources": {
        "broker": {"state": "open", "last_error": "", "unknown": {}, "notes": {}},
    },
    "devices": {
        "bin-1": {"name": "一号桶", "source": "broker", "age_s": 30.0, "period_s": 600.0, "error": ""},
    },
    "sinks": {
        "influx": {"state": "up to date", "last_success": 1.0, "last_error": "", "backlog": 0, "parked": 0}
    },
    "channels": {"sms": {"state": "open", "failures": 0, "last_error": ""}},
    "alerts": [],
    "accounts": "",
    "journal": {"free": 10**10, "evicted": 0, "corrupt": [], "stuck": ""},
}

ILLNESSES = [
    ("stalled", {"stalled": ["commit"]}, True),
    ("clock", {"clock": {"trusted": False}}, False),
    ("dropped", {"bus": {"dropped": 3}}, True),
    ("source_lost", {"sources": {"broker": {"state": "lost", "last_error": "no route"}}}, True),
    ("source_quarantined", {"sources": {"broker": {"state": "quarantined", "last_error": "bug"}}}, True),
    ("unknown_senders", {"sources": {"broker": {"unknown": {"24E1": "now"}}}}, False),
    ("overloaded", {"sources": {"broker": {"notes": {"periods": "periods stretched 1.8x"}}}}, False),
    ("device_silent", {"devices": {"bin-1": {"age_s": 7200.0}}}, False),
    ("device_never", {"devices": {"bin-1": {"age_s": None}}}, False),
    ("device_error", {"devices": {"bin-1": {"error": "exception 2"}}}, False),
    (
        "sink_down",
        {"sinks": {"influx": {"state": "unreachable", "last_success": 600.0, "backlog": 9}}},
        True,
    ),
    ("accounts", {"accounts": "accounts.db cannot be opened"}, True),
    ("channel_broken", {"channels": {"sms": {"state": "broken", "last_error": "wrong key"}}}, True),
    ("channel_failing", {"channels": {"sms": {"state": "failing", "failures": 4}}}, True),
    (
        "rule_blind",
        {"alerts": [{"rule": "blind", "target": "river:water_level", "since": "2026-07-18T04:00"}]},
        False,
    ),
    ("camera_blind", {"alerts": [{"rule": "camera-blind", "target": "gate", "state": "firing"}]}, True),
    ("sink_parked", {"sinks": {"influx": {"parked": 2}}}, False),
    ("disk", {"journal": {"free": 10**7}}, True),
    ("evicted", {"journal": {"evicted": 5}}, False),
    ("corrupt", {"journal": {"corrupt": ["x.corrupt-1"]}}, True),
    ("stuck", {"journal": {"stuck": "no space left"}}, True),
]


def with_illness(change: dict[str, Any]) -> dict[str, Any]:
    status = copy.deepcopy(HEALTHY)

    def overlay(base: dict[str, Any], more: dict[str, Any]) -> None:
        for key, value in more.items():
            if isinstance(value, dict) and isinstance(base.get(key), dict):
                overlay(base[key], value)
            else:
                base[key] = value

    overlay(status, change)
    return status


def test_a_healthy_gateway_has_no_problem() -> None:
    assert examine(HEALTHY) == []


@pytest.mark.parametrize(("kind", "change", "urgent"), ILLNESSES, ids=[kind for kind, _, _ in ILLNESSES])
def test_each_illness_is_found_alone_and_told_with_its_cure_in_both_languages(
    kind: str, change: dict[str, Any], urgent: bool
) -> None:
    problems = examine(with_illness(change))
    assert [problem.kind for problem in problems] == [kind]
    assert problems[0].urgent is urgent
    for language in ("zh", "en"):
        say = load_words(language)
        assert say(f"doctor.{kind}", **problems[0].facts)
        assert say(f"cure.{kind}", **problems[0].facts)


def test_the_urgent_comes_first() -> None:
    status = with_illness({"clock": {"trusted": False}, "bus": {"dropped": 1}})
    assert [problem.urgent for problem in examine(status)] == [True, False]


def test_a_lost_source_is_one_problem_not_one_for_each_of_its_devices() -> None:
    status = with_illness({"sources": {"broker": {"state": "lost"}}, "devices": {"bin-1": {"age_s": 9999.0}}})
    assert [problem.kind for problem in examine(status)] == ["source_lost"]


def test_the_rules_that_doctor_knows_by_name_exist() -> None:
    rules = load_rules(rule_files(None), load_quantities())
    assert CAMERA_BLIND in rules.written
    assert RULE_BLIND == BLIND


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0s"), (119, "119s"), (120, "2min"), (7200, "2h"), (172800, "2d"), (None, "?")],
)
def test_ages_as_a_person_says_them(seconds: float | None, said: str) -> None:
    assert age(seconds) == said
