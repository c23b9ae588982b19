"""How long a reading takes to be judged by 10,000 rule instances, and what they weigh. By hand:

python -m tests.bench.rules_bench
"""

from __future__ import annotations

import gc
import resource
import statistics
import time
from datetime import UTC, datetime, timedelta

from gateway.contracts import Device
from gateway.model import Flag, Reading, Tick
from gateway.rulefiles import load_rules, rule_files
from gateway.rules.rulebook import Rulebook
from gateway.settings import DeviceSettings
from gateway.site import load_quantities

DEVICES = 480
QUANTITIES = (
    "fill", "temperature", "ph", "do", "nh4_n", "turbidity", "water_level", "rain", "wind_speed", "air_temp",
    "tilt_delta", "battery",
)  # fmt: skip
ROUNDS = 12


def main() -> None:
    """Every device says everything, every ten minutes, for two hours; the last hour is timed."""
    quantities = load_quantities()
    devices = {
        f"device-{number}": Device(
            f"device-{number}", DeviceSettings(source="x", period=timedelta(minutes=10))
        )
        for number in range(DEVICES)
    }
    gc.collect()
    before = _rss_kb()
    book = Rulebook(load_rules(rule_files(None), quantities).plans, devices, quantities)
    start = datetime(2026, 7, 18, tzinfo=UTC)
    durations: list[float] = []
    changes = 0
    for round_ in range(ROUNDS):
        at = start + timedelta(minutes=10 * round_)
        for number, device in enumerate(devices):
            for place, quantity in enumerate(QUANTITIES):
                value = float((number * 7 + place * 13 + round_ * 5) % 40)
                reading = Reading(f"{device}/{quantity}", value, at, at, Flag.GOOD)
                began = time.perf_counter()
                changes += len(book.step([reading]))
                if round_ >= ROUNDS // 2:
                    durations.append(time.perf_counter() - began)
        for second in range(10, 600, 60):
            book.step([Tick(at + timedelta(seconds=second))])
    gc.collect()
    durations.sort()
    began = time.perf_counter()
    book.memory()
    memory_s = time.perf_counter() - began
    print(
        f"{len(book):,} rule instances, {len(devices) * len(QUANTITIES):,} series, {len(durations):,} readings timed"
    )
    print(
        f"a reading: median {statistics.median(durations) * 1e6:.1f} us, p99 {durations[int(len(durations) * 0.99)] * 1e6:.1f} us,"
        f" worst {durations[-1] * 1e6:.0f} us; {book.judged / (ROUNDS * len(devices) * len(QUANTITIES)):.1f} rules a reading"
    )
    print(
        f"{changes:,} changes; memory for a restart in {memory_s * 1e3:.0f} ms; {(_rss_kb() - before) / 1024:.0f} MB"
    )


def _rss_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
