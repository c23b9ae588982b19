"""Fire on the recorded clips: what is confirmed, what is only worth a look, how long it takes, false alarms per hour.

``VILLAGE_VISION_DATA=... python -m tests.bench.fire_bench [MODEL]`` (default: the test fixture fire11n at 320, 5 pictures
a second). The limits are those of the detector's defaults; the truth is in ``clips.csv``.
"""

from __future__ import annotations

import csv
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from detectors.fire import Detector, Settings
from detectors.runtime.contracts import Detections, Frame, SceneContext, State
from tests.looking import OnnxLooker, frames, watched

FPS = 5.0


def main() -> None:
    data = Path(os.environ["VILLAGE_VISION_DATA"])
    model = Path(sys.argv[1]) if len(sys.argv) > 1 else data / "weights" / "fire11n.onnx"
    looker = OnnxLooker(model, 320)
    found = fires = false = reviews = pictures = 0
    negative_s = model_ms = all_ms = 0.0
    print(f"{model.name} at 320, {FPS:g} pictures a second")
    print(f"{'clip':36} {'truth':18} {'s':>6} {'boxes':>5} {'confirmed':22} worth a look")
    with (data / "clips.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        spent = [0.0, 0]
        last = [0.0]

        def shown(
            path: Path = data / row["file"], spent: list = spent, last: list = last
        ) -> Iterator[tuple[Frame, Detections]]:
            for frame in frames(path, FPS):
                began = time.perf_counter()
                boxes = looker.look(frame.image)
                spent[0] += time.perf_counter() - began
                spent[1] += len(boxes)
                last[0] = frame.stream_s
                yield frame, boxes

        detector = Detector(Settings(), SceneContext("bench", {}, Path(tempfile.mkdtemp())))
        began = time.process_time()
        said = watched(detector, shown())
        all_ms += 1000 * (time.process_time() - began)
        model_ms += 1000 * spent[0]
        pictures += round(last[0] * FPS) + 1
        told = [s for s in said if s.state is State.CONFIRMED and not s.review]
        looks = [s for s in said if s.state is State.CONFIRMED and s.review]
        if row["truth"] == "fire":
            fires += 1
            found += bool(told)
        else:
            negative_s += last[0]
            false += len(told)
            reviews += len(looks)
        say = ", ".join(f"{s.kind} {s.stream_s:.1f}s {s.score:.2f}" for s in told)
        also = ", ".join(f"{s.kind} {s.stream_s:.1f}s" for s in looks)
        print(f"{row['file'][-36:]:36} {row['truth']:18} {last[0]:6.1f} {spent[1]:5d} {say:22} {also}")
    hours = negative_s / 3600
    rate = f"{false / hours:.1f}/h" if false else f"0, 95 % upper bound {3 / hours:.0f}/h"
    print(
        f"fire clips confirmed {found} of {fires}; false alarms {rate} over {negative_s:.0f} s; worth a look {reviews}"
    )
    print(
        f"{pictures} pictures, model {model_ms / pictures:.1f} ms, all (with decoding) {all_ms / pictures:.1f} ms of CPU each"
    )
    print(f"memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
