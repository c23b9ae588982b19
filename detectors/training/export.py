"""Export a ``.pt`` for the worker's back ends, and hold what came out against what it was made of."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from detectors.training import entry
from detectors.training.agreement import MOST_PICTURES, compare
from detectors.training.dataset import PICTURES
from detectors.training.offline import EXTRA, ultralytics, weights
from gateway.errors import Fault, SettingsError

FORMATS = {"onnx": ".onnx", "ncnn": "_ncnn_model", "openvino": "_openvino_model", "tensorrt": ".engine"}
_THEIRS = {"tensorrt": "engine"}


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    Attributes:
        weights: The ``.pt``. to: Which format. output: Folder for what comes out.
        samples: Folder of pictures, or one, on which both are compared.
        imgsz: Side of the square [px]. name: Of the model on the site.
    """

    weights: Path
    to: str
    output: Path
    samples: Path
    imgsz: int
    name: str


def export(wanted: Wanted) -> dict[str, Any]:
    """Export and compare; what does not agree is not left behind.

    Raises:
        SettingsError: Something cannot be used, or the export says something else than the original.
    """
    source, pictures = weights(wanted.weights), _pictures(wanted.samples)
    target = wanted.output / f"{source.stem}{FORMATS[wanted.to]}"
    if target.exists():
        raise SettingsError(Fault(str(target), 0, "-o", "is there already", "another folder, or remove it"))
    with tempfile.TemporaryDirectory(prefix="export-") as folder:
        work = Path(folder)
        library = ultralytics(work / "settings")
        copy = Path(shutil.copyfile(source, work / source.name))  # it writes beside what it reads
        model = library.YOLO(str(copy), task="detect")
        names = tuple(str(model.names[index]) for index in range(len(model.names)))
        made = _made(model, wanted)
        exported = entry.entry(made, names, wanted.imgsz)
        agreement = compare(library.YOLO(str(copy), task="detect"), exported, pictures)
        if agreement.problems:
            said = "; ".join(agreement.problems)
            raise SettingsError(Fault(str(source), 0, "", f"the {wanted.to} export does not agree: {said}"))
        wanted.output.mkdir(parents=True, exist_ok=True)
        shutil.move(made, target)
    final = exported.model_copy(update={"path": target.resolve()})
    (wanted.output / f"model-{wanted.to}.yaml").write_text(entry.text(wanted.name, final), encoding="utf-8")
    outcome = {"file": str(target), "sha256": final.sha256, "agreement": asdict(agreement)}
    (wanted.output / f"agreement-{wanted.to}.json").write_text(
        json.dumps(outcome, indent=1) + "\n", encoding="utf-8"
    )
    return outcome


def _made(model: Any, wanted: Wanted) -> Path:
    form = _THEIRS.get(wanted.to, wanted.to)
    try:
        plain = {"simplify": False} if form == "onnx" else {}
        written = model.export(
            format=form, imgsz=wanted.imgsz, device="cpu" if form != "engine" else 0, **plain
        )
    except (ImportError, ModuleNotFoundError) as error:
        problem = f"the export to {wanted.to} needs {error.name or error}"
        raise SettingsError(Fault("", 0, "--to", problem, EXTRA)) from error
    except Exception as error:  # the exporters of five libraries, each with errors of its own
        raise SettingsError(Fault("", 0, "--to", f"the export to {wanted.to} failed: {error}")) from error
    return Path(str(written))


def _pictures(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    found = sorted(path for path in place.rglob("*") if path.suffix.lower() in PICTURES)
    if not found:
        problem = "holds no picture" if place.is_dir() else "is not there"
        remedy = "pictures as the cameras see them; the agreement is checked on them"
        raise SettingsError(Fault(str(place), 0, "--samples", problem, remedy))
    step = max(1, len(found) // MOST_PICTURES)
    return found[::step][:MOST_PICTURES]
