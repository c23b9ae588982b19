"""How far a building or a slope has leaned since it was surveyed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from gateway.contracts import Device
from gateway.conversions import lean, permille, without_temperature
from gateway.derivations.inputs import made
from gateway.model import Event, Flag, Reading
from gateway.quality.checks import median
from gateway.settings import Tilt

LEARNING_TIME = timedelta(hours=24)  # devices reference 6.2: median of at least 24 h ...
LEARNING_SAMPLES = 20  # ... and at least 20 samples
_LEARNING_STEP = timedelta(
    minutes=5
)  # more often adds nothing to a median, and the memory stays below 300 samples
_TEMPERATURE_LASTS = timedelta(hours=1)
_LEARNING = "learning_zero"


class Leaning:
    """``tilt_delta``, ``tilt_delta_x``, ``tilt_delta_y``, ``tilt_permille`` and, with a survey, ``lean_permille``.

    The zero is what the surveyor wrote down; without it the median of the first day (and 20 samples), until then
    ``tilt_delta`` is MISSING ``learning_zero``. The learnt zero is part of the memory: a restart does not forget it,
    and a day half learnt goes on.

    The temperature is the device's own, of the same message or at most an hour old; without it a compensated tilt is
    only UNKNOWN ``no_temperature``.
    """

    def __init__(self, device: Device, tilt: Tilt) -> None:
        self.revision = 0
        self._device = device
        self._tilt = tilt
        self._single_axis = device.model is not None and "tilt_y" not in device.model.readings
        self._x: Reading | None = None
        self._y: Reading | None = None
        self._temperature: Reading | None = None
        self._zero = tilt.zero
        self._reference = tilt.reference_temperature
        self._learnt = False
        self._since: datetime | None = None
        self._samples: list[tuple[float, float, float | None]] = []
        self._sampled: datetime | None = None

    def derive(self, readings: Mapping[str, Reading]) -> list[Reading | Event]:
        """The lean, when x and y are both at hand."""
        temperature = readings.get("temperature") or readings.get("air_temp")
        if temperature is not None and temperature.value is not None and temperature.flag < Flag.FAIL:
            self._temperature = temperature
        pair = self._pair(readings)
        if pair is None:
            return []
        x = pair[0]
        if any(axis.value is None for axis in pair):
            return [made(self._device, "tilt_delta", None, *pair)]
        if self._zero is None:
            self._learn(pair, self._degrees(x.at))
        if self._zero is None:
            return [made(self._device, "tilt_delta", None, *pair, doubt=_LEARNING)]
        return self._against(self._zero, pair)

    def prime(self, latest: Mapping[str, Reading]) -> None:
        """Remember the temperature."""
        temperature = latest.get("temperature") or latest.get("air_temp")
        if temperature is not None and temperature.value is not None:
            self._temperature = temperature

    def memory(self) -> dict[str, Any]:
        """The learnt zero, or the samples of a day half learnt."""
        if self._learnt and self._zero is not None:
            return {"zero": list(self._zero), "reference": self._reference}
        if self._since is not None:
            return {"since": self._since.isoformat(), "samples": [list(sample) for sample in self._samples]}
        return {}

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Take it back, unless the technician has written a zero himself."""
        if self._tilt.zero is not None:
            return
        try:
            if "zero" in memory:
                x, y = (float(angle) for angle in memory["zero"])
                self._zero, self._reference, self._learnt = (x, y), float(memory["reference"]), True
            elif "since" in memory:
                samples = [
                    (float(x), float(y), None if t is None else float(t)) for x, y, t in memory["samples"]
                ]
                self._since, self._samples = datetime.fromisoformat(memory["since"]), samples
        except (TypeError, ValueError, KeyError):
            return  # written by somebody else: a new day is learnt

    def _pair(self, readings: Mapping[str, Reading]) -> tuple[Reading, ...] | None:
        """Both axes of one moment; where they come in two messages, the second completes the first."""
        x, y = readings.get("tilt_x"), readings.get("tilt_y")
        if x is not None and (y is not None or self._single_axis):
            self._x = self._y = None
            return (x,) if y is None else (x, y)
        self._x, self._y = x or self._x, y or self._y
        if (x is None and y is None) or self._x is None or self._y is None:
            return None
        pair = (self._x, self._y)
        if abs(pair[0].at - pair[1].at) > self._device.period:
            return None
        self._x = self._y = None
        return pair

    def _degrees(self, at: datetime) -> float | None:
        known = self._temperature
        if known is None or abs(at - known.at) > _TEMPERATURE_LASTS:
            return None
        return known.value

    def _learn(self, pair: tuple[Reading, ...], temperature: float | None) -> None:
        at = pair[0].at
        if any(axis.flag > Flag.UNKNOWN for axis in pair):
            return
        if self._sampled is not None and at - self._sampled < _LEARNING_STEP:
            return
        self._since = self._since or at
        self._sampled = at
        self._samples.append((_angle(pair, 0), _angle(pair, 1), temperature))
        self.revision += 1
        if at - self._since >= LEARNING_TIME and len(self._samples) >= LEARNING_SAMPLES:
            self._zero = median(x for x, _, _ in self._samples), median(y for _, y, _ in self._samples)
            temperatures = [t for _, _, t in self._samples if t is not None]
            if temperatures:
                self._reference = median(temperatures)
            self._learnt, self._since, self._samples = True, None, []

    def _against(self, zero: tuple[float, float], pair: tuple[Reading, ...]) -> list[Reading | Event]:
        temperature = self._degrees(pair[0].at)
        slope = self._tilt.temperature_coefficient
        now = (
            without_temperature(_angle(pair, 0), slope[0], temperature, self._reference),
            without_temperature(_angle(pair, 1), slope[1], temperature, self._reference),
        )
        found = lean(now, zero, self._tilt.surveyed)
        values = {
            "tilt_delta": found.total_deg,
            "tilt_delta_x": found.x_deg,
            "tilt_delta_y": found.y_deg,
            "tilt_permille": permille(found.total_deg),
            "lean_permille": found.absolute_permille,
        }
        cold = temperature is None and any(not math.isclose(one, 0.0) for one in slope)
        doubt, flag = ("no_temperature", Flag.UNKNOWN) if cold else ("", Flag.GOOD)
        return [
            made(self._device, quantity, round(value, 5), *pair, doubt=doubt, flag=flag)
            for quantity, value in values.items()
            if value is not None
        ]


def _angle(pair: tuple[Reading, ...], axis: int) -> float:
    value = pair[axis].value if axis < len(pair) else 0.0
    assert value is not None  # asked for only when both axes have a value
    return value
