"""What the journal's tests are fed with."""

from __future__ import annotations

import os
import sys
from datetime import timedelta

from gateway.model import Delivery, Event, Flag, Reading
from tests.conftest import NOON


class Slip:
    """A receipt that counts how often it was settled."""

    def __init__(self, then=None):
        self.settled = 0
        self._then = then

    def settle(self):
        self.settled += 1
        if self._then is not None:
            self._then()


def reading(series="bin-001/fill", value=12.5, at=NOON, flag=Flag.GOOD, why="", received=None):
    return Reading(series, value, at, received or at, flag, why)


def after(**span):
    return NOON + timedelta(**span)


def minutes(count, series="bin-001/fill", start=0):
    """One delivery a minute with one reading each; the value is the number of the minute."""
    return [
        Delivery((reading(series, float(number), after(minutes=number)),))
        for number in range(start, start + count)
    ]


def numbered(number, width):
    """Delivery ``number`` of a crash test: so many readings a second apart, and every tenth time an event."""
    first = number * width
    items = [
        Reading(
            f"dev-{k % 7}/x", float(first + k), after(seconds=first + k), after(seconds=first + k), Flag.GOOD
        )
        for k in range(width)
    ]
    if number % 10 == 9:
        at = after(seconds=first)
        items.append(Event("dev-0", "tick", at, at, 1.0, {"number": float(number)}))
    return tuple(items)


def say(line):
    os.write(sys.stdout.fileno(), f"{line}\n".encode())
