"""Whose turn it is: periods kept, dead units rarely, overload shared evenly."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.line.timetable import FULL, SPREAD_S, Timetable


def run(
    table: Timetable, seconds: float, cost: dict[str, float], silent: frozenset[str] = frozenset()
) -> list[tuple[float, str, tuple[int, ...]]]:
    """Play a line on which each poll takes its cost; who was asked when, and for which groups."""
    now, asked = 0.0, []
    while now < seconds:
        wait, turn = table.next(now)
        if turn is None:
            now += wait
            continue
        groups = table.groups(turn, now)
        asked.append((now, turn.name, groups))
        now += cost[turn.name]
        if turn.name in silent:
            table.silent(turn, groups, now, cost[turn.name])
        else:
            table.answered(turn, groups, now, cost[turn.name])
    return asked


def gaps(asked: list[tuple[float, str, tuple[int, ...]]], name: str) -> list[float]:
    times = [at for at, who, _ in asked if who == name]
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def test_the_first_polls_are_spread_and_then_keep_their_period() -> None:
    table = Timetable({f"d{n}": [10.0] for n in range(4)}, 0.0, 300)
    asked = run(table, 100, {f"d{n}": 0.01 for n in range(4)})
    assert [at for at, _, _ in asked[:4]] == pytest.approx([0, 0.5, 1.0, 1.5])
    assert asked[3][0] <= SPREAD_S
    for n in range(4):
        assert gaps(asked, f"d{n}") == pytest.approx([10.0] * 9)
    assert (table.stretch, table.overdue) == (1.0, 0)


def test_a_slow_group_comes_along_with_a_fast_one() -> None:
    table = Timetable({"d": [1.0, 10.0]}, 0.0, 300)
    asked = run(table, 30.5, {"d": 0.01})
    assert len(asked) == 31
    assert [at for at, _, groups in asked if groups == (0, 1)] == pytest.approx([0, 10, 20, 30])


def test_groups_that_are_no_multiples_each_keep_their_own() -> None:
    table = Timetable({"d": [2.0, 3.0]}, 0.0, 300)
    asked = run(table, 11.9, {"d": 0.01})
    assert [round(at) for at, _, _ in asked] == [0, 2, 3, 4, 6, 8, 9, 10]


def test_an_overloaded_line_stretches_every_period_by_the_same_factor() -> None:
    devices = {f"fast{n}": [1.0] for n in range(10)} | {"slow": [5.0]}
    table = Timetable(devices, 0.0, 300)
    asked = run(table, 200, dict.fromkeys(devices, 0.2))  # 10 * 0.2 / 1 + 0.2 / 5 = 2.04 lines' worth
    assert table.load == pytest.approx(2.04)
    assert table.stretch == pytest.approx(2.04 / FULL)
    late = [entry for entry in asked if entry[0] > 100]
    for n in range(10):
        assert sum(gaps(late, f"fast{n}")) / len(gaps(late, f"fast{n}")) == pytest.approx(
            table.stretch, rel=0.05
        )
    assert sum(gaps(late, "slow")) / len(gaps(late, "slow")) == pytest.approx(5 * table.stretch, rel=0.05)


def test_periods_come_back_when_the_load_goes() -> None:
    cost = {"a": 2.0}
    table = Timetable({"a": [1.0]}, 0.0, 300)
    run(table, 50, cost)
    assert table.stretch > 2
    now = 60.0
    for _ in range(60):
        wait, turn = table.next(now)
        now += wait
        if turn is not None:
            table.answered(turn, table.groups(turn, now), now, 0.01)
    assert table.stretch == 1.0


def test_a_silent_unit_is_asked_ever_more_rarely_and_others_keep_their_period() -> None:
    devices = {f"d{n}": [1.0] for n in range(10)}
    table = Timetable(devices, 0.0, 60)
    asked = run(table, 300, dict.fromkeys(devices, 0.01) | {"d3": 0.5}, frozenset({"d3"}))
    pauses = gaps(asked, "d3")
    assert pauses[:4] == sorted(pauses[:4])
    assert pauses[-1] == pytest.approx(60, abs=2)
    for n in set(range(10)) - {3}:
        assert max(gaps(asked, f"d{n}")) <= 1.0 + 0.5 + 0.1
        assert len(gaps(asked, f"d{n}")) >= 298


def test_a_unit_that_speaks_again_is_asked_at_its_period_again() -> None:
    table = Timetable({"d": [1.0]}, 0.0, 60)
    turn = table.next(0.0)[1]
    assert turn is not None
    assert table.silent(turn, (0,), 1.0, 0.5) == 5.0  # half a second may use a tenth of the line
    assert table.next(1.0)[1] is None
    assert table.next(7.1)[1] is turn  # the first slot after the pause
    table.answered(turn, (0,), 7.2, 0.01)
    assert table.next(7.2)[0] < 1.0


def test_missed_slots_are_counted_not_made_up_for() -> None:
    table = Timetable({"d": [1.0]}, 0.0, 300)
    turn = table.next(0.0)[1]
    assert turn is not None
    table.answered(turn, (0,), 4.5, 0.01)  # whoever takes our readings had no room for 4.5 s
    assert table.overdue == 4
    assert table.next(4.5)[0] == pytest.approx(0.5)


def test_an_empty_line_waits_for_ever() -> None:
    assert Timetable({}, 0.0, 300).next(5.0) == (float("inf"), None)


@given(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.floats(0.5, 20), min_size=1, max_size=8),
    st.floats(0.001, 0.5),
)
def test_everybody_is_served_whatever_the_load(periods: dict[str, float], cost: float) -> None:
    table = Timetable({name: [period] for name, period in periods.items()}, 0.0, 300)
    seconds = 12 * max(periods.values()) * max(1.0, sum(cost / period for period in periods.values()) / FULL)
    counts = Counter(name for _, name, _ in run(table, seconds, dict.fromkeys(periods, cost)))
    for name, period in periods.items():
        assert counts[name] >= 0.7 * seconds / (period * table.stretch) - 2
