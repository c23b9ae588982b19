"""Times as people and loggers write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.times import Times

MOMENT = datetime(2026, 7, 8, 4, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-07-08T04:05:06Z",
        "2026-07-08T04:05:06+00:00",
        "2026-07-08T12:05:06+08:00",
        "2026-07-08 04:05:06",
        "2026-07-08T04:05:06.000000000Z",
        " 2026/07/08 04:05:06 ",
        "8/7/2026 4:05:06",
        "08-07-2026 04:05:06",
        "08.07.2026 04:05:06",
        "20260708040506",
        "1783483506",
        "1783483506000",
        "1783483506000000",
        "1783483506000000000",
        "1783483506.0",
        "Wed Jul 08 04:05:06 2026",
    ],
)
def test_ways_of_writing_one_moment(text):
    assert Times().read(text) == MOMENT


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-07-08", datetime(2026, 7, 8, tzinfo=UTC)),
        ("13-08-2018", datetime(2018, 8, 13, tzinfo=UTC)),
        ("2026-07-08 1", datetime(2026, 7, 8, 1, tzinfo=UTC)),
        ("2026-07-08 24", datetime(2026, 7, 9, tzinfo=UTC)),
        ("2026-07-08T04:05:06.1239999", MOMENT.replace(microsecond=123000)),
    ],
)
def test_days_hours_that_end_and_fractions(text, moment):
    assert Times().read(text) == moment


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-13-01", "32/1/2026", "2026-07-08 25", "1234", "1591-08-06", "-5", "nan"]
)
def test_what_is_no_time_is_said_in_words(text):
    with pytest.raises(ValueError, match=r"is no time|is before 1970"):
        Times().read(text)


def test_a_time_without_a_zone_is_local():
    assert Times(ZoneInfo("Asia/Shanghai")).read("2026-07-08 12:05:06") == MOMENT
    assert Times(ZoneInfo("Asia/Shanghai")).read("2026-07-08T04:05:06Z") == MOMENT


def test_an_american_file_needs_its_own_format():
    assert Times(form="%m/%d/%Y %H:%M:%S").read("7/8/2026 4:05:06") == MOMENT
    with pytest.raises(ValueError, match="no time"):
        Times(form="%m/%d/%Y").read("2026-07-08")


@given(
    st.datetimes(MOMENT.replace(year=1971, tzinfo=None), MOMENT.replace(year=2099, tzinfo=None)),
    st.integers(-12, 14),
)
def test_what_is_written_in_iso_comes_back(moment, hours):
    aware = moment.replace(
        tzinfo=timezone(timedelta(hours=hours)), microsecond=moment.microsecond // 1000 * 1000
    )
    assert Times().read(aware.isoformat()) == aware
