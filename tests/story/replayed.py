"""Recorded data told to the grader and the deriver; what came out, ready to be asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.contracts import Device
from gateway.model import Event, Flag, Observation, Reading
from gateway.recorded.file import opened, read
from gateway.recorded.layout import Bad, Layout, mapped
from gateway.replay import Replay
from gateway.schema import duration
from gateway.settings import DeviceSettings
from gateway.site import load_quantities
from gateway.times import Times

QUANTITIES = load_quantities()
_TOLD: dict[str, Told] = {}


@dataclass
class Told:
    """All that came out."""

    readings: dict[str, list[Reading]]
    events: list[Event]
    bad: list[Bad]

    def flags(self, series: str) -> Counter[str]:
        return Counter(reading.flag.name for reading in self.readings[series])

    def reasons(self, series: str) -> Counter[str]:
        return Counter(reading.flagged_by for reading in self.readings[series] if reading.flagged_by)

    def doubted(self, series: str, *, without: Iterable[str] = ()) -> float:
        """The share of values that are SUSPECT or FAIL."""
        valued = [
            one for one in self.readings[series] if one.value is not None and one.flagged_by not in without
        ]
        return sum(one.flag >= Flag.SUSPECT for one in valued) / len(valued)

    def at(self, series: str, when: str) -> Reading:
        moment = Times().read(when)
        return next(one for one in self.readings[series] if one.at == moment)


def tell(
    path: Path,
    maps: Sequence[str],
    *,
    device: str = "x",
    period: str = "10min",
    newest_first: bool = False,
    missing: Mapping[str, str] | None = None,
    states: Mapping[str, float] | None = None,
    time: str | None = None,
    zone: Times | None = None,
    **settings,
) -> Told:
    """A whole file, as ``village replay`` would."""
    layout = Layout(
        device=device,
        columns=dict(mapped(said, QUANTITIES, device) for said in maps),
        missing=missing or {},
        states=states or {},
        time=time,
        times=zone or Times(),
    )
    one = Device(device, DeviceSettings(source="replay", period=duration(period), **settings))
    with opened(str(path)) as text:
        rows = list(read(text, path.name, layout, QUANTITIES))
    bad = [row for row in rows if isinstance(row, Bad)]
    deliveries = [row for row in rows if isinstance(row, list)]
    if newest_first:
        deliveries.sort(key=lambda row: row[0].at)
    replay = Replay(QUANTITIES, {device: one})
    return gathered((out for delivery in deliveries for out in replay.feed(delivery)), device, bad)


def once(name: str, make: Callable[[], Told]) -> Told:
    """The same told story for several questions."""
    if name not in _TOLD:
        _TOLD[name] = make()
    return _TOLD[name]


def gathered(observations: Iterable[Observation], device: str, bad: Sequence[Bad] = ()) -> Told:
    readings: dict[str, list[Reading]] = {}
    events = []
    for observation in observations:
        if isinstance(observation, Reading):
            readings.setdefault(observation.series.removeprefix(f"{device}/"), []).append(observation)
        elif isinstance(observation, Event):
            events.append(observation)
    return Told(readings, events, list(bad))
