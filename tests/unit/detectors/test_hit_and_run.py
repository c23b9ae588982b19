"""Collisions and who drove away, on made-up tracks: every case of vision reference 5."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from detectors.hit_and_run import Detector, Settings, way_of
from detectors.runtime.trails import Vector
from tests.unit.detectors.street import HEIGHT, START, WIDTH, Actor, context, told, watch

# A car of 100 x 64 px has a body length of 80 px. It drives at 240 px/s: three body lengths.
PLACE = 640.0


def runner() -> Actor:
    """Comes from the left, hits at 4 s, drives round the other at half its speed and out at the right."""
    way = [
        (0, -300, 500),
        (4, PLACE - 50, 500),
        (4.2, PLACE - 45, 500),
        (5.2, PLACE + 75, 580),
        (11, 1400, 580),
    ]
    return Actor("car", way, track=1)


def victim(stays_until: float = 60.0) -> Actor:
    """Crosses slowly, is pushed aside at 4 s and stands."""
    return Actor(
        "car",
        [
            (0, PLACE + 50, 300),
            (4, PLACE + 50, 500),
            (4.5, PLACE + 130, 505),
            (stays_until, PLACE + 130, 505),
        ],
        track=2,
    )


def stopper() -> Actor:
    """Hits at 4 s and stands."""
    return Actor(
        "car", [(0, -300, 500), (4, PLACE - 50, 500), (4.2, PLACE - 40, 500), (60, PLACE - 40, 500)], track=1
    )


def detector(**settings: object) -> Detector:
    return Detector(Settings.model_validate(settings), context())


def test_one_stays_and_one_drives_on_is_a_collision_at_once_and_a_hit_and_run_when_it_has_gone() -> None:
    said = watch(detector(), [runner(), victim()], 40)
    assert told(said) == ["collision", "hit_and_run"]
    collision, fled = [one for one in said if one.state == "confirmed"]
    assert collision.stream_s < 8.0, "told at once"
    assert collision.key == fled.key, "an upgrade, no second occurrence"
    assert fled.stream_s - collision.stream_s > 10
    assert float(fled.why["gone_s"]) >= 15
    assert fled.why["leaver"] == "car"
    assert fled.why["heading"] == "right"
    assert set(fled.pictures) == {"leaver"}
    assert 0.6 < collision.score < fled.score <= 1
    assert collision.boxes[0].label == "car"
    assert all(0 <= side <= 1 for box in collision.boxes for side in (box.x1, box.y1, box.x2, box.y2))
    assert collision.before_s > 10 + collision.stream_s - 4.3, (
        "the clip begins ten seconds before the contact"
    )


def test_both_stay_is_a_collision_and_nothing_more() -> None:
    said = watch(detector(), [stopper(), victim()], 90)
    assert told(said) == ["collision"]
    assert [one.state for one in said if one.state == "ended"] == ["ended"]


def test_a_candidate_is_noted_before_anybody_is_told() -> None:
    said = watch(detector(), [stopper(), victim()], 10)
    assert [one.state for one in said] == ["candidate", "confirmed"]
    assert said[0].score <= 0.6, "below what the rules tell people of"


def test_overtaking_is_nothing() -> None:
    slow = Actor("car", [(0, 100, 520), (10, 900, 520)], track=1)
    fast = Actor("car", [(0, -100, 500), (8, 1400, 500)], track=2)
    assert watch(detector(), [slow, fast], 12) == []


def test_passing_a_parked_car_closely_is_nothing() -> None:
    parked = Actor("car", [(0, 640, 520), (30, 640, 520)], track=1)
    passing = Actor("car", [(0, -100, 500), (6, 1400, 500)], track=2)
    assert watch(detector(), [parked, passing], 12) == []


def test_braking_hard_behind_another_is_nothing() -> None:
    """2.2 body lengths/s braked off within two seconds, bumper to bumper at the end."""
    ahead = Actor("car", [(0, 640, 500), (30, 640, 500)], track=1)
    way = [
        (0.0, 0.0, 500.0),
        *((2 + t / 10, 346 + 176 * (t / 10) - 44 * (t / 10) ** 2, 500.0) for t in range(21)),
        (30.0, 522.0, 500.0),
    ]
    assert told(watch(detector(), [ahead, Actor("car", way, track=2)], 30)) == []


def test_a_queue_that_closes_up_is_nothing() -> None:
    """Bumper to bumper, by jerks, all slower than 0.7 body lengths."""
    queue = [
        Actor(
            "car",
            [(t, 200 + 102 * index + 12 * t + (9 if int(t) % 2 else 0), 500.0) for t in range(20)],
            track=index,
        )
        for index in range(6)
    ]
    assert watch(detector(), queue, 19) == []


def test_one_in_front_of_the_other_is_no_contact() -> None:
    """The boxes overlap, the wheels are far apart: one occludes the other."""
    near = Actor(
        "car", [(0, -100, 600), (4, 640, 600), (4.3, 650, 600), (20, 650, 600)], size=(160, 100), track=1
    )
    far = Actor("car", [(0, 700, 500), (20, 700, 500)], size=(80, 50), track=2)
    assert told(watch(detector(), [near, far], 20)) == []


def test_a_rider_and_his_bicycle_are_one() -> None:
    """Both brake dead together, without having hit anything else."""
    way = [(0, 100, 500), (4, 640, 500), (4.1, 645, 500), (20, 645, 500)]
    rider = Actor("person", [(t, x, y - 20) for t, x, y in way], size=(30, 70), track=1)
    bicycle = Actor("bicycle", way, size=(80, 50), track=2)
    assert watch(detector(), [rider, bicycle], 20) == []


def test_a_bicycle_that_is_hit_and_falls_while_the_car_drives_on() -> None:
    rider = Actor(
        "person",
        [(0, 700, 250), (4, 660, 490), (4.4, 690, 495), (60, 690, 495)],
        size=(28, 60),
        track=3,
        fallen_s=4.3,
    )
    bicycle = Actor(
        "bicycle", [(0, 700, 260), (4, 660, 500), (4.4, 700, 505), (60, 700, 505)], size=(50, 40), track=2
    )
    assert told(watch(detector(), [runner(), bicycle, rider], 40)) == ["collision", "hit_and_run"]


def test_a_person_struck_who_falls_counts_although_nobody_lost_speed() -> None:
    """The car does not even slow down, the person stood: no impulse but the fall."""
    car = Actor("car", [(0, -320, 500), (8, 1600, 500)], track=1)
    person = Actor("person", [(0, 640, 505), (60, 640, 505)], size=(30, 70), track=2, fallen_s=4.2)
    said = watch(detector(), [car, person], 40)
    assert told(said) == ["collision", "hit_and_run"]
    assert said[1].why["struck"] == "person"


def test_a_person_who_waits_at_the_kerb_while_a_car_passes_is_nothing() -> None:
    car = Actor("car", [(0, -320, 500), (8, 1600, 500)], track=1)
    person = Actor("person", [(0, 640, 505), (60, 640, 505)], size=(30, 70), track=2)
    assert told(watch(detector(), [car, person], 40)) == []


def test_a_leaver_that_stops_at_the_border_is_no_runner() -> None:
    """It rolls on and stands half outside the picture, where the model then loses it."""
    rolling = Actor(
        "car",
        [(0, -300, 500), (4, PLACE - 50, 500), (4.2, PLACE - 45, 500), (8, 1240, 500), (12, 1240, 500)],
        track=1,
    )
    assert told(watch(detector(), [rolling, victim()], 60)) == ["collision"]


def test_a_leaver_that_stops_within_sight_is_no_runner_until_it_drives_off() -> None:
    way = [(0, -300, 500), (4, PLACE - 50, 500), (4.2, PLACE - 45, 500), (7, 1100, 500), (30, 1100, 500)]
    assert told(watch(detector(), [Actor("car", way, track=1), victim()], 30)) == ["collision"]
    away = [*way, (33, 1800, 500)]
    assert told(watch(detector(), [Actor("car", away, track=1), victim()], 60)) == [
        "collision",
        "hit_and_run",
    ]


def test_a_leaver_that_comes_back_within_a_quarter_of_a_minute_is_no_runner() -> None:
    """A vehicle of its size drives in again eight seconds later and stops beside the other."""
    back = Actor("car", [(15, 1400, 500), (18, 760, 480), (80, 760, 480)], track=9)
    assert told(watch(detector(), [runner(), victim(), back], 80)) == ["collision"]


def test_somebody_who_drives_by_later_does_not_excuse_the_leaver() -> None:
    other = Actor("car", [(12, 1400, 470), (18, -200, 470)], track=9)
    assert told(watch(detector(), [runner(), victim(), other], 40)) == ["collision", "hit_and_run"]


def test_one_that_passes_close_by_right_afterwards_does_not_flee() -> None:
    """Both of the collision stay; a third one drives by within a hand's breadth and out of the picture."""
    third = Actor("car", [(2.5, -100, 545), (9, 1500, 545)], track=3)
    assert told(watch(detector(), [stopper(), victim(), third], 60)) == ["collision"]


