"""The deriver: fill, emptied, lean, rain and level from what was measured."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalogue import DeviceModel, Meaning, Source, Text
from gateway.contracts import Device
from gateway.deriver import Deriver
from gateway.model import Event, Flag, Reading
from gateway.settings import Bin, DeviceSettings, Level, Tilt
from gateway.site import load_quantities

START = datetime(2026, 7, 18, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
QUANTITIES = load_quantities()
BIN = Bin(empty=1200.0, full=200.0)


def device(period=HOUR, reads=("distance",), blind=None, options=None, **settings) -> Device:
    model = DeviceModel(
        model="maker-model",
        maker="Maker",
        title=Text(en="x", zh="x"),
        domain="bin",
        wire="lorawan",
        documents=[Source(name="x")],
        interval=period,
        decoder="x",
        blind=blind,
        options=options or {},
        readings={quantity: Meaning() for quantity in reads},
    )
    return Device("a", DeviceSettings(source="s", **settings), model)


def deriver(one: Device) -> Deriver:
    return Deriver({"a": one}, QUANTITIES)


def reading(quantity, value, hours=0.0, flag=Flag.GOOD, why="") -> Reading:
    at = START + hours * HOUR
    return Reading(f"a/{quantity}", value, at, at, flag, why)


def late(quantity, value, hours, received_hours) -> Reading:
    return replace(reading(quantity, value, hours), received=START + received_hours * HOUR)


def values(derived, quantity):
    return [one.value for one in derived if isinstance(one, Reading) and one.series == f"a/{quantity}"]


def told(derived, quantity):
    return [
        (one.value, int(one.flag), one.flagged_by)
        for one in derived
        if isinstance(one, Reading) and one.series == f"a/{quantity}"
    ]


def events(derived):
    return [one for one in derived if isinstance(one, Event)]


def story(deriver, readings):
    return [derived for one in readings for derived in deriver.derive([one])]


def distances(*many, flag=Flag.GOOD, why=""):
    return [reading("distance", value, n, flag, why) for n, value in enumerate(many)]


class TestBins:
    def test_a_distance_gives_a_fill_at_once(self):
        assert told(deriver(device(bin=BIN)).derive(distances(700)), "fill") == [(50, 1, "")]

    def test_a_device_without_geometry_gives_none(self):
        assert deriver(device()).derive(distances(700)) == []

    def test_a_device_that_reports_its_own_fill_is_believed(self):
        own = device(reads=("distance", "fill"), bin=BIN)
        assert values(deriver(own).derive(distances(700)), "fill") == []

    def test_a_bag_on_its_way_in_never_shows(self):
        fills = values(story(deriver(device(bin=BIN)), distances(1000, 1000, 1000, 250, 1000, 1000)), "fill")
        assert fills == [20] * 6

    def test_a_new_level_is_believed_when_two_of_three_agree(self):
        fills = values(story(deriver(device(bin=BIN)), distances(1000, 1000, 1000, 500, 500)), "fill")
        assert fills == [20, 20, 20, 20, 70]

    def test_at_ten_minutes_three_of_five_must_agree(self):
        quick = device(period=timedelta(minutes=10), bin=BIN)
        fills = values(story(deriver(quick), distances(1000, 1000, 1000, 1000, 1000, 500, 500, 500)), "fill")
        assert fills == [20] * 7 + [70]

    def test_the_blind_zone_is_full_and_never_more(self):
        blind = device(bin=Bin(empty=1200.0, full=100.0), blind=280.0)
        assert told(deriver(blind).derive(distances(270)), "fill") == [(100, 1, "")]
        own = device(bin=Bin(empty=1200.0, full=100.0, blind=150.0), blind=280.0)
        assert values(deriver(own).derive(distances(270)), "fill")[0] < 100

    def test_a_lost_echo_has_no_fill_and_does_not_count(self):
        lost = reading("distance", None, 3, Flag.MISSING, "no_echo")
        told_fill = told(
            story(
                deriver(device(bin=BIN)), [*distances(1000, 1000, 1000), lost, reading("distance", 1000, 4)]
            ),
            "fill",
        )
        assert told_fill[3:] == [(None, 9, "no_echo"), (20, 1, "")]

    def test_a_failed_distance_has_no_fill(self):
        failed = reading("distance", 60_000, 0, Flag.FAIL, "gross_range")
        assert told(deriver(device(bin=BIN)).derive([failed]), "fill") == [(None, 9, "gross_range")]

    def test_further_than_the_floor_is_doubted(self):
        assert told(deriver(device(bin=BIN)).derive(distances(1250)), "fill") == [(0, 1, "")]
        assert told(deriver(device(bin=BIN)).derive(distances(2540)), "fill") == [(0, 3, "beyond_empty")]

    def test_the_doubt_of_a_distance_is_the_doubt_of_its_fill(self):
        doubted = distances(700, flag=Flag.SUSPECT, why="sensor_moved")
        assert told(deriver(device(bin=BIN)).derive(doubted), "fill") == [(50, 3, "sensor_moved")]

    def test_a_step_that_two_readings_agree_on_is_no_spike(self):
        steps = distances(400, 400, 400) + [
            reading("distance", 1150, n, Flag.SUSPECT, "spike") for n in (3, 4, 5)
        ]
        assert told(story(deriver(device(bin=BIN)), steps), "fill")[3:] == [
            (80, 1, ""),
            (5, 1, ""),
            (5, 1, ""),
        ]

    def test_an_emptied_bin_is_told_once_with_before_and_after(self):
        happened = events(story(deriver(device(bin=BIN)), distances(400, 400, 390, 1150, 1150, 1150, 1140)))
        assert [(one.kind, one.source, one.at, dict(one.detail)) for one in happened] == [
            ("emptied", "a", START + 4 * HOUR, {"before": 80.0, "after": 5.0})
        ]

    def test_a_bin_emptied_slowly_under_a_quick_sensor_is_told_too(self):
        quick = device(period=timedelta(seconds=15), bin=BIN)
        assert (
            len(
                events(
                    story(deriver(quick), distances(400, 400, 400, 600, 800, 1000, 1100, 1150, 1150, 1150))
                )
            )
            == 1
        )

    @pytest.mark.parametrize("after", [800, 850])
    def test_a_bin_that_settles_or_is_half_emptied_is_not_told(self, after):
        assert events(story(deriver(device(bin=BIN)), distances(600, 600, 600, after, after, after))) == []

    def test_a_spike_downwards_empties_nothing(self):
        assert events(story(deriver(device(bin=BIN)), distances(400, 400, 400, 1190, 400, 400))) == []

    def test_history_empties_nothing(self):
        past = distances(400, 400, 400, 1150, 1150, 1150, flag=Flag.UNKNOWN, why="backfill")
        assert events(story(deriver(device(bin=BIN)), past)) == []

    def test_what_comes_late_gives_its_own_fill_and_changes_nothing(self):
        made = deriver(device(bin=BIN))
        story(made, distances(1000, 1000, 1000))
        assert values(made.derive([late("distance", 400, 1.5, 2.5)]), "fill") == [80]
        assert values(made.derive([reading("distance", 1000, 3)]), "fill") == [20]

    @pytest.mark.parametrize("obstacle", ["tipped", "lid_open"])
    def test_a_tipped_or_open_bin_has_no_fill(self, obstacle):
        made = deriver(device(bin=BIN))
        story(made, distances(400, 400, 400))
        both = [reading("distance", 1100, 3), reading(obstacle, 1, 3)]
        assert told(made.derive(both), "fill") == [(None, 9, obstacle)]
        assert told(made.derive([reading("distance", 1100, 4)]), "fill") == [(None, 9, obstacle)]
        assert told(made.derive([reading(obstacle, 0, 5), reading("distance", 400, 5)]), "fill") == [
            (80, 1, "")
        ]

    def test_a_tipped_bin_that_comes_back_empty_was_emptied(self):
        made = deriver(device(bin=BIN))
        story(made, distances(900, 900, 900))
        made.derive([reading("tipped", 1, 3)])
        happened = events(
            story(made, [reading("tipped", 0, 4), *[reading("distance", 1150, n) for n in (5, 6, 7)]])
        )
        assert [dict(one.detail) for one in happened] == [{"before": 30.0, "after": 5.0}]

    def test_a_reported_fill_that_falls_is_asked_twice(self):
        made = deriver(device(reads=("fill",)))
        fills = [reading("fill", value, n) for n, value in enumerate([80, 82, 5, 84, 85, 3, 4, 5])]
        happened = events(story(made, fills))
        assert [(one.at, dict(one.detail)) for one in happened] == [
            (START + 5 * HOUR, {"before": 85.0, "after": 4.0})
        ]

    def test_a_daily_reporter_is_not_asked_twice(self):
        made = deriver(device(period=24 * HOUR, reads=("fill",)))
        fills = [reading("fill", value, 24 * n) for n, value in enumerate([60, 80, 0, 20])]
        assert [one.at for one in events(story(made, fills))] == [START + 48 * HOUR]

    def test_what_was_stamped_in_the_future_does_not_stop_a_bin(self):
        made = deriver(device(bin=BIN))
        made.derive([reading("distance", 400, 9999), reading("tipped", 1, 9999)])
        readings = [reading("tipped", 0, 0), *distances(400, 400, 400, 1150, 1150)]
        assert len(events(story(made, readings))) == 1

    def test_after_a_restart_the_bin_is_known(self):
        made = deriver(device(period=24 * HOUR, reads=("fill",)))
        made.prime({"a/fill": reading("fill", 90)})
        assert len(events(made.derive([reading("fill", 2, 24)]))) == 1

    @given(st.lists(st.floats(0, 9000), min_size=1, max_size=40))
    def test_whatever_comes_the_fill_stays_a_fill(self, many):
        for value in values(story(deriver(device(bin=BIN)), distances(*many)), "fill"):
            assert 0 <= value <= 100


def tilts(x, y, hours=0.0, flag=Flag.GOOD, why="", temperature=None):
    both = [reading("tilt_x", x, hours, flag, why), reading("tilt_y", y, hours, flag, why)]
    return both + ([reading("temperature", temperature, hours)] if temperature is not None else [])


def leaning(reads=("tilt_x", "tilt_y"), **tilt) -> Device:
    return device(reads=reads, tilt=Tilt(**tilt))


class TestTilt:
    def test_the_change_since_the_survey(self):
        derived = deriver(leaning(zero=(1.0, -2.0), surveyed=(0.2, 0.0))).derive(tilts(1.3, -2.4))
        found = {one.series: one.value for one in derived}
        assert found["a/tilt_delta_x"] == pytest.approx(0.3)
        assert found["a/tilt_delta_y"] == pytest.approx(-0.4)
        assert found["a/tilt_delta"] == pytest.approx(0.5, abs=1e-3)
        assert found["a/tilt_permille"] == pytest.approx(8.727, abs=0.01)
        assert found["a/lean_permille"] == pytest.approx(11.18, abs=0.01)

    def test_without_a_survey_there_is_no_absolute_lean(self):
        assert told(deriver(leaning(zero=(0, 0))).derive(tilts(1, 1)), "lean_permille") == []

    def test_the_sun_is_taken_away(self):
        made = deriver(leaning(zero=(0, 0), temperature_coefficient=(0.01, 0), reference_temperature=20))
        assert values(made.derive(tilts(0.1, 0, temperature=30)), "tilt_delta") == [
            pytest.approx(0, abs=1e-5)
        ]

    def test_without_a_temperature_a_compensated_tilt_is_unknown(self):
        made = deriver(leaning(zero=(0, 0), temperature_coefficient=(0.01, 0)))
        assert told(made.derive(tilts(0.1, 0)), "tilt_delta") == [(0.1, 2, "no_temperature")]

    def test_a_temperature_lasts_an_hour(self):
        made = deriver(leaning(zero=(0, 0), temperature_coefficient=(0.01, 0)))
        made.derive([reading("temperature", 30, 0)])
        assert told(made.derive(tilts(0.1, 0, 1)), "tilt_delta") == [(0, 1, "")]
        assert told(made.derive(tilts(0.1, 0, 1.1)), "tilt_delta")[0][2] == "no_temperature"

    def test_the_first_day_learns_the_zero(self):
        made = deriver(leaning())
        for hour in range(24):
            odd = 5.0 if hour == 7 else 0.0  # one knock does not spoil a median
            assert told(made.derive(tilts(1.0 + odd, 2.0, hour)), "tilt_delta") == [
                (None, 9, "learning_zero")
            ]
        assert told(made.derive(tilts(1.0, 2.0, 24)), "tilt_delta") == [(0, 1, "")]
        assert values(made.derive(tilts(1.5, 2.0, 25)), "tilt_delta_x") == [0.5]

    def test_a_day_with_few_samples_is_not_enough(self):
        made = deriver(leaning())
        for n in range(19):
            made.derive(tilts(1, 2, 6 * n))
        assert told(made.derive(tilts(1, 2, 6 * 19)), "tilt_delta") == [(0, 1, "")]

    def test_doubtful_tilts_teach_nothing(self):
        made = deriver(leaning())
        for n in range(30):
            made.derive(tilts(9, 9, n, Flag.SUSPECT, "spike"))
        assert made.memory() == {}

    def test_the_learnt_zero_outlives_a_restart(self):
        first = deriver(leaning())
        for hour in range(25):
            first.derive(tilts(1.0, 2.0, hour, temperature=12))
        kept = json.loads(json.dumps(first.memory()))
        again = deriver(leaning())
        again.restore(kept)
        assert told(again.derive(tilts(1.5, 2.0, 26)), "tilt_delta_x") == [(0.5, 1, "")]
        assert kept["a"]["Leaning"]["reference"] == 12

    def test_a_day_half_learnt_goes_on_after_a_restart(self):
        first = deriver(leaning())
        for hour in range(12):
            first.derive(tilts(1.0, 2.0, hour))
        again = deriver(leaning())
        again.restore(json.loads(json.dumps(first.memory())))
        for hour in range(12, 24):
            assert told(again.derive(tilts(1, 2, hour)), "tilt_delta")[0][2] == "learning_zero"
        assert told(again.derive(tilts(1, 2, 24)), "tilt_delta") == [(0, 1, "")]

    def test_what_the_technician_writes_beats_what_was_learnt(self):
        made = deriver(leaning(zero=(0, 0)))
        made.restore({"a": {"Leaning": {"zero": [5, 5], "reference": 20}}})
        assert values(made.derive(tilts(1, 0)), "tilt_delta_x") == [1]

    @pytest.mark.parametrize(
        "rubbish",
        [
            {"zero": "x"},
            {"zero": [1]},
            {"since": "x", "samples": []},
            {"since": 3, "samples": [[1]]},
            {"zero": [1, 2]},
        ],
    )
    def test_a_memory_that_is_rubbish_is_left_aside(self, rubbish):
        made = deriver(leaning())
        made.restore({"a": {"Leaning": rubbish}})
        assert told(made.derive(tilts(1, 2)), "tilt_delta") == [(None, 9, "learning_zero")]

    def test_learning_at_ten_second_polls_keeps_the_memory_small(self):
        made = deriver(leaning())
        for n in range(8640):
            made.derive(tilts(1, 2, n / 360))
        assert len(made.memory()["a"]["Leaning"]["samples"]) <= 289
        assert len(json.dumps(made.memory())) < 8000

    def test_the_revision_moves_with_the_memory(self):
        made = deriver(leaning())
        before = made.revision
        made.derive(tilts(1, 2))
        assert made.revision > before

    def test_an_axis_without_a_value_has_no_lean(self):
        lost = [reading("tilt_x", None, 0, Flag.MISSING, "no_reply"), reading("tilt_y", 1)]
        assert told(deriver(leaning(zero=(0, 0))).derive(lost), "tilt_delta") == [(None, 9, "no_reply")]

    def test_an_implausible_tilt_is_flagged_and_never_silenced(self):
        derived = deriver(leaning(zero=(0, 0))).derive(tilts(99, 0, 0, Flag.FAIL, "gross_range"))
        assert told(derived, "tilt_delta_x") == [(99, 4, "gross_range")]

    def test_axes_that_come_in_two_messages_belong_together(self):
        made = deriver(leaning(zero=(0, 0)))
        assert made.derive([reading("tilt_x", 3)]) == []
        assert values(made.derive([reading("tilt_y", 4, 0.01)]), "tilt_delta") == [pytest.approx(5, abs=0.01)]
        assert made.derive([reading("tilt_x", 3, 1)]) == []

    def test_axes_far_apart_in_time_do_not(self):
        made = deriver(leaning(zero=(0, 0)))
        made.derive([reading("tilt_x", 3)])
        assert made.derive([reading("tilt_y", 4, 5)]) == []

    def test_a_sensor_with_one_axis_needs_no_other(self):
        made = deriver(leaning(reads=("tilt_x",), zero=(1, 0)))
        assert values(made.derive([reading("tilt_x", 3)]), "tilt_delta") == [pytest.approx(2)]


def totals(*many, step=1.0, flag=Flag.GOOD, why=""):
    return [reading("rain_total", value, step * n, flag, why) for n, value in enumerate(many)]


def gauge(**settings) -> Device:
    return device(reads=("rain_total",), **settings)


class TestRain:
    def test_the_counter_becomes_rain(self):
        assert told(story(deriver(gauge()), totals(100, 100, 100.4, 102)), "rain") == [
            (0, 1, ""),
            (0.4, 1, ""),
            (1.6, 1, ""),
        ]

    def test_a_reboot_counts_from_zero_and_says_so(self):
        assert told(story(deriver(gauge()), totals(100, 0, 0.4)), "rain") == [(0, 1, ""), (0.4, 1, "")]
        assert told(story(deriver(gauge()), totals(100, 0.6)), "rain") == [(0.6, 3, "counter_reset")]

    def test_another_gauge_brings_no_rain(self):
        assert told(story(deriver(gauge()), totals(5000, 900, 900.2)), "rain") == [
            (0, 3, "counter_changed"),
            (0.2, 1, ""),
        ]

    def test_a_counter_that_rolls_over_goes_on(self):
        rolls = gauge(options={"rain_rollover_mm": 13107.2})
        assert told(story(deriver(rolls), totals(13107, 0.2)), "rain") == [(0.4, 1, "")]

    def test_more_than_thirty_millimetres_in_five_minutes_is_doubted_and_told(self):
        assert told(story(deriver(gauge()), totals(0, 31, step=1 / 12)), "rain") == [(31, 3, "rain_burst")]
        assert told(story(deriver(gauge()), totals(0, 29, step=1 / 12)), "rain") == [(29, 1, "")]
        assert told(story(deriver(gauge()), totals(0, 96, step=2)), "rain") == [(96, 1, "")]

    def test_a_counter_that_jumps_and_falls_back_goes_on_where_it_was(self):
        jumped = totals(100, 65_535, 100.2, 100.6)
        assert told(story(deriver(gauge()), jumped), "rain")[1:] == [(0.2, 1, ""), (0.4, 1, "")]

    def test_a_counter_without_a_value_loses_no_rain(self):
        lost = reading("rain_total", None, 1, Flag.MISSING, "no_reply")
        readings = [reading("rain_total", 10, 0), lost, reading("rain_total", 12, 2)]
        assert values(story(deriver(gauge()), readings), "rain") == [2]

    def test_what_comes_late_is_not_counted_twice(self):
        made = deriver(gauge())
        story(made, totals(10, 12))
        assert made.derive([late("rain_total", 11, 0.5, 1.5)]) == []
        assert values(made.derive([reading("rain_total", 13, 2)]), "rain") == [1]

    def test_what_was_stamped_in_the_future_does_not_stop_the_rain(self):
        made = deriver(gauge())
        made.derive([reading("rain_total", 10, 9999)])  # our own clock was wrong
        assert values(story(made, totals(11, 12)), "rain") == [1, 1]

    def test_rain_that_fell_while_the_gateway_was_away_is_counted(self):
        made = deriver(gauge())
        made.prime({"a/rain_total": reading("rain_total", 10)})
        assert values(made.derive([reading("rain_total", 25, 8)]), "rain") == [15]

    def test_the_memory_serves_where_the_last_reading_had_no_value(self):
        first = deriver(gauge())
        story(first, totals(10, 12))
        again = deriver(gauge())
        again.restore(json.loads(json.dumps(first.memory())))
        again.prime({"a/rain_total": reading("rain_total", None, 2, Flag.MISSING, "no_reply")})
        assert values(again.derive([reading("rain_total", 15, 3)]), "rain") == [3]

    @pytest.mark.parametrize(
        "rubbish", [{"total": "x", "at": 1}, {"total": 1, "at": "x"}, {"total": 1, "at": "2026-01-01"}]
    )
    def test_a_memory_that_is_rubbish_starts_anew(self, rubbish):
        made = deriver(gauge())
        made.restore({"a": {"Rain": rubbish}})
        assert made.derive(totals(10)) == []

    def test_a_gauge_that_reports_rain_itself_is_believed(self):
        own = device(reads=("rain_total", "rain"))
        assert values(story(deriver(own), totals(1, 2)), "rain") == []

    @given(st.lists(st.floats(0, 70_000), min_size=1, max_size=40))
    def test_rain_never_falls_upwards(self, many):
        assert all(value >= 0 for value in values(story(deriver(gauge()), totals(*many)), "rain"))


class TestLevel:
    def test_a_radar_looks_down(self):
        down = device(level=Level(datum=12.3))
        assert told(deriver(down).derive([reading("distance", 2300)]), "water_level") == [(10, 1, "")]

    def test_a_probe_looks_up(self):
        up = device(reads=("water_depth",), level=Level(datum=3.0, looks="up"))
        assert told(deriver(up).derive([reading("water_depth", 1.5)]), "water_level") == [(4.5, 1, "")]

    def test_a_pressure_becomes_a_depth_and_a_level(self):
        up = device(reads=("water_pressure",), level=Level(datum=3.0, looks="up"))
        derived = deriver(up).derive([reading("water_pressure", 98.0665)])
        assert values(derived, "water_depth") == [1.0]
        assert values(derived, "water_level") == [4.0]

    def test_a_lost_echo_is_no_flood(self):
        lost = reading("distance", None, 0, Flag.MISSING, "no_echo")
        assert told(deriver(device(level=Level(datum=12.3))).derive([lost]), "water_level") == [
            (None, 9, "no_echo")
        ]

    def test_an_implausible_distance_still_gives_a_level(self):
        failed = reading("distance", 60_000, 0, Flag.FAIL, "gross_range")
        derived = deriver(device(level=Level(datum=12.3))).derive([failed])
        assert told(derived, "water_level") == [(-47.7, 4, "gross_range")]

    def test_a_gauge_laid_on_a_table_is_doubted(self):
        laid = device(blind=280.0, level=Level(datum=12.3))
        assert told(deriver(laid).derive([reading("distance", 30)]), "water_level") == [
            (12.27, 3, "blind_zone")
        ]

    def test_a_device_that_says_its_level_is_believed(self):
        own = device(reads=("distance", "water_level"), level=Level(datum=12.3))
        assert deriver(own).derive([reading("distance", 2300)]) == []


def test_an_unknown_or_disabled_device_derives_nothing():
    other = Reading("b/distance", 700, START, START, Flag.GOOD)
    assert deriver(device(bin=BIN)).derive([other]) == []
    assert deriver(device(bin=BIN, enabled=False)).derive(distances(700)) == []


def test_history_in_one_message_is_taken_in_its_own_order():
    assert values(deriver(gauge()).derive(list(reversed(totals(10, 12, 15)))), "rain") == [2, 3]


def test_derived_readings_keep_the_time_of_what_they_were_made_from():
    late = Reading("a/distance", 700, START, START + HOUR, Flag.GOOD)
    (fill,) = deriver(device(bin=BIN)).derive([late])
    assert isinstance(fill, Reading)
    assert (fill.at, fill.received) == (START, START + HOUR)


@pytest.mark.parametrize(("name", "increments"), [("", [2.0]), ("moved", [])], ids=["same", "changed"])
def test_a_reloaded_site_counts_the_rain_of_an_unchanged_gauge_on(name: str, increments: list[float]) -> None:
    before, after = deriver(gauge()), deriver(gauge(name=name))
    story(before, [reading("rain_total", 5.0, 0.0)])
    after.inherit(before)
    found = values(story(after, [reading("rain_total", 7.0, 1.0)]), "rain")
    assert [value for value in found if value is not None] == increments
