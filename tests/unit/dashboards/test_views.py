"""What the pages of the board show, computed from a site, a journal and its rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dashboards.views.alerts import alerts, headline
from dashboards.views.bins import bins, forecast, full_line
from dashboards.views.device import device
from dashboards.views.fields import fields
from dashboards.views.houses import houses
from dashboards.views.limits import limits_of, plain_limits
from dashboards.views.linkage import acting, linkage
from dashboards.views.village import village
from dashboards.views.water import class_of, class_table, water
from dashboards.views.weather import weather
from gateway.model import Event, Flag, Reading
from gateway.site import load_site
from tests.board import SITE, STATUS, Stage, at, course
from tests.conftest import NOON


def test_the_limit_line_of_a_bin_is_the_one_the_rule_judges_by(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "own.yaml").write_text(
        "version: 1\nrules:\n- id: bin-full\n  steps:\n"
        "  - {severity: yellow, when: {fill: {above: 70 %, clear_below: 50 %}}}\n  scenario: [[0, 71, firing yellow]]\n",
        encoding="utf-8",
    )
    (tmp_path / "village.yaml").write_text(SITE, encoding="utf-8")
    with Stage(tmp_path, load_site(tmp_path)) as stage:
        scene = stage.scene()
        found = limits_of(scene.plans, "bin-1", stage.site.devices["bin-1"], scene.quantities, "fill")
        assert full_line(found) == 70.0


@pytest.mark.parametrize(
    ("values", "goal", "hours"),
    [
        ([10, 20, 30, 40, 50, 60], 90.0, 0.5),  # 10 points each 10 minutes
        ([95, 5, 15, 25, 35, 45, 55], 90.0, 35 / 60),  # emptied: the fall begins a new line
        ([50, 50, 50, 50, 50, 50], 90.0, None),  # nothing is thrown in
        ([60, 50, 40, 30, 20, 10], 90.0, None),  # it falls slowly: no emptying, no forecast
        ([70, 80, 90], 90.0, None),  # too little is known
        ([60, 70, 80, 85, 90, 95], 90.0, 0.0),  # it is there already
    ],
)
def test_a_forecast_is_a_straight_line_since_the_last_emptying(
    values: list[float], goal: float, hours: float | None
) -> None:
    points = [(600.0 * (len(values) - 1 - index), value) for index, value in enumerate(values)]
    left, _ = forecast(points, goal)
    assert left == (pytest.approx(hours, abs=0.02) if hours is not None else None)


async def test_bins_say_how_full_how_soon_and_when_they_were_emptied(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        emptied = Event("bin-1", "emptied", at(70), at(70), detail={"before": 90.0, "after": 5.0})
        await stage.tell(
            emptied, *course("bin-1/fill", [5, 15, 25, 35, 45, 55, 65]), *course("bin-2/fill", [82, 85])
        )
        shown = bins(stage.scene())
    assert [one["device"] for one in shown["bins"]] == ["bin-2", "bin-1"]
    assert shown["over"] == 1
    fuller, other = shown["bins"]
    assert fuller["state"] == "yellow"
    assert fuller["line"] == 80.0
    assert {(one["severity"], one["value"]) for one in fuller["limits"]} >= {("blue", 75.0), ("orange", 95.0)}
    assert other["emptied"] == at(70).isoformat()
    assert other["full_in_h"] == pytest.approx(25 / 60, abs=0.02)
    assert other["cell_name"] == "村口微网格"


async def test_a_value_that_is_missing_shows_the_last_one_and_says_that_it_is_old(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        await stage.tell(*course("bin-1/fill", [40, 42, None]))
        reading = stage.scene().reading("bin-1", "fill")
    assert reading is not None
    assert (reading["value"], reading["kept"], reading["flag"]) == (42, True, "MISSING")
    assert reading["age_s"] == 601.0


async def test_an_alert_says_how_far_beyond_which_limit_in_figures(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        await stage.tell(*course("bin-1/fill", [96, 97]))
        found = [one for one in alerts(stage.scene()) if one["rule"] == "bin-full"]
    (one,) = found
    assert one["place"] == "村口桶"
    assert (one["severity"], one["value"]) == ("orange", 97)
    assert (one["limit"]["side"], one["limit"]["value"]) == ("above", 95.0)
    assert one["measured"]["unit"] == "%"
    assert one["title"]["zh"] == "垃圾桶满溢"


def test_an_alert_names_the_people_it_has_reached_and_never_their_numbers(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        alert = {
            "rule": "bin-full", "target": "bin-1", "device": "bin-1", "name": "", "state": "firing", "severity": "yellow",
            "value": 81.0, "reason": "fill 81 % (above 80 %)", "since": at(5).isoformat(), "changed": at(5).isoformat(),
            "told": [{"person": "wang", "state": "delivered"}, {"person": "wang", "state": "queued"}],
            "acknowledged": {"by": "wang", "at": at(1).isoformat()},
        }  # fmt: skip
        (one,) = alerts(stage.scene([alert]))
    assert one["told"] == ["王小一"]
    assert one["acknowledged"]["by"] == "王小一"
    assert "0577" not in str(one)
    assert "+86" not in str(one)


async def test_the_headline_counts_what_is_active_and_what_is_still_confirmed(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        assert headline(stage.scene())["worst"] == "normal"
        await stage.tell(*course("bin-1/fill", [96, 97]), *course("bin-2/fill", [10, 82]))
        band = headline(stage.scene())
    assert (band["worst"], band["counts"]["orange"], band["waiting"]) == ("orange", 1, 1)
    assert band["open"] == 2  # full, and by the forecast too
    assert band["age_s"] == 1.0
    assert (band["expected"], band["silent"]) == (8, 6)  # who is not heard is never called well


def test_the_classes_of_the_water_are_those_of_the_rules(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        table = class_table(stage.scene())
    assert table["do"] == {"side": "below", "limits": {1: 7.5, 2: 6.0, 3: 5.0, 4: 3.0, 5: 2.0}}
    assert table["ph"] == {"low": 6.0, "high": 9.0}
    assert table["codmn"]["limits"][3] == 6.0


@pytest.mark.parametrize(
    ("quantity", "value", "number"),
    [("do", 7.5, 1), ("do", 7.4, 2), ("do", 2.0, 5), ("do", 1.9, 6), ("codmn", 2.0, 1), ("codmn", 15.1, 6), ("ph", 6.0, 1), ("ph", 9.1, 6)],
)  # fmt: skip
def test_a_value_on_the_limit_still_keeps_the_class(
    tmp_path: Path, quantity: str, value: float, number: int
) -> None:
    with Stage(tmp_path) as stage:
        assert class_of(class_table(stage.scene())[quantity], value) == number


async def test_a_station_is_as_good_as_its_worst_parameter_and_doubtful_values_count_for_nothing(
    tmp_path: Path,
) -> None:
    with Stage(tmp_path) as stage:
        wrong = Reading("pond/ph", 13.9, NOON, NOON, Flag.FAIL, "gross_range")
        await stage.tell(
            *course("pond/do", [5.5, 4.2]), Reading("pond/ph", 7.0, at(20), at(20), Flag.GOOD), wrong
        )
        (station,) = water(stage.scene())["stations"]
    assert (station["class"], station["decides"], station["must"]) == (4, ["do"], 3)
    acidity = next(one for one in station["parameters"] if one["quantity"] == "ph")
    assert (acidity["class"], acidity["kept"], acidity["value"]) == (None, True, 7.0)


async def test_a_house_drifts_by_the_same_hour_of_the_day_so_that_the_sun_is_left_out(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        hours = [0.02 * (hour // 24) + (0.03 if hour % 24 == 12 else 0.0) for hour in range(3 * 24 + 1)]
        await stage.tell(*course("house/tilt_delta", hours, 60.0), *course("house/tilt_delta_x", hours, 60.0))
        (house,) = houses(stage.scene())["houses"]
    assert house["drift"] == pytest.approx(0.02, abs=0.001)
    assert house["drift_days"] == 3
    assert [one["value"] for one in house["limits"]] == pytest.approx([0.115, 0.19, 0.40])


async def test_a_house_that_was_heard_for_an_hour_has_no_drift_yet(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        await stage.tell(*course("house/tilt_delta", [0.01, 0.02, 0.05]))
        (house,) = houses(stage.scene())["houses"]
    assert house["drift"] is None
    assert house["share"] == pytest.approx(0.05 / 0.115)


async def test_rain_is_summed_for_each_window_and_reaches_the_colour_of_its_limit(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        await stage.tell(*course("rain/rain", [5.0] * 12 + [0.0] * 6))  # 60 mm between 3 h and 1 h ago
        (station,) = [one for one in weather(stage.scene())["stations"] if one["rain"]]
    sums = {one["hours"]: one for one in station["rain"]}
    assert sums[1]["mm"] == pytest.approx(0.0)
    assert sums[6]["mm"] == pytest.approx(60.0)
    assert sums[3]["level"] == "orange"
    assert sums[12]["level"] == "blue"
    assert sums[24]["level"] == ""  # no limit for a day in the national text


async def test_a_river_says_how_fast_it_rises_against_its_rule(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        await stage.tell(*course("river/water_level", [1.0, 1.1, 1.2, 1.4, 1.5, 1.6]))
        (river,) = weather(stage.scene())["levels"]
    assert river["rise"] == pytest.approx(0.6)
    assert [one["value"] for one in river["rise_limits"]] == [0.5]


async def test_a_device_without_a_model_belongs_where_most_of_what_it_measures_belongs(
    tmp_path: Path,
) -> None:
    with Stage(tmp_path) as stage:
        await stage.tell(
            *course("diy/soil_moisture", [30.0]),
            *course("diy/soil_temp", [20.0]),
            *course("diy/battery", [80.0]),
        )
        shown = fields(stage.scene())["fields"]
    assert {one["device"] for one in shown} == {"diy", "tea"}
    values = {one["device"]: [each["quantity"] for each in one["values"]] for one in shown}
    assert values == {"diy": ["soil_moisture", "soil_temp"], "tea": []}


async def test_the_village_shows_every_function_and_who_is_not_heard(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        await stage.tell(
            *course("bin-1/fill", [96, 97]),
            *course("pond/do", [5.5, 5.5]),
            *course("house/tilt_delta", [0.2, 0.2]),
        )
        shown = village(stage.scene())
    tiles = {one["domain"]: one for one in shown["tiles"]}
    assert {"bin", "water", "structure", "soil", "level"} <= tiles.keys()
    assert tiles["bin"]["over"] == 1
    assert tiles["water"]["class"] == 3
    assert tiles["structure"]["worst"] == "pending"
    assert shown["alerts"][0]["severity"] == "orange"
    assert shown["alerts"][-1]["state"] == "pending"
    assert shown["trust"]["heard"] == 3
    assert {one["device"] for one in shown["trust"]["silent"]} >= {"river", "tea"}
    kinds = [(one["kind"], one["place"]) for one in shown["news"]]
    assert kinds == []  # the stage writes no alert events: only what stands in the journal is news


async def test_a_device_page_has_every_limit_of_every_quantity_and_strangers_have_none(
    tmp_path: Path,
) -> None:
    with Stage(tmp_path) as stage:
        await stage.tell(*course("bin-1/fill", [50.0]), *course("bin-1/battery", [80.0]))
        scene = stage.scene()
        shown = device(scene, "bin-1")
        assert device(scene, "nobody") is None
    assert shown is not None
    assert [one["quantity"] for one in shown["values"]] == [
        "fill",
        "battery",
    ]  # what it measures before how it is
    assert {one["value"] for one in shown["values"][1]["limits"] if one["side"] == "below"} == {10.0, 20.0}


def test_only_limits_of_the_value_itself_are_drawn_as_lines(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        scene = stage.scene()
        found = limits_of(scene.plans, "river", stage.site.devices["river"], scene.quantities, "water_level")
    assert any(one.view == "rise_over" for one in found)
    assert plain_limits(found) == []


def test_linkage_says_what_is_on_why_and_which_rules_switch_it(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "own.yaml").write_text(
        "version: 1\nrules:\n- id: river-rise\n  act: [{output: siren, for: 2 min, from: orange}]\n",
        encoding="utf-8",
    )
    text = SITE + (
        "channels: {house: {type: mqtt, host: 127.0.0.1}}\n"
        "outputs: {siren: {name: 石桥警报器, kind: mqtt, channel: house, topic: siren/set, max_duration: 3 min}}\n"
    )
    (tmp_path / "village.yaml").write_text(text, encoding="utf-8")
    state = {
        "name": "石桥警报器", "kind": "mqtt", "on": True, "left_s": 80.0, "max_s": 180.0, "safe": "off", "by": "",
        "why": "river-rise river", "acts": 1, "trouble": "",
    }  # fmt: skip
    with Stage(tmp_path, load_site(tmp_path)) as stage:
        at_rest = replace(stage.scene(), status={**STATUS, "outputs": {"siren": {**state, "on": False}}})
        sounding = replace(stage.scene(), status={**STATUS, "outputs": {"siren": state}})
        assert acting(at_rest) == []
        (siren,) = linkage(sounding)["outputs"]
        assert [one["output"] for one in acting(sounding)] == ["siren"]
    assert siren["why_title"]["zh"] == "水位快速上涨"
    assert [(one["rule"], one["from"], one["for_s"]) for one in siren["rules"]] == [
        ("river-rise", "orange", 120.0)
    ]
