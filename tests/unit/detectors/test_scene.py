from __future__ import annotations

import functools

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.runtime.condition import Condition
from detectors.runtime.scene import Gate, mask_of, small
from gateway.cameras import Watch

Image = NDArray[np.uint8]
RNG = np.random.default_rng(7)


@functools.cache
def scene() -> Image:
    """A scene with edges at all sizes, always the same one."""
    rng = np.random.default_rng(3)
    image = np.full((200, 356, 3), 90, np.uint8)
    for _ in range(60):
        x, y, w, h = rng.integers(0, 330), rng.integers(0, 180), rng.integers(6, 66), rng.integers(6, 50)
        image[y : y + h, x : x + w] = rng.integers(20, 230)
    return image


def street(brightness: float = 1.0, shift: int = 0) -> Image:
    image = scene() if brightness == 1.0 else cv2.convertScaleAbs(scene(), alpha=brightness)
    return np.roll(image, shift, axis=1) if shift else image


def noisy(image: Image, sigma: float = 3.0) -> Image:
    return np.clip(image + RNG.normal(0, sigma, image.shape), 0, 255).astype(np.uint8)


def with_car(x: int) -> Image:
    image = street().copy()
    image[100:133, x : x + 50] = 250
    return image


def test_noise_does_not_open_the_gate_and_a_car_does() -> None:
    gate = Gate()
    still = [gate.judge(noisy(street()), index / 5) for index in range(100)]
    assert still[0].open, "the first picture is looked at: nobody knows it yet"
    assert not still[-1].open
    assert max(motion.share for motion in still[1:]) < 0.0006
    drive = [gate.judge(noisy(with_car(11 * index)), 20 + index / 5) for index in range(20)]
    assert all(motion.open for motion in drive[1:])
    assert drive[10].share > 0.005


def test_the_gate_stays_open_for_a_while_and_closes_again() -> None:
    gate = Gate()
    for index in range(100):
        gate.judge(street(), index / 5)
    gate.judge(with_car(100), 20.0)
    assert gate.judge(street(), 25.0).open
    assert not gate.judge(street(), 31.0).open


def test_a_slow_change_of_light_is_learnt() -> None:
    gate = Gate()
    shares = [
        gate.judge(street(1.0 - 0.4 * index / 3000), index / 5).share for index in range(3000)
    ]  # ten minutes
    assert max(shares) < 0.01


def test_a_change_of_everything_is_told_apart_from_movement() -> None:
    gate = Gate()
    for index in range(50):
        gate.judge(street(), index / 5)
    assert gate.judge(street(0.35), 10.0).changed > 0.3
    assert gate.judge(street(0.35), 10.2).changed < 0.01


def test_what_moves_within_a_mask_is_not_seen() -> None:
    mask = mask_of([((0.0, 0.4), (1.0, 0.4), (1.0, 0.8), (0.0, 0.8))])
    assert mask is not None
    gate = Gate(mask)
    for index in range(100):
        gate.judge(street(), index / 5)
    assert not any(gate.judge(with_car(11 * index), 20 + index / 5).open for index in range(20))
    assert mask_of([]) is None


def test_a_turning_camera_learns_nothing() -> None:
    gate = Gate()
    for index in range(50):
        gate.judge(street(), index / 5)
    assert gate.judge(street(shift=110), 10.0, turning=True).open
    assert gate.judge(street(shift=110), 10.2).share < 0.001, "where it stands now is what there is"


def condition(**watch: str) -> Condition:
    return Condition(Watch.model_validate(watch), 0.0)


def run(one: Condition, images: list[Image] | Image, start: float, seconds: float) -> list[str]:
    """Five pictures a second; what it complains about."""
    said = []
    for index in range(round(seconds * 5)):
        image = images[index % len(images)] if isinstance(images, list) else images
        now = start + index / 5
        one.saw(small(image), now)
        complaint = one.complaint(now)
        if complaint is not None:
            said.append(complaint.kind)
    return said


