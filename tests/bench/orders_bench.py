"""How long one look at all orders takes: ``python -m tests.bench.orders_bench [ORDERS]``; printed, not judged."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from gateway.clock import ManualClock
from gateway.store.book import Book
from tests.conftest import NOON
from tests.house import house
from tests.unit.store.test_orders import ORDER


async def main(count: int) -> None:
    clock = ManualClock(NOON)
    with tempfile.TemporaryDirectory() as folder:
        async with house(Path(folder), clock) as building:

            def fill(book: Book) -> None:
                for number in range(count):
                    due = NOON + timedelta(days=1)
                    book.orders.add(
                        replace(ORDER, rule="full", target=f"bin-{number}", amber=due, due=due), 2026
                    )

            began = time.perf_counter()
            building.journal.change(fill)
            print(f"{count} orders written in {time.perf_counter() - began:.2f} s, one transaction")
            one = replace(ORDER, title="by hand")
            moves = []
            for number in range(100):
                began = time.perf_counter()
                await building.orders.add(replace(one, log=ORDER.log), "", f"key-{number}")
                moves.append(time.perf_counter() - began)
            print(f"one order by hand: median {statistics.median(moves) * 1000:.1f} ms, on the disk")
            looks = []
            await building.watch.look()  # ends what has no alert
            for _ in range(10):
                began = time.perf_counter()
                await building.watch.look()
                looks.append(time.perf_counter() - began)
            print(
                f"a look at {len(await building.orders.find(limit=2000))} orders: median {statistics.median(looks) * 1000:.0f} ms"
            )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
