"""What keeping evidence costs: ``python -m tests.bench.evidence_bench MODEL CLIP``; seconds of processor, one thread.

MODEL: a network that knows people and vehicles (ONNX). CLIP: any film of a street.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from detectors.runtime.clips import finished
from detectors.runtime.contracts import Box, Frame, Sighting, State
from detectors.runtime.evidence import Keeper
from detectors.runtime.footage import FileFootage
from detectors.runtime.network import open_model
from detectors.runtime.privacy import Masks, Shroud
from gateway.cameras import ModelEntry
from gateway.evidence.settings import EvidenceSettings
from gateway.evidence.shelf import Shelf


def spent() -> float:
    """Processor time of this process and of the children it has waited for [s]."""
    whole = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in whole)


def main(model: Path, clip: Path) -> None:
    """Print the table."""
    entry = ModelEntry(path=model, threads=1)
    shroud = Shroud([open_model(entry)])
    reader = cv2.VideoCapture(str(clip))
    _, image = reader.read()
    rate, count = reader.get(cv2.CAP_PROP_FPS), reader.get(cv2.CAP_PROP_FRAME_COUNT)
    reader.release()
    picture = np.asarray(image, np.uint8)
    at = datetime(2026, 11, 1, tzinfo=UTC)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as executor:
        keeper = Keeper(
            Shelf(Path(folder) / "e"), EvidenceSettings(), "gate", shroud=shroud, executor=executor
        )
        seconds, wall = [], []
        for number in range(12):
            box = Box(0.1, 0.1, 0.3, 0.4, "car", 0.9)
            one = Sighting("fire", State.CONFIRMED, f"k{number}", float(number), at, 0.9, boxes=(box,))
            began, clock = spent(), time.perf_counter()
            keeper.keep(one, Frame(picture, float(number), at))
            seconds.append(spent() - began)
            wall.append(time.perf_counter() - clock)
        print(f"{picture.shape[1]}x{picture.shape[0]}, {os.cpu_count()} processors")
        print(f"keep a sighting (cover, two JPEGs, sync): {1000 * min(seconds[2:]):.0f} ms of processor, "
              f"{1000 * min(wall[2:]):.0f} to {1000 * max(wall[2:]):.0f} ms in all")  # fmt: skip
        began = spent()
        plain = FileFootage(clip).cut(0, count / rate, Path(folder) / "plain.mp4")
        print(f"cut {count / rate:.1f} s without encoding: {1000 * (spent() - began):.0f} ms of processor")
        shutil.copyfile(plain, Path(folder) / "clip.mp4")
        began = spent()
        finished(Path(folder) / "clip.mp4", "blurred", masks=Masks({}), shroud=lambda: shroud)
        print(
            f"cover it picture by picture: {spent() - began:.1f} s of processor, {(spent() - began) / (count / rate):.2f} s a second of film"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
