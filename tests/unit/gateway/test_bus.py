from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from gateway.bus import Bus
from gateway.model import Delivery, Event, Reading

AT = datetime(2026, 1, 1, tzinfo=UTC)


def delivery(number: int, *, expendable: bool = False, event: bool = False) -> Delivery:
    item = Event("cam", "fire", AT, AT) if event else Reading(f"d/{number}", float(number), AT, AT)
    return Delivery((item,), expendable=expendable)


async def test_what_goes_in_comes_out_in_order_and_closing_ends_the_reader() -> None:
    bus = Bus()
    for number in range(5):
        await bus.put(delivery(number))
    bus.close()
    seen = [item async for item in bus]
    assert seen == [delivery(number) for number in range(5)]


async def test_a_full_bus_makes_a_writer_wait_until_there_is_room() -> None:
    bus = Bus(size=2)
    await bus.put(delivery(0))
    await bus.put(delivery(1))
    waiting = asyncio.create_task(bus.put(delivery(2)))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert await anext(aiter(bus)) == delivery(0)
    await waiting
    assert bus.dropped == 0


async def test_only_what_nobody_can_repeat_is_thinned_oldest_first_and_counted() -> None:
    bus = Bus(size=3)
    await bus.put(delivery(0))
    await bus.put(delivery(1, expendable=True))
    await bus.put(delivery(2, expendable=True))
    await bus.put(delivery(3))
    bus.close()
    assert [item async for item in bus] == [delivery(0), delivery(2, expendable=True), delivery(3)]
    assert bus.dropped == 1


async def test_an_event_is_never_thinned() -> None:
    bus = Bus(size=1)
    await bus.put(delivery(0, expendable=True, event=True))
    waiting = asyncio.create_task(bus.put(delivery(1)))
    await asyncio.sleep(0)
    assert not waiting.done()
    await anext(aiter(bus))
    await waiting
    assert bus.dropped == 0
