"""The table of states (data axis), row by row, and what must never happen."""

from __future__ import annotations

import pytest

from gateway.model import Flag
from tests.unit.rules.told import Teller

FILL = "when: {fill: {above: 80 %, clear_below: 60 %}}\n"
ON, OFF, PENDING, RECOVERING, LATCHED = (
    "firing yellow",
    "normal",
    "pending yellow",
    "recovering yellow",
    "latched yellow",
)


class TestTheTable:
    def test_true_without_for_fires_at_once(self):
        assert Teller(FILL).read(0, "fill", 81) == ON

    def test_true_with_for_waits(self):
        assert Teller(FILL + "for: 10 min").read(0, "fill", 81) == PENDING

    def test_it_fires_by_a_reading_when_it_was_true_long_enough(self):
        told = Teller(FILL + "for: 10 min")
        told.read(0, "fill", 81)
        assert told.read(9, "fill", 82) == PENDING
        assert told.read(10, "fill", 82) == ON

    def test_it_fires_by_the_clock_when_no_reading_comes(self):
        told = Teller(FILL + "for: 10 min")
        told.read(0, "fill", 81)
        assert told.pass_until(0, 9) == PENDING
        assert told.tick(10) == ON
        assert told.changes[-1].at == told.at(10)

    def test_false_while_waiting_is_forgotten_and_told_to_nobody(self):
        told = Teller(FILL + "for: 10 min")
        told.read(0, "fill", 81)
        assert told.read(5, "fill", 50) == OFF
        assert told.pass_until(5, 30) == OFF
        assert told.told() == []

    def test_over_without_keep_is_over(self):
        told = Teller(FILL)
        told.read(0, "fill", 81)
        assert told.read(10, "fill", 50) == OFF
        assert told.told() == ["normal>firing yellow", "firing>normal yellow"]

    def test_over_with_latch_waits_for_a_person(self):
        told = Teller(FILL + "latch: true")
        told.read(0, "fill", 81)
        assert told.read(10, "fill", 50) == LATCHED
        assert told.event(20, "alert_confirmed", rule="it", target="d") == OFF

    def test_confirmed_while_it_fires_it_ends_by_itself(self):
        told = Teller(FILL + "latch: true")
        told.read(0, "fill", 81)
        assert told.event(5, "alert_confirmed", rule="it", target="d") == ON
        assert told.read(10, "fill", 50) == OFF

    def test_latched_and_true_again_is_the_same_occurrence(self):
        told = Teller(FILL + "latch: true")
        told.read(0, "fill", 81)
        told.read(10, "fill", 50)
        assert told.read(20, "fill", 90) == ON
        assert told.changes[-1].since == told.at(0)

    def test_over_with_keep_calms_down_first(self):
        told = Teller(FILL + "keep: 30 min")
        told.read(0, "fill", 81)
        assert told.read(10, "fill", 50) == RECOVERING

    def test_true_again_while_calming_down_tells_nobody(self):
        told = Teller(FILL + "keep: 30 min")
        told.read(0, "fill", 81)
        told.read(10, "fill", 50)
        assert told.read(20, "fill", 85) == ON
        assert told.told() == ["normal>firing yellow"]

    def test_calm_long_enough_is_over_by_the_clock(self):
        told = Teller(FILL + "keep: 30 min")
        told.read(0, "fill", 81)
        told.read(10, "fill", 50)
        assert told.pass_until(10, 39) == RECOVERING
        assert told.tick(40) == OFF

    def test_worse_is_told_as_the_same_occurrence(self):
        told = Teller(
            "steps:\n- {severity: blue, when: {fill: {above: 75 %}}}\n- {severity: red, when: {fill: {above: 95 %}}}"
        )
        assert told.read(0, "fill", 80) == "firing blue"
        assert told.read(10, "fill", 96) == "firing red"
        assert told.changes[-1].since == told.at(0)
        assert told.read(20, "fill", 80) == "firing blue"
        assert told.told() == ["normal>firing blue", "firing>firing red", "firing>firing blue"]

    def test_with_latch_the_worst_is_kept(self):
        told = Teller(
            "latch: true\nsteps:\n- {severity: blue, when: {fill: {above: 75 %}}}\n- {severity: red, when: {fill: {above: 95 %}}}"
        )
        told.read(0, "fill", 96)
        assert told.read(10, "fill", 80) == "firing red"
        assert told.read(20, "fill", 10) == "latched red"

    def test_worse_than_what_was_confirmed_must_be_confirmed_again(self):
        told = Teller(
            "latch: true\nsteps:\n- {severity: blue, when: {fill: {above: 75 %}}}\n- {severity: red, when: {fill: {above: 95 %}}}"
        )
        told.read(0, "fill", 80)
        told.event(1, "alert_confirmed", rule="it", target="d")
        told.read(10, "fill", 96)
        assert told.read(20, "fill", 10) == "latched red"

    @pytest.mark.parametrize("state", [PENDING, ON, RECOVERING, LATCHED])
    def test_no_value_changes_no_state(self, state):
        told = Teller(FILL + "for: 5 min\nkeep: 30 min\nlatch: true")
        steps = [(0, 90), (5, 90), (10, 50), (40, 50)]
        for minute, value in steps[: [PENDING, ON, RECOVERING, LATCHED].index(state) + 1]:
            told.read(minute, "fill", value)
        assert told.state() == state
        assert told.missing(minute + 1, "fill") == state
        assert told.alert()["unknown"] is True

    def test_a_removed_rule_is_closed_once(self):
        told = Teller(FILL)
        told.read(0, "fill", 90)
        told.rules = []
        told.restart()
        assert [(one.after, one.reason) for one in told.changes[1:]] == [
            ("normal", "the rule or its target was removed")
        ]
        assert told.book.memory()["instances"] == {}

    def test_a_rule_edited_to_wait_longer_goes_on_firing(self):
        told = Teller(FILL)
        told.read(0, "fill", 90)
        told.rules = Teller(FILL + "for: 60 min").rules
        told.restart()
        assert told.state() == ON
        assert told.read(10, "fill", 90) == ON
        assert told.told() == ["normal>firing yellow"]


