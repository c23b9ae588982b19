from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.errors import Unavailable
from gateway.evidence import notebook, retention
from gateway.evidence.notebook import Marks
from gateway.evidence.shelf import ID, Shelf, new_id

AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "evidence")


def _put(shelf: Shelf, at: datetime = AT, size: int = 100, **meta: object) -> str:
    return shelf.put(at, {"camera": "gate", "kind": "fire", **meta}, {"snapshot.jpg": b"x" * size})


def test_ids_say_nothing_and_are_never_the_same() -> None:
    drawn = {new_id() for _ in range(1000)}
    assert len(drawn) == 1000
    assert all(ID.fullmatch(one) for one in drawn)


def test_what_was_put_is_found_by_its_id_with_its_files(shelf: Shelf) -> None:
    number = _put(shelf, why={"hits": 7})
    item = shelf.find(number)
    assert item is not None
    assert item.folder == shelf.root / "2026-11-01" / number
    assert item.meta["why"] == {"hits": 7}
    assert item.files["snapshot.jpg"] == {"name": "snapshot.jpg", "type": "image/jpeg", "bytes": 100}
    assert item.read("snapshot.jpg") == b"x" * 100


@pytest.mark.parametrize(
    "name", ["../marks.jsonl", "meta.json", "/etc/passwd", "snapshot.jpg\0", "", ".", "x.jpg"]
)
def test_only_listed_files_are_read(shelf: Shelf, name: str) -> None:
    item = shelf.find(_put(shelf))
    assert item is not None
    assert item.read(name) is None


def test_a_link_in_the_place_of_a_file_is_not_followed(shelf: Shelf, tmp_path: Path) -> None:
    item = shelf.find(_put(shelf))
    assert item is not None
    (tmp_path / "secret").write_text("secret")
    (item.folder / "snapshot.jpg").unlink()
    (item.folder / "snapshot.jpg").symlink_to(tmp_path / "secret")
    assert item.read("snapshot.jpg") is None


@pytest.mark.parametrize("number", ["../2026-11-01", "a" * 19, "A" * 20, "", "..", "a" * 20 + "\n"])
def test_what_is_no_id_finds_nothing(shelf: Shelf, number: str) -> None:
    _put(shelf)
    assert shelf.find(number) is None


def test_later_files_and_facts_join_what_is_there(shelf: Shelf, tmp_path: Path) -> None:
    number = _put(shelf)
    clip = tmp_path / "made.mp4"
    clip.write_bytes(b"film")
    item = shelf.add(number, {"clip.mp4": clip}, lambda meta: {**meta, "state": "ended"})
    assert item is not None
    assert not clip.exists()
    found = shelf.find(number)
    assert found is not None
    assert found.read("clip.mp4") == b"film"
    assert found.files["clip.mp4"]["type"] == "video/mp4"
    assert (found.meta["state"], found.read("snapshot.jpg")) == ("ended", b"x" * 100)
    assert shelf.add("a" * 20, {}) is None


def test_a_disk_that_does_not_take_it_is_unavailable_and_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file stands where the folder should be")
    with pytest.raises(Unavailable, match="cannot be kept"):
        _put(Shelf(tmp_path / "evidence"))


def test_a_day_is_deleted_when_all_of_it_is_older_than_its_term_also_after_weeks_off(shelf: Shelf) -> None:
    first, second = _put(shelf, AT), _put(shelf, AT + timedelta(days=20))
    early = retention.tidy(shelf, AT + timedelta(days=30), trusted=True)
    assert (early.deleted, early.kept) == ({}, 2)
    late = retention.tidy(shelf, AT + timedelta(days=31, hours=-11), trusted=True)
    assert late.deleted == {"age": 1}
    assert shelf.find(first) is None
    assert shelf.find(second) is not None
    weeks_off = retention.tidy(shelf, AT + timedelta(days=90), trusted=True)
    assert weeks_off.deleted == {"age": 1}
    assert not [path for path in shelf.root.iterdir() if path.is_dir()]
    assert retention.totals(shelf) == {"age": 2}
    gone = list(notebook.lines(shelf.root / notebook.DELETED))
    assert [line["id"] for line in gone] == [first, second]


def test_a_clock_that_is_not_trusted_deletes_nothing_by_age(shelf: Shelf) -> None:
    number = _put(shelf)
    assert retention.tidy(shelf, datetime(2040, 1, 1, tzinfo=UTC), trusted=False).deleted == {}
    assert shelf.find(number) is not None


