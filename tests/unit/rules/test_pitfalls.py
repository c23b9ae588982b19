"""What users of other systems suffered from (alerting reference, section 3), where the rules are to blame.

The rest, where telling is, stands in ``tests/unit/gateway/alerts/test_pitfalls.py``; 14's codes in the tests of orders.
"""

from __future__ import annotations

from gateway.model import Flag
from tests.unit.rules.told import Teller

PH = "when: {ph: {above: 9, clear_below: 8.5}}\n"


def test_01_a_gap_resolves_nothing_and_what_comes_after_it_fires_nothing_anew() -> None:
    told = Teller(PH)
    assert told.read(0, "ph", 9.5) == "firing yellow"
    assert told.missing(10, "ph") == "firing yellow"
    told.pass_until(10, 120)
    assert told.state() == "firing yellow"
    assert told.read(121, "ph", 9.4) == "firing yellow"
    assert [change.after for change in told.changes if change.rule == "it"] == ["firing"], (
        "blind speaks for itself"
    )


def test_02_no_answer_is_not_recovery_and_the_occurrence_stays_the_same() -> None:
    told = Teller(PH)
    told.read(0, "ph", 9.5)
    began = told.alert()["since"]
    for minute in range(10, 60, 10):
        told.read(minute, "ph", None, Flag.MISSING, "timeout")
    assert told.alert()["since"] == began


def test_03_a_restart_leaves_what_fires_firing_and_keeps_the_time_it_must_be_over() -> None:
    told = Teller(PH + "keep: 30 min\n")
    told.read(0, "ph", 9.5)
    told.read(10, "ph", 8.0)
    assert told.state() == "recovering yellow"
    told.restart()
    assert told.state() == "recovering yellow"
    assert told.read(20, "ph", 8.0) == "recovering yellow"
    assert told.read(41, "ph", 8.0) == "normal"
    assert told.told() == ["normal>firing yellow", "recovering>normal yellow"]


def test_04_a_time_that_runs_survives_a_restart() -> None:
    told = Teller(PH + "for: 30 min\n")
    told.read(0, "ph", 9.5)
    told.read(20, "ph", 9.5)
    told.restart()
    assert told.read(25, "ph", 9.5) == "pending yellow"
    assert told.read(31, "ph", 9.5) == "firing yellow"


def test_05_what_is_true_at_the_first_reading_fires() -> None:
    assert Teller(PH).read(0, "ph", 9.5) == "firing yellow"


def test_06_the_side_of_the_dead_band_is_remembered_over_a_restart() -> None:
    told = Teller(PH)
    told.read(0, "ph", 9.5)
    told.read(10, "ph", 8.8)
    told.restart()
    assert told.read(20, "ph", 8.8) == "firing yellow"
    fresh = Teller(PH)
    assert fresh.read(0, "ph", 8.8) == "normal"


def test_07_the_clock_of_no_data_begins_with_the_gateway() -> None:
    told = Teller("when: {ph: {missing_for: 2 h}}\n")
    told.tick(0)
    told.pass_until(0, 119)
    assert told.state() == "normal"


def test_15_two_hours_of_samples_in_one_upload_are_judged_in_their_order() -> None:
    told = Teller(PH)
    late = [
        told.reading(minute, "ph", 9.5 if minute < 60 else 8.0, received=120) for minute in range(0, 120, 10)
    ]
    told.changes += told.book.step(reversed(late))
    assert told.told() == ["normal>firing yellow", "firing>normal yellow"]
    assert told.changes[0].at == told.at(0)


def test_15_an_event_ends_although_nothing_says_so() -> None:
    told = Teller("when: {event: {is: fire}}\nends_after: 10 min\n")
    assert told.event(0, "fire") == "firing yellow"
    told.pass_until(0, 11)
    assert told.state() == "normal"
