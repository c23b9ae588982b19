"""``village replay`` on recorded files as they are: packed, oddly headed, with codes and broken lines."""

from __future__ import annotations

import json

import pytest

from gateway.__main__ import main

pytestmark = pytest.mark.recorded


@pytest.fixture
def village(recorded, capsys):
    def run(path: str, *words: str) -> tuple[list[dict], dict]:
        assert main(["replay", str(recorded / path), "--json", *words]) == 0
        out, err = capsys.readouterr()
        return [json.loads(line) for line in out.splitlines()], json.loads(err.splitlines()[-1])

    return run


def test_a_logger_with_its_name_above_the_header_and_errors_as_numbers(village):
    words = ["--map", "Distance=distance", "--map", "Temp Atmos=air_temp", "--missing=-500=sensor_error"]
    lines, told = village(
        "tilt/perito_moreno_ws1_mast.csv.gz", *words, "--missing", "Distance:9999=no_echo", "--flags"
    )
    assert (told["rows"], told["bad_rows"]) == (5616, 1)
    assert told["reasons"] == {"no_echo": 1920, "after_missing": 20, "sensor_error": 2}
    assert len(lines) == sum(
        count for flag, count in told["flags"].items() if flag not in {"GOOD", "UNKNOWN"}
    )
    assert all(line["unit"] == "mm" for line in lines)


def test_hours_in_taiwan_with_letters_for_numbers(village):
    words = ["--time", "Date+ObsTime", "--zone", "Asia/Taipei", "--map", "Precp=rain", "--map", "WD=wind_dir"]
    lines, told = village("weather/taiwan_cwb_467080_hourly.csv.gz", *words)
    assert told["reasons"] == {"trace": 1669, "sensor_fault": 52, "variable": 19}
    assert (told["first"], told["flags"]["MISSING"]) == ("2020-05-31T17:00:00.000Z", 1740)
    assert {line["series"] for line in lines} == {"replay/rain", "replay/wind_dir", "replay/temperature"}
    assert told["columns_not_read"][:3] == ["City", "Lon", "Lat"]  # Temperature is called like a quantity


def test_a_year_of_a_container_newest_first_with_units_in_the_cells(village):
    words = ["--time", "unix_time", "--map", "Height=distance", "--map", "Temperature=temperature", "--sort"]
    lines, told = village(
        "bins/frankfurt_pre_70b3d500700016ee.csv.gz", *words, "--missing", "Height:254=no_echo"
    )
    assert told["late_rows"] == 0
    assert told["reasons"]["no_echo"] == 10
    assert (lines[0]["value"], lines[0]["unit"]) == (1240.0, "mm")


def test_a_site_makes_levels_of_distances(village, tmp_path):
    (tmp_path / "village.yaml").write_text(
        "site: {slug: test}\nsources: {own: {driver: health}}\n"
        "devices:\n  bridge: {source: own, period: 5min, level: {datum: 10 m}}\n",
        encoding="utf-8",
    )
    words = ["--map", "Range=distance", "--device", "bridge", "--site", str(tmp_path)]
    lines, told = village("tilt/trout_creek_2021_log00017.csv.gz", *words)
    level = [line["value"] for line in lines if line["series"] == "bridge/water_level"]
    assert (len(level), max(level), min(level)) == (15_780, 7.34, 6.18)
    assert set(told["flags"]) == {"GOOD"}
