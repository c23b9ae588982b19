"""Semi-synthetic measurement of the building detector: real fixed views, made-up light, a pasted building. By hand:

VILLAGE_VISION_DATA=... python -m tests.bench.building_bench

The views are medians of recorded clips, the building is cut out of a photograph and grows over three days. Light, clouds,
wandering shadows, noise, the swaying pole and the place of the building are ours. It measures how large a change must be
and that light alone is none; it does not measure real building sites.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from detectors.illegal_building import Detector, Settings
from detectors.runtime.contracts import Frame, SceneContext

FIRST = datetime(2026, 3, 2, tzinfo=UTC)
HOURS = (8, 12, 16)
DAYS, FROM_DAY = 8, 4
SHARES = (0.031, 0.058, 0.012)  # of the frame; those of the vision reference 4.3
TRIES = int(os.environ.get("BUILDING_TRIES", "2"))
WIDTH = 480
KINDS = {"building_change", "illegal_building"}


def main() -> None:
    """Each view without a building, then with one of three sizes at random places of its lower part."""
    folder = os.environ.get("VILLAGE_VISION_DATA")
    if not folder:
        sys.exit("set VILLAGE_VISION_DATA to the folder of recorded clips")
    kinds = ("traffic/accident/*.mp4", "traffic/normal/*.mp4", "fire/video/neg*.mp4")
    views = {path.stem: view(path) for kind in kinds for path in sorted(Path(folder).glob(kind))}
    rng = np.random.default_rng(5)
    print(f"{len(views)} views, {DAYS} days, {len(HOURS)} plates a day")
    quiet = {name: days(picture, None) for name, picture in views.items()}
    unfit = [name for name, (_, times) in quiet.items() if not times]
    print(f"never learnt (too few fixed points): {len(unfit)} {' '.join(unfit)}")
    views = {name: picture for name, picture in views.items() if name not in unfit}
    print(f"nothing built: {sum(bool(one) for one, _ in quiet.values())} of {len(views)} told something")
    for share in SHARES:
        found, after = 0, []
        for picture in views.values():
            for _ in range(TRIES):
                told, _ = days(picture, plot(picture, share, rng))
                found += bool(told)
                after += [told[0] - FROM_DAY] if told else []
        mean = f", after {np.median(after):.1f} days (median)" if after else ""
        print(f"building of {100 * share:.1f} % of the frame: {found} of {len(views) * TRIES} found{mean}")
    plates = [one for _, times in quiet.values() for one in times]
    print(
        f"a plate: median {1000 * np.median(plates):.0f} ms of processor, worst {1000 * max(plates):.0f} ms"
    )


def view(path: Path) -> np.ndarray:
    """The median of a clip: what stands there."""
    film = cv2.VideoCapture(str(path))
    count = int(film.get(cv2.CAP_PROP_FRAME_COUNT))
    frames = []
    for number in np.linspace(0, max(count - 2, 0), 9).astype(int):
        film.set(cv2.CAP_PROP_POS_FRAMES, int(number))
        read, frame = film.read()
        if read:
            frames.append(frame)
    picture = np.median(np.stack(frames), axis=0).astype(np.uint8)
    return cv2.resize(picture, (WIDTH, round(picture.shape[0] * WIDTH / picture.shape[1])))


@cache
def facade() -> np.ndarray:
    """A real building, cut out of a photograph."""
    photograph = cv2.imread(
        str(Path(os.environ["VILLAGE_VISION_DATA"]) / "construction/building_site_side_by_side.jpg")
    )
    return photograph[1250:2450, 420:1550]


def plot(picture: np.ndarray, share: float, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Left, bottom, width and height of a building in the lower part of the picture."""
    height, width = picture.shape[:2]
    area = share * width * height
    tall = round((area / 1.6) ** 0.5)
    wide = round(area / tall)
    left = int(rng.integers(10, width - wide - 10))
    return left, int(rng.integers(height // 3 + tall, height - 12)), wide, tall


def days(picture: np.ndarray, built: tuple[int, int, int, int] | None) -> tuple[list[float], list[float]]:
    """Days on which something was told, and the processor seconds of each plate."""
    said: list[float] = []
    cost: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        looking = Detector(Settings(slots=HOURS, pictures=3), SceneContext("hill", {}, Path(folder)))
        for day in range(DAYS):
            for hour in HOURS:
                image = lit(picture, built, day, hour)
                for take in range(3):
                    at = FIRST + timedelta(days=day, hours=hour, minutes=4 * take)
                    began = time.process_time()
                    found = looking.look(Frame(image, (at - FIRST).total_seconds(), at), None)
                    if take == 2 and day >= FROM_DAY and list(Path(folder).glob("fixed/plate-*")):
                        cost.append(time.process_time() - began)
                    told = [one for one in found if one.state == "confirmed" and one.kind in KINDS]
                    said += [(at - FIRST) / timedelta(days=1)] * len(told)
    return said, cost


def lit(picture: np.ndarray, built: tuple[int, int, int, int] | None, day: int, hour: int) -> np.ndarray:
    """The view on that day at that hour."""
    rng, weather = np.random.default_rng((day, hour, picture.shape[0])), np.random.default_rng(day)
    scene = picture.astype(np.float32)
    if built is not None and day >= FROM_DAY:
        left, bottom, wide, tall = built
        part = max(round(tall * min(day - FROM_DAY + 1, 3) / 3), 2)
        spot = scene[bottom - part : bottom, left : left + wide]
        house = cv2.resize(facade(), (wide, tall), interpolation=cv2.INTER_AREA).astype(np.float32)[-part:]
        scene[bottom - part : bottom, left : left + wide] = house * ((spot.mean() + 30) / house.mean())
    height, width = scene.shape[:2]
    sunny, side = weather.uniform() > 0.35, (hour - 12) / 6
    scene *= 1 + (0.3 * side * sunny) * np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    if sunny:  # shadows of what stands outside the picture wander over it
        for edge in np.random.default_rng(3).uniform(0, width, 3):
            corners = np.array(
                [[edge, 0], [edge + 50, 0], [edge + 50 - 130 * side, height], [edge - 130 * side, height]]
            )
            dark = cv2.fillPoly(np.zeros((height, width), np.uint8), [corners.astype(np.int32)], 1)
            scene[cv2.GaussianBlur(dark, (5, 5), 0) > 0] *= 0.55
    scene = scene * (1.05 - 0.3 * abs(side)) * float(weather.uniform(0.75, 1.1))
    scene = 255 * (np.clip(scene, 0, 255) / 255) ** float(weather.uniform(0.8, 1.25)) + rng.normal(
        0, 2, scene.shape
    )
    sway = rng.uniform(-1.2, 1.2, 2)
    move = np.array([[1, 0, sway[0]], [0, 1, sway[1]]], np.float32)
    swayed = cv2.warpAffine(scene.astype(np.float32), move, (width, height), borderMode=cv2.BORDER_REFLECT)
    return np.clip(swayed, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
