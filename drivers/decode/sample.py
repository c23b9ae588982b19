"""What a decoder makes of bytes, and what the catalogue makes of that: the one way from fields to readings.

A decoder speaks of *fields* in the maker's units and knows nothing of this house; ``readings_of`` turns them into
Readings of quantities in their one unit. No value is ever made up: what is not there, out of the sensor's span, or a
sentinel becomes a MISSING reading that says why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.catalogue import DeviceModel, Meaning
from gateway.model import Flag, Reading, series_of
from gateway.quantities import Quantities
from gateway.units import convert

BY_SERVER = "decoded_by_server"  # diagnostic of a sample that a network server decoded, not we
FUTURE = timedelta(seconds=300)  # a device time further ahead than this is not believed (reference 8.3)


@dataclass(frozen=True, slots=True)
class Sample:
    """The fields that belong to one moment.

    Attributes:
        fields: Field -> number or word in the maker's unit; ``None`` = the device said "no value".
        at: The moment, if the message carries one of its own; else it is the time of arrival.
        missing: Field -> why it is ``None``, e.g. ``no_target``.
        suspect: Field -> the sensor's own doubt about it, e.g. ``sensor_status``.
        diagnostics: What else the message says, as short slugs with facts: ``partial_decode: ...``.
        backfill: A replay from the device's memory: stored in its place, never judged as if it were now.
    """

    fields: Mapping[str, float | str | None]
    at: datetime | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    suspect: Mapping[str, str] = field(default_factory=dict)
    diagnostics: tuple[str, ...] = ()
    backfill: bool = False


def readings_of(
    device: str, model: DeviceModel, sample: Sample, received: datetime, quantities: Quantities
) -> tuple[Reading, ...]:
    """The readings that a model's catalogue file finds in a sample.

    Args:
        device: Slug for the series names.
        model: Says which field is which quantity, its unit and span.
        sample: What the decoder found.
        received: When the gateway got the message.
        quantities: For the one unit of each.

    Returns:
        One reading for each quantity whose field is in the sample, flag UNKNOWN, MISSING or SUSPECT.
    """
    ours = model.decoder is not None and BY_SERVER not in sample.diagnostics
    return readings_by(device, model.readings, sample, received, quantities, from_bytes=ours)


def readings_by(
    device: str,
    meanings: Mapping[str, Meaning],
    sample: Sample,
    received: datetime,
    quantities: Quantities,
    *,
    from_bytes: bool = False,
) -> tuple[Reading, ...]:
    """The same for a mapping that stands in no catalogue file (quantity -> what it means).

    ``from_bytes``: our own decoder read the bytes and knows every sentinel, so that ``missing:`` (-0.1 degC as the
    server's word for "no probe") must not refuse a number that was really measured.
    """
    at, doubt = _time_of(sample.at, received)
    found = []
    for quantity, meaning in meanings.items():
        name = meaning.field or quantity
        if name not in sample.fields:
            continue
        sentinels = {} if from_bytes else meaning.missing
        value, why = _value(sample.fields[name], meaning, sentinels, quantities[quantity].unit)
        why = sample.missing.get(name, why) if value is None else why
        if value is None:
            flag, by = Flag.MISSING, why or "no_value"
        else:
            reasons = [reason for reason in (sample.suspect.get(name, ""), doubt) if reason]
            if sample.backfill:
                reasons.append("backfill")
            flag, by = (
                (Flag.SUSPECT if sample.suspect.get(name) or doubt else Flag.UNKNOWN),
                "+".join(reasons),
            )
        found.append(Reading(series_of(device, quantity), value, at, received, flag, by))
    return tuple(found)


def whole_ms(at: datetime) -> datetime:
    """The same moment in whole milliseconds: the grain of the journal and of InfluxDB."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _time_of(at: datetime | None, received: datetime) -> tuple[datetime, str]:
    if at is None:
        return whole_ms(received), ""
    if at > received + FUTURE:
        return whole_ms(received), "device_clock"
    return whole_ms(at), ""


def _value(
    raw: float | str | None, meaning: Meaning, sentinels: Mapping[str, str], unit: str
) -> tuple[float | None, str]:
    if raw is None:
        return None, "no_value"
    word = f"{raw:.10g}" if isinstance(raw, float | int) and not isinstance(raw, bool) else str(raw)
    if word in sentinels:
        return None, sentinels[word]
    if meaning.states is not None:
        if word not in meaning.states:
            return None, "unknown_state"
        return meaning.states[word], ""
    if isinstance(raw, str):
        return None, "not_a_number"
    number = float(raw)
    if (
        not math.isfinite(number) or abs(number) > 1e30
    ):  # a float read in the wrong word order (reference 8.2)
        return None, "not_a_number"
    value = convert(number, meaning.unit, unit) if meaning.unit else number
    if meaning.span and not meaning.span[0] <= value <= meaning.span[1]:
        return None, "out_of_range"
    return value, ""
