"""Distances and the shortest way round."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.places import Cell, Place, distance, length, place_of, walking_order

EARTH = st.builds(Place, st.just("earth"), st.floats(27.9, 28.1), st.floats(120.6, 120.8))
MAP = st.builds(Place, st.just("map"), st.floats(0, 4000), st.floats(0, 3000))


def test_a_degree_of_latitude_is_111_km() -> None:
    assert distance(Place("earth", 27.0, 120.0), Place("earth", 28.0, 120.0)) == pytest.approx(111_195, abs=1)
    assert distance(Place("map", 0, 0), Place("map", 30, 40)) == 50


def test_pixels_and_degrees_are_not_compared() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        distance(Place("map", 0, 0), Place("earth", 0, 0))


def test_a_place_is_written_whole_and_degrees_win() -> None:
    with pytest.raises(ValidationError, match="together"):
        Cell(kind="micro", lat=28.0)
    assert place_of(Cell(kind="micro", lat=28.0, lon=120.0, point=(1, 2))) == Place("earth", 28.0, 120.0)
    assert place_of(Cell(kind="micro", point=(1, 2))) == Place("map", 1, 2)
    assert place_of(Cell(kind="micro")) is None


def test_a_crossing_is_undone() -> None:
    corners = {"a": Place("map", 10, 10), "b": Place("map", 10, 0), "c": Place("map", 0, 10)}
    assert walking_order(Place("map", 0, 0), corners) in (["b", "a", "c"], ["c", "a", "b"])


def test_what_cannot_be_placed_comes_last_in_the_given_order() -> None:
    stops = {
        "lost": None,
        "far": Place("map", 9, 0),
        "degrees": Place("earth", 1, 1),
        "near": Place("map", 1, 0),
    }
    assert walking_order(Place("map", 0, 0), stops) == ["near", "far", "lost", "degrees"]


@given(start=EARTH, places=st.lists(EARTH, max_size=9))
def test_a_round_on_the_earth_visits_all_once_and_is_never_longer_than_given(
    start: Place, places: list[Place]
) -> None:
    _holds(start, places)


@given(start=MAP, places=st.lists(MAP, max_size=9))
def test_a_round_on_the_map_visits_all_once_and_is_never_longer_than_given(
    start: Place, places: list[Place]
) -> None:
    _holds(start, places)


def _holds(start: Place, places: list[Place]) -> None:
    stops = {f"stop-{index}": place for index, place in enumerate(places)}
    order = walking_order(start, stops)
    assert sorted(order) == sorted(stops)
    assert length([start, *(stops[name] for name in order)]) <= length([start, *places]) + 1e-6
    assert walking_order(start, stops) == order
