from __future__ import annotations

import numpy as np
import pytest

from detectors.runtime.heads import Raw, cells, decode, recognise
from detectors.runtime.network import alone

SIDE = 64  # 8 x 8 + 4 x 4 + 2 x 2 = 84 cells


def test_a_grid_is_counted_on_all_strides() -> None:
    assert cells(640, 640) == 8400
    assert cells(416, 416) == 3549
    assert cells(320, 192) == 1260


@pytest.mark.parametrize(
    ("shape", "side", "metadata", "head"),
    [
        ((1, 84, 8400), 640, {}, "yolov8"),
        ((1, 6, 2100), 320, {}, "yolov8"),
        ((6, 2100), 320, {}, "yolov8"),
        ((1, 25200, 85), 640, {}, "yolov5"),
        ((1, 25200, 6), 640, {}, "yolov5"),
        ((1, 3549, 85), 416, {}, "yolox"),
        ((1, 3549, 6), 416, {}, "yolox"),
        ((1, 300, 6), 640, {"end2end": "True"}, "end2end"),
        ((1, 300, 6), 640, {}, "end2end"),
        ((1, 84, 8400), 640, {"end2end": "False"}, "yolov8"),
        ((1, 1000), 640, {}, None),
        ((1, 17, 8401), 640, {}, None),
        ((2, 84, 8400), 640, {}, None),
    ],
)
def test_a_layout_is_recognised_by_its_shape(
    shape: tuple[int, ...], side: int, metadata: dict[str, str], head: str | None
) -> None:
    assert recognise(shape, side, side, metadata) == head


def test_yolov8_gives_the_best_class_of_each_column() -> None:
    output = np.zeros((1, 4 + 3, cells(SIDE, SIDE)), np.float32)
    output[0, :, 7] = [30, 20, 10, 8, 0.1, 0.9, 0.2]
    output[0, :, 9] = [30, 20, 10, 8, 0.3, 0.1, 0.2]
    raw = decode(output, "yolov8", SIDE, SIDE, 0.5)
    assert raw.xyxy.tolist() == [[25, 16, 35, 24]]
    assert raw.classes.tolist() == [1]
    assert raw.scores.tolist() == pytest.approx([0.9])
    assert not raw.final


def test_yolov5_multiplies_the_class_by_the_objectness() -> None:
    output = np.zeros((1, 3 * cells(SIDE, SIDE), 5 + 2), np.float32)
    output[0, 3] = [30, 20, 10, 8, 0.8, 0.5, 0.9]
    output[0, 4] = [30, 20, 10, 8, 0.2, 1.0, 1.0]
    output[0, 5] = [30, 20, 10, 8, 0.9, 0.3, 0.2]  # an object, but of which class?
    raw = decode(output, "yolov5", SIDE, SIDE, 0.5)
    assert raw.xyxy.tolist() == [[25, 16, 35, 24]]
    assert raw.scores.tolist() == pytest.approx([0.72])
    assert raw.classes.tolist() == [1]


@pytest.mark.parametrize(
    ("cell", "column", "row", "stride"),
    [(0, 0, 0, 8), (10, 2, 1, 8), (64, 0, 0, 16), (69, 1, 1, 16), (83, 1, 1, 32)],
)
def test_yolox_is_brought_off_its_grid(cell: int, column: int, row: int, stride: int) -> None:
    output = np.zeros((1, cells(SIDE, SIDE), 5 + 2), np.float32)
    output[0, cell] = [0.5, 0.25, np.log(2), np.log(1), 1.0, 0.9, 0.1]
    raw = decode(output, "yolox", SIDE, SIDE, 0.5)
    x, y = (column + 0.5) * stride, (row + 0.25) * stride
    assert raw.xyxy[0].tolist() == pytest.approx([x - stride, y - stride / 2, x + stride, y + stride / 2])


def test_end2end_is_taken_as_it_is() -> None:
    output = np.zeros((1, 300, 6), np.float32)
    output[0, 0] = [1, 2, 30, 40, 0.8, 1]
    output[0, 1] = [1, 2, 30, 40, 0.7, 1]
    raw = decode(output, "end2end", SIDE, SIDE, 0.5)
    assert raw.final
    assert raw.xyxy.tolist() == [[1, 2, 30, 40], [1, 2, 30, 40]]


@pytest.mark.parametrize("head", ["yolov8", "yolov5", "yolox", "end2end"])
def test_an_empty_scene_is_an_empty_table(head: str) -> None:
    count = cells(SIDE, SIDE)
    shapes = {
        "yolov8": (1, 7, count),
        "yolov5": (1, 3 * count, 8),
        "yolox": (1, count, 8),
        "end2end": (1, 300, 6),
    }
    raw = decode(np.zeros(shapes[head], np.float32), head, SIDE, SIDE, 0.1)  # type: ignore[arg-type]
    assert raw.xyxy.shape == (0, 4)
    assert raw.scores.shape == raw.classes.shape == (0,)
    assert alone(raw, 0.5).shape == (0,)


def test_of_two_that_overlap_the_better_stays_but_never_across_classes() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [0, 0, 10, 10], [50, 50, 60, 60]], np.float32)
    raw = Raw(boxes, np.array([0.6, 0.9, 0.5, 0.3], np.float32), np.array([0, 0, 1, 0]))
    assert sorted(alone(raw, 0.5).tolist()) == [1, 2, 3]
