"""The checks: one pure function each, a value in, a flag out.

None of them looks ahead: a reading is judged when it comes, because a flood must not wait for the next sample
(QARTOD's own spike test does, and leaves the newest value UNKNOWN; reference section 8.1). None of them silences
anybody: what a flag means for a rule is the rule's business.

The flags are QARTOD's (IOOS, Manual for Real-Time Quality Control); the numbers that are held against a series stand
in ``config/quantities.yaml``, their sources in ``docs/quality.md``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from gateway.model import Flag

LARGEST_SKEW = timedelta(seconds=300)  # devices reference 8.3, "clock skew" and "future timestamp"
OLDEST_MEASUREMENT = timedelta(
    days=400
)  # a logger that lost its clock starts in 1970 or 2000, never last month
LARGEST_NUMBER = 1e30  # beyond it the words of a float are in the wrong order; devices reference 8.2
FEWEST_FOR_MEDIAN = 3  # a median of two is a mean: one bad value would already move it
FEWEST_FOR_STUCK = 5  # a device that reports twice a week has not had the chance to differ
_POLLED = frozenset({"modbus", "serial"})
MOVED_DEG = 5.0  # devices reference 8.3, "sensor moved/tipped": mast tilt


def worst(flags: Iterable[Flag]) -> Flag:
    """The flag to keep when several judges speak: the most severe, GOOD when none does.

    Source: QARTOD, roll-up of tests (``ioos_qc.qartod.aggregate``); the order is that of the numbers.
    """
    return max(flags, default=Flag.GOOD)


def number(value: float) -> Flag:
    """Whether this is a number at all: NaN, infinity and absurd magnitudes are MISSING.

    Source: devices reference 8.2, last row: such a float was put together from words in the wrong order.
    """
    return Flag.GOOD if math.isfinite(value) and abs(value) < LARGEST_NUMBER else Flag.MISSING


def gross_range(value: float, low: float, high: float) -> Flag:
    """FAIL outside of what sensor and physics allow; both ends are believable.

    Source: QARTOD test 4, gross range.
    """
    return Flag.GOOD if low <= value <= high else Flag.FAIL


def usual_range(value: float, low: float, high: float) -> Flag:
    """SUSPECT outside of what this village has seen; both ends are usual.

    Source: QARTOD test 4 (operator's span) and 5 (climatology).
    """
    return Flag.GOOD if low <= value <= high else Flag.SUSPECT


def rate_of_change(previous: float, value: float, elapsed_s: float, limit_per_min: float) -> Flag:
    """Judge how fast a value moved.

    Args:
        previous: Last GOOD value of the series.
        value: The one to judge.
        elapsed_s: Seconds between the two.
        limit_per_min: Largest believable change [unit / minute].

    Returns:
        GOOD, SUSPECT above the limit, UNKNOWN when no time has passed.

    Source: QARTOD test 7, rate of change.
    """
    if elapsed_s <= 0:
        return Flag.UNKNOWN
    return Flag.GOOD if abs(value - previous) * 60.0 <= limit_per_min * elapsed_s else Flag.SUSPECT


def spike(value: float, last: Sequence[float], limit: float, ratio: float | None = None) -> Flag:
    """SUSPECT when a value stands far from the median of those before it.

    A true step (a bin is emptied) is doubtful until most of the last five agree with it: three readings.

    Args:
        value: The one to judge.
        last: Up to five values before it, any order; the implausible ones already left out.
        limit: Largest believable distance [unit].
        ratio: Or that share of the median, whichever is larger: conductivity and turbidity scatter with their size.

    Returns:
        UNKNOWN with fewer than three values to compare with.

    Source: devices reference 8.3, ``abs(x - median(5)) > threshold``; QARTOD test 6 without its look-ahead.
    """
    if len(last) < FEWEST_FOR_MEDIAN:
        return Flag.UNKNOWN
    middle = median(last)
    if ratio is not None:
        limit = max(limit, ratio * abs(middle))
    return Flag.GOOD if abs(value - middle) <= limit else Flag.SUSPECT


def stuck(span: float, readings: int, lasted_s: float, limit_s: float, within: float) -> Flag:
    """SUSPECT when a series has not moved for too long.

    Args:
        span: Largest minus smallest value of the run [unit].
        readings: How many readings the run has; fewer than five are no evidence.
        lasted_s: How long the run has lasted [s].
        limit_s: How long is too long [s].
        within: How much it may wander and still count as stuck [unit]; 0 means exactly the same number.

    Source: QARTOD test 8, flat line. ``ioos_qc`` compares strictly (``range < tolerance``), so that its default
    tolerance of 0 never finds a value that is exactly stuck; here ``range <= within`` (devices reference 8.1).
    """
    if readings < FEWEST_FOR_STUCK or lasted_s < limit_s:
        return Flag.GOOD
    return Flag.SUSPECT if span <= within else Flag.GOOD


def clock_ahead(at: datetime, received: datetime) -> Flag:
    """SUSPECT when something was measured later than it was received: the device's clock is wrong.

    Source: devices reference 8.3, "future timestamp": 300 s.
    """
    return Flag.GOOD if at - received <= LARGEST_SKEW else Flag.SUSPECT


def clock_behind(at: datetime, received: datetime) -> Flag:
    """SUSPECT when a measurement claims to be older than any buffer is deep.

    Hours or days behind is no fault: a broker kept it while the gateway was away. More than a year is a clock that
    started again at its epoch (QARTOD's "impossible date").
    """
    return Flag.GOOD if received - at <= OLDEST_MEASUREMENT else Flag.SUSPECT


def duplicate_time(value: float, known: float) -> Flag:
    """SUSPECT when a series has two different values for the same moment: one of them is wrong.

    The same value again is the same measurement and keeps its first flag.
    """
    return Flag.GOOD if value == known else Flag.SUSPECT


def after_missing(value: float, before: float | None, limit: float) -> Flag:
    """SUSPECT for the first value after a sentinel when it is not where the series was before.

    Where the echo was just lost, the next echo is often a wrong one (fog, spray, a branch), so it gets half the
    freedom of an ordinary value.

    Args:
        value: The first value after the gap.
        before: Last believed value before it; ``None`` when there is none.
        limit: The series' spike limit [unit].
    """
    if before is None:
        return Flag.UNKNOWN
    return Flag.GOOD if abs(value - before) <= limit / 2 else Flag.SUSPECT


def out_of_water(witness: float, dry_below: float) -> Flag:
    """SUSPECT for everything a water probe says while a witness shows that it lies dry.

    The witness is the probe's own conductivity (in air nearly 0) or the depth of water above it; the limits are
    ``dry:`` of ``ec`` and ``water_depth``. Oxygen near 100 % and a temperature that follows the air are signs too,
    but a shallow clear stream shows both on any sunny day, so they are not used.
    """
    return Flag.SUSPECT if witness < dry_below else Flag.GOOD


def moved(angle_deg: float, usual_deg: float) -> Flag:
    """SUSPECT when the mast or housing of a sensor no longer stands as it did: what it measures may be anything.

    Source: devices reference 8.3, "sensor moved/tipped": more than 5 degrees.
    """
    return Flag.GOOD if abs(angle_deg - usual_deg) <= MOVED_DEG else Flag.SUSPECT


def silent(elapsed: timedelta, limit: timedelta) -> bool:
    """Whether a device has been quiet for too long (missing heartbeat).

    Source: QARTOD test 1, timing/gap; the limits are :func:`patience`.
    """
    return elapsed > limit


def patience(period: timedelta, wire: str) -> timedelta:
    """How long a device may be quiet before it counts as offline.

    Three periods; at least 30 min where radio loses messages (LoRaWAN, Zigbee, anything over a broker), 5 min for a
    polled bus. Two periods for what reports twice a day or less. A Zigbee device on a battery, which speaks only
    when something changes, has 8 h 20 min as its interval in the catalogue: 25 h.

    Args:
        period: How often it should be heard.
        wire: Of its model: ``lorawan``, ``json``, ``modbus`` or ``serial``.

    Source: devices reference 8.3, "missing heartbeat"; the 5 min is ours, because a dead bus has no excuse.
    """
    if period >= timedelta(hours=12):
        return 2 * period
    return max(3 * period, timedelta(minutes=5 if wire in _POLLED else 30))


def median(values: Iterable[float]) -> float:
    """The middle one; of an even number the mean of the middle two."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def joined(*reasons: str) -> str:
    """Reasons of a flag, each named once, in the order they came."""
    return "+".join(dict.fromkeys(word for reason in reasons for word in reason.split("+") if word))
