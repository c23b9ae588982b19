"""Where things are going: a forecast that begins anew when the bin is emptied, a drift by the same hour, the usual."""

from __future__ import annotations

from collections import deque
from statistics import median

from gateway.model import Fact
from gateway.rules.conditions.bounds import Bounds, written
from gateway.rules.conditions.condition import Condition, Sided
from gateway.rules.conditions.window import Window, slope

FIT_POINTS = 96
RELEASE = 1.5  # a forecast that has fired is over when the limit is this much further away: fits wobble
EMPTIED = "emptied"
HOUR = 3600.0
DAY = 86400.0
USUAL_POINTS = 336  # half hours of a week
USUAL_LOOK = 1800.0


class Forecast(Sided):
    """A limit that will be reached before a time, by a straight line through the past.

    Args:
        name: Of the quantity.
        target: The limit.
        rising: Whether it is approached from below.
        before: How soon counts [s].
        look_back: How far the line looks back [s].
        at_least: Fewest readings.
        drop: A fall (rise, for a falling target) by more than this begins a new line.
        text: Of the limit.
    """

    __slots__ = (
        "_at_least",
        "_before",
        "_drop",
        "_last",
        "_name",
        "_rising",
        "_target",
        "_text",
        "_window",
    )

    def __init__(
        self,
        name: str,
        target: float,
        *,
        rising: bool,
        before: float,
        look_back: float,
        at_least: int,
        drop: float | None,
        text: str,
    ) -> None:
        super().__init__()
        self._name = name
        self._target = target
        self._rising = rising
        self._before = before
        self._window = Window(look_back, slots=FIT_POINTS)
        self._at_least = at_least
        self._drop = drop
        self._text = text
        self._last: float | None = None

    def hear(self, at: float, value: float) -> None:
        """The line is drawn again."""
        if self._last is not None and self._drop is not None:
            back = self._last - value if self._rising else value - self._last
            if back > self._drop:
                self._begin()
        self._last = value
        self._window.add(at, value)
        self._look(value)

    def happened(self, kind: str, at: float, score: float) -> None:
        """An emptied bin has no past; the readings since then have."""
        del score
        if kind == EMPTIED:
            keep = [(t, v) for t, v in zip(self._window.times, self._window.values, strict=True) if t >= at]
            self._begin()
            for then, value in keep:
                self._window.add(then, value)

    def facts(self) -> tuple[Fact, ...]:
        """Quantity, limit, hours left."""
        key = "reach" if self._rising else "fall"
        goal = self._text.removeprefix("reaches ").removeprefix("falls to ")
        return (
            Fact(key, {"quantity": self._name, "goal": goal, "figure": written(self.figure), "unit": "h"}),
        )

    def reason(self) -> str:
        """E.g. ``fill reaches 90 % in 7.5 h``."""
        return f"{self._name} {self._text} in {written(self.figure)} h"

    @property
    def span(self) -> float:
        """How far the line looks back."""
        return self._window.span

    def _begin(self) -> None:
        self._window.clear()
        self._side = False

    def _look(self, value: float) -> None:
        if value >= self._target if self._rising else value <= self._target:
            self.figure, self._side = 0.0, True
            return
        if len(self._window.times) < self._at_least:
            return  # not known yet; or over, when the line has just begun anew
        growth, now = slope(self._window.times, self._window.values)
        left = (self._target - now) / growth if growth else -1.0
        if (growth > 0) is not self._rising or growth == 0:
            self.figure, self._side = None, False
            return
        left = max(left, 0.0)
        self.figure = round(left / HOUR, 2)
        self._side = left <= self._before * (RELEASE if self._side else 1.0)


class Drift(Sided):
    """How far it moves in a day, comparing the same hour of the day, so that the sun is left out.

    The mean of the last hour is compared with the mean of the same hour ``span`` ago.
    """

    __slots__ = ("_bounds", "_days", "_hours", "_name", "_per", "_unit")

    def __init__(self, name: str, unit: str, bounds: Bounds, *, span: float, per: float) -> None:
        super().__init__()
        self._name = name
        self._unit = unit
        self._bounds = bounds
        self._days = max(1, round(span / DAY))
        self._per = per
        self._hours: deque[list[float]] = deque()  # [hour, sum, number]

    def hear(self, at: float, value: float) -> None:
        """Into its hour."""
        self.late(at, value)

    def late(self, at: float, value: float) -> None:
        """A late reading belongs to its own hour."""
        hour = at // HOUR
        while self._hours and self._hours[-1][0] > hour + 24:  # the clock was set back
            self._hours.pop()
        if not self._hours or hour > self._hours[-1][0]:
            self._hours.append([hour, value, 1.0])
        else:
            known = next((one for one in self._hours if one[0] == hour), None)
            if known is None:
                return
            known[1] += value
            known[2] += 1
        latest = self._hours[-1]
        then = latest[0] - 24 * self._days
        while self._hours[0][0] < then:
            self._hours.popleft()
        first = self._hours[0]
        if first[0] != then:
            return  # the last answer stands
        moved = latest[1] / latest[2] - first[1] / first[2]
        self.figure = moved / (self._days * DAY) * self._per
        self._side = self._bounds.out(self.figure, self._side)

    def facts(self) -> tuple[Fact, ...]:
        """Quantity, drift, limit."""
        values = {"quantity": self._name, "figure": written(self.figure), "unit": self._unit}
        return (Fact("drift", {**values, **self._bounds.said}),)

    def reason(self) -> str:
        """E.g. ``tilt_delta drift 0.03 °/day (above 0.02 deg)``."""
        return f"{self._name} drift {written(self.figure)} {self._unit} ({self._bounds.text})"

    @property
    def span(self) -> float:
        """The days and an hour."""
        return self._days * DAY + HOUR


class Usual(Condition):
    """So many times its own median of the last days: what is high here, not what is high in a book.

    The median is taken anew every half hour; it needs a day of readings.
    """

    __slots__ = ("_factor", "_looked", "_median", "_name", "_side", "_window")

    def __init__(self, name: str, *, factor: float, span: float) -> None:
        super().__init__()
        self._name = name
        self._factor = factor
        self._window = Window(span, slots=USUAL_POINTS)
        self._median: float | None = None
        self._looked = 0.0
        self._side: bool | None = None

    def hear(self, at: float, value: float) -> None:
        """Against the median of what was before it."""
        window = self._window
        if window.times and abs(at - self._looked) >= USUAL_LOOK:
            known = window.times[-1] - window.times[0]
            self._median = median(window.values) if known >= min(DAY, window.span / 2) else None
            self._looked = at
        window.add(at, value)
        if self._median is None:
            return
        self.figure = value
        self._side = value > self._factor * self._median

    def late(self, at: float, value: float) -> None:
        """For the median."""
        self._window.insert(at, value)

    def judge(self, now: float) -> bool | None:
        """Whether it is that much."""
        del now
        return self._side

    def facts(self) -> tuple[Fact, ...]:
        """Quantity, figure, and what is usual."""
        values = {"quantity": self._name, "figure": written(self.figure), "unit": ""}
        return (Fact("usual", {**values, "factor": f"{self._factor:g}", "median": written(self._median)}),)

    def reason(self) -> str:
        """E.g. ``turbidity 140 (over 3 times its median 12)``."""
        return f"{self._name} {written(self.figure)} (over {self._factor:g} times its median {written(self._median)})"

    @property
    def span(self) -> float:
        """The days of the median."""
        return self._window.span

    @property
    def never(self) -> bool:
        """It could not be answered yet."""
        return self._side is None
