from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs the extra 'vision'")
pytest.importorskip("cryptography", reason="needs the extra 'vision'")

import cv2

from detectors.runtime.archive import Archive, evidence_of
from detectors.runtime.build import Built
from detectors.runtime.contracts import Box, Frame, Picture, Sighting, State
from detectors.runtime.evidence import Keeper
from detectors.runtime.footage import FileFootage, Ring
from detectors.runtime.privacy import GREY, Masks, Shroud
from gateway.cameras import Eyes
from gateway.clock import ManualClock
from gateway.evidence.inbox import Inbox
from gateway.evidence.notebook import mark
from gateway.evidence.sealed import new_keys, opened
from gateway.evidence.settings import EvidenceSettings
from gateway.evidence.shelf import Item, Shelf
from tests.unit.detectors.runtime.test_privacy import PEOPLE, Told, seen

AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[4]
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def frame(stream_s: float = 0.0, image: Picture | None = None) -> Frame:
    picture = np.random.default_rng(5).integers(0, 256, (180, 320, 3), np.uint8) if image is None else image
    return Frame(picture, stream_s, AT + timedelta(seconds=stream_s))


def fire(
    stream_s: float = 0.0, state: State = State.CONFIRMED, kind: str = "fire", **more: object
) -> Sighting:
    one = Sighting(
        kind, state, "place-1", stream_s, AT + timedelta(seconds=stream_s), 0.8,
        zone="yard", boxes=(Box(0.1, 0.1, 0.3, 0.4, "fire", 0.81),), why={"hits": 7, "peak": 0.81234567},
    )  # fmt: skip
    return replace(one, **more)  # type: ignore[arg-type]


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as one:
        yield one


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "evidence")


def found(shelf: Shelf, number: str | None) -> Item:
    assert number is not None
    item = shelf.find(number)
    assert item is not None
    return item


def picture(item: Item, name: str) -> Picture:
    content = item.read(name)
    assert content is not None
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)


def keeper(
    shelf: Shelf, executor: ThreadPoolExecutor, shroud: Shroud | None = None, **more: object
) -> Keeper:
    settings = more.pop("settings", EvidenceSettings())
    return Keeper(shelf, settings, "gate", shroud=shroud or Shroud([Told(PEOPLE)]), executor=executor, **more)  # type: ignore[arg-type]


def test_a_confirmed_sighting_is_on_the_disk_with_all_that_explains_it(
    shelf: Shelf, executor: ThreadPoolExecutor
) -> None:
    one = keeper(shelf, executor, facts=lambda: {"ptz": {"pan": 12.5}, "models": {"fire11n": "ab12"}})
    for step in range(3):
        one.see(frame(step / 5), [seen(("fire", 30, 20, 90, 70))])
    item = found(shelf, one.keep(fire(0.6), frame(0.6)))
    assert set(item.files) == {"snapshot.jpg", "clean.jpg", "trace.jsonl"}
    assert item.meta["why"] == {"hits": 7, "peak": 0.8123}
    assert item.meta["boxes"] == [[0.1, 0.1, 0.3, 0.4, "fire", 0.81]]
    assert (item.meta["camera"], item.meta["key"], item.meta["zone"]) == ("gate", "place-1", "yard")
    assert (item.meta["ptz"], item.meta["models"]) == ({"pan": 12.5}, {"fire11n": "ab12"})
    rows = [json.loads(line) for line in (item.read("trace.jsonl") or b"").splitlines()]
    assert [row["s"] for row in rows] == [0.0, 0.2, 0.4, 0.6]
    assert rows[0]["seen"] == [["fire", 0.9, 30.0, 20.0, 90.0, 70.0, -1]]
    assert rows[-1]["state"] == "confirmed"
    assert not np.array_equal(picture(item, "snapshot.jpg"), picture(item, "clean.jpg"))


def test_a_candidate_leaves_nothing_on_the_disk(shelf: Shelf, executor: ThreadPoolExecutor) -> None:
    assert keeper(shelf, executor).keep(fire(state=State.CANDIDATE), frame()) is None
    assert list(shelf.items()) == []


