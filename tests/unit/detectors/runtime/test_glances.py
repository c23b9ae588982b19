"""Looks on request: the picture is taken where it was asked for, once, and each one is answered."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs the extra 'vision'")
pytest.importorskip("cryptography", reason="needs the extra 'vision'")

from detectors.runtime.contracts import Detections, Frame, Sighting
from detectors.runtime.footage import FileFootage
from detectors.runtime.glances import GIVEN_UP_S, TURN_S, Glances
from detectors.runtime.onvif import Position
from detectors.runtime.privacy import Shroud
from detectors.runtime.talk import listen
from gateway.errors import BadReply
from gateway.evidence.settings import EvidenceSettings
from gateway.evidence.shelf import Shelf
from tests.unit.detectors.runtime.test_evidence import AT, frame, keeper
from tests.unit.detectors.runtime.test_privacy import PEOPLE, Told


class Turning:
    """A moving camera that knows one place by two names."""

    def __init__(self) -> None:
        self.sent: list[tuple[str | Position, float]] = []

    def look_at(self, place: str | Position, seconds: float = 30.0) -> str:
        if place not in {"gate", "1"}:
            raise BadReply(f"no preset {place!r}")
        self.sent.append((place, seconds))
        return "gate"


class Desk:
    """What the worker is asked and says."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, Frame, Sighting]] = []
        self.lines: list[dict[str, Any]] = []
        self.mover = Turning()
        self.glances = Glances(
            {"hill", "yard"}, {"hill": self.mover}, self._keep, lambda line: self.lines.append(dict(line))
        )

    def _keep(
        self, camera: str, frame: Frame, sighting: Sighting, seen: Iterable[Detections]
    ) -> tuple[str | None, str]:
        del seen
        self.kept.append((camera, frame, sighting))
        return f"picture{len(self.kept)}", ""

    def ask(self, camera: str, **more: Any) -> None:
        self.glances.ask({"id": "7", "camera": camera, **more})

    def see(self, camera: str, now_s: float, preset: str = "", *, moving: bool = False) -> None:
        picture = np.zeros((18, 32, 3), np.uint8)
        self.glances.looked(camera, Frame(picture, now_s, AT, preset=preset, moving=moving), (), now_s)

    def answers(self) -> list[tuple[str, str | None, str, str, bool]]:
        said = [line["looked"] for line in self.lines]
        return [(one["camera"], one["evidence"], one["place"], one["why"], one["again"]) for one in said]


def test_the_next_picture_of_that_camera_is_taken_and_only_once() -> None:
    desk = Desk()
    desk.ask("yard", snapshot=True)
    desk.see("hill", 1.0)
    assert desk.answers() == []
    desk.see("yard", 1.2)
    desk.see("yard", 1.4)
    assert desk.answers() == [("yard", "picture1", "", "", False)]
    (camera, _, sighting) = desk.kept[0]
    assert (camera, sighting.kind, sighting.before_s + sighting.after_s) == ("yard", "snapshot", 0.0)
    assert desk.lines[0]["looked"]["at"] == "2026-11-01T12:00:00.000+00:00"


def test_a_moving_camera_is_waited_for_until_it_is_there() -> None:
    desk = Desk()
    desk.ask("hill", place="1", snapshot=True, seconds=60)
    desk.see("hill", 0.0, "slope")
    assert desk.mover.sent == [("1", 60.0)]
    desk.see("hill", 1.0, "", moving=True)
    assert desk.answers() == []
    desk.see("hill", 3.0, "gate")
    assert desk.answers() == [("hill", "picture1", "gate", "", False)]


def test_a_picture_of_where_it_looks_is_better_than_none_and_says_so() -> None:
    desk = Desk()
    desk.ask("hill", place="gate", snapshot=True)
    desk.see("hill", 0.0, "slope")
    desk.see("hill", TURN_S, "slope")
    desk.ask("hill", place="moon", snapshot=True)
    desk.see("hill", TURN_S + 1, "slope")
    desk.ask("yard", place="gate", snapshot=True)
    desk.see("yard", TURN_S + 2)
    assert desk.answers() == [
        ("hill", "picture1", "slope", "it has not come to gate in time", False),
        ("hill", "picture2", "slope", "no preset 'moon'", False),
        ("yard", "picture3", "", "it cannot be turned", False),
    ]


def test_each_look_is_answered_also_without_a_picture() -> None:
    desk = Desk()
    desk.ask("well", snapshot=True)
    desk.ask("hill", place="gate")
    desk.ask("hill", place="moon")
    desk.ask("yard", snapshot=True)
    desk.glances.turn(0.0)
    desk.glances.turn(GIVEN_UP_S - 0.1)
    assert desk.answers() == [
        ("well", None, "", "no camera is called well", False),
        ("hill", None, "gate", "", False),
        ("hill", None, "", "no preset 'moon'", True),
    ]
    desk.glances.turn(GIVEN_UP_S)
    assert desk.answers()[-1] == ("yard", None, "", "it has sent no picture for 16 s", True)
    desk.see("yard", GIVEN_UP_S + 1)
    assert desk.kept == []


def test_a_look_with_an_id_is_told_from_a_mere_turn() -> None:
    desk = Desk()
    worker = SimpleNamespace(glances=desk.glances, movers={"hill": desk.mover}, marks=[])
    said = [{"id": "7", "camera": "yard", "snapshot": True}, {"camera": "hill", "place": "gate"}]
    text = "".join(json.dumps({"look": one}) + "\n" for one in said)
    stop = threading.Event()
    listen(io.StringIO(text), worker, stop)  # type: ignore[arg-type]
    assert stop.is_set()
    assert desk.mover.sent == [("gate", 30.0)]
    desk.see("yard", 0.0)
    assert desk.answers() == [("yard", "picture1", "", "", False)]


@pytest.mark.parametrize("clips", [False, True])
def test_what_is_kept_is_covered_and_has_no_clip(tmp_path: Path, clips: bool) -> None:
    footage = FileFootage(tmp_path / "none.mp4") if clips else None
    shelf = Shelf(tmp_path / "evidence")
    from_desk = Desk()
    from_desk.ask("yard", snapshot=True)
    from_desk.see("yard", 0.0)
    sighting = from_desk.kept[0][2]
    with ThreadPoolExecutor(1) as executor:
        shroud = Shroud([Told(PEOPLE, ("person", 40, 20, 80, 140))])
        one = keeper(shelf, executor, shroud, footage=footage, settings=EvidenceSettings())
        number = one.shoot(sighting, frame())
        assert number is not None
        item = shelf.find(number)
        assert item is not None
        assert (item.meta["kind"], item.meta["rendering"]["how"]) == ("snapshot", "blurred")
        assert item.meta["rendering"]["regions"] == 1
        assert item.meta["clip"]["state"] == "none"
        assert one.turn() == []
        blind = keeper(shelf, executor, Shroud([]), footage=footage)
        assert blind.shoot(sighting, frame()) is None
        assert blind.kept.refused.startswith("boxes only")
