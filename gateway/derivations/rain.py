"""Rain since the last reading, from a counter that sometimes begins again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.contracts import Device
from gateway.conversions import increment, plausible_rain_mm
from gateway.derivations.inputs import made, overtaken, usable
from gateway.model import Event, Flag, Reading

ROLLOVER = "rain_rollover_mm"  # option of a device or model: where its counter begins again at zero


class Rain:
    """``rain`` from ``rain_total``; never negative, across reboots, rollovers and exchanged gauges.

    A jump that no rain explains is told, as SUSPECT ``rain_burst``; when the counter then falls back to where it was,
    the rain goes on from there.
    """

    def __init__(self, device: Device) -> None:
        self.revision = 0
        self._device = device
        model_options = device.model.options if device.model is not None else {}
        rollover = device.settings.options.get(ROLLOVER, model_options.get(ROLLOVER))
        self._rollover = float(rollover) if isinstance(rollover, int | float) and rollover > 0 else None
        self._total: float | None = None
        self._at: datetime | None = None
        self._before_burst: float | None = None

    def derive(self, readings: Mapping[str, Reading]) -> list[Reading | Event]:
        """The increment; nothing for the first reading, for late ones, and for those without a believable value."""
        total = readings.get("rain_total")
        if total is None or total.value is None or not usable(total):
            return []
        if overtaken(total, self._at):
            return []
        base, since = self._total, self._at
        if base is not None and self._before_burst is not None and self._before_burst <= total.value < base:
            base = self._before_burst
        self._remember(total.value, total.at)
        if base is None or since is None:
            return []
        plausible = plausible_rain_mm((total.at - since).total_seconds())
        grown = increment(base, total.value, plausible, self._rollover)
        doubt = (
            ""
            if grown.reason == "counter_rollover" or (grown.reason == "counter_reset" and not grown.amount)
            else grown.reason
        )
        if grown.amount > plausible:
            doubt, self._before_burst = "rain_burst", base
        flag = Flag.SUSPECT if doubt else Flag.GOOD
        return [made(self._device, "rain", round(grown.amount, 3), total, doubt=doubt, flag=flag)]

    def prime(self, latest: Mapping[str, Reading]) -> None:
        """Remember the counter."""
        total = latest.get("rain_total")
        if total is not None and total.value is not None and usable(total):
            self._take(total.value, total.at)

    def memory(self) -> dict[str, Any]:
        """The counter and its time: the last reading in the journal may have been one without a value."""
        if self._total is None or self._at is None:
            return {}
        return {"total": self._total, "at": self._at.isoformat()}

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Take it back unless something newer is known."""
        total, at = memory.get("total"), memory.get("at")
        if isinstance(total, int | float) and isinstance(at, str):
            try:
                self._take(float(total), datetime.fromisoformat(at))
            except ValueError:
                return  # written by somebody else: the next reading starts anew

    def _take(self, total: float, at: datetime) -> None:
        if at.tzinfo is not None and (self._at is None or at > self._at):
            self._total, self._at = total, at

    def _remember(self, total: float, at: datetime) -> None:
        if total != self._total:
            self.revision += 1
        self._total, self._at, self._before_burst = total, at, None
