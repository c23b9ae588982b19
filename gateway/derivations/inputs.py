"""How a derived reading is made: its time and its flag come from what it was made of."""

from __future__ import annotations

from datetime import datetime

from gateway.contracts import Device
from gateway.model import Flag, Reading, series_of
from gateway.quality.checks import LARGEST_SKEW, joined, worst

BACKFILL = "backfill"


def usable(reading: Reading | None) -> bool:
    """Whether there is a value that is not plainly wrong."""
    return reading is not None and reading.value is not None and reading.flag < Flag.FAIL


def overtaken(reading: Reading, newest: datetime | None) -> bool:
    """Whether something as new or newer is known already.

    What lies in the future of the one who received this reading was written under a wrong clock and overtakes nothing,
    or nothing would ever be new again until that future comes.
    """
    return newest is not None and reading.at <= newest and newest - reading.received <= LARGEST_SKEW


def made(
    device: Device,
    quantity: str,
    value: float | None,
    *inputs: Reading,
    doubt: str = "",
    flag: Flag = Flag.GOOD,
) -> Reading:
    """A derived reading with the worst flag of its inputs.

    Args:
        device: Whose it is.
        quantity: What it is.
        value: ``None`` makes it MISSING.
        inputs: What it was made of, at least one; the newest gives the time.
        doubt: A reason of the derivation's own.
        flag: The flag that goes with ``doubt``.
    """
    newest = max(inputs, key=lambda reading: reading.at)
    kept = Flag.MISSING if value is None else worst([flag, *(reading.flag for reading in inputs)])
    reasons = joined(*(reading.flagged_by for reading in inputs), doubt)
    if value is None and not reasons:
        reasons = "no_value"
    return Reading(series_of(device.slug, quantity), value, newest.at, newest.received, kept, reasons)
