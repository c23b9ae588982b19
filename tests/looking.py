"""Clips and a real network for tests of detectors: frames at a fixed rate, boxes out of an ONNX file."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from detectors.runtime.contracts import Detections, Detector, Frame, Picture, Sighting

START = datetime(2026, 7, 18, 4, 0, tzinfo=UTC)  # noon in the village


class OnnxLooker:
    """A YOLOv8/11 head in an ONNX file: (1, 4+classes, N), xywh in pixels of the letterboxed input."""

    def __init__(self, path: Path, size: int, least: float = 0.2) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        names = ast.literal_eval(self._session.get_modelmeta().custom_metadata_map["names"])
        self.labels = tuple(names[index] for index in sorted(names))
        self._size = size
        self._least = least

    def look(self, image: Picture) -> Detections:
        height, width = image.shape[:2]
        scale = min(self._size / height, self._size / width)
        small = cv2.resize(image, (round(width * scale), round(height * scale)))
        top, left = (self._size - small.shape[0]) // 2, (self._size - small.shape[1]) // 2
        canvas = np.full((self._size, self._size, 3), 114, np.uint8)
        canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
        tensor = np.ascontiguousarray(canvas[..., ::-1].transpose(2, 0, 1)[None]).astype(np.float32) / 255
        rows = self._session.run(None, {self._session.get_inputs()[0].name: tensor})[0][0].T
        scores = rows[:, 4:].max(1)
        keep = scores >= self._least
        rows, scores = rows[keep], scores[keep]
        classes = rows[:, 4:].argmax(1)
        x, y, w, h = rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3]
        sides = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 1)
        kept = _suppressed(sides, scores, classes)
        sides = (sides[kept] - (left, top, left, top)) / scale
        labels = tuple(self.labels[index] for index in classes[kept])
        return Detections(sides.astype(np.float32), scores[kept].astype(np.float32), labels)


def _suppressed(sides: np.ndarray, scores: np.ndarray, classes: np.ndarray) -> list[int]:
    kept: list[int] = []
    for label in np.unique(classes):
        of = np.flatnonzero(classes == label)
        boxes = [[float(a), float(b), float(c - a), float(d - b)] for a, b, c, d in sides[of]]
        chosen = cv2.dnn.NMSBoxes(boxes, [float(s) for s in scores[of]], 0.0, 0.5)
        kept += [int(of[index]) for index in np.asarray(chosen).flatten()]
    return kept


def frames(path: Path, fps: float) -> Iterator[Frame]:
    """Every picture of a clip that is due at this rate, at most 640 wide, with its stream time."""
    clip = cv2.VideoCapture(str(path))
    rate = clip.get(cv2.CAP_PROP_FPS) or 25.0
    due = 0.0
    index = 0
    while clip.grab():
        at = index / rate
        index += 1
        if at + 1e-6 < due:
            continue
        due += 1 / fps if at - due < 1 / fps else at - due
        _, image = clip.retrieve()
        if image.shape[1] > 640:
            image = cv2.resize(
                image, (640, round(image.shape[0] * 640 / image.shape[1])), interpolation=cv2.INTER_AREA
            )
        yield Frame(image, at, START + timedelta(seconds=at))
    clip.release()


def watched(detector: Detector, shown: Iterator[tuple[Frame, Detections | None]]) -> list[Sighting]:
    """All that a detector says of a clip."""
    said: list[Sighting] = []
    last: Frame | None = None
    for frame, seen in shown:
        said += detector.look(frame, seen)
        last = frame
    if last is not None:
        said += detector.end(last.stream_s, last.at)
    return said


def seen(*boxes: Sequence[float | str], width: int = 640, height: int = 360) -> Detections:
    """Boxes as ``(x1, y1, x2, y2, score, label)``, shares of the picture."""
    sides = [[float(v) * s for v, s in zip(box[:4], (width, height) * 2, strict=True)] for box in boxes]
    return Detections(
        np.asarray(sides, np.float32).reshape(-1, 4),
        np.asarray([float(box[4]) for box in boxes], np.float32),
        tuple(str(box[5]) for box in boxes),
    )
