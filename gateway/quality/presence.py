"""Who has been heard lately: finds the silence of a device, once, and its return, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from gateway.contracts import Device
from gateway.model import Flag, Reading, series_of
from gateway.quality.checks import patience, silent

ONLINE = "online"
RETAINED = "retained"  # the driver's word for a message the broker kept: no sign of life
NO_LIFE = frozenset(
    {"no_reply", "connection_closed", "garbage", "bad_crc", "wrong_unit", "timeout", "offline"}
)
CLOCK_STEP = timedelta(
    minutes=10
)  # ticks further apart: the clock was set or the box slept; nobody was silent


class Presence:
    """Heartbeats of all configured devices.

    A device counts as heard when anything of it arrives that only a living device can say; the "no value" that a
    driver makes up for a missing reply does not. Silence is counted from the first tick at the earliest, so that a
    gateway that was away for a night does not report the whole village.
    """

    def __init__(self, devices: Iterable[Device]) -> None:
        self._limits = {
            device.slug: patience(device.period, device.model.wire if device.model is not None else "json")
            for device in devices
            if device.settings.enabled
        }
        self._heard: dict[str, datetime] = {}
        self._away: set[str] = set()
        self._ticked: datetime | None = None

    def prime(self, latest: Mapping[str, Reading]) -> None:
        """Remember who was known to be away before a restart."""
        for device in self._limits:
            known = latest.get(series_of(device, ONLINE))
            if known is not None and known.value == 0:
                self._away.add(device)

    def inherit(self, before: Presence) -> None:
        """Take over who was heard when, and who was away."""
        self._ticked = before._ticked
        self._heard = {device: at for device, at in before._heard.items() if device in self._limits}
        self._away = {device for device in before._away if device in self._limits}

    def heard(self, device: str, quantity: str, reading: Reading) -> Reading | None:
        """Note a sign of life.

        Returns:
            ``device/online`` = 1 when the device had been away.
        """
        if device not in self._limits:
            return None
        if quantity == ONLINE:  # the driver knows by itself (an availability topic)
            self._heed(device, reading)
            return None
        if reading.value is None and not NO_LIFE.isdisjoint(reading.flagged_by.split("+")):
            return None
        if RETAINED in reading.flagged_by:
            return None
        known = self._heard.get(device)
        if known is None or reading.received > known:
            self._heard[device] = reading.received
        if device not in self._away:
            return None
        self._away.discard(device)
        return _online(device, 1.0, reading.received)

    def tick(self, at: datetime) -> list[Reading]:
        """Time has passed: who has been silent for too long since."""
        step = at - self._ticked if self._ticked is not None else timedelta(0)
        self._ticked = at
        moved = step if step > CLOCK_STEP or step < timedelta(0) else timedelta(0)
        gone = []
        for device, limit in self._limits.items():
            heard = self._heard.get(device)
            if heard is None:
                self._heard[device] = at
            elif moved:
                self._heard[device] = (
                    max(heard, min(at, heard + moved)) if moved > timedelta(0) else min(heard, at)
                )
            elif device not in self._away and silent(at - heard, limit):
                self._away.add(device)
                gone.append(_online(device, 0.0, at))
        return gone

    def _heed(self, device: str, reading: Reading) -> None:
        if reading.value == 0:
            self._away.add(device)
        elif reading.value is not None:
            self._away.discard(device)
            self._heard[device] = reading.received


def _online(device: str, value: float, at: datetime) -> Reading:
    return Reading(series_of(device, ONLINE), value, at, at, Flag.GOOD)
