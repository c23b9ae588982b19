"""Weather, level and soil: codes in place of numbers, storms, and years in which nothing was wrong."""

from __future__ import annotations

import csv
import gzip
import itertools
from zoneinfo import ZoneInfo

import pytest

from gateway.contracts import Device
from gateway.model import Flag
from gateway.quantities import Checks
from gateway.recorded.file import read
from gateway.recorded.layout import Layout
from gateway.replay import Replay
from gateway.settings import DeviceSettings
from gateway.times import Times
from tests.story.replayed import QUANTITIES, once, tell

pytestmark = pytest.mark.recorded

STATIONS = ("466920", "467080", "467420", "467490", "467660")
WEATHER = (
    "StnPres=air_pressure",
    "Temperature=air_temp",
    "RH=air_rh",
    "WS=wind_speed",
    "WD=wind_dir",
    "WSGust=wind_gust",
    "Precp=rain",
)


def taiwan(recorded, station, maps=WEATHER):
    path = recorded / f"weather/taiwan_cwb_{station}_hourly.csv.gz"
    return tell(path, maps, period="1h", time="Date+ObsTime", zone=Times(ZoneInfo("Asia/Taipei")))


@pytest.mark.parametrize("station", STATIONS)
def test_twenty_months_of_hourly_weather_are_left_in_peace(recorded, station):
    told = taiwan(recorded, station)
    for series in ("air_pressure", "air_temp", "air_rh", "wind_speed", "wind_dir", "wind_gust", "rain"):
        assert len(told.readings[series]) == 15_360
        assert told.doubted(series) <= 0.0001  # one air temperature of 107 505 values
    assert told.bad == []


def test_codes_are_missing_with_their_meaning(recorded):
    told = taiwan(recorded, "467080")
    assert told.reasons("rain") == {"trace": 1669, "sensor_fault": 52}
    assert told.reasons("wind_dir") == {"variable": 19}
    assert all(one.value is None for one in told.readings["rain"] if one.flag is Flag.MISSING)


def test_the_hour_24_is_midnight_in_taiwan(recorded):
    told = taiwan(recorded, "466920", ["Precp=rain"])
    times = [one.at for one in told.readings["rain"]]
    assert times[0].isoformat() == "2020-05-31T17:00:00+00:00"
    assert times[23].isoformat() == "2020-06-01T16:00:00+00:00"
    assert times == sorted(set(times))


def test_eighty_millimetres_in_an_hour_are_rain(recorded):
    top = max(
        (one for one in taiwan(recorded, "467080").readings["rain"] if one.value), key=lambda one: one.value
    )
    assert (top.value, top.flag) == (81.0, Flag.GOOD)


def test_five_years_of_desert_storms_are_left_in_peace(recorded):
    path = recorded / "weather/portal_storms_5min_2016_2021.csv.gz"
    told = tell(path, ["precipitation=rain", "battv=battery_v"], period="5min")
    assert told.doubted("rain") == 0
    assert told.doubted("battery_v") == 0
    assert max(one.value for one in told.readings["rain"]) == 10.16


def test_the_storms_as_a_counter_that_restarts_bring_the_same_rain(recorded):
    """The logger's own record number falls back at each restart: so would its counter."""
    path = recorded / "weather/portal_storms_5min_2016_2021.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    total, before, fallen, lines = 0.0, 0, 0.0, ["at,rain_total\n"]
    for row in rows:
        record = int(float(row["record"]))
        if record < before:
            total = 0.0
        before = record
        total += float(row["precipitation"])
        fallen += float(row["precipitation"])
        lines.append(f"{row['timestamp']},{total:.3f}\n")
    replay = Replay(QUANTITIES, {"x": Device("x", DeviceSettings(source="replay"))})
    out = [
        one
        for row in read(lines, "x", Layout(device="x"), QUANTITIES)
        for one in replay.feed(row)
        if getattr(one, "series", "") == "x/rain"
    ]
    assert all(one.value >= 0 for one in out)
    assert sum(one.value for one in out) == pytest.approx(fallen - float(rows[0]["precipitation"]), rel=1e-6)
    assert {one.flagged_by for one in out} == {"", "counter_reset"}


class TestAblationStake:
    """An ultrasonic distance to melting ice, 5 min, with -500 and -5000 for sensor errors."""

    @pytest.fixture
    def told(self, recorded):
        path = recorded / "level/perito_moreno_as1_ultrasonic.csv.gz"
        missing = {"-500": "sensor_error", "-5000": "sensor_error"}
        return once(
            "rded_weather-5",
            lambda: tell(
                path,
                ["Distance=distance", "Humidity=air_rh", "PresOB=air_pressure"],
                period="5min",
                missing=missing,
            ),
        )

    def test_sensor_errors_have_no_value(self, told):
        assert told.reasons("distance")["sensor_error"] == 8

    def test_a_negative_distance_that_nobody_named_fails(self, recorded):
        path = recorded / "level/perito_moreno_as1_ultrasonic.csv.gz"
        told = tell(path, ["Distance=distance"], period="5min")
        below = [one for one in told.readings["distance"] if one.value < 0]
        assert len(below) == 8
        assert all(one.flag is Flag.FAIL for one in below)

    def test_what_follows_an_error_is_where_it_was_and_good(self, told):
        readings = told.readings["distance"]
        after = [b for a, b in itertools.pairwise(readings) if a.value is None and b.value is not None]
        assert len(after) >= 5
        assert {one.flag for one in after} == {Flag.GOOD}

    @pytest.mark.parametrize("series", ["distance", "air_rh", "air_pressure"])
    def test_ice_that_melts_is_left_in_peace(self, told, series):
        assert told.doubted(series) <= 0.0005  # one spike of 5389 distances


@pytest.mark.parametrize("place", ["cer", "col", "ing", "tor"])
def test_soil_moisture_in_rain_has_few_false_alarms(recorded, place):
    """Relative saturation, not volume: the usual range of a village's soil does not apply and is taken away."""
    path = recorded / f"soil/sm2rain_{place}_hourly.csv.gz"
    told = tell(
        path,
        ["SM=soil_moisture:fraction", "Rain=rain"],
        period="1h",
        checks={"soil_moisture": Checks(usual=None)},
    )
    assert told.doubted("soil_moisture") <= 0.008  # tor: 0.6 %, a probe that stood still for a week
    assert told.doubted("rain") == 0
    assert all(one.value is None or one.flag is not Flag.FAIL for one in told.readings["soil_moisture"])


def test_a_probe_that_stood_still_for_a_week_is_stuck(recorded):
    path = recorded / "soil/sm2rain_tor_hourly.csv.gz"
    told = tell(
        path, ["SM=soil_moisture:fraction"], period="1h", checks={"soil_moisture": Checks(usual=None)}
    )
    stuck = [one for one in told.readings["soil_moisture"] if one.flagged_by == "stuck"]
    assert 100 <= len(stuck) <= 250


def test_two_values_for_one_hour_are_doubted(recorded):
    path = recorded / "soil/sm2rain_ing_hourly.csv.gz"
    told = tell(
        path, ["SM=soil_moisture:fraction"], period="1h", checks={"soil_moisture": Checks(usual=None)}
    )
    assert told.reasons("soil_moisture")["duplicate_time"] == 3
