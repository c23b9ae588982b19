"""The checks, one by one, for every number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import Flag
from gateway.quality import checks
from gateway.quality.past import Past
from gateway.quantities import Checks

NOW = datetime(2026, 7, 18, 4, 0, tzinfo=UTC)
NUMBERS = st.floats(-1e6, 1e6)
FLAGS = st.sampled_from(Flag)


@given(st.lists(FLAGS, min_size=1))
def test_the_worst_flag_is_one_of_them_and_none_is_worse(flags):
    assert checks.worst(flags) in flags
    assert all(flag <= checks.worst(flags) for flag in flags)


def test_nobody_complains_is_good():
    assert checks.worst([]) is Flag.GOOD


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_number_is_finite_and_below_thirty_digits(value):
    assert (checks.number(value) is Flag.GOOD) == (abs(value) < 1e30)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_ranges_say_the_same_and_only_differ_in_severity(value, one, other):
    low, high = sorted((one, other))
    assert (checks.gross_range(value, low, high) is Flag.FAIL) == (
        checks.usual_range(value, low, high) is Flag.SUSPECT
    )
    assert checks.gross_range(low, low, high) is checks.gross_range(high, low, high) is Flag.GOOD


@given(NUMBERS, NUMBERS, st.floats(0.001, 1e6), st.floats(0.001, 1e4))
def test_a_rate_is_the_same_up_and_down_and_forgiven_with_time(previous, value, elapsed_s, limit):
    flag = checks.rate_of_change(previous, value, elapsed_s, limit)
    assert flag is checks.rate_of_change(value, previous, elapsed_s, limit)
    if flag is Flag.GOOD:
        assert checks.rate_of_change(previous, value, elapsed_s * 2, limit) is Flag.GOOD


@pytest.mark.parametrize("elapsed_s", [0, -1])
def test_without_time_there_is_no_rate(elapsed_s):
    assert checks.rate_of_change(1, 2, elapsed_s, 0.1) is Flag.UNKNOWN


@given(st.lists(NUMBERS, max_size=2), NUMBERS)
def test_a_spike_needs_three_values_to_be_seen(last, value):
    assert checks.spike(value, last, 1) is Flag.UNKNOWN


@given(st.lists(NUMBERS, min_size=3, max_size=5), st.floats(0.001, 1e3))
def test_a_value_between_its_neighbours_is_no_spike_when_they_agree(last, limit):
    if max(last) - min(last) <= limit:
        assert checks.spike(last[0], last, limit) is Flag.GOOD


@given(st.lists(NUMBERS, min_size=3, max_size=5), NUMBERS, st.floats(0.001, 1e3), st.floats(0.01, 5))
def test_a_share_only_ever_forgives(last, value, limit, ratio):
    if checks.spike(value, last, limit) is Flag.GOOD:
        assert checks.spike(value, last, limit, ratio) is Flag.GOOD


@given(st.lists(NUMBERS, min_size=3, max_size=5), NUMBERS, st.permutations(range(5)))
def test_the_order_of_the_neighbours_does_not_matter(last, value, order):
    mixed = [last[place] for place in order if place < len(last)]
    assert checks.spike(value, last, 1) is checks.spike(value, mixed, 1)


def test_a_span_that_equals_the_tolerance_is_stuck():
    assert (
        checks.stuck(0.0, 5, 3600, 3600, 0.0) is Flag.SUSPECT
    )  # the others compare strictly and never see it
    assert checks.stuck(0.1, 5, 3600, 3600, 0.1) is Flag.SUSPECT
    assert checks.stuck(0.2, 5, 3600, 3600, 0.1) is Flag.GOOD
    assert checks.stuck(0.0, 4, 3600, 3600, 0.0) is Flag.GOOD
    assert checks.stuck(0.0, 5, 3599, 3600, 0.0) is Flag.GOOD


@pytest.mark.parametrize(
    ("ahead_s", "ahead", "behind"),
    [
        (300, Flag.GOOD, Flag.GOOD),
        (301, Flag.SUSPECT, Flag.GOOD),
        (-86400 * 400, Flag.GOOD, Flag.GOOD),
        (-86400 * 401, Flag.GOOD, Flag.SUSPECT),
    ],
)
def test_clocks(ahead_s, ahead, behind):
    at = NOW + timedelta(seconds=ahead_s)
    assert (checks.clock_ahead(at, NOW), checks.clock_behind(at, NOW)) == (ahead, behind)


def test_two_values_for_one_moment():
    assert checks.duplicate_time(1, 1) is Flag.GOOD
    assert checks.duplicate_time(1, 2) is Flag.SUSPECT


@given(NUMBERS, NUMBERS, st.floats(0.001, 1e4))
def test_after_a_gap_a_value_has_half_the_freedom(value, before, limit):
    assert checks.after_missing(value, None, limit) is Flag.UNKNOWN
    assert (checks.after_missing(value, before, limit) is Flag.GOOD) == (abs(value - before) <= limit / 2)


@given(NUMBERS, NUMBERS)
def test_dry_is_below_the_limit_and_moved_is_more_than_five_degrees(value, limit):
    assert (checks.out_of_water(value, limit) is Flag.SUSPECT) == (value < limit)
    assert (checks.moved(value, limit) is Flag.SUSPECT) == (abs(value - limit) > 5)


@given(
    st.timedeltas(timedelta(seconds=1), timedelta(days=7)),
    st.sampled_from(["lorawan", "json", "modbus", "serial"]),
)
def test_patience_is_at_least_two_periods_and_at_most_five_days_more(period, wire):
    limit = checks.patience(period, wire)
    assert limit >= 2 * period
    assert limit <= max(3 * period, timedelta(minutes=30))


@pytest.mark.parametrize(("wire", "minutes"), [("lorawan", 30), ("json", 30), ("modbus", 5), ("serial", 5)])
def test_a_polled_bus_has_no_excuse(wire, minutes):
    assert checks.patience(timedelta(seconds=10), wire) == timedelta(minutes=minutes)


def test_a_zigbee_sensor_on_a_battery_has_twenty_five_hours():
    assert checks.patience(timedelta(hours=8, minutes=20), "json") == timedelta(hours=25)


@given(st.lists(NUMBERS, min_size=1, max_size=9))
def test_half_lie_on_each_side_of_the_median(values):
    middle = checks.median(values)
    assert sum(value <= middle for value in values) * 2 >= len(values)
    assert sum(value >= middle for value in values) * 2 >= len(values)


@given(st.lists(st.sampled_from(["", "a", "b", "a+b", "c+a"])))
def test_each_reason_is_named_once(reasons):
    words = checks.joined(*reasons).split("+")
    assert len(words) == len(set(words))
    assert set(words) - {""} == {word for reason in reasons for word in reason.split("+")} - {""}


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 90)), min_size=1, max_size=60))
def test_what_is_called_stuck_has_really_not_moved_for_that_long(steps):
    """The run is kept in four numbers; a flag must still be true of all the values it stands for."""
    past = Past(Checks(stuck=timedelta(hours=1), stuck_within=0.25), timedelta(minutes=10))
    at, told = NOW, []
    for value, minutes in steps:
        at += timedelta(minutes=minutes)
        told.append((at, value))
        complaints: list[tuple[Flag, str]] = []
        past.neighbours(value, at, complaints)
        past.note(value, at, Flag.GOOD, "")
        if complaints:
            hour = [seen for when, seen in told if at - when <= timedelta(hours=1)]
            assert max(hour) - min(hour) <= 0.25


@given(st.lists(NUMBERS, min_size=1, max_size=200))
def test_the_past_of_a_series_stays_small(values):
    past = Past(Checks(spike=1, rate_per_min=1, stuck=timedelta(hours=1)), timedelta(minutes=1))
    for minute, value in enumerate(values):
        at = NOW + timedelta(minutes=minute)
        past.neighbours(value, at, [])
        past.note(value, at, Flag.GOOD, "")
    kept = [getattr(past, name) for name in Past.__slots__]
    assert sum(len(one) for one in kept if hasattr(one, "__len__") and not isinstance(one, str)) <= 12
