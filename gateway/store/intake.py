"""From deliveries to what is written: duplicates out, values fit, the last word of every series kept up."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from gateway.model import Delivery, Event, Flag, Note, Reading, Telling
from gateway.store.book import clean
from gateway.store.doubt import Belief
from gateway.store.moments import to_ms
from gateway.store.segment import Row
from gateway.store.status import Counters

_FUTURE_MS = 600_000  # a last word this far ahead of its arrival does not keep later ones out
_LONGEST_WHY = 200  # characters


@dataclass(slots=True)
class Group:
    """What is committed together; shrinks as it gets to the disk."""

    rows: list[Row] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    tellings: list[Telling] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


class Intake:
    """The door of the journal; belongs to its thread.

    Args:
        counters: Where it counts.
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self.latest: dict[str, Reading] = {}
        self.changed: set[str] = set()

    def accept(self, deliveries: Iterable[Delivery], belief: Belief) -> Group:
        """What of these deliveries is to be written, given how far the clock is believed."""
        group = Group()
        for delivery in deliveries:
            for item in delivery.observations:
                if isinstance(item, Reading):
                    row = self._row(item, belief)
                    if row is not None:
                        group.rows.append(row)
                elif isinstance(item, Event):
                    group.events.append(item)
            group.tellings += delivery.tellings
            group.notes += delivery.notes
        return group

    def recall(self, readings: Iterable[Reading], *, newer_only: bool) -> None:
        """Last words found on the disk."""
        for reading in readings:
            have = self.latest.get(reading.series)
            if have is None or not newer_only or reading.at >= have.at:
                self._last_word(reading)

    def storable_latest(self, names: Iterable[str]) -> list[Reading]:
        """The last words of some series, as the book takes them."""
        return [_storable(self.latest[name]) for name in names]

    def _last_word(self, reading: Reading) -> None:
        self.latest[reading.series] = reading
        self.changed.add(reading.series)

    def _row(self, reading: Reading, belief: Belief) -> Row | None:
        have = self.latest.get(reading.series)
        if have is not None:
            if reading.at == have.at and reading.value == have.value:
                self._counters.duplicates += 1
                return None
            if reading.at < have.at:
                self._counters.late += 1
        if reading.value.__class__ is not float or not math.isfinite(reading.value):
            reading = self._fit(reading)
        at = to_ms(reading.at)
        lag = 0 if reading.received == reading.at else to_ms(reading.received) - at
        doubtful = belief is not Belief.SURE and lag == 0
        if doubtful and belief is Belief.DOUBTFUL:  # nobody will put it right any more: say so for good
            why = "+".join(filter(None, (reading.flagged_by, "clock")))
            reading = replace(reading, flag=max(reading.flag, Flag.SUSPECT), flagged_by=why)
            doubtful = False
        if have is None or reading.at >= have.at or to_ms(have.at) > to_ms(have.received) + _FUTURE_MS:
            self._last_word(reading)
        return Row(_storable(reading), at, lag, doubtful)

    def _fit(self, reading: Reading) -> Reading:
        """A value that is no float, as one; what cannot be kept as a number is kept as missing."""
        if reading.value is None:
            return reading
        with suppress(OverflowError):
            value = float(reading.value)
            if math.isfinite(value):
                return replace(reading, value=value)
        self._counters.unfit += 1
        why = "+".join(filter(None, (reading.flagged_by, "not_a_number")))
        return replace(reading, value=None, flag=Flag.MISSING, flagged_by=why)


def _storable(reading: Reading) -> Reading:
    """The same reading with texts that a database takes, not too long."""
    series, why = reading.series, reading.flagged_by
    if series.isascii() and why.isascii() and len(why) <= _LONGEST_WHY:
        return reading
    return replace(reading, series=clean(series), flagged_by=clean(why[:_LONGEST_WHY]))
