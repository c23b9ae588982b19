from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drivers.sight.lines import complaint_of, event_of, readings_of
from drivers.vision import Driver, Settings, examine
from gateway.catalogue import Catalogue
from gateway.clock import ManualClock
from gateway.contracts import Context, Device, SourceHealth
from gateway.errors import BadReply, SettingsError
from gateway.quantities import Quantities
from gateway.settings import DeviceSettings
from tests.conftest import NOON

LINE: dict[str, Any] = {
    "kind": "fire",
    "state": "confirmed",
    "camera": "yard",
    "key": "yard-fire-1",
    "at": "2026-07-18T04:00:01.234567+00:00",
    "stream_s": 12.4,
    "score": 0.81,
    "zone": "stove",
    "review": False,
    "boxes": [[0.1, 0.2, 0.3, 0.4, "fire", 0.81]],
    "evidence": "k3v0q8c1",
    "why": {"hits": 7, "support": "flame", "strange": None, "endless": float("inf")},
}


def test_a_sighting_becomes_an_event_with_its_numbers() -> None:
    event = event_of(LINE, "yard-camera", NOON)
    assert event is not None
    assert (event.source, event.kind, event.confidence, event.evidence) == (
        "yard-camera",
        "fire",
        0.81,
        "k3v0q8c1",
    )
    assert event.at == datetime(2026, 7, 18, 4, 0, 1, 234000, tzinfo=UTC), "whole milliseconds"
    assert event.received == NOON
    assert event.detail == {
        "state": "confirmed", "key": "yard-fire-1", "zone": "stove", "boxes": 1.0, "hits": 7.0, "support": "flame",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"state": "ongoing"}, "fire"),
        ({"review": True}, "fire_review"),
        ({"state": "ended"}, "fire_ended"),
        ({"state": "ended", "review": True}, "fire_review_ended"),
        ({"state": "ended", "kind": "camera_back"}, "camera_back"),
        ({"state": "candidate"}, None),
    ],
)
def test_only_what_is_sure_has_the_name_that_rules_know(changes: dict[str, Any], kind: str | None) -> None:
    event = event_of(LINE | changes, "yard", NOON)
    assert (event.kind if event else None) == kind


@pytest.mark.parametrize(
    "changes",
    [{"at": "yesterday"}, {"at": "2026-07-18T04:00:01"}, {"score": 1.2}, {"score": "much"}, {"why": 3}],
)
def test_a_line_that_is_no_sighting_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadReply):
        event_of(LINE | changes, "yard", NOON)
    with pytest.raises(BadReply):
        event_of({"kind": "fire"}, "yard", NOON)


def test_a_heartbeat_becomes_readings_of_what_is_known(quantities: Quantities) -> None:
    readings = readings_of({"fps": 4.8, "age_s": None, "ms": 21.5}, "yard", NOON)
    assert {reading.series: reading.value for reading in readings} == {
        "yard/camera_fps": 4.8,
        "yard/look_time": 21.5,
    }
    assert all(reading.series.partition("/")[2] in quantities for reading in readings)


def test_what_is_wrong_is_said_in_words() -> None:
    assert (
        complaint_of({"wrong": "camera_blind", "reason": "401 Unauthorized"})
        == "camera_blind: 401 Unauthorized"
    )
    assert complaint_of({"wrong": "", "reason": ""}) == ""


def context(
    folder: Path, clock: ManualClock, quantities: Quantities, catalogue: Catalogue, *devices: str
) -> Context:
    found = tuple(Device(slug, DeviceSettings(source="eyes")) for slug in devices)
    return Context("eyes", "test", found, quantities, catalogue, clock, SourceHealth(), folder)


def test_a_camera_without_a_device_a_device_without_a_camera_and_a_film_are_faults(
    tmp_path: Path, clock: ManualClock, quantities: Quantities, catalogue: Catalogue
) -> None:
    settings = Settings.model_validate(
        {"cameras": {"yard": {"url": "rtsp://h/s"}, "film": {"url": "/a.mp4"}}}
    )
    with pytest.raises(SettingsError) as wrong:
        Driver(settings, context(tmp_path, clock, quantities, catalogue, "film", "shed"))
    assert {fault.key: fault.problem for fault in wrong.value.faults} == {
        "cameras.yard": "no device is this camera",
        "cameras.film.url": "a file is no camera",
        "devices.shed.address": "no camera is called 'shed'",
    }


def test_the_worker_itself_is_asked_what_is_wrong(
    tmp_path: Path, clock: ManualClock, quantities: Quantities, catalogue: Catalogue
) -> None:
    settings = Settings.model_validate(
        {
            "models": {"fire": {"path": str(tmp_path / "none.onnx")}},
            "cameras": {
                "yard": {
                    "url": "rtsp://h/s",
                    "detectors": {"fire": {}, "motion": {"shar": 1}, "flood": {}},
                    "ptz": {"urls": "http://h"},
                }
            },
        }
    )
    faults = examine(settings, context(tmp_path, clock, quantities, catalogue, "yard"))
    found = {fault.key: fault.problem for fault in faults}
    assert found["models.fire.path"] == f"there is no file {tmp_path / 'none.onnx'}"
    assert found["cameras.yard.detectors.motion.shar"] == "unknown key"
    assert "no detector is called 'flood'" in found["cameras.yard.detectors.flood"]
    assert "cameras.yard.ptz.urls" in found