def test_nobody_stays_is_worth_a_look_and_no_more() -> None:
    first = runner()
    second = Actor(
        "car", [(0, PLACE + 50, 300), (4, PLACE + 50, 500), (4.5, PLACE + 130, 505), (8, 1500, 650)], track=2
    )
    said = watch(detector(), [first, second], 40)
    assert told(said) == []
    assert [one.review for one in said if one.state == "confirmed"] == [True]


def test_a_track_that_gets_another_number_at_the_impact_is_the_same_thing() -> None:
    switched = replace(victim(), switches={4.1: 77}, hidden=[(4.1, 4.7)])
    assert told(watch(detector(), [replace(runner(), switches={4.2: 55}), switched], 40)) == [
        "collision",
        "hit_and_run",
    ]


def test_unknown_speed_of_one_party_is_allowed() -> None:
    """The victim is seen for the first time a moment before it is hit."""
    late = replace(victim(), hidden=[(0.0, 3.8)])
    assert told(watch(detector(), [stopper(), late], 20)) == ["collision"]


def test_the_same_place_is_quiet_for_half_a_minute() -> None:
    second = Actor("car", [(12, 1400, 495), (18, 760, 495), (18.2, 750, 495), (90, 750, 495)], track=9)
    assert told(watch(detector(), [stopper(), victim(), second], 45)) == ["collision"]


