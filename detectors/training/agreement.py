"""Whether an exported network says what the network says that it was made of, on real pictures.

Twice: what the two give for the same numbers (before anything is chosen), and the boxes that are left in the end. The
exported one is run by the back end that the worker will use, not by the library that wrote it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.runtime.contracts import Detections, Picture
from detectors.runtime.network import Yolo, letterbox, open_model
from gateway.cameras import ModelEntry
from gateway.errors import Fault, SettingsError

LEAST_SCORE = 0.25  # boxes below are not looked at in the end
SCORE_OFF = 0.02  # of single precision; vision reference 2: fp16-stored weights agree to 0.005
PIXELS_OFF = 2.0
LEAST_IOU = 0.9
MOST_PICTURES = 50

Floats = NDArray[np.float32]


@dataclass
class Agreement:
    """The outcome.

    Attributes:
        pictures: How many were shown to both.
        raw_scores: Largest difference of any score. raw_pixels: Of any coordinate of a box scored above 0.05.
        boxes: Boxes above 0.25 in the original. matched: Of them, found in the export at the same place and score.
        extra: Boxes above 0.25 of the export that the original has not.
        problems: In words; none: they agree.
    """

    pictures: int = 0
    raw_scores: float = 0.0
    raw_pixels: float = 0.0
    boxes: int = 0
    matched: int = 0
    extra: int = 0
    problems: list[str] = field(default_factory=list)


def compare(original: Any, exported: ModelEntry, samples: Sequence[Path]) -> Agreement:
    """Show both the same pictures.

    Args:
        original: ``ultralytics.YOLO`` of the ``.pt``.
        exported: What came out, as the worker will read it.
        samples: Pictures.

    Raises:
        SettingsError: There are no pictures, or the export cannot be read.
    """
    model = open_model(exported.model_copy(update={"confidence": LEAST_SCORE / 2, "iou": 0.7}))
    found = Agreement()
    for path in samples[:MOST_PICTURES]:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise SettingsError(Fault(str(path), 0, "--samples", "is no picture that can be read"))
        picture: Picture = image.astype(np.uint8)
        found.pictures += 1
        if isinstance(model, Yolo):
            _raw(original, model, picture, found)
        _boxes(original, model.look(picture), picture, exported.size or 640, found)
    if not found.pictures:
        raise SettingsError(Fault("", 0, "--samples", "there is no picture to compare on"))
    _judge(found)
    return found


def _raw(original: Any, model: Yolo, picture: Picture, found: Agreement) -> None:
    import torch  # noqa: PLC0415  # belongs to the extra

    width, height = model.size
    blob, *_ = letterbox(picture, width, height, head=model.head)
    network = original.model.float().eval()
    with torch.no_grad():
        output = network(torch.from_numpy(blob))
    theirs = (output[0] if isinstance(output, tuple | list) else output).numpy()
    ours = model.network.run(blob)
    if theirs.shape != ours.shape:
        found.problems.append(f"the export answers with {ours.shape}, the original with {theirs.shape}")
        return
    if model.head != "yolov8":
        return  # final boxes come in any order; the comparison of boxes below says it
    scores = np.abs(theirs[0, 4:] - ours[0, 4:])
    found.raw_scores = max(found.raw_scores, float(scores.max()))
    seen = theirs[0, 4:].max(axis=0) > 0.05
    if seen.any():
        off = np.abs(theirs[0, :4, seen] - ours[0, :4, seen])
        found.raw_pixels = max(found.raw_pixels, float(off.max()))


def _boxes(original: Any, ours: Detections, picture: Picture, size: int, found: Agreement) -> None:
    told = original.predict(
        picture, imgsz=size, conf=LEAST_SCORE / 2, iou=0.7, rect=False, device="cpu", verbose=False
    )[0].boxes
    theirs = np.asarray(told.xyxy.cpu().numpy(), np.float32).reshape(-1, 4)
    scores = told.conf.cpu().numpy()
    labels = [original.names[int(index)] for index in told.cls.cpu().numpy()]
    sure = LEAST_SCORE + SCORE_OFF
    for box, score, label in zip(theirs, scores, labels, strict=True):
        if score >= sure:
            found.boxes += 1
            found.matched += _is_among(box, float(score), label, ours)
    reference = Detections(theirs, scores.astype(np.float32), tuple(labels))
    for box, score, label in zip(ours.xyxy, ours.scores, ours.labels, strict=True):
        if score >= sure:
            found.extra += not _is_among(box, float(score), label, reference)


def _is_among(box: Floats, score: float, label: str, others: Detections) -> bool:
    return any(
        label == name and abs(score - float(other)) <= SCORE_OFF and _iou(box, corners) >= LEAST_IOU
        for corners, other, name in zip(others.xyxy, others.scores, others.labels, strict=True)
    )


def _iou(one: Floats, other: Floats) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = float(width * height)
    areas = sum(float((each[2] - each[0]) * (each[3] - each[1])) for each in (one, other))
    return both / (areas - both)


def _judge(found: Agreement) -> None:
    if found.raw_scores > SCORE_OFF:
        found.problems.append(f"scores differ by up to {found.raw_scores:.3f}, {SCORE_OFF:g} is allowed")
    if found.raw_pixels > PIXELS_OFF:
        found.problems.append(f"places differ by up to {found.raw_pixels:.1f} px, {PIXELS_OFF:g} is allowed")
    if found.matched < found.boxes:
        found.problems.append(f"{found.boxes - found.matched} of {found.boxes} boxes are not found again")
    if found.extra:
        found.problems.append(f"{found.extra} boxes are found that the original has not")
