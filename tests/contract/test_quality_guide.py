"""docs/quality.md names every reason the house can give, and quotes the limits that are really shipped."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.quantities import Checks, Quantities

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/quality.md").read_text(encoding="utf-8")
_REASON = re.compile(r'(?:Flag\.[A-Z]+, |doubt=|\bdoubt, [a-z_.]+ = |reason or )"([a-z_]+)"')
_COUNTER = re.compile(r'Increment\([^"\n]+"([a-z_]+)"')


def reasons() -> set[str]:
    found = {"tipped", "lid_open", "backfill", "learning_zero", "not_a_number"}
    for folder in ("quality", "derivations"):
        for path in (ROOT / "gateway" / folder).glob("*.py"):
            found |= set(_REASON.findall(path.read_text(encoding="utf-8")))
    found |= set(_COUNTER.findall((ROOT / "gateway/conversions.py").read_text(encoding="utf-8")))
    return found - {"counter_rollover"}  # plain growth: it is never told


def test_the_search_for_reasons_finds_them():
    assert {
        "gross_range",
        "spike",
        "stuck",
        "out_of_water",
        "rain_burst",
        "beyond_empty",
        "counter_reset",
    } <= reasons()


@pytest.mark.parametrize("reason", sorted(reasons()))
def test_each_reason_is_explained(reason):
    assert f"`{reason}`" in GUIDE


def rows() -> list[tuple[str, str]]:
    table = GUIDE.split("| quantity | limits | source |")[1].split("\n\n")[0]
    found = [re.split(r" *\| *", line.strip("| ")) for line in table.splitlines() if line.startswith("|")]
    return [(cells[0], cells[1]) for cells in found if len(cells) >= 2]


def limits_of(checks: Checks) -> list[str]:
    said = []
    for name in ("gross", "usual"):
        span = getattr(checks, name)
        if span is not None:
            said.append(f"{name} {span[0]:g}..{span[1]:.10g}")
    if checks.spike is not None:
        said.append(f"spike {checks.spike:g}")
    return said


@pytest.mark.parametrize(
    "quantity",
    [
        "water_temp",
        "do",
        "do_sat",
        "ph",
        "turbidity",
        "orp",
        "water_level",
        "water_depth",
        "distance",
        "air_temp",
        "air_rh",
        "air_pressure",
        "wind_speed",
        "rain",
        "soil_moisture",
    ],
)
def test_the_limits_in_the_guide_are_those_that_are_shipped(quantity, quantities: Quantities):
    (told,) = [limits for name, limits in rows() if name == quantity]
    for limit in limits_of(quantities[quantity].checks):
        assert limit in told