def test_a_crowd_is_not_judged() -> None:
    crowd = [
        Actor(
            "car", [(0, 30 + 40 * index, 100), (60, 30 + 40 * index, 100)], size=(24, 18), track=100 + index
        )
        for index in range(26)
    ]
    assert watch(detector(), [stopper(), victim(), *crowd], 20) == []


def test_a_turning_camera_sees_no_collision_and_forgets_its_tracks() -> None:
    looking = detector()
    watch(looking, [stopper(), victim()], 3.9)
    said = watch(looking, [stopper(), victim()], 0.4, start=3.9, moving=True)
    said += watch(looking, [stopper(), victim()], 20, start=4.3)
    assert told(said) == []


def test_a_change_of_the_whole_scene_is_no_impulse() -> None:
    looking = detector()
    watch(looking, [stopper(), victim()], 4.0)
    said = watch(looking, [stopper(), victim()], 0.5, start=4.0, changed=0.6)
    assert told(said + watch(looking, [stopper(), victim()], 0.4, start=4.5)) == []


def test_what_happens_in_a_parking_zone_does_not_count() -> None:
    half = [(0.4, 0.5), (0.7, 0.5), (0.7, 0.9), (0.4, 0.9)]
    parking = Detector(Settings(parking=("yard",)), context(yard=half))
    assert watch(parking, [stopper(), victim()], 20) == []


def test_only_the_carriageway_counts_and_the_event_names_it() -> None:
    road = [(0.0, 0.6), (1.0, 0.6), (1.0, 0.8), (0.0, 0.8)]
    looking = Detector(Settings(carriageway=("road",)), context(road=road))
    said = watch(looking, [stopper(), victim()], 20)
    assert told(said) == ["collision"]
    assert said[-1].zone == "road"
    away = [(0.0, 0.0), (1.0, 0.0), (1.0, 0.3), (0.0, 0.3)]
    assert (
        watch(Detector(Settings(carriageway=("road",)), context(road=away)), [stopper(), victim()], 20) == []
    )


