"""The dashboards as they are committed: drawn anew the same, whole, and asking only for what the gateway writes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import grafana
from dashboards.grafana.draw.__main__ import LANGUAGES, drawn
from dashboards.grafana.fit import fitted
from gateway.quantities import Quantities
from gateway.site import load_words
from gateway.store.lineprotocol import EVENTS

SHELF = Path(grafana.__file__).parent / "json"
FILES = sorted(SHELF.glob("*/*.json"))
TAGS = {"site", "device", "kind", "time"}
EVENT_FIELDS = {"confidence", "evidence", "value", "after_s"}
QUERY = re.compile(r"\"([a-z0-9_]+)\"")


def board(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def questions(data: dict[str, Any]) -> list[str]:
    targets = [target for panel in data["panels"] for target in panel.get("targets", [])]
    marks = [one["target"] for one in data["annotations"]["list"]]
    return [one["query"] for one in (*targets, *marks)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_committed_is_what_is_drawn(language: Any) -> None:
    kept = {path.name: path.read_text(encoding="utf-8") for path in (SHELF / language).glob("*.json")}
    assert drawn(language) == kept, "type: python -m dashboards.grafana.draw"


def test_both_languages_have_the_same_dashboards_with_the_same_questions() -> None:
    zh, en = (
        {path.name: board(path) for path in (SHELF / language).glob("*.json")} for language in LANGUAGES
    )
    assert len(zh) == 10
    assert {name: questions(data) for name, data in zh.items()} == {
        name: questions(data) for name, data in en.items()
    }
    assert len({data["uid"] for data in zh.values()}) == 10


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_dashboard_is_whole(path: Path) -> None:
    data = board(path)
    assert data["uid"] == path.stem
    assert data["title"]
    assert data["description"]
    assert int(data["refresh"].rstrip("s")) >= 10
    assert data["schemaVersion"] >= 36
    panels = [panel for panel in data["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in data["panels"]}) == len(data["panels"])
    for panel in panels:
        assert panel["title"], panel
        assert panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"] == {"type": "influxdb", "uid": "${source}"}
        assert panel["targets"], panel["title"]
    assert "http" not in path.read_text(encoding="utf-8"), "nothing is fetched from elsewhere"
    assert {one["name"] for one in data["templating"]["list"]} == {"source", "site", "cell", "device"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_panels_lie_on_the_grid_and_not_on_each_other(path: Path) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in board(path)["panels"]:
        place = panel["gridPos"]
        x, y = place.get("x", 0), place.get("y", 0)
        assert x + place["w"] <= 24, panel["title"]
        for column in range(x, x + place["w"]):
            for row in range(y, y + place["h"]):
                other = taken.setdefault((column, row), panel["title"])
                assert other == panel["title"], f"{panel['title']} lies on {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_name_in_a_question_is_one_the_gateway_writes(path: Path, quantities: Quantities) -> None:
    fields: dict[str, set[str]] = {}
    for name in quantities:
        measurement = quantities[name].measurement
        fields.setdefault(measurement, set()).update({name, f"{name}_q"})
        fields.setdefault(f"{measurement}_1h", set()).update(
            f"{name}_{part}" for part in ("mean", "min", "max", "count")
        )
    for question in questions(board(path)):
        found = re.search(r'FROM "([a-z0-9_]+)"', question)
        assert found is not None, question
        asked = set(QUERY.findall(question.replace(found.group(0), ""))) - TAGS
        if found.group(1) == EVENTS:
            texts = {name for name in asked if name.endswith("_text")}
            assert asked - texts <= EVENT_FIELDS, question
        else:
            assert asked <= fields[found.group(1)], question
        assert "INTO" not in question
        assert not re.search(r"FROM\s*\(", question), "no subqueries: 3 Core and 1.x differ in them"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_variable_in_a_question_is_defined(path: Path) -> None:
    data = board(path)
    known = {one["name"] for one in data["templating"]["list"]}
    text = "\n".join(questions(data))
    used = set(re.findall(r"\$\{?([a-z]+)", text.replace("$timeFilter", "").replace("$__interval", "")))
    assert used <= known


def test_the_package_of_grafanas_types_reads_every_dashboard_back_the_same() -> None:
    for path in FILES:
        data = board(path)
        again = json.loads(json.dumps(Dashboard.from_json(data), cls=JSONEncoder))
        assert [panel["title"] for panel in again["panels"]] == [panel["title"] for panel in data["panels"]]
        assert [panel["gridPos"] for panel in again["panels"]] == [
            panel["gridPos"] for panel in data["panels"]
        ]


def test_the_limits_on_a_chart_are_those_of_the_rule() -> None:
    data = board(SHELF / "en" / "village-bins.json")
    (bars,) = [panel for panel in data["panels"] if panel["title"] == "Fill of the bins"]
    assert [step["value"] for step in bars["fieldConfig"]["defaults"]["thresholds"]["steps"]] == [
        None,
        75,
        80,
        95,
    ]
    water = board(SHELF / "en" / "village-water.json")
    (oxygen,) = [panel for panel in water["panels"] if panel["title"] == "Dissolved oxygen"]
    steps = oxygen["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["value"] for step in steps] == [
        None,
        2,
        3,
        5,
        6,
        7.5,
    ]  # GB 3838-2002, table 1, from class V up


def test_a_site_sees_its_own_names_and_chooses_among_its_cells() -> None:
    data = board(SHELF / "zh" / "village-bins.json")
    own = fitted(
        data,
        site="liuhe",
        cells={"east": ("村东, 一组", ["bin-1", "bin.2"]), "empty": ("空", [])},
        names={"bin-1": "村口桶", "bin.2": "bin.2"},
    )
    variables = {one["name"]: one for one in own["templating"]["list"]}
    assert variables["site"]["current"]["value"] == ["liuhe"]
    assert [one["value"] for one in variables["cell"]["options"]] == ["$__all", r"bin-1|bin\.2"]
    assert variables["cell"]["query"] == r"村东  一组 : bin-1|bin\.2"
    overrides = own["panels"][0]["fieldConfig"]["overrides"]
    assert overrides[0]["matcher"]["options"] == "bin-1"
    assert overrides[0]["properties"] == [{"id": "displayName", "value": "村口桶"}]
    assert data["panels"][0]["fieldConfig"].get("overrides", []) == [], "the drawing itself is not touched"


def test_every_text_of_the_drawings_is_used() -> None:
    words = load_words("zh")
    text = (SHELF / "zh").glob("*.json")
    shown = "\n".join(path.read_text(encoding="utf-8") for path in text)
    for key in words.phrases:
        group = key.partition(".")[0]
        if group in {"grafana_panel", "grafana_about", "grafana_board", "grafana_row"}:
            assert json.dumps(words(key), ensure_ascii=False)[1:-1] in shown, f"{key} is drawn nowhere"
