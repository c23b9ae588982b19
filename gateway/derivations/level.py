"""The water level above the local zero, from a distance downwards or a depth upwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.contracts import Device
from gateway.conversions import depth_m, level_above_datum
from gateway.derivations.inputs import made
from gateway.model import Event, Flag, Reading
from gateway.settings import Level


class WaterLevel:
    """``water_level`` from ``distance`` or ``water_depth``; ``water_depth`` from ``water_pressure`` if need be.

    An implausible input (FAIL) still gives a level with the same flag, because no flag may silence a flood; only what
    has no value has no level. A surface inside the blind zone is SUSPECT: water that high, or a gauge that somebody
    took down and laid on a table.
    """

    def __init__(self, device: Device, level: Level) -> None:
        self.revision = 0
        self._device = device
        self._level = level
        self._blind_mm = (device.model.blind if device.model is not None else None) or 0.0

    def derive(self, readings: Mapping[str, Reading]) -> list[Reading | Event]:
        """The level, when there is something to make it from."""
        if self._level.looks == "down":
            distance = readings.get("distance")
            return [] if distance is None else [self._looking_down(distance)]
        depth = readings.get("water_depth")
        derived: list[Reading | Event] = []
        pressure = readings.get("water_pressure")
        if depth is None and pressure is not None:
            value = None if pressure.value is None else round(depth_m(pressure.value), 4)
            depth = made(self._device, "water_depth", value, pressure)
            derived.append(depth)
        if depth is not None:
            derived.append(made(self._device, "water_level", self._above(depth.value), depth))
        return derived

    def prime(self, latest: Mapping[str, Reading]) -> None:
        """Nothing to remember."""

    def memory(self) -> dict[str, Any]:
        """Nothing to keep."""
        return {}

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Nothing to take back."""

    def _looking_down(self, distance: Reading) -> Reading:
        value = None if distance.value is None else self._above(distance.value / 1000.0)
        if distance.value is not None and distance.value < self._blind_mm:
            return made(self._device, "water_level", value, distance, doubt="blind_zone", flag=Flag.SUSPECT)
        return made(self._device, "water_level", value, distance)

    def _above(self, measured_m: float | None) -> float | None:
        if measured_m is None:
            return None
        looks_down = self._level.looks == "down"
        return round(level_above_datum(measured_m, self._level.datum, looks_down=looks_down), 4)
