from __future__ import annotations

import threading

from detectors.runtime.slots import Slots


def test_the_newest_picture_replaces_the_one_nobody_took_and_keeps_its_turn() -> None:
    slots: Slots[int] = Slots(["a", "b"])
    slots.put("a", 1)
    slots.put("b", 2)
    slots.put("a", 3)
    assert slots.take(0) == ("a", 3)
    assert slots.take(0) == ("b", 2)
    assert slots.take(0) is None
    assert slots.replaced == {"a": 1, "b": 0}


def test_a_busy_camera_does_not_push_its_neighbour_away() -> None:
    slots: Slots[int] = Slots(["busy", "calm"])
    seen = []
    slots.put("calm", 0)
    for index in range(10):
        slots.put("busy", index)
        taken = slots.take(0)
        assert taken is not None
        seen.append(taken[0])
    assert seen[0] == "calm"
    assert seen.count("busy") == 9


def test_a_files_pictures_all_wait_for_their_turn() -> None:
    slots: Slots[int] = Slots(["file"])
    writer = threading.Thread(target=lambda: [slots.put_in_turn("file", index) for index in range(50)])
    writer.start()
    taken = [slots.take(5) for _ in range(50)]
    writer.join(5)
    assert taken == [("file", index) for index in range(50)]
    assert slots.replaced == {"file": 0}


def test_closing_frees_who_waits() -> None:
    slots: Slots[int] = Slots(["file"])
    slots.put_in_turn("file", 1)
    answers: list[bool] = []
    writer = threading.Thread(target=lambda: answers.append(slots.put_in_turn("file", 2)))
    writer.start()
    slots.close()
    writer.join(5)
    assert answers == [False]
