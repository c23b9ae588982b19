"""``village watch`` as a person types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.__main__ import EX_CONFIG
from tests.cameras import children_of, drawn
from tests.servers import eventually

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.servers


def watch(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "gateway", "watch", *words]
    return subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=False, timeout=300)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.recorded
def test_a_fire_in_a_real_film_is_told_with_its_numbers(vision: Path) -> None:
    film, model = vision / "fire/video/hillside_fire.mp4", vision / "weights/fire11n.onnx"
    done = watch(str(film), "--kind", "fire", "--model", str(model), "--size", "320", "--json")
    assert done.returncode == 0, done.stderr[-500:]
    said = lines(done.stdout)
    fires = [line for line in said if line.get("kind") in {"fire", "smoke"} and line["state"] == "confirmed"]
    assert fires
    for line in fires:
        assert {"kind", "state", "at", "stream_s", "score", "zone", "boxes", "evidence", "why"} <= set(line)
        assert 0 <= line["stream_s"] <= 15.7
        assert all(0 <= side <= 1 for box in line["boxes"] for side in box[:4])
        assert line["why"]["hits"] >= 5
    assert any("beat" in line for line in said)
    summary = said[-1]["summary"]
    assert summary["frames"] == 79
    assert summary["ms"] > 0
    assert sum(summary["events"].values()) >= 1


@pytest.mark.recorded
def test_a_garden_is_no_fire_and_a_person_reads_a_summary(vision: Path) -> None:
    film, model = vision / "fire/video/neg_garden_pavilion.mp4", vision / "weights/fire11n.onnx"
    done = watch(str(film), "--kind", "fire", "--model", str(model), "--size", "320")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("60 pictures, 29.5 s of stream")
    assert "no events" in done.stdout


def test_two_films_are_looked_at_side_by_side(tmp_path: Path) -> None:
    moving = drawn(tmp_path / "moving.mp4", "testsrc2", 4.0)
    still = drawn(tmp_path / "still.mp4", "color=gray", 4.0)
    done = watch(str(moving), str(still), "--kind", "motion", "--json")
    found = {line["camera"] for line in lines(done.stdout) if line.get("kind") == "motion"}
    assert found == {"camera-1"}
    assert lines(done.stdout)[-1]["summary"]["cameras"]["camera-2"]["frames"] == 20


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["/no/such/film.mp4", "--kind", "motion"], "no such file"),
        (["FILM", "--kind", "motion", "--set", "shar=2"], "unknown key; did you mean share?"),
        (["FILM", "--kind", "fire", "--model", "/no/model.onnx"], "there is no file /no/model.onnx"),
        (["rtsp://me:secret@127.0.0.1/x", "--kind", "motion"], "user: and password_file:"),
    ],
)
def test_what_is_wrong_is_told_in_words(words: list[str], told: str, tmp_path: Path) -> None:
    film = drawn(tmp_path / "film.mp4", "testsrc2", 1.0)
    done = watch(*[str(film) if word == "FILM" else word for word in words])
    assert done.returncode == EX_CONFIG
    assert told in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_film_that_breaks_off_is_said_and_is_an_error(tmp_path: Path) -> None:
    film = tmp_path / "noise.mp4"
    film.write_bytes(os.urandom(50_000))
    done = watch(str(film), "--kind", "motion")
    assert done.returncode == 1
    assert "Invalid data" in done.stdout
    assert "0 pictures" in done.stdout


def test_control_c_ends_everything_with_a_summary(tmp_path: Path) -> None:
    film = drawn(tmp_path / "film.mp4", "testsrc2", 2.0)
    (tmp_path / "village.yaml").write_text(
        f"site: {{slug: a}}\nsources:\n  eyes:\n    driver: vision\n    cameras:\n      yard:\n        url: {film}\n"
        "        replay: true\n        detectors: {motion: {}}\ndevices:\n  yard: {source: eyes}\n",
        encoding="utf-8",
    )
    argv = [sys.executable, "-m", "gateway", "watch", str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True) as child:
        eventually(lambda: any(children_of(worker) for worker in children_of(child.pid)), 30)
        [worker] = children_of(child.pid)
        decoders = children_of(worker)
        time.sleep(1)  # some pictures of a real stream
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does
        out, _ = child.communicate(timeout=15)
    assert child.returncode == 0
    assert "pictures" in out.splitlines()[-1]
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in [worker, *decoders]), 5)


def test_a_reader_that_goes_away_ends_it(tmp_path: Path) -> None:
    film = drawn(tmp_path / "film.mp4", "testsrc2", 120.0, size="160x90")
    argv = [sys.executable, "-m", "detectors", str(film), "--kind", "motion", "--json"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        assert "beat" in child.stdout.readline()
        child.stdout.close()
        assert child.wait(20) is not None
        assert child.stderr is not None
        assert "Traceback" not in child.stderr.read()
