"""Every condition of the language, with the cases where it differs from what one might think."""

from __future__ import annotations

import math

import pytest

from gateway.model import Flag
from tests.unit.rules.told import Teller

NORTH = {"d": ["north"], "e": ["north"]}
ON, OFF, PENDING = "firing yellow", "normal", "pending yellow"


def series(told: Teller, quantity: str, values, every: float = 10, start: float = 0) -> str:
    for number, value in enumerate(values):
        if value is not None:
            told.read(start + number * every, quantity, value)
    return told.state()


class TestWindows:
    @pytest.mark.parametrize(
        ("view", "values", "limit", "fires"),
        [
            ("mean_over: 1 h", [10, 20, 30, 40, 50, 60], "above: 34 mg/L", True),
            ("mean_over: 1 h", [10, 20, 30, 40, 50, 60], "above: 35 mg/L", False),
            ("min_over: 1 h", [10, 20, 30, 40, 50, 60], "below: 11 mg/L", True),
            ("min_over: 1 h", [10, 20, 30, 40, 50, 60], "below: 10 mg/L", False),
            ("max_over: 1 h", [60, 20, 30, 40, 50, 10], "above: 59 mg/L", True),
            ("median_over: 1 h", [1, 1, 1, 9, 9, 9], "above: 4.9 mg/L", True),
            ("percentile_over: 1 h, percentile: 80", [0, 10, 20, 30, 40, 50], "above: 39 mg/L", True),
            ("percentile_over: 1 h, percentile: 80", [0, 10, 20, 30, 40, 50], "above: 40 mg/L", False),
            ("count_over: 1 h", [0, 1, 0, 2, 0, 3], "above: 2", True),
            ("count_over: 1 h", [0, 1, 0, 2, 0, 3], "above: 3", False),
            ("change_over: 50 min", [9, 9, 8, 7, 6, 5], "below: -3 mg/L", True),
            ("rise_over: 1 h", [9, 2, 3, 4, 5, 6], "above: 3.9 mg/L", True),
            ("rise_over: 1 h", [9, 2, 3, 4, 5, 6], "above: 4 mg/L", False),
            ("fall_over: 1 h", [9, 8, 7, 6, 5, 4], "above: 4.9 mg/L", True),
            ("rate_over: 1 h, per: h", [0, 1, 2, 3, 4, 5], "above: 5.9 mg/L", True),
            ("rate_over: 1 h, per: h", [0, 1, 2, 3, 4, 5], "above: 6.1 mg/L", False),
            ("slope_over: 1 h, per: day", [0, 1, 2, 3, 4, 5], "above: 143 mg/L", True),
            ("slope_over: 1 h, per: day", [0, 1, 2, 3, 4, 5], "above: 145 mg/L", False),
        ],
    )
    def test_the_figure_of_a_window(self, view, values, limit, fires):
        told = Teller(f"when: {{do: {{{view}, {limit}}}}}")
        assert series(told, "do", values) == (ON if fires else OFF)

    def test_a_window_is_open_at_its_far_end(self):
        told = Teller("when: {rain: {sum_over: 1 h, above: 50 mm}}")
        told.read(0, "rain", 30)
        assert told.read(60, "rain", 30) == OFF, "a reading an hour old has just left"

    @pytest.mark.parametrize("hours", [1, 3, 6, 12, 24])
    def test_rain_sums(self, hours):
        told = Teller(f"when: {{rain: {{sum_over: {hours} h, above: 50 mm}}}}")
        number = hours * 6
        assert series(told, "rain", [50 / number] * number) == OFF
        assert told.read(number * 10, "rain", 10) == ON

    def test_a_sum_that_exceeds_needs_no_other_reading(self):
        told = Teller("when: {rain: {sum_over: 24 h, above: 50 mm}}")
        assert told.read(0, "rain", 51) == ON, "missing readings could only make it more"

    def test_a_mean_of_too_little_is_not_known(self):
        told = Teller("when: {do: {mean_over: 1 h, below: 5 mg/L}}")
        assert series(told, "do", [1, 1, 1]) == OFF
        assert told.read(30, "do", 1) == ON, "four of six expected readings are seven tenths, rounded down"

    def test_a_sum_falls_only_when_enough_was_heard(self):
        told = Teller("when: {rain: {sum_over: 1 h, above: 50 mm}}")
        told.read(0, "rain", 51)
        assert told.read(70, "rain", 0) == ON, "an hour of which one reading is known"
        assert series(told, "rain", [0, 0, 0, 0], start=80) == OFF

    def test_intervals_follow_the_device(self):
        told = Teller("when: {do: {change_over: 1 interval, below: -2 mg/L}}", period_min=30)
        told.read(0, "do", 9)
        assert told.read(30, "do", 6.5) == ON

    def test_its_usual_is_what_is_usual_here(self):
        told = Teller("when: {turbidity: {times_usual: 3, over: 7 d}}", period_min=60)
        assert series(told, "turbidity", [100.0] * 30, every=60) == OFF
        assert told.read(1800, "turbidity", 290) == OFF
        assert told.read(1860, "turbidity", 301) == ON