def test_one_occurrence_has_one_id_and_grows(shelf: Shelf, executor: ThreadPoolExecutor) -> None:
    one = keeper(shelf, executor)
    first = one.keep(fire(0, kind="collision"), frame())
    leaver = np.full((60, 80, 3), 200, np.uint8)
    second = one.keep(fire(15, kind="hit_and_run", pictures={"leaver": leaver}), frame(15))
    one.see(frame(16), [])
    third = one.keep(fire(40, State.ENDED, kind="hit_and_run"), frame(40))
    assert first == second == third
    item = found(shelf, first)
    assert set(item.files) == {"snapshot.jpg", "clean.jpg", "trace.jsonl", "hit_and_run.jpg", "leaver.jpg"}
    assert (item.meta["kind"], item.meta["state"], item.meta["picture"]) == (
        "hit_and_run",
        "ended",
        "hit_and_run.jpg",
    )
    assert [step["state"] for step in item.meta["steps"]] == ["confirmed", "ended"]
    assert b'"s": 16' in (item.read("trace.jsonl") or b"")
    later = one.keep(fire(100, kind="collision"), frame(100))
    assert later not in {None, first}


def test_without_a_model_only_boxes_on_grey_are_written(shelf: Shelf, executor: ThreadPoolExecutor) -> None:
    one = keeper(shelf, executor, Shroud([]))
    crop = np.full((60, 80, 3), 200, np.uint8)
    item = found(shelf, one.keep(fire(pictures={"before": crop}), frame()))
    assert set(item.files) == {"snapshot.jpg", "trace.jsonl"}
    assert item.meta["rendering"]["how"] == "boxes_only"
    assert item.meta["left_out"] == ["before"]
    shown = picture(item, "snapshot.jpg").astype(int)
    assert np.abs(shown[100:150, 200:] - GREY).max() < 12  # JPEG
    assert one.kept.notes["picture"].startswith("boxes only")


def test_the_original_is_kept_sealed_only_and_only_when_asked_for(
    shelf: Shelf, executor: ThreadPoolExecutor, tmp_path: Path
) -> None:
    public, private = new_keys(tmp_path / "keys")
    settings = EvidenceSettings(key=public, original=True)
    across, down = np.meshgrid(np.linspace(0, 255, 320), np.linspace(0, 255, 180))
    image = np.stack([across, down, 255 - across], 2).astype(np.uint8)
    one = keeper(shelf, executor, Shroud([]), settings=settings)
    item = found(shelf, one.keep(fire(), frame(image=image)))
    raw = opened(item.read("original.jpg.sealed") or b"", private)
    original = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR).astype(int)
    assert np.abs(original - image).mean() < 4
    assert np.abs(picture(item, "snapshot.jpg").astype(int)[100:] - image[100:]).mean() > 40


def test_a_bug_in_keeping_costs_the_picture_and_not_the_alarm(tmp_path: Path) -> None:
    eyes = Eyes.model_validate({"cameras": {"gate": {"url": "scene://street"}}})
    built = Built(evidence=evidence_of(eyes)[0])
    archive = Archive(eyes, built, tmp_path, clock=ManualClock(AT), mark=lambda *said: None)
    nothing = np.zeros((0, 0, 3), np.uint8)  # no picture can be made of it
    assert archive.keep("gate", frame(image=nothing), fire()) is None
    assert "gate.fault" in archive.health()["notes"]
    assert archive.keep("gate", frame(), fire(key="place-2")) is not None
    archive.close()


def test_settings_that_cannot_be_used_are_told_and_the_camera_keeps_covered_pictures(tmp_path: Path) -> None:
    camera = {"url": "scene://street", "evidence": {"original": True, "key": str(tmp_path / "missing.pem")}}
    eyes = Eyes.model_validate(
        {"evidence": {"clip": "plain"}, "cameras": {"gate": camera, "yard": {"url": "x.mp4"}}}
    )
    found, faults = evidence_of(eyes)
    told = "\n".join(map(str, faults))
    assert "cameras.gate.evidence: clip: plain shows faces" in told
    assert "evidence: clip: plain shows faces" in told
    assert all((one.blur, one.clip, one.original) == ("auto", "off", False) for one in found.values())


