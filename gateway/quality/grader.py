"""A reading in, the same reading flagged out.

The grader knows each series' recent past, and nothing else: no clock, no store, no rules. Its state is small (five
values and a run per series) and is lost without harm; :meth:`Grader.prime` gives back the last values after a restart.

What is held against a series: the quantity's checks (``config/quantities.yaml``), where the model says otherwise the
model's, where the technician says otherwise his. The worst flag wins, and every check that complained is named in
``flagged_by``. What the driver says of a reading (its flag, its reason) is kept and never improved; only a bare
UNKNOWN, "nobody has looked yet", becomes GOOD when all checks pass, and stays UNKNOWN where there is nothing to check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from gateway.contracts import Device
from gateway.model import Flag, Reading, split_series
from gateway.quality import checks
from gateway.quality.past import Past
from gateway.quality.presence import Presence
from gateway.quality.witness import Witnesses
from gateway.quantities import Checks, Quantities, merged

BACKFILL = "backfill"  # the driver's word for a device's own history: judged only by what needs no time
DEFAULT_PERIOD = timedelta(minutes=10)


class Grader:
    """Flags every reading of the house.

    Args:
        quantities: What is measured here, and what is believable of it.
        devices: The sensors of this site by slug; a reading of an unknown device is held against the quantity alone.
    """

    def __init__(self, quantities: Quantities, devices: Mapping[str, Device]) -> None:
        self._quantities = quantities
        self._devices = devices
        self._series: dict[str, _Series] = {}
        self._presence = Presence(devices.values())
        self._witnesses = Witnesses()
        self._returned: list[Reading] = []

    def prime(self, latest: Mapping[str, Reading]) -> None:
        """Restore the last value of every series after a restart."""
        for name, reading in latest.items():
            self._of(name).past.remember(reading)
        self._presence.prime(latest)

    def inherit(self, before: Grader) -> None:
        """Take over what another grader knows of the devices that are the same in both (a site was reloaded)."""
        for name, series in before._series.items():
            device = self._devices.get(series.device)
            same = device is not None and device == before._devices.get(series.device)
            if same and series.limits == self._limits(device, series.quantity):
                self._series[name] = series
        self._presence.inherit(before._presence)
        self._witnesses = before._witnesses

    def grade(self, reading: Reading, *, clock_trusted: bool = True) -> Reading:
        """The same reading with its flag.

        Args:
            reading: As the driver made it.
            clock_trusted: False while the gateway's own clock may be wrong: then no device's clock is blamed.
        """
        series = self._of(reading.series)
        back = self._presence.heard(series.device, series.quantity, reading)
        if back is not None:
            self._returned.append(back)
        value = reading.value
        if value is None or checks.number(value) is Flag.MISSING:
            series.past.missing(reading.at)
            return _missing(reading)
        complaints: list[tuple[Flag, str]] = []
        past = series.past
        past.ranges(value, complaints)
        if series.witness:
            self._witnesses.note(series.device, series.quantity, value, reading.at, series.limits)
        witnessed = self._witnesses.complaint(series.device, series.quantity, series.measurement, reading.at)
        if witnessed is not None:
            complaints.append(witnessed)
        if clock_trusted and checks.clock_ahead(reading.at, reading.received) is not Flag.GOOD:
            complaints.append((Flag.SUSPECT, "clock_ahead"))
            return _judged(
                reading, complaints, checked=series.past.checked
            )  # its time must not become "newest"
        if BACKFILL in reading.flagged_by or past.is_late(reading.at, reading.received):
            return _judged(reading, complaints, checked=past.checked)
        if clock_trusted and checks.clock_behind(reading.at, reading.received) is not Flag.GOOD:
            complaints.append((Flag.SUSPECT, "clock_behind"))
            return _judged(reading, complaints, checked=past.checked)
        again = past.same_moment(value, reading.at)
        if again is not None:
            complaints.append(again)
            return _judged(reading, complaints, checked=past.checked)
        past.neighbours(value, reading.at, complaints)
        graded = _judged(reading, complaints, checked=past.checked)
        past.note(value, reading.at, graded.flag, graded.flagged_by)
        return graded

    def grade_all(self, readings: Sequence[Reading], *, clock_trusted: bool = True) -> list[Reading]:
        """The readings of one delivery, flagged, in their order; behind them who has come back.

        Better than one by one: a probe's conductivity speaks for the pH that stands before it in the same message.
        """
        for reading in readings:
            series = self._of(reading.series)
            if series.witness and reading.value is not None:
                self._witnesses.note(series.device, series.quantity, reading.value, reading.at, series.limits)
        graded = [self.grade(reading, clock_trusted=clock_trusted) for reading in readings]
        graded += self._returned
        self._returned.clear()
        return graded

    def tick(self, at: datetime) -> list[Reading]:
        """Time has passed: ``device/online`` = 0 for each device that has fallen silent, 1 for who has come back."""
        returned, self._returned = self._returned, []
        return returned + self._presence.tick(at)

    def _of(self, name: str) -> _Series:
        series = self._series.get(name)
        if series is None:
            series = self._series[name] = self._opened(name)
        return series

    def _opened(self, name: str) -> _Series:
        slug, quantity = split_series(name)
        device = self._devices.get(slug)
        limits = self._limits(device, quantity)
        measurement = self._quantities[quantity].measurement if quantity in self._quantities else ""
        return _Series(slug, quantity, measurement, limits, device.period if device else DEFAULT_PERIOD)

    def _limits(self, device: Device | None, quantity: str) -> Checks:
        limits = self._quantities[quantity].checks if quantity in self._quantities else Checks()
        if device is None:
            return limits
        if device.model is not None and quantity in device.model.readings:
            said = device.model.readings[quantity].checks
            limits = merged(limits, said) if said is not None else limits
        if quantity in device.settings.checks:
            limits = merged(limits, device.settings.checks[quantity])
        return limits


class _Series:
    """What the grader knows of one series."""

    __slots__ = ("device", "limits", "measurement", "past", "quantity", "witness")

    def __init__(
        self, device: str, quantity: str, measurement: str, limits: Checks, period: timedelta
    ) -> None:
        self.device = device
        self.quantity = quantity
        self.measurement = measurement
        self.limits = limits
        self.witness = limits.dry is not None or limits.housing
        self.past = Past(limits, period)


def _missing(reading: Reading) -> Reading:
    if reading.value is None and reading.flag is Flag.MISSING:
        return reading
    reason = (
        reading.flagged_by if reading.value is None else checks.joined(reading.flagged_by, "not_a_number")
    )
    return Reading(reading.series, None, reading.at, reading.received, Flag.MISSING, reason or "no_value")


def _judged(reading: Reading, complaints: list[tuple[Flag, str]], *, checked: bool) -> Reading:
    said, reasons = reading.flag, reading.flagged_by
    if said is Flag.UNKNOWN and not reasons and checked:
        said = Flag.GOOD
    if complaints:
        said = checks.worst([said, *(flag for flag, _ in complaints)])
        reasons = checks.joined(reasons, *(reason for _, reason in complaints))
    if said is reading.flag and reasons == reading.flagged_by:
        return reading
    return Reading(reading.series, reading.value, reading.at, reading.received, said, reasons)
