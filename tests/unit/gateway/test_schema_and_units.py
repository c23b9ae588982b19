from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.schema import duration, in_words, length_m, length_mm, size
from gateway.units import UNITS, check_convertible, convert


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10 min", 600), ("1.5 h", 5400), ("7d", 604800), ("200ms", 0.2)]
)
def test_a_time_span_is_written_with_its_unit(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["60", 60, "", "ten s", "5 parsec", "-5s", None, True])
def test_a_time_span_without_sense_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        duration(text)


def test_sizes_and_lengths() -> None:
    assert size("4 GB") == 4 * 10**9
    assert size("256 KiB") == 262144
    assert length_mm("1.2 m") == 1200
    assert length_m("35 cm") == pytest.approx(0.35)
    with pytest.raises(ValueError, match="measures temperature"):
        length_mm("3 degC")


@given(st.integers(min_value=1, max_value=10**7))
def test_a_span_in_words_reads_back(seconds: int) -> None:
    span = timedelta(seconds=seconds)
    assert duration(in_words(span)) == span


def test_conversions_are_the_textbook_ones() -> None:
    assert convert(212, "degF", "degC") == pytest.approx(100)
    assert convert(1, "bar", "hPa") == 1000
    assert convert(0.9752, "fraction", "%") == 97.52
    assert convert(10, "m/s", "km/h") == pytest.approx(36)
    assert convert(1, "mrad", "deg") == pytest.approx(0.0573, abs=1e-4)
    with pytest.raises(ValueError, match="measures length, degC measures temperature"):
        convert(1, "mm", "degC")
    with pytest.raises(ValueError, match="unknown unit 'furlong'"):
        check_convertible("furlong", "m")


@given(st.sampled_from(UNITS), st.sampled_from(UNITS), st.floats(-1e6, 1e6))
def test_there_and_back_is_the_same(unit: str, to: str, value: float) -> None:
    try:
        there = convert(value, unit, to)
    except ValueError:
        return
    assert convert(there, to, unit) == pytest.approx(value, rel=1e-6, abs=1e-2)
