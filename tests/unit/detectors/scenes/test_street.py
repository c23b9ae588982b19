from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs the extra 'vision'")

from detectors import fire, hit_and_run, illegal_building, thermal
from detectors.runtime.contracts import Frame, SceneContext, Sighting, State, Zone
from detectors.runtime.models.colours_net import Whole
from detectors.runtime.network import BadModel, open_model
from detectors.runtime.tracks import Tracks
from detectors.scenes.painting import Painter
from detectors.scenes.source import Scene, is_scene
from detectors.scenes.street import LOOP_S, PLOT, Story
from gateway.cameras import ModelEntry
from gateway.errors import SettingsError

FILE = Path(__file__).resolve().parents[4] / "config/examples/demo/street.colours"
AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def painter() -> Painter:
    return Painter(Story(1), 1)


@pytest.fixture(scope="module")
def model() -> Whole:
    found = open_model(ModelEntry(path=FILE))
    assert isinstance(found, Whole)
    return found


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / (areas - width * height)


def test_the_colours_find_in_the_pictures_what_the_story_says_and_nothing_else(
    painter: Painter, model: Whole
) -> None:
    story, there, found, wrong, said = Story(1), 0, 0, 0, 0
    for step in range(0, int(LOOP_S), 2):
        seen = model.look(painter.picture(float(step)))
        boxes = [(label, tuple(box)) for label, box in zip(seen.labels, seen.xyxy.tolist(), strict=True)]
        moment = story.at(float(step))
        inside = [one for one in moment.actors if one.box[0] > 0 and one.box[2] < 640]
        for actor in inside:
            there += 1
            found += any(label == actor.label and overlap(actor.box, box) > 0.5 for label, box in boxes)
        for label, box in boxes:
            said += 1
            known = [one.box for one in moment.actors if one.label == label]
            if label in {"fire", "smoke"}:
                wrong += not (moment.flame if label == "fire" else moment.smoke)
            else:
                wrong += not any(overlap(box, each) > 0.3 for each in known)
        assert bool(moment.flame) == ("fire" in seen.labels)
    assert there > 60
    assert found / there > 0.97
    assert wrong / said < 0.02


def test_the_same_seed_paints_the_same_picture_and_another_one_another(painter: Painter) -> None:
    again = Painter(Story(1), 1)
    assert np.array_equal(painter.picture(17.3), again.picture(17.3))
    assert not np.array_equal(painter.picture(17.3), Painter(Story(2), 2).picture(17.3))


def test_the_wall_grows_and_stays(painter: Painter) -> None:
    story = Story(1)
    assert [story.at(seconds).wall for seconds in (0, 25, 60, 500)] == [0, 2, 6, 14]
    plot = (slice(100, 170), slice(470, 600))
    early, late = (painter.picture(seconds)[plot].astype(int) for seconds in (60.0, 60.0 + LOOP_S))
    assert np.abs(early - late).mean() > 8


def frames(painter: Painter, begin: float, end: float, fps: float, *, heat: bool = False) -> list[Frame]:
    times = [begin + step / fps for step in range(int((end - begin) * fps))]
    return [
        Frame(
            painter.picture(at), at, AT + timedelta(seconds=at), celsius=painter.celsius(at) if heat else None
        )
        for at in times
    ]


def test_the_fire_is_confirmed_from_the_pictures_alone(
    painter: Painter, model: Whole, tmp_path: Path
) -> None:
    detector = fire.Detector(fire.Settings(), SceneContext("street", {}, tmp_path))
    said = [one for each in frames(painter, 0, 8, 5) for one in detector.look(each, model.look(each.image))]
    confirmed = [one for one in said if one.state is State.CONFIRMED]
    assert [one.kind for one in confirmed] == ["fire"]
    assert 3.0 <= confirmed[0].stream_s <= 6.0


def test_the_hot_spot_is_confirmed_from_its_temperatures(painter: Painter, tmp_path: Path) -> None:
    detector = thermal.Detector(thermal.Settings(), SceneContext("heat", {}, tmp_path))
    said = [one for each in frames(painter, 0, 6, 5, heat=True) for one in detector.look(each, None)]
    confirmed = [one for one in said if one.state is State.CONFIRMED]
    assert [one.kind for one in confirmed] == ["thermal"]
    assert 3.0 <= confirmed[0].stream_s <= 4.5


