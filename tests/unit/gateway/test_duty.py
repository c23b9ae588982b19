"""Who is on duty: rota, swaps, leave, quiet hours, gaps, call-outs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.duty import Gap, OnDuty, Post, Roster, Skipped
from gateway.people import Contact, DutySettings, Group, Person, masked
from gateway.places import Cell

SHANGHAI = ZoneInfo("Asia/Shanghai")
CELLS = {
    "town": Cell(kind="township", members=["t"]),
    "village": Cell(kind="village", parent="town", members=["v"]),
    "grid": Cell(kind="grid", parent="village", members=["g"]),
    "here": Cell(kind="micro", parent="grid", members=["a", "b"]),
}
PEOPLE = {name: Person(name=name, channels=[Contact(channel="sms", to="0000")]) for name in "abgvtxc"} | {
    "mute": Person(name="mute"),
    "c": Person(name="c", roles=["cleaner"], channels=[Contact(channel="sms", to="0000")]),
}


def roster(zone: ZoneInfo = SHANGHAI, **settings: Any) -> Roster:
    return Roster(CELLS, PEOPLE, DutySettings.model_validate(settings), zone)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


NOON = at("2026-12-01 12:00")  # a Tuesday


def names(one: Roster, when: datetime = NOON, level: int = 1, role: str | None = None) -> list[str]:
    return [told.person for told in one.answers("here", level, when, role=role).people]


def test_without_a_rota_the_members_of_the_cell_of_each_level_answer() -> None:
    assert [names(roster(), level=level) for level in (1, 2, 3, 4)] == [["a", "b"], ["g"], ["v"], ["t"]]


def test_a_cell_with_shifts_is_answered_for_by_them_alone() -> None:
    one = roster(rota=[{"cell": "here", "from": "08:00", "to": "13:00", "people": ["x"]}])
    assert names(one) == ["x"]
    answer = one.answers("here", 1, at("2026-12-01 13:00"))
    assert answer.people == ()
    assert answer.skipped == (Skipped(None, "nobody"),)


def test_a_role_is_looked_for_upwards_and_only_at_level_one() -> None:
    one = roster(rota=[{"cell": "village", "role": "cleaner", "people": ["c"]}])
    assert names(one, role="cleaner") == ["c"]
    assert names(one, role="cleaner", level=3) == ["v"]
    assert one.answers("here", 1, NOON, role="diver").skipped == (Skipped(None, "no_role"),)


def test_a_member_with_the_role_is_nearer_than_one_of_a_larger_cell() -> None:
    cells = CELLS | {"here": Cell(kind="micro", parent="grid", members=["a", "c"])}
    one = Roster(cells, PEOPLE, DutySettings(), SHANGHAI)
    assert one.post("here", 1, "cleaner") == Post("here", "cleaner")
    assert names(one, role="cleaner") == ["c"]


def test_a_level_without_a_cell_says_so() -> None:
    assert roster().answers("village", 1, NOON).skipped == (Skipped(None, "no_cell"),)


def test_a_swap_takes_over_the_shifts_of_one_person_while_it_lasts() -> None:
    one = roster(swaps=[{"from": "2026-12-01", "until": "2026-12-01", "instead_of": ["a"], "people": ["x"]}])
    assert names(one) == ["x", "b"]
    assert one.answers("here", 1, NOON).skipped == (Skipped("a", "swapped"),)
    assert names(one, at("2026-12-02 00:00")) == ["a", "b"]


def test_a_swap_for_another_cell_changes_nothing_here() -> None:
    swap = {"from": "2026-12-01", "until": "2026-12-01", "instead_of": ["a"], "people": ["x"], "cell": "grid"}
    assert names(roster(swaps=[swap])) == ["a", "b"]


def test_an_override_replaces_everybody_and_names_who_is_replaced() -> None:
    one = roster(swaps=[{"from": "2026-12-01", "until": "2026-12-01", "cell": "here", "people": ["b", "x"]}])
    assert names(one) == ["b", "x"]
    assert one.answers("here", 1, NOON).skipped == (Skipped("a", "swapped"),)


def test_leave_counts_for_those_who_stand_in_as_well() -> None:
    one = roster(
        swaps=[{"from": "2026-12-01", "until": "2026-12-02", "instead_of": ["a"], "people": ["x"]}],
        leave=[{"person": "x", "from": "2026-12-01", "until": "2026-12-01"}],
    )
    assert names(one) == ["b"]
    assert one.answers("here", 1, NOON).skipped == (Skipped("a", "swapped"), Skipped("x", "leave"))


def test_somebody_without_a_working_channel_is_skipped_with_the_reason() -> None:
    one = roster(rota=[{"cell": "here", "people": ["mute", "a"]}])
    assert one.answers("here", 1, NOON).skipped == (Skipped("mute", "no_channel"),)
    answer = one.answers("here", 1, NOON, broken={"sms"})
    assert answer.people == ()
    assert answer.skipped == (Skipped("mute", "no_channel"), Skipped("a", "broken"))


def test_a_contact_without_an_address_takes_the_first_number() -> None:
    one = Person.model_validate(
        {"name": "a", "phones": ["+86 111", "+86 222"], "channels": [{"channel": "sms"}]}
    )
    assert [each.to for each in one.contacts] == ["+86 111"]
    assert "111" not in repr(one) + repr(one.contacts) + str(one)


@pytest.mark.parametrize("number", [8613800000000, "call me", "+", "12", None])
def test_what_is_no_telephone_number_is_refused(number: object) -> None:
    with pytest.raises(ValidationError, match="no telephone number"):
        Person.model_validate({"name": "a", "phones": [number]})


def test_one_number_needs_no_list() -> None:
    assert Person.model_validate({"name": "a", "phones": "+86 111"}).phones == ["+86 111"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [("+86 577 0000 0123", "***23"), ("wang@example.org", "w***@example.org"), ("abc", "***"), ("", "")],
)
def test_a_masked_address_cannot_be_used(address: str, shown: str) -> None:
    assert masked(address) == shown


@given(st.text(min_size=1, max_size=40))
def test_a_mask_never_shows_more_than_two_signs_of_a_number(address: str) -> None:
    if "@" not in address:
        assert len(masked(address).removeprefix("***")) <= 2


def test_quiet_hours_run_over_midnight_and_join_when_they_touch() -> None:
    person = Person.model_validate({"name": "q", "quiet": ["21:30-06:00", "06:00-07:00"]})
    one = Roster(CELLS, {"q": person}, DutySettings(), SHANGHAI)
    assert one.quiet_until("q", at("2026-12-01 21:29")) is None
    assert one.quiet_until("q", at("2026-12-01 21:30")) == at("2026-12-02 07:00")
    assert one.quiet_until("q", at("2026-12-02 06:59")) == at("2026-12-02 07:00")
    assert one.quiet_until("q", at("2026-12-02 07:00")) is None


def test_quiet_hours_of_a_role_count_until_somebody_writes_his_own() -> None:
    people = {
        "c": Person(name="c", roles=["cleaner"]),
        "own": Person.model_validate({"name": "own", "roles": ["cleaner"], "quiet": []}),
    }
    settings = DutySettings.model_validate({"quiet": {"cleaner": ["20:00-05:00"]}})
    one = Roster(CELLS, people, settings, SHANGHAI)
    assert one.quiet_until("c", at("2026-12-01 23:00")) == at("2026-12-02 05:00")
    assert one.quiet_until("own", at("2026-12-01 23:00")) is None


def test_quiet_hours_without_end_hold_nothing_longer_than_about_a_week() -> None:
    person = Person.model_validate({"name": "q", "quiet": ["00:00-00:00"]})
    one = Roster(CELLS, {"q": person}, DutySettings(), SHANGHAI)
    end = one.quiet_until("q", NOON)
    assert end is not None
    assert timedelta(days=7) <= end - NOON <= timedelta(days=8)


def test_a_hole_in_the_rota_is_found_with_its_edges() -> None:
    one = roster(rota=[{"cell": "grid", "from": "06:00", "to": "22:00", "days": "mon-fri", "people": ["g"]}])
    found = one.gaps(at("2026-12-04 12:00"), at("2026-12-08 12:00"))  # Friday to Tuesday
    assert found == [
        Gap(Post("grid"), 2, at("2026-12-04 22:00"), at("2026-12-07 06:00")),
        Gap(Post("grid"), 2, at("2026-12-07 22:00"), at("2026-12-08 06:00")),
    ]


def test_leave_of_the_only_one_is_a_hole() -> None:
    one = roster(leave=[{"person": "v", "from": "2026-12-02", "until": "2026-12-02"}])
    assert one.gaps(NOON, NOON + timedelta(days=3)) == [
        Gap(Post("village"), 3, at("2026-12-02 00:00"), at("2026-12-03 00:00"))
    ]


@given(
    start=st.integers(0, 2000).map(lambda hours: NOON + timedelta(hours=hours)),
    probe=st.integers(0, 14 * 24 * 60 - 1).map(lambda minutes: timedelta(minutes=minutes)),
    begin=st.integers(0, 23),
    end=st.integers(0, 23),
    days=st.lists(st.sampled_from(["mon", "wed", "sat", "sun", "workday", "restday"]), min_size=1),
    zone=st.sampled_from([SHANGHAI, ZoneInfo("Europe/Berlin")]),
)
def test_a_moment_is_in_a_gap_exactly_when_nobody_answers(
    start: datetime, probe: timedelta, begin: int, end: int, days: list[str], zone: ZoneInfo
) -> None:
    one = roster(
        zone,
        rota=[
            {"cell": "here", "from": f"{begin:02}:00", "to": f"{end:02}:00", "days": days, "people": ["a"]}
        ],
        leave=[{"person": "a", "from": "2026-12-20 15:00", "until": "2027-01-02"}],
        holidays=["2026-12-25"],
    )
    gaps = [gap for gap in one.gaps(start, start + timedelta(days=14)) if gap.post == Post("here")]
    inside = any(gap.start <= start + probe < gap.end for gap in gaps)
    assert inside == (not one.answers("here", 1, start + probe).people)
    assert all(one.end < other.start for one, other in pairwise(gaps))


def test_each_of_a_group_is_chased_until_he_answers() -> None:
    group = Group(people=["g", "mute"], roles=["cleaner"], must_all_ack=True)
    one = roster().call_out(group, NOON, {"g"})
    assert one.answered == ("g",)
    assert one.waiting == (OnDuty("c", PEOPLE["c"].contacts),)
    assert one.unreachable == (Skipped("mute", "no_channel"),)
    assert (one.complete, one.again) == (False, NOON + timedelta(minutes=5))
    done = roster().call_out(group, NOON, {"g", "c", "mute"})
    assert (done.complete, done.again) == (True, None)


def test_one_answer_is_enough_where_not_all_must() -> None:
    group = Group(people=["g", "v"])
    assert not roster().call_out(group, NOON, set()).complete
    assert roster().call_out(group, NOON, {"v"}).complete


def test_nobody_is_called_again_when_nobody_can_be() -> None:
    one = roster().call_out(Group(people=["g"], must_all_ack=True), NOON, set(), {"sms"})
    assert (one.complete, one.again) == (False, None)
    assert one.unreachable == (Skipped("g", "broken"),)


@pytest.mark.parametrize(
    "settings",
    [
        {"groups": {"flood": {}}},
        {"swaps": [{"from": "2026-12-01", "until": "2026-12-02", "people": ["a"]}]},
        {"ladders": {"critical": {"after": ["5min", "3min"]}}},
        {"ladders": {"critical": {"after": []}}},
        {"ladders": {"notice": {"after": ["0min"], "repeat": "1s"}}},
        {"rota": [{"cell": "here", "people": []}]},
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DutySettings.model_validate(settings)
