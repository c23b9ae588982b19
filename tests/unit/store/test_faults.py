"""Files that are broken, disks that are full, programs that are newer: the journal is up again and says so."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.errors import SettingsError, Unavailable
from gateway.model import Delivery, Event
from gateway.settings import StoreSettings
from gateway.store import book, lite, segment
from gateway.store.journal import Journal
from tests.conftest import NOON
from tests.servers import eventually
from tests.unit.store.builders import Slip, after, numbered, reading

SETTINGS = StoreSettings(quota=100_000_000)
COUNT = 8000


def opened(tmp_path, clock, settings=SETTINGS):
    journal = Journal(tmp_path, clock, settings, boot="boot-1")
    journal.open()
    return journal


async def filled(tmp_path, clock, count=COUNT):
    """A closed journal with readings 0, 1, 2, ... and an event for every 400th."""
    journal = opened(tmp_path, clock)
    for number in range(count // 40):
        clock.move_to(after(seconds=number * 40 + 39))
        await journal.append(Delivery(numbered(number, 40)))
    journal.set_bookmark("sink", "17")
    journal.close()
    return tmp_path / "journal"


def newest(folder: Path) -> Path:
    return max(folder.glob("readings-*.db"))


def values(journal):
    found, seq = set(), 0
    while part := journal.entries(seq, 5000):
        found |= {entry.item.value for entry in part}
        seq = part[-1].seq
    return found


def garbage(path, pages=5, seed=1):
    """Overwrite some pages with noise, not the first."""
    dice = random.Random(seed)
    count = path.stat().st_size // lite.PAGE
    with path.open("r+b") as file:
        for page in dice.sample(range(1, count), min(pages, count - 1)):
            file.seek(page * lite.PAGE)
            file.write(dice.randbytes(lite.PAGE))


def truncate(path):
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def empty(path):
    path.write_bytes(b"")


def folder_instead(path):
    path.unlink()
    path.mkdir()


def other_schema(path):
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE something_else(x)")
    db.close()


def no_database(path):
    path.write_bytes(b"these are not the tables you are looking for\n" * 1000)


def gone(path):
    path.unlink()


def bad_shm(path):
    path.with_name(path.name + "-shm").write_bytes(random.Random(3).randbytes(32768))
    path.with_name(path.name + "-wal").write_bytes(random.Random(4).randbytes(50_000))


DAMAGES = [garbage, truncate, empty, folder_instead, other_schema, no_database, gone, bad_shm]


@pytest.mark.parametrize("unclean", [False, True])
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("which", ["segment", "book"])
async def test_a_damaged_file_does_not_keep_the_journal_from_starting(
    tmp_path, clock, which, damage, unclean
):
    folder = await filled(tmp_path, clock)
    path = newest(folder) if which == "segment" else folder / "book.db"
    if unclean and which == "segment":
        with sqlite3.connect(folder / "book.db") as db:
            db.execute("UPDATE meta SET value = 0 WHERE key = 'clean'")
        db.close()
    damage(path)
    started = time.monotonic()
    journal = opened(tmp_path, clock)
    assert time.monotonic() - started < 10
    before = journal.head()
    slip = Slip()
    await journal.append(Delivery((reading("new/one", 5.5, clock.now()),), slip))
    journal.flush()
    assert slip.settled == 1
    assert journal.head() > before
    assert 5.5 in values(journal)
    eventually(lambda: not journal._keeper.disk.to_salvage())
    kept = values(journal)
    if damage is bad_shm or which == "book":
        assert kept >= {float(n) for n in range(COUNT)}
    elif damage is garbage:
        assert len(kept) > 0.75 * COUNT  # 5 of about 50 pages
    if which == "book" and damage is not gone:
        assert journal.bookmark("sink") == "17" or damage not in {bad_shm}
    journal.close()
    with closing(opened(tmp_path, clock)) as journal:
        assert values(journal) >= kept


async def test_five_bad_pages_of_a_large_file_cost_less_than_a_tenth(tmp_path, clock):
    folder = await filled(tmp_path, clock, 60_000)
    garbage(newest(folder))
    with sqlite3.connect(folder / "book.db") as db:
        db.execute("UPDATE meta SET value = 0 WHERE key = 'clean'")
    db.close()
    with closing(opened(tmp_path, clock)) as journal:
        assert journal.status().corrupt
        eventually(
            lambda: "salvaged" in journal.status().salvage and "so far" not in journal.status().salvage
        )
        assert len(values(journal)) >= 54_000


async def test_a_file_that_breaks_while_running_is_set_aside_and_nothing_unsettled_is_lost(tmp_path, clock):
    await filled(tmp_path, clock)
    journal = opened(tmp_path, clock)
    folder = tmp_path / "journal"
    no_database(newest(folder))
    journal._keeper.shelf.current._db.execute("PRAGMA cache_size=0")
    slips = [Slip() for _ in range(100)]
    for number, slip in enumerate(slips):
        await journal.append(
            Delivery((reading("new/one", float(number), clock.now() + timedelta(seconds=number)),), slip)
        )
    journal.flush()
    assert [slip.settled for slip in slips] == [1] * 100
    found = journal.readings("new/one", clock.now(), clock.now() + timedelta(hours=1))
    assert [item.value for item in found] == [float(n) for n in range(100)]
    journal.close()


async def test_a_reader_that_meets_a_broken_segment_has_it_set_aside(tmp_path, clock):
    folder = await filled(tmp_path, clock)
    journal = opened(tmp_path, clock)
    journal._writer.ask(journal._keeper.shelf.rotate)
    oldest = min(folder.glob("readings-*.db"))
    no_database(oldest)
    for companion in ("-wal", "-shm"):
        oldest.with_name(oldest.name + companion).unlink(missing_ok=True)
    assert journal.entries(0, 10) == []
    journal.flush()
    assert [name.split(".corrupt-")[0] for name in journal.status().corrupt] == [oldest.name]
    journal.close()


async def test_only_the_three_newest_broken_files_are_kept(tmp_path, clock):
    for number in range(5):
        folder = await filled(tmp_path, clock, 40)
        no_database(newest(folder))
        clock.move_to(clock.now() + timedelta(seconds=1))
        journal = opened(tmp_path, clock)
        eventually(lambda journal=journal: not journal._keeper.disk.to_salvage())
        assert len(journal.status().corrupt) == min(3, number + 1)
        journal.close()


async def test_events_survive_a_broken_book_and_keep_counting_upwards(tmp_path, clock):
    folder = await filled(tmp_path, clock)
    with closing(opened(tmp_path, clock)) as journal:
        last = journal.events(0, 1000)[-1].seq
        number = len(journal.events(0, 1000))
    with sqlite3.connect(folder / "book.db") as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'bookmark'").fetchone()
        db.execute("UPDATE meta SET value = 0 WHERE key = 'clean'")
    db.close()
    with (folder / "book.db").open("r+b") as file:
        file.seek((page - 1) * lite.PAGE)
        file.write(b"\xff" * lite.PAGE)
    with closing(opened(tmp_path, clock)) as journal:
        eventually(lambda: not journal._keeper.disk.to_salvage())
        events = journal.events(0, 1000)
        assert len(events) == number
        assert events[0].seq > last
        journal.flush()
        assert sum(rollup.count for rollup in journal.hour_rollups(NOON)) == 3600


async def test_a_newer_schema_is_refused_in_words(tmp_path, clock):
    folder = await filled(tmp_path, clock, 40)
    for path in (folder / "book.db", newest(folder)):
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version=99")
        db.close()
        with pytest.raises(SettingsError, match="written by a newer village"):
            Journal(tmp_path, clock, SETTINGS, boot="b").open()
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version=1")
        db.close()


async def test_an_older_schema_is_brought_up_in_one_go_with_a_copy_first(tmp_path, clock, monkeypatch):
    folder = await filled(tmp_path, clock, 400)
    monkeypatch.setattr(book, "STEPS", (*book.STEPS, "CREATE TABLE extra(x); INSERT INTO extra VALUES (1)"))
    monkeypatch.setattr(segment, "STEPS", (*segment.STEPS, "CREATE TABLE more(x)"))
    with closing(opened(tmp_path, clock)) as journal:
        assert len(values(journal)) == 400
        assert len(journal.events(0, 99)) == 1
    for name in ("book.db", newest(folder).name):
        with sqlite3.connect(folder / name) as db:
            known = len(book.STEPS if name == "book.db" else segment.STEPS)
            assert db.execute("PRAGMA user_version").fetchone() == (known,)
        db.close()
        with sqlite3.connect(folder / f"{name}.schema-{known - 1}") as db:
            assert db.execute("PRAGMA user_version").fetchone() == (known - 1,)
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()


async def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path, clock, monkeypatch):
    folder = await filled(tmp_path, clock, 400)
    steps = (*book.STEPS, "CREATE TABLE extra(x); CREATE TABLE extra(x)")
    db = lite.open_writer(folder / "book.db")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        lite.migrate(db, folder / "book.db", steps)
    db.close()
    with closing(opened(tmp_path, clock)) as journal:
        assert len(journal.events(0, 99)) == 1
        assert not journal.status().corrupt


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 8 MiB."""
    if shutil.which("mount") is None:
        pytest.skip("no mount here")
    folder = tmp_path / "small"
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if subprocess.run(argv, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path, step):
    """Write until the disk is full."""
    with path.open("ab", buffering=0) as file, suppress(OSError):
        while file.write(bytes(step)) == step:
            continue


