"""Measures the journal; by hand: ``python -m tests.bench.journal_bench FOLDER [MILLIONS]``.

400 series, one reading a minute each, as in storage-and-dashboards section 5, so that the figures can be compared.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import statistics
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.clock import ManualClock
from gateway.model import Delivery, Flag, Reading
from gateway.settings import StoreSettings
from gateway.store.journal import Journal

SERIES = [f"device-{number:03d}/temperature" for number in range(400)]
START = datetime(2026, 7, 1, tzinfo=UTC)
STEP = timedelta(minutes=1)


def deliveries(count, each, start=START):
    """So many readings in deliveries of a size; every series once a minute."""
    batch = []
    for number in range(count):
        minute, series = divmod(number, len(SERIES))
        at = start + minute * STEP + timedelta(milliseconds=series * 150)
        batch.append(Reading(SERIES[series], 20.0 + (number * 7919 % 1000) / 97, at, at, Flag.GOOD))
        if len(batch) == each:
            yield Delivery(tuple(batch))
            batch = []


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def written():
    """Bytes this process has sent to the disk."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("write_bytes"):
            return int(line.split()[1])
    return 0


def folder_bytes(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name != "ballast")


def rss_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def feed(journal, clock, load, flush_every=0):
    for number, delivery in enumerate(load, 1):
        clock.move_to(delivery.observations[-1].at)
        await journal.append(delivery)
        if flush_every and number % flush_every == 0:
            await asyncio.to_thread(journal.flush)


def intake(folder, name, count, each, settings, flush_every=0):
    """Speed and bytes of one way to write."""
    shutil.rmtree(folder, ignore_errors=True)
    load = list(deliveries(count, each))
    clock = ManualClock(START)
    journal = Journal(folder, clock, settings)
    journal.open()
    bytes_before, began = written(), time.perf_counter()
    asyncio.run(feed(journal, clock, load, flush_every))
    journal.flush()
    spent = time.perf_counter() - began
    commits = journal.status().commits
    journal.close()
    sent = written() - bytes_before
    say(
        f"{name}: {count / spent:,.0f} readings/s, {count / commits:.0f} a commit,"
        f" {sent / count:.0f} B written and {folder_bytes(folder) / count:.1f} B kept a reading"
    )


def one_commit_a_batch(folder, count, each):
    """Bytes written when every delivery is a commit of its own, roll-ups included, as at a slow trickle."""
    intake(
        folder,
        f"commit: each, batches of {each}",
        count,
        each,
        StoreSettings(commit="each", quota=4_000_000_000),
    )


def timed(work, times=20):
    spans = []
    for _ in range(times):
        began = time.perf_counter()
        found = work()
        spans.append((time.perf_counter() - began) * 1000)
    return f"{statistics.median(spans):.2f} ms (worst {max(spans):.2f}), {len(found)} rows"


def large(folder, millions):
    """Questions to a journal of so many million readings."""
    count = int(millions * 1_000_000)
    shutil.rmtree(folder, ignore_errors=True)
    clock = ManualClock(START)
    settings = StoreSettings(quota=4_000_000_000)
    journal = Journal(folder, clock, settings)
    journal.open()
    began = time.perf_counter()
    asyncio.run(feed(journal, clock, deliveries(count, 400)))
    journal.flush()
    say(f"filled {count:,} in {time.perf_counter() - began:.0f} s, RSS {rss_mb():.0f} MB")
    journal.close()
    say(f"{folder_bytes(folder) / count:.1f} B kept a reading")
    began = time.perf_counter()
    journal = Journal(folder, clock, settings)
    journal.open()
    say(f"open: {(time.perf_counter() - began) * 1000:.0f} ms, {journal.status().segments} segments")
    end = clock.now()
    series = SERIES[217]
    day = timedelta(days=1)
    for name, work in {
        "chart of the last 24 h": lambda: journal.chart(series, end - day, end),
        "chart of 24 h, 5 days ago": lambda: journal.chart(series, end - 6 * day, end - 5 * day),
        "chart of 6 h": lambda: journal.chart(series, end - day / 4, end),
        "chart of 7 days": lambda: journal.chart(series, end - 7 * day, end),
        "chart of a year": lambda: journal.chart(series, end - 365 * day, end),
        "readings of the last 24 h": lambda: journal.readings(series, end - day, end),
        "readings of 24 h, 5 days ago": lambda: journal.readings(series, end - 6 * day, end - 5 * day),
        "1,000 entries": lambda: journal.entries(count // 2, 1000),
        "an hour's roll-ups": lambda: journal.hour_rollups(end - day / 2),
    }.items():
        say(f"{name}: {timed(work)}")
    say(f"RSS {rss_mb():.0f} MB")
    journal.close()


def beside_a_busy_thread(folder):
    """Intake while another thread of the process never rests (one interpreter lock for both)."""
    stop = threading.Event()

    def spin():
        while not stop.is_set():
            sum(range(100))

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        settings = StoreSettings(quota=4_000_000_000)
        intake(folder, "beside a busy thread, groups of 16 x 6", 48_000, 6, settings)
    finally:
        stop.set()
        thread.join()


def main():
    folder = Path(sys.argv[1]) / "journal-bench"
    settings = StoreSettings(quota=4_000_000_000)
    intake(folder, "flood, groups as they come, 1 reading a delivery", 100_000, 1, settings)
    intake(folder, "flood, groups as they come, 6 readings a delivery", 300_000, 6, settings)
    one_commit_a_batch(folder, 20_000, 16)
    one_commit_a_batch(folder, 100_000, 100)
    beside_a_busy_thread(folder)
    large(folder, float(sys.argv[2]) if len(sys.argv) > 2 else 10)
    shutil.rmtree(folder, ignore_errors=True)
    os.sync()


if __name__ == "__main__":
    main()
