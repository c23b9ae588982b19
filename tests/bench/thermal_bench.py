"""What heat costs a picture: a calm scene, a hot one, and a sample that is learnt, for pictures of three sizes.

``python -m tests.bench.thermal_bench``
"""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from detectors.runtime.contracts import Frame, SceneContext
from detectors.thermal import Detector, Settings

SHAPES = ((120, 160), (192, 256), (512, 640))
START = datetime(2026, 7, 18, 4, 0, tzinfo=UTC)


def main() -> None:
    rng = np.random.default_rng(1)
    print(f"{'size':>10} {'calm ms':>8} {'hot ms':>8} {'with a sample ms':>17} {'on the disk kB':>15}")
    for shape in SHAPES:
        folder = Path(tempfile.mkdtemp())
        eye = Detector(Settings(), SceneContext("bench", {}, folder))
        image = np.zeros((*shape, 3), np.uint8)
        calm = rng.normal(20, 2, shape).astype(np.float32)
        hot = calm.copy()
        hot[10:20, 10:20] = 200
        figures = [_cost(eye, image, picture, start) for picture, start in ((calm, 0.0), (hot, 100.0))]
        sample = _cost(eye, image, calm, 200.0, count=40, every=10.0)
        for hour in range(24):  # a day of it, as it lies on the disk
            for second in range(0, 3600, 600):
                at = START + timedelta(hours=hour, seconds=second)
                noise = rng.normal(20 + hour / 2, 2, shape).astype(np.float32)
                eye.look(Frame(image, 1e5 + 3600 * hour + second, at, celsius=noise), None)
        eye.end(2e5, START)
        size = sum(file.stat().st_size for file in folder.iterdir()) / 1000
        print(f"{shape[1]}x{shape[0]:<6} {figures[0]:8.2f} {figures[1]:8.2f} {sample:17.2f} {size:15.0f}")


def _cost(
    eye: Detector,
    image: np.ndarray,
    picture: np.ndarray,
    start: float,
    *,
    count: int = 40,
    every: float = 0.2,
) -> float:
    """Milliseconds of processor a picture, the median."""
    spent = []
    for index in range(count):
        at = start + index * every
        began = time.process_time()
        eye.look(Frame(image, at, START + timedelta(seconds=at), celsius=picture), None)
        spent.append(1000 * (time.process_time() - began))
    return float(np.median(spent))


if __name__ == "__main__":
    main()