async def test_intake_goes_on_when_the_disk_is_filled_by_others(small_disk, clock):
    journal = opened(small_disk, clock, StoreSettings())
    assert journal.status().quota < 5_000_000
    slips = []

    async def feed(first, count):
        for number in range(first, first + count):
            clock.move_to(after(seconds=number * 100 + 99))
            slips.append(Slip())
            await journal.append(Delivery(numbered(number, 100), slips[-1]))
            if number % 20 == 19:
                journal.flush()
        journal.flush()

    await feed(0, 400)
    hog = small_disk / "hog"
    fill(hog, 65536)
    fill(hog, 512)
    await feed(400, 800)
    assert all(slip.settled == 1 for slip in slips)
    status = journal.status()
    assert status.failures.get("disk full", 0) > 0
    assert status.stuck == ""
    kept = values(journal)
    assert max(kept) == 119_999.0
    assert len(kept) + status.evicted == 120_000
    assert kept == {float(n) for n in range(120_000 - len(kept), 120_000)}
    hog.unlink()
    await feed(1200, 100)
    assert max(values(journal)) == 129_999.0
    journal.close()
    again = opened(small_disk, clock, StoreSettings())
    assert len(values(again)) + again.status().evicted == 130_000
    again.close()


async def test_the_quota_is_kept_by_evicting_whole_files_oldest_first(tmp_path, clock):
    journal = opened(tmp_path, clock, StoreSettings(quota=3_000_000))
    for number in range(2500):
        clock.move_to(after(seconds=number * 100 + 99))
        await journal.append(Delivery(numbered(number, 100)))
        if number % 100 == 99:
            journal.flush()
            assert journal.status().bytes < 3_000_000 + 600_000
    status = journal.status()
    kept = values(journal)
    assert status.evicted > 0
    assert len(kept) + status.evicted == 250_000
    assert min(kept) == status.evicted
    assert len(journal.events(0, 1000)) == 250
    journal.close()


