"""A model: letterbox, network, head, non-maximum suppression; the network itself is one file in ``models/``."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.runtime.coco import COCO
from detectors.runtime.contracts import Detections, Model, Picture
from detectors.runtime.heads import Floats, Head, Raw, decode, recognise
from gateway.cameras import ModelEntry
from gateway.errors import Fault, SettingsError

GREY = 114  # the border that YOLO networks are trained with
USUAL_SIZE = 640
_BY_SUFFIX = {
    ".onnx": "onnxruntime",
    ".param": "ncnn",
    ".xml": "openvino",
    ".pt": "ultralytics",
    ".engine": "ultralytics",
    ".colours": "colours",
}
_EXTRA = {"ultralytics": "vision-ultralytics"}


class BadModel(Exception):
    """A network cannot be read, or failed."""


@dataclass(frozen=True, slots=True)
class About:
    """What a file says of its network.

    Attributes:
        height: Of its input; 0: any multiple of 32. width: Of its input.
        names: Its classes by index; empty where the file does not say.
        metadata: The rest, as it stands there.
    """

    height: int
    width: int
    names: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


class Network(Protocol):
    """What a back end gives: numbers in, numbers out.

    Attributes:
        about: What the file says.
    """

    about: About

    def run(self, blob: Floats) -> Floats:
        """One output for (1, 3, H, W) float32; raises BadModel."""


class Yolo:
    """Boxes by any network of the YOLO families.

    Args:
        network: Read from a file.
        entry: What the site says of it.

    Raises:
        BadModel: Its output is no layout we know, or its classes have no names.
    """

    def __init__(self, network: Network, entry: ModelEntry) -> None:
        about = network.about
        self._network = network
        self._entry = entry
        stated = _stated_size(about.metadata)
        self._height = about.height or entry.size or stated[0]
        self._width = about.width or entry.size or stated[1]
        if entry.size and about.height and entry.size != about.height:
            raise BadModel(
                f"looks at {about.width}x{about.height} pixels only; size: {entry.size} is not possible"
            )
        self.labels = tuple(entry.classes or about.names)
        self._head = self._recognised(about.metadata)
        own = entry.thresholds
        self._least = min([entry.confidence, *own.values()])
        unknown = [name for name in own if name not in self.labels]
        if unknown:
            raise BadModel(
                f"thresholds: knows no class {unknown[0]!r}; it knows {', '.join(self.labels[:12])}"
            )
        self._thresholds = np.array([own.get(name, entry.confidence) for name in self.labels], np.float32)

    @property
    def network(self) -> Network:
        """Numbers in, numbers out; for whoever holds two files against each other."""
        return self._network

    @property
    def head(self) -> Head:
        """How its output is laid out."""
        return self._head

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what the network looks at."""
        return self._width, self._height

    def look(self, image: Picture) -> Detections:
        """Boxes after non-maximum suppression, in pixels of ``image``; raises BadModel when the network fails."""
        blob, scale, left, top = letterbox(image, self._width, self._height, head=self._head)
        raw = decode(self._network.run(blob), self._head, self._height, self._width, self._least)
        sure = raw.scores >= self._thresholds[np.minimum(raw.classes, len(self.labels) - 1)]
        raw = Raw(raw.xyxy[sure], raw.scores[sure], raw.classes[sure], raw.final)
        keep = np.arange(len(raw.scores)) if raw.final else alone(raw, self._entry.iou)
        boxes = raw.xyxy[keep]
        if len(boxes):
            boxes = (boxes - np.array([left, top, left, top], np.float32)) / np.float32(scale)
            height, width = image.shape[:2]
            np.clip(boxes, 0, np.array([width, height, width, height], np.float32), out=boxes)
        return Detections(
            boxes.astype(np.float32, copy=False),
            raw.scores[keep].astype(np.float32, copy=False),
            tuple(self.labels[index] for index in raw.classes[keep]),
        )

    def _recognised(self, metadata: Mapping[str, str]) -> Head:
        output = self._network.run(np.full((1, 3, self._height, self._width), 0.447, np.float32))
        head = self._entry.head or recognise(output.shape, self._height, self._width, metadata)
        if head is None:
            raise BadModel(
                f"its output {output.shape} is no layout that is known; say head: if it is one of them"
            )
        table = output.shape[-2:]
        count = {"yolov8": table[0] - 4, "yolov5": table[1] - 5, "yolox": table[1] - 5, "end2end": 0}[head]
        if not self.labels:
            if head == "end2end" or count != len(COCO):
                raise BadModel("its classes have no names; write classes: [...] in their order")
            self.labels = COCO
        if count and count != len(self.labels):
            raise BadModel(f"it tells {count} classes apart, classes: names {len(self.labels)}")
        return head


