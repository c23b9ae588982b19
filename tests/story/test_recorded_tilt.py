"""Masts, a bridge, and a gauge that somebody turned."""

from __future__ import annotations

import pytest

from gateway.model import Flag
from gateway.quantities import Checks
from gateway.settings import Level, Tilt
from tests.story.replayed import once, tell

pytestmark = pytest.mark.recorded

DATUM_M = 10.0


class TestTroutCreek:
    """A laser under a road bridge looks down on a creek: a small range is high water."""

    MAPS = ("Range=distance", "Pitch=tilt_x", "Roll=tilt_y", "TempOB=temperature", "RH_OB=air_rh")

    def told(self, recorded, **checks):
        path = recorded / "tilt/trout_creek_2021_log00017.csv.gz"
        return tell(path, self.MAPS, period="5min", level=Level(datum=DATUM_M), checks=checks)

    def housing(self, recorded):
        turned = Checks(housing=True, spike=None, gross=(-180.0, 180.0))
        return self.told(recorded, tilt_x=turned, tilt_y=turned)

    def test_the_storm_of_28_august_is_high_water_and_all_of_it_is_there(self, recorded):
        told = self.told(recorded)
        storm = [one for one in told.readings["water_level"] if one.at.strftime("%m-%d") == "08-28"]
        assert len(storm) == 288
        assert {one.flag for one in storm} == {Flag.GOOD}
        usual = sorted(one.value for one in told.readings["water_level"])[
            len(told.readings["water_level"]) // 2
        ]
        assert usual == pytest.approx(DATUM_M - 3.70)
        assert max(one.value for one in storm) == pytest.approx(DATUM_M - 2.66)

    def test_two_months_of_range_are_left_in_peace(self, recorded):
        told = self.told(recorded)
        assert len(told.readings["distance"]) == 15_780
        assert told.doubted("distance") == 0
        assert told.bad == []

    def test_a_gauge_that_hangs_otherwise_is_no_flood_to_rely_on(self, recorded):
        """Logging began and ended off its place: pitch 91 and roll 46 degrees, 46 and 2 on its bracket."""
        told = self.housing(recorded)
        level = told.readings["water_level"]
        assert (
            level[0].flag is Flag.GOOD
        )  # where it stood first is taken for its place, for lack of anything better
        moved = [one for one in level if one.flagged_by == "sensor_moved"]
        assert len(moved) > 1000
        assert all(one.flag is Flag.SUSPECT and one.value is not None for one in moved)

    def test_what_does_not_look_anywhere_is_believed_all_the_same(self, recorded):
        told = self.housing(recorded)
        assert told.doubted("air_rh") == 0
        assert told.doubted("temperature") == 0

    def test_on_its_own_day_each_new_place_is_doubted_at_once(self, recorded):
        told = self.housing(recorded)
        turned = [
            (before.value, after.value, level.flagged_by)
            for before, after, level in zip(
                told.readings["tilt_y"],
                told.readings["tilt_y"][1:],
                told.readings["water_level"][1:],
                strict=False,
            )
            if after.at.isoformat().startswith("2021-09-09T20:12:57")
        ]
        assert turned == [(pytest.approx(2, abs=3), -88.59, "sensor_moved")]


class TestPeritoMorenoMast:
    """A weather mast in Patagonian wind, logged in 5 min, with -9999, 9999 and -500 for what went wrong."""

    MAPS = ("R_u=tilt_x", "P_u=tilt_y", "Distance=distance", "Humidity=air_rh", "Temp Atmos=air_temp")

    @pytest.fixture
    def told(self, recorded):
        path = recorded / "tilt/perito_moreno_ws1_mast.csv.gz"
        missing = {"Distance:9999": "no_echo", "-500": "sensor_error"}
        checks = {"tilt_x": Checks(spike=15.0), "tilt_y": Checks(spike=15.0)}  # it sways; it is no house
        return once(
            "rded_tilt-4", lambda: tell(path, self.MAPS, period="5min", missing=missing, checks=checks)
        )

    def test_no_echo_and_sensor_error_have_no_value(self, told):
        assert told.reasons("distance")["no_echo"] == 1920
        assert told.reasons("distance")["sensor_error"] == 2
        assert all(one.value is None for one in told.readings["distance"] if one.flag is Flag.MISSING)

    def test_values_run_together_are_refused_before_they_become_975_degrees(self, told):
        """``-9999`` and the wind direction stand in one cell, and all that follow have moved up by one."""
        assert [(one.line, one.problem) for one in told.bad] == [(4912, "33 cells, the header has 34")]
        assert max(one.value for one in told.readings["air_temp"]) < 30

    def test_an_echo_found_again_far_away_is_doubted(self, told):
        doubted = [one for one in told.readings["distance"] if one.flagged_by == "after_missing"]
        assert 10 <= len(doubted) <= 40
        assert told.doubted("distance") <= 0.011  # 20 of 3694

    @pytest.mark.parametrize("series", ["tilt_x", "tilt_y", "air_rh", "air_temp"])
    def test_the_rest_is_left_in_peace(self, told, series):
        assert told.doubted(series) <= 0.001


def test_a_bridge_at_ten_hertz_is_left_in_peace_and_learns_no_zero_in_ten_minutes(recorded):
    path = recorded / "tilt/munich_bridge_reference_10hz.csv.gz"
    told = tell(path, ["INC-01=tilt_x", "INC-01 Filtered=tilt_y"], period="100ms", tilt=Tilt())
    assert len(told.readings["tilt_x"]) == 6000
    assert told.doubted("tilt_x") == 0
    assert {(one.value, one.flagged_by) for one in told.readings["tilt_delta"]} == {(None, "learning_zero")}


def test_a_bridge_against_its_survey_shakes_by_tenths_of_a_degree(recorded):
    path = recorded / "tilt/munich_bridge_reference_10hz.csv.gz"
    told = tell(path, ["INC-01=tilt_x", "INC-01 Filtered=tilt_y"], period="100ms", tilt=Tilt(zero=(0.0, 0.0)))
    deltas = sorted(one.value for one in told.readings["tilt_delta"])
    assert deltas[len(deltas) // 2] < 0.02
    assert deltas[-1] == pytest.approx(0.2232, abs=1e-3)
    shaken = [one for one in told.readings["tilt_permille"] if one.value > 2]  # 1/500
    assert len(shaken) < 40
    assert told.doubted("tilt_delta") == 0


def test_a_mast_learns_its_zero_on_the_first_day(recorded):
    path = recorded / "tilt/perito_moreno_ws1_mast.csv.gz"
    checks = {"tilt_x": Checks(spike=15.0), "tilt_y": Checks(spike=15.0)}
    told = tell(path, ["R_d=tilt_x", "P_d=tilt_y"], period="5min", tilt=Tilt(), checks=checks)
    learning = [one for one in told.readings["tilt_delta"] if one.flagged_by == "learning_zero"]
    assert 250 <= len(learning) <= 300
    after = sorted(one.value for one in told.readings["tilt_delta"][len(learning) :])
    assert after[len(after) // 2] < 1.0
    assert after[-1] < 12
