"""The pieces that every settings model is made of: strictness, slugs, and amounts written with their unit.

A number without a unit is refused where a unit matters: ``period: 60`` could be seconds or minutes, ``60s`` cannot.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from gateway.units import convert

_AMOUNT = re.compile(r"\s*([-+]?[0-9]*\.?[0-9]+)\s*([A-Za-z%][A-Za-z%/0-9]*)\s*")
_SECONDS = {
    "ms": 0.001,
    "s": 1,
    "sec": 1,
    "min": 60,
    "m": 60,
    "h": 3600,
    "d": 86400,
    "day": 86400,
    "days": 86400,
}
_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}

SLUG = r"^[a-z0-9][a-z0-9_.-]{0,62}$"  # device, site and source names: safe as a tag, a topic part and a file name


class Strict(BaseModel):
    """A model that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def duration(value: Any) -> timedelta:
    """``90s``, ``10 min``, ``1.5 h``, ``7d`` as a time span."""
    if isinstance(value, timedelta):
        return value
    amount, unit = _split(value, "a time with its unit, e.g. 30s, 10min, 2h, 7d")
    if unit not in _SECONDS:
        raise ValueError(f"unknown unit of time {unit!r}; write ms, s, min, h or d")
    if amount < 0:
        raise ValueError("a time span cannot be negative")
    return timedelta(seconds=amount * _SECONDS[unit])


def size(value: Any) -> int:
    """``500 MB``, ``4 GB`` as bytes."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    amount, unit = _split(value, "a size with its unit, e.g. 500 MB, 4 GB")
    if unit not in _BYTES:
        raise ValueError(f"unknown unit of size {unit!r}; write {', '.join(_BYTES)}")
    return int(amount * _BYTES[unit])


def length_mm(value: Any) -> float:
    """``1200 mm``, ``120 cm``, ``1.2 m`` as millimetres."""
    if isinstance(value, float):
        return value  # already millimetres: a model built in code
    amount, unit = _split(value, "a length with its unit, e.g. 1200 mm, 1.2 m")
    return convert(amount, unit, "mm")


def length_m(value: Any) -> float:
    """``12.30 m`` as metres."""
    if isinstance(value, float):
        return value
    amount, unit = _split(value, "a length with its unit, e.g. 12.30 m")
    return convert(amount, unit, "m")


def in_words(span: timedelta) -> str:
    """A time span as a person would write it: ``90s``, ``10min``, ``2h``, ``7d``."""
    seconds = span.total_seconds()
    for unit, worth in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= worth and seconds % worth == 0:
            return f"{int(seconds // worth)}{unit}"
    return f"{int(seconds)}s" if seconds == int(seconds) else f"{seconds:.3f}s"


def _split(value: Any, wanted: str) -> tuple[float, str]:
    found = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r} is not {wanted}")
    return float(found.group(1)), found.group(2)


Duration = Annotated[timedelta, BeforeValidator(duration)]
Size = Annotated[int, BeforeValidator(size)]
LengthMm = Annotated[float, BeforeValidator(length_mm)]
LengthM = Annotated[float, BeforeValidator(length_m)]
Slug = Annotated[str, Field(pattern=SLUG)]
