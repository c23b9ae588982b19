"""Building where nothing may be built, on a rendered place: every day another light, and a wall that grows or does not."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from detectors.illegal_building import Settings
from detectors.runtime import album as albums
from detectors.runtime.contracts import Detections
from detectors.runtime.plates import PlateMaker
from tests.unit.detectors.place import FIRST, Place, Site

HOURS = (8.0, 12.0, 16.0)
LEARNT = 4  # days until it knows the place
WALL = (90, 280, 110, 60)  # 4 % of the picture


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What lies on the disk when the place is known; each test goes on from a copy, as after a restart."""
    folder = tmp_path_factory.mktemp("learnt")
    assert site(folder, Place()).days(0, LEARNT) == []
    assert albums.read(folder / "fixed").usable is not None
    return folder


def site(folder: Path, place: Place, **more: object) -> Site:
    return Site(folder, place, {"slots": HOURS, **more}, hours=HOURS, pictures=3)


@pytest.fixture
def folder(learnt: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(learnt, tmp_path / "state"))


def test_a_wall_that_grows_is_suspected_and_then_sure(folder: Path) -> None:
    watched = site(folder, Place(wall=WALL, from_day=5))
    said = watched.days(LEARNT, 14)
    told = [(one.kind, one.state) for one in said if one.state == "confirmed"]
    assert told == [("building_change", "confirmed"), ("illegal_building", "confirmed")]
    suspected, sure = [one for one in said if one.state == "confirmed"]
    assert suspected.key == sure.key
    assert 6.3 < suspected.stream_s / 86400 < 8, "after a day and a half when it grows, else two"
    assert 12 <= sure.stream_s / 86400 < 13.5, "after seven days"
    assert 0.5 < suspected.score < sure.score <= 1
    assert sure.zone == "field"
    assert float(sure.why["days"]) == pytest.approx(7, abs=1)
    box = sure.boxes[0]
    assert box.x1 * 480 < 110 < 180 < box.x2 * 480
    assert box.y1 * 320 < 240 < 270 < box.y2 * 320
    assert set(sure.pictures) == {"before", "after", "outline", "time_lapse"}
    assert all(picture.dtype == np.uint8 and picture.ndim == 3 for picture in sure.pictures.values())
    wall = (
        sure.pictures["after"][250:278, 100:190].astype(int),
        sure.pictures["before"][250:278, 100:190].astype(int),
    )
    assert (wall[0][:, :, 2] - wall[0][:, :, 0]).mean() > (wall[1][:, :, 2] - wall[1][:, :, 0]).mean() + 20, (
        "red bricks"
    )


def test_nothing_built_is_nothing_said_in_any_light(folder: Path) -> None:
    assert site(folder, Place()).days(LEARNT, 16) == []


def test_references_all_of_one_hour_are_no_knowledge_and_nothing_is_judged(tmp_path: Path) -> None:
    """A sunset mistakes the next one for a wall: it waits for other light, however long."""
    watched = site(tmp_path, Place(wall=WALL, from_day=16))
    watched.hours = (12.0,)
    assert watched.days(0, 26) == []
    album = albums.read(tmp_path / "fixed")
    assert album.usable is None
    assert len(album.references) <= albums.REFERENCES, "bounded"
    assert len(list((tmp_path / "fixed").glob("*.jpg"))) == len(album.references)


def test_a_restart_in_the_middle_of_it_changes_nothing(folder: Path, tmp_path: Path) -> None:
    place = Place(wall=WALL, from_day=5)
    whole = site(Path(shutil.copytree(folder, tmp_path / "whole")), place).days(LEARNT, 10)
    parts = [one for day in range(LEARNT, 10) for one in site(folder, place).days(day, day + 1)]
    assert [(one.kind, one.key, one.stream_s) for one in parts] == [
        (one.kind, one.key, one.stream_s) for one in whole
    ]
    assert parts


def test_a_lorry_that_parks_there_half_of_the_days_is_nothing(folder: Path) -> None:
    parked = tuple((day, hour) for day in range(5, 13, 2) for hour in (8, 12, 16))
    assert site(folder, Place(parked=parked)).days(LEARNT, 13) == []


