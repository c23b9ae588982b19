"""The journal as its users see it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.model import Delivery, Event, Flag, Reading
from gateway.settings import StoreSettings
from gateway.store.journal import Journal
from tests.conftest import NOON

SETTINGS = StoreSettings(quota=50_000_000)


class Slip:
    def __init__(self):
        self.settled = 0

    def settle(self):
        self.settled += 1


def reading(series="bin-001/fill", value=12.5, at=NOON, flag=Flag.GOOD, why="", received=None):
    return Reading(series, value, at, received or at, flag, why)


@pytest.fixture
def journal(tmp_path: Path, clock: ManualClock):
    with Journal(tmp_path, clock, SETTINGS, boot="boot-1") as opened:
        yield opened


async def test_what_was_appended_is_read_back_in_order(journal):
    for number in range(100):
        at = NOON + timedelta(seconds=number)
        await journal.append(Delivery((reading(value=float(number), at=at),)))
    journal.flush()
    entries = journal.entries(0, 1000)
    assert [entry.item.value for entry in entries] == [float(n) for n in range(100)]
    assert [entry.seq for entry in entries] == list(range(1, 101))
    assert journal.head() == 100
    assert journal.entries(40, 3) == entries[40:43]
    assert journal.entries(40, 100, until=45) == entries[40:45]


async def test_every_field_of_a_reading_survives(journal):
    given = [
        reading(),
        reading("水井/level", -1e-9, NOON + timedelta(milliseconds=1), Flag.SUSPECT, "spike+rate"),
        reading("a/b", None, NOON - timedelta(days=400), Flag.MISSING, "no echo", NOON),
        reading("a/c", 3.0, NOON + timedelta(days=1), Flag.FAIL, "clock_skew", NOON),
        reading("a/d", 1 / 3, datetime(1970, 1, 1, tzinfo=NOON.tzinfo), Flag.UNKNOWN, "", NOON),
    ]
    await journal.append(Delivery(tuple(given)))
    journal.flush()
    assert [entry.item for entry in journal.entries(0, 10)] == given
    assert journal.latest() == {item.series: item for item in given}


async def test_receipts_are_settled_once_after_the_commit(journal):
    slips = [Slip() for _ in range(3)]
    await journal.append(Delivery((reading(),), slips[0]))
    await journal.append(Delivery((), slips[1]))
    await journal.append(Delivery((reading(),), slips[2]))  # a duplicate is settled too
    journal.flush()
    assert [slip.settled for slip in slips] == [1, 1, 1]
    assert journal.status().readings == 1
    assert journal.status().duplicates == 1


async def test_everything_is_there_again_after_closing_and_opening(tmp_path, clock):
    event = Event("bin-001", "emptied", NOON, NOON, 0.9, {"before": 80.0, "note": "清运"}, "e-1")
    with Journal(tmp_path, clock, SETTINGS, boot="b") as journal:
        await journal.append(Delivery((reading(), event)))
        journal.set_bookmark("influx", '{"live": 7}')
        journal.park("influx", journal.entries(0, 1), "field type conflict")
        journal.flush()
        journal.park("influx", journal.entries(0, 1), "field type conflict")
    with Journal(tmp_path, clock, SETTINGS, boot="b") as journal:
        assert [entry.item for entry in journal.entries(0, 9)] == [reading()]
        assert [entry.item for entry in journal.events(0, 9)] == [event]
        assert journal.latest() == {"bin-001/fill": reading()}
        assert journal.bookmark("influx") == '{"live": 7}'
        (parked,) = journal.parked("influx")
        assert (parked.entry.item, parked.why) == (reading(), "field type conflict")
        assert journal.drop_parked("influx", [parked.id]) == 1
        assert journal.parked("influx") == []
        assert journal.series() == ["bin-001/fill"]
        assert journal.status().segments == 1


async def test_late_readings_land_in_their_place_and_count_once(journal):
    times = [5, 1, 3, 3, 2]
    for number, minute in enumerate(times):
        await journal.append(Delivery((reading(value=float(number), at=NOON + timedelta(minutes=minute)),)))
    journal.flush()
    found = journal.readings("bin-001/fill", NOON, NOON + timedelta(hours=1))
    assert [(item.at - NOON).seconds // 60 for item in found] == [1, 2, 3, 5]
    assert [item.value for item in found] == [1.0, 4.0, 3.0, 0.0]  # of two at minute 3 the last one wins
    assert journal.status().late == 4


async def test_roll_ups_count_usable_readings_once_and_hours_are_logged(journal, clock):
    for minute in range(0, 180, 2):
        at = NOON + timedelta(minutes=minute)
        clock.move_to(at)
        await journal.append(Delivery((reading(value=float(minute), at=at),)))
    bad = reading(value=999.0, at=NOON + timedelta(minutes=11), flag=Flag.FAIL)
    await journal.append(Delivery((bad,)))
    clock.move_to(NOON + timedelta(hours=4))
    journal.flush()
    hours = journal.rolled_hours(0, 10)
    assert [hour for _, hour in hours] == [NOON + timedelta(hours=n) for n in range(3)]
    (second,) = journal.hour_rollups(NOON + timedelta(hours=1))
    assert (second.count, second.minimum, second.maximum, second.mean) == (30, 60.0, 118.0, 89.0)
    await journal.append(Delivery((reading(value=-5.0, at=NOON + timedelta(minutes=61)),)))
    journal.flush()
    assert [hour for _, hour in journal.rolled_hours(hours[-1][0], 10)] == [NOON + timedelta(hours=1)]
    (again,) = journal.hour_rollups(NOON + timedelta(hours=1))
    assert (again.count, again.minimum) == (31, -5.0)


async def test_charts_of_a_day_and_a_year_agree_with_the_readings(journal, clock):
    start = NOON - timedelta(hours=4)  # midnight UTC
    for step in range(3 * 144):
        at = start + timedelta(minutes=10 * step)
        clock.move_to(at)
        if not 20 <= step < 30:
            await journal.append(Delivery((reading(value=float(step), at=at),)))
    clock.move_to(start + timedelta(days=3, minutes=5))
    journal.flush()
    day = journal.chart("bin-001/fill", start, start + timedelta(days=1))
    assert [point.mean for point in day] == [float(n) for n in range(144) if not 20 <= n < 30]
    year = journal.chart("bin-001/fill", start - timedelta(days=300), start + timedelta(days=65))
    assert [(point.start, point.count, point.maximum) for point in year] == [
        (start, 134, 143.0),
        (start + timedelta(days=1), 144, 287.0),
        (start + timedelta(days=2), 144, 431.0),
    ]
    hour = journal.chart("bin-001/fill", start, start + timedelta(hours=1))
    assert [point.mean for point in hour] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert journal.chart("nobody/knows", start, start + timedelta(days=9)) == []
