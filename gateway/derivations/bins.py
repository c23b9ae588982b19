"""How full a bin is, and when somebody emptied it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from gateway.contracts import Device
from gateway.conversions import fill_percent
from gateway.derivations.inputs import BACKFILL, made, overtaken, usable
from gateway.model import Event, Flag, Reading
from gateway.quantities import Checks
from gateway.settings import Bin

FAST = timedelta(
    minutes=10
)  # reference 6.1: median of five at 10-min reporting; of three where five would be hours
FALL = 30.0  # points; reference 6.1, "collection"
EMPTY = 25.0  # %; the same
FALL_AFTER_TIPPING = 10.0  # points; a bin that was turned over needs no further proof
CONFIRM_BELOW = timedelta(hours=6)  # a device that reports its own fill so often is asked twice
BEYOND = 1.1  # ten per cent further away than the floor: the sensor looks past the bin
BEYOND_MM = 100.0
_DEFAULT_SPIKE_MM = 300.0


class BinFill:
    """``fill`` from ``distance``; ``emptied`` when it falls.

    A level is believed when most of the last three readings (five at ten minutes and faster) agree: a bag on its way
    in, a flap or a leaf shows in ``distance`` and never in ``fill``. While the bin is tipped or its lid is open the
    distance says nothing, and ``fill`` is MISSING.

    Args:
        device: The sensor.
        geometry: Of the bin.
        limits: Of ``distance``; its spike limit is how far two readings may lie apart and still agree.
    """

    def __init__(self, device: Device, geometry: Bin, limits: Checks) -> None:
        self.revision = 0
        self._device = device
        self._empty = geometry.empty
        blind = geometry.blind
        if blind is None:
            blind = device.model.blind if device.model is not None else None
        self._full = max(geometry.full, blind or 0.0)
        self._shape = geometry.shape
        self._agree = limits.spike or _DEFAULT_SPIKE_MM
        self._window: deque[Reading] = deque(maxlen=5 if device.period <= FAST else 3)
        self._obstacles = _Obstacles()
        self._emptying = Emptying(device, confirm=False)

    def derive(self, readings: Mapping[str, Reading]) -> list[Reading | Event]:
        """``fill``, and ``emptied`` when it has just happened."""
        if self._obstacles.heed(readings):
            self._emptying.was_tipped()
        distance = readings.get("distance")
        if distance is None:
            return []
        fill = self._fill(distance)
        return [fill, *self._emptying.derive({"fill": fill})]

    def prime(self, latest: Mapping[str, Reading]) -> None:
        """Remember the last distance, the last fill and whether the bin was tipped."""
        self._obstacles.heed(latest)
        distance = latest.get("distance")
        if distance is not None and usable(distance):
            self._window.append(distance)
        self._emptying.prime(latest)

    def memory(self) -> dict[str, Any]:
        """Nothing that the journal does not know."""
        return {}

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Nothing to take back."""

    def _fill(self, distance: Reading) -> Reading:
        obstacle = self._obstacles.now
        if obstacle:
            return made(self._device, "fill", None, distance, doubt=obstacle)
        if not usable(distance):
            return made(self._device, "fill", None, distance)
        if self._window and distance.at != self._window[-1].at and overtaken(distance, self._window[-1].at):
            return self._made_from(distance, distance)
        self._window.append(distance)
        return self._made_from(distance, self._believed())

    def _believed(self) -> Reading:
        """The middle one of the last readings; its own doubt of being a spike is answered when a neighbour agrees."""
        newest = self._window[-1]
        if len(self._window) < 3:
            return newest
        ordered = sorted(self._window, key=_value)
        return ordered[len(ordered) // 2]

    def _made_from(self, newest: Reading, believed: Reading) -> Reading:
        flag, reasons = believed.flag, believed.flagged_by
        if reasons == "spike" and self._has_company(believed):
            flag, reasons = Flag.GOOD, ""
        if BACKFILL in newest.flagged_by:
            flag, reasons = newest.flag, newest.flagged_by
        distance = _value(believed)
        source = Reading(newest.series, distance, newest.at, newest.received, flag, reasons)
        value = fill_percent(distance, self._empty, self._full, self._shape)
        if distance > max(self._empty * BEYOND, self._empty + BEYOND_MM):
            return made(self._device, "fill", value, source, doubt="beyond_empty", flag=Flag.SUSPECT)
        return made(self._device, "fill", round(value, 2), source)

    def _has_company(self, believed: Reading) -> bool:
        near = sum(abs(_value(other) - _value(believed)) <= self._agree for other in self._window)
        return near >= 2


class Emptying:
    """``emptied`` when ``fill`` falls by 30 points or more and ends at 25 % or less.

    Args:
        device: The sensor.
        confirm: Ask for a second low reading; default for devices that report their own, unfiltered fill often.
    """

    def __init__(self, device: Device, *, confirm: bool | None = None) -> None:
        self.revision = 0
        self._device = device
        self._confirm = device.period < CONFIRM_BELOW if confirm is None else confirm
        self._last: deque[float] = deque(maxlen=5)
        self._at: datetime | None = None
        self._low: Reading | None = None
        self._tipped = False
        self._obstacles = _Obstacles()

    def was_tipped(self) -> None:
        """The bin has been turned over and set down again."""
        self._tipped = True

    def derive(self, readings: Mapping[str, Reading]) -> list[Reading | Event]:
        """The event, once."""
        if self._obstacles.heed(readings):
            self.was_tipped()
        fill = readings.get("fill")
        if fill is None or fill.value is None or not usable(fill) or BACKFILL in fill.flagged_by:
            return []
        if overtaken(fill, self._at):
            return []
        self._at = fill.at
        before = max(self._last, default=fill.value)
        enough = FALL_AFTER_TIPPING if self._tipped else FALL
        if fill.value > EMPTY or before - fill.value < enough:
            self._low = None
            self._last.append(fill.value)
            return []
        if self._confirm and not self._tipped and self._low is None:
            self._low = fill
            return []
        first = self._low or fill
        self._last.clear()
        self._last.append(fill.value)
        self._low, self._tipped = None, False
        detail = {"before": round(before, 1), "after": round(fill.value, 1)}
        return [Event(self._device.slug, "emptied", first.at, fill.received, detail=detail)]

    def prime(self, latest: Mapping[str, Reading]) -> None:
        """Remember the last fill."""
        self._obstacles.heed(latest)
        fill = latest.get("fill")
        if fill is not None and fill.value is not None and usable(fill):
            self._last.append(fill.value)
            self._at = fill.at

    def memory(self) -> dict[str, Any]:
        """Nothing that the journal does not know."""
        return {}

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Nothing to take back."""


class _Obstacles:
    """Whether something stands between the sensor and the waste: the bin lies on its side, the lid is open."""

    def __init__(self) -> None:
        self._state: dict[str, tuple[datetime, bool]] = {}

    @property
    def now(self) -> str:
        """Which, as a reason; empty when the view is free."""
        return next((name for name, (_, is_so) in self._state.items() if is_so), "")

    def heed(self, readings: Mapping[str, Reading]) -> bool:
        """Take note; True when a tipped bin has just been set down again."""
        set_down = False
        for name in ("tipped", "lid_open"):
            reading = readings.get(name)
            if reading is None or reading.value is None:
                continue
            said_at, was_so = self._state.get(name, (None, False))
            if not overtaken(reading, said_at):
                self._state[name] = (reading.at, reading.value != 0)
                set_down = set_down or (name == "tipped" and was_so and reading.value == 0)
        return set_down


def _value(reading: Reading) -> float:
    assert reading.value is not None  # only usable readings are kept
    return reading.value
