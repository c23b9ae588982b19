"""One moment of the village, as every view is given it. Pure: time and past are given to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Protocol

from gateway.contracts import Device, Entry, Rollup
from gateway.model import Flag, Reading, series_of, split_series
from gateway.places import Cell
from gateway.quantities import Quantities, Quantity
from gateway.rules.plan import Plan
from gateway.units import spelled

GATEWAY = "gateway"
SPARK_POINTS = 48
SPARK_PERIODS = 288  # a sensor that reports every 5 minutes shows a day
SPARK_MOST = timedelta(
    hours=23, minutes=50
)  # just below a day the journal draws from the readings themselves
SPARK_LEAST = timedelta(minutes=10)
WORST_FIRST = ("red", "orange", "yellow", "blue", "info")
_OF_MEASUREMENT = {
    "waste_bin": "bin", "structure": "structure", "level": "level", "water": "water", "soil": "soil",
    "weather": "weather", "air": "weather",
}  # fmt: skip


class Past(Protocol):
    """What a view may ask of the journal."""

    def chart(self, series: str, start: datetime, end: datetime, points: int = 500) -> list[Rollup]:
        """One series in about so many points; gaps are gaps."""

    def events_before(
        self, before: int | None, limit: int, *, kind: str | None = None, source: str | None = None
    ) -> list[Entry]:
        """Events, newest first."""


@dataclass(frozen=True)
class Scene:
    """Everything a view may look at.

    Attributes:
        now: Aware UTC.
        devices: Every sensor of the site, the gateway not among them.
        cells: Parts of the village.
        people: Slug -> name; nothing else of a person is ever shown.
        quantities: All quantities.
        plans: The rules that are really judged: every limit that is drawn comes from here.
        latest: The last word of every series.
        believed: The newest reading with a believable value, of every series.
        alerts: What is not normal, worst first, as the house tells it.
        status: What the box is doing.
        past: The journal.
        cameras: Devices that are cameras.
    """

    now: datetime
    devices: Mapping[str, Device]
    cells: Mapping[str, Cell]
    people: Mapping[str, str]
    quantities: Quantities
    plans: Sequence[Plan]
    latest: Mapping[str, Reading]
    believed: Mapping[str, Reading]
    alerts: Sequence[Mapping[str, Any]]
    status: Mapping[str, Any]
    past: Past
    cameras: Set[str] = frozenset()

    def of_domain(self, *domains: str) -> Iterator[tuple[str, Device]]:
        """The devices of one function of the village."""
        for slug, device in self.devices.items():
            if device.settings.enabled and self.domain(slug) in domains:
                yield slug, device

    def domain(self, slug: str) -> str:
        """Which function a device serves: its model says it, else what it measures most of."""
        if slug in self.cameras:
            return "camera"
        device = self.devices.get(slug)
        if device is not None and device.model is not None:
            return "weather" if device.model.domain == "air" else device.model.domain
        counts: dict[str, int] = {}
        for quantity in self.quantities_of(slug):
            found = _OF_MEASUREMENT.get(self.quantities[quantity].measurement)
            if found:
                counts[found] = counts.get(found, 0) + 1
        return max(counts, key=lambda name: counts[name], default="other")

    def quantities_of(self, slug: str) -> list[str]:
        """What a device has said something about so far."""
        return self._said.get(slug, [])

    @cached_property
    def _said(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for slug, quantity in map(split_series, self.latest):
            if quantity in self.quantities:
                found.setdefault(slug, []).append(quantity)
        return found

    @cached_property
    def _heard(self) -> dict[str, datetime]:
        found: dict[str, datetime] = {}
        for series, reading in self.latest.items():
            slug = split_series(series)[0]
            found[slug] = max(found.get(slug, reading.at), reading.at)
        return found

    def reading(self, slug: str, quantity: str) -> dict[str, Any] | None:
        """The newest value of a series with its flag; a value that is no longer fresh says so.

        A reading that has no value shows the last one that had, marked as such.
        """
        series = series_of(slug, quantity)
        newest = self.latest.get(series)
        if newest is None:
            return None
        shown = newest if newest.value is not None and newest.flag is not Flag.FAIL else None
        kept = shown or self.believed.get(series) or newest
        known = self.quantities[quantity]
        return {
            "value": kept.value,
            "at": kept.at.isoformat(),
            "age_s": self.age_s(kept.at),
            "flag": newest.flag.name,
            "flagged_by": newest.flagged_by,
            "kept": kept is not newest,
            **self.named(quantity, known),
        }

    def named(self, quantity: str, known: Quantity | None = None) -> dict[str, Any]:
        """Name, unit and decimals of a quantity, for whoever draws it."""
        known = known or self.quantities[quantity]
        return {
            "quantity": quantity,
            "title": {"zh": known.zh, "en": known.en},
            "unit": "" if known.unit == "pH" else spelled(known.unit),
            "digits": known.digits,
        }

    def value(self, slug: str, quantity: str) -> float | None:
        """The newest believable value."""
        kept = self.believed.get(series_of(slug, quantity))
        return kept.value if kept is not None else None

    def age_s(self, at: datetime) -> float:
        """How old something is [s]; what lies in the future is new."""
        return round(max(0.0, (self.now - at).total_seconds()), 1)

    def heard_s(self, slug: str) -> float | None:
        """How long ago a device was heard [s]; ``None`` before the first time."""
        newest = self._heard.get(slug)
        return self.age_s(newest) if newest is not None else None

    def spark(self, slug: str, quantity: str, points: int = SPARK_POINTS) -> list[tuple[float, float]]:
        """The recent course of a series for a small drawing: [seconds ago, mean], oldest first."""
        device = self.devices.get(slug)
        period = device.period if device is not None else timedelta(minutes=1)
        span = max(SPARK_LEAST, min(SPARK_MOST, SPARK_PERIODS * period))
        rows = self.past.chart(series_of(slug, quantity), self.now - span, self.now, points)
        return [(round((self.now - row.start).total_seconds()), round(row.mean, 4)) for row in rows]

    def state(self, slug: str) -> str:
        """How a device stands: the colour of its worst alert, ``silent``, ``unheard``, ``pending`` or ``normal``."""
        own = [one for one in self.alerts if one["device"] == slug]
        mine = [one for one in own if one["state"] != "pending"]
        found = next((word for word in WORST_FIRST if any(one["severity"] == word for one in mine)), "")
        online = self.latest.get(series_of(slug, "online"))
        if (online is not None and online.value == 0) and found in {"", "info"}:
            return "silent"
        if found:
            return found
        if self.heard_s(slug) is None:
            return "unheard"
        return "pending" if any(one["severity"] != "info" for one in own) else "normal"

    def card(self, slug: str) -> dict[str, Any]:
        """What every list says of a device."""
        settings = self.devices[slug].settings
        cell = self.cells.get(settings.cell or "")
        return {
            "device": slug,
            "name": settings.name or slug,
            "cell": settings.cell,
            "cell_name": cell.name if cell is not None else "",
            "domain": self.domain(slug),
            "state": self.state(slug),
            "heard_s": self.heard_s(slug),
            "period_s": self.devices[slug].period.total_seconds(),
            "battery": self.value(slug, "battery"),
            "lat": settings.lat,
            "lon": settings.lon,
            "point": settings.point,
        }


def trend(spark: Sequence[tuple[float, float]], digits: int) -> int:
    """Where a course is going: 1 up, -1 down, 0 steady; a change that its last shown digit hides is none."""
    if len(spark) < 4:
        return 0
    quarter = max(1, len(spark) // 4)
    first = sum(value for _, value in spark[:quarter]) / quarter
    last = sum(value for _, value in spark[-quarter:]) / quarter
    least = max(2 * 10.0**-digits, 0.02 * abs(first))
    return (last - first > least) - (first - last > least)
