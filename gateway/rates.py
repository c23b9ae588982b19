"""How rare something is when it was seen a few times, or never. Pure."""

from __future__ import annotations

import math

CONFIDENCE = 0.95


def at_most(count: int, confidence: float = CONFIDENCE) -> float:
    """The expected number of events that ``count`` or fewer of them leave possible (one-sided, Poisson).

    3.0 when none was seen: the rule of three.
    """
    low, high = 0.0, count + 10.0 * math.sqrt(count + 1) + 10.0
    for _ in range(80):
        middle = (low + high) / 2
        if _poisson_cdf(count, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _poisson_cdf(count: int, mean: float) -> float:
    term = total = math.exp(-mean)
    for number in range(1, count + 1):
        term *= mean / number
        total += term
    return total
