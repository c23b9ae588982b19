from __future__ import annotations

import pytest

from drivers.decode import layout
from drivers.decode.flat import flatten
from drivers.decode.layout import Fields
from gateway.errors import BadReply


def read(text: str, payload: str, order: str = "little") -> Fields:
    found = Fields()
    layout.read(layout.parse(text), bytes.fromhex(payload), order, found)  # type: ignore[arg-type]
    return found


def test_numbers_of_both_orders_and_signs() -> None:
    assert read("a:u16 b:i16/10 c:u8", "4408f6ff64").values == {"a": 2116, "b": -1.0, "c": 100}
    assert read("a:u16 b:i16/10 c:u24", "0844fff6000f88", "big").values == {"a": 2116, "b": -1.0, "c": 3976}


def test_a_scaled_number_is_the_nearest_decimal() -> None:
    assert read("t:i16/10", "0101").values == {"t": 25.7}
    assert read("k:u16/0.1", "0300").values == {"k": 30.0}


def test_a_sentinel_is_no_value_with_its_reason() -> None:
    found = read("t:i16/10?ffff=read_failure?7fff=no_probe d:u16", "ffff0100")
    assert found.values == {"t": None, "d": 1.0}
    assert found.missing == {"t": "read_failure"}


def test_a_value_that_comes_later_is_not_missing() -> None:
    found = Fields()
    found.lack("x", "no_probe")
    found.put("x", 1.0)
    assert found.missing == {}


def test_fifteen_bits_and_their_flag() -> None:
    assert read("x:i15/100", "38ff").values == {"x": -1.0, "x_flag": 0.0}
    assert read("x:i15/100", "9101").values == {"x": 2.0, "x_flag": 1.0}


def test_bits_by_name_from_the_lowest() -> None:
    assert read("a|_|c:bits", "05").values == {"a": 1.0, "c": 1.0}


def test_floats_and_bytes_nobody_needs() -> None:
    assert read("_:u8 x:f32", "ff0000c03f").values == {"x": 1.5}


@pytest.mark.parametrize("text", ["temperature", "t:u7", "t:u16/x", "t:u16?zz=a", "T:u8", "a b:u8"])
def test_a_layout_written_wrongly_names_the_item(text: str) -> None:
    with pytest.raises(ValueError, match="is no item of a layout"):
        layout.parse(text)


def test_an_object_becomes_dotted_fields() -> None:
    flat = flatten({"a": {"b": [1, "x"]}, "t": True, "n": None, "s": "24.59", "w": "2799 mm", "e": {}})
    assert flat == {"a.b.0": 1.0, "a.b.1": "x", "t": 1.0, "n": None, "s": 24.59, "w": "2799 mm"}


def test_a_text_that_only_looks_like_a_number_stays_a_text() -> None:
    assert flatten({"a": "1e999", "b": "0x10", "c": "", "d": "nan", "e": "١"}) == {
        "a": "1e999",
        "b": "0x10",
        "c": "",
        "d": "nan",
        "e": "١",
    }


def test_a_number_beyond_all_floats_is_no_value() -> None:
    assert flatten({"a": 10**400}) == {"a": None}


def test_an_object_too_deep_or_too_large_is_refused() -> None:
    deep: dict[str, object] = {}
    for _ in range(20):
        deep = {"a": deep, "b": 1}
    with pytest.raises(BadReply, match="deeper"):
        flatten(deep)
    with pytest.raises(BadReply, match="500 fields"):
        flatten({str(number): number for number in range(501)})
