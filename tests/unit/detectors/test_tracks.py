from __future__ import annotations

import numpy as np

from detectors.runtime.contracts import Detections
from detectors.runtime.tracks import GAP_S, Tracks


def seen(*boxes: tuple[float, float, float, str]) -> Detections:
    """Boxes of 60 x 40 by x, y, score and label."""
    xyxy = np.array([[x, y, x + 60, y + 40] for x, y, _, _ in boxes], np.float32).reshape(-1, 4)
    scores = np.array([score for _, _, score, _ in boxes], np.float32)
    return Detections(xyxy, scores, tuple(label for _, _, _, label in boxes))


def numbers(found: Detections) -> list[int]:
    assert found.tracks is not None
    return found.tracks.tolist()


def test_two_cars_keep_their_numbers_whatever_the_order_of_boxes() -> None:
    tracks = Tracks(10.0)
    kept: dict[str, dict[str, int]] = {}
    for index in range(20):
        one, other = (10.0 + 6 * index, 50.0, 0.8, "car"), (500.0 - 6 * index, 200.0, 0.7, "truck")
        found = tracks.follow(seen(one, other) if index % 2 else seen(other, one), index / 10)
        assert found.labels == (("car", "truck") if index % 2 else ("truck", "car")), (
            "rows stay where they were"
        )
        if index >= 2:
            by_label = dict(zip(found.labels, numbers(found), strict=True))
            assert len(set(by_label.values())) == 2
            assert min(by_label.values()) >= 0
            assert by_label == kept.setdefault("cars", by_label)


def test_a_car_that_is_hidden_for_a_second_is_the_same_afterwards() -> None:
    tracks = Tracks(10.0)
    for index in range(10):
        before = numbers(tracks.follow(seen((10.0 + 4 * index, 50.0, 0.8, "car")), index / 10))
    for index in range(10, 20):
        assert numbers(tracks.follow(seen(), index / 10)) == []
    for index in range(20, 24):
        after = numbers(tracks.follow(seen((10.0 + 4 * index, 50.0, 0.8, "car")), index / 10))
    assert after == before


def test_a_faint_car_is_followed_further_but_never_begins() -> None:
    tracks = Tracks(10.0)
    for index in range(5):
        sure = numbers(
            tracks.follow(seen((10.0 + 4 * index, 50.0, 0.8, "car"), (300.0, 200.0, 0.15, "car")), index / 10)
        )
    assert sure[0] >= 0
    assert sure[1] == -1
    assert numbers(tracks.follow(seen((30.0, 50.0, 0.15, "car")), 0.5)) == [sure[0]]


def test_after_a_gap_and_when_time_goes_back_everything_is_new_and_no_number_comes_twice() -> None:
    tracks = Tracks(10.0)
    used: set[int] = set()
    now = 100.0
    for jump in (0.0, GAP_S + 1.0, -50.0):
        now += jump
        found: set[int] = set()
        for _ in range(5):
            now += 0.1
            found |= {
                number
                for number in numbers(tracks.follow(seen((10.0, 50.0, 0.8, "car")), now))
                if number >= 0
            }
        assert len(found) == 1
        assert not found & used
        used |= found
