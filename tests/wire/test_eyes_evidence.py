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
from gateway.evidence.shelf import Item, Shelf
from tests.cameras import children_of, rtsp
from tests.servers import eventually, free_port

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


CAMERA = """
site: {slug: yard, name: yard}
sources:
  eyes:
    driver: vision
    cameras:
      yard:
        url: %s
        user: viewer
        password_file: %s
        detectors: {motion: {lasting: 3s}}
    evidence: {blur: "off", ring: %s}
"""


@pytest.mark.servers
def test_the_clip_of_a_camera_is_finished_by_the_next_worker_when_this_one_is_killed(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "password").write_text("geheim-7", encoding="utf-8")
    (tmp_path / "password").chmod(0o600)
    port = free_port()
    words = [
        sys.executable,
        "-m",
        "detectors",
        str(tmp_path / "site"),
        "--state",
        str(tmp_path / "eyes"),
        "--json",
    ]
    shelf = Shelf(tmp_path / "eyes/evidence")
    with rtsp(port, "--user", "viewer:geheim-7") as camera:
        text = CAMERA % (camera.url, tmp_path / "password", tmp_path / "ring")
        (tmp_path / "site/village.yaml").write_text(text, encoding="utf-8")
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) as first:
            named = next(line["evidence"] for line in lines(first) if line.get("evidence"))
            eventually(lambda: len(list((tmp_path / "ring/yard").glob("*.mkv"))) >= 3, seconds=20)
            recorders = children_of(first.pid)
            assert len(recorders) == 2  # one looks, one records
            for pid in recorders:
                assert b"geheim" not in Path(f"/proc/{pid}/cmdline").read_bytes()
            first.kill()
        eventually(lambda: not [pid for pid in recorders if Path(f"/proc/{pid}").exists()], seconds=5)
        assert clip(shelf.find(named)) == {"state": "pending"}
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) as second:
            eventually(lambda: clip(shelf.find(named)).get("state") == "kept", seconds=20)
            second.terminate()
    item = shelf.find(named)
    assert item is not None
    assert clip(item) == {"state": "kept", "how": "plain"}
    assert item.files["clip.mp4"]["bytes"] > 1000


def clip(item: Item | None) -> dict[str, Any]:
    assert item is not None
    return {key: value for key, value in item.meta["clip"].items() if key in {"state", "how"}}
