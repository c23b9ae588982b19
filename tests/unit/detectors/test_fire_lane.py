"""A vehicle in the fire lane."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from detectors.fire_lane import Detector, Settings
from tests.unit.detectors.street import START, Actor, context, told, watch

LANE = [(0.4, 0.5), (0.6, 0.5), (0.6, 0.9), (0.4, 0.9)]  # 512..768 px, 360..648 px


def detector(**settings: object) -> Detector:
    return Detector(
        Settings.model_validate({"zones": ["lane"], "minutes": 2, **settings}), context(lane=LANE)
    )


def standing(seconds: float, x: float = 640.0, **more: object) -> Actor:
    return Actor("truck", [(0, x, 500), (seconds, x, 500)], **more)  # type: ignore[arg-type]


def test_a_vehicle_that_stands_long_enough_is_told_once_and_its_end_too() -> None:
    said = watch(detector(), [standing(200)], 300, fps=1)
    assert [(one.kind, one.state) for one in said] == [
        ("fire_lane_blocked", "confirmed"),
        ("fire_lane_blocked", "ended"),
    ]
    first, last = said
    assert first.stream_s == 120
    assert first.zone == "lane"
    assert first.why["stands_min"] == 2.0
    assert first.key == last.key
    assert last.stream_s == pytest.approx(221, abs=1)


def test_one_that_passes_or_stops_for_a_minute_is_nothing() -> None:
    passing = Actor("car", [(0, -100, 500), (10, 1400, 500)])
    assert watch(detector(), [passing, standing(60)], 300, fps=1) == []


def test_one_beside_the_lane_is_nothing_even_when_its_roof_leans_into_it() -> None:
    assert watch(detector(), [standing(300, x=840)], 300, fps=1) == []
    tall = Actor("truck", [(0, 640, 700), (300, 640, 700)], size=(100, 300))
    assert watch(detector(), [tall], 300, fps=1) == []


def test_another_track_number_and_somebody_in_front_change_nothing() -> None:
    hidden = standing(300, hidden=[(40, 55)], switches={55: 9})
    assert told(watch(detector(), [hidden], 300, fps=1)) == ["fire_lane_blocked"]


def test_two_that_stand_there_one_after_the_other_for_a_minute_each_are_nothing() -> None:
    later = Actor("car", [(90, 640, 500), (160, 640, 500)])
    assert watch(detector(), [standing(65), later], 300, fps=1) == []


def test_a_person_who_stands_there_is_nothing() -> None:
    assert watch(detector(), [Actor("person", [(0, 640, 500), (300, 640, 500)])], 300, fps=1) == []


def test_a_broken_stream_ends_it() -> None:
    looking = detector()
    watch(looking, [standing(200)], 150, fps=1)
    assert [one.state for one in looking.end(150, START + timedelta(seconds=150))] == ["ended"]
    assert looking.end(151, START + timedelta(seconds=151)) == []


def test_a_turning_camera_starts_anew() -> None:
    looking = detector()
    watch(looking, [standing(600)], 100, fps=1)
    watch(looking, [standing(600)], 5, fps=1, start=100, moving=True)
    assert told(watch(looking, [standing(600)], 100, fps=1, start=105)) == []


def test_a_lane_must_be_named() -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({})
