"""Real accidents through the whole worker; the table of all clips is printed by ``village vision evaluate``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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


def test_two_clear_collisions_are_told_within_five_seconds(said: dict[str, Any]) -> None:
    accidents = {one["file"]: one for one in said["clips"] if one["truth"]}
    assert [one["level"] for one in accidents.values()] == ["alarm", "alarm"]
    assert said["report"]["delay_worst_s"] <= 5


def test_close_traffic_at_the_same_kind_of_corner_is_not(said: dict[str, Any]) -> None:
    quiet = [one for one in said["clips"] if not one["truth"]]
    assert len(quiet) == 2
    assert all(not one["false_alarms"] and not one["reviews"] for one in quiet)
