from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs the extra 'vision'")

import cv2

from detectors.runtime.contracts import Detections, Picture
from detectors.runtime.network import BadModel
from detectors.runtime.privacy import GREY, Masks, Shroud, pixelated, regions

PEOPLE = ("person", "car")


class Told:
    """A model that sees what it is told; with a fault when it is told to fail."""

    def __init__(
        self, labels: tuple[str, ...], *boxes: tuple[str, int, int, int, int], broken: bool = False
    ) -> None:
        self.labels = labels
        self._boxes = boxes
        self._broken = broken

    def look(self, image: Picture) -> Detections:
        if self._broken:
            raise BadModel("no memory left")
        return seen(*self._boxes)


def seen(*boxes: tuple[str, int, int, int, int]) -> Detections:
    corners = np.array([box[1:] for box in boxes], np.float32).reshape(-1, 4)
    return Detections(corners, np.full(len(boxes), 0.9, np.float32), tuple(box[0] for box in boxes))


@pytest.fixture
def noise() -> Picture:
    return np.random.default_rng(3).integers(0, 256, (240, 320, 3), np.uint8)


def same(one: Picture, other: Picture) -> bool:
    return bool(np.array_equal(one, other))


def test_the_head_of_a_person_and_the_foot_of_a_car_are_covered_and_nothing_else(noise: Picture) -> None:
    model = Told(PEOPLE, ("person", 40, 20, 80, 140), ("car", 150, 100, 270, 180))
    covered = Shroud([model]).cover(noise)
    assert (covered.how, covered.regions) == ("blurred", 2)
    changed = np.any(covered.image != noise, axis=2)
    assert changed[20:61, 40:80].mean() > 0.98  # the upper third of the person
    assert changed[146:180, 150:270].mean() > 0.98  # where the plate is
    assert not changed[75:140, 40:80].any()
    assert not changed[100:130, 150:270].any()
    assert not changed[:, 290:].any()


def test_a_covered_face_is_a_few_blocks_in_sixteen_steps(noise: Picture) -> None:
    ((x1, y1, x2, y2),) = regions(seen(("face", 100, 100, 160, 172)), 240, 320)
    block = pixelated(noise, [(x1, y1, x2, y2)])[y1:y2, x1:x2]
    colours = {tuple(pixel) for pixel in block.reshape(-1, 3).tolist()}
    assert len(colours) <= 5 * 5
    assert all(value % 16 == 8 for colour in colours for value in colour)


@pytest.mark.parametrize("text", ["A 12345", "7 B"])
def test_letters_on_a_plate_cannot_be_told_apart_afterwards(text: str) -> None:
    results = []
    for words in (text, "Z 98760"[: len(text)]):
        picture = np.full((120, 240, 3), 255, np.uint8)
        cv2.putText(picture, words, (20, 70), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (0, 0, 0), 4)
        place = regions(seen(("plate", 15, 30, 225, 80)), 120, 240)
        results.append(pixelated(picture, place)[25:85, 10:230].astype(int))
    before = 255  # black on white
    assert np.abs(results[0] - results[1]).max() < before / 3


def test_a_person_lying_or_far_away_is_covered_whole() -> None:
    (lying,) = regions(seen(("person", 100, 100, 200, 150)), 240, 320)
    (far,) = regions(seen(("person", 10, 10, 20, 40)), 240, 320)
    assert lying[3] >= 150
    assert far[3] >= 40


def test_regions_stay_inside_the_picture() -> None:
    for x1, y1, x2, y2 in regions(seen(("face", -20, -20, 400, 300), ("car", 300, 200, 330, 250)), 240, 320):
        assert 0 <= x1 < x2 <= 320
        assert 0 <= y1 < y2 <= 240


@pytest.mark.parametrize(
    ("models", "why"),
    [
        ([], "no model here"),
        ([Told(("fire", "smoke"))], "no model here"),
        ([Told(("person",))], "no model here"),  # faces, but no plates
        ([Told(PEOPLE, broken=True)], "the model failed: no memory left"),
    ],
)
def test_where_nothing_can_say_what_to_cover_only_a_grey_ground_is_written(
    models: list[Told], why: str, noise: Picture
) -> None:
    covered = Shroud(models).cover(noise)
    assert covered.how == "boxes_only"
    assert why in covered.why
    assert (covered.image == GREY).all()


def test_two_models_may_share_the_work(noise: Picture) -> None:
    shroud = Shroud(
        [Told(("face",), ("face", 10, 10, 50, 50)), Told(("plate",), ("plate", 100, 100, 160, 120))]
    )
    covered = shroud.cover(noise)
    assert (covered.how, covered.regions) == ("blurred", 2)


def test_what_the_detectors_model_saw_is_covered_too(noise: Picture) -> None:
    covered = Shroud([Told(PEOPLE)]).cover(noise, [seen(("person", 40, 20, 80, 140))])
    assert covered.regions == 1
    assert not same(covered.image, noise)


def test_off_must_be_said_and_keeps_the_picture_and_boxes_only_is_always_possible(noise: Picture) -> None:
    assert same(Shroud([], "off").cover(noise).image, noise)
    assert (Shroud([Told(PEOPLE)], "boxes_only").cover(noise).image == GREY).all()


def test_a_mask_is_grey_and_one_of_another_preset_is_not_applied(noise: Picture) -> None:
    window = [(0.5, 0.0), (1.0, 0.0), (1.0, 0.5), (0.5, 0.5)]
    masks = Masks({"": [window], "street": [[(0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (0.0, 1.0)]]})
    masked = masks.apply(noise)
    assert (masked[:119, 161:] == GREY).all()
    assert same(masked[125:], noise[125:])
    at_street = masks.apply(noise, "street")
    assert (at_street[122:, :159] == GREY).all()
    assert (at_street[:119, 161:] == GREY).all()
    assert Masks({}).apply(noise) is noise
