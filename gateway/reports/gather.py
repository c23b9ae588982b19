"""From the journal to the figures of a report. Only reads; the daemon may run beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Literal, Protocol

from gateway.contracts import Device, Entry, Rollup
from gateway.model import Event, Severity, series_of
from gateway.reports import figures
from gateway.rules.language import Rule, When
from gateway.site import Site
from gateway.units import convert

BUCKET = timedelta(minutes=10)
CLASS_RULES = {"do": "gb3838-do", "codmn": "gb3838-codmn", "cod": "gb3838-cod", "nh4_n": "gb3838-nh4n"}
LESS_IS_WORSE = frozenset({"do"})
FULL_RULE = "bin-full"
_PAGE = 1000
Span = Literal["week", "month"]


class Journal(Protocol):
    """What a report asks of the journal."""

    def chart(self, series: str, start: datetime, end: datetime, points: int = 500) -> list[Rollup]:
        """See :class:`gateway.store.reader.Reader`."""

    def events(self, after: int, limit: int) -> list[Entry]:
        """See :class:`gateway.store.reader.Reader`."""

    def series(self) -> list[str]:
        """See :class:`gateway.store.reader.Reader`."""


@dataclass(frozen=True)
class Report:
    """All figures of one time, each by the slug of its device.

    Attributes:
        start: First moment. end: First moment that no longer belongs to it; both on the site's midnight.
        full_limit: From where on a bin is too full [%]; the first yellow step of the rule that is judged here.
        availability: 0..1.
    """

    start: datetime
    end: datetime
    full_limit: float
    bins: Mapping[str, figures.BinFigures] = field(default_factory=dict)
    water: Mapping[str, Counter[int]] = field(default_factory=dict)
    tilt: Mapping[str, figures.TiltFigures] = field(default_factory=dict)
    rain: Mapping[str, figures.RainFigures] = field(default_factory=dict)
    alerts: figures.AlertFigures | None = None
    availability: Mapping[str, float] = field(default_factory=dict)
    cameras: Mapping[str, figures.CameraFigures] = field(default_factory=dict)

    @property
    def days(self) -> int:
        """How many."""
        return round((self.end - self.start) / timedelta(days=1))


def time_of_report(span: Span, today: date, site: Site) -> tuple[datetime, datetime]:
    """The last whole week (Monday to Sunday) or month before today, from midnight to midnight on the wall.

    Args:
        span: Which.
        today: In the site's zone.
        site: Whose midnights count.
    """
    if span == "week":
        last = today - timedelta(days=today.weekday())
        first = last - timedelta(days=7)
    else:
        last = today.replace(day=1)
        first = (last - timedelta(days=1)).replace(day=1)
    zone = site.village.site.zone
    return datetime.combine(first, time(), zone), datetime.combine(last, time(), zone)


def gathered(
    site: Site,
    journal: Journal,
    start: datetime,
    end: datetime,
    *,
    marks: Mapping[str, bool],
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Everything, device by device.

    Args:
        site: Its devices, rules and zone.
        journal: Where it was written down.
        start: First moment.
        end: First moment after it.
        marks: Evidence -> whether somebody found it right.
        progress: Told which device is looked at: a month takes seconds on a Pi.
    """
    zone = site.village.site.zone
    heard = set(journal.series())
    happened = [event for event in _events(journal) if start <= event.at < end]
    emptied = Counter(event.source for event in happened if event.kind == "emptied")
    limit, classes = _full_limit(site), _class_limits(site)
    report: dict[str, dict[str, object]] = {
        "bins": {},
        "water": {},
        "tilt": {},
        "rain": {},
        "availability": {},
    }
    points = round((end - start) / BUCKET) + 1

    def rolled(slug: str, quantity: str) -> list[Rollup]:
        series = series_of(slug, quantity)
        return journal.chart(series, start, end, points) if series in heard else []

    for slug, device in site.devices.items():
        progress(slug)
        if fill := rolled(slug, "fill"):
            report["bins"][slug] = figures.bin_figures(fill, emptied[slug], limit, device.period)
        if rain := rolled(slug, "rain"):
            report["rain"][slug] = figures.rain_figures(rain, zone)
        if tilt := rolled(slug, "tilt_permille"):
            report["tilt"][slug] = figures.tilt_figures(tilt, zone)
        days = {name: figures.daily_means(found, zone) for name in classes if (found := rolled(slug, name))}
        if days:
            report["water"][slug] = figures.class_days(days, classes, LESS_IS_WORSE)
        report["availability"][slug] = _availability(device, heard, rolled, end - start)
    return Report(
        start,
        end,
        limit,
        alerts=figures.alert_figures(happened),
        cameras=figures.camera_figures(happened, marks),
        **report,  # type: ignore[arg-type]  # filled above, each with its own kind
    )


def _availability(
    device: Device, heard: set[str], rolled: Callable[[str, str], list[Rollup]], span: timedelta
) -> float:
    """By the quantity that was heard most often: several values of one message are one message."""
    mine = [name.partition("/")[2] for name in heard if name.startswith(f"{device.slug}/")]
    best = max((sum(one.count for one in rolled(device.slug, name)) for name in mine), default=0)
    return figures.availability([best], span, device.period)


def _events(journal: Journal) -> Iterator[Event]:
    after = 0
    while entries := journal.events(after, _PAGE):
        after = entries[-1].seq
        yield from (entry.item for entry in entries if isinstance(entry.item, Event))


def _full_limit(site: Site) -> float:
    written = site.rules.written.get(FULL_RULE)
    steps = written.rule.all_steps() if written is not None else []
    for step in steps:
        limits = step.when.readings.get("fill")
        if step.severity >= Severity.YELLOW and limits is not None and limits.above is not None:
            return limits.above.number
    return 80.0


def _class_limits(site: Site) -> dict[str, dict[int, float]]:
    """Parameter -> class -> limit, as the rules of this site say it."""
    found: dict[str, dict[int, float]] = {}
    for quantity, stem in CLASS_RULES.items():
        limits = {}
        for number in figures.CLASSES:
            written = site.rules.written.get(f"{stem}-{number}")
            amount = _amount(site, written.rule, quantity) if written is not None else None
            if amount is not None:
                limits[number] = amount
        if limits:
            found[quantity] = limits
    return found


def _amount(site: Site, rule: Rule, quantity: str) -> float | None:
    when: When = rule.all_steps()[0].when
    limits = when.readings.get(quantity)
    amount = (limits.above or limits.below) if limits is not None else None
    unit = site.quantities[quantity].unit
    if amount is None:
        return None
    return amount.number if amount.unit in {"", unit} else convert(amount.number, amount.unit, unit)
