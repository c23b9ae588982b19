"""The grader: a reading in, the same reading flagged out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.catalogue import DeviceModel, Meaning, Source, Text
from gateway.contracts import Device
from gateway.model import Flag, Reading
from gateway.quality.grader import Grader
from gateway.quantities import Checks, Quantities, Quantity
from gateway.settings import DeviceSettings

START = datetime(2026, 7, 18, 4, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def quantity(**checks) -> Quantity:
    return Quantity(unit="1", en="x", zh="x", measurement="water", checks=Checks(**checks))


QUANTITIES = Quantities(
    {
        "level": quantity(gross=(0, 10), usual=(1, 9), spike=1, rate_per_min=0.5),
        "stuck": quantity(stuck=timedelta(hours=1)),
        "wander": quantity(stuck=timedelta(hours=1), stuck_within=0.1),
        "bare": quantity(),
        "echo": quantity(spike=100, after_missing=True),
        "ec": quantity(gross=(0, 50000), dry=10),
        "ph": quantity(gross=(0, 14)),
        "distance": quantity(gross=(1, 9000)),
        "share": quantity(spike=1, spike_ratio=0.2),
    }
)


def reading(
    series="a/level", value=5.0, minutes=0.0, flag=Flag.UNKNOWN, why="", behind=timedelta(0)
) -> Reading:
    at = START + minutes * MINUTE
    return Reading(series, value, at, at + behind, flag, why)


def device(slug="a", wire="lorawan", period=timedelta(minutes=10), model_checks=None, **settings) -> Device:
    model = DeviceModel(
        model="maker-model",
        maker="Maker",
        title=Text(en="x", zh="x"),
        domain="water",
        wire=wire,
        documents=[Source(name="x")],
        interval=period,
        decoder="x" if wire == "lorawan" else None,
        registers={"level": {"address": 0}} if wire == "modbus" else {},
        readings={"level": Meaning(checks=model_checks)},
    )
    return Device(slug, DeviceSettings(source="s", **settings), model)


def grader(*devices: Device) -> Grader:
    return Grader(QUANTITIES, {one.slug: one for one in devices})


def flags(grader: Grader, readings) -> list[tuple[int, str]]:
    return [(int(graded.flag), graded.flagged_by) for graded in map(grader.grade, readings)]


def test_a_plausible_value_becomes_good():
    assert grader().grade(reading()) == reading(flag=Flag.GOOD)


@pytest.mark.parametrize(
    ("value", "flag", "why"),
    [
        (-0.1, Flag.FAIL, "gross_range"),
        (10.1, Flag.FAIL, "gross_range"),
        (0.5, Flag.SUSPECT, "usual_range"),
        (9.5, Flag.SUSPECT, "usual_range"),
        (1, Flag.GOOD, ""),
        (9, Flag.GOOD, ""),
    ],
)
def test_ranges_include_their_ends(value, flag, why):
    graded = grader().grade(reading(value=value))
    assert (graded.flag, graded.flagged_by, graded.value) == (flag, why, value)


def test_a_quantity_without_checks_stays_unknown():
    assert grader().grade(reading("a/bare")).flag is Flag.UNKNOWN


def test_an_unheard_of_quantity_stays_unknown():
    assert grader().grade(reading("a/nonsense")).flag is Flag.UNKNOWN


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 3e38])
def test_what_is_no_number_has_no_value(value):
    graded = grader().grade(reading(value=value))
    assert (graded.value, graded.flag, graded.flagged_by) == (None, Flag.MISSING, "not_a_number")


def test_a_value_of_none_is_missing_whatever_it_was_flagged():
    assert grader().grade(reading(value=None)).flagged_by == "no_value"
    said = reading(value=None, flag=Flag.MISSING, why="no_echo")
    assert grader().grade(said) is said


@pytest.mark.parametrize("flag", [Flag.SUSPECT, Flag.FAIL])
def test_what_the_driver_doubts_is_never_improved(flag):
    said = reading(flag=flag, why="status")
    assert grader().grade(said) is said


def test_the_worst_flag_wins_and_all_reasons_are_named():
    graded = grader().grade(reading(value=11, flag=Flag.SUSPECT, why="status"))
    assert (graded.flag, graded.flagged_by) == (Flag.FAIL, "status+gross_range")


def test_an_unknown_with_a_reason_stays_unknown():
    graded = grader().grade(reading(why="clock_untrusted"))
    assert (graded.flag, graded.flagged_by) == (Flag.UNKNOWN, "clock_untrusted")


def test_a_spike_is_doubted_at_once_and_its_neighbours_are_not():
    found = flags(grader(), [reading("a/share", value, 10 * n) for n, value in enumerate([5, 5, 5, 8, 5, 5])])
    assert found == [(1, "")] * 3 + [(3, "spike")] + [(1, "")] * 2


def test_a_step_is_doubted_for_three_readings():
    found = flags(grader(), [reading("a/share", value, 10 * n) for n, value in enumerate([5] * 5 + [8] * 5)])
    assert [flag for flag, _ in found] == [1] * 5 + [3] * 3 + [1] * 2


def test_a_spike_may_be_a_share_of_the_value():
    found = flags(
        grader(), [reading("a/share", value, 10 * n) for n, value in enumerate([100, 100, 100, 119, 121])]
    )
    assert [why for _, why in found] == ["", "", "", "", "spike"]


def test_a_value_is_not_compared_with_what_was_long_ago():
    judge = grader()
    assert flags(judge, [reading("a/share", 5, n) for n in range(4)])[-1] == (1, "")
    assert judge.grade(reading("a/share", 50, 7 * 60)).flag is Flag.GOOD


def test_too_fast_a_change_is_doubted():
    found = flags(
        grader(), [reading(value=5), reading(value=5.6, minutes=1), reading(value=5.5, minutes=1.5)]
    )
    assert [why for _, why in found] == ["", "rate", ""]


def test_an_implausible_value_does_not_spoil_the_judgement_of_the_next():
    found = flags(grader(), [reading(value=v, minutes=10 * n) for n, v in enumerate([5, 5, 5, 999, 5])])
    assert found[3:] == [(4, "gross_range+spike+rate"), (1, "")]


def test_the_same_number_for_too_long_is_stuck():
    found = flags(
        grader(), [reading("a/stuck", 7, 10 * n) for n in range(9)] + [reading("a/stuck", 7.01, 90)]
    )
    assert [why for _, why in found] == [""] * 6 + ["stuck"] * 3 + [""]


def test_a_tolerance_of_zero_finds_exact_repeats_only():
    found = flags(grader(), [reading("a/stuck", 7 + n % 2 * 0.001, 10 * n) for n in range(20)])
    assert {why for _, why in found} == {""}


def test_wandering_within_the_tolerance_is_stuck():
    found = flags(grader(), [reading("a/wander", 7 + n % 2 * 0.1, 10 * n) for n in range(9)])
    assert [why for _, why in found][6:] == ["stuck"] * 3


def test_few_readings_are_no_evidence_of_being_stuck():
    assert {why for _, why in flags(grader(), [reading("a/stuck", 7, 50 * n) for n in range(4)])} == {""}


def test_the_first_echo_after_a_lost_one_has_half_the_freedom():
    steady = [reading("a/echo", 500, n) for n in range(5)]
    lost = reading("a/echo", None, 5, Flag.MISSING, "no_echo")
    assert flags(grader(), [*steady, lost, reading("a/echo", 540, 6)])[-1] == (1, "")
    assert flags(grader(), [*steady, lost, reading("a/echo", 560, 6)])[-1] == (3, "after_missing")
    assert flags(grader(), [*steady, lost, reading("a/echo", 560, 6), reading("a/echo", 561, 7)])[-1] == (
        1,
        "",
    )
    assert flags(grader(), [*steady, reading("a/echo", 560, 6)])[-1] == (1, "")


def test_a_reading_from_the_future_is_doubted_and_does_not_make_the_next_one_late():
    judge = grader()
    ahead = judge.grade(reading(minutes=60, behind=-60 * MINUTE))
    assert (ahead.flag, ahead.flagged_by) == (Flag.SUSPECT, "clock_ahead")
    assert [why for _, why in flags(judge, [reading(value=5, minutes=n) for n in range(4)])] == [""] * 4
    assert judge.grade(reading(value=8, minutes=5)).flagged_by == "spike+rate"


def test_five_minutes_of_skew_are_forgiven():
    assert grader().grade(reading(minutes=5, behind=-5 * MINUTE)).flag is Flag.GOOD


def test_an_untrusted_clock_of_our_own_blames_nobody():
    said = reading(minutes=60, behind=-timedelta(days=900))
    assert grader().grade(said, clock_trusted=False).flag is Flag.GOOD


def test_a_logger_that_lost_its_clock_is_doubted():
    assert grader().grade(reading(behind=timedelta(days=9000))).flagged_by == "clock_behind"
    assert grader().grade(reading(behind=timedelta(days=3))).flag is Flag.GOOD


def test_history_is_judged_without_its_neighbours():
    judge = grader()
    flags(judge, [reading(value=5, minutes=n) for n in range(5)])
    late = judge.grade(reading(value=8, minutes=2.5))
    assert (late.flag, late.flagged_by) == (Flag.GOOD, "")
    backfill = judge.grade(reading(value=8, minutes=6, why="backfill"))
    assert (backfill.flag, backfill.flagged_by) == (Flag.UNKNOWN, "backfill")
    absurd = judge.grade(reading(value=800, minutes=6, why="backfill"))
    assert (absurd.flag, absurd.flagged_by) == (Flag.FAIL, "backfill+gross_range")


def test_the_same_measurement_again_keeps_its_first_flag():
    judge = grader()
    flags(judge, [reading(value=5, minutes=n) for n in range(5)])
    first = judge.grade(reading(value=8, minutes=6))
    assert first.flag is Flag.SUSPECT
    assert judge.grade(reading(value=8, minutes=6)) == first


def test_two_values_for_one_moment_are_doubted():
    judge = grader()
    flags(judge, [reading(value=5), reading(value=5.2, minutes=1)])
    assert judge.grade(reading(value=5.1, minutes=1)).flagged_by == "duplicate_time"


def test_what_was_stamped_in_the_future_does_not_make_everything_late():
    judge = grader()
    judge.grade(reading(minutes=10_000))  # our own clock was wrong: at and received agree
    assert flags(judge, [reading(value=v, minutes=n) for n, v in enumerate([5, 5, 5, 8])])[-1] == (
        3,
        "spike+rate",
    )


def test_a_dry_probe_is_not_believed_about_the_water():
    judge = grader()
    assert judge.grade(reading("a/ph", 7)).flag is Flag.GOOD
    assert judge.grade(reading("a/ec", 2, 10)).flagged_by == "out_of_water"
    assert judge.grade(reading("a/ph", 7, 10)).flagged_by == "out_of_water"
    assert judge.grade(reading("b/ph", 7, 10)).flag is Flag.GOOD
    assert judge.grade(reading("a/ec", 300, 20)).flag is Flag.GOOD
    assert judge.grade(reading("a/ph", 7, 20)).flag is Flag.GOOD


def test_a_testimony_from_the_future_is_overruled():
    judge = grader()
    judge.grade(reading("a/ec", 300, 9999))
    judge.grade(reading("a/ec", 2))
    assert judge.grade(reading("a/ph", 7)).flagged_by == "out_of_water"
    judge.grade(reading("a/ec", 300, -5))  # late: what is newer counts
    assert judge.grade(reading("a/ph", 7, 1)).flagged_by == "out_of_water"


def test_in_one_message_the_witness_speaks_for_what_stands_before_it():
    graded = grader().grade_all([reading("a/ph", 7), reading("a/ec", 2)])
    assert [one.flagged_by for one in graded] == ["out_of_water"] * 2


def test_a_testimony_grows_old():
    judge = grader()
    judge.grade(reading("a/ec", 2))
    assert judge.grade(reading("a/ph", 7, 7 * 60)).flag is Flag.GOOD


def test_the_device_overrides_the_model_and_the_model_the_quantity():
    assert grader(device()).grade(reading(value=9.5)).flagged_by == "usual_range"
    model = device(model_checks=Checks(usual=(0, 9.8)))
    assert grader(model).grade(reading(value=9.5)).flag is Flag.GOOD
    assert grader(model).grade(reading(value=9.9)).flagged_by == "usual_range"
    own = device(model_checks=Checks(usual=(0, 9.8)), checks={"level": Checks(usual=None, gross=(0, 5))})
    assert grader(own).grade(reading(value=9.9)).flagged_by == "gross_range"
    assert grader(own).grade(reading(value=0.5)).flag is Flag.GOOD


def test_a_knocked_mast_is_not_believed_until_it_has_stood_still_for_a_day():
    mast = device(checks={"bare": Checks(housing=True)})
    judge = grader(mast)
    for n in range(6):
        judge.grade(reading("a/bare", 2, 10 * n))
    assert judge.grade(reading("a/distance", 7, 60)).flag is Flag.GOOD
    judge.grade(reading("a/bare", 9, 70))
    assert judge.grade(reading("a/distance", 7, 70)).flagged_by == "sensor_moved"
    assert judge.grade(reading("a/distance_2", 7, 70)).flagged_by == "sensor_moved"
    assert judge.grade(reading("a/ph", 7, 70)).flag is Flag.GOOD  # what it is immersed in, it still measures
    judge.grade(reading("a/bare", 2, 80))
    assert judge.grade(reading("a/distance", 7, 80)).flag is Flag.GOOD
    for n in range(9, 9 + 145):
        judge.grade(reading("a/bare", 9, 10 * n))
    assert judge.grade(reading("a/distance", 7, 10 * 154)).flag is Flag.GOOD


def test_after_a_restart_the_last_values_are_known():
    judge = grader(device())
    judge.prime(
        {"a/level": reading(value=5, flag=Flag.GOOD), "a/ph": reading("a/ph", None, flag=Flag.MISSING)}
    )
    assert judge.grade(reading(value=8, minutes=1)).flagged_by == "rate"
    assert judge.grade(reading(value=5, minutes=-1)).flag is Flag.GOOD  # late, and known to be


def minutes_of(judge: Grader, until: int, start: int = 0) -> list[Reading]:
    return [told for n in range(start, until) for told in judge.tick(START + n * MINUTE)]


@pytest.mark.parametrize(
    ("wire", "period", "silent_for"),
    [
        ("lorawan", 10, 30),
        ("lorawan", 60, 180),
        ("json", 1, 30),
        ("modbus", 1, 5),
        ("modbus", 10, 30),
        ("json", 1440, 2880),
    ],
)
def test_silence_is_told_once(wire, period, silent_for):
    judge = grader(device(wire=wire, period=period * MINUTE))
    judge.tick(START)
    judge.grade(reading(minutes=1))
    told = minutes_of(judge, silent_for + 500, 1)
    assert [(one.series, one.value, one.flag) for one in told] == [("a/online", 0, Flag.GOOD)]
    assert told[0].at == START + (1 + silent_for + 1) * MINUTE


def test_a_device_that_was_never_heard_is_told_too():
    assert [one.value for one in minutes_of(grader(device()), 100)] == [0]


def test_the_return_is_told_once_with_the_delivery():
    judge = grader(device())
    minutes_of(judge, 100)
    back = judge.grade_all([reading(minutes=100), reading("a/ph", 7, 100)])
    assert [(one.series, one.value) for one in back][2:] == [("a/online", 1)]
    assert len(judge.grade_all([reading(minutes=101)])) == 1


def test_the_return_of_a_device_graded_one_by_one_is_told_at_the_next_tick():
    judge = grader(device())
    minutes_of(judge, 100)
    judge.grade(reading(minutes=100))
    assert [one.value for one in minutes_of(judge, 103, 101)] == [1]


@pytest.mark.parametrize("why", ["no_reply", "timeout"])
def test_a_reply_that_never_came_is_no_sign_of_life(why):
    judge = grader(device(wire="modbus"))
    told = []
    for n in range(60):
        judge.grade(reading(value=None, minutes=n, flag=Flag.MISSING, why=why))
        told += judge.tick(START + n * MINUTE)
    assert [one.value for one in told] == [0]


def test_a_lost_echo_is_a_sign_of_life_and_a_retained_message_is_not():
    judge = grader(device())
    for n in range(100):
        judge.grade(reading(value=None, minutes=n, flag=Flag.MISSING, why="no_echo"))
        assert judge.tick(START + n * MINUTE) == []
    for n in range(100, 200):
        judge.grade(reading(minutes=n, why="retained"))
    assert [one.value for one in minutes_of(judge, 200, 100)] == [0]


def test_a_clock_that_jumps_makes_nobody_silent():
    judge = grader(device())
    minutes_of(judge, 10)
    assert judge.tick(START + timedelta(days=300)) == []
    assert minutes_of(judge, 300 * 1440 + 20, 300 * 1440 + 1) == []
    assert judge.tick(START - timedelta(days=300)) == []
    assert [one.value for one in minutes_of(judge, -300 * 1440 + 100, -300 * 1440)] == [0]


def test_who_was_away_before_a_restart_is_not_told_again():
    judge = grader(device())
    judge.prime({"a/online": Reading("a/online", 0.0, START, START, Flag.GOOD)})
    assert minutes_of(judge, 100) == []
    assert [one.series for one in judge.grade_all([reading(minutes=100)])] == ["a/level", "a/online"]


def test_a_driver_that_knows_who_is_away_is_believed():
    judge = grader(device())
    judge.tick(START)
    away = reading("a/online", 0.0, 1)
    assert judge.grade_all([away]) == [away]
    assert minutes_of(judge, 100, 1) == []


def test_a_disabled_device_is_not_expected():
    assert minutes_of(grader(device(enabled=False)), 100) == []


def test_a_reading_keeps_all_but_its_flag():
    said = reading(value=99)
    assert replace(grader().grade(said), flag=said.flag, flagged_by="") == said


def test_a_reloaded_site_keeps_the_past_of_a_device_that_did_not_change():
    before, after = grader(device()), grader(device())
    flags(before, [reading("a/share", 5, 10 * n) for n in range(3)])
    after.inherit(before)
    assert flags(after, [reading("a/share", 8, 30)]) == [(3, "spike")]


def test_a_reloaded_site_forgets_the_past_of_a_device_that_did():
    before, after = grader(device()), grader(device(name="moved"))
    flags(before, [reading("a/share", 5, 10 * n) for n in range(3)])
    after.inherit(before)
    assert flags(after, [reading("a/share", 8, 30)]) == [(1, "")]


def test_a_reloaded_site_judges_by_its_new_limits_though_the_device_is_the_same():
    before = grader(device())
    flags(before, [reading("a/share", 5, 10 * n) for n in range(3)])
    after = Grader(Quantities({**QUANTITIES, "share": quantity(gross=(0, 6))}), {"a": device()})
    after.inherit(before)
    assert flags(after, [reading("a/share", 8, 30)]) == [(4, "gross_range")]
