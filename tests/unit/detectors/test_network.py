"""Real networks on real pictures; every back end that is installed says the same."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from detectors.runtime.coco import COCO
from detectors.runtime.contracts import Detections, Picture
from detectors.runtime.network import letterbox, open_model
from gateway.cameras import ModelEntry
from gateway.errors import SettingsError


def picture(film: Path, at_s: float = 0.0) -> Picture:
    capture = cv2.VideoCapture(str(film))
    capture.set(cv2.CAP_PROP_POS_MSEC, at_s * 1000)
    good, image = capture.read()
    capture.release()
    assert good
    return np.asarray(image, np.uint8)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    left, top = np.maximum(one[:2], other[:2])
    right, bottom = np.minimum(one[2:], other[2:])
    both = max(0.0, float(right - left)) * max(0.0, float(bottom - top))
    areas = [float((box[2] - box[0]) * (box[3] - box[1])) for box in (one, other)]
    return both / (sum(areas) - both)


def agrees(one: Detections, other: Detections, least: float) -> bool:
    """Each box of the one that is sure has its like in the other."""
    return all(
        any(
            other.labels[j] == one.labels[i] and overlap(one.xyxy[i], other.xyxy[j]) > least
            for j in range(len(other))
        )
        for i in range(len(one))
        if one.scores[i] > 0.5
    )


@pytest.mark.recorded
def test_yolo11_and_yolox_see_the_cars_of_a_crossing(vision: Path) -> None:
    image = picture(vision / "traffic/accident/argus_1554.mp4")
    yolo = open_model(
        ModelEntry(path=vision / "weights/yolo11n-coco-deq.onnx", size=640, confidence=0.3)
    ).look(image)
    yolox = open_model(ModelEntry(path=vision / "weights/yolox_nano.onnx", confidence=0.3)).look(image)
    assert yolo.labels.count("car") >= 4
    assert yolox.labels.count("car") >= 3
    assert agrees(yolox, yolo, 0.6), "a box that YOLOX is sure of is one of YOLO11's"
    for seen in (yolo, yolox):
        height, width = image.shape[:2]
        assert (seen.xyxy >= 0).all()
        assert (seen.xyxy <= [width, height, width, height]).all()
        assert (seen.xyxy[:, 2:] > seen.xyxy[:, :2]).all()


@pytest.mark.recorded
@pytest.mark.parametrize("backend", ["opencv", pytest.param("openvino", marks=pytest.mark.training)])
@pytest.mark.parametrize(("weights", "size"), [("yolo11n-coco-deq.onnx", 640), ("yolox_nano.onnx", 416)])
def test_another_back_end_sees_the_same(vision: Path, backend: str, weights: str, size: int) -> None:
    if backend == "openvino":
        pytest.importorskip("openvino")
    image = picture(vision / "traffic/accident/argus_1554.mp4")
    path = vision / "weights" / weights
    usual = open_model(ModelEntry(path=path, size=size, confidence=0.3))
    other = open_model(
        ModelEntry.model_validate({"path": path, "size": size, "confidence": 0.25, "backend": backend})
    )
    assert other.labels == usual.labels
    seen, seen_too = usual.look(image), other.look(image)
    assert len(seen) >= 3
    assert agrees(seen, seen_too, 0.9)


@pytest.mark.recorded
def test_a_fire_is_seen_and_a_garden_is_not(vision: Path) -> None:
    model = open_model(ModelEntry(path=vision / "weights/fire11n.onnx", confidence=0.35))
    assert model.labels == ("fire", "smoke")
    fire, garden = vision / "fire/video/hillside_fire.mp4", vision / "fire/video/neg_garden_pavilion.mp4"
    assert sum(len(model.look(picture(fire, at_s))) > 0 for at_s in range(1, 10)) >= 5
    assert not any(len(model.look(picture(garden, at_s))) for at_s in range(1, 10))


@pytest.mark.recorded
def test_a_class_may_have_a_threshold_of_its_own(vision: Path) -> None:
    path = vision / "weights/yolo11n-coco-deq.onnx"
    image = picture(vision / "traffic/accident/argus_1554.mp4")
    strict = ModelEntry(path=path, size=640, confidence=0.3, thresholds={"car": 0.6})
    seen = open_model(strict).look(image)
    assert min(score for score, label in zip(seen.scores, seen.labels, strict=True) if label == "car") >= 0.6


@pytest.mark.recorded
def test_what_is_wrong_with_a_model_is_said_with_its_key(vision: Path, tmp_path: Path) -> None:
    path = vision / "weights/fire11n.onnx"
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    open_model(ModelEntry(path=path, sha256=right, size=320), "models.fire")
    noise = tmp_path / "noise.onnx"
    noise.write_bytes(b"no network at all")
    cases = [
        ({"path": path, "sha256": "0" * 64}, "models.fire.sha256", "hashes to"),
        ({"path": tmp_path / "none.onnx"}, "models.fire.path", "there is no file"),
        ({"path": noise}, "models.fire.path", "cannot read it"),
        ({"path": tmp_path}, "models.fire.path", "no back end"),
        ({"path": path, "size": 320, "thresholds": {"flood": 0.5}}, "models.fire.path", "no class 'flood'"),
        ({"path": path, "size": 320, "classes": ["fire"]}, "models.fire.path", "2 classes"),
        (
            {"path": vision / "weights/yolox_nano.onnx", "size": 640},
            "models.fire.path",
            "416x416 pixels only",
        ),
        ({"path": path, "size": 320, "backend": "tensorrt"}, "models.fire.path", "no TensorRT"),
    ]
    for entry, key, words in cases:
        with pytest.raises(SettingsError) as wrong:
            open_model(ModelEntry.model_validate(entry), "models.fire")
        assert wrong.value.faults[0].key == key
        assert words in wrong.value.faults[0].problem


def test_a_letterbox_keeps_the_shape_and_leads_back() -> None:
    image = np.zeros((360, 640, 3), np.uint8)
    image[:, :, 2] = 255
    blob, scale, left, top = letterbox(image, 320, 320, head="yolov8")
    assert blob.shape == (1, 3, 320, 320)
    assert (scale, left, top) == (0.5, 0, 70)
    assert blob[0, :, 160, 160].tolist() == pytest.approx([1.0, 0.0, 0.0]), "RGB, 0..1"
    assert blob[0, :, 10, 160].tolist() == pytest.approx([114 / 255] * 3)
    blob, scale, left, top = letterbox(image, 416, 416, head="yolox")
    assert (left, top) == (0, 0)
    assert blob[0, :, 100, 100].tolist() == [0.0, 0.0, 255.0], "BGR, 0..255"


@pytest.mark.training
def test_an_ncnn_network_written_by_hand_gives_its_box(tmp_path: Path) -> None:
    """A 64 x 64 input, averaged to 8 x 8, one layer whose bias is the answer: one box of class 1 in cell 7."""
    cells, rows = 84, 6
    (tmp_path / "model.ncnn.param").write_text(
        "7767517\n4 4\n"
        "Input in0 0 1 in0 0=64 1=64 2=3\n"
        "Pooling pool 1 1 in0 1 0=1 1=8 2=8\n"
        f"InnerProduct fc 1 1 1 2 0={cells * rows} 1=1 2={cells * rows * 192}\n"
        f"Reshape shape 1 1 2 out0 0={cells} 1={rows}\n",
        encoding="ascii",
    )
    bias = np.zeros((rows, cells), np.float32)
    bias[:, 7] = [32, 32, 20, 10, 0.1, 0.8]
    weights = struct.pack("<I", 0) + np.zeros(cells * rows * 192, np.float32).tobytes() + bias.tobytes()
    (tmp_path / "model.ncnn.bin").write_bytes(weights)
    (tmp_path / "metadata.yaml").write_text(
        "imgsz:\n  - 64\n  - 64\nnames:\n  0: fire\n  1: smoke\n", encoding="utf-8"
    )
    model = open_model(ModelEntry(path=tmp_path, size=64))
    seen = model.look(np.zeros((128, 128, 3), np.uint8))
    assert seen.labels == ("smoke",)
    assert seen.xyxy.tolist() == [[44, 54, 84, 74]]
    assert seen.scores.tolist() == pytest.approx([0.8], abs=0.01)


@pytest.mark.training
@pytest.mark.recorded
def test_ultralytics_itself_sees_what_our_own_decoding_sees(vision: Path) -> None:
    path = vision / "weights/yolo11n-coco-deq.onnx"
    image = picture(vision / "traffic/accident/argus_1554.mp4")
    ours = open_model(ModelEntry(path=path, size=640, confidence=0.25, iou=0.5)).look(image)
    theirs = open_model(
        ModelEntry(path=path, size=640, confidence=0.25, iou=0.5, backend="ultralytics", classes=COCO)
    ).look(image)
    assert len(ours) >= 5
    assert agrees(ours, theirs, 0.85)
    assert agrees(theirs, ours, 0.85)
