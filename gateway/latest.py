"""The last word of every series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.model import Flag, Reading


class Latest(Mapping[str, Reading]):
    """Series -> its newest reading, by the time it was measured; a late reading never replaces a newer one.

    ``last_good`` keeps, beside it, the newest reading that carries a value: what a screen shows greyed when the sensor
    has just said "no value".
    """

    def __init__(self, readings: Mapping[str, Reading] | None = None) -> None:
        self._newest: dict[str, Reading] = {}
        self._with_value: dict[str, Reading] = {}
        for reading in (readings or {}).values():
            self.note(reading)

    def __getitem__(self, series: str) -> Reading:
        return self._newest[series]

    def __iter__(self) -> Iterator[str]:
        return iter(self._newest)

    def __len__(self) -> int:
        return len(self._newest)

    def note(self, reading: Reading) -> None:
        """Remember a reading if it is the newest of its series."""
        before = self._newest.get(reading.series)
        if before is not None and reading.at < before.at:
            return
        self._newest[reading.series] = reading
        if reading.value is not None and reading.flag is not Flag.FAIL:
            self._with_value[reading.series] = reading

    def last_good(self, series: str) -> Reading | None:
        """The newest reading of a series that carries a believable value."""
        return self._with_value.get(series)
