"""Rivers and a waterworks: labelled faults are found as far as a check can, and clean water is left in peace.

The shares in the comments were measured with the shipped limits; the bounds leave a little room above them.
"""

from __future__ import annotations

import csv
import gzip

import pytest

from gateway.model import Flag
from gateway.quantities import Checks
from tests.story.replayed import once, tell

pytestmark = pytest.mark.recorded


def labels(path, key):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [row[key] for row in csv.DictReader(file)]


class TestSandyCreek:
    """Queensland, 60 to 90 min, labelled by Leigh et al. 2019 (A large spike, F impossible value)."""

    MAPS = ("Level=water_level", "Cond=ec", "Tur=turbidity")

    @pytest.fixture
    def path(self, recorded):
        return recorded / "water/qld_sandy_labelled.csv.gz"

    @pytest.fixture
    def told(self, path):
        gauge = Checks(gross=(0.0, 20.0))  # the installer knows where his gauge begins
        return once(
            "rded_water-1", lambda: tell(path, self.MAPS, period="90min", checks={"water_level": gauge})
        )

    def labelled(self, told, path, series, column, kind):
        return [
            one
            for one, label in zip(told.readings[series], labels(path, column), strict=True)
            if label == kind
        ]

    def test_the_large_spike_of_conductivity_is_found(self, told, path):
        (spike,) = self.labelled(told, path, "ec", "type_Cond", "A")
        assert (spike.value, spike.flag) == (3.1, Flag.SUSPECT)
        assert spike.flagged_by == "usual_range+out_of_water+spike"

    def test_all_large_spikes_of_turbidity_are_found(self, told, path):
        spikes = self.labelled(told, path, "turbidity", "type_Tur", "A")
        assert [one.value for one in spikes] == [2.35, 128.47, 172.73, 195.83]
        # 2.35 after 57 is no spike of turbidity, but the conductivity of that moment says the probe hung in the air
        assert [one.flagged_by for one in spikes] == ["out_of_water", "spike", "spike", "spike"]

    def test_the_impossible_level_fails_and_keeps_its_value(self, told, path):
        (below,) = self.labelled(told, path, "water_level", "type_Level", "F")
        assert (below.value, below.flag, below.flagged_by) == (-0.109, Flag.FAIL, "gross_range")

    def test_one_year_has_few_false_alarms(self, told):
        assert told.doubted("water_level") <= 0.001  # 0.07 %: the rise of the flood, and the impossible one
        assert told.doubted("ec") <= 0.003  # 0.17 %
        assert told.doubted("turbidity") <= 0.008  # 0.6 %

    def test_the_flood_of_cyclone_debbie_is_there_to_the_top(self, told):
        top = max(told.readings["water_level"], key=lambda one: one.value)
        assert (top.value, top.flag) == (14.77, Flag.GOOD)
        assert not [one for one in told.readings["water_level"] if one.value > 5 and one.flag is Flag.FAIL]


class TestPringleCreek:
    """Texas, 5 min, half a year of a clean multi-probe."""

    MAPS = (
        "conductance=ec",
        "dissolvedOxygen=do",
        "pH=ph",
        "chlorophyll=chlorophyll",
        "turbidity=turbidity",
        "level=water_level",
        "temperature=water_temp",
    )

    @pytest.fixture
    def told(self, recorded):
        return once(
            "rded_water-2",
            lambda: tell(recorded / "water/neon_prin_upstream_5min.csv.gz", self.MAPS, period="5min"),
        )

    @pytest.mark.parametrize(
        "series", ["ec", "do", "ph", "chlorophyll", "turbidity", "water_level", "water_temp"]
    )
    def test_a_clean_probe_is_left_in_peace(self, told, series):
        assert len(told.readings[series]) == 52_992
        assert told.doubted(series) <= 0.0003  # at most 0.015 %

    def test_water_of_thirty_degrees_and_water_without_air_are_good(self, told):
        warm = [one for one in told.readings["water_temp"] if one.value is not None and one.value > 30]
        assert len(warm) > 500
        assert all(one.flag is Flag.GOOD for one in warm)
        starved = [one for one in told.readings["do"] if one.value is not None and one.value < 1]
        assert len(starved) > 50
        assert all(one.flag is Flag.GOOD for one in starved)

    def test_an_empty_cell_is_missing(self, told):
        assert told.reasons("ph")["no_value"] == 1768


