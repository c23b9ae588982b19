"""One name and one unit for each thing measured, and what is believable of it.

The list itself is data (``config/quantities.yaml``); rules, drivers, fields in InfluxDB and charts all use its names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field, field_validator

from gateway.schema import Duration, Strict
from gateway.units import UNITS

_NUMBERED = re.compile(r"(.+)_([0-9]+)")


Span = Annotated[tuple[float, float], Field(description="low and high, both believable")]


class Checks(Strict):
    """What the grader holds against a quantity; every one can be overridden for one device.

    Attributes:
        gross: Outside is FAIL (QARTOD gross range, sensor or physical span).
        usual: Outside is SUSPECT.
        spike: SUSPECT when a value differs from the median of its last five by more than this.
        spike_ratio: Or by more than this share of that median, whichever is larger.
        rate_per_min: SUSPECT when it changes faster than this [unit / minute].
        stuck: SUSPECT when it has stayed within ``stuck_within`` for this long.
        stuck_within: How much it may wander and still count as stuck [unit].
        after_missing: SUSPECT for the first value after a "no value" that is half a spike away from the last believed.
        dry: Below this the device lies out of the water, and its water quality is SUSPECT.
        housing: An angle of the sensor's own mast or housing: more than 5 degrees away from where it was, and what
            the device measures is SUSPECT.
    """

    gross: Span | None = None
    usual: Span | None = None
    spike: float | None = Field(default=None, gt=0)
    spike_ratio: float | None = Field(default=None, gt=0)
    rate_per_min: float | None = Field(default=None, gt=0)
    stuck: Duration | None = None
    stuck_within: float = Field(default=0.0, ge=0)
    after_missing: bool = False
    dry: float | None = None
    housing: bool = False

    @field_validator("gross", "usual")
    @classmethod
    def _ordered(cls, span: Span | None) -> Span | None:
        if span is not None and span[0] >= span[1]:
            raise ValueError(f"low {span[0]} is not below high {span[1]}")
        return span


class Quantity(Strict):
    """One thing measured.

    Attributes:
        unit: Its one unit everywhere inside the house.
        en: Name people read, English.
        zh: Name people read, Chinese.
        measurement: The InfluxDB measurement it goes to.
        kind: ``gauge`` a level, ``counter`` only ever grows until a reset, ``state`` 0 or 1 or a small code.
        safety: A FAIL must not keep it from the rules (tilt, water level, rain, fire).
        digits: Decimals worth showing.
        checks: Defaults for the grader.
    """

    unit: str
    en: str
    zh: str
    measurement: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    kind: Literal["gauge", "counter", "state"] = "gauge"
    safety: bool = False
    digits: int = Field(default=1, ge=0, le=6)
    checks: Checks = Checks()

    @field_validator("unit")
    @classmethod
    def _known(cls, unit: str) -> str:
        if unit not in UNITS:
            raise ValueError(f"unknown unit {unit!r}; known: {', '.join(UNITS)}")
        return unit


class Quantities(Mapping[str, Quantity]):
    """All quantities by name. ``distance_2`` is the second ``distance`` of a device that has several."""

    def __init__(self, quantities: Mapping[str, Quantity]) -> None:
        self._quantities = dict(quantities)

    def __getitem__(self, name: str) -> Quantity:
        if name in self._quantities:
            return self._quantities[name]
        numbered = _NUMBERED.fullmatch(name)
        if numbered and numbered.group(1) in self._quantities:
            return self._quantities[numbered.group(1)]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._quantities)

    def __len__(self) -> int:
        return len(self._quantities)


def merged(defaults: Checks, override: Checks) -> Checks:
    """The checks of one device: what it says itself, else the quantity's defaults."""
    said = {name: getattr(override, name) for name in override.model_fields_set}
    return defaults.model_copy(update=said)
