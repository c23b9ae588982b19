"""Fire with a real network on real clips: the figures that docs/fire.md quotes (the whole table: tests.bench.fire_bench)."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from detectors.fire import Detector, Settings
from detectors.runtime.contracts import SceneContext, State
from tests.looking import OnnxLooker, frames, watched

pytestmark = pytest.mark.recorded


@pytest.fixture(scope="module")
def footage() -> Path:
    folder = os.environ.get("VILLAGE_VISION_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("recorded pictures not at hand: set VILLAGE_VISION_DATA to their folder")
    return Path(folder)


def test_three_of_four_fires_are_told_and_nothing_else(footage: Path, tmp_path: Path) -> None:
    looker = OnnxLooker(footage / "weights" / "fire11n.onnx", 320)
    found: list[str] = []
    false: list[str] = []
    fires = 0
    with (footage / "clips.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            eye = Detector(Settings(), SceneContext("clip", {}, tmp_path))
            shown = ((frame, looker.look(frame.image)) for frame in frames(footage / row["file"], 5.0))
            told = any(one.state is State.CONFIRMED and not one.review for one in watched(eye, shown))
            fires += row["truth"] == "fire"
            if told:
                (found if row["truth"] == "fire" else false).append(row["file"])
    assert fires == 4
    assert len(found) >= 3, found
    assert false == []
