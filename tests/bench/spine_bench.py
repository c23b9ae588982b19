"""What a reading costs between the wire and the journal: grading and deriving; by hand.

python -m tests.bench.spine_bench [--devices 100] [--rounds 500]
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime, timedelta

from gateway.contracts import Device
from gateway.deriver import Deriver
from gateway.model import Reading
from gateway.quality.grader import Grader
from gateway.settings import Bin, DeviceSettings
from gateway.site import load_catalogue, load_quantities

START = datetime(2026, 7, 1, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=500)
    args = parser.parse_args()
    quantities = load_quantities()
    model = load_catalogue(quantities)["milesight-em400-mud"]
    devices = {
        f"bin-{number:03d}": Device(
            f"bin-{number:03d}",
            DeviceSettings(source="broker", model=model.model, bin=Bin(empty=1200.0, full=200.0)),
            model,
        )
        for number in range(args.devices)
    }
    grader, deriver = Grader(quantities, devices), Deriver(devices, quantities)
    graded_s = derived_s = 0.0
    readings = 0
    for step in range(args.rounds):
        at = START + timedelta(minutes=10 * step)
        for number, slug in enumerate(devices):
            uplink = [
                Reading(f"{slug}/distance", 1100.0 - (step * 7 + number) % 800, at, at),
                Reading(f"{slug}/temperature", 20.0 + step % 9, at, at),
                Reading(f"{slug}/battery", 92.0, at, at),
                Reading(f"{slug}/tipped", 0.0, at, at),
            ]
            began = time.perf_counter()
            graded = grader.grade_all(uplink)
            middle = time.perf_counter()
            grader.grade_all([item for item in deriver.derive(graded) if isinstance(item, Reading)])
            derived_s += time.perf_counter() - middle
            graded_s += middle - began
            readings += len(uplink)
    print(f"grading {graded_s / readings * 1e6:.1f} us a reading, {args.devices} devices")
    print(f"deriving {derived_s / args.rounds / args.devices * 1e6:.1f} us a message of four readings")


if __name__ == "__main__":
    main()
