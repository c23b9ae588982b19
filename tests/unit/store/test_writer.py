"""The journal's thread: groups, back-pressure, news, and writes that fail."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from datetime import timedelta

import pytest

from gateway.errors import Unavailable
from gateway.model import Delivery, Event, Tick
from gateway.settings import StoreSettings
from gateway.store import book, segment, writer
from gateway.store.journal import Journal
from tests.conftest import NOON
from tests.servers import eventually
from tests.unit.store.builders import Slip, after, minutes, reading

SETTINGS = StoreSettings(quota=50_000_000)
LONG = StoreSettings(
    quota=50_000_000, group_time=timedelta(minutes=10)
)  # only what is said here ends a group


@pytest.fixture
def make(tmp_path, clock):
    """Journals that are closed with the test."""
    made = []

    def journal(settings=SETTINGS):
        made.append(Journal(tmp_path, clock, settings, boot="b"))
        made[-1].open()
        return made[-1]

    yield journal
    for one in made:
        one.close()


def failing(code, name):
    error = sqlite3.OperationalError(name)
    error.sqlite_errorcode = code
    error.sqlite_errorname = name
    return error


async def test_a_full_group_is_committed_at_once(make):
    journal = make(LONG)
    slips = [Slip() for _ in range(16)]
    for delivery, slip in zip(minutes(15), slips, strict=False):
        await journal.append(Delivery(delivery.observations, slip))
    assert [slip.settled for slip in slips[:15]] == [0] * 15  # ten minutes have not passed
    await journal.append(Delivery((reading(at=after(hours=1)),), slips[15]))
    eventually(lambda: all(slip.settled for slip in slips))
    assert journal.progress()[0] == 1


async def test_an_event_and_a_mere_receipt_do_not_wait(make):
    journal = make(LONG)
    first, second = Slip(), Slip()
    await journal.append(Delivery((reading(),), first))
    await journal.append(Delivery((Event("cam", "fire", NOON, NOON),)))
    eventually(lambda: first.settled == 1)
    await journal.append(Delivery((), second))
    eventually(lambda: second.settled == 1)
    await journal.append(Delivery((Tick(NOON),), Slip()))
    journal.flush()
    assert journal.status().readings == 1


async def test_each_delivery_can_be_a_commit_of_its_own(make):
    journal = make(StoreSettings(quota=50_000_000, commit="each"))
    for delivery in minutes(20):
        await journal.append(delivery)
    journal.flush()
    assert journal.progress()[0] == 20


async def test_who_brings_too_much_waits_and_nothing_is_lost(make):
    journal = make()
    hold = threading.Event()
    busy = threading.Thread(target=journal._writer.ask, args=(hold.wait,))
    busy.start()
    eventually(lambda: journal.status().waiting == 0 and not journal._writer._jobs)
    for delivery in minutes(writer.MOST_WAITING):
        await journal.append(delivery)
    waiting = asyncio.ensure_future(journal.append(Delivery((reading("late/one"),))))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    hold.set()
    await asyncio.wait_for(waiting, 10)
    busy.join()
    journal.flush()
    assert journal.head() == writer.MOST_WAITING + 1


async def test_news_wake_a_consumer(make):
    journal = make()
    seen = journal.wait_for_news(-1, 0.0)
    assert journal.wait_for_news(seen, 0.0) == seen
    told = asyncio.ensure_future(asyncio.to_thread(journal.wait_for_news, seen, 20.0))
    await journal.append(Delivery((reading(),)))
    assert await told != seen


@pytest.mark.parametrize("came_through", [False, True])
async def test_after_a_failed_sync_nothing_is_tried_again_on_the_same_file(make, monkeypatch, came_through):
    journal = make()
    real = segment.SegmentWriter.write
    failed = []

    def write(self, rows, extra=()):
        if rows and not failed:
            failed.append(self.segment.path)
            if came_through:  # the commit is on the disk although it was reported as failed
                real(self, rows, extra)
            raise failing(sqlite3.SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC")
        assert self.segment.path not in failed
        real(self, rows, extra)

    monkeypatch.setattr(segment.SegmentWriter, "write", write)
    slip = Slip()
    await journal.append(Delivery((reading(), reading("b/y", 2.0)), slip))
    journal.flush()
    assert slip.settled == 1
    assert journal.status().failures == {"input/output error": 1}
    assert journal.readings("bin-001/fill", NOON, after(hours=1)) == [reading()]
    seqs = [entry.seq for entry in journal.entries(0, 9)]
    assert len(seqs) == len(set(seqs)) == (4 if came_through else 2)
    journal.close()


async def test_a_disk_that_takes_nothing_settles_nothing_and_says_so(make, monkeypatch):
    monkeypatch.setattr(writer, "_RETRY_S", 0.01)
    journal = make()
    real = segment.SegmentWriter.write
    broken = True

    def write(self, rows, extra=()):
        if broken and rows:
            raise failing(sqlite3.SQLITE_IOERR_WRITE, "SQLITE_IOERR_WRITE")
        real(self, rows, extra)

    monkeypatch.setattr(segment.SegmentWriter, "write", write)
    slip = Slip()
    await journal.append(Delivery((reading(),), slip))
    eventually(lambda: journal.status().stuck != "")
    assert slip.settled == 0
    assert journal.entries(0, 9) == []
    broken = False
    eventually(lambda: slip.settled == 1)
    eventually(lambda: journal.status().stuck == "")
    broken = True
    lost = Slip()
    await journal.append(Delivery((reading(at=after(hours=1)),), lost))
    journal.close()  # it ends although the disk takes nothing
    assert lost.settled == 0
    assert journal._keeper.counters.unkept == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_an_error_nobody_foresaw_ends_the_journal_and_everybody_hears_of_it(make, monkeypatch):
    journal = make()

    def write(self, rows, extra=()):
        raise ZeroDivisionError

    monkeypatch.setattr(segment.SegmentWriter, "write", write)
    slip = Slip()
    await journal.append(Delivery((reading(),), slip))
    with pytest.raises(Unavailable, match="closed"):
        journal.flush()
    with pytest.raises(Unavailable, match="closed"):
        await journal.append(Delivery((reading(),)))
    assert slip.settled == 0


async def test_a_closed_journal_refuses_in_words(make):
    journal = make()
    journal.close()
    journal.close()
    with pytest.raises(Unavailable, match="the journal is closed"):
        await journal.append(Delivery((reading(),)))
    with pytest.raises(Unavailable, match="the journal is closed"):
        journal.flush()


async def test_a_flood_of_parked_entries_keeps_the_newest_and_counts_the_rest(make, monkeypatch):
    monkeypatch.setattr(book, "MOST_PARKED", 10)
    journal = make()
    for delivery in minutes(25):
        await journal.append(delivery)
    journal.flush()
    entries = journal.entries(0, 100)
    journal.park("influx", entries[:20], "no")
    journal.park("influx", entries[20:], "no")
    journal.park("other", entries[:3], "no")
    assert [parked.entry.item.value for parked in journal.parked("influx")] == [
        float(n) for n in range(15, 25)
    ]
    assert journal.status().parked == {"influx": 10, "other": 3}
    assert journal.status().parked_dropped == 15
    assert journal.drop_parked("influx") == 10
