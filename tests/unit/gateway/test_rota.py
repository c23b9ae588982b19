"""Wall times, kinds of day and stretches of dates, in a zone that turns its clocks and in one that does not."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.people import DutySettings
from gateway.rota import Calendar, Span, Window

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from([SHANGHAI, BERLIN, ZoneInfo("America/Sao_Paulo"), ZoneInfo("Australia/Lord_Howe")])
CLOCKS = st.times().map(lambda clock: clock.replace(second=0, microsecond=0, tzinfo=None))
TURNS = [  # when clocks are turned: Berlin, Sao Paulo (at midnight), Lord Howe (by half an hour)
    datetime.fromisoformat(f"{text}+00:00")
    for text in (
        "2026-03-29T01:00", "2026-10-25T01:00", "2018-11-04T03:00", "2018-02-18T02:00", "2026-10-03T15:30",
        "2026-04-04T15:00",
    )
]  # fmt: skip
NEAR = st.builds(
    lambda turn, minutes: turn + timedelta(minutes=minutes), st.sampled_from(TURNS), st.integers(-200, 200)
)
ANY = st.integers(0, 5_000_000).map(
    lambda minutes: datetime(2018, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
MOMENTS = NEAR | ANY


def window(**words: object) -> Window:
    return Window.model_validate(words)


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    night = window(**{"from": "22:00", "to": "06:00", "days": "fri"})
    calendar = Calendar(SHANGHAI)
    assert night.holds(at("2026-11-27 23:00"), calendar)  # a Friday
    assert night.holds(at("2026-11-28 05:59"), calendar)
    assert night.holds(at("2026-11-28 06:00"), calendar) is None
    assert night.holds(at("2026-11-28 23:00"), calendar) is None
    assert night.holds(at("2026-11-27 05:00"), calendar) is None


@pytest.mark.parametrize(
    ("written", "days"),
    [
        ("mon-fri", ("mon", "tue", "wed", "thu", "fri")),
        ("sat-mon", ("sat", "sun", "mon")),
        (["sun", "workday"], ("sun", "workday")),
        ("tue, thu", ("tue", "thu")),
    ],
)
def test_days_are_written_as_people_write_them(written: object, days: tuple[str, ...]) -> None:
    assert window(days=written).days == days


@pytest.mark.parametrize("written", ["monday", "mon-", "holiday", [], ""])
def test_a_day_that_is_none_is_refused(written: object) -> None:
    with pytest.raises(ValidationError, match="no day"):
        window(days=written)


@pytest.mark.parametrize("written", ["7", "25:00", "24:30", "07:60", 730, None])
def test_a_time_that_is_none_is_refused(written: object) -> None:
    with pytest.raises(ValidationError, match="no time of day"):
        window(to=written)


def test_a_holiday_is_a_rest_day_and_a_worked_weekend_is_a_workday() -> None:
    settings = DutySettings.model_validate(
        {
            "holidays": ["2027-01-01", {"from": "2027-02-05", "until": "2027-02-11"}],
            "workdays": ["2027-02-14"],
        }
    )
    calendar = Calendar(SHANGHAI, settings.holidays, settings.workdays)
    assert calendar.words(date(2027, 1, 1)) == {"fri", "restday"}
    assert calendar.words(date(2027, 2, 11)) == {"thu", "restday"}
    assert calendar.words(date(2027, 2, 12)) == {"fri", "workday"}
    assert calendar.words(date(2027, 2, 13)) == {"sat", "restday"}
    assert calendar.words(date(2027, 2, 14)) == {"sun", "workday"}


def test_a_date_alone_ends_with_its_day_and_a_time_ends_there() -> None:
    calendar = Calendar(SHANGHAI)
    days = Span.model_validate({"from": "2026-12-01", "until": "2026-12-03"})
    assert days.instants(calendar) == (at("2026-12-01 00:00"), at("2026-12-04 00:00"))
    hours = Span.model_validate({"from": "2026-12-01 08:00", "until": "2026-12-01 24:00"})
    assert hours.instants(calendar) == (at("2026-12-01 08:00"), at("2026-12-02 00:00"))
    assert days.holds(at("2026-12-03 23:59"), calendar)
    assert not days.holds(at("2026-12-04 00:00"), calendar)


@pytest.mark.parametrize(
    "words", [{"from": "2026-12-03", "until": "2026-12-02"}, {"from": "2026-02-30", "until": "2026-03-01"}]
)
def test_an_impossible_span_is_refused(words: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Span.model_validate(words)


@pytest.mark.parametrize(
    "listed", ["2027-01-01", [20270101], [{"from": "2027-01-05", "until": "2027-01-01"}]]
)
def test_holidays_that_are_no_dates_are_refused(listed: object) -> None:
    with pytest.raises(ValidationError):
        DutySettings.model_validate({"holidays": listed})


def test_an_hour_that_the_clocks_skip_lasts_no_time_and_one_they_repeat_lasts_two() -> None:
    calendar = Calendar(BERLIN)
    hour = window(**{"from": "02:00", "to": "03:00"})
    assert hour.on(date(2026, 3, 29), calendar) is None
    stretch = hour.on(date(2026, 10, 25), calendar)
    assert stretch is not None
    assert stretch[1] - stretch[0] == timedelta(hours=2)


@given(zone=ZONES, moment=MOMENTS, cuts=st.lists(CLOCKS, min_size=1, max_size=5, unique=True))
def test_shifts_that_touch_on_paper_leave_no_moment_uncovered(
    zone: ZoneInfo, moment: datetime, cuts: list[time]
) -> None:
    cuts.sort()
    calendar = Calendar(zone)
    windows = [Window(from_=begin, to=end) for begin, end in zip(cuts, cuts[1:] + cuts[:1], strict=True)]
    assert any(one.holds(moment, calendar) for one in windows)


@given(moment=MOMENTS, begin=CLOCKS, end=CLOCKS)
def test_where_the_clocks_never_turn_a_window_is_plain_arithmetic(
    moment: datetime, begin: time, end: time
) -> None:
    local = moment.astimezone(SHANGHAI).time()
    plain = begin <= local < end if begin < end else (local >= begin or local < end)
    assert (Window(from_=begin, to=end).holds(moment, Calendar(SHANGHAI)) is not None) == plain


@given(zone=ZONES, moment=MOMENTS, begin=CLOCKS, end=CLOCKS)
def test_a_moment_lies_in_the_stretch_that_holds_it_and_between_its_edges(
    zone: ZoneInfo, moment: datetime, begin: time, end: time
) -> None:
    one, calendar = Window(from_=begin, to=end), Calendar(zone)
    stretch = one.holds(moment, calendar)
    if stretch is not None:
        assert stretch[0] <= moment < stretch[1]
        around = (stretch[0] - timedelta(minutes=1), stretch[1] + timedelta(minutes=1))
        assert set(stretch) <= set(one.edges(*around, calendar))