def test_the_crash_is_told_first_and_becomes_a_hit_and_run_when_the_purple_car_has_gone(
    painter: Painter, model: Whole, tmp_path: Path
) -> None:
    detector = hit_and_run.Detector(hit_and_run.Settings(), SceneContext("street", {}, tmp_path))
    tracks, said = Tracks(10.0), []
    for each in frames(painter, 7, 36, 10):
        said += detector.look(each, tracks.follow(model.look(each.image), each.stream_s))
    confirmed = [(one.kind, one.key) for one in said if one.state is State.CONFIRMED]
    assert [kind for kind, _ in confirmed] == ["collision", "hit_and_run"]
    assert confirmed[0][1] == confirmed[1][1]


def test_the_wall_is_told_after_days_as_a_change_and_as_a_building_and_nothing_before(tmp_path: Path) -> None:
    day_s, begins = 86400.0, 5 * 86400.0
    painter = Painter(Story(1, rows_per_s=14 / (2 * day_s), wall_from_s=begins), 1)
    plot = Zone("plot", ((0.66, 0.15), (1.0, 0.15), (1.0, 0.5), (0.66, 0.5)))
    settings = illegal_building.Settings(zones=("plot",), pictures=3, slots=(8, 12, 16))
    detector = illegal_building.Detector(settings, SceneContext("street", {"plot": plot}, tmp_path))
    midnight = AT.replace(hour=0)
    said: list[Sighting] = []
    for day in range(15):
        for slot in settings.slots:
            light = {8: 0.8, 12: 1.1, 16: 0.85}[int(slot)]
            for number in range(4):
                at = day * day_s + slot * 3600 + number * 200
                image = np.clip(painter.picture(at) * light, 0, 255).astype(np.uint8)
                said += detector.look(Frame(image, at, midnight + timedelta(seconds=at)), None)
    confirmed = [one for one in said if one.state is State.CONFIRMED]
    kinds = list(dict.fromkeys(one.kind for one in confirmed))
    assert kinds == ["building_change", "illegal_building"]
    assert confirmed[0].stream_s > begins + 2 * day_s
    assert {one.zone for one in confirmed} == {"plot"}
    left, right, foot = PLOT
    box = confirmed[-1].boxes[0]
    assert (
        overlap((box.x1 * 640, box.y1 * 360, box.x2 * 640, box.y2 * 360), (left, foot - 84, right, foot))
        > 0.3
    )
    assert {"before", "after"} <= set(confirmed[-1].pictures)


def test_a_scene_comes_at_the_pace_of_the_clock_and_skips_what_nobody_could_look_at() -> None:
    now = [100.0]
    scene = Scene("scene://heat?seed=3", 5.0, lambda: now[0])
    first = scene.picture(1.0)
    assert first is not None
    assert (first.stream_s, first.celsius is not None) == (0.0, True)
    now[0] += 0.2
    second = scene.picture(1.0)
    assert second is not None
    assert second.stream_s == pytest.approx(0.2)
    now[0] += 5.0  # the box was busy
    third = scene.picture(1.0)
    assert third is not None
    assert third.stream_s == pytest.approx(5.2, abs=0.21)
    scene.close()
    assert scene.picture(1.0) is None


def test_a_scene_of_a_given_length_is_a_film_it_waits_for_nobody_and_ends() -> None:
    film = Scene("scene://heat?for=2", 5.0, float)
    times = [shot.stream_s for shot in iter(lambda: film.picture(1.0), None)]
    assert times == pytest.approx([number / 5 for number in range(10)])


@pytest.mark.parametrize("url", ["scene://sea", "scene://street?seed=x", "scene://street?sed=1"])
def test_a_scene_that_does_not_exist_is_told(url: str) -> None:
    assert is_scene(url)
    with pytest.raises(SettingsError, match="write scene://street"):
        Scene(url, 5.0, float)


def test_a_file_that_is_no_palette_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "x.colours").write_text('{"note": "x"}')
    with pytest.raises(BadModel, match="no palette"):
        Whole(tmp_path / "x.colours", ModelEntry(path=tmp_path / "x.colours"))