def letterbox(image: Picture, width: int, height: int, *, head: Head) -> tuple[Floats, float, int, int]:
    """A picture as the network wants it: scaled into its input, the rest grey.

    Returns:
        (1, 3, height, width) float32 (RGB 0..1; for YOLOX BGR 0..255), the scale, left and top border in pixels.
    """
    rows, columns = image.shape[:2]
    scale = min(width / columns, height / rows)
    inner_w, inner_h = max(1, round(columns * scale)), max(1, round(rows * scale))
    if (inner_w, inner_h) != (columns, rows):
        image = np.asarray(cv2.resize(image, (inner_w, inner_h), interpolation=cv2.INTER_LINEAR), np.uint8)
    left, top = (0, 0) if head == "yolox" else ((width - inner_w) // 2, (height - inner_h) // 2)
    canvas = np.full((height, width, 3), GREY, np.uint8)
    canvas[top : top + inner_h, left : left + inner_w] = image
    factor = 1.0 if head == "yolox" else 1 / 255
    blob: NDArray[np.float32] = cv2.dnn.blobFromImage(canvas, factor, swapRB=head != "yolox")  # type: ignore[assignment]
    return blob, scale, left, top


def alone(raw: Raw, iou: float) -> NDArray[np.int64]:
    """Which boxes stay when of two of one class that overlap more than ``iou`` only the better one does."""
    if not len(raw.scores):
        return np.zeros(0, np.int64)
    xywh = np.concatenate([raw.xyxy[:, :2], raw.xyxy[:, 2:] - raw.xyxy[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxesBatched(xywh.tolist(), raw.scores.tolist(), raw.classes.tolist(), 0.0, iou)
    return np.asarray(kept, np.int64).reshape(-1)


def open_model(entry: ModelEntry, key: str = "") -> Model:
    """Read a model.

    Raises:
        SettingsError: It is not there, is not the file it should be, its back end is not installed, or the network
            is none that we can read.
    """
    path = entry.path
    if not path.exists():
        raise SettingsError(
            Fault("", 0, f"{key}.path", f"there is no file {path}", "no model is shipped: put one there")
        )
    weights = weights_of(path)
    if entry.sha256 is not None:
        found = digest(weights)
        if found != entry.sha256:
            raise SettingsError(
                Fault(
                    "",
                    0,
                    f"{key}.sha256",
                    f"{weights} hashes to {found}",
                    "this is another file: check where it came from",
                )
            )
    backend = entry.backend or _BY_SUFFIX.get(weights.suffix)
    if backend is None:
        raise SettingsError(
            Fault("", 0, f"{key}.path", f"no back end reads {path.name}", f"one of {', '.join(_BY_SUFFIX)}")
        )
    try:
        module = _module(backend)
        if hasattr(module, "Whole"):  # not one that takes and gives numbers
            model: Model = module.Whole(weights, entry)
            return model
        return Yolo(module.Backend(weights, entry), entry)
    except ImportError as error:
        extra = _EXTRA.get(backend, "vision")
        remedy = f"pip install 'village-gateway[{extra}]' {error.name or ''}".strip()
        raise SettingsError(Fault("", 0, f"{key}.backend", f"{backend} is not installed", remedy)) from error
    except BadModel as error:
        raise SettingsError(Fault("", 0, f"{key}.path", f"{path.name}: {error}")) from error


def weights_of(path: Path) -> Path:
    """The file that says which network it is: of a folder, the one that an export leaves in it."""
    if not path.is_dir():
        return path
    found = sorted(file for file in path.iterdir() if file.suffix in {".param", ".xml"})
    return found[0] if found else path


def digest(path: Path) -> str:
    """SHA-256 of a file; of a ``.param`` or ``.xml``, of the weights beside it."""
    beside = path.with_suffix(".bin")
    target = beside if path.suffix in {".param", ".xml"} and beside.exists() else path
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _module(backend: str) -> Any:
    if backend == "tensorrt":
        backend = "onnxruntime"
    try:
        return importlib.import_module(f"detectors.runtime.models.{backend}_net")
    except ImportError:
        if backend != "onnxruntime":
            raise
        return importlib.import_module("detectors.runtime.models.opencv_net")  # slower, and everywhere


def _stated_size(metadata: Mapping[str, str]) -> tuple[int, int]:
    digits = [
        int(part) for part in metadata.get("imgsz", "").strip("[] ").split(",") if part.strip().isdigit()
    ]
    return (digits[0], digits[-1]) if digits else (USUAL_SIZE, USUAL_SIZE)
