"""What bodies look like: every rule of the shapes refuses and accepts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.api.shapes import (
    BOTH,
    INTEGER,
    NUMBER,
    SLUG_NAME,
    SPAN,
    TEXT,
    TIME,
    TRUTH,
    WORD,
    either,
    listing,
    mapping,
    named,
    one_of,
    or_null,
    read,
    record,
    row,
    within,
    wrongs,
)

KNOWN = {"Pair": record(a=INTEGER, b=or_null(named("Pair")))}


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        (TEXT, ["", "x"], [1, None, True, "x" * 4001]),
        (WORD, ["x"], [""]),
        (NUMBER, [1, 1.5, -2], [True, "1", None]),
        (INTEGER, [0, 7], [1.0, True, "7"]),
        (TRUTH, [True, False], [0, 1, "true", None]),
        (within(1, 5), [1, 5], [0, 6]),
        (SLUG_NAME, ["bin-1"], ["Bin 1", "../x", ""]),
        (TIME, ["2026-07-18T04:00:00Z", "2026-07-18"], ["yesterday", 5]),
        (SPAN, ["10min", "2 h"], ["10", "-5min"]),
        (one_of("a", "b"), ["a"], ["c", None, ["a"]]),
        (or_null(INTEGER), [None, 3], ["x"]),
        (either(INTEGER, TEXT), [3, "x"], [1.5, None]),
        (listing(INTEGER), [[], [1, 2]], [[1, "x"], {}, "x"]),
        (mapping(INTEGER), [{}, {"a": 1}], [{"a": "x"}, []]),
        (row(TEXT, INTEGER), [["a", 1]], [["a"], ["a", 1, 2], [1, "a"]]),
        (record({"may": TEXT}, must=TEXT), [{"must": "x"}, {"must": "x", "may": "y"}], [{}, {"must": 1}, {"must": "x", "z": 1}]),
        (record(more=True, must=TEXT), [{"must": "x", "z": 1}], [{"z": 1}]),
        (BOTH, [{"zh": "a", "en": "b"}], [{"zh": "a"}]),
        (named("Pair"), [{"a": 1, "b": {"a": 2, "b": None}}], [{"a": 1, "b": {"a": "x", "b": None}}, {"a": 1}]),
    ],
    ids=str,
)  # fmt: skip
def test_a_shape_takes_what_fits_and_nothing_else(shape: Any, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert not list(wrongs(shape, value, KNOWN)), value
    for value in bad:
        assert list(wrongs(shape, value, KNOWN)), value


def test_a_wrong_says_where() -> None:
    shape = record(people=listing(record(name=TEXT)))
    assert list(wrongs(shape, {"people": [{"name": "x"}, {"name": 1}]}, {})) == [
        ("people[1].name", "is no string")
    ]


@pytest.mark.parametrize(
    ("shape", "text", "meant"),
    [
        (INTEGER, "5", 5),
        (NUMBER, "1.5", 1.5),
        (TRUTH, "true", True),
        (TRUTH, "0", False),
        (SPAN, "2h", timedelta(hours=2)),
        (TIME, "2026-07-18T12:00:00+08:00", datetime(2026, 7, 18, 4, tzinfo=UTC)),
        (TIME, "2026-07-18T04:00:00", datetime(2026, 7, 18, 4, tzinfo=UTC)),
        (or_null(INTEGER), "5", 5),
        (TEXT, "x", "x"),
    ],
    ids=str,
)
def test_what_comes_as_text_is_read_as_what_it_means(shape: Any, text: str, meant: object) -> None:
    assert read(shape, text) == meant


@pytest.mark.parametrize(
    ("shape", "text"),
    [(INTEGER, "x"), (TRUTH, "maybe"), (within(1, 5), "9"), (TIME, "soon"), (SLUG_NAME, "A B")],
)
def test_what_means_nothing_is_refused(shape: Any, text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read(shape, text)
