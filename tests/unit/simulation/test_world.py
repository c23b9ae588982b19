"""The simulated village: the same for the same seed, and believable."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from drivers.simulation.far_ends import MORNING
from drivers.simulation.world import FULL_AT, World, value_of
from gateway.catalogue import Catalogue
from gateway.quantities import Quantities

DAY = [MORNING + timedelta(minutes=10 * step) for step in range(24 * 6)]


def _world(seed: int = 1, **starts: float) -> World:
    return World(seed, MORNING, starts={slug: {"fill": fill} for slug, fill in starts.items()})


def test_the_same_seed_and_time_give_the_same_village_in_any_order() -> None:
    forwards = [_world().values("pond", at) for at in DAY]
    backwards = [_world().values("pond", at) for at in reversed(DAY)]
    assert forwards == list(reversed(backwards))


def test_another_seed_is_another_village() -> None:
    assert _world(1).values("pond", DAY[5]) != _world(2).values("pond", DAY[5])


def test_every_value_of_a_day_stays_within_what_the_grader_calls_usual(quantities: Quantities) -> None:
    strange = [
        (quantity, value, at)
        for at in DAY
        for quantity, value in _world().values("anywhere", at).items()
        for limits in [quantities[quantity].checks.usual or quantities[quantity].checks.gross]
        if limits is not None and not limits[0] <= value <= limits[1]
    ]
    assert strange == []


def test_a_bin_starts_where_the_play_says_fills_and_is_emptied_when_full() -> None:
    world = _world(bin=93.0)
    fills = [world.fill("bin", at) for at in DAY]
    assert fills[0] == pytest.approx(93.0, abs=0.1)
    assert max(fills) <= 100 * FULL_AT
    drops = [before - after for before, after in pairwise(fills) if after < before]
    assert drops
    assert all(drop > 80 for drop in drops)


def test_the_rain_counter_never_falls_and_moves_in_tips() -> None:
    totals = [_world().rain_total(at) for at in DAY]
    assert totals == sorted(totals)
    assert totals[0] == 0.0
    assert totals[-1] > 10
    assert all(round(total / 0.2, 6).is_integer() for total in totals)


def test_the_river_rises_after_the_rain_and_the_pond_loses_oxygen_at_night() -> None:
    world = _world()
    assert (
        world.values("river", MORNING + timedelta(hours=1.5))["water_level"]
        > 0.2 + world.values("river", MORNING)["water_level"]
    )
    dawn, afternoon = MORNING + timedelta(hours=22), MORNING + timedelta(hours=9)
    assert world.values("pond", afternoon)["do"] > world.values("pond", dawn)["do"] + 1


def test_the_village_can_be_measured_by_every_model_of_the_catalogue(catalogue: Catalogue) -> None:
    values = _world().values("anywhere", MORNING) | {"distance": 1000.0}
    strange = {q for model in catalogue.values() for q in model.readings if value_of(values, q) is None}
    assert strange == set()
