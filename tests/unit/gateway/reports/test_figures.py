"""The figures of a report, each by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contracts import Rollup
from gateway.model import Event, Severity
from gateway.reports import figures

START = datetime(2026, 7, 13, 0, 0, tzinfo=UTC)
TEN = timedelta(minutes=10)
SHANGHAI = ZoneInfo("Asia/Shanghai")
OXYGEN = {1: 7.5, 2: 6.0, 3: 5.0, 4: 3.0, 5: 2.0}  # GB 3838-2002, table 1
CODMN = {1: 2.0, 2: 4.0, 3: 6.0, 4: 10.0, 5: 15.0}


def rolled(*values: float, step: timedelta = TEN, count: int = 2) -> list[Rollup]:
    return [
        Rollup("a/b", START + index * step, step, count, value, value - 1, value + 1)
        for index, value in enumerate(values)
    ]


def alert(
    minute: int, to: str, severity: str = "yellow", rule: str = "bin-full", target: str = "bin-1"
) -> Event:
    at = START + timedelta(minutes=minute)
    return Event(
        target, "alert", at, at, detail={"rule": rule, "target": target, "to": to, "severity": severity}
    )


def taken(minute: int, rule: str = "bin-full", target: str = "bin-1") -> Event:
    at = START + timedelta(minutes=minute)
    return Event(target, "alert_acknowledged", at, at, detail={"rule": rule, "target": target, "by": "Lin"})


def test_a_bin_is_too_full_for_as_long_as_its_means_are_above_the_limit() -> None:
    found = figures.bin_figures(rolled(70, 80, 80.5, 95), 3, 80.0)
    assert (found.emptied, found.over, found.highest) == (3, 2 * TEN, 96)
    assert found.mean == pytest.approx(81.375)
    hourly = figures.bin_figures(rolled(70, 90), 0, 80.0, timedelta(hours=1))
    assert hourly.over == timedelta(
        hours=1
    )  # a bin that reports each hour was full for an hour, not for ten minutes
    assert figures.bin_figures([], 0, 80.0) == figures.BinFigures(0, timedelta(0), None, None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(8.0, 1), (7.5, 1), (7.4, 2), (5.0, 3), (4.9, 4), (2.0, 5), (1.9, figures.WORSE_THAN_V)],
)
def test_oxygen_has_the_class_whose_limit_it_keeps(value: float, expected: int) -> None:
    assert figures.water_class(value, OXYGEN, falling=True) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(1.0, 1), (2.0, 1), (2.1, 2), (15.0, 5), (15.1, figures.WORSE_THAN_V)]
)
def test_a_pollutant_has_the_class_whose_limit_it_keeps(value: float, expected: int) -> None:
    assert figures.water_class(value, CODMN, falling=False) == expected


@given(st.floats(0, 30), st.floats(0, 30))
def test_more_oxygen_is_never_a_worse_class(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert figures.water_class(high, OXYGEN, falling=True) <= figures.water_class(low, OXYGEN, falling=True)


def test_the_worst_parameter_of_a_day_decides_its_class() -> None:
    one, other = date(2026, 7, 13), date(2026, 7, 14)
    days = {"do": {one: 8.0, other: 4.0}, "codmn": {one: 5.0}}
    found = figures.class_days(days, {"do": OXYGEN, "codmn": CODMN}, frozenset({"do"}))
    assert found == {3: 1, 4: 1}
    turned = dict(reversed(days.items()))
    assert figures.class_days(turned, {"do": OXYGEN, "codmn": CODMN}, frozenset({"do"})) == found


def test_a_day_is_the_villages_day() -> None:
    late = rolled(1.0, step=timedelta(hours=1))[0]
    evening = Rollup(
        "a/b", START + timedelta(hours=16), timedelta(hours=1), 6, 4.0, 4, 4
    )  # midnight in Shanghai
    assert figures.daily_means([late, evening], SHANGHAI) == {date(2026, 7, 13): 1.0, date(2026, 7, 14): 4.0}


def test_a_house_that_leans_by_a_tenth_a_day_is_said_to() -> None:
    values = [0.1 * day for day in range(7)]
    found = figures.tilt_figures(rolled(*values, step=timedelta(days=1)), UTC)
    assert found.per_day == pytest.approx(0.1)
    assert found.last == pytest.approx(0.6)
    assert figures.tilt_figures(rolled(1.0), UTC).per_day is None


def test_rain_is_summed_by_day_and_its_wettest_hour_slides() -> None:
    found = figures.rain_figures(rolled(0, 1, 1, 1, 1, 1, 1, 0, count=2), UTC)
    assert found.total == 12
    assert found.wettest_hour == 12  # six buckets of ten minutes in a row
    assert found.days == {date(2026, 7, 13): 12.0}
    long = figures.rain_figures(rolled(1, 1, 1, 2, 2, 2, 2, 2, 2, 1, 1), UTC)
    assert (long.total, long.wettest_hour) == (
        34,
        24,
    )  # 110 minutes; of them the six wettest buckets in a row


def test_availability_is_never_more_than_all() -> None:
    week = timedelta(days=7)
    assert figures.availability([504], week, timedelta(minutes=10)) == pytest.approx(0.5)
    assert figures.availability([5000], week, timedelta(minutes=10)) == 1.0
    assert figures.availability([], week, timedelta(minutes=10)) == 0.0


def test_an_alert_that_becomes_worse_is_one_alert_and_its_answer_is_timed_from_its_beginning() -> None:
    found = figures.alert_figures(
        [
            alert(0, "firing"),
            alert(5, "firing", "orange"),
            taken(12),
            alert(30, "normal"),
            alert(60, "firing", "red", "fire", "cam"),
            taken(61, "fire", "cam"),
            alert(90, "firing"),
        ]
    )
    assert found.total == 3
    assert found.by_severity == {Severity.YELLOW: 2, Severity.RED: 1}
    assert found.by_target == [("bin-1", 2), ("cam", 1)]
    assert (found.answered, found.slowest_answer) == (2, timedelta(minutes=12))
    assert found.median_answer == timedelta(minutes=6.5)


def test_an_answer_to_nothing_open_is_no_answer_time() -> None:
    found = figures.alert_figures([taken(3), alert(5, "firing")])
    assert (found.answered, found.median_answer) == (0, None)


def test_cameras_are_counted_by_what_people_said_of_their_evidence() -> None:
    kinds = ("fire", "fire", "collision", "emptied")
    events = [Event("cam", kind, START, START, evidence=f"e{number}") for number, kind in enumerate(kinds)]
    found = figures.camera_figures(events, {"e0": False, "e1": False, "e2": True, "other": False})
    assert found["cam"].reported == {"fire": 2, "collision": 1}
    assert (found["cam"].right, found["cam"].wrong) == (1, 2)
