"""The shipped rules on recorded series: how often each fires, and whether the rows themselves say the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.__main__ import main

pytestmark = pytest.mark.recorded
Judge = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def judged(recorded: Path, capsys: pytest.CaptureFixture[str]) -> Judge:
    def run(file: str, *words: str) -> list[dict[str, Any]]:
        assert main(["replay", str(recorded / file), *words, "--rules", "--json"]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def fired(changes: list[dict[str, Any]]) -> Counter[str]:
    """How often each rule began to fire."""
    calm = {"normal", "pending"}
    return Counter(one["rule"] for one in changes if one["to"] == "firing" and one["from"] in calm)


TAIPEI = ("weather/taiwan_cwb_466920_hourly.csv.gz", "--time", "Date+ObsTime", "--period", "1h")


def test_the_rain_of_twenty_months_in_taipei(judged: Judge, capsys, recorded: Path) -> None:
    """Thirteen times more than 50 mm in 12, 6 or 3 hours; once red, on 4 June 2021."""
    changes = judged(*TAIPEI, "--map", "Precp=rain")
    assert fired(changes)["rain"] == 13
    red = [one for one in changes if one["severity"] == "red" and one["to"] == "firing"]
    assert [(one["at"][:10], one["value"]) for one in red] == [("2021-06-04", 103.5)]
    assert main(["replay", str(recorded / TAIPEI[0]), *TAIPEI[1:], "--map", "Precp=rain"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    rain = [
        (datetime.fromisoformat(row["at"]), row["value"])
        for row in rows
        if row.get("series") == "replay/rain" and row["value"] is not None
    ]
    over = set()
    for number, (at, _) in enumerate(rain):
        for hours in (3, 6, 12):
            sum_ = sum(
                value
                for then, value in rain[max(0, number - 12) : number + 1]
                if then > at - timedelta(hours=hours)
            )
            if round(sum_, 6) > 50:
                over.add(at.date())
    begun = {
        datetime.fromisoformat(one["at"]).date()
        for one in changes
        if one["rule"] == "rain" and one["to"] == "firing" and one["from"] == "normal"
    }
    assert begun <= over
    assert all(any(abs((day - one).days) <= 1 for one in begun) for day in over), "no heavy rain was missed"


def test_five_years_of_a_mediterranean_gauge_have_no_village_flood(judged: Judge) -> None:
    changes = judged(
        "weather/portal_storms_5min_2016_2021.csv.gz", "--map", "precipitation=rain", "--period", "5min"
    )
    assert fired(changes)["rain"] == 0


def test_a_year_of_soil_and_rain_alarms_nobody(judged: Judge) -> None:
    words = ("--map", "SM=soil_moisture:fraction", "--map", "Rain=rain", "--period", "1h")
    assert judged("soil/sm2rain_cer_hourly.csv.gz", *words) == []


def test_drinking_water_of_three_months(judged: Judge) -> None:
    """Turbidity never; chlorine twice; pH stands at the limit of 8.5 for months, and is told as that."""
    words = (
        "--map",
        "Cl=chlorine",
        "--map",
        "pH=ph",
        "--map",
        "Trueb=turbidity",
        "--period",
        "1min",
        "--tag",
        "drinking",
    )
    found = fired(judged("water/gecco2017_drinking_water_1min.csv.gz", *words))
    assert found["drinking-turbidity"] == 0
    assert found["drinking-chlorine"] == 2
    assert found["drinking-ph"] == 63


def test_muddy_water_in_a_year_of_a_creek(judged: Judge) -> None:
    """Each time it fires, two readings in a row were above 50 NTU."""
    words = (
        "--map", "Tur=turbidity", "--time", "Timestamp", "--time-format", "%d/%m/%Y %H:%M", "--period", "90min",
    )  # fmt: skip
    changes = judged("water/qld_sandy_labelled.csv.gz", *words)
    spikes = [one for one in changes if one["rule"] == "turbidity-spike" and one["to"] == "firing"]
    assert fired(changes)["turbidity-spike"] == 12
    assert all(one["value"] > 50 for one in spikes)