class TestForecast:
    RULE = (
        "when: {fill: {will_reach: 90 %, before: 12 h, look_back: 36 h, at_least: 6, restart_on_drop: 30 %}}"
    )

    def test_it_counts_the_hours_left(self):
        told = Teller(self.RULE, period_min=60)
        assert series(told, "fill", [20, 25, 30, 35, 40, 45], every=60) == ON
        assert told.alert()["value"] == pytest.approx(9)
        assert told.alert()["reason"] == "fill reaches 90 % in 9 h"

    def test_too_slow_is_not_soon(self):
        assert series(Teller(self.RULE, period_min=60), "fill", [20, 21, 22, 23, 24, 25], every=60) == OFF

    def test_five_readings_are_no_line(self):
        assert series(Teller(self.RULE, period_min=60), "fill", [20, 30, 40, 50, 60], every=60) == OFF

    def test_a_fall_begins_a_new_line(self):
        told = Teller(self.RULE, period_min=60)
        series(told, "fill", [40, 45, 50, 55, 60, 65], every=60)
        assert told.read(360, "fill", 5) == OFF
        assert series(told, "fill", [6, 7, 8], every=60, start=420) == OFF

    def test_emptied_begins_a_new_line(self):
        told = Teller(self.RULE, period_min=60)
        series(told, "fill", [55, 60, 62, 64, 66, 68], every=60)
        told.event(330, "emptied")
        assert told.read(360, "fill", 45) == OFF
        assert told.told()[-1] == "firing>normal yellow"

    def test_what_is_there_already_is_no_forecast_but_true(self):
        assert Teller(self.RULE).read(0, "fill", 95) == ON

    def test_a_battery_falls(self):
        rule = "when: {battery: {will_fall_to: 10 %, before: 14 days, look_back: 30 days, at_least: 6}}"
        told = Teller(rule, period_min=1440)
        assert series(told, "battery", [60, 56, 52, 48, 44, 40], every=1440) == ON
        assert told.alert()["value"] == pytest.approx(7.5 * 24)


class TestTilt:
    def test_away_from_a_zero_goes_both_ways(self):
        rule = "when: {tilt_x: {away_from: 1.2 deg, above: 0.5 deg, clear_below: 0.4 deg}}"
        assert Teller(rule).read(0, "tilt_x", 1.6) == OFF
        assert Teller(rule).read(0, "tilt_x", 1.8) == ON
        assert Teller(rule).read(0, "tilt_x", 0.6) == ON

    def test_drift_leaves_the_sun_out(self):
        """0.2 degrees up and down every day are no drift; 0.03 more each day are."""

        def day(number, growth):
            return 0.2 * math.sin(number / 24 * 2 * math.pi) + growth * number / 24

        rule = "when: {tilt_delta: {drift_over: 3 days, per: day, above: 0.02 deg}}"
        steady = Teller(rule, period_min=60)
        assert series(steady, "tilt_delta", [day(n, 0) for n in range(24 * 5)], every=60) == OFF
        assert steady.told() == []
        leaning = Teller(rule, period_min=60)
        assert series(leaning, "tilt_delta", [day(n, 0.03) for n in range(24 * 5)], every=60) == ON
        assert leaning.alert()["value"] == pytest.approx(0.03)


