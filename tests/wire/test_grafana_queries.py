"""Every question of every dashboard, asked of a real InfluxDB 1.6.7 that the simulated village has filled."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dashboards import grafana
from gateway import files
from gateway.app import House
from gateway.clock import ManualClock
from gateway.model import Delivery, Event, Flag, Reading
from gateway.rules.telling import acknowledged
from tests.house import house
from tests.servers import ask, free_port, influx, influxd

pytestmark = pytest.mark.servers
SHELF = Path(grafana.__file__).parent / "json" / "en"
LASTS = timedelta(hours=9)
STEP_S = 600.0
CAMERA_EVENTS = (
    "fire",
    "smoke",
    "thermal",
    "collision",
    "hit_and_run",
    "illegal_building",
    "camera_blind",
    "camera_moved",
)
# what the simulated village has no sensor for, read once from a station that answers for all of it
LABORATORY = {
    "codmn": 3.1,
    "cod": 12.0,
    "nh4_n": 0.4,
    "turbidity": 8.0,
    "wind_gust": 7.0,
    "snr": 6.0,
    "air_pressure": 1003.0,
    "rssi": -97.0,
}


def simulated_site(port: int) -> str:
    """The demo's village with every wire replaced by simulated sensors, and a real database."""
    site = files.read_yaml(files.config_root() / "examples/demo/village.yaml").data
    names = [name for name, one in site["devices"].items() if "model" not in one]
    measures = {name: ["air_temp", "air_rh", "wind_speed", "wind_dir", "rain_total"] for name in names}
    for name, source in site["sources"].items():
        mine = {slug: found for slug, found in measures.items() if site["devices"][slug]["source"] == name}
        site["sources"][name] = (
            {"driver": "simulated", "seed": 7, "measures": mine}
            if source.get("driver") != "vision"
            else source
        )
    for one in site["devices"].values():
        one["period"] = "10min"
        one.pop("checks", None)
    return json.dumps(
        {
            "site": site["site"],
            "api": {"port": 0},
            "sources": site["sources"],
            "devices": {
                slug: one
                for slug, one in site["devices"].items()
                if site["sources"][one["source"]]["driver"] == "simulated"
            },
            "cells": site["cells"],
            "people": site["people"],
            "channels": site["channels"],
            "duty": site["duty"],
            "sinks": {"far": {"type": "influxdb", "url": f"http://127.0.0.1:{port}", "database": "village"}},
        },
        ensure_ascii=False,
        default=str,
    )


async def live(building: House, clock: ManualClock) -> None:
    """Hours of village life, a camera that sees things, and somebody who answers."""
    for step in range(int(LASTS.total_seconds() / STEP_S)):
        await clock.advance(STEP_S)
        now = clock.now()
        lab = tuple(
            Reading(f"pond-fish/{name}", value, now, now, Flag.UNKNOWN) for name, value in LABORATORY.items()
        )
        events = tuple(
            Event(
                "cam-square",
                kind,
                now,
                now,
                0.9,
                {"zone": "square"},
                evidence=f"e{step}{kind.replace('_', '')}",
            )
            for kind in CAMERA_EVENTS
            if step % 6 == 0
        )
        sight = tuple(
            Reading(f"cam-square/{name}", value, now, now, Flag.GOOD)
            for name, value in (("camera_age", 0.2), ("camera_fps", 5.0))
        )
        await building.bus.put(Delivery((*lab, *sight, *events)))
        await asyncio.sleep(0.01)  # the journal's thread and the forwarder are real and take their time
    now = clock.now()
    slow = acknowledged("fire", "cam-square:square", "林大二", now, now - timedelta(seconds=95))
    emptied = Event("bin-01", "emptied", now, now, detail={"from": 93.0})
    await building.bus.put(Delivery((slow, emptied)))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder, port = tmp_path_factory.mktemp("grafana"), free_port()
    with influxd(folder, port):
        influx(port, "CREATE DATABASE village")
        began = datetime.now(UTC).replace(microsecond=0) - LASTS

        async def fill() -> None:
            clock = ManualClock(began)
            async with house(folder, clock, simulated_site(port)) as building:
                await live(building, clock)
                for _ in range(600):
                    sink = building.status()["sinks"]["far"]
                    if sink["backlog"] == 0 and influx(
                        port, "SELECT * FROM event WHERE kind = 'alert_acknowledged'"
                    ):
                        return
                    await clock.advance(1.0)  # what came late follows at its rate
                    await asyncio.sleep(0.02)
                raise AssertionError(f"not everything arrived: {building.status()['sinks']}")

        asyncio.run(fill())
        yield port


def questions() -> list[Any]:
    found = []
    for path in sorted(SHELF.glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        asked = [
            (panel["title"], one["query"]) for panel in data["panels"] for one in panel.get("targets", [])
        ]
        asked += [("marks", one["target"]["query"]) for one in data["annotations"]["list"]]
        found += [pytest.param(query, id=f"{path.stem}-{title}") for title, query in asked]
    return found


def filled_in(query: str) -> str:
    """As Grafana sends it with everything chosen."""
    query = query.replace("$timeFilter", "time > now() - 40d AND time < now() + 1h").replace(
        "$__interval", "1h"
    )
    return re.sub(r"\$\{(site|device|cell):(regex|raw)\}", ".*", query)


@pytest.mark.parametrize("query", questions())
def test_a_question_is_answered_with_something(filled: int, query: str) -> None:
    asked = filled_in(query)
    assert "$" not in re.sub(r"\^|\$/", "", asked), "every variable is filled in"
    answer = json.loads(ask(filled, "/query", "GET", db="village", epoch="ms", q=asked))["results"][0]
    assert "error" not in answer, answer
    values = [value for one in answer.get("series", []) for row in one["values"] for value in row[1:]]
    assert any(value is not None for value in values), f"nothing: {asked}"


@pytest.mark.parametrize("name", ["site", "device"])
def test_the_choices_above_a_dashboard_are_answered(filled: int, name: str) -> None:
    data = json.loads((SHELF / "village-bins.json").read_text(encoding="utf-8"))
    (variable,) = [one for one in data["templating"]["list"] if one["name"] == name]
    answer = json.loads(ask(filled, "/query", "GET", db="village", q=filled_in(variable["query"])))[
        "results"
    ][0]
    found = {row[1] for one in answer["series"] for row in one["values"]}
    assert {"shanxia"} == found if name == "site" else {"bin-01", "gateway", "house-07"} <= found
