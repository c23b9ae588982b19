"""Training and export really run: two epochs at 160 px on pictures of the synthetic street (torch on the processor)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cv2", reason="needs the extra 'vision'")
pytest.importorskip("ultralytics", reason="needs the extra 'vision-ultralytics'")

import cv2

from detectors.runtime.network import Yolo, open_model
from detectors.scenes.painting import Painter
from detectors.scenes.street import Story
from gateway import files
from gateway.cameras import ModelEntry

pytestmark = pytest.mark.training
ROOT = Path(__file__).resolve().parents[2]
NAMES = ("car", "person")


def village(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    own = {
        "PYTHONPATH": str(Path(__file__).with_name("startup")),
        "VILLAGE_ROOT": str(ROOT),
        "OMP_NUM_THREADS": "2",
    }
    return subprocess.run(
        [sys.executable, "-m", "gateway", "vision", *words],
        capture_output=True, text=True, cwd=ROOT, check=False, timeout=600, env={**os.environ, **own, **more},
    )  # fmt: skip


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty labelled pictures of the street: the story's own boxes."""
    folder = tmp_path_factory.mktemp("street")
    (folder / "data.yaml").write_text("names: [car, person]\ntrain: images/train\nval: images/val\n")
    for seed, split, count in ((1, "train", 30), (2, "val", 10)):
        story = Story(seed)
        painter = Painter(story, seed)
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        for number in range(count):
            at = 1.0 + number * 3.7
            cv2.imwrite(str(folder / f"images/{split}/{number:03}.jpg"), painter.picture(at))
            lines = []
            for one in story.at(at).actors:
                x1, y1, x2, y2 = (
                    max(0.0, one.box[0]),
                    one.box[1],
                    min(640.0, one.box[2]),
                    min(360.0, one.box[3]),
                )
                if x2 - x1 > 4:
                    box = ((x1 + x2) / 1280, (y1 + y2) / 720, (x2 - x1) / 640, (y2 - y1) / 360)
                    lines.append(f"{NAMES.index(one.label)} " + " ".join(f"{value:.5f}" for value in box))
            (folder / f"labels/{split}/{number:03}.txt").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="session")
def trained(street: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    output = tmp_path_factory.mktemp("trained") / "street-1"
    done = village("train", str(street), "--epochs", "2", "--imgsz", "160", "-o", str(output), "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "AGPL-3.0" in done.stderr
    return output, json.loads(done.stdout)


def test_two_epochs_make_a_network_with_its_figures_and_where_it_comes_from(
    trained: tuple[Path, dict[str, Any]], street: Path
) -> None:
    output, figures = trained
    assert (output / "best.pt").stat().st_size > 1_000_000
    assert (output / "results.csv").read_text().count("\n") == 3
    assert figures == json.loads((output / "figures.json").read_text())
    assert (figures["epochs"], figures["imgsz"], figures["start"]) == (2, 160, "yolo11n.yaml")
    assert figures["data"]["train"]["pictures"] == 30
    assert 0 <= figures["map50"] <= 1
    assert not list(street.rglob("*.cache"))
    assert sorted(path.name for path in street.iterdir()) == ["data.yaml", "images", "labels"]


def test_an_existing_network_is_not_written_over(trained: tuple[Path, dict[str, Any]], street: Path) -> None:
    done = village("train", str(street), "--epochs", "1", "-o", str(trained[0]))
    assert done.returncode == 78
    assert "holds a network already" in done.stderr


@pytest.mark.parametrize(
    ("form", "needs", "file"),
    [
        ("onnx", "onnxruntime", "best.onnx"),
        ("openvino", "openvino", "best_openvino_model"),
        ("ncnn", "ncnn", "best_ncnn_model"),
    ],
)
def test_an_export_says_what_the_network_says_and_its_entry_can_be_pasted(
    form: str, needs: str, file: str, trained: tuple[Path, dict[str, Any]], street: Path, tmp_path: Path
) -> None:
    pytest.importorskip(needs, reason="needs the extra 'vision'")
    if form == "ncnn":
        pytest.importorskip("pnnx", reason="the export to ncnn needs pnnx")
    samples = str(street / "images/val")
    done = village(
        "export", str(trained[0] / "best.pt"), "--to", form, "--imgsz", "160", "--samples", samples,
        "-o", str(tmp_path), "--name", "street", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    outcome = json.loads(done.stdout)
    assert outcome["agreement"]["pictures"] == 10
    assert outcome["agreement"]["problems"] == []
    assert outcome["agreement"]["raw_scores"] < 0.02
    assert (tmp_path / file).exists()
    document = files.read_yaml(tmp_path / f"model-{form}.yaml")
    entry = files.validated(ModelEntry, document, ("models", "street"))
    model = open_model(entry)
    assert isinstance(model, Yolo)
    assert model.labels == NAMES
    assert model.size == (160, 160)


def test_an_export_that_does_not_agree_is_refused_and_not_left_behind(
    trained: tuple[Path, dict[str, Any]], street: Path, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra 'vision'")
    done = village(
        "export", str(trained[0] / "best.pt"), "--to", "onnx", "--imgsz", "160",
        "--samples", str(street / "images/val"), "-o", str(tmp_path / "out"), SPOILT_EXPORT="1",
    )  # fmt: skip
    assert done.returncode == 78
    assert "does not agree" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [["train", "DATA", "--from", "yolo11n.pt"], ["export", "yolo11n.pt"]])
def test_nothing_is_downloaded_what_is_not_there_is_a_fault(
    words: list[str], street: Path, tmp_path: Path
) -> None:
    told = [str(street) if word == "DATA" else word for word in words]
    if words[0] == "export":
        told += ["--to", "onnx", "--samples", str(street)]
    done = village(*told, "-o", str(tmp_path / "out"))
    assert done.returncode == 78
    assert "yolo11n.pt: there is no such network; put the file there; nothing is downloaded" in done.stderr
    assert not (ROOT / "yolo11n.pt").exists()