class TestPresence:
    def test_a_state_is_equal_or_not(self):
        told = Teller("when: {sensor_status: {is: [3, 4]}}")
        assert [told.read(minute, "sensor_status", value) for minute, value in enumerate((2, 3, 4, 5))] == [
            OFF, ON, ON, OFF,
        ]  # fmt: skip

    def test_missing_is_closed_by_the_clock_and_opened_by_a_reading(self):
        told = Teller("when: {fill: {missing_for: 3 intervals}}")
        told.read(0, "fill", 50)
        assert told.pass_until(0, 29) == OFF
        assert told.pass_until(29, 30) == ON
        assert told.missing(40, "fill") == ON, "no value is no reading"
        assert told.read(50, "fill", 50) == OFF

    def test_complaints_are_kept_for_each_quantity(self):
        told = Teller("when: {any_reading: {flagged: stuck}}")
        assert told.read(0, "ph", 7.0, Flag.SUSPECT, "stuck") == ON
        assert told.alert()["reason"] == "ph stuck"
        assert told.read(1, "do", 8.0) == ON
        assert told.read(2, "ph", 7.1) == OFF


class TestLogic:
    def test_any_needs_one(self):
        told = Teller("when: {any: [{ph: {above: 9}}, {do: {below: 5 mg/L}}]}")
        assert told.read(0, "ph", 7) == OFF
        assert told.read(1, "do", 4) == ON
        assert told.alert()["reason"] == "do 4 mg/L (below 5 mg/L)"
        assert told.read(2, "do", 6) == OFF

    def test_what_a_device_has_never_said_does_not_hold_any(self):
        told = Teller("when: {any: [{wind_gust: {above: 10 m/s}}, {wind_speed: {above: 8 m/s}}]}")
        assert told.read(0, "wind_speed", 9) == ON
        assert told.read(1, "wind_speed", 3) == OFF

    def test_all_needs_every_one(self):
        told = Teller("when: {all: [{ph: {above: 9}}, {do: {below: 5 mg/L}}]}")
        assert told.read(0, "ph", 9.5) == OFF
        assert told.read(1, "do", 4) == ON
        assert told.read(2, "ph", 8) == OFF

    def test_not_is_the_opposite_and_unknown_stays_unknown(self):
        told = Teller("when: {all: [{not: {occupancy: {is: 1}}}, {contact: {is: 0}}]}")
        assert told.read(0, "contact", 0) == OFF
        assert told.read(1, "occupancy", 0) == ON
        assert told.read(2, "occupancy", 1) == OFF


class TestEvents:
    def test_a_score_must_be_higher(self):
        told = Teller("when: {event: {is: [fire, smoke], score_above: 0.6}}")
        assert told.event(0, "fire", 0.6) == OFF
        assert told.event(1, "cat", 0.9) == OFF
        assert told.event(2, "smoke", 0.61) == ON
        assert told.alert()["value"] == 0.61

    def test_seen_again_it_goes_on(self):
        told = Teller("when: {event: {is: fire}}\nends_after: 10 min")
        told.event(0, "fire")
        told.event(8, "fire")
        assert told.pass_until(8, 17) == ON
        assert told.pass_until(17, 18) == OFF

    def test_each_zone_is_a_target_of_its_own(self):
        told = Teller("when: {event: {is: fire}}")
        told.event(0, "fire", zone="barn")
        assert told.state("it", "d:barn") == ON
        assert told.state("it", "d") == OFF

    def test_an_open_fire_outlives_a_restart_and_ends_by_the_clock(self):
        told = Teller("when: {event: {is: fire}}\nends_after: 10 min")
        told.event(0, "fire")
        told.restart()
        assert told.pass_until(2, 9) == ON
        assert told.pass_until(9, 10) == OFF


