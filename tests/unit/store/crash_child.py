"""A journal in a process of its own, that a test lets die: appends numbered deliveries, says what was settled."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from gateway.clock import ManualClock
from gateway.model import Delivery
from gateway.settings import StoreSettings
from gateway.store.journal import Journal
from tests.conftest import NOON
from tests.unit.store.builders import Slip, after, numbered, say


async def main(root: Path, first: int, count: int, width: int, quota: int) -> None:
    clock = ManualClock(NOON)
    journal = Journal(root, clock, StoreSettings(quota=quota), boot="boot-1")
    journal.open()
    say("open")
    for number in range(first, first + count):
        clock.move_to(after(seconds=(number + 1) * width))
        receipt = Slip(lambda number=number: say(f"settled {number}"))
        await journal.append(Delivery(numbered(number, width), receipt))
        if number % 8 == 7:
            journal.set_bookmark("sink", str(number))
            await asyncio.to_thread(journal.flush)
    journal.close()
    say("closed")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *map(int, sys.argv[2:])))