def test_a_full_disk_costs_the_picture_and_not_the_alarm(
    tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    (tmp_path / "evidence").write_text("no folder")
    one = keeper(Shelf(tmp_path / "evidence"), executor)
    assert one.keep(fire(), frame()) is None
    assert one.kept.failed == 1
    assert "cannot be kept" in one.kept.last_error


def test_a_mark_reaches_whoever_made_the_sighting_once_also_over_a_restart(
    shelf: Shelf, executor: ThreadPoolExecutor, tmp_path: Path
) -> None:
    number = keeper(shelf, executor).keep(fire(), frame())
    assert number is not None
    inbox = Inbox(shelf, tmp_path / "marks.read")
    mark(shelf.root, number, right=False, by="wang", at=AT)
    mark(shelf.root, "a" * 20, right=False, by="wang", at=AT)
    ((item, said),) = inbox.fresh()
    assert (item.meta["camera"], item.meta["key"], said.right) == ("gate", "place-1", False)
    assert found(shelf, number).meta["marks"][0]["by"] == "wang"
    inbox.learnt()
    assert Inbox(shelf, tmp_path / "marks.read").fresh() == []


# -- clips ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds, a white square that wanders on black, a key picture each second."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-y", "-f", "lavfi", "-i", "color=c=black:s=320x180:r=10:d=12",
         "-vf", "drawbox=x=100:y=60:w=60:h=60:color=white:t=fill", "-c:v", "libx264", "-g", "10", "-preset",
         "ultrafast", str(path)],
        check=True,
    )  # fmt: skip
    return path


def length(path: Path) -> float:
    reader = cv2.VideoCapture(str(path))
    try:
        return float(reader.get(cv2.CAP_PROP_FRAME_COUNT) / reader.get(cv2.CAP_PROP_FPS))
    finally:
        reader.release()


def a_picture_of(path: Path) -> Picture:
    reader = cv2.VideoCapture(str(path))
    try:
        return reader.read()[1]
    finally:
        reader.release()


@needs_ffmpeg
def test_the_clip_of_a_file_is_cut_out_of_it_without_encoding(
    film: Path, shelf: Shelf, executor: ThreadPoolExecutor
) -> None:
    settings = EvidenceSettings(blur="off")
    one = keeper(shelf, executor, Shroud([], "off"), footage=FileFootage(film), settings=settings)
    number = one.keep(fire(6, before_s=2, after_s=3), frame(6))
    assert found(shelf, number).meta["clip"]["state"] == "pending"
    one.end()
    item = found(shelf, number)
    assert item.meta["clip"] == {"state": "kept", "how": "plain"}
    path = item.path("clip.mp4")
    assert path is not None
    assert 5.0 <= length(path) <= 6.1  # from the key picture before
    assert path.stat().st_size < film.stat().st_size


@needs_ffmpeg
def test_a_clip_is_covered_picture_by_picture_where_a_model_can(
    film: Path, shelf: Shelf, executor: ThreadPoolExecutor
) -> None:
    def shroud() -> Shroud:
        return Shroud([Told(PEOPLE, ("person", 90, 50, 170, 130))])

    one = keeper(shelf, executor, shroud(), footage=FileFootage(film), clip_shroud=shroud)
    number = one.keep(fire(6, before_s=1, after_s=1), frame(6))
    one.end()
    item = found(shelf, number)
    assert item.meta["clip"] == {"state": "kept", "how": "blurred"}
    path = item.path("clip.mp4")
    assert path is not None
    shown = a_picture_of(path).astype(int)
    assert shown[62:118, 102:158].mean() > 90  # the square is still somebody ...
    plain = a_picture_of(film).astype(int)
    assert np.abs(shown - plain)[50:130, 85:175].mean() > 20  # ... whom nobody can recognise
    assert length(path) == pytest.approx(2.0, abs=1.2)