async def test_a_file_that_somebody_locks_is_left_or_waited_for(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(lite, "_BUSY_MS", 50)
    journal = opened(tmp_path, clock)
    other = sqlite3.connect(newest(tmp_path / "journal"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    slip = Slip()
    await journal.append(Delivery((reading(),), slip))
    eventually(lambda: slip.settled == 1)  # in a fresh segment
    assert [entry.item for entry in journal.entries(0, 9)] == [reading()]
    assert journal.status().segments == 2
    other.execute("ROLLBACK")
    other.close()
    other = sqlite3.connect(tmp_path / "journal" / "book.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    event = Slip()
    await journal.append(Delivery((Event("a", "b", NOON, NOON), reading("c/d")), event))
    eventually(lambda: journal.status().stuck != "")
    assert event.settled == 0
    assert len(journal.entries(0, 9)) == 2  # the reading is there, the event is waited for
    other.execute("ROLLBACK")
    other.close()
    eventually(lambda: event.settled == 1)
    eventually(lambda: journal.status().stuck == "")
    assert len(journal.entries(0, 9)) == 2
    assert len(journal.events(0, 9)) == 1
    journal.close()


async def test_hostile_texts_and_values_are_kept_as_far_as_they_can_be(tmp_path, clock):
    journal = opened(tmp_path, clock)
    nan = float("nan")
    odd = [
        reading("a/\ud800half", 1.0),
        reading("b/nan", nan),
        reading("c/inf", float("-inf")),
        reading("d/long", 1.0, why="x" * 5000),
        reading("e/nul\x00", 2.0),
        reading("f/whole", 10**30),
        Event("cam\udc80", "fire", NOON, NOON, 0.5, {"text\ud800": "\udfff", "n": 1.0}),
    ]
    slip = Slip()
    await journal.append(Delivery(tuple(odd), slip))
    journal.flush()
    assert slip.settled == 1
    found = {entry.item.series: entry.item for entry in journal.entries(0, 99)}
    assert found["a/?half"].value == 1.0
    assert found["b/nan"].value is None
    assert found["b/nan"].flagged_by == "not_a_number"
    assert found["f/whole"].value == 1e30
    assert journal.status().unfit == 2
    assert len(journal.events(0, 9)) == 1
    journal.close()


def test_a_folder_that_cannot_be_written_is_said_in_words(tmp_path):
    (tmp_path / "journal").write_text("a file stands here")
    with pytest.raises(Unavailable, match="cannot be opened"):
        Journal(tmp_path, ManualClock(NOON), SETTINGS, boot="b").open()