def test_a_heap_that_is_gone_after_a_day_is_nothing(folder: Path) -> None:
    assert site(folder, Place(wall=(90, 280, 110, 60), from_day=5, until_day=6)).days(LEARNT, 10) == []


def test_what_is_built_outside_the_zone_is_nothing(folder: Path) -> None:
    assert site(folder, Place(wall=(225, 100, 90, 60), from_day=3.9)).days(LEARNT, 10) == []


def test_what_is_pulled_down_again_is_over(folder: Path) -> None:
    said = site(folder, Place(wall=WALL, from_day=5, until_day=9)).days(LEARNT, 12)
    assert [one.state for one in said if one.kind == "building_change"][-1] == "ended"


def test_a_permit_turns_it_into_a_note_and_what_stands_at_its_end_is_accepted(folder: Path) -> None:
    permit = {"zone": "field", "from": FIRST.date(), "to": (FIRST + timedelta(days=9)).date()}
    said = site(folder, Place(wall=WALL, from_day=5), permits=[permit]).days(LEARNT, 18)
    assert [(one.state, one.why["permit"]) for one in said] == [("candidate", "yes")]
    assert albums.read(folder / "fixed").suspicions == []


def test_a_permit_for_another_time_is_none(folder: Path) -> None:
    permit = {"zone": "field", "from": "2025-01-01", "to": "2025-12-31"}
    said = site(folder, Place(wall=WALL, from_day=5), permits=[permit]).days(LEARNT, 9)
    assert [one.state for one in said][:1] == ["confirmed"]


def test_accepted_is_how_the_place_may_look_and_a_second_wall_is_found(folder: Path) -> None:
    place = Place(wall=WALL, from_day=5)
    watched = site(folder, place)
    key = watched.days(LEARNT, 9)[0].key
    watched.detector.mark(key, right=False, at=FIRST)
    assert watched.days(9, 13) == []
    again = site(folder, Place(wall=WALL, from_day=5))  # after a restart
    again.place.wall = (WALL[0], WALL[1], WALL[2] + 80, WALL[3])  # a wing is added to it
    again.place.from_day = 5
    assert [one.kind for one in again.days(13, 18)][:1] == ["building_change"]


def test_what_a_person_has_called_right_is_not_told_again(folder: Path) -> None:
    place = Place(wall=WALL, from_day=5)
    watched = site(folder, place)
    key = watched.days(LEARNT, 9)[0].key
    watched.detector.mark(key, right=True, at=FIRST)
    assert site(folder, place).days(9, 14) == []


def test_a_turned_camera_is_told_as_such_and_is_no_building(folder: Path) -> None:
    said = site(folder, Place(turned_day=5)).days(LEARNT, 9)
    assert [one.kind for one in said] == ["camera_moved"]
    assert said[0].stream_s / 86400 < 6


def test_a_camera_that_is_turned_while_it_learns_begins_anew_and_says_so_in_the_log_only(
    tmp_path: Path,
) -> None:
    watched = site(tmp_path, Place(turned_day=1))
    said = watched.days(0, 4)
    assert [(one.kind, one.state) for one in said] == [("camera_moved", "candidate")]
    assert all(one.local.date() > FIRST.date() for one in albums.read(tmp_path / "fixed").references)


@pytest.mark.parametrize("weather", ["fog", "snow"])
def test_fog_and_snow_are_days_on_which_nothing_is_judged(folder: Path, weather: str) -> None:
    days = tuple(range(5, 9))
    place = Place(fog=days) if weather == "fog" else Place(snow=days)
    before = len(albums.read(folder / "fixed").history)
    assert site(folder, place).days(LEARNT, 9) == []
    assert len(albums.read(folder / "fixed").history) == before + 3 * (5 - LEARNT)


def test_machines_on_two_days_make_it_surer(folder: Path) -> None:
    digger = Detections(
        np.array([[200, 200, 280, 260]], np.float32), np.array([0.7], np.float32), ("excavator",)
    )
    place = Place(wall=WALL, from_day=4.0, at_once=True)
    without = site(Path(shutil.copytree(folder, folder.parent / "without")), place).days(LEARNT, 8)
    with_digger = site(folder, place).days(LEARNT, 8, digger)
    assert with_digger[0].stream_s <= without[0].stream_s - 0.6 * 86400, "believed a day earlier"
    assert with_digger[0].score > without[0].score
    assert with_digger[0].why["machine_days"] >= 2