def test_what_a_doubtful_clock_dated_is_laid_into_the_first_known_day_not_deleted(shelf: Shelf) -> None:
    number = _put(shelf, datetime(1970, 1, 1, 0, 5, tzinfo=UTC), doubtful=True)
    assert retention.tidy(shelf, AT, trusted=True).redated == 1
    item = shelf.find(number)
    assert item is not None
    assert (item.day, item.meta["dated"]) == ("2026-11-01", "2026-11-01")
    assert "doubtful" not in item.meta
    assert retention.tidy(shelf, AT + timedelta(days=31), trusted=True).deleted == {"age": 1}


def test_too_much_goes_the_oldest_first(shelf: Shelf) -> None:
    numbers = [_put(shelf, AT + timedelta(days=day), size=10_000) for day in (3, 0, 2, 1)]
    done = retention.tidy(shelf, AT + timedelta(days=4), trusted=False, largest=25_000)
    assert done.deleted == {"size": 2}
    assert done.kept_bytes <= 25_000
    left = [number for number in numbers if shelf.find(number)]
    assert left == [numbers[0], numbers[2]]


def test_marks_are_read_once_and_a_half_written_one_waits(shelf: Shelf) -> None:
    number = _put(shelf)
    marks = Marks(shelf.root)
    assert marks.fresh() == []
    notebook.mark(shelf.root, number, right=False, by="wang", at=AT)
    assert [(one.id, one.right, one.by) for one in marks.fresh()] == [(number, False, "wang")]
    whole = json.dumps({"id": number, "mark": "right", "at": AT.isoformat()}).encode() + b"\n"
    with (shelf.root / notebook.MARKS).open("ab") as file:
        file.write(whole[:20])
        file.flush()
        assert marks.fresh() == []
        file.write(whole[20:])
    assert [one.right for one in marks.fresh()] == [True]
    assert marks.fresh() == []


def test_a_line_that_the_power_cut_short_does_not_take_the_next_one_with_it(shelf: Shelf) -> None:
    notebook.look(shelf.root, "*", who="wang", what="list", at=AT)
    with (shelf.root / notebook.LOOKS).open("ab") as file:
        file.write(b'{"at": "2026-11')
    notebook.look(shelf.root, "a" * 20, who="li", what="view", at=AT, why="w" * 9999)
    assert [line["who"] for line in notebook.lines(shelf.root / notebook.LOOKS)] == ["wang", "li"]


def test_a_line_of_the_gateway_can_be_read_by_the_worker_of_its_group_whatever_the_umask(
    shelf: Shelf,
) -> None:
    before = os.umask(0o077)
    try:
        notebook.mark(shelf.root, "a" * 20, right=True, by="wang", at=AT)
    finally:
        os.umask(before)
    assert (shelf.root / notebook.MARKS).stat().st_mode & 0o777 == 0o660


def test_nonsense_among_the_marks_is_passed_over(shelf: Shelf) -> None:
    shelf.root.mkdir()
    (shelf.root / notebook.MARKS).write_text(
        'nonsense\n{"id": 1}\n{"id": "a", "mark": "perhaps", "at": "x"}\n[]\n'
    )
    assert Marks(shelf.root).fresh() == []


KILLED = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from gateway.evidence.shelf import Shelf
shelf = Shelf(Path(sys.argv[1]))
at = datetime(2026, 11, 1, tzinfo=UTC)
while True:
    number = shelf.put(at, {"camera": "gate"}, {"snapshot.jpg": b"x" * 200_000, "trace.jsonl": b"{}\\n"})
    print(number, flush=True)
    shelf.add(number, {"extra.jpg": b"y" * 100_000}, lambda meta: {**meta, "state": "ended"})
"""


def test_kill_9_at_any_moment_loses_nothing_that_was_named(tmp_path: Path) -> None:
    named: list[str] = []
    for turn in range(12):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert child.stdout is not None
        named.append(child.stdout.readline().strip())
        time.sleep(0.003 * turn)  # a real process is killed at a real moment
        os.kill(child.pid, signal.SIGKILL)
        named += [line.strip() for line in child.stdout if line.endswith("\n")]
        child.wait()
        child.stdout.close()
    shelf = Shelf(tmp_path)
    shelf.sweep()
    assert not list(tmp_path.glob("*/.*"))
    for number in named:
        item = shelf.find(number)
        assert item is not None
        for name, entry in item.files.items():
            content = item.read(name)
            assert content is not None
            assert len(content) == entry["bytes"]