class TestLimits:
    def test_comparisons_are_strict(self):
        told = Teller("when: {fill: {above: 80 %}}")
        assert told.read(0, "fill", 80) == OFF
        assert told.read(10, "fill", 80.001) == ON

    def test_the_first_reading_inside_the_dead_band_is_normal(self):
        assert Teller(FILL).read(0, "fill", 70) == OFF

    def test_a_reading_inside_the_dead_band_keeps_the_side(self):
        told = Teller(FILL)
        told.read(0, "fill", 81)
        assert told.read(10, "fill", 61) == ON
        assert told.read(20, "fill", 60) == ON
        assert told.read(30, "fill", 59.9) == OFF
        assert told.read(40, "fill", 70) == OFF

    def test_the_side_of_the_dead_band_outlives_a_restart(self):
        told = Teller(FILL)
        told.read(0, "fill", 81)
        told.restart()
        assert told.read(10, "fill", 70) == ON

    def test_outside_has_two_ends(self):
        told = Teller("when: {ph: {outside: [6, 9], clear_inside: [6.2, 8.8]}}")
        assert [told.read(minute, "ph", value) for minute, value in enumerate((5.9, 6.1, 6.3, 9.1, 8.9, 8.7))] == [
            ON, ON, OFF, ON, ON, OFF,
        ]  # fmt: skip

    def test_units_are_converted(self):
        told = Teller("when: {water_level: {above: 250 cm}}")
        assert told.read(0, "water_level", 2.5) == OFF
        assert told.read(1, "water_level", 2.51) == ON

    def test_a_clear_condition_of_its_own_ends_it(self):
        told = Teller("when: {temperature: {above: 60 degC}}\nclear: {temperature: {below: 40 degC}}")
        told.read(0, "temperature", 61)
        assert told.read(10, "temperature", 50) == ON
        assert told.read(20, "temperature", 39) == OFF


class TestFlags:
    def test_doubtful_readings_are_not_judged(self):
        assert Teller(FILL).read(0, "fill", 90, Flag.SUSPECT, "spike") == OFF

    def test_safety_readings_are_judged_whatever_their_flag(self):
        told = Teller("when: {water_level: {above: 3 m}}")
        assert told.read(0, "water_level", 3.2, Flag.SUSPECT, "rate") == ON
        told = Teller("when: {water_level: {above: 3 m}}")
        assert told.read(0, "water_level", 9999, Flag.FAIL, "gross_range") == ON

    def test_a_rule_may_choose(self):
        told = Teller(FILL + "judge: [GOOD, SUSPECT]")
        assert told.read(0, "fill", 90, Flag.UNKNOWN) == OFF
        assert told.read(10, "fill", 90, Flag.SUSPECT, "spike") == ON

    def test_a_wrong_clock_of_the_device_does_not_hide_a_right_value(self):
        told = Teller(FILL)
        assert told.read(60 * 24, "fill", 90, Flag.SUSPECT, "clock_ahead", received=0) == ON
        assert told.changes[-1].at == told.at(0)


class TestTimes:
    def test_twice_in_a_row(self):
        told = Teller(FILL + "times: 2")
        assert [told.read(minute, "fill", value) for minute, value in enumerate((90, 50, 90, 91))] == [
            PENDING, OFF, PENDING, ON,
        ]  # fmt: skip

    def test_three_times_within_an_hour(self):
        told = Teller("when: {fill: {above: 80 %}}\ntimes: 3 within 60 min")
        values = [(0, 90), (10, 50), (70, 90), (80, 50), (90, 90), (100, 50), (110, 90)]
        assert [told.read(minute, "fill", value) for minute, value in values][-1] == ON
        assert told.told() == ["normal>firing yellow"]
        assert told.changes[-1].at == told.at(110)

    def test_the_clock_alone_counts_nothing(self):
        told = Teller(FILL + "times: 2")
        told.read(0, "fill", 90)
        assert told.pass_until(0, 60) == PENDING


def test_calming_down_is_not_over_while_the_sensor_has_no_value():
    told = Teller(FILL + "keep: 30 min")
    told.read(0, "fill", 81)
    told.read(10, "fill", 50)
    told.missing(20, "fill")
    assert told.pass_until(20, 120) == RECOVERING
    assert told.read(121, "fill", 50) == OFF