def test_a_broken_stream_closes_what_is_open_and_forgets_the_tracks() -> None:
    looking = detector()
    said = watch(looking, [runner(), victim()], 10)
    said += looking.end(10.0, START + timedelta(seconds=10))
    assert [one.state for one in said] == ["candidate", "confirmed", "ended"]
    assert told(watch(looking, [victim()], 30, start=11)) == []


def test_a_vehicle_that_stops_dead_in_a_running_lane_and_stays_has_stalled() -> None:
    wreck = Actor("car", [(0, -300, 500), (4, 640, 500), (4.1, 645, 500), (60, 645, 500)], track=1)
    passers = [
        Actor("car", [(6 + 5 * n, -100, 420), (11 + 5 * n, 1400, 420)], track=10 + n) for n in range(4)
    ]
    said = watch(detector(), [wreck, *passers], 40)
    assert told(said) == ["stalled_vehicle"]
    assert float(said[-1].why["stands_s"]) >= 20
    assert said[-1].stream_s < 30


def test_a_vehicle_that_stops_where_all_stop_has_not_stalled() -> None:
    wreck = Actor("car", [(0, -300, 500), (4, 640, 500), (4.1, 645, 500), (60, 645, 500)], track=1)
    assert told(watch(detector(), [wreck], 40)) == []


def test_a_vehicle_that_comes_to_rest_gently_at_the_roadside_has_not_stalled() -> None:
    way = [
        (0.0, 0.0, 500.0),
        *((2 + t / 10, 346 + 173 * (t / 10) - 28 * (t / 10) ** 2, 500.0) for t in range(31)),
        (60.0, 613.0, 500.0),
    ]
    passers = [
        Actor("car", [(6 + 5 * n, -100, 420), (11 + 5 * n, 1400, 420)], track=10 + n) for n in range(4)
    ]
    assert told(watch(detector(), [Actor("car", way, track=1), *passers], 40)) == []


@pytest.mark.parametrize("scale", [0.4, 1.0, 1.6])
def test_the_same_collision_far_away_and_near_is_told_alike(scale: float) -> None:
    """Speeds are body lengths: no calibration."""

    def far(actor: Actor) -> Actor:
        way = [
            (t, WIDTH / 2 + (x - WIDTH / 2) * scale, HEIGHT / 2 + (y - HEIGHT / 2) * scale)
            for t, x, y in actor.way
        ]
        return replace(actor, way=way, size=(actor.size[0] * scale, actor.size[1] * scale))

    assert told(watch(detector(), [far(runner()), far(victim())], 60)) == ["collision", "hit_and_run"]


@pytest.mark.parametrize("fps", [6.0, 10.0, 15.0, 25.0])
def test_it_holds_at_other_frame_rates(fps: float) -> None:
    assert told(watch(detector(), [runner(), victim()], 40, fps=fps)) == ["collision", "hit_and_run"]


def test_headings_are_told_in_picture_terms_on_the_compass_and_to_the_next_camera() -> None:
    assert way_of(Vector(0, -1)) == "up"
    assert way_of(Vector(-1, 1)) == "down-left"
    settings = {"bearing_deg": 90, "next_camera": {"right": "bridge"}}
    fled = watch(detector(**settings), [runner(), victim()], 40)[-2]
    assert (fled.why["heading"], fled.why["compass"], fled.why["next_camera"]) == ("right", "S", "bridge")


def test_keys_go_on_after_a_restart() -> None:
    first = detector()
    key = watch(first, [stopper(), victim()], 10)[0].key
    second = detector()
    second.restore(first.memory())
    assert watch(second, [stopper(), victim()], 10)[0].key != key
    second.restore({"count": "nonsense"})


def test_while_somebody_may_yet_flee_still_pictures_are_wanted_too() -> None:
    """The worker leaves out pictures in which nothing moves; that the leaver stays away shows in exactly those."""
    looking = detector()
    assert not looking.waiting
    watch(looking, [runner(), victim()], 12)
    assert looking.waiting
    watch(looking, [runner(), victim()], 30, start=12)
    assert not looking.waiting
