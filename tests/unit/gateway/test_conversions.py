"""Conversions: facts from the reference, and properties that must hold for every number."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway import conversions

MM = st.floats(0, 60_000)
ANGLE = st.floats(-89, 89)


@pytest.mark.parametrize(
    ("distance", "fill"), [(1200, 0), (200, 100), (700, 50), (450, 75), (0, 100), (5000, 0), (199, 100)]
)
def test_a_distance_becomes_a_fill(distance, fill):
    assert conversions.fill_percent(distance, 1200, 200) == fill


@pytest.mark.parametrize(
    ("distance", "fill"), [(100, 100), (200, 100), (600, 70), (900, 35), (1200, 0), (1300, 0)]
)
def test_a_tapered_bin_follows_its_table(distance, fill):
    table = [(1200, 0), (200, 100), (600, 70)]  # any order
    assert conversions.fill_percent(distance, 1200, 200, table) == fill


@given(MM, st.floats(100, 10_000), st.floats(0, 99))
def test_fill_is_never_outside_of_nothing_and_full(distance, empty, full):
    assert 0 <= conversions.fill_percent(distance, empty, full) <= 100


@given(MM, MM, st.floats(100, 10_000), st.floats(0, 99))
def test_nearer_is_never_less_full(one, other, empty, full):
    near, far = sorted((one, other))
    assert conversions.fill_percent(near, empty, full) >= conversions.fill_percent(far, empty, full)


@given(st.lists(st.tuples(st.floats(101, 10_000), st.floats(0, 100)), min_size=1, max_size=6), MM)
def test_a_table_never_leaves_its_own_values(table, distance):
    fill = conversions.fill_percent(distance, 10_000, 100, table)
    assert fill == 100 or min(f for _, f in table) - 1e-9 <= fill <= max(f for _, f in table) + 1e-9


@given(st.floats(201, 1200))
def test_fill_gives_the_distance_back(distance):
    fill = conversions.fill_percent(distance, 1200, 200)
    assert 1200 - fill / 100 * 1000 == pytest.approx(distance)


@pytest.mark.parametrize(
    ("degrees", "permille"),
    [
        (1, 17.455),
        (0.1146, 2.0),
        (0.382, 6.67),
        (0.191, 3.33),
        (0.401, 7),
        (0.573, 10),
        (1.146, 20),
        (1.718, 30),
    ],
)
def test_the_reference_table_of_degrees_and_permille(degrees, permille):
    assert conversions.permille(degrees) == pytest.approx(permille, rel=2e-3)


@given(st.floats(0, 89.9))
def test_permille_and_degrees_are_inverse(degrees):
    assert conversions.degrees_of(conversions.permille(degrees)) == pytest.approx(degrees, abs=1e-9)


@given(st.floats(0, 360), st.floats(0, 360))
def test_permille_grows_with_the_angle_and_stays_finite(one, other):
    low, high = sorted((one, other))
    assert conversions.permille(low) <= conversions.permille(high) < 1e6


@given(ANGLE, ANGLE)
def test_gravity_is_a_unit_vector(x, y):
    assert math.hypot(*conversions.gravity(x, y)) == pytest.approx(1)


@given(ANGLE, ANGLE)
def test_nothing_leans_against_itself(x, y):
    found = conversions.lean((x, y), (x, y))
    assert (found.x_deg, found.y_deg) == (0, 0)
    assert found.total_deg == pytest.approx(0, abs=1e-6)


@given(st.floats(-40, 40), st.floats(-40, 40), st.floats(-40, 40), st.floats(-40, 40))
def test_the_lean_is_the_same_in_both_directions(x, y, x0, y0):
    there, back = conversions.lean((x, y), (x0, y0)), conversions.lean((x0, y0), (x, y))
    assert there.total_deg == pytest.approx(back.total_deg, abs=1e-9)
    assert there.total_deg >= 0


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_small_leans_add_like_the_sides_of_a_right_angle(x, y):
    assert conversions.lean((x, y), (0, 0)).total_deg == pytest.approx(math.hypot(x, y), abs=2e-5)


def test_one_axis_alone_leans_by_its_own_angle():
    assert conversions.lean((3.25, 0), (1.0, 0)).total_deg == pytest.approx(2.25)


def test_absolute_lean_is_survey_plus_change():
    found = conversions.lean((1.1, 0.2), (1.0, 0.2), surveyed_deg=(0.3, 0.0))
    assert found.absolute_permille == pytest.approx(conversions.permille(0.4))
    assert conversions.lean((1.1, 0.2), (1.0, 0.2)).absolute_permille is None


def test_a_wall_that_moves_back_upright_leans_less():
    assert conversions.lean((0.7, 0), (1.0, 0), surveyed_deg=(0.3, 0)).absolute_permille == pytest.approx(
        0, abs=1e-9
    )


def test_what_the_sun_does_is_taken_away():
    assert conversions.without_temperature(1.05, 0.005, 30, 20) == pytest.approx(1.0)
    assert conversions.without_temperature(1.05, 0.005, None, 20) == 1.05


@pytest.mark.parametrize(
    ("previous", "current", "rollover", "amount", "reason"),
    [
        (10.0, 10.4, None, 0.4, ""),
        (10.0, 10.0, None, 0, ""),
        (10.0, 0.4, None, 0.4, "counter_reset"),
        (10.0, 0.0, None, 0, "counter_reset"),
        (500.0, 400.0, None, 0, "counter_changed"),
        (13107.0, 0.2, 13107.2, 0.4, "counter_rollover"),
        (500.0, 0.2, 13107.2, 0.2, "counter_reset"),
    ],
)
def test_a_counter_becomes_increments(previous, current, rollover, amount, reason):
    grown = conversions.increment(previous, current, 30, rollover)
    assert (grown.amount, grown.reason) == (pytest.approx(amount), reason)


@given(st.lists(st.floats(0, 20_000), min_size=2, max_size=30), st.one_of(st.none(), st.floats(1, 20_000)))
def test_increments_are_never_negative(totals, rollover):
    grown = [conversions.increment(a, b, 30, rollover).amount for a, b in itertools.pairwise(totals)]
    assert all(amount >= 0 for amount in grown)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.integers(0, 10_000), st.integers(500, 5000))
def test_a_counter_that_rolls_over_loses_nothing(tips, start, rollover):
    start %= rollover
    total, seen = start, []
    for tip in tips:
        before, total = total, (total + tip) % rollover
        seen.append(conversions.increment(before, total, 50, rollover).amount)
    assert sum(seen) == sum(tips)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.integers(0, 59))
def test_a_reboot_loses_no_more_than_what_fell_since_the_last_reading(tips, reboot):
    assume(reboot < len(tips))
    total, seen = 1000, []
    for n, tip in enumerate(tips):
        before = total
        total = tip if n == reboot else total + tip
        seen.append(conversions.increment(before, total, 30).amount)
    assert sum(seen) == sum(tips)


def test_plausible_rain_grows_with_time():
    assert conversions.plausible_rain_mm(1) == 30
    assert conversions.plausible_rain_mm(300) == 30
    assert conversions.plausible_rain_mm(3600) == 360


@given(st.floats(-50, 50), st.floats(0, 100), st.booleans())
def test_a_level_gives_the_measurement_back(datum, measured, looks_down):
    level = conversions.level_above_datum(measured, datum, looks_down=looks_down)
    assert abs(level - datum) == pytest.approx(measured, abs=1e-9)
    assert (level <= datum) is looks_down or measured == pytest.approx(0, abs=1e-9)


def test_ten_metres_of_water_press_with_nearly_a_bar():
    assert conversions.depth_m(980.665) == pytest.approx(10)
