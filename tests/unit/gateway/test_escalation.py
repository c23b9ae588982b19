"""The ladder of four levels, told as timelines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.duty import Roster, Skipped
from gateway.escalation import Plan, plan
from gateway.people import URGENCIES, Contact, DutySettings, Person, Urgency
from gateway.places import Cell

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 12, 1, 12, tzinfo=SHANGHAI).astimezone(UTC)
NIGHT = NOON + timedelta(hours=11)
MEMBERS = {"town": ["t"], "village": ["v"], "grid": ["g"], "here": ["a", "b"]}


def roster(members: dict[str, list[str]] | None = None, quiet: str = "", **settings: Any) -> Roster:
    lists = MEMBERS | (members or {})
    cells = {
        "town": Cell(kind="township", members=lists["town"]),
        "village": Cell(kind="village", parent="town", members=lists["village"]),
        "grid": Cell(kind="grid", parent="village", members=lists["grid"]),
        "here": Cell(kind="micro", parent="grid", members=lists["here"]),
    }
    people = {
        name: Person.model_validate(
            {"name": name, "channels": [Contact(channel="sms", to="0000")], "quiet": [quiet] if quiet else []}
        )
        for name in "abgvtx"
    }
    return Roster(cells, people, DutySettings.model_validate(settings), SHANGHAI)


def timeline(made: Plan, start: datetime = NOON) -> list[tuple[float, str]]:
    """Minutes after the start, and who is told then."""
    return [
        ((told.at - start).total_seconds() / 60, told.person) for step in made.steps for told in step.told
    ]


@pytest.mark.parametrize(
    ("urgency", "told"),
    [
        ("critical", [(0, "a"), (0, "b"), (3, "g"), (8, "v"), (15, "t")]),
        ("warning", [(0, "a"), (0, "b"), (30, "g"), (120, "v")]),
        ("notice", [(0, "a"), (0, "b")]),
    ],
)
def test_the_levels_are_told_at_the_times_of_the_reference(
    urgency: Urgency, told: list[tuple[float, str]]
) -> None:
    assert timeline(plan(roster(), "here", urgency, NOON)) == told


def test_an_empty_level_passes_to_the_next_at_once_and_the_rest_keep_their_times() -> None:
    made = plan(roster({"here": []}), "here", "critical", NOON)
    assert timeline(made) == [(0, "g"), (8, "v"), (15, "t")]
    assert [step.at_once for step in made.steps] == [False, True, False, False]


def test_two_empty_levels_pass_on_from_the_time_of_the_first() -> None:
    assert timeline(plan(roster({"grid": [], "village": []}), "here", "critical", NOON)) == [
        (0, "a"), (0, "b"), (3, "t"),
    ]  # fmt: skip


def test_a_notice_that_nobody_below_can_take_climbs_until_somebody_can() -> None:
    made = plan(roster({"here": [], "grid": [], "village": []}), "here", "notice", NOON)
    assert timeline(made) == [(0, "t")]


def test_a_warning_stops_at_its_last_level_when_somebody_has_been_told() -> None:
    made = plan(roster({"village": []}), "here", "warning", NOON)
    assert timeline(made) == [(0, "a"), (0, "b"), (30, "g")]
    assert [step.level for step in made.steps] == [1, 2, 3]


def test_a_level_whose_channels_do_not_work_passes_on() -> None:
    made = plan(roster(), "here", "critical", NOON, broken={"sms"})
    assert made.nobody
    assert [step.at for step in made.steps] == [NOON] * 4
    assert made.steps[0].skipped == (Skipped("a", "broken"), Skipped("b", "broken"))


def test_somebody_who_was_told_below_is_not_told_again_above() -> None:
    made = plan(roster({"grid": ["a", "g"]}), "here", "critical", NOON)
    assert timeline(made)[:3] == [(0, "a"), (0, "b"), (3, "g")]
    assert made.steps[1].skipped == (Skipped("a", "already"),)


def test_a_level_of_people_told_before_does_not_hurry_the_next() -> None:
    assert timeline(plan(roster({"grid": ["a"]}), "here", "critical", NOON)) == [
        (0, "a"), (0, "b"), (8, "v"), (15, "t"),
    ]  # fmt: skip


def test_each_level_is_asked_at_its_own_time() -> None:
    one = roster(
        rota=[
            {"cell": "grid", "from": "08:00", "to": "12:15", "people": ["g"]},
            {"cell": "grid", "from": "12:15", "to": "20:00", "people": ["x"]},
        ]
    )
    assert timeline(plan(one, "here", "critical", NOON))[2] == (3, "g")
    assert timeline(plan(one, "here", "warning", NOON))[2] == (30, "x")


def test_quiet_hours_hold_a_warning_but_never_a_critical_one() -> None:
    one = roster(quiet="21:30-06:30")
    morning = 7.5 * 60  # from 23:00 to 06:30
    assert timeline(plan(one, "here", "warning", NIGHT), NIGHT)[0] == (morning, "a")
    assert timeline(plan(one, "here", "warning", NIGHT, never_quiet=True), NIGHT)[0] == (0, "a")
    assert timeline(plan(one, "here", "critical", NIGHT), NIGHT)[0] == (0, "a")


def test_a_site_may_climb_at_its_own_speed() -> None:
    one = roster(ladders={"critical": {"after": ["0min", "1min", "2min", "4min"], "repeat": "2min"}})
    made = plan(one, "here", "critical", NOON)
    assert [minutes for minutes, _ in timeline(made)] == [0, 0, 1, 2, 4]
    assert made.repeat == timedelta(minutes=2)


SOME = st.lists(st.sampled_from("abgvtx"), max_size=3, unique=True)


@given(
    members=st.fixed_dictionaries(dict.fromkeys(MEMBERS, SOME)),
    away=st.sets(st.sampled_from("abgvtx")),
    urgency=st.sampled_from(URGENCIES),
)
def test_whoever_is_there_nobody_is_told_twice_and_only_an_empty_village_tells_nobody(
    members: dict[str, list[str]], away: set[str], urgency: Urgency
) -> None:
    leave = [{"person": name, "from": "2026-11-01", "until": "2027-01-31"} for name in sorted(away)]
    made = plan(roster(members, leave=leave), "here", urgency, NOON)
    told = [one.person for step in made.steps for one in step.told]
    assert len(told) == len(set(told))
    assert not set(told) & away
    assert made.nobody == (not {name for names in members.values() for name in names} - away)
    times = [step.at for step in made.steps]
    assert times == sorted(times)
    if told:
        assert next(step for step in made.steps if step.told).at == NOON