def test_no_picture_for_eight_seconds_is_blind_with_its_reason_and_is_said_again_and_ended() -> None:
    one = condition()
    one.saw(small(street()), 0.0)
    assert one.complaint(7.9) is None
    blind = one.complaint(8.0, "401 Unauthorized")
    assert blind is not None
    assert (blind.kind, blind.new, blind.why["reason"]) == ("camera_blind", True, "401 Unauthorized")
    assert one.complaint(100.0, "401 Unauthorized") is None
    again = one.complaint(308.0, "401 Unauthorized")
    assert again is not None
    assert not again.new
    one.saw(small(street()), 310.0)
    back = one.complaint(310.0)
    assert back is not None
    assert (back.kind, back.why) == ("camera_back", {"was": "camera_blind"})


def test_a_camera_that_was_never_there_is_blind_too() -> None:
    one = condition()
    complaint = one.complaint(8.0, "Connection refused")
    assert complaint is not None
    assert complaint.kind == "camera_blind"


def test_the_very_same_picture_is_frozen_and_a_living_still_scene_is_not() -> None:
    living = [noisy(street()) for _ in range(12)]
    assert run(condition(), living, 0.0, 120.0) == []
    assert run(condition(), street(), 0.0, 12.0) == ["camera_frozen"]
    assert run(condition(frozen="0s"), street(), 0.0, 60.0) == []


def test_a_hand_before_the_lens_is_covered() -> None:
    one = condition()
    living = [noisy(street()) for _ in range(12)]
    assert run(one, living, 0.0, 90.0) == []
    dark = [noisy(np.full((200, 356, 3), 30, np.uint8), 2.0) for _ in range(12)]
    assert run(one, dark, 90.0, 12.0) == ["camera_covered"]
    assert run(one, living, 102.0, 2.0) == ["camera_back"]


def test_dusk_is_not_covered() -> None:
    one = condition()
    fading = [noisy(street(1.0 - 0.9 * index / 600), 1.0) for index in range(600)]  # half an hour
    said = []
    for index, image in enumerate(fading):
        one.saw(small(image), 3.0 * index)
        complaint = one.complaint(3.0 * index)
        said += [complaint.kind] if complaint else []
    assert said == []


@pytest.mark.parametrize("shift", [36, 110, 178])
def test_another_view_is_moved_and_becomes_the_scene_in_time(shift: int) -> None:
    one = condition()
    assert run(one, [noisy(street()) for _ in range(8)], 0.0, 90.0) == []
    other = [noisy(street(shift=shift)) for _ in range(8)]
    assert run(one, other, 90.0, 12.0) == ["camera_moved"]
    assert run(one, other, 102.0, 320.0)[-1] == "camera_back"


@pytest.mark.parametrize("brightness", [0.4, 0.7, 1.4])
def test_light_and_a_passing_lorry_are_not_moved(brightness: float) -> None:
    one = condition()
    assert run(one, [noisy(street()) for _ in range(8)], 0.0, 90.0) == []
    lorry = noisy(street(brightness))
    lorry[55:165, 80:280] = 200
    assert run(one, [noisy(lorry) for _ in range(8)], 90.0, 20.0) == []


def tour(one: Condition, rounds: int, start: float, *, north_shift: int = 0) -> list[str]:
    """Two presets, twelve seconds each, three seconds of turning between them."""
    views = {
        "north": [noisy(street(shift=north_shift)) for _ in range(4)],
        "south": [noisy(street(shift=178)) for _ in range(4)],
    }
    said, now = [], start
    for step in range(rounds * 30 * 2):
        second = step % 30
        place = "north" if second < 15 else "south"
        turning = second % 15 < 3
        one.saw(small(views[place][step % 4]), now, place="" if turning else place, turning=turning)
        complaint = one.complaint(now)
        said += [f"{complaint.kind} {complaint.why.get('preset', '')}".strip()] if complaint else []
        now += 1.0
    return said


def test_a_round_of_places_is_no_trouble_and_a_place_that_has_shifted_is() -> None:
    one = condition()
    assert tour(one, 5, 0.0) == []
    assert "camera_moved north" in tour(one, 1, 300.0, north_shift=60)
