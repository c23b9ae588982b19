"""Train on a checked folder; what comes out is a network, its figures, and which data it was made of."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detectors.training import entry
from detectors.training.dataset import Dataset, read
from detectors.training.offline import ultralytics, weights
from gateway.errors import Fault, SettingsError

SEED = 0
_ALL_CLASSES = 100  # more are not listed one by one


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    Attributes:
        data: Folder or ``data.yaml``.
        start: A ``.pt`` to go on from, or ``yolo11n.yaml`` and its like: from nothing.
        output: Folder for what comes out; made.
        epochs: How often all pictures are seen. imgsz: Side of the square [px]. batch: Pictures at a time.
        device: ``cpu``, ``0`` ... name: Of the model on the site.
    """

    data: Path
    start: Path
    output: Path
    epochs: int
    imgsz: int
    batch: int
    device: str
    name: str


def train(wanted: Wanted) -> dict[str, Any]:
    """Train; returns the figures, which also lie in ``figures.json``.

    Raises:
        SettingsError: The data, the start or the output cannot be used.
    """
    data = read(wanted.data)
    if wanted.start.suffix != ".yaml":
        weights(wanted.start)
    if (wanted.output / "best.pt").exists():
        raise SettingsError(Fault(str(wanted.output), 0, "-o", "holds a network already", "another folder"))
    wanted.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="training-") as folder:
        work = Path(folder)
        library = ultralytics(work / "settings")
        began = time.perf_counter()
        kept = _caches(data)
        try:
            model = library.YOLO(str(wanted.start), task="detect")
            model.train(
                data=str(data.written_for_ultralytics(work / "data.yaml")),
                epochs=wanted.epochs,
                imgsz=wanted.imgsz,
                batch=wanted.batch,
                device=wanted.device,
                project=str(work / "runs"),
                name="run",
                seed=SEED,
                deterministic=True,
                workers=0 if wanted.device == "cpu" else 4,
                amp=wanted.device != "cpu",
                plots=False,
                verbose=False,
                pretrained=wanted.start.suffix != ".yaml",
            )
        finally:
            for cache in _caches(data) - kept:
                cache.unlink(missing_ok=True)
        seconds = time.perf_counter() - began
        best = Path(model.trainer.best)
        shutil.copyfile(best, wanted.output / "best.pt")
        shutil.copyfile(best.parent.parent / "results.csv", wanted.output / "results.csv")
        figures = _figures(model.trainer.validator.metrics, data, wanted, library.__version__, seconds)
    text = json.dumps(figures, ensure_ascii=False, indent=1)
    (wanted.output / "figures.json").write_text(text + "\n", encoding="utf-8")
    made = entry.entry((wanted.output / "best.pt").resolve(), data.names, wanted.imgsz)
    (wanted.output / "model.yaml").write_text(
        entry.text(wanted.name, made, figures["best_confidence"]), encoding="utf-8"
    )
    return figures


def _figures(metrics: Any, data: Dataset, wanted: Wanted, version: str, seconds: float) -> dict[str, Any]:
    """What it did on its own validation pictures: it orders networks, it promises nothing about a village."""
    box = metrics.box
    classes = [int(index) for index in box.ap_class_index][:_ALL_CLASSES]
    return {
        "map50": round(float(box.map50), 4),
        "map50_95": round(float(box.map), 4),
        "precision": round(float(box.mp), 4),
        "recall": round(float(box.mr), 4),
        "classes": {
            data.names[index]: {
                "precision": round(float(box.p[row]), 4),
                "recall": round(float(box.r[row]), 4),
                "map50": round(float(box.ap50[row]), 4),
            }
            for row, index in enumerate(classes)
        },
        "best_confidence": {
            data.names[index]: round(float(box.px[box.f1_curve[row].argmax()]), 3)
            for row, index in enumerate(classes)
        },
        "data": data.about(),
        "start": str(wanted.start.name),
        "epochs": wanted.epochs,
        "imgsz": wanted.imgsz,
        "seed": SEED,
        "seconds": round(seconds, 1),
        "ultralytics": version,
    }


def _caches(data: Dataset) -> set[Path]:
    """Lists that ultralytics leaves beside labels."""
    folders = {one.parent.parent for split in data.splits.values() for one in split.pictures}
    return {path for folder in folders for path in [*folder.parent.rglob("labels/*.cache")]}
