"""What the last hours say: sums, means, medians, rises, rates, slopes.

A window is (t - span, t], left-open, at the newest reading. It is judged when readings come, never by the clock: a
gauge that has died must not end an alarm. Whether it is over needs ``coverage`` of the expected readings; whether it
has begun needs it too, except where missing readings could only make the figure larger (a sum of increments, a highest
value, a rise).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from statistics import median

from gateway.model import Fact
from gateway.rules.conditions.bounds import Bounds, written
from gateway.rules.conditions.condition import Sided

MOST_POINTS = 1440  # a day of minutes; more often is merged, so that memory is bounded
Merge = Callable[[float, float], float]


def newest(_: float, new: float) -> float:
    """Of two values in one slot the later one stands for both."""
    return new


def added(old: float, new: float) -> float:
    """Increments of one slot add up."""
    return old + new


class Window:
    """The readings of a span, bounded in number.

    Args:
        span: Its length [s].
        merge: What becomes of two readings in one slot.
        slots: Most points kept.
    """

    __slots__ = ("_merge", "_slot", "span", "times", "values")

    def __init__(self, span: float, merge: Merge = newest, slots: int = MOST_POINTS) -> None:
        self.span = span
        self.times = array("d")
        self.values = array("d")
        self._merge = merge
        self._slot = span / slots

    def add(self, at: float, value: float) -> None:
        """The newest reading; what it leaves behind the window goes."""
        times, values = self.times, self.values
        while times and times[-1] > at:  # the clock was set back: what lies in the future was not
            times.pop()
            values.pop()
        if times and at - times[-1] < self._slot:
            values[-1] = self._merge(values[-1], value)
        else:
            times.append(at)
            values.append(value)
        if times[0] <= at - self.span:
            gone = bisect_right(times, at - self.span)
            del times[:gone], values[:gone]

    def insert(self, at: float, value: float) -> bool:
        """A late reading to its place; False when it is too old to matter."""
        if not self.times or at <= self.times[-1] - self.span:
            return False
        place = bisect_left(self.times, at)
        if place < len(self.times) and self.times[place] == at:
            self.values[place] = self._merge(self.values[place], value)
        elif place and at - self.times[place - 1] < self._slot:
            self.values[place - 1] = self._merge(self.values[place - 1], value)
        else:
            self.times.insert(place, at)
            self.values.insert(place, value)
        return True

    def clear(self) -> None:
        """Begin anew."""
        del self.times[:], self.values[:]


class Over(Sided):
    """A figure over a window, against limits.

    Args:
        name: Of the quantity.
        unit: Of the figure, as people read it.
        bounds: The limits of the figure.
        view: Name of the figure: a key of :data:`FIGURES`.
        span: Of the window [s].
        period: How often the device reports [s].
        coverage: Share of the expected readings that must be there.
        per: Seconds that a rate or slope is told for.
        percentile: For that view.
        text: The span as a person writes it.
    """

    __slots__ = (
        "_bounds",
        "_covered",
        "_name",
        "_need",
        "_option",
        "_text",
        "_unit",
        "_view",
        "_window",
    )

    def __init__(
        self,
        name: str,
        unit: str,
        bounds: Bounds,
        *,
        view: str,
        span: float,
        period: float,
        coverage: float,
        per: float = 1.0,
        percentile: float = 90.0,
        text: str = "",
    ) -> None:
        super().__init__()
        self._name = name
        self._unit = unit
        self._bounds = bounds
        self._view = view
        self._text = text
        edges = (
            view in EDGES
        )  # compares with the far end of the window: the reading there must not just have left
        self._window = Window(span + (period / 2 if edges else 0.0), added if view == "sum" else newest)
        self._need = max(2 if edges or view == "rise" else 1, int(coverage * min(span / period, MOST_POINTS)))
        self._covered = coverage * span if edges else 0.0
        self._option = percentile if view == "percentile" else per

    def hear(self, at: float, value: float) -> None:
        """The window moves."""
        self._window.add(at, value)
        self._look()

    def late(self, at: float, value: float) -> None:
        """Judged once more at the newest reading; what was said before stays said."""
        if self._window.insert(at, value):
            self._look()

    def facts(self) -> tuple[Fact, ...]:
        """Quantity, window, figure, limit."""
        values = {"quantity": self._name, "view": self._view, "span": self._text, "unit": self._unit}
        return (Fact("window", {**values, "figure": written(self.figure), **self._bounds.said}),)

    def reason(self) -> str:
        """E.g. ``rain sum 3h 55 mm (above 50 mm)``."""
        figure = f"{self._name} {self._view} {self._text} {written(self.figure)} {self._unit}"
        return f"{figure.rstrip()} ({self._bounds.text})"

    @property
    def span(self) -> float:
        """The window's."""
        return self._window.span

    def _look(self) -> None:
        window = self._window
        enough = len(window.times) >= self._need and (
            not self._covered or window.times[-1] - window.times[0] >= self._covered
        )
        if not enough and self._view not in GROWING:
            return  # the last answer stands
        self.figure = round(
            FIGURES[self._view](window, self._option), 6
        )  # six sums of 50/6 are no more than 50
        if enough:
            self._side = self._bounds.out(self.figure, self._side)
        elif (
            self._bounds.surely_below(self.figure)
            if self._view == "min"
            else self._bounds.surely_above(self.figure)
        ):
            self._side = True


def _change(window: Window, _: float) -> float:
    return window.values[-1] - window.values[0]


def _rate(window: Window, per: float) -> float:
    elapsed = window.times[-1] - window.times[0]
    return (window.values[-1] - window.values[0]) / elapsed * per if elapsed else 0.0


def slope(times: array[float], values: array[float]) -> tuple[float, float]:
    """Least squares: growth per second, and the fitted value at the last time."""
    number = len(times)
    if number == 0:
        return 0.0, 0.0
    mean_t = sum(times) / number
    mean_v = sum(values) / number
    over = sum((t - mean_t) * (v - mean_v) for t, v in zip(times, values, strict=True))
    under = sum((t - mean_t) ** 2 for t in times)
    growth = over / under if under else 0.0
    return growth, mean_v + growth * (times[-1] - mean_t)


def _percentile(window: Window, share: float) -> float:
    ordered = sorted(window.values)
    place = (len(ordered) - 1) * share / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


FIGURES: dict[str, Callable[[Window, float], float]] = {
    "sum": lambda window, _: sum(window.values),
    "mean": lambda window, _: sum(window.values) / len(window.values),
    "min": lambda window, _: min(window.values),
    "max": lambda window, _: max(window.values),
    "median": lambda window, _: median(window.values),
    "percentile": _percentile,
    "count": lambda window, _: float(sum(value != 0 for value in window.values)),
    "change": _change,
    "rise": lambda window, _: window.values[-1] - min(window.values),
    "fall": lambda window, _: max(window.values) - window.values[-1],
    "rate": _rate,
    "slope": lambda window, per: slope(window.times, window.values)[0] * per,
}
EDGES = frozenset({"change", "rate", "slope"})
GROWING = frozenset({"sum", "max", "min", "count", "rise", "fall"})  # more readings can only make it more so
