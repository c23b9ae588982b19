"""Whom a change of an alert reaches, when, over what, in which words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.model import AlertState, Fact, Telling
from tests.conftest import NOON
from tests.telling import change, minutes, rule, teller, village

TILT = rule("tilt", ["grid-member", "village-secretary"])


def turns(telling: Telling | None) -> list[tuple[str, str, int, float]]:
    assert telling is not None
    return [
        (one.person, one.channel, one.level, (one.not_before - NOON) / timedelta(minutes=1))
        for one in telling.rows
    ]


def test_a_critical_one_climbs_all_levels_and_goes_down_everybodys_channels() -> None:
    told = teller(TILT).telling(change("red"), NOON)
    assert turns(told) == [
        ("wang", "chat", 1, 0),
        ("wang", "sms", 1, 2),
        ("wang", "voice", 1, 4),
        ("zheng", "sms", 2, 3),
        ("he", "voice", 3, 8),
        ("tang", "voice", 4, 15),
    ]
    assert told is not None
    assert [one.kind for one in told.rows] == ["firing"] * 3 + ["escalate"] * 3
    assert {(one.expires_at - one.not_before) for one in told.rows if one.way == 0} == {timedelta(hours=24)}


def test_less_than_critical_keeps_the_other_channels_in_reserve() -> None:
    told = teller(TILT).telling(change("yellow"), NOON)
    assert turns(told) == [
        ("wang", "chat", 1, 1),
        ("wang", "sms", 1, 361),
        ("wang", "voice", 1, 361),
        ("zheng", "sms", 2, 30),
        ("he", "voice", 3, 120),
    ]


def test_the_role_of_the_rule_is_told_first_and_a_notice_nobody_above() -> None:
    told = teller(rule("full", ["cleaner"])).telling(change("blue", name="full", target="bin-1"), NOON)
    assert [turn for turn in turns(told) if turn[3] < 60] == [("sun", "sms", 1, 1)]
    assert {turn[0] for turn in turns(told)} == {"sun"}


def test_a_group_is_told_together_and_the_levels_above_keep_their_times() -> None:
    told = teller(rule("flood", ["flood"])).telling(change("red", name="flood"), NOON)
    assert turns(told) == [("he", "voice", 1, 0), ("zheng", "sms", 1, 0), ("tang", "voice", 4, 15)]


@pytest.mark.parametrize(("target", "first"), [("house-7", "wang"), ("bin-1", "sun"), ("nowhere", "he")])
def test_a_role_nobody_has_falls_back_to_the_ladder_of_the_place(target: str, first: str) -> None:
    told = teller(TILT).telling(change("blue", target=target), NOON)
    assert turns(told)[0][0] == first


def test_a_rule_of_the_gateway_itself_goes_to_the_technician_or_the_ladder() -> None:
    told = teller().telling(change("info", name="blind", target="house-7:tilt"), NOON)
    assert turns(told)[0][:2] == ("wang", "chat")


@pytest.mark.parametrize(
    ("severity", "never_quiet", "held"),
    [("blue", False, True), ("yellow", True, False), ("red", False, False)],
)
def test_quiet_hours_hold_what_is_not_critical_unless_it_is_never_quiet(
    severity: str, never_quiet: bool, held: bool
) -> None:
    night = minutes(11 * 60)  # 23:00 in the village
    teller_ = teller(rule("tilt", [], never_quiet=never_quiet))
    told = teller_.telling(change(severity, at=night, since=night), night)
    assert told is not None
    assert told.rows[0].not_before == (
        minutes(18 * 60) if held else night if severity == "red" else night + timedelta(minutes=1)
    )


def test_words_are_in_the_language_of_the_person() -> None:
    told = teller(TILT).telling(change("red"), NOON)
    assert told is not None
    subjects = {one.person: one.subject for one in told.rows}
    assert subjects["wang"] == "red: tilt, 7号屋"
    assert subjects["zheng"] == "无人响应,请处理。红色告警:tilt,7号屋"
    assert "07-18 12:00" in told.rows[0].text
    assert "fill 91 % above 80 %" in told.rows[0].text
    assert "East" in told.rows[0].text


def test_worse_goes_to_everybody_again_and_an_acknowledgement_no_longer_counts() -> None:
    told = teller(TILT).telling(
        change("red", before=AlertState.FIRING, was="yellow", at=minutes(5)), minutes(5)
    )
    assert told is not None
    assert (told.cancels, told.reopens) == (True, True)
    assert told.rows[0].kind == "raised"
    assert told.rows[0].subject.startswith("Now red")


@pytest.mark.parametrize("before", [AlertState.FIRING, AlertState.RECOVERING])
def test_better_but_not_over_is_no_news(before: AlertState) -> None:
    assert teller(TILT).telling(change("yellow", before=before, was="red"), NOON) is None


def test_over_takes_back_what_waits_and_tells_those_who_know() -> None:
    over = change("red", after=AlertState.NORMAL, before=AlertState.FIRING, at=minutes(9))
    told = teller(TILT).telling(over, minutes(9))
    assert told is not None
    assert (told.rows, told.cancels, told.reopens) == ((), True, True)
    assert told.closing["en"][0] == "Over: tilt, 7号屋"
    assert told.closing["zh"][0] == "已解除:tilt,7号屋"


def test_latched_tells_those_who_know_and_goes_on_calling() -> None:
    told = teller(TILT).telling(change("red", after=AlertState.LATCHED, before=AlertState.FIRING), NOON)
    assert told is not None
    assert not told.cancels
    assert told.closing["en"][0].startswith("Back to normal, a person must look")


def test_a_rule_that_was_removed_is_closed_without_words() -> None:
    told = teller().telling(change("red", after=AlertState.NORMAL, before=AlertState.FIRING), NOON)
    assert told is not None
    assert told.cancels
    assert not told.closing


@pytest.mark.parametrize(
    ("severity", "hours", "told"),
    [("blue", 3, False), ("yellow", 3, True), ("red", 23, True), ("red", 25, False)],
)
def test_what_happened_too_long_ago_is_written_down_but_not_told(
    severity: str, hours: int, told: bool
) -> None:
    telling = teller(TILT).telling(change(severity), minutes(hours * 60))
    assert telling is not None
    assert bool(telling.rows) is told


def test_a_broken_channel_is_left_out_unless_there_is_no_other() -> None:
    told = teller(TILT).telling(change("red"), NOON, frozenset({"chat", "voice"}))
    assert [turn[:2] for turn in turns(told)] == [("wang", "sms"), ("zheng", "sms")]
    everything = frozenset({"chat", "voice", "sms"})
    assert turns(teller(TILT).telling(change("red"), NOON, everything))[0][:2] == ("wang", "chat")


def test_a_site_without_people_tells_nobody() -> None:
    empty = village(cells={}, people={}, duty={}, devices={})
    told = teller(TILT, of=empty).telling(change("red"), NOON)
    assert told is not None
    assert told.rows == ()


def test_unknown_names_are_known_to_be_unknown() -> None:
    site = village()
    here = teller(TILT, of=site)
    device = here.devices["bin-1"]
    assert here.turns.unknown(rule("any", ["cleaner", "flood", "land-office"]), device) == ["land-office"]


def test_what_is_over_is_said_without_the_limit_it_was_beyond() -> None:
    fact = Fact("level", {"quantity": "fill", "figure": "5", "unit": "%", "limit": "above", "value": "80 %"})
    over = replace(change("red", AlertState.NORMAL, AlertState.FIRING), facts=(fact,))
    told = teller(TILT).telling(over, NOON)
    assert told is not None
    assert "fill现为5 %" in told.closing["zh"][1]
    assert "80" not in told.closing["en"][1]
    still = teller(TILT).telling(replace(change("red"), facts=(fact,)), NOON)
    assert still is not None
    assert "fill 5 % (above 80 %)" in still.rows[0].text
