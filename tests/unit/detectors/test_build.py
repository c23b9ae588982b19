"""From settings to detectors, and one camera with everything behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from detectors.runtime.build import NO_MODEL, build, pace
from detectors.runtime.camera import Arrival
from detectors.runtime.contracts import Detections, Frame, Sighting, State
from detectors.runtime.decoder import Shot
from detectors.runtime.eye import FAILURES, Eye, Watcher
from detectors.runtime.network import BadModel
from gateway.cameras import CameraEntry, Eyes

AT = datetime(2026, 7, 18, 4, 0, tzinfo=UTC)
URL = "rtsp://10.0.0.2/sub"


def eyes(**detectors: Any) -> Eyes:
    return Eyes.model_validate({"cameras": {"yard": {"url": URL, "detectors": detectors}}})


def test_without_a_model_the_rest_is_built_and_the_health_says_why(tmp_path: Path) -> None:
    built = build(eyes(fire={}, motion={}), tmp_path, 0.0)
    assert [watcher.name for watcher in built.watchers["yard"]] == ["motion"]
    assert built.missing["yard"] == {"fire": NO_MODEL}
    assert built.faults == []


def test_what_cannot_be_read_is_a_fault_and_stops_nothing_else(tmp_path: Path) -> None:
    plan = Eyes.model_validate(
        {
            "models": {"fire": {"path": str(tmp_path / "gone.onnx")}},
            "cameras": {"yard": {"url": URL, "detectors": {"fire": {}, "motion": {}, "magic": {}}}},
        }
    )
    built = build(plan, tmp_path, 0.0)
    assert [watcher.name for watcher in built.watchers["yard"]] == ["motion"]
    assert "there is no file" in built.missing["yard"]["fire"]
    assert "no detector is called" in built.missing["yard"]["magic"]
    assert [fault.key for fault in built.faults] == ["models.fire.path", "cameras.yard.detectors.magic"]


def test_an_unknown_key_of_a_detector_is_a_fault_with_its_way(tmp_path: Path) -> None:
    built = build(eyes(motion={"zones": ["x"]}), tmp_path, 0.0)
    assert built.faults[0].key == "cameras.yard.detectors.motion.zones"
    built = build(eyes(motion={"sahre": 1}), tmp_path, 0.0)
    assert built.faults[0].key == "cameras.yard.detectors.motion.sahre"


class Script:
    """A detector that says what it is shown."""

    needs_model: ClassVar[bool] = True
    needs_tracks: ClassVar[bool] = False
    needs_celsius: ClassVar[bool] = False
    motion_gate: ClassVar[bool] = False

    def __init__(self, rate: float = 5.0) -> None:
        self.fps = rate
        self.shown: list[float] = []
        self.boxes: list[int] = []
        self.ended: list[float] = []
        self.known: dict[str, Any] = {}
        self.breaks = False

    def rate(self) -> float:
        return self.fps

    def look(self, frame: Frame, seen: Detections | None) -> Sequence[Sighting]:
        if self.breaks:
            raise ZeroDivisionError("a bug")
        self.shown.append(frame.stream_s)
        self.boxes.append(-1 if seen is None else len(seen))
        return [Sighting("seen", State.CANDIDATE, "k", frame.stream_s, frame.at, 0.5)]

    def end(self, stream_s: float, at: datetime) -> Sequence[Sighting]:
        self.ended.append(stream_s)
        return []

    def mark(self, key: str, *, right: bool, at: datetime) -> None:
        self.known[key] = right

    def memory(self) -> dict[str, Any]:
        return {"shown": len(self.shown)}

    def restore(self, memory: Mapping[str, Any]) -> None:
        self.known = dict(memory)


class Boxes:
    """A model that finds two things, or fails."""

    labels = ("car",)

    def __init__(self) -> None:
        self.asked = 0
        self.broken = False

    def look(self, image: np.ndarray) -> Detections:
        self.asked += 1
        if self.broken:
            raise BadModel("gone")
        xyxy = np.array([[10, 10, 50, 50], [300, 200, 340, 240]], np.float32)
        return Detections(xyxy, np.array([0.9, 0.8], np.float32), ("car", "car"))


def arrival(stream_s: float, session: int = 1) -> Arrival:
    shot = Shot(np.zeros((360, 640, 3), np.uint8), stream_s)
    return Arrival(shot, session, stream_s, AT + timedelta(seconds=stream_s), stream_s)


def eye(tmp_path: Path, model: Boxes, *detectors: Script, **entry: Any) -> Eye:
    watchers = [Watcher(f"d{i}", one, "m", tmp_path / f"{i}.json") for i, one in enumerate(detectors)]
    given = CameraEntry.model_validate({"url": URL} | entry)
    return Eye("yard", given, watchers, {"m": model}, fps=10.0, now_s=0.0)


def test_each_detector_gets_its_own_pace_and_a_model_is_asked_once_a_picture(tmp_path: Path) -> None:
    model, fast, slow = Boxes(), Script(10.0), Script(2.0)
    one = eye(tmp_path, model, fast, slow)
    for index in range(20):
        one.look(arrival(index / 10))
    assert len(fast.shown) == 20
    assert slow.shown == pytest.approx([0.0, 0.5, 1.0, 1.5])
    assert model.asked == 20


def test_a_detectors_bug_puts_it_aside_and_the_others_go_on(tmp_path: Path) -> None:
    good, bad = Script(), Script()
    bad.breaks = True
    one = eye(tmp_path, Boxes(), good, bad)
    for index in range(10):
        one.look(arrival(index / 5))
    assert len(good.shown) == 10
    assert one.watchers[1].fault == "ZeroDivisionError: a bug"


def test_a_model_that_fails_again_and_again_is_not_asked_any_more(tmp_path: Path) -> None:
    model, detector = Boxes(), Script()
    model.broken = True
    one = eye(tmp_path, model, detector)
    for index in range(10):
        one.look(arrival(index / 5))
    assert model.asked == FAILURES
    assert detector.shown == []
    assert one.failing == {"m": FAILURES}


def test_what_stands_within_a_mask_is_not_shown(tmp_path: Path) -> None:
    detector = Script()
    one = eye(tmp_path, Boxes(), detector, masks=[[[0, 0], [0.2, 0], [0.2, 0.3], [0, 0.3]]])
    one.look(arrival(0.0))
    assert detector.boxes == [1]


def test_a_new_session_ends_what_was_open(tmp_path: Path) -> None:
    detector = Script()
    one = eye(tmp_path, Boxes(), detector)
    one.look(arrival(0.0))
    one.look(arrival(5.0))
    one.look(arrival(9.0, session=2))
    assert detector.ended == [5.0]
    assert one.end() == []
    assert detector.ended == [5.0, 9.0]
    one.end()
    assert detector.ended == [5.0, 9.0], "once"


def test_what_was_learnt_outlives_a_restart(tmp_path: Path) -> None:
    one = eye(tmp_path, Boxes(), Script())
    one.look(arrival(0.0))
    one.remember()
    again = Script()
    eye(tmp_path, Boxes(), again)
    assert again.known == {"shown": 1}
    (tmp_path / "0.json").write_text("{broken", encoding="utf-8")
    fresh = Script()
    eye(tmp_path, Boxes(), fresh)
    assert fresh.known == {}


def test_ten_pictures_a_second_are_decoded_where_vehicles_are_followed(tmp_path: Path) -> None:
    class Follows(Script):
        needs_tracks: ClassVar[bool] = True

    plain = CameraEntry(url=URL)
    assert pace(plain, [Watcher("a", Script(), "m", tmp_path / "a")]) == 5.0
    assert pace(plain, [Watcher("a", Follows(), "m", tmp_path / "a")]) == 10.0
    assert pace(CameraEntry(url=URL, fps=2), [Watcher("a", Follows(), "m", tmp_path / "a")]) == 2.0
