"""A clock that is wrong at boot: readings wait, are put right once, or go out marked."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from gateway.clock import ManualClock
from gateway.model import Delivery, Flag
from gateway.settings import StoreSettings
from gateway.store.journal import Journal
from tests.conftest import NOON
from tests.unit.store.builders import after, reading

SETTINGS = StoreSettings(quota=50_000_000, clock_patience=timedelta(minutes=10))
PAST = datetime(2024, 1, 1, tzinfo=UTC)  # where the box believes to be
FILL = "bin-001/fill"


@pytest.fixture
def lost():
    """A clock that has just booted in the past."""
    return ManualClock(PAST, trusted=False)


def opened(tmp_path, clock, boot="boot-1"):
    journal = Journal(tmp_path, clock, SETTINGS, boot=boot)
    journal.open()
    return journal


async def stamped(journal, clock, count, first=0, flag=Flag.GOOD, why=""):
    """Readings ten seconds apart, stamped by this box."""
    for number in range(first, first + count):
        await journal.append(Delivery((reading(value=float(number), at=clock.now(), flag=flag, why=why),)))
        journal.flush()
        await clock.advance(10)


async def test_readings_wait_for_the_clock_and_are_put_right_once(tmp_path, lost):
    journal = opened(tmp_path, lost)
    await stamped(journal, lost, 3)
    assert journal.entries(0, 10) == []
    assert (journal.head(), journal.status().held, journal.status().clock) == (0, 3, "holding")
    lost.set_wall(NOON)
    lost.is_trusted = True
    journal.flush()
    times = [entry.item.at for entry in journal.entries(0, 10)]
    assert times == [after(seconds=-30), after(seconds=-20), after(seconds=-10)]
    assert all(entry.item.received == entry.item.at for entry in journal.entries(0, 10))
    assert {(entry.item.flag, entry.item.flagged_by) for entry in journal.entries(0, 10)} == {(Flag.GOOD, "")}
    assert (journal.status().restamped, journal.status().held, journal.status().clock) == (3, 0, "sure")
    assert journal.latest()[FILL].at == after(seconds=-10)
    assert [item.at for item in journal.readings(FILL, after(hours=-1), after(hours=1))] == times
    assert journal.readings(FILL, PAST, PAST + timedelta(hours=1)) == []
    journal.close()
    with closing(opened(tmp_path, lost)) as journal:
        assert [entry.item.at for entry in journal.entries(0, 10)] == times


async def test_after_the_patience_they_go_out_marked_and_stay_as_they_are(tmp_path, lost):
    journal = opened(tmp_path, lost)
    await stamped(journal, lost, 1)
    await stamped(journal, lost, 1, first=1, flag=Flag.FAIL, why="range")
    await lost.advance(600)
    journal.flush()
    assert journal.status().clock == "doubtful"
    found = [(entry.item.at, entry.item.flag, entry.item.flagged_by) for entry in journal.entries(0, 10)]
    assert found == [
        (PAST, Flag.SUSPECT, "clock"),
        (PAST + timedelta(seconds=10), Flag.FAIL, "range+clock"),
    ]
    await stamped(journal, lost, 1, first=2)  # from now on nothing waits
    assert journal.entries(2, 10)[0].item.flagged_by == "clock"
    lost.set_wall(NOON)
    lost.is_trusted = True
    journal.flush()
    assert journal.status().restamped == 0
    assert [entry.item.at for entry in journal.entries(0, 2)] == [PAST, PAST + timedelta(seconds=10)]
    await stamped(journal, lost, 1, first=3)
    assert journal.entries(3, 10)[0].item.flag is Flag.GOOD
    journal.close()


async def test_a_reading_with_a_time_of_its_own_keeps_it_but_waits_behind(tmp_path, lost):
    journal = opened(tmp_path, lost)
    await stamped(journal, lost, 1)
    own = reading("probe/level", 1.0, at=NOON, received=lost.now())
    await journal.append(Delivery((own,)))
    journal.flush()
    assert journal.entries(0, 10) == []
    lost.set_wall(after(minutes=1))
    lost.is_trusted = True
    journal.flush()
    assert journal.entries(0, 10)[1].item.at == NOON
    assert journal.entries(0, 10)[1].item.flag is Flag.GOOD
    assert journal.status().restamped == 1
    journal.close()


async def test_a_wall_clock_that_steps_while_in_doubt_is_followed(tmp_path, lost):
    journal = opened(tmp_path, lost)
    await stamped(journal, lost, 1)
    lost.set_wall(PAST + timedelta(days=100))  # somebody sets it, wrongly
    await stamped(journal, lost, 1, first=1)
    lost.set_wall(NOON)
    lost.is_trusted = True
    journal.flush()
    assert [entry.item.at for entry in journal.entries(0, 9)] == [after(seconds=-20), after(seconds=-10)]
    journal.close()


async def test_a_restart_within_one_boot_goes_on_waiting(tmp_path, lost):
    journal = opened(tmp_path, lost)
    await stamped(journal, lost, 1)
    journal.close()
    journal = opened(tmp_path, lost)
    assert journal.entries(0, 9) == []
    await stamped(journal, lost, 1, first=1)
    lost.set_wall(NOON)
    lost.is_trusted = True
    journal.flush()
    assert [entry.item.at for entry in journal.entries(0, 9)] == [after(seconds=-20), after(seconds=-10)]
    journal.close()


async def test_what_an_earlier_boot_left_in_doubt_goes_out_marked(tmp_path, lost):
    journal = opened(tmp_path, lost)
    await stamped(journal, lost, 2)
    journal.close()
    clock = ManualClock(NOON)
    with closing(opened(tmp_path, clock, boot="boot-2")) as journal:
        journal.flush()
        assert [entry.item.flagged_by for entry in journal.entries(0, 9)] == ["clock", "clock"]
        assert [entry.item.at.year for entry in journal.entries(0, 9)] == [2024, 2024]
        assert journal.status().restamped == 0


async def test_a_clock_behind_what_is_stored_is_not_believed(tmp_path, clock):
    journal = opened(tmp_path, clock)
    await stamped(journal, clock, 1)
    journal.close()
    early = ManualClock(NOON - timedelta(days=1))  # says it is synchronised, and cannot be
    journal = opened(tmp_path, early, boot="boot-2")
    assert journal.status().clock == "holding"
    await stamped(journal, early, 1, first=1)
    assert [entry.item.value for entry in journal.entries(0, 9)] == [0.0]
    early.set_wall(after(hours=1))
    journal.flush()
    assert journal.status().clock == "sure"
    assert journal.entries(1, 9)[0].item.at == after(minutes=59, seconds=50)
    journal.close()


async def test_a_time_from_the_future_on_the_disk_is_not_believed_for_ever(tmp_path):
    clock = ManualClock(NOON + timedelta(days=3650))
    journal = opened(tmp_path, clock)
    await stamped(journal, clock, 1)
    journal.close()
    clock = ManualClock(NOON)
    journal = opened(tmp_path, clock, boot="boot-2")
    assert journal.status().clock == "holding"
    await clock.advance(600)
    journal.flush()
    assert journal.status().clock == "sure"
    await stamped(journal, clock, 1, first=1)
    assert journal.entries(1, 9)[0].item.flag is Flag.GOOD
    journal.close()


async def test_roll_ups_follow_the_readings_to_their_true_hour(tmp_path, lost):
    journal = opened(tmp_path, lost)
    await stamped(journal, lost, 6)
    await lost.advance(400)
    lost.set_wall(after(hours=3, minutes=1))
    lost.is_trusted = True
    journal.flush()
    start = after(hours=2)
    assert [rollup.count for rollup in journal.hour_rollups(start)] == [6]
    assert journal.hour_rollups(PAST) == []
    journal.close()
