from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from gateway.clock import ManualClock, SystemClock
from gateway.latest import Latest
from gateway.model import Flag, Reading

AT = datetime(2026, 1, 1, tzinfo=UTC)


async def test_sleepers_wake_each_at_its_moment_in_order() -> None:
    clock = ManualClock(AT)
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, (clock.now() - AT).total_seconds()))

    tasks = [asyncio.create_task(sleeper("late", 9)), asyncio.create_task(sleeper("early", 3))]
    await asyncio.sleep(0)
    await clock.advance(10)
    assert woken == [("early", 3.0), ("late", 9.0)]
    await asyncio.gather(*tasks)


def test_a_step_of_the_wall_clock_does_not_move_the_monotonic_one() -> None:
    clock = ManualClock(AT)
    before = clock.monotonic()
    clock.set_wall(AT + timedelta(days=1))
    assert clock.monotonic() == before
    assert clock.now() == AT + timedelta(days=1)


def test_the_system_clock_is_aware_utc_and_says_whether_it_is_trusted() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.trusted() in {True, False}


def test_latest_keeps_the_newest_by_time_measured() -> None:
    latest = Latest()
    newer = Reading("d/q", 2.0, AT + timedelta(minutes=1), AT, Flag.GOOD)
    latest.note(newer)
    latest.note(Reading("d/q", 1.0, AT, AT + timedelta(minutes=5), Flag.GOOD))
    assert latest["d/q"] is newer


def test_latest_remembers_the_last_believable_value_beside_the_last_word() -> None:
    latest = Latest()
    good = Reading("d/q", 2.0, AT, AT, Flag.GOOD)
    gone = Reading("d/q", None, AT + timedelta(minutes=1), AT, Flag.MISSING, "no_reply")
    latest.note(good)
    latest.note(gone)
    assert latest["d/q"] is gone
    assert latest.last_good("d/q") is good