@needs_ffmpeg
def test_without_a_model_there_is_no_clip_and_with_a_key_it_is_sealed(
    film: Path, shelf: Shelf, executor: ThreadPoolExecutor, tmp_path: Path
) -> None:
    one = keeper(shelf, executor, Shroud([]), footage=FileFootage(film))
    number = one.keep(fire(6), frame(6))
    one.end()
    assert found(shelf, number).meta["clip"]["state"] == "none"
    assert "clip.mp4" not in found(shelf, number).files

    public, private = new_keys(tmp_path / "keys")
    masks = Masks({"": [[(0.25, 0.25), (0.6, 0.25), (0.6, 0.75), (0.25, 0.75)]]})
    with_key = keeper(
        shelf,
        executor,
        Shroud([]),
        footage=FileFootage(film),
        settings=EvidenceSettings(key=public),
        masks=masks,
    )
    number = with_key.keep(fire(6, before_s=1, after_s=1), frame(6))
    with_key.end()
    item = found(shelf, number)
    assert item.meta["clip"] == {"state": "kept", "how": "sealed"}
    sealed = item.read("clip.mp4.sealed")
    assert sealed is not None
    (tmp_path / "opened.mp4").write_bytes(opened(sealed, private))
    shown = a_picture_of(tmp_path / "opened.mp4").astype(int)
    assert np.abs(shown[70:110, 110:150] - GREY).max() < 12  # the mask holds for clips too


@needs_ffmpeg
def test_a_clip_comes_out_of_the_ring_also_when_the_worker_that_owed_it_was_killed(
    film: Path, shelf: Shelf, executor: ThreadPoolExecutor, tmp_path: Path
) -> None:
    settings = EvidenceSettings(blur="off")
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "ring"), str(film), str(shelf.root)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert child.stdout is not None
    number = child.stdout.readline().strip()
    os.kill(child.pid, 9)
    child.wait()
    child.stdout.close()
    ring = Ring(tmp_path / "ring", [], time.monotonic)
    one = keeper(shelf, executor, Shroud([], "off"), footage=ring, settings=settings)
    assert one.resume() == 1
    executor.submit(int).result()
    item = found(shelf, number)
    assert item.meta["clip"] == {"state": "kept", "how": "plain"}
    path = item.path("clip.mp4")
    assert path is not None
    assert length(path) >= 3.0
    assert one.resume() == 0


KILLED = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from detectors.runtime.evidence import Keeper
from detectors.runtime.footage import Ring
from detectors.runtime.privacy import Shroud
from gateway.evidence.settings import EvidenceSettings
from gateway.evidence.shelf import Shelf
from tests.unit.detectors.runtime.test_evidence import fire, frame
ring = Ring(Path(sys.argv[1]), ["-re", "-i", sys.argv[2]], time.monotonic)
ring.open()
keeper = Keeper(Shelf(Path(sys.argv[3])), EvidenceSettings(blur="off"), "gate", shroud=Shroud([], "off"),
                executor=ThreadPoolExecutor(1), footage=ring)
begin = time.monotonic()
while not ring.ready(begin + 3):
    time.sleep(0.05)
number = keeper.keep(fire(3, before_s=10, after_s=20), frame(3))
print(number, flush=True)
time.sleep(60)
"""


@needs_ffmpeg
def test_the_ring_forgets_what_is_old_and_ends_with_its_camera(film: Path, tmp_path: Path) -> None:
    now = [0.0]
    ring = Ring(tmp_path / "ring", ["-i", str(film)], lambda: now[0])
    ring.open()
    deadline = time.monotonic() + 20
    while ring.alive and time.monotonic() < deadline:
        now[0] += 30.0  # each segment seems half a minute later
        time.sleep(0.02)
    ring.close()
    assert not ring.alive
    assert len(list((tmp_path / "ring").glob("*.mkv"))) <= 8
    with pytest.raises(Exception, match="was not recorded then"):
        ring.cut(-500, -400, tmp_path / "clip.mp4")
