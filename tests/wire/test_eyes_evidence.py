"""The worker as a process: what it names is on the disk, also when it is killed; what operators say reaches it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cv2", reason="needs the extra 'vision'")

from gateway.evidence.notebook import mark
from gateway.evidence.shelf import Shelf

ROOT = Path(__file__).resolve().parents[2]
SITE = """
site: {slug: street, name: street}
sources:
  eyes:
    driver: vision
    models: {street: {path: %s}}
    cameras:
      street: {url: "scene://street", detectors: {fire: {model: street}}}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "site").mkdir()
    palette = ROOT / "config/examples/demo/street.colours"
    (tmp_path / "site/village.yaml").write_text(SITE % palette, encoding="utf-8")
    return tmp_path / "site"


@pytest.fixture
def worker(site: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-m", "detectors", str(site), "--state", str(tmp_path / "eyes"), "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        yield child
        child.kill()


def lines(worker: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert worker.stdout is not None
    for text in worker.stdout:
        yield json.loads(text)


def test_what_a_killed_worker_has_named_is_there_and_covered(
    worker: subprocess.Popen[str], tmp_path: Path
) -> None:
    named = next(line["evidence"] for line in lines(worker) if line.get("evidence"))
    os.kill(worker.pid, signal.SIGKILL)
    item = Shelf(tmp_path / "eyes/evidence").find(named)
    assert item is not None
    assert item.meta["rendering"]["how"] == "blurred"
    assert {"snapshot.jpg", "clean.jpg", "trace.jsonl"} <= set(item.files)
    for name, entry in item.files.items():
        content = item.read(name)
        assert content is not None
        assert len(content) == entry["bytes"]
    assert (item.read("snapshot.jpg") or b"").startswith(b"\xff\xd8\xff")


def test_a_false_alarm_that_an_operator_marks_is_learnt_by_the_detector(
    worker: subprocess.Popen[str], tmp_path: Path
) -> None:
    told = lines(worker)
    named = next(line["evidence"] for line in told if line.get("evidence"))
    root = tmp_path / "eyes/evidence"
    mark(root, named, right=False, by="wang", at=datetime.now(UTC))
    for line in told:
        item = Shelf(root).find(named)
        if "beat" in line and item is not None and item.meta.get("marks"):
            break
    worker.send_signal(signal.SIGTERM)
    last = list(told)[-1]
    assert last["summary"]["events"] == {"fire": 1}
    memory = json.loads((tmp_path / "eyes/street/fire/memory.json").read_text(encoding="utf-8"))
    assert "nuisance" in json.dumps(memory)
    assert int((tmp_path / "eyes/marks.read").read_text()) > 0
