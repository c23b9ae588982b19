"""The labelled sets, scored at the level of events: what the shipped rules and the grader find, and what they invent.

The rules were not fitted to these sets; the figures say how they do on water they have never seen.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.__main__ import main
from gateway.model import Flag
from gateway.quantities import Checks
from tests.story.replayed import tell
from tests.story.scored import Stretch, alerts_of, events_of, score

pytestmark = pytest.mark.recorded
GECCO = "water/gecco2017_drinking_water_1min.csv.gz"
SANDY = "water/qld_sandy_labelled.csv.gz"
Judge = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def judged(recorded: Path, capsys: pytest.CaptureFixture[str]) -> Judge:
    def run(file: str, *words: str) -> list[dict[str, Any]]:
        assert main(["replay", str(recorded / file), *words, "--rules", "--json"]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def test_contamination_of_drinking_water(judged: Judge, recorded: Path) -> None:
    """GECCO 2017: events in the water of a plant, labelled minute by minute by its operator."""
    labelled = (
        (datetime.fromisoformat(row["Time"]).replace(tzinfo=UTC), row["EVENT"].upper() == "TRUE")
        for row in rows(recorded / GECCO)
    )
    events = events_of(labelled, timedelta(hours=1))
    maps = [
        f"{name}={quantity}" for name, quantity in (("Cl", "chlorine"), ("pH", "ph"), ("Trueb", "turbidity"))
    ]
    words = [word for said in maps for word in ("--map", said)]
    changes = judged(GECCO, *words, "--period", "1min", "--tag", "drinking", "--zone", "UTC")
    late = timedelta(minutes=30)
    whole = score(events, alerts_of(changes), late)
    by_rule = {
        rule: score(events, alerts_of(changes, rule), late)
        for rule in sorted({one["rule"] for one in changes})
    }
    assert str(whole) == "32 of 69 events found (0.46), 24 of 68 alerts right (0.35)"
    assert {rule: str(one) for rule, one in by_rule.items() if rule != "blind"} == {
        "drinking-chlorine": "2 of 69 events found (0.03), 2 of 2 alerts right (1.00)",
        "drinking-ph": "31 of 69 events found (0.45), 22 of 63 alerts right (0.35)",
    }


def test_faults_of_the_probes_in_a_creek(recorded: Path, judged: Judge) -> None:
    """Sandy Creek, labelled by Leigh et al. 2019: faults of the probes; a rule that fires on one is wrong."""
    gauge = Checks(gross=(0.0, 20.0))
    told = tell(
        recorded / SANDY,
        ("Level=water_level", "Cond=ec", "Tur=turbidity"),
        period="90min",
        checks={"water_level": gauge},
    )
    found: dict[str, tuple[int, int]] = {}
    totals = []
    for series, column in (("water_level", "Level"), ("ec", "Cond"), ("turbidity", "Tur")):
        readings = told.readings[series]
        kinds = [row[f"type_{column}"] for row in rows(recorded / SANDY)]
        for kind in sorted({kind for kind in kinds if kind != "0"}):
            faults = events_of(
                ((one.at, label == kind) for one, label in zip(readings, kinds, strict=True)),
                timedelta(hours=6),
            )
            doubts: list[Stretch] = [
                (one.at, one.at) for one in readings if one.flag in (Flag.SUSPECT, Flag.FAIL)
            ]
            one = score(faults, doubts, timedelta(0))
            found[f"{column} {kind}"] = (one.found, one.events)
        labelled = events_of(
            ((one.at, kind != "0") for one, kind in zip(readings, kinds, strict=True)), timedelta(hours=6)
        )
        doubted = events_of(((one.at, one.flag >= Flag.SUSPECT) for one in readings), timedelta(hours=6))
        totals.append((column, score(labelled, doubted, timedelta(0))))
    words = (
        "--map",
        "Tur=turbidity",
        "--time",
        "Timestamp",
        "--time-format",
        "%d/%m/%Y %H:%M",
        "--period",
        "90min",
    )
    changes = judged(SANDY, *words)
    turbid = [row["type_Tur"] for row in rows(recorded / SANDY)]
    faults = events_of(
        ((one.at, kind in {"A", "F"}) for one, kind in zip(told.readings["turbidity"], turbid, strict=True)),
        timedelta(hours=1),
    )
    misled = score(faults, alerts_of(changes, "turbidity-spike"), timedelta(0))
    assert found == {
        "Level F": (1, 1),
        "Level K": (0, 1),  # K: no value; missing is no doubt
        "Cond A": (1, 1),
        "Cond K": (0, 1),
        "Tur A": (4, 4),
        "Tur D": (0, 1),
        "Tur E": (2, 2),
        "Tur K": (0, 1),
    }
    assert {column: str(one) for column, one in totals} == {
        "Level": "1 of 2 events found (0.50), 1 of 2 alerts right (0.50)",
        "Cond": "1 of 2 events found (0.50), 1 of 6 alerts right (0.17)",
        "Tur": "4 of 4 events found (1.00), 4 of 16 alerts right (0.25)",
    }
    assert str(misled) == "1 of 4 events found (0.25), 1 of 12 alerts right (0.08)", "eleven are muddy water"
