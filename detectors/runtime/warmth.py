"""How warm each part of a picture usually is at each hour of the day, and what is hot there every day; kept for months.

One number for each cell and hour: an estimate of its 95th percentile that moves up by 0.95 and down by 0.05 of a step
with each sample above or below it (a stochastic quantile, so nothing else need be kept). A chimney that smokes from
time to time, or a car that passes, hardly moves it; the sun on a roof does. Cells are single pixels up to 160x128, else
blocks of them by their hottest pixel: 1 MB for each preset, and about a fifth of that on the disk.
"""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.runtime.contracts import Celsius

CELLS = 160 * 128
SAMPLE_S = 10.0  # between two samples
SAVE_S = 3600.0  # between two writes: a power cut costs an hour of months, and the card lives longer
PERCENTILE = 0.95
STEP_K = 0.5
FRESH = 30  # an hour with fewer samples is not known yet
HOT_C = 80.0  # what is this hot ...
HOT_SAMPLES = 6  # ... for a minute of a day ...
HOT_DAYS = 5  # ... on five of the last seven days is known to be hot
_UNIT = 64  # stored: 1/64 K in 16 bits
_DAYS = 7
_FORM = 1

_log = logging.getLogger(__name__)


class Warmth:
    """What is usual in one view.

    Args:
        shape: Of the pictures, (h, w).
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.block = max(1, int(np.ceil(np.sqrt(shape[0] * shape[1] / CELLS))))
        self._grid = (-(-shape[0] // self.block), -(-shape[1] // self.block))
        self._level: NDArray[np.int16] = np.zeros((24, *self._grid), np.int16)
        self._samples = np.zeros(24, np.uint32)
        self._hot_today: NDArray[np.uint8] = np.zeros(self._grid, np.uint8)
        self._hot_days: NDArray[np.uint8] = np.zeros(
            self._grid, np.uint8
        )  # one bit a day, today's is the lowest
        self._day = 0
        self.fresh = False  # has learnt something that is not on the disk
        self._usual: tuple[tuple[int, int], Celsius | None] = ((-1, -1), None)

    def learn(
        self, celsius: Celsius, *, hour: int, day: int, except_for: NDArray[np.bool_] | None = None
    ) -> None:
        """One sample.

        Args:
            celsius: The picture.
            hour: Of the day, local.
            day: Number of the day, local.
            except_for: (h, w) pixels that burn now: a fire shall not become usual. That they were hot today is noted.
        """
        cells = self._cells(celsius)
        self._new_day(day)
        known_before = self._known()
        hot = cells >= HOT_C
        self._hot_today[hot] = np.minimum(self._hot_today[hot] + 1, 255)
        self._hot_days[self._hot_today >= HOT_SAMPLES] |= 1
        now = np.clip(cells * _UNIT, -32768, 32767).astype(np.int16)
        level = self._level[hour]
        if self._samples[hour] == 0:
            fresh = now
        else:
            up, down = round(STEP_K * PERCENTILE * _UNIT), max(1, round(STEP_K * (1 - PERCENTILE) * _UNIT))
            room = np.clip(level.astype(np.int32) + up, -32768, 32767), level.astype(np.int32) - down
            fresh = np.where(now > level, np.minimum(room[0], now), np.maximum(room[1], now)).astype(np.int16)
        known = self._known()
        fresh[known] = np.maximum(level, now)[known]  # what is hot every day is taken as it comes
        if except_for is not None and self._samples[hour] > 0:
            burning = self._blocks(except_for.astype(np.float32)) > 0
            as_ever = known & ~known_before  # hot on most days: this is no fire but what is usual
            fresh = np.where(burning & ~as_ever, level, fresh)
        self._level[hour] = fresh
        self._samples[hour] += 1
        self.fresh = True

    def usual(self, hour: int) -> Celsius | None:
        """What is usually the most at this hour, for every pixel; ``None`` before anything was learnt.

        An hour that is not known yet takes the warmest of its neighbours, else of the hours that are known; what is hot
        every day may be so at any hour.
        """
        stamp = (hour, int(self._samples[hour]))
        if self._usual[0] != stamp:
            self._usual = (stamp, self._looked_up(hour))
        return self._usual[1]

    def known_hot(self) -> NDArray[np.bool_]:
        """(h, w) pixels that were hot on most days of the last week: chimney, transformer, exhausts of a car park."""
        return np.asarray(self._pixels(self._known()), bool)

    def knows(self, celsius: float) -> bool:
        """Whether a place that is known to be hot here is usually at least this hot, at any hour."""
        known = self._known()
        return bool(known.any() and (self._level[:, known].max() + _UNIT) / _UNIT >= celsius)

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            np.savez_compressed(
                file,
                form=np.asarray([_FORM, *self.shape, self._day]),
                level=self._level,
                samples=self._samples,
                hot_today=self._hot_today,
                hot_days=self._hot_days,
            )
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        self.fresh = False

    @classmethod
    def load(cls, path: Path, shape: tuple[int, int]) -> Warmth:
        """What was kept for pictures of this shape; empty when there is nothing, or nothing that fits."""
        warmth = cls(shape)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                form = [int(number) for number in kept["form"]]
                fields = {name: kept[name] for name in ("level", "samples", "hot_today", "hot_days")}
        except FileNotFoundError:
            return warmth
        except Exception as error:  # noqa: BLE001  # a torn file may raise anything; what was learnt can be learnt again
            _log.warning("background forgotten file=%s reason=%s", path.name, type(error).__name__)
            return warmth
        mine = {name: getattr(warmth, f"_{name}") for name in fields}
        same = all(
            fields[name].shape == mine[name].shape and fields[name].dtype == mine[name].dtype for name in mine
        )
        if form[:3] != [_FORM, *shape] or not same:
            _log.warning("background forgotten file=%s reason=%s", path.name, "made for other pictures")
            return warmth
        for name, field in fields.items():
            setattr(warmth, f"_{name}", field)
        warmth._day = form[3]
        return warmth

    def _known(self) -> NDArray[np.bool_]:
        days = np.unpackbits(self._hot_days[..., None], axis=-1).sum(-1)
        return np.asarray(days >= HOT_DAYS)

    def _new_day(self, day: int) -> None:
        if day == self._day:
            return
        passed = day - self._day if self._day else 0
        shifted = self._hot_days.astype(np.uint32) << min(max(passed, 0), _DAYS)
        self._hot_days = (shifted & ((1 << _DAYS) - 1)).astype(np.uint8)
        self._hot_today[:] = 0
        self._day = day

    def _looked_up(self, hour: int) -> Celsius | None:
        known = self._samples >= FRESH
        if known[hour]:
            level = self._level[hour]
        else:
            near = [h for h in ((hour - 1) % 24, (hour + 1) % 24) if known[h]] or list(np.flatnonzero(known))
            if not near:
                return None
            level = self._level[near].max(0)
        level = np.where(self._known(), self._level.max(0), level)
        return np.asarray(self._pixels(level), np.float32) / np.float32(_UNIT)

    def _cells(self, celsius: Celsius) -> NDArray[np.float32]:
        return celsius if self.block == 1 else self._blocks(celsius)

    def _blocks(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """The largest of each block; a block at the border is smaller."""
        (rows, columns), block = self._grid, self.block
        down, right = rows * block - pixels.shape[0], columns * block - pixels.shape[1]
        whole = np.pad(pixels, ((0, down), (0, right)), mode="edge")
        return np.asarray(whole.reshape(rows, block, columns, block).max((1, 3)), np.float32)

    def _pixels(self, cells: NDArray[np.generic]) -> NDArray[np.generic]:
        wide = cells.repeat(self.block, 0).repeat(self.block, 1)
        return wide[: self.shape[0], : self.shape[1]]


class WarmthOfViews:
    """The background of each preset of a camera, read when it is first looked at.

    Args:
        folder: Where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._views: dict[str, Warmth] = {}
        self._sampled: dict[str, float] = {}
        self._saved_s: float | None = None

    def of(self, preset: str, shape: tuple[int, int]) -> Warmth:
        """The background of a preset; a new one when the pictures have become of another size."""
        known = self._views.get(preset)
        if known is None or known.shape != shape:
            known = self._views[preset] = Warmth.load(self._file(preset), shape)
        return known

    def due(self, preset: str, now_s: float) -> bool:
        """Whether a sample of this preset is due; asking takes it."""
        last = self._sampled.get(preset)
        if last is not None and 0 <= now_s - last < SAMPLE_S:
            return False
        self._sampled[preset] = now_s
        return True

    def save_now_and_then(self, now_s: float) -> None:
        """Write what is new once an hour."""
        if self._saved_s is None or now_s < self._saved_s:
            self._saved_s = now_s
        if now_s - self._saved_s >= SAVE_S:
            self._saved_s = now_s
            self.save()

    def save(self) -> None:
        """Write what is new; a full disk costs only what was learnt since."""
        for preset, warmth in self._views.items():
            try:
                if warmth.fresh:
                    warmth.save(self._file(preset))
            except OSError as error:
                _log.warning("background not saved reason=%s", error.strerror)

    def forget_samples(self) -> None:
        """The stream begins again at 0."""
        self._sampled.clear()
        self._saved_s = None

    def hottest_known(self, celsius: float) -> bool:
        """Whether some view has a place that is known to be hot at least this hot."""
        return any(warmth.knows(celsius) for warmth in self._views.values())

    def _file(self, preset: str) -> Path:
        name = hashlib.sha256(preset.encode()).hexdigest()[:16] if preset else "fixed"
        return self._folder / f"warmth-{name}.npz"
