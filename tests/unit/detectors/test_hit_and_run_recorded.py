"""Real accidents through the whole worker; the table of all clips is printed by ``village vision evaluate``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from detectors.runtime.build import build
from gateway.cameras import Eyes

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.recorded


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    folder = os.environ.get("VILLAGE_VISION_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("recorded clips not at hand: set VILLAGE_VISION_DATA to their folder")
    words = [
        sys.executable,
        "-m",
        "detectors.evaluation",
        f"{folder}/clips.csv",
        "--kind",
        "hit_and_run",
        "--json",
    ]
    words += ["--model", f"{folder}/weights/yolo11n-coco-deq.onnx"]
    words += [
        word
        for name in ("argus_1552", "argus_1554", "no-choque1.", "no-choque14")
        for word in ("--only", f"*/{name}*")
    ]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_a_model_is_shown_to_those_that_need_it_and_to_those_that_it_supports(tmp_path: Path) -> None:
    folder = os.environ.get("VILLAGE_VISION_DATA")
    if not folder:
        pytest.skip("recorded clips not at hand: set VILLAGE_VISION_DATA to their folder")
    street = {"path": f"{folder}/weights/yolox_nano.onnx"}
    wanted = {name: {"model": "street"} for name in ("hit_and_run", "illegal_building", "motion")}
    eyes = Eyes.model_validate(
        {"models": {"street": street}, "cameras": {"a": {"url": "a.mp4", "detectors": wanted}}}
    )
    built = build(eyes, tmp_path, 0.0)
    assert built.faults == []
    shown = {watcher.name: watcher.model for watcher in built.watchers["a"]}
    assert shown == {"hit_and_run": "street", "illegal_building": "street", "motion": None}
    without = build(eyes.model_copy(update={"models": {}}), tmp_path, 0.0)
    assert [watcher.name for watcher in without.watchers["a"]] == ["illegal_building", "motion"]
    assert set(without.missing["a"]) == {"hit_and_run"}


def test_two_clear_collisions_are_told_within_five_seconds(said: dict[str, Any]) -> None:
    accidents = {one["file"]: one for one in said["clips"] if one["truth"]}
    assert [one["level"] for one in accidents.values()] == ["alarm", "alarm"]
    assert said["report"]["delay_worst_s"] <= 5


def test_close_traffic_at_the_same_kind_of_corner_is_not(said: dict[str, Any]) -> None:
    quiet = [one for one in said["clips"] if not one["truth"]]
    assert len(quiet) == 2
    assert all(not one["false_alarms"] and not one["reviews"] for one in quiet)
