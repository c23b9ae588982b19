"""How fast a backlog drains, what it costs, and how late news are; by hand, against a real InfluxDB 1.6.7.

python -m tests.bench.forward_bench [--points 200000] [--seconds 20] [--commit each]

With ``--commit each`` the lateness of news is that from commit to sink; with ``group`` the wait for the commit is in it.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.clock import SystemClock
from gateway.contracts import Entry, SinkContext
from gateway.model import Delivery, Flag, Reading
from gateway.settings import StoreSettings
from gateway.site import load_quantities
from gateway.store.forward import Forwarder
from gateway.store.journal import Journal
from gateway.store.sinks import influxdb
from tests.servers import free_port, influxd
from tests.wire.test_forwarding import Timed, counted, influx

QUANTITIES = ("fill", "distance", "battery", "rssi", "tipped")


class Watched:
    """A sink that notes when each reading was stored."""

    def __init__(self, sink: influxdb.Sink) -> None:
        self._sink = sink
        self.stored: list[tuple[datetime, datetime]] = []

    def send(self, entries: Sequence[Entry]) -> None:
        self._sink.send(entries)
        now = datetime.now(UTC)
        self.stored += [(entry.item.received, now) for entry in entries if isinstance(entry.item, Reading)]

    def check(self) -> list[tuple[str, str]]:
        return self._sink.check()

    def close(self) -> None:
        self._sink.close()


def backlog(count: int) -> list[Reading]:
    """200 series with plausible values, one a second each."""
    sure, found = random.Random(1), []
    start = datetime.now(UTC) - timedelta(seconds=count / 200 + 10)
    for n in range(count):
        device, quantity = n // 5 % 40, QUANTITIES[n % 5]
        at = start + timedelta(seconds=n // 200)
        found.append(
            Reading(f"bin-{device:03d}/{quantity}", round(sure.uniform(0, 100), 2), at, at, Flag.GOOD)
        )
    return found


async def fill(journal: Journal, items: list[Reading]) -> None:
    """Write them down."""
    for start in range(0, len(items), 1000):
        await journal.append(Delivery(tuple(items[start : start + 1000])))
    await asyncio.to_thread(journal.flush, 300.0)


async def news(journal: Journal, seconds: float) -> None:
    """100 messages a second."""
    end = time.monotonic() + seconds
    n = 0
    while time.monotonic() < end:
        now = datetime.now(UTC)
        await journal.append(
            Delivery((Reading(f"new-{n % 40:03d}/fill", float(n % 100), now, now, Flag.GOOD),))
        )
        n += 1
        await asyncio.sleep(0.01)


def ages(watched: Watched, since: datetime) -> str:
    """Median, p99 and longest time from arrival to stored, of what arrived after a moment."""
    late = sorted(
        (stored - arrived).total_seconds() for arrived, stored in watched.stored if arrived >= since
    )
    if not late:
        return "no news"
    worth = late[len(late) // 2], late[int(len(late) * 0.99)], late[-1]
    return f"{len(late)} news: median {worth[0] * 1000:.0f} ms, p99 {worth[1] * 1000:.0f} ms, longest {worth[2] * 1000:.0f} ms"


def say(text: str) -> None:
    """A line of the result."""
    sys.stdout.write(text + "\n")


def cpu() -> float:
    """Processor time of this process [s]."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def drain(folder: Path, points: int, seconds: float, store: StoreSettings) -> None:
    """Measure and print."""
    port = free_port()
    with influxd(folder, port), Journal(folder, Timed(), store) as journal:
        influx(port, "CREATE DATABASE village")
        asyncio.run(fill(journal, backlog(points)))
        settings = influxdb.Settings(
            url=f"http://127.0.0.1:{port}", database="village", backlog_rate=1e9, batch=5000
        )
        context = SinkContext("far", "liuhe", load_quantities(), Timed(), folder)
        watched = Watched(influxdb.Sink(settings, context))
        forwarder = Forwarder("far", watched, journal, SystemClock(), pace=settings)
        began, used, start = time.monotonic(), cpu(), datetime.now(UTC)
        forwarder.start()
        while sum(1 for _ in watched.stored) < points:
            time.sleep(0.05)
        took, used = time.monotonic() - began, cpu() - used
        say(
            f"drain: {points / took:,.0f} points/s, {used / points * 10_000:.3f} s of processor per 10,000 points"
        )
        forwarder.stop()
        assert counted(port) >= points // 5

        asyncio.run(fill(journal, backlog(points)))
        calm = settings.model_copy(update={"backlog_rate": 5000.0, "batch": 1000})
        watched = Watched(influxdb.Sink(settings, context))
        forwarder = Forwarder("far", watched, journal, SystemClock(), pace=calm)
        start = datetime.now(UTC)
        forwarder.start()
        writer = threading.Thread(target=lambda: asyncio.run(news(journal, seconds)))
        writer.start()
        writer.join()
        say(f"news beside a backlog at 5,000/s ({forwarder.status().state}): {ages(watched, start)}")
        while forwarder.status().state != "up to date":
            time.sleep(0.1)
        start, used = datetime.now(UTC), cpu()
        writer = threading.Thread(target=lambda: asyncio.run(news(journal, seconds)))
        writer.start()
        writer.join()
        time.sleep(0.5)
        say(
            f"news alone: {ages(watched, start)}; processor {(cpu() - used) / seconds * 100:.1f} % with the journal"
        )
        forwarder.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--commit", choices=["group", "each"], default="group")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        drain(
            Path(place), asked.points, asked.seconds, StoreSettings(quota=1_000_000_000, commit=asked.commit)
        )
