"""What a network's raw output means: the layouts of the YOLO families, brought to one table of boxes.

::

    yolov8     (1, 4 + n, N)   x y w h in pixels of the input, n scores; no objectness (v8, v9, 11, 12, 26 one-to-many)
    yolov5     (1, N, 5 + n)   x y w h in pixels, objectness, n scores; N = 3 anchors on grids of 8, 16, 32
    yolox      (1, N, 5 + n)   x y as offsets on the grid, w h as logarithms, objectness, n scores; N = one per cell
    end2end    (1, 300, 6)     x1 y1 x2 y2 score class; already without doubles (v10, 26)

    Source: ultralytics ``utils/ops.py`` (non_max_suppression), ``nn/modules/head.py``;
    YOLOX ``yolox/utils/demo_utils.py`` (demo_postprocess). Read for the layout; nothing is copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Head = Literal["yolov5", "yolov8", "yolox", "end2end"]
STRIDES = (8, 16, 32)


@dataclass(frozen=True, slots=True)
class Raw:
    """Boxes before non-maximum suppression.

    Attributes:
        xyxy: (n, 4) float32, pixels of the network's input.
        scores: (n,) float32, 0..1.
        classes: (n,) int64.
        final: Doubles are already gone.
    """

    xyxy: Floats
    scores: Floats
    classes: NDArray[np.int64]
    final: bool = False


def cells(height: int, width: int) -> int:
    """How many grid cells an input of this size has on all strides."""
    return sum((height // stride) * (width // stride) for stride in STRIDES)


def recognise(shape: tuple[int, ...], height: int, width: int, metadata: Mapping[str, str]) -> Head | None:
    """Which layout an output has; ``None`` when it is none that we know.

    Args:
        shape: Of the output, with or without the batch in front.
        height: Of the input.
        width: Of the input.
        metadata: What the file says of itself.
    """
    if len(shape) == 3 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) != 2:
        return None
    rows, columns = shape
    count = cells(height, width)
    if columns == 6 and (metadata.get("end2end", "").lower() == "true" or rows not in {count, 3 * count}):
        return "end2end"
    if rows == 3 * count and columns > 5:
        return "yolov5"
    if rows == count and columns > 5:
        return "yolox"
    if columns == count and rows > 4:
        return "yolov8"
    return None


def decode(output: Floats, head: Head, height: int, width: int, least: float) -> Raw:
    """The boxes of one output whose score is at least ``least``."""
    table = output.reshape(output.shape[-2:])
    if head == "end2end":
        table = table[table[:, 4] >= least]
        return Raw(table[:, :4], table[:, 4], table[:, 5].astype(np.int64), final=True)
    if head == "yolov8":
        best = table[4:].max(axis=0)
        chosen = table[:, best >= least]
        return Raw(_corners(chosen[:4].T), best[best >= least], chosen[4:].argmax(axis=0))
    cell = np.flatnonzero(table[:, 4] >= least)  # a score is at most the objectness
    table = table[cell]
    scores = table[:, 5:] * table[:, 4:5]
    best = scores.max(axis=1) if len(cell) else np.zeros(0, np.float32)
    sure = best >= least
    boxes = table[sure, :4]
    if head == "yolox":
        boxes = _off_the_grid(boxes, cell[sure], height, width)
    return Raw(_corners(boxes), best[sure], scores[sure].argmax(axis=1))


def _corners(xywh: Floats) -> Floats:
    half = xywh[:, 2:4] / 2
    return np.concatenate([xywh[:, :2] - half, xywh[:, :2] + half], axis=1).astype(np.float32, copy=False)


def _off_the_grid(boxes: Floats, cell: NDArray[np.int64], height: int, width: int) -> Floats:
    x, y, stride = _grid(height, width)
    x, y, stride = x[cell], y[cell], stride[cell]
    return np.stack(
        [
            (boxes[:, 0] + x) * stride,
            (boxes[:, 1] + y) * stride,
            np.exp(boxes[:, 2]) * stride,
            np.exp(boxes[:, 3]) * stride,
        ],
        axis=1,
    ).astype(np.float32, copy=False)


def _grid(height: int, width: int) -> tuple[Floats, Floats, Floats]:
    parts = []
    for stride in STRIDES:
        y, x = np.mgrid[0 : height // stride, 0 : width // stride]
        parts.append(np.stack([x.ravel(), y.ravel(), np.full(x.size, stride)]))
    x, y, stride = np.concatenate(parts, axis=1).astype(np.float32)
    return x, y, stride