class TestConfirmation:
    RULE = (
        "when: {event: {is: fire}}\nlatch: true\nconfirmed_by:\n  when: {temperature: {above: 80 degC}}\n"
        "  within: 2 min\n  same: tag\n  severity: red\n"
    )

    def test_the_first_is_told_at_once_and_the_second_raises_it(self):
        told = Teller(self.RULE, tags=NORTH)
        assert told.event(0, "fire") == ON
        told.read(1, "temperature", 90, device="e")
        assert told.state() == "firing red"
        assert told.told() == ["normal>firing yellow", "firing>firing red"]

    def test_the_second_may_come_first(self):
        told = Teller(self.RULE, tags=NORTH)
        told.read(0, "temperature", 90, device="e")
        assert told.event(1, "fire") == "firing red"

    def test_too_late_is_no_confirmation(self):
        told = Teller(self.RULE, tags=NORTH)
        told.event(0, "fire")
        told.read(3, "temperature", 90, device="e")
        assert told.state() == ON

    def test_elsewhere_is_no_confirmation(self):
        told = Teller(self.RULE, tags={"d": ["north"], "e": ["south"]})
        told.event(0, "fire")
        told.read(1, "temperature", 90, device="e")
        assert told.state() == ON

    def test_the_witness_alone_tells_nobody(self):
        told = Teller(self.RULE, tags=NORTH)
        told.read(0, "temperature", 90, device="e")
        assert told.told() == []


class TestCalendar:
    """The start is Saturday, 18 July 2026, 08:00 in the village; the 20th is a holiday."""

    def state(self, calendar: str, hours: float) -> str:
        told = Teller(f"when: {{all: [{{occupancy: {{is: 1}}}}, {{time: {calendar}}}]}}")
        return told.read(hours * 60, "occupancy", 1)

    @pytest.mark.parametrize(
        ("calendar", "hours", "inside"),
        [
            ("{between: [08:00, 09:00]}", 0, True),
            ("{between: [08:00, 09:00]}", 1, False),
            ("{between: [22:00, 06:00]}", 13.9, False),
            ("{between: [22:00, 06:00]}", 14, True),
            ("{between: [22:00, 06:00]}", 21.9, True),
            ("{between: [22:00, 06:00]}", 22, False),
            ("{between: [22:00, 06:00], on: [sat]}", 21, True),  # five on Sunday belongs to Saturday's night
            ("{between: [22:00, 06:00], on: [sun]}", 21, False),
            ("{on: [mon, tue]}", 0, False),
            ("{on: [mon, tue]}", 48, True),
            ("{on: [mon, tue], holidays: never}", 48, False),
            ("{holidays: only}", 48, True),
            ("{holidays: only}", 24, False),
            ("{on: [sun], holidays: also}", 48, True),
        ],
    )
    def test_parts_of_the_week(self, calendar, hours, inside):
        assert self.state(calendar, hours) == (ON if inside else OFF)


class TestTargets:
    def test_devices_are_apart(self):
        told = Teller("when: {fill: {above: 80 %}}")
        told.read(0, "fill", 90)
        assert told.state("it", "e") == OFF
        told.read(1, "fill", 90, device="e")
        assert {one["target"] for one in told.book.alerts()} == {"d", "e"}

    def test_the_second_probe_of_a_device_is_a_target_of_its_own(self):
        told = Teller("when: {soil_moisture: {below: 10 %}}")
        told.read(0, "soil_moisture_2", 5)
        assert told.state("it", "d:2") == ON
        assert told.state("it", "d") == OFF

    def test_tags_choose(self):
        rule = "for_each: {tag: drinking, not_tag: closed}\nwhen: {ph: {above: 8.5}}"
        assert Teller(rule, tags={"d": ["drinking"]}).read(0, "ph", 9) == ON
        assert Teller(rule).read(0, "ph", 9) == OFF
        assert Teller(rule, tags={"d": ["drinking", "closed"]}).read(0, "ph", 9) == OFF

    def test_the_worst_comes_first(self):
        told = Teller(
            "steps:\n- {severity: blue, when: {fill: {above: 75 %}}}\n- {severity: red, when: {fill: {above: 95 %}}}"
        )
        told.read(0, "fill", 80)
        told.read(1, "fill", 99, device="e")
        assert [one["severity"] for one in told.book.alerts()] == ["red", "blue"]
