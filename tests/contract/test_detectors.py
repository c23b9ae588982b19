"""One suite for every detector on the shelf: a new file is tested the moment it exists."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

import detectors
from detectors.runtime.contracts import Detections, Frame, SceneContext, Sighting, Zone
from gateway.errors import SettingsError

DETECTORS = sorted(
    one.name
    for one in pkgutil.iter_modules(detectors.__path__)
    if not one.ispkg and not one.name.startswith("_")
)
START = datetime(2026, 7, 18, 4, 0, tzinfo=UTC)  # noon in the village
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))

NEEDED: Mapping[str, dict[str, Any]] = {"fire_lane": {"zones": ["whole"]}}
"""Settings of the detectors that cannot do without."""

NOBODY = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), (), np.zeros(0, np.int64))


def module(name: str) -> Any:
    return importlib.import_module(f"detectors.{name}")


def built(name: str, folder: Path) -> Any:
    found = module(name)
    context = SceneContext("gate", {"whole": Zone("whole", WHOLE)}, folder / "state", 8 * 3600.0)
    return found.Detector(found.Settings.model_validate(NEEDED.get(name, {})), context)


def empty(name: str, second: float, **more: Any) -> tuple[Frame, Detections | None]:
    """A still, empty, textured picture of a mild day."""
    grain = np.random.default_rng(3).integers(60, 180, (240, 320, 3), np.uint8)
    celsius = np.full((60, 80), 18.0, np.float32) if module(name).Detector.needs_celsius else None
    frame = Frame(grain, second, START + timedelta(seconds=second), celsius=celsius, **more)
    return frame, NOBODY if module(name).Detector.needs_model else None


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_has_its_two_names_and_says_what_it_does(name: str) -> None:
    found = module(name)
    assert issubclass(found.Settings, BaseModel)
    assert inspect.isclass(found.Detector)
    head = inspect.getdoc(found) or ""
    for word in ("sees", "asks for", "decides", "keeps quiet", "measured on", "Source:"):
        assert word in head, f"detectors/{name}.py does not say: {word}"


@pytest.mark.parametrize("name", DETECTORS)
def test_an_unknown_key_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        module(name).Settings.model_validate({**NEEDED.get(name, {}), "no_such_key": 1})


@pytest.mark.parametrize("name", DETECTORS)
def test_a_zone_that_is_not_there_is_told_with_its_key(name: str, tmp_path: Path) -> None:
    """Else it would look at nothing, and say nothing."""
    found = module(name)
    named = [
        key
        for key in ("zones", "carriageway", "parking", "private", "known_hot")
        if key in found.Settings.model_fields
    ]
    assert named, "a detector can be told where to look"
    for key in named:
        settings = found.Settings.model_validate({**NEEDED.get(name, {}), key: ["nowhere"]})
        with pytest.raises(SettingsError) as told:
            found.Detector(settings, SceneContext("gate", {"whole": Zone("whole", WHOLE)}, tmp_path))
        (fault,) = told.value.faults
        assert (fault.key, fault.remedy) == (key, "there is: whole")


@pytest.mark.parametrize("name", DETECTORS)
def test_it_says_what_it_needs(name: str, tmp_path: Path) -> None:
    kind = module(name).Detector
    for word in ("needs_model", "needs_tracks", "needs_celsius", "motion_gate"):
        assert isinstance(getattr(kind, word), bool), word
    assert kind.needs_model or not kind.needs_tracks, "tracks come with detections"
    assert not (kind.needs_celsius and kind.motion_gate), "never a gate for heat"
    assert 0 < built(name, tmp_path).rate() <= 30


@pytest.mark.parametrize("name", DETECTORS)
def test_an_empty_still_scene_says_nothing(name: str, tmp_path: Path) -> None:
    looking = built(name, tmp_path)
    said = [one for second in range(120) for one in looking.look(*empty(name, second / looking.rate()))]
    assert said == []
    assert list(looking.end(200.0, START + timedelta(seconds=200))) == []


@pytest.mark.parametrize("name", DETECTORS)
def test_a_turning_a_changing_and_a_broken_scene_say_nothing(name: str, tmp_path: Path) -> None:
    looking = built(name, tmp_path)
    said: list[Sighting] = []
    for second in range(60):
        said += looking.look(
            *empty(name, float(second), moving=second % 7 == 3, changed=0.8 * (second % 5 == 2))
        )
        if second % 20 == 19:
            said += looking.end(float(second), START + timedelta(seconds=second))
    for second, preset in enumerate(["", "gate", "river", "gate"] * 5, start=100):
        said += looking.look(*empty(name, float(second), preset=preset))
    assert [one.kind for one in said] == []


@pytest.mark.parametrize("name", DETECTORS)
def test_what_it_remembers_is_plain_small_and_taken_back(name: str, tmp_path: Path) -> None:
    first = built(name, tmp_path)
    for second in range(10):
        first.look(*empty(name, float(second)))
    memory = json.loads(json.dumps(first.memory()))
    assert len(json.dumps(memory)) < 64 * 1024
    second_one = built(name, tmp_path)
    second_one.restore(memory)
    assert json.loads(json.dumps(second_one.memory())) == memory


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize(
    "memory", [{}, {"count": "x"}, {"nuisances": 7, "regions": [], "count": -1}, {"unknown": [1]}]
)
def test_a_memory_that_does_not_fit_is_forgotten(name: str, memory: dict[str, Any], tmp_path: Path) -> None:
    looking = built(name, tmp_path)
    looking.restore(memory)
    looking.look(*empty(name, 0.0))
    json.dumps(looking.memory())


@pytest.mark.parametrize("name", DETECTORS)
def test_a_word_about_an_unknown_sighting_harms_nothing(name: str, tmp_path: Path) -> None:
    looking = built(name, tmp_path)
    looking.mark("gate-nothing-1", right=False, at=START)
    looking.mark("gate-nothing-1", right=True, at=START)
    assert list(looking.look(*empty(name, 0.0))) == []


@pytest.mark.parametrize("name", DETECTORS)
def test_it_keeps_no_picture_it_was_given(name: str, tmp_path: Path) -> None:
    """The worker uses the same memory for the next picture."""
    looking = built(name, tmp_path)
    for second in range(5):
        frame, seen = empty(name, float(second))
        looking.look(frame, seen)
        frame.image[:] = 0
        if frame.celsius is not None:
            frame.celsius[:] = 900.0
    frame, seen = empty(name, 5.0)
    assert list(looking.look(frame, seen)) == []
