"""What people type on a telephone, and the digits they are given."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.notify.codes import LIVES, Codes, Guesses, asks
from gateway.notify.replies import pressed, understood
from gateway.site import load_words
from tests.conftest import NOON
from tests.telling import change, rule, teller

WORDS = {"zh": load_words("zh"), "en": load_words("en")}


@pytest.mark.parametrize(
    ("text", "codes", "deed"),
    [
        ("482913", ("482913",), "ack"),
        (" 482913。", ("482913",), "ack"),
        ("4829", ("4829",), "ack"),
        ("４８２９１３ 完成", ("482913",), "done"),
        ("482913完成", ("482913",), "done"),
        ("完成 482913", ("482913",), "done"),
        ("482913 Done!", ("482913",), "done"),
        ("482913 接单", ("482913",), "accept"),
        ("482913 accept", ("482913",), "accept"),
        ("482913 到场", ("482913",), "arrive"),
        ("482913, 551020 收到", ("482913", "551020"), "ack"),
        ("482913 接单 已完成", ("482913",), "done"),
        ("call me at 13912345678", (), "ack"),
        ("123", (), "ack"),
        ("1234567", (), "ack"),
        ("", (), "ack"),
    ],
)
def test_a_code_and_what_is_wanted(text: str, codes: tuple[str, ...], deed: str) -> None:
    said = understood(text)
    assert (said.codes, said.deed, said.unsure) == (codes, deed, False)


def test_all_means_all_only_without_a_code() -> None:
    assert understood("全部").everything
    assert understood("all").everything
    assert not understood("482913 全部").everything
    assert not understood("tall").everything


@pytest.mark.parametrize("text", ["482913 没完成", "482913 未完成", "482913 not done", "不是482913"])
def test_a_no_is_not_taken_for_a_yes(text: str) -> None:
    assert understood(text).unsure


def test_keys() -> None:
    first, second = pressed("1#"), pressed("2")
    assert first is not None
    assert first.deed == "ack"
    assert second is not None
    assert second.deed == "accept"
    assert pressed("9") is None
    assert pressed("") is None


@given(st.text(max_size=300))
def test_any_text_is_understood_somehow(text: str) -> None:
    understood(text)
    pressed(text)


def test_each_person_has_one_code_for_one_occurrence_and_another_for_the_next() -> None:
    codes = Codes()
    tell = teller(rule("tilt", ["nobody"]))
    first = codes.on(tell.telling(change("red"), NOON), order=False)
    assert {row.person for row in first.rows} == {"wang", "zheng", "he", "tang"}
    by_person = {row.person: row.variables["code"] for row in first.rows}
    assert len(set(by_person.values())) == 4
    assert all(len(code) == 6 for code in by_person.values())
    assert all(by_person[row.person] in asks(row.kind, row.variables, WORDS["zh"]) for row in first.rows)
    raised = codes.on(tell.telling(change("red", was="yellow"), NOON + timedelta(hours=1)), order=False)
    assert {row.person: row.variables["code"] for row in raised.rows} == by_person
    later = NOON + timedelta(hours=2)
    again = codes.on(tell.telling(change("red", since=later, at=later), later), order=False)
    assert {row.variables["code"] for row in again.rows}.isdisjoint(by_person.values())
    mine = codes.find(by_person["wang"], NOON)
    assert mine is not None
    assert (mine.person, mine.rule, mine.target) == ("wang", "tilt", "house-7")


def test_a_code_means_nothing_after_a_day_and_is_learnt_again_after_a_restart() -> None:
    codes = Codes()
    telling = codes.on(teller(rule("tilt", ["nobody"])).telling(change(), NOON), order=True)
    (code, *_) = telling.codes
    fresh = Codes()
    fresh.learn(telling.codes)
    assert fresh.find(code.digits, NOON + LIVES - timedelta(seconds=1)) == code
    assert fresh.find(code.digits, NOON + LIVES) is None
    assert fresh.of(code.person, NOON) == [code]
    assert "接单" in asks("firing", telling.rows[-1].variables, WORDS["zh"])
    assert not asks("resolved", telling.rows[-1].variables, WORDS["zh"])


def test_no_two_codes_are_alike_and_none_begins_with_nought() -> None:
    numbers = iter((99_999, 123_456, 123_456, *range(234_567, 234_600)))
    codes = Codes(choose=lambda below: next(numbers) % below)
    tell = teller(rule("tilt", ["cleaner"]))
    given_out = [
        code.digits
        for target in ("bin-1", "house-7")
        for code in codes.on(tell.telling(change(target=target), NOON), order=False).codes
    ]
    assert given_out[0] == "123456"
    assert given_out[1] == "234567"
    assert len(set(given_out)) == len(given_out)


def test_who_guesses_is_not_listened_to_for_a_while() -> None:
    guesses = Guesses()
    for second in range(10):
        assert not guesses.blocked("sms li", float(second))
        guesses.wrong("sms li", float(second))
    assert guesses.blocked("sms li", 20.0)
    assert not guesses.blocked("sms wang", 20.0)
    assert not guesses.blocked("sms li", 605.0)
