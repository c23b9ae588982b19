"""Heat on synthetic arrays of degrees."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.runtime.contracts import Frame, SceneContext, Sighting, State, Zone
from detectors.runtime.radiometric import from_jpeg
from detectors.runtime.warmth import Warmth
from detectors.thermal import Detector, Settings

NOON = datetime(2026, 7, 18, 4, 0, tzinfo=UTC)  # in the village
STILL = np.zeros((96, 128, 3), np.uint8)
LEFT = Zone("left", ((0, 0), (0.5, 0), (0.5, 1), (0, 1)))
SHAPE = (96, 128)


def detector(folder: Path, around: Iterable[Zone] = (), **settings: Any) -> Detector:
    context = SceneContext("hill", {zone.name: zone for zone in around}, folder, utc_offset_s=8 * 3600)
    return Detector(Settings.model_validate(settings), context)


def scene(
    celsius: float = 20.0, *, hot: float | None = None, at: tuple[int, int] = (40, 80), side: int = 3
) -> np.ndarray:
    picture = np.full(SHAPE, celsius, np.float32)
    if hot is not None:
        picture[at[0] : at[0] + side, at[1] : at[1] + side] = hot
    return picture


def frame(picture: np.ndarray, at_s: float, *, start: datetime = NOON, **facts: Any) -> Frame:
    return Frame(STILL, at_s, start + timedelta(seconds=at_s), celsius=picture, **facts)


def show(
    eye: Detector,
    picture: np.ndarray,
    until: float,
    *,
    since: float = 0.0,
    fps: float = 2.0,
    start: datetime = NOON,
    **facts: Any,
) -> list[Sighting]:
    said: list[Sighting] = []
    for index in range(round((until - since) * fps)):
        said += eye.look(frame(picture, since + index / fps, start=start, **facts), None)
    return said


def told(said: list[Sighting]) -> list[Sighting]:
    return [one for one in said if one.state is State.CONFIRMED]


def learnt(folder: Path, usual: np.ndarray, *, hours: Iterable[int] = range(24), day: int = 740_000) -> None:
    """As if the camera had looked at this for a while."""
    warmth = Warmth(usual.shape)
    for hour in hours:
        for _ in range(40):
            warmth.learn(usual, hour=hour, day=day)
    warmth.save(folder / "warmth-fixed.npz")


# -- limits ---------------------------------------------------------------------------------------------------------------


def test_what_glows_is_told_in_the_second_picture_within_a_second(tmp_path: Path) -> None:
    said = show(detector(tmp_path), scene(hot=160), 5)
    assert [one.state for one in said] == [State.CANDIDATE, State.CONFIRMED]
    assert said[1].stream_s <= 1.0
    assert said[1].why == {
        "celsius": 160.0, "above_usual_k": 140.0, "pixels": 9, "grown_10s_k": 0.0, "limit": "absolute"
    }  # fmt: skip
    assert said[1].boxes[0].x1 == pytest.approx(80 / 128)
    assert said[1].kind == "thermal"
    assert said[1].score >= 0.9


def test_one_hot_picture_is_a_flash(tmp_path: Path) -> None:
    eye = detector(tmp_path)
    show(eye, scene(), 2)
    assert not told(list(eye.look(frame(scene(hot=400), 2), None)))
    assert not told(show(eye, scene(), 10, since=2.5))


def test_two_hot_pictures_with_a_cold_one_between_are_two_flashes(tmp_path: Path) -> None:
    eye = detector(tmp_path)
    for index in range(20):
        assert not told(list(eye.look(frame(scene(hot=400 if index % 2 else None), index / 2), None)))


@pytest.mark.parametrize(("pixels", "fires"), [(1, False), (3, False), (4, True)])
def test_it_takes_four_pixels(tmp_path: Path, pixels: int, *, fires: bool) -> None:
    picture = scene()
    picture[10, 10 : 10 + pixels] = 200
    assert bool(told(show(detector(tmp_path), picture, 3))) is fires


def test_four_pixels_far_apart_are_four_times_one(tmp_path: Path) -> None:
    picture = scene()
    picture[::40, ::60] = 300
    assert not told(show(detector(tmp_path), picture, 3))


@pytest.mark.parametrize(
    ("usual", "now", "fires"),
    [(20, 85, True), (20, 79, False), (50, 85, False), (44, 85, True), (130, 149, False), (130, 151, True)],
)
def test_eighty_degrees_need_a_rise_over_what_is_usual_there(
    tmp_path: Path, usual: float, now: float, *, fires: bool
) -> None:
    learnt(tmp_path, scene(hot=usual))
    said = told(show(detector(tmp_path), scene(hot=now), 3))
    assert bool(said) is fires
    if fires:
        assert said[0].why["limit"] == ("absolute" if now >= 150 else "rise")


def test_a_roof_in_the_afternoon_sun_is_usual_at_that_hour_only(tmp_path: Path) -> None:
    learnt(tmp_path, scene(15), hours=range(24))
    warm = Warmth.load(tmp_path / "warmth-fixed.npz", SHAPE)
    for _ in range(300):
        warm.learn(scene(15, hot=70), hour=14, day=740_000)
    warm.save(tmp_path / "warmth-fixed.npz")
    two = NOON + timedelta(hours=2)
    assert not told(show(detector(tmp_path), scene(15, hot=85), 3, start=two))
    assert told(show(detector(tmp_path), scene(15, hot=85), 3, start=two + timedelta(hours=9)))


def test_before_anything_was_learnt_the_picture_itself_says_what_is_usual(tmp_path: Path) -> None:
    assert told(show(detector(tmp_path), scene(20, hot=85), 3))
    assert not told(show(detector(tmp_path), scene(50, hot=85), 3))


def test_growth_raises_the_score_at_once(tmp_path: Path) -> None:
    steady = told(show(detector(tmp_path / "a"), scene(hot=100), 20))[0]
    eye = detector(tmp_path / "b")
    show(eye, scene(hot=70), 8)
    growing = told(show(eye, scene(hot=85), 12, since=8))[0]
    assert growing.why["grown_10s_k"] == 15.0
    assert growing.score > steady.score
    said = show(eye, scene(hot=170), 13, since=12)
    assert [one.state for one in said] == [State.ONGOING], "worse: said before the minute is over"
    assert said[0].why["limit"] == "absolute"


def test_real_pictures_alarm_through_the_rise_alone_and_cold_ones_never(tmp_path: Path) -> None:
    folder = os.environ.get("VILLAGE_VISION_DATA")
    if not folder:
        pytest.skip("recorded pictures not at hand: set VILLAGE_VISION_DATA to their folder")
    for path in sorted((Path(folder) / "thermal").glob("*.jpg")):
        picture = from_jpeg(path.read_bytes())
        said = told(show(detector(tmp_path / path.stem), picture, 3))
        assert bool(said) is (path.stem in {"flir_01", "flir_15"}), path.stem
        if said:
            assert said[0].why["limit"] == "rise"
            learnt(tmp_path / f"{path.stem}-known", picture)
            assert not told(show(detector(tmp_path / f"{path.stem}-known"), picture, 3)), "usual there"


# -- where ----------------------------------------------------------------------------------------------------------------


def test_only_the_named_zones_are_watched(tmp_path: Path) -> None:
    eye = detector(tmp_path, [LEFT], zones=["left"])
    assert show(eye, scene(hot=300, at=(40, 80)), 3) == []
    assert told(show(eye, scene(hot=300, at=(40, 20)), 6, since=3))[0].zone == "left"


def test_a_known_stove_pipe_is_never_looked_at(tmp_path: Path) -> None:
    eye = detector(tmp_path, [LEFT], known_hot=["left"])
    assert show(eye, scene(hot=300, at=(40, 20)), 3) == []
    assert told(show(eye, scene(hot=300, at=(40, 80)), 6, since=3))


def test_a_known_place_of_one_preset_hides_nothing_elsewhere(tmp_path: Path) -> None:
    eye = detector(tmp_path, [Zone("left", LEFT.polygon, preset="roofs")], known_hot=["left"])
    assert show(eye, scene(hot=300, at=(40, 20)), 3, preset="roofs") == []
    assert told(show(eye, scene(hot=300, at=(40, 20)), 6, since=3, preset="wood"))


# -- what is usual --------------------------------------------------------------------------------------------------------


def chimney(eye: Detector, day: int, picture: np.ndarray) -> list[Sighting]:
    """Twenty minutes of a day."""
    said = show(eye, picture, 1200, fps=0.25, start=NOON + timedelta(days=day))
    said += eye.end(1200, NOON + timedelta(days=day, seconds=1200))
    return said


def test_a_chimney_is_told_for_five_days_and_then_known(tmp_path: Path) -> None:
    days = [bool(told(chimney(detector(tmp_path), day, scene(hot=180)))) for day in range(8)]
    assert days == [True] * 5 + [False] * 3
    hotter = chimney(detector(tmp_path), 8, scene(hot=240))
    assert told(hotter), "a chimney fire: 40 K above what the chimney usually is"
    assert told(chimney(detector(tmp_path), 9, scene(hot=180, at=(10, 10)))), "another place is not known"


def test_a_chimney_that_has_been_cold_for_a_week_is_forgotten(tmp_path: Path) -> None:
    for day in range(6):
        chimney(detector(tmp_path), day, scene(hot=180))
    assert not told(chimney(detector(tmp_path), 6, scene(hot=180)))
    assert told(chimney(detector(tmp_path), 16, scene(hot=180)))


def test_a_fire_does_not_become_usual_while_it_burns(tmp_path: Path) -> None:
    learnt(tmp_path, scene(20))
    eye = detector(tmp_path)
    show(eye, scene(20, hot=100), 1200)
    eye.end(1200, NOON)
    usual = Warmth.load(tmp_path / "warmth-fixed.npz", SHAPE).usual(12)
    assert usual is not None
    assert float(usual.max()) < 25


def test_what_was_learnt_survives_a_restart_and_a_torn_file_costs_only_itself(tmp_path: Path) -> None:
    eye = detector(tmp_path)
    show(eye, scene(60), 400)
    eye.end(400, NOON)
    assert not told(show(detector(tmp_path), scene(60, hot=95), 3)), "35 K over 60"
    file = tmp_path / "warmth-fixed.npz"
    file.write_bytes(file.read_bytes()[:-200])
    assert told(show(detector(tmp_path), scene(20, hot=95), 3))


def test_the_card_is_written_once_an_hour_and_only_with_what_is_new(tmp_path: Path) -> None:
    eye = detector(tmp_path)
    file = tmp_path / "warmth-fixed.npz"
    show(eye, scene(20), 3590, fps=0.2)
    assert not file.exists()
    show(eye, scene(20), 3620, since=3590, fps=0.2)
    first = file.stat().st_mtime_ns
    eye.end(3620, NOON)
    written = file.stat().st_mtime_ns
    assert written > first, "what came since"
    eye.end(3620, NOON)
    assert file.stat().st_mtime_ns == written


def test_pictures_of_another_size_begin_anew(tmp_path: Path) -> None:
    learnt(tmp_path, np.full((10, 10), 90, np.float32))
    assert told(show(detector(tmp_path), scene(20, hot=95), 3))


def test_large_pictures_are_kept_in_blocks_of_bounded_size(tmp_path: Path) -> None:
    warmth = Warmth((512, 640))
    rng = np.random.default_rng(3)
    picture = rng.normal(20, 3, (512, 640)).astype(np.float32)
    picture[500:, 630:] = 77
    for hour in range(24):
        for _ in range(31):
            warmth.learn(picture, hour=hour, day=740_000)
    usual = warmth.usual(5)
    assert usual is not None
    assert usual.shape == (512, 640)
    assert usual[511, 639] == pytest.approx(77, abs=0.1)
    assert (usual >= picture - 0.05).all(), "the hottest pixel of a block stands for it"
    warmth.save(tmp_path / "w.npz")
    assert (tmp_path / "w.npz").stat().st_size < 1_200_000
    again = Warmth.load(tmp_path / "w.npz", (512, 640)).usual(5)
    assert again is not None
    np.testing.assert_array_equal(again, usual)


def test_what_passes_for_a_moment_hardly_moves_what_is_usual() -> None:
    warmth = Warmth(SHAPE)
    rng = np.random.default_rng(4)
    for _ in range(2000):  # an exhaust of 90 degC in one sample of fifty
        warmth.learn(scene(20, hot=90 if rng.random() < 0.02 else None), hour=3, day=740_000)
    usual = warmth.usual(3)
    assert usual is not None
    assert float(usual.max()) < 30
    for _ in range(2000):  # in every tenth: that is usual
        warmth.learn(scene(20, hot=90 if rng.random() < 0.10 else None), hour=3, day=740_000)
    usual = warmth.usual(3)
    assert usual is not None
    assert float(usual.max()) > 60


# -- a camera that turns ---------------------------------------------------------------------------------------------------


def test_while_the_camera_turns_one_glowing_picture_is_enough_and_told_once(tmp_path: Path) -> None:
    eye = detector(tmp_path)
    said = show(eye, scene(hot=300), 20, moving=True)
    assert [one.state for one in said] == [State.CONFIRMED]
    assert said[0].stream_s == 0
    assert not told(show(eye, scene(hot=100), 40, since=20, moving=True)), (
        "the rise is not known while it turns"
    )
    assert told(show(eye, scene(hot=300), 100, since=80, moving=True)), "after the cool-down"


def test_a_chimney_that_some_view_knows_is_left_to_that_view_while_the_camera_turns(tmp_path: Path) -> None:
    for day in range(6):
        chimney(detector(tmp_path), day, scene(hot=180))
    eye = detector(tmp_path)
    start = NOON + timedelta(days=6)
    show(eye, scene(hot=180), 3, start=start)
    assert not show(eye, scene(hot=175), 10, since=3, start=start, moving=True)
    assert told(show(eye, scene(hot=300), 20, since=10, start=start, moving=True))


def test_each_preset_has_its_own_usual(tmp_path: Path) -> None:
    eye = detector(tmp_path)
    show(eye, scene(60), 400, preset="roofs")
    show(eye, scene(10), 800, since=400, preset="wood")
    assert told(show(eye, scene(10, hot=90), 810, since=800, preset="wood"))
    assert not told(show(eye, scene(60, hot=90), 820, since=810, preset="roofs"))


# -- course and people --------------------------------------------------------------------------------------------------------


def test_it_goes_on_ends_and_cools_like_a_fire(tmp_path: Path) -> None:
    eye = detector(tmp_path)
    said = show(eye, scene(hot=200), 125) + show(eye, scene(), 160, since=125)
    assert [(one.state, round(one.stream_s)) for one in said] == [
        (State.CANDIDATE, 0),
        (State.CONFIRMED, 0),
        (State.ONGOING, 60),
        (State.ONGOING, 120),
        (State.ENDED, 154),
    ]
    assert len({one.key for one in said}) == 1
    again = told(show(eye, scene(hot=200), 260, since=160))
    assert [round(one.stream_s) for one in again] == [214]


def test_a_false_alarm_must_be_hotter_the_next_time_and_that_survives_a_restart(tmp_path: Path) -> None:
    eye = detector(tmp_path)
    (first,) = told(show(eye, scene(hot=160), 3))
    eye.mark(first.key, right=False, at=NOON)
    kept = json.loads(json.dumps(eye.memory()))
    fresh = detector(tmp_path / "elsewhere")
    fresh.restore(kept)
    tomorrow = NOON + timedelta(days=1)
    assert not told(show(fresh, scene(hot=170), 3, start=tomorrow))
    assert told(show(fresh, scene(hot=185), 6, since=3, start=tomorrow))


def test_it_asks_for_more_pictures_while_something_is_hot(tmp_path: Path) -> None:
    eye = detector(tmp_path)
    show(eye, scene(), 2)
    assert eye.rate() == 2
    show(eye, scene(hot=200), 3, since=2)
    assert eye.rate() == 4
    assert not Detector.motion_gate
    assert not Detector.needs_model


def test_a_camera_without_degrees_says_nothing(tmp_path: Path) -> None:
    assert detector(tmp_path).look(Frame(STILL, 0, NOON), None) == ()