class TestWaterworks:
    """Thuringia, 1 min, three months; probes are taken out and calibrated in between."""

    MAPS = ("Tp=water_temp", "Cl=chlorine", "pH=ph", "Redox=orp", "Leit=ec", "Trueb=turbidity")

    @pytest.fixture
    def told(self, recorded):
        return once(
            "rded_water-3",
            lambda: tell(recorded / "water/gecco2017_drinking_water_1min.csv.gz", self.MAPS, period="1min"),
        )

    @pytest.mark.parametrize("series", ["water_temp", "chlorine", "ph", "orp", "ec", "turbidity"])
    def test_drinking_water_is_left_in_peace(self, told, series):
        assert told.doubted(series) <= 0.003  # at most 0.19 %, nearly all of it the hours of a dry probe

    def test_a_probe_in_buffer_solution_is_seen(self, told):
        buffer = [one for one in told.readings["ph"] if one.value is not None and one.value < 5]
        assert len(buffer) >= 6
        assert buffer[0].flagged_by == "spike"

    def test_a_conductivity_of_nothing_is_a_probe_in_the_air(self, told):
        dry = [one for one in told.readings["ec"] if one.value == 0]
        assert len(dry) >= 20
        assert all(one.flag is Flag.SUSPECT and "out_of_water" in one.flagged_by for one in dry)
        moments = {one.at for one in dry}
        beside = [one for one in told.readings["ph"] if one.at in moments]
        assert all("out_of_water" in one.flagged_by for one in beside)


class TestHerbertRiver:
    """Queensland, 30 min; the third station fell dry in December 2021, as its labels say."""

    def told(self, recorded, station, **checks):
        path = recorded / f"water/herbert_loc{station}_30min.csv.gz"
        maps = ["lev=water_level", "tur=turbidity", "prec=rain"]
        return tell(path, maps, period="30min", time="date_time", checks=checks)

    def test_a_probe_that_fell_dry_is_not_believed(self, recorded):
        told = self.told(recorded, 3, water_level=Checks(dry=0.49))  # the height of the probe
        path = recorded / "water/herbert_loc3_30min.csv.gz"
        state = dict(zip(labels(path, "date_time"), labels(path, "label"), strict=True))
        valued = [one for one in told.readings["turbidity"] if one.value is not None]
        label = {id(one): state[one.at.strftime("%Y-%m-%d %H:%M:%S")] for one in valued}
        dry = [one for one in valued if label[id(one)] == "out_of_water"]
        found = sum("out_of_water" in one.flagged_by for one in dry)
        assert len(dry) > 140
        assert found / len(dry) >= 0.98

    def test_a_row_without_a_time_is_told_with_its_line(self, recorded):
        told = self.told(recorded, 3)
        assert len(told.bad) == 260
        assert (told.bad[0].line, told.bad[0].problem) == (30, "'' is no time")

    @pytest.mark.parametrize(("station", "most"), [(1, 0.0015), (2, 0.005), (3, 0.007)])
    def test_a_muddy_river_has_few_false_alarms(self, recorded, station, most):
        told = self.told(recorded, station)
        assert told.doubted("water_level") == 0
        assert told.doubted("turbidity") <= most  # 0.08 %, 0.39 %, 0.53 %, a third of them labelled as faults
        assert told.doubted("rain") == 0

    def test_what_no_check_of_one_series_can_find_is_not_claimed(self, recorded):
        """Drift looks like a river; it needs a second sensor or a sample, and stays GOOD."""
        told = self.told(recorded, 2)
        path = recorded / "water/herbert_loc2_30min.csv.gz"
        drift = dict(zip(labels(path, "date_time"), labels(path, "tur_label"), strict=True))
        drifting = [
            one
            for one in told.readings["turbidity"]
            if drift[one.at.strftime("%Y-%m-%d %H:%M:%S")] == "Sensor drift"
        ]
        assert sum(one.flag is Flag.GOOD for one in drifting) / len(drifting) > 0.99
