"""A process that dies at a named step: what was settled is there, and nothing is counted twice."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.model import Delivery
from gateway.settings import StoreSettings
from gateway.store.journal import Journal
from tests.conftest import NOON
from tests.servers import tool
from tests.unit.store.builders import Slip, after, numbered, reading

HOUSE = Path(__file__).resolve().parents[3]
COUNT, WIDTH, QUOTA = 200, 40, 4_000_000
STEPS = [
    "before_commit:7",
    "after_commit:1",
    "after_commit:20",
    "before_settle:3",
    "after_settle:15",
    "before_book_commit:4",
    "after_book_commit:5",
    "before_book_commit:8",
    "after_book_commit:8",
    "after_new_segment:1",
    "in_migration:1",
    "in_migration:2",
]
EVICTING = ["before_unlink:1", "after_unlink:1", "before_unlink:3", "after_new_segment:4"]


def run_child(root, kill_at, count, width, quota=QUOTA, first=0):
    """Numbers of the deliveries whose receipts were settled before the end, and whether it closed in order."""
    env = os.environ | {"VILLAGE_KILL_AT": kill_at, "PYTHONPATH": str(HOUSE)}
    argv = [sys.executable, "-m", "tests.unit.store.crash_child", root, first, count, width, quota]
    done = subprocess.run([*map(str, argv)], capture_output=True, cwd=HOUSE, env=env, timeout=60, check=False)
    lines = done.stdout.decode().split("\n")
    settled = [int(line.split()[1]) for line in lines if line.startswith("settled ")]
    assert done.returncode == -9 or "closed" in lines, done.stderr.decode()[-2000:]
    return settled, "closed" in lines


def reopened(root, width, count):
    clock = ManualClock(after(seconds=(count + 1) * width + 86_400))
    return Journal(root, clock, StoreSettings(quota=QUOTA), boot="boot-1")


def all_entries(journal):
    found, seq = [], 0
    while part := journal.entries(seq, 5000):
        found += part
        seq = part[-1].seq
    return found


@pytest.mark.parametrize("step", STEPS)
def test_what_was_settled_survives_a_kill(tmp_path, step):
    settled, closed = run_child(tmp_path, step, COUNT, WIDTH)
    assert not closed, f"the child never came to {step}"
    with reopened(tmp_path, WIDTH, COUNT) as journal:
        journal.flush()
        entries = all_entries(journal)
        values = [entry.item.value for entry in entries]
        assert len(values) == len(set(values)), "a reading stands twice although nobody sent it twice"
        assert [entry.seq for entry in entries] == sorted({entry.seq for entry in entries})
        expected = {item.value for number in settled for item in numbered(number, WIDTH)[:WIDTH]}
        assert expected <= set(values)
        events = [entry.item.detail["number"] for entry in journal.events(0, 1000)]
        assert {float(number) for number in settled if number % 10 == 9} <= set(events)
        assert len(events) == len(set(events))
        assert_counted_once(journal, set(values))
        if values:
            assert journal.latest()["dev-0/x"].value == max(v for v in values if (v % WIDTH) % 7 == 0)


def assert_counted_once(journal, values):
    """The roll-ups hold each reading once."""
    counted = total = 0
    for hour in range(int(max(values, default=0)) // 3600 + 1):
        for rollup in journal.hour_rollups(NOON + timedelta(hours=hour)):
            counted += rollup.count
            total += rollup.count * rollup.mean
    assert counted == len(values)
    assert round(total) == round(sum(values))


@pytest.mark.parametrize("step", STEPS)
def test_a_sender_that_repeats_what_was_not_settled_is_counted_once(tmp_path, step):
    settled, _ = run_child(tmp_path, step, COUNT, WIDTH)
    missing = [number for number in range(COUNT) if number not in set(settled)]
    if missing:
        run_child(tmp_path, "", COUNT - missing[0], WIDTH, first=missing[0])
    with reopened(tmp_path, WIDTH, COUNT) as journal:
        journal.flush()
        assert_counted_once(journal, {float(n) for n in range(COUNT * WIDTH)})
        events = [entry.item.detail["number"] for entry in journal.events(0, 1000)]
        assert events == [float(n) for n in range(COUNT) if n % 10 == 9]


@pytest.mark.parametrize("step", EVICTING)
def test_an_eviction_cut_short_is_counted_once(tmp_path, step):
    settled, closed = run_child(tmp_path, step, 1000, 100, quota=1_500_000)
    assert not closed, f"the child never came to {step}"
    with reopened(tmp_path, 100, 1000) as journal:
        entries = all_entries(journal)
        status = journal.status()
        assert status.evicted > 0
        assert status.evicted + len(entries) == journal.head()
        held = {entry.item.value for entry in entries}
        expected = {item.value for number in settled for item in numbered(number, 100)[:100]}
        gone = expected - held
        assert len(gone) <= status.evicted
        assert not gone or max(gone) < min(held), "only the oldest may be gone"


async def test_a_receipt_is_settled_only_when_another_connection_sees_the_reading(tmp_path, clock):
    """Fails as soon as acknowledgement precedes commit."""
    seen = []
    with Journal(tmp_path, clock, StoreSettings(quota=QUOTA), boot="b") as journal:
        for number in range(50):
            item = reading(value=float(number), at=after(seconds=number))
            look = Slip(lambda item=item: seen.append(item in [e.item for e in journal.entries(0, 1000)]))
            await journal.append(Delivery((item,), look))
        journal.flush()
    assert seen == [True] * 50


@pytest.mark.servers
def test_the_log_is_synced_before_a_receipt_is_settled(tmp_path):
    """Seen from the kernel: no receipt while the log of a segment has writes that no fdatasync has followed."""
    log = tmp_path / "calls"
    trace = [tool("strace"), "-f", "-y", "-e", "trace=pwrite64,fdatasync,write", "-o", log]
    child = [sys.executable, "-m", "tests.unit.store.crash_child", tmp_path / "state", 0, 40, 40, QUOTA]
    env = os.environ | {"PYTHONPATH": str(HOUSE)}
    done = subprocess.run(
        [*map(str, trace + child)], capture_output=True, cwd=HOUSE, env=env, timeout=60, check=False
    )
    if done.returncode:
        pytest.skip(f"strace may not trace here: {done.stderr.decode()[-200:]}")
    unsynced, receipts = False, 0
    for call in log.read_text().splitlines():
        if "pwrite64(" in call and "/readings-" in call and "-wal>" in call:
            unsynced = True
        elif "fdatasync(" in call and "/readings-" in call and "-wal>" in call:
            unsynced = False
        elif "write(1" in call and "settled" in call:
            receipts += 1
            assert not unsynced, call
    assert receipts == 40