def test_a_private_zone_is_painted_over_before_anything_is_kept(tmp_path: Path) -> None:
    watched = site(tmp_path, Place(), private=("field",))
    watched.days(0, 1)
    (kept, *_) = sorted((tmp_path / "fixed").glob("ref-*.jpg"))
    field = cv2.imread(str(kept))[170:300, 60:420]
    assert field.std() < 3
    assert cv2.imread(str(kept))[40:120].std() > 20


def test_people_who_walk_through_are_not_in_the_plate() -> None:
    def red(picture: np.ndarray) -> float:
        blue, green, red = np.moveaxis(picture[255:290].astype(int), 2, 0)
        return float(((red > blue + 70) & (red > green + 70)).mean())

    maker = PlateMaker([12.0], 15, timedelta(minutes=10))
    pictures = [Place().picture(1, 12, take) for take in range(15)]
    plates = [
        maker.offer(one, FIRST + timedelta(hours=12, seconds=41 * take)) for take, one in enumerate(pictures)
    ]
    assert all(red(one) > 0.02 for one in pictures)
    assert plates[-1] is not None
    assert red(plates[-1]) < 0.002


def test_a_broken_state_is_set_aside_and_the_place_learnt_anew(folder: Path) -> None:
    (folder / "fixed" / "state.json").write_text("{half", encoding="utf-8")
    watched = site(folder, Place())
    assert watched.days(5, 6) == []
    assert (folder / "fixed" / "state.broken").is_file()
    assert len(albums.read(folder / "fixed").references) == 3


def test_each_preset_of_a_turning_camera_has_its_own_album(tmp_path: Path) -> None:
    watched = site(tmp_path, Place())
    watched.zones = ()
    watched.detector = watched.fresh()
    watched.days(0, 1)
    frame_of = Place().picture(1, 8, 0)
    from detectors.runtime.contracts import Frame  # noqa: PLC0415

    for take in range(3):
        at = FIRST + timedelta(days=1, hours=8, minutes=4 * take) - timedelta(hours=8)
        watched.detector.look(Frame(frame_of, 0.0, at, preset="quarry"), None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fixed", "quarry"]


def test_months_are_bounded_in_plates_and_bytes(folder: Path) -> None:
    album = albums.read(folder / "fixed")
    plate = Place().picture(9, 12, 0)
    changed = np.zeros_like(album.usable)
    for step in range(3 * 200):
        at = FIRST + timedelta(days=10 + step // 3, hours=4 * (step % 3))
        album.add_plate(plate, at, at, changed)
    album.write()
    files = list((folder / "fixed").iterdir())
    assert len(files) <= albums.REFERENCES + albums.PLATES + 1
    assert sum(path.stat().st_size for path in files) < 16_000_000
    again = albums.read(folder / "fixed")
    assert [one.name for one in again.plates] == [one.name for one in album.plates]
    ages = [(album.plates[-1].at - one.at).days for one in album.plates]
    assert max(ages) > 100, "the time-lapse goes back for months"
    assert json.loads((folder / "fixed" / "state.json").read_text(encoding="utf-8"))["version"] == 1


def test_slots_of_one_hour_are_refused() -> None:
    with pytest.raises(ValidationError, match="span"):
        Settings.model_validate({"slots": [12, 12.5, 13]})


def test_a_plate_is_the_median_of_pictures_spread_over_the_slot() -> None:
    maker = PlateMaker([8.0], 5, timedelta(minutes=10))
    morning = FIRST + timedelta(hours=8)
    pictures = [np.full((90, 160, 3), value, np.uint8) for value in (10, 200, 90, 100, 110)]
    assert maker.offer(pictures[0], morning - timedelta(minutes=1)) is None, "not yet"
    made = []
    for index, picture in enumerate(pictures):
        made.append(maker.offer(picture, morning + timedelta(minutes=2 * index)))
        made.append(maker.offer(pictures[0], morning + timedelta(minutes=2 * index, seconds=20)))  # too early
    assert [one is not None for one in made].index(True) == 8
    assert made[8] is not None
    assert int(made[8][0, 0, 0]) == 100
    assert maker.offer(pictures[0], morning + timedelta(minutes=30)) is None, "one a slot"
