"""Fire on synthetic boxes: a network is not asked, only what persistence, place, time and people make of its boxes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from detectors.fire import Detector, Settings
from detectors.runtime.contracts import Detections, Frame, SceneContext, Sighting, State, Zone
from tests.looking import seen

NOON = datetime(2026, 7, 18, 4, 0, tzinfo=UTC)  # in the village
KITCHEN = Zone("kitchen", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))
FLAME = (0.60, 0.60, 0.70, 0.80)
HEARTH = (0.10, 0.60, 0.20, 0.80)
STILL = np.full((360, 640, 3), 90, np.uint8)

Look = Callable[[float], Detections]


def detector(around: Iterable[Zone] = (), **settings: Any) -> Detector:
    context = SceneContext(
        "gate", {zone.name: zone for zone in around}, Path("unused"), utc_offset_s=8 * 3600
    )
    return Detector(Settings.model_validate(settings), context)


def frame(at_s: float, *, start: datetime = NOON, **facts: Any) -> Frame:
    return Frame(facts.pop("image", STILL), at_s, start + timedelta(seconds=at_s), **facts)


def show(
    eye: Detector,
    look: Look,
    until: float,
    *,
    since: float = 0.0,
    fps: float = 5.0,
    start: datetime = NOON,
    **facts: Any,
) -> list[Sighting]:
    said: list[Sighting] = []
    for index in range(round((until - since) * fps)):
        at = since + index / fps
        said += eye.look(frame(at, start=start, **facts), look(at))
    return said


def fire(score: float = 0.6, box: tuple[float, ...] = FLAME, label: str = "fire") -> Look:
    return lambda at: seen((*box, score, label))


def nothing(at: float) -> Detections:
    return seen()


def told(said: list[Sighting]) -> list[Sighting]:
    return [one for one in said if one.state is State.CONFIRMED and not one.review]


def looked_at(said: list[Sighting]) -> list[Sighting]:
    return [one for one in said if one.state is State.CONFIRMED and one.review]


# -- persistence in place and time --------------------------------------------------------------------------------------


def test_a_flame_that_stays_is_told_within_a_second() -> None:
    said = show(detector(), fire(), 3)
    assert [one.state for one in said] == [State.CANDIDATE, State.CONFIRMED]
    confirmed = said[1]
    assert confirmed.stream_s == pytest.approx(0.8)
    assert confirmed.why["hits"] == 5
    assert confirmed.why["peak"] == pytest.approx(0.6)
    assert confirmed.key == said[0].key
    assert confirmed.score > 0.6, "the shipped rule listens above 0.6"
    assert confirmed.boxes[0].x1 == pytest.approx(0.60, abs=1e-3)


def test_one_picture_however_sure_is_no_fire() -> None:
    said = show(detector(), lambda at: seen((*FLAME, 0.99, "fire")) if at == 1.0 else seen(), 20)
    assert [one.state for one in said] == [State.CANDIDATE]


def test_four_hits_are_not_five() -> None:
    assert not told(show(detector(), lambda at: seen((*FLAME, 0.9, "fire")) if at < 0.7 else seen(), 5))


def test_a_flame_seen_in_fewer_than_half_of_the_pictures_is_not_believed() -> None:
    blinking = lambda at: seen((*FLAME, 0.9, "fire")) if round(at * 5) % 3 == 0 else seen()  # noqa: E731
    assert not told(show(detector(), blinking, 30))


def test_a_flame_that_was_never_sure_is_not_believed() -> None:
    assert not told(show(detector(), fire(0.44), 10))
    assert told(show(detector(), fire(0.46), 10))


def test_weak_boxes_count_but_open_nothing() -> None:
    assert show(detector(), fire(0.34), 10) == []
    mixed = lambda at: seen((*FLAME, 0.5 if at == 0 else 0.26, "fire"))  # noqa: E731
    assert told(show(detector(), mixed, 3))
    assert not told(show(detector(), lambda at: seen((*FLAME, 0.5 if at == 0 else 0.24, "fire")), 10))


def test_boxes_that_wander_are_many_places_and_no_fire() -> None:
    wandering = lambda at: seen((at % 3 / 4, 0.1, at % 3 / 4 + 0.05, 0.15, 0.8, "fire"))  # noqa: E731
    assert not told(show(detector(), wandering, 9))


def test_a_box_that_jitters_by_less_than_its_size_is_one_place() -> None:
    def jitter(at: float) -> Detections:
        shift = 0.03 * (round(at * 5) % 2)
        return seen((0.60 + shift, 0.6, 0.70 + shift, 0.8, 0.6, "fire"))

    said = show(detector(), jitter, 5)
    assert len(told(said)) == 1
    assert len({one.key for one in said}) == 1


def test_two_fires_far_apart_are_two() -> None:
    both = lambda at: seen((*FLAME, 0.6, "fire"), (*HEARTH, 0.7, "fire"))  # noqa: E731
    assert len({one.key for one in told(show(detector(), both, 5))}) == 2


def test_a_box_inside_a_fire_that_was_told_is_no_second_fire() -> None:
    eye = detector()
    assert len(told(show(eye, fire(box=(0.3, 0.3, 0.8, 0.9)), 3))) == 1
    parts = lambda at: seen((0.32, 0.32, 0.40, 0.42, 0.8, "fire"))  # noqa: E731
    assert show(eye, parts, 20, since=3) == []


def test_other_classes_of_the_model_are_not_fire() -> None:
    assert show(detector(), fire(0.9, label="person"), 5) == []
    assert told(show(detector(fire_labels=["flames"]), fire(0.9, label="flames"), 5))[0].kind == "fire"


# -- smoke --------------------------------------------------------------------------------------------------------------


def growing(per_s: float) -> Look:
    def look(at: float) -> Detections:
        half = 0.05 * (1 + per_s * at) ** 0.5
        return seen((0.5 - half, 0.5 - half, 0.5 + half, 0.5 + half, 0.6, "smoke"))

    return look


def test_smoke_that_does_not_grow_is_worth_a_look_and_wakes_nobody() -> None:
    said = show(detector(), fire(0.6, label="smoke"), 30)
    assert not told(said)
    (look,) = looked_at(said)
    assert look.kind == "smoke"
    assert look.stream_s == pytest.approx(1.8)
    assert look.score < 0.5, "the shipped rule does not listen"


def test_smoke_that_grows_by_a_fifth_in_twenty_seconds_is_told() -> None:
    (smoke,) = told(show(detector(), growing(0.05), 25))
    assert smoke.why["support"] == "growth"
    assert float(smoke.why["growth"]) >= 0.2


def test_what_was_only_worth_a_look_is_raised_under_the_same_key() -> None:
    said = show(detector(), lambda at: growing(0.0 if at < 10 else 0.1)(max(0.0, at - 10)), 40)
    assert looked_at(said)[0].key == told(said)[0].key


def test_smoke_that_hardly_grows_is_not_told() -> None:
    assert not told(show(detector(), growing(0.005), 25))


def test_smoke_above_flames_is_told() -> None:
    both = lambda at: seen((0.55, 0.3, 0.75, 0.6, 0.6, "smoke"), (*FLAME, 0.6, "fire"))  # noqa: E731
    assert {one.kind for one in told(show(detector(), both, 4))} == {"fire", "smoke"}


def test_smoke_over_heat_is_told_and_says_how_hot() -> None:
    celsius = np.full((120, 160), 20.0, np.float32)
    celsius[75:80, 100:104] = 95.0  # within the box
    (smoke,) = told(show(detector(), fire(0.6, label="smoke"), 4, celsius=celsius))
    assert smoke.why["support"] == "thermal 95 degC"
    cold = np.full((120, 160), 20.0, np.float32)
    assert not told(show(detector(), fire(0.6, label="smoke"), 4, celsius=cold))


def test_smoke_needs_ten_hits_in_six_seconds() -> None:
    sparse = lambda at: seen((*FLAME, 0.9, "smoke")) if round(at * 5) % 4 == 0 else seen()  # noqa: E731
    assert not looked_at(show(detector(), sparse, 30))


# -- where and when fire is allowed ------------------------------------------------------------------------------------


def test_a_fire_on_the_hearth_is_allowed_and_one_beside_it_is_not() -> None:
    eye = detector([KITCHEN], allowed=[{"zone": "kitchen"}])
    assert show(eye, fire(box=HEARTH), 5) == []
    assert told(show(eye, fire(box=FLAME), 10, since=5))


def test_a_fire_that_outgrows_the_hearth_is_told() -> None:
    eye = detector([KITCHEN], allowed=[{"zone": "kitchen"}])
    assert told(show(eye, fire(box=(0.2, 0.3, 0.9, 0.9)), 5))


@pytest.mark.parametrize(
    ("permission", "local", "silent"),
    [
        ({"between": ["11:00", "13:00"]}, "2026-07-18 12:00", True),
        ({"between": ["11:00", "13:00"]}, "2026-07-18 13:00", False),
        ({"between": ["22:00", "02:00"]}, "2026-07-18 01:00", True),
        ({"between": ["22:00", "02:00"], "on": ["fri"]}, "2026-07-18 01:00", True),  # Friday's evening
        ({"between": ["22:00", "02:00"], "on": ["sat"]}, "2026-07-18 01:00", False),
        ({"first": "2026-07-18", "last": "2026-07-18"}, "2026-07-18 12:00", True),
        ({"first": "2026-07-18", "last": "2026-07-18"}, "2026-07-19 12:00", False),
        ({"between": ["11:00", "13:00"], "kinds": ["smoke"]}, "2026-07-18 12:00", False),
    ],
)
def test_a_permission_holds_at_its_hours_and_days(
    permission: dict[str, Any], local: str, *, silent: bool
) -> None:
    start = datetime.fromisoformat(local).replace(tzinfo=UTC) - timedelta(hours=8)
    assert bool(told(show(detector(allowed=[permission]), fire(), 3, start=start))) is not silent


def test_a_permission_for_everything_is_refused() -> None:
    with pytest.raises(ValidationError, match="everywhere and always"):
        Settings.model_validate({"allowed": [{"kinds": ["fire"]}]})
    with pytest.raises(ValidationError, match="no time of day"):
        Settings.model_validate({"allowed": [{"between": ["25:00", "26:00"]}]})


def test_only_the_named_zones_are_watched() -> None:
    eye = detector([KITCHEN], zones=["kitchen"])
    assert show(eye, fire(box=FLAME), 5) == []
    assert told(show(eye, fire(box=HEARTH), 10, since=5))[0].zone == "kitchen"


def test_a_zone_of_one_preset_is_nowhere_else() -> None:
    eye = detector([Zone("kitchen", KITCHEN.polygon, preset="yard")], zones=["kitchen"])
    assert show(eye, fire(box=HEARTH), 5, preset="road") == []
    assert told(show(eye, fire(box=HEARTH), 10, since=5, preset="yard"))


# -- what people have said -----------------------------------------------------------------------------------------------


def after_a_false_alarm() -> Detector:
    eye = detector()
    (first,) = told(show(eye, fire(0.55), 3))
    eye.mark(first.key, right=False, at=NOON + timedelta(minutes=5))
    eye.end(3.0, NOON + timedelta(seconds=3))
    return eye


def test_the_same_place_at_the_same_hour_must_be_surer_after_a_false_alarm() -> None:
    eye = after_a_false_alarm()
    tomorrow = NOON + timedelta(days=1)
    assert not told(show(eye, fire(0.59), 5, start=tomorrow))
    (again,) = told(show(eye, fire(0.61), 10, since=5, start=tomorrow))
    assert again.why["false_alarm_before"]


@pytest.mark.parametrize(
    ("later", "box"),
    [
        (timedelta(days=1, hours=3), FLAME),  # another hour
        (timedelta(days=31), FLAME),  # forgotten
        (timedelta(days=1), HEARTH),  # another place
        (timedelta(days=1), (0.60, 0.60, 0.82, 0.90)),  # grown
    ],
)
def test_elsewhere_later_or_larger_is_another_matter(later: timedelta, box: tuple[float, ...]) -> None:
    assert told(show(after_a_false_alarm(), fire(0.55, box=box), 5, start=NOON + later))


def test_a_false_alarm_of_one_preset_says_nothing_of_another() -> None:
    assert told(show(after_a_false_alarm(), fire(0.55), 5, start=NOON + timedelta(days=1), preset="road"))


def test_what_people_said_survives_a_restart_as_plain_data() -> None:
    eye = after_a_false_alarm()
    kept = json.loads(json.dumps(eye.memory()))
    fresh = detector()
    fresh.restore(kept)
    tomorrow = NOON + timedelta(days=1)
    assert not told(show(fresh, fire(0.59), 5, start=tomorrow))
    assert told(show(detector(), fire(0.59), 5, start=tomorrow))


@pytest.mark.parametrize(
    "rubbish", [{}, {"nuisances": 3}, {"nuisances": {"false": [{"key": 1}], "told": "x"}}, {"count": -1}]
)
def test_a_memory_that_does_not_fit_is_forgotten(rubbish: dict[str, Any]) -> None:
    eye = detector()
    eye.restore(rubbish)
    assert told(show(eye, fire(), 3))


def test_a_word_about_a_sighting_of_before_the_restart_is_understood() -> None:
    eye = detector()
    (first,) = told(show(eye, fire(0.55), 3))
    fresh = detector()
    fresh.restore(eye.memory())
    fresh.mark(first.key, right=False, at=NOON + timedelta(hours=9))  # pressed in the evening, said of noon
    assert not told(show(fresh, fire(0.55), 5, start=NOON + timedelta(days=1)))


def test_a_false_alarm_taken_back_counts_no_more() -> None:
    eye = detector()
    (first,) = told(show(eye, fire(0.55), 3))
    eye.mark(first.key, right=False, at=NOON)
    eye.mark(first.key, right=True, at=NOON)
    eye.end(3.0, NOON)
    assert told(show(eye, fire(0.55), 5, start=NOON + timedelta(days=1)))


# -- vetoes ---------------------------------------------------------------------------------------------------------------


def test_while_the_camera_turns_nothing_is_seen() -> None:
    assert show(detector(), fire(0.9), 10, moving=True) == []


def test_while_the_whole_scene_changes_nothing_is_seen() -> None:
    assert show(detector(), fire(0.9), 3, changed=0.31) == []
    assert told(show(detector(), fire(0.9), 10, changed=0.29))


def test_a_fire_that_lights_up_the_whole_night_for_longer_than_any_switch_is_told() -> None:
    assert [round(one.stream_s) for one in told(show(detector(), fire(0.9), 10, changed=0.6))] == [4]


def test_switches_that_follow_one_another_blind_for_as_long_as_each_lasts() -> None:
    eye = detector()
    for turn in range(5):
        assert not told(show(eye, fire(0.9), 4 * turn + 2, since=4 * turn, changed=0.9))
        assert not told(show(eye, nothing, 4 * turn + 4, since=4 * turn + 2))


def test_what_was_seen_before_a_turn_does_not_count_after_it() -> None:
    eye = detector()
    assert not told(show(eye, fire(), 0.6, preset="road"))
    show(eye, nothing, 2, since=0.6, moving=True)
    assert not told(show(eye, fire(), 2.6, since=2, preset="road"))
    assert told(show(eye, fire(), 4, since=2.6, preset="road"))


def test_a_fire_stays_open_while_the_camera_patrols_and_is_not_told_again() -> None:
    eye = detector()
    assert len(told(show(eye, fire(), 5, preset="road"))) == 1
    for turn in range(5):
        start = 5 + 20 * turn
        assert show(eye, nothing, start + 10, since=start, preset="yard") == []
        said = show(eye, fire(), start + 20, since=start + 10, preset="road")
        assert not [one for one in said if one.state in (State.CONFIRMED, State.ENDED)]


def test_a_fire_nobody_looked_at_for_a_quarter_of_an_hour_is_closed() -> None:
    eye = detector()
    show(eye, fire(), 5, preset="road")
    said = show(eye, nothing, 920, since=5, fps=1, preset="yard")
    assert [one.state for one in said] == [State.ENDED]


# -- the course of a fire -----------------------------------------------------------------------------------------------


def test_what_goes_on_is_said_once_a_minute_and_ends_after_half_a_minute_without_sight() -> None:
    said = show(detector(), lambda at: fire()(at) if at < 185 else seen(), 260)
    course = [(one.state, round(one.stream_s)) for one in said]
    assert course == [
        (State.CANDIDATE, 0),
        (State.CONFIRMED, 1),
        (State.ONGOING, 61),
        (State.ONGOING, 121),
        (State.ONGOING, 181),
        (State.ENDED, 215),
    ]
    assert len({one.key for one in said}) == 1
    assert said[-1].why["lasted_s"] == pytest.approx(215, abs=1)


def test_a_fire_that_goes_on_is_told_again_after_ten_minutes_unless_somebody_knows() -> None:
    eye = detector()
    said = show(eye, fire(), 10) + show(eye, fire(), 1300, since=10, fps=1)
    assert [round(one.stream_s) for one in told(said)] == [1, 601, 1201]
    eye = detector()
    (first,) = told(show(eye, fire(), 10))
    eye.mark(first.key, right=True, at=NOON)
    assert not told(show(eye, fire(), 1300, since=10, fps=1))


def test_after_the_end_the_place_is_quiet_for_a_minute() -> None:
    eye = detector()
    show(eye, fire(), 5)
    ended = show(eye, nothing, 40, since=5)
    assert ended[-1].state is State.ENDED
    again = told(show(eye, fire(), 140, since=45))
    assert [round(one.stream_s) for one in again] == [95], "ended at 35 s"
    assert again[0].key != ended[-1].key


def test_the_end_of_the_stream_closes_what_is_open_and_forgets_the_rest() -> None:
    eye = detector()
    show(eye, fire(), 5)
    (ended,) = eye.end(5.0, NOON + timedelta(seconds=5))
    assert ended.state is State.ENDED
    assert not told(show(eye, fire(), 0.6, start=NOON + timedelta(minutes=10))), (
        "hits of the old stream are gone"
    )


def test_it_asks_for_more_pictures_only_while_something_may_burn() -> None:
    eye = detector()
    assert eye.rate() == 2
    eye.look(frame(0), fire()(0))
    assert eye.rate() == 5
    show(eye, fire(), 3, since=0.2)
    assert eye.rate() == 2
    show(eye, fire(0.6, HEARTH, label="smoke"), 6, since=3)
    assert eye.rate() == 5, "smoke that is only worth a look yet may grow"
    assert not Detector.motion_gate


# -- evidence, not gates -------------------------------------------------------------------------------------------------


def test_colour_flicker_and_risk_move_the_score_and_decide_nothing() -> None:
    rng = np.random.default_rng(1)

    def burning(at: float) -> np.ndarray:
        image = STILL.copy()
        image[216:288, 384:448] = (30, 120, 250)  # BGR: orange
        image[216:288, 384:448, 2] = rng.integers(150, 255, (72, 64))
        return image

    plain = told(show(detector(), fire(), 3))[0]
    eye = detector([Zone("hay", ((0.5, 0.5), (1, 0.5), (1, 1), (0.5, 1)))], risk={"hay": 1.0})
    said: list[Sighting] = []
    for index in range(15):
        at = index / 5
        said += eye.look(frame(at, image=burning(at)), fire()(at))
    vivid = told(said)[0]
    assert vivid.score > plain.score
    assert float(vivid.why["colour"]) > 0.9 > 0.1 > float(plain.why["colour"])
    assert float(vivid.why["flicker"]) > 0.8
    assert vivid.zone == "hay"
    assert vivid.stream_s == plain.stream_s, "neither sooner nor later"
