"""The life of an order, its terms and lights."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.errors import OrderRefused
from gateway.model import Order, OrderState, Severity
from gateway.orders import life
from gateway.rota import Calendar
from gateway.terms import OrderSettings, light, limits
from tests.conftest import NOON

CALENDAR = Calendar(ZoneInfo("Asia/Shanghai"))


def order(severity: Severity = Severity.YELLOW, **more) -> Order:
    given = {
        "id": 1, "number": "2026-0001", "kind": "bin", "title": "3号桶满", "severity": severity, "created": NOON,
        "amber": later(3.2), "due": later(4), "person": "sun",
    }  # fmt: skip
    return Order(**{**given, **more})


def later(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def refused(deed) -> OrderRefused:
    with pytest.raises(OrderRefused) as error:
        deed()
    return error.value


def test_the_whole_way_from_open_to_checked() -> None:
    one = life.accept(order(), "sun", later(1))
    assert (one.state, one.accepted) == (OrderState.ACCEPTED, later(1))
    one = life.arrive(one, "sun", later(2), (27.9, 120.7))
    assert (one.state, one.accepted, one.arrived) == (OrderState.ON_SITE, later(1), later(2))
    one = life.done(one, "sun", later(3), photos=["a.jpg"], note="emptied")
    assert (one.state, one.done, one.photos, one.place) == (
        OrderState.DONE,
        later(3),
        ("a.jpg",),
        (27.9, 120.7),
    )
    one = life.check(one, "he", later(5))
    assert (one.state, one.checked) == (OrderState.CHECKED, later(5))
    assert [line.what for line in one.log] == ["accepted", "on_site", "done", "checked"]


def test_two_people_take_it_the_second_hears_who_has_it_and_the_first_may_say_it_twice() -> None:
    one = life.accept(order(), "sun", later(1))
    assert life.accept(one, "sun", later(2)) == one
    error = refused(lambda: life.accept(one, "wang", later(2)))
    assert (error.kind, error.key, error.facts["by"]) == ("conflict", "taken", "sun")


def test_what_was_sent_back_has_a_fresh_term_and_is_done_again() -> None:
    one = life.done(order(), "sun", later(1), photos=["a.jpg"])
    assert refused(lambda: life.give_back(one, "he", later(2), " ", (later(5), later(6)))).kind == "bad"
    one = life.give_back(one, "he", later(2), "half full", (later(5), later(6)))
    assert (one.state, one.rounds, one.due, one.done) == (OrderState.RETURNED, 1, later(6), None)
    one = life.done(life.accept(one, "sun", later(3)), "sun", later(4), photos=["b.jpg"])
    assert one.photos == ("a.jpg", "b.jpg")
    assert refused(lambda: life.accept(life.check(one, "he", later(5)), "sun", later(6))).key == "is_checked"


def test_a_notice_closes_by_itself_what_was_orange_never() -> None:
    one = life.over(order(auto=True), later(1))
    assert (one.state, one.log[-1].by) == (OrderState.CHECKED, "gateway")
    was_worse = life.worse(order(auto=True), Severity.ORANGE, later(1), (later(2), later(3)))
    one = life.over(was_worse, later(2))
    assert (one.state, one.ended) == (OrderState.OPEN, later(2))
    assert life.over(order(auto=False), later(1)).state is OrderState.OPEN


def test_who_did_something_orange_does_not_check_it_himself() -> None:
    one = life.done(order(Severity.ORANGE), "sun", later(1), photos=["a.jpg"])
    assert refused(lambda: life.check(one, "sun", later(2))).key == "other_eyes"
    assert life.check(one, "he", later(2)).state is OrderState.CHECKED
    yellow = life.done(order(), "sun", later(1))
    assert life.check(yellow, "sun", later(2)).state is OrderState.CHECKED


def test_what_was_not_done_is_closed_with_a_reason_only() -> None:
    assert refused(lambda: life.check(order(), "he", later(1))).key == "check_needs_why"
    assert life.check(order(), "he", later(1), "twice the same").log[-1].note == "twice the same"


def test_a_worse_alert_gives_less_time_and_a_milder_limit_never_more() -> None:
    one = life.worse(order(), Severity.RED, later(1), (later(1.4), later(1.5)))
    assert (one.severity, one.due) == (Severity.RED, later(1.5))
    assert life.worse(order(), Severity.RED, later(3), (later(6), later(7))).due == later(4)


def test_what_the_watch_does_it_does_once_however_often_it_looks() -> None:
    one = life.over(order(auto=True), later(1))
    assert life.over(one, later(2)) == one
    assert life.again(one, 7, later(2)) == one  # closed: another occurrence is another order
    on = life.again(life.over(order(Severity.RED), later(1)), 7, later(2))
    assert (on.ended, on.occurrence) == (None, 7)
    assert life.again(on, 7, later(3)) == on
    worse = life.worse(order(), Severity.RED, later(1), (later(1.4), later(1.5)))
    assert life.worse(worse, Severity.RED, later(2), (later(2), later(2))) == worse
    told = life.reminded(order(), later(3.3))
    assert life.reminded(told, later(3.4)) == told
    late = life.upwards(order(), 2, later(5))
    assert (late.level, late.told_late) == (2, later(5))
    assert life.upwards(late, 2, later(6)) == late
    done = life.done(order(), "sun", later(3))
    assert life.upwards(done, 2, later(5)) == done  # done in the same moment


def test_being_sure_is_saying_it_again_oneself_within_the_time() -> None:
    one = life.ask(order(), "sun", later(1), "fill 91 %")
    half_hour = timedelta(minutes=30)
    assert life.is_sure(one, "sun", later(1.4), half_hour)
    assert not life.is_sure(one, "wang", later(1.4), half_hour)
    assert not life.is_sure(one, "sun", later(2), half_hour)
    assert not life.is_sure(order(), "sun", later(1), half_hour)


def test_the_light_turns_at_four_fifths_and_at_the_end_and_stays_as_it_was_done() -> None:
    one = order()
    assert [light(one, later(hours)) for hours in (3.1, 3.2, 4, 4.1)] == ["green", "amber", "amber", "red"]
    assert light(life.done(one, "sun", later(3.5)), later(9)) == "amber"
    assert light(life.check(one, "he", later(5), "late"), later(9)) == "red"


@pytest.mark.parametrize(
    ("kind", "severity", "start", "due"),
    [
        ("bin", "yellow", "2026-07-18 09:00", "2026-07-18 13:00"),
        ("bin", "yellow", "2026-07-18 16:00", "2026-07-19 10:00"),  # two hours today, two tomorrow
        ("bin", "blue", "2026-07-18 22:00", "2026-07-19 12:00"),
        ("bin", "orange", "2026-07-18 22:00", "2026-07-19 10:00"),
        ("bin", "red", "2026-07-18 22:00", "2026-07-18 22:30"),
        ("water", "orange", "2026-07-18 22:00", "2026-07-19 22:00"),
        ("structure", "yellow", "2026-07-18 22:00", "2026-07-19 22:00"),
        ("structure", "orange", "2026-07-18 22:00", "2026-07-19 00:00"),
        ("structure", "red", "2026-07-18 22:00", "2026-07-18 22:30"),
        ("soil", "info", "2026-07-18 22:00", "2026-07-21 22:00"),
    ],
)
def test_the_terms_of_the_reference_within_the_hours_of_work(kind, severity, start, due) -> None:
    def at(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=CALENDAR.zone).astimezone(UTC)

    _, end = limits(kind, Severity[severity.upper()], at(start), OrderSettings(), CALENDAR)
    assert end == at(due)


def test_a_site_has_terms_of_its_own() -> None:
    own = OrderSettings.model_validate(
        {"terms": [{"kind": "bin", "within": "1h", "always": True}], "hours": "06:00-20:00"}
    )
    assert limits("bin", Severity.YELLOW, later(20), own, CALENDAR) == (later(20.8), later(21))
