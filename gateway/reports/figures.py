"""The figures of a report, from roll-ups and events. Pure; time is an argument.

What is counted here is counted from what was written down: usable readings (GOOD, UNKNOWN, SUSPECT) in buckets of ten
minutes, and events. A bucket without readings counts for nothing, so gaps never look like good days; the availability
says how large they are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from statistics import median

from gateway.contracts import Rollup
from gateway.model import Event, Severity

CAMERA_KINDS = (
    "fire",
    "smoke",
    "thermal",
    "collision",
    "hit_and_run",
    "illegal_building",
    "fire_lane_blocked",
)
CLASSES = (1, 2, 3, 4, 5)  # GB 3838-2002; 6 stands for worse than class V
WORSE_THAN_V = 6
WORST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class BinFigures:
    """One bin.

    Attributes:
        emptied: How often.
        over: Time above the limit.
        mean: Mean fill [%]; ``None`` without readings.
        highest: Highest fill [%].
    """

    emptied: int
    over: timedelta
    mean: float | None
    highest: float | None


@dataclass(frozen=True, slots=True)
class TiltFigures:
    """One house.

    Attributes:
        last: Newest tilt change. highest: Largest in the time. per_day: Slope of the daily means, each day [same unit].
    """

    last: float | None
    highest: float | None
    per_day: float | None


@dataclass(frozen=True, slots=True)
class RainFigures:
    """One gauge: what fell in all, each day, and in the wettest hour [mm]."""

    total: float
    days: Mapping[date, float]
    wettest_hour: float


@dataclass(frozen=True, slots=True)
class AlertFigures:
    """Alerts that began in the time.

    Attributes:
        by_severity: How many of each.
        by_rule: The rules that fired most, most first.
        by_target: The ten worst sources, most first.
        answered: How many somebody took on.
        median_answer: Half of those were taken on within this time.
        slowest_answer: The longest wait.
    """

    by_severity: Mapping[Severity, int]
    by_rule: Sequence[tuple[str, int]]
    by_target: Sequence[tuple[str, int]]
    answered: int
    median_answer: timedelta | None
    slowest_answer: timedelta | None

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_severity.values())


@dataclass(frozen=True, slots=True)
class CameraFigures:
    """One camera: what it reported, and what people said of it."""

    reported: Mapping[str, int]
    right: int
    wrong: int


def bin_figures(
    fill: Sequence[Rollup], emptied: int, limit: float, period: timedelta = timedelta(0)
) -> BinFigures:
    """What became of one bin.

    Args:
        fill: Of ten minutes each [%].
        emptied: How often it was.
        limit: From where on it is too full [%].
        period: How often the bin reports: a reading stands for that long, where that is longer than its bucket.
    """
    over = sum((max(one.span, period) for one in fill if one.mean > limit), timedelta(0))
    return BinFigures(emptied, over, _mean(fill), max((one.maximum for one in fill), default=None))


def water_class(value: float, limits: Mapping[int, float], *, falling: bool) -> int:
    """The best class of GB 3838-2002 that a value keeps; 6 when it keeps none.

    Args:
        value: In the unit of the limits.
        limits: Class -> its limit; a missing class has the next better one's.
        falling: Less is worse (oxygen).
    """
    for number in CLASSES:
        limit = limits.get(number)
        if limit is not None and (value >= limit if falling else value <= limit):
            return number
    return WORSE_THAN_V


def class_days(
    days: Mapping[str, Mapping[date, float]],
    limits: Mapping[str, Mapping[int, float]],
    falling: frozenset[str],
) -> Counter[int]:
    """How many days a station was of which class: the worst of its parameters, by their daily means.

    Args:
        days: Parameter -> day -> mean.
        limits: Parameter -> class -> limit.
        falling: Parameters of which less is worse.
    """
    worst: dict[date, int] = {}
    for name, means in days.items():
        for day, value in means.items():
            found = water_class(value, limits[name], falling=name in falling)
            worst[day] = max(worst.get(day, 0), found)
    return Counter(worst.values())


def daily_means(rollups: Iterable[Rollup], zone: tzinfo) -> dict[date, float]:
    """The mean of each local day, weighted by the readings in it."""
    sums: dict[date, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for one in rollups:
        if one.count:
            day = sums[one.start.astimezone(zone).date()]
            day[0] += one.mean * one.count
            day[1] += one.count
    return {day: total / count for day, (total, count) in sums.items()}


def tilt_figures(tilt: Sequence[Rollup], zone: tzinfo) -> TiltFigures:
    """How far a house has gone, and how fast: least squares through the daily means, two days at least."""
    days = daily_means(tilt, zone)
    slope = None
    if len(days) >= 2:
        first = min(days)
        points = [((day - first).days, value) for day, value in days.items()]
        middle_x = sum(x for x, _ in points) / len(points)
        middle_y = sum(y for _, y in points) / len(points)
        spread = sum((x - middle_x) ** 2 for x, _ in points)
        slope = sum((x - middle_x) * (y - middle_y) for x, y in points) / spread
    used = [one for one in tilt if one.count]
    return TiltFigures(
        used[-1].mean if used else None, max((one.maximum for one in used), default=None), slope
    )


def rain_figures(rain: Sequence[Rollup], zone: tzinfo) -> RainFigures:
    """What a gauge caught.

    Args:
        rain: Increments [mm] in buckets of ten minutes.
        zone: Whose days count.
    """
    days: dict[date, float] = defaultdict(float)
    fallen = [(one.start, one.mean * one.count) for one in rain]  # increments: mean times count is their sum
    for start, amount in fallen:
        days[start.astimezone(zone).date()] += amount
    wettest = most = 0.0
    first = 0
    for start, amount in fallen:
        most += amount
        while fallen[first][0] <= start - timedelta(hours=1):
            most -= fallen[first][1]
            first += 1
        wettest = max(wettest, most)
    return RainFigures(sum(days.values()), dict(days), wettest)


def availability(counts: Iterable[int], span: timedelta, period: timedelta) -> float:
    """How much of what a device should have said was heard, 0..1; several readings of one message count once.

    Args:
        counts: Readings of its best heard quantity.
        span: How long.
        period: How often it should report.
    """
    expected = span / period
    return min(1.0, sum(counts) / expected) if expected else 0.0


def alert_figures(events: Iterable[Event]) -> AlertFigures:
    """What fired, and how long it took until somebody had it."""
    severities: Counter[Severity] = Counter()
    rules: Counter[str] = Counter()
    targets: Counter[str] = Counter()
    open_since: dict[tuple[str, str], datetime] = {}
    waits: list[timedelta] = []
    for event in sorted(events, key=lambda one: one.at):
        detail = event.detail
        key = (str(detail.get("rule", "")), str(detail.get("target", "")))
        if event.kind == "alert" and detail.get("to") == "firing":
            if key not in open_since:
                open_since[key] = event.at
                severities[Severity[str(detail.get("severity", "info")).upper()]] += 1
                rules[key[0]] += 1
                targets[key[1]] += 1
        elif event.kind == "alert" and detail.get("to") == "normal":
            open_since.pop(key, None)
        elif event.kind == "alert_acknowledged" and key in open_since:
            waits.append(event.at - open_since[key])
    return AlertFigures(
        severities,
        rules.most_common(WORST_SHOWN),
        targets.most_common(WORST_SHOWN),
        len(waits),
        timedelta(seconds=median(one.total_seconds() for one in waits)) if waits else None,
        max(waits, default=None),
    )


def camera_figures(events: Iterable[Event], marks: Mapping[str, bool]) -> dict[str, CameraFigures]:
    """Camera -> what it reported in the time, and how people judged it.

    Args:
        events: Of the time.
        marks: Evidence -> whether somebody found it right, his last word.
    """
    reported: dict[str, Counter[str]] = defaultdict(Counter)
    judged: dict[str, Counter[bool]] = defaultdict(Counter)
    for event in events:
        if event.kind in CAMERA_KINDS:
            reported[event.source][event.kind] += 1
            if event.evidence is not None and event.evidence in marks:
                judged[event.source][marks[event.evidence]] += 1
    return {
        camera: CameraFigures(reported[camera], judged[camera][True], judged[camera][False])
        for camera in sorted(reported)
    }


def _mean(rollups: Sequence[Rollup]) -> float | None:
    count = sum(one.count for one in rollups)
    return sum(one.mean * one.count for one in rollups) / count if count else None
