"""From what a sensor sees to what people ask: how full, how far leaned, how much rain, how high the water.

Pure arithmetic in one place; which device needs which of it is ``deriver.py``'s work. Oxygen saturation and mg/L are
not turned into each other: the probes of the catalogue send both, and the formula (Benson and Krause) needs salinity
and pressure that a village does not measure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

GRAVITY = 9.80665  # m/s2, standard acceleration (CGPM 1901)
WATER_DENSITY = 1000.0  # kg/m3; fresh water at 4 degC is 999.97, at 30 degC 995.7: 0.4 % of the depth
STEEPEST_DEG = 89.9  # tan grows without end; beyond this a lean in permille says nothing
PLAUSIBLE_RAIN_MM = 30.0  # in 5 min; see plausible_rain_mm
_RAIN_WINDOW_S = 300.0

Vector = tuple[float, float, float]


def fill_percent(
    distance_mm: float,
    empty_mm: float,
    full_mm: float,
    shape: Sequence[tuple[float, float]] | None = None,
) -> float:
    """How full a bin is, 0 to 100 %.

    Args:
        distance_mm: Sensor face to what lies in the bin.
        empty_mm: Sensor face to the floor of the empty bin.
        full_mm: Sensor face to the line that counts as full: the larger of that line and the sensor's blind zone.
            Anything nearer is "full", never more than 100.
        shape: For a tapered bin pairs of distance [mm] and fill [%]; straight lines between them.

    Source: devices reference 6.1.
    """
    if distance_mm <= full_mm:
        return 100.0
    if shape:
        return _clamped(_interpolated(distance_mm, sorted(shape)))
    return _clamped((empty_mm - distance_mm) / (empty_mm - full_mm) * 100.0)


def gravity(x_deg: float, y_deg: float) -> Vector:
    """The direction of gravity as a sensor with two axes sees it, as a unit vector.

    Each axis of an inclinometer measures the angle between itself and the horizon: the arc sine of its share of
    gravity. Two angles that no gravity can have (a shaken sensor) are brought to the nearest one.
    """
    x, y = math.sin(math.radians(x_deg)), math.sin(math.radians(y_deg))
    z = math.sqrt(max(0.0, 1.0 - x * x - y * y))
    length = math.sqrt(x * x + y * y + z * z)
    return x / length, y / length, z / length


def angle_deg(one: Vector, other: Vector) -> float:
    """The angle between two unit vectors, 0 to 180 degrees, exact for tiny ones too."""
    ax, ay, az = one
    bx, by, bz = other
    cross = math.hypot(ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)
    return math.degrees(math.atan2(cross, ax * bx + ay * by + az * bz))


def permille(lean_deg: float) -> float:
    """An angle as mm of lean per m of height: ``tan(angle) * 1000``; 1 degree is 17.455, 1/500 is 2."""
    return math.tan(math.radians(min(abs(lean_deg), STEEPEST_DEG))) * 1000.0


def degrees_of(lean_permille: float) -> float:
    """The inverse of :func:`permille`."""
    return math.degrees(math.atan(lean_permille / 1000.0))


def without_temperature(
    angle: float, coefficient_per_k: float, temperature_c: float | None, reference_c: float
) -> float:
    """A tilt without what the sun does to it: ``angle - k * (T - T0)`` [deg].

    Args:
        angle: As measured [deg].
        coefficient_per_k: Apparent tilt per kelvin [deg/K].
        temperature_c: Now; ``None`` leaves the angle as it is.
        reference_c: When the zero was taken.

    Source: devices reference 6.2.
    """
    return angle if temperature_c is None else angle - coefficient_per_k * (temperature_c - reference_c)


@dataclass(frozen=True, slots=True)
class Lean:
    """How far something leans from its zero.

    Attributes:
        x_deg: Change along the sensor's x axis. y_deg: Along its y axis.
        total_deg: The angle between the two directions of gravity; never negative.
        absolute_permille: Surveyed lean plus change; ``None`` without a survey.
    """

    x_deg: float
    y_deg: float
    total_deg: float
    absolute_permille: float | None


def lean(
    now_deg: tuple[float, float],
    zero_deg: tuple[float, float],
    surveyed_deg: tuple[float, float] | None = None,
) -> Lean:
    """Compare a tilt sensor with its zero.

    Args:
        now_deg: x and y now, already without temperature.
        zero_deg: x and y at the zero.
        surveyed_deg: Absolute lean of the building along x and y when the zero was taken, by a qualified body.

    Source: devices reference 6.2: the standards limit absolute lean, a sensor only knows the change.
    """
    x, y = now_deg[0] - zero_deg[0], now_deg[1] - zero_deg[1]
    total = angle_deg(gravity(*now_deg), gravity(*zero_deg))
    absolute = None
    if surveyed_deg is not None:
        absolute = absolute_permille((surveyed_deg[0] + x, surveyed_deg[1] + y))
    return Lean(x, y, total, absolute)


def absolute_permille(lean_deg: tuple[float, float]) -> float:
    """How far a building leans [mm/m] when it leans by these angles along two axes at right angles."""
    return math.hypot(permille(lean_deg[0]), permille(lean_deg[1]))


@dataclass(frozen=True, slots=True)
class Increment:
    """What a counter has grown by.

    Attributes:
        amount: Never negative.
        reason: Empty for plain growth; ``counter_rollover``, ``counter_reset`` (it began again at zero, the amount is
            what it has counted since), or ``counter_changed`` (it went back to some number that nobody counted: another
            gauge; the amount is 0).
    """

    amount: float
    reason: str = ""


def increment(previous: float, current: float, plausible: float, rollover: float | None = None) -> Increment:
    """How much a counter that only grows has grown.

    Args:
        previous: Its value before.
        current: Its value now.
        plausible: Most that can have been counted since.
        rollover: Where the counter begins again at zero (65536 tips of 0.2 mm: 13107.2).
    """
    if current >= previous:
        return Increment(current - previous)
    if rollover is not None and previous < rollover:
        over = rollover - previous + current
        if 0 <= over <= plausible:
            return Increment(over, "counter_rollover")
    if 0 <= current <= plausible:
        return Increment(current, "counter_reset")
    return Increment(0.0, "counter_changed")


def plausible_rain_mm(elapsed_s: float) -> float:
    """The most rain to be believed in that time: 30 mm for each five minutes begun.

    Source: our own, from two facts: 96 mm in 2 h was the disaster of Jinyun (devices reference 7.5), which is 4 mm in
    5 min; the largest five minutes in five years of recorded desert storms are 10.2 mm. Three times that is a hose.
    """
    return PLAUSIBLE_RAIN_MM * max(1.0, elapsed_s / _RAIN_WINDOW_S)


def level_above_datum(measured_m: float, datum_m: float, *, looks_down: bool) -> float:
    """The water level above the local zero [m].

    Args:
        measured_m: Distance to the water (looking down) or depth of water above the probe.
        datum_m: Height of the sensor face, or of the probe, above the local zero.
        looks_down: Radar and ultrasonic: ``datum - distance``; a hydrostatic probe: ``datum + depth``.

    Source: devices reference 6.3.
    """
    return datum_m - measured_m if looks_down else datum_m + measured_m


def depth_m(pressure_hpa: float) -> float:
    """The depth of fresh water above a probe that says its pressure without the air's: ``p / (rho * g)``."""
    return pressure_hpa * 100.0 / (WATER_DENSITY * GRAVITY)


def _interpolated(at: float, points: Sequence[tuple[float, float]]) -> float:
    before = points[0]
    for point in points:
        if at <= point[0]:
            span = point[0] - before[0]
            return point[1] if span <= 0 else before[1] + (point[1] - before[1]) * (at - before[0]) / span
        before = point
    return points[-1][1]


def _clamped(percent: float) -> float:
    return min(100.0, max(0.0, percent))
