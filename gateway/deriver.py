"""What follows from what was measured: fill from distance, lean from tilt, rain from a counter, level from depth.

Stateful per device, pure: no clock, no file. Derived readings carry the worst flag of what they were made from and the
same reasons; the raw readings are never delayed, hidden or changed. What must outlive a restart (a learnt zero, a
counter's last value) is in :meth:`Deriver.memory`, a small plain dict that the spine writes to disk whenever
:attr:`Deriver.revision` has moved, and gives back to :meth:`Deriver.restore`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from gateway.contracts import Device
from gateway.derivations.bins import BinFill, Emptying
from gateway.derivations.level import WaterLevel
from gateway.derivations.rain import Rain
from gateway.derivations.tilt import Leaning
from gateway.model import Event, Reading, split_series
from gateway.quantities import Quantities


class Derivation(Protocol):
    """One thing that follows from the readings of one device."""

    revision: int

    def derive(self, readings: Mapping[str, Reading]) -> list[Reading | Event]:
        """What follows from the readings of one delivery, by quantity."""

    def prime(self, latest: Mapping[str, Reading]) -> None:
        """Remember the last readings of the device, by quantity, after a restart."""

    def memory(self) -> dict[str, Any]:
        """What must outlive a restart, as plain JSON; empty when there is nothing."""

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Take it back; what does not fit is left aside."""


class Deriver:
    """All derivations of the site.

    Args:
        devices: The sensors of this site by slug.
        quantities: What is measured here; only quantities that exist are derived.
    """

    def __init__(self, devices: Mapping[str, Device], quantities: Quantities) -> None:
        self._devices = dict(devices)
        self._derivations = {
            slug: tuple(one for one in _derivations_of(device, quantities))
            for slug, device in devices.items()
            if device.settings.enabled
        }

    def derive(self, graded: Sequence[Reading]) -> list[Reading | Event]:
        """What follows from the graded readings of one delivery.

        Readings of one device and one moment belong together (x, y and temperature of a tilt sensor), so a delivery
        is looked at as a whole.
        """
        derived: list[Reading | Event] = []
        for device, readings in _by_moment(graded):
            for derivation in self._derivations.get(device, ()):
                derived += derivation.derive(readings)
        return derived

    def prime(self, latest: Mapping[str, Reading]) -> None:
        """Remember the last reading of every series after a restart."""
        by_device: dict[str, dict[str, Reading]] = {}
        for series, reading in latest.items():
            device, quantity = split_series(series)
            by_device.setdefault(device, {})[quantity] = reading
        for device, readings in by_device.items():
            for derivation in self._derivations.get(device, ()):
                derivation.prime(readings)

    def inherit(self, before: Deriver) -> None:
        """Take over the derivations of the devices that are the same in both (a site was reloaded)."""
        for slug, derivations in before._derivations.items():
            if slug in self._derivations and self._devices[slug] == before._devices[slug]:
                self._derivations[slug] = derivations

    @property
    def revision(self) -> int:
        """Grows whenever :meth:`memory` has something new to say."""
        return sum(one.revision for many in self._derivations.values() for one in many)

    def memory(self) -> dict[str, Any]:
        """What must outlive a restart: ``{device: {derivation: {...}}}``, plain JSON, a few kB at most a device."""
        kept: dict[str, Any] = {}
        for device, derivations in self._derivations.items():
            said = {type(one).__name__: one.memory() for one in derivations}
            said = {name: memory for name, memory in said.items() if memory}
            if said:
                kept[device] = said
        return kept

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Take back what :meth:`memory` said; devices and shapes that no longer exist are left aside."""
        for device, derivations in self._derivations.items():
            said = memory.get(device)
            for derivation in derivations:
                kept = said.get(type(derivation).__name__) if isinstance(said, Mapping) else None
                if isinstance(kept, Mapping):
                    derivation.restore(kept)


def _derivations_of(device: Device, quantities: Quantities) -> list[Derivation]:
    said = set(device.model.readings) if device.model is not None else set()
    settings = device.settings
    found: list[Derivation] = []
    if settings.bin is not None and "fill" not in said:
        found.append(BinFill(device, settings.bin, quantities["distance"].checks))
    else:
        found.append(Emptying(device))
    if settings.tilt is not None:
        found.append(Leaning(device, settings.tilt))
    if "rain" not in said:
        found.append(Rain(device))
    if settings.level is not None and "water_level" not in said:
        found.append(WaterLevel(device, settings.level))
    return found


def _by_moment(graded: Sequence[Reading]) -> list[tuple[str, dict[str, Reading]]]:
    groups: dict[tuple[str, datetime], dict[str, Reading]] = {}
    for reading in graded:
        device, quantity = split_series(reading.series)
        groups.setdefault((device, reading.at), {})[quantity] = reading
    in_time = sorted(
        groups.items(), key=lambda group: group[0][1]
    )  # a device's own history may come newest first
    return [(device, readings) for (device, _), readings in in_time]
