from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import SettingsError
from gateway.files import parse_yaml, validated
from gateway.settings import Village

HERE = Path("village.yaml")

GOOD = """\
site:
  slug: demo
  name: 示范村
sources:
  self: {driver: health, period: 30s}
devices:
  box: {source: self, name: 网关}
"""


def faults(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        validated(Village, parse_yaml(text.encode(), HERE))
    return [str(fault) for fault in caught.value.faults]


def test_on_is_a_word_and_a_time_of_day_is_a_text() -> None:
    data = parse_yaml(
        b"a: on\nb: 22:00\nc: no\nd: 0x10\ne: 1e3\nf: true\ng: '5'\nh: 1_000\ni: .inf", HERE
    ).data
    assert data == {
        "a": "on",
        "b": "22:00",
        "c": "no",
        "d": 16,
        "e": 1000.0,
        "f": True,
        "g": "5",
        "h": 1000,
        "i": ".inf",
    }


def test_every_value_knows_its_line() -> None:
    document = parse_yaml(GOOD.encode(), HERE)
    assert document.line(("sources", "self", "period")) == 5
    assert document.line(("devices", "box", "not", "there")) == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x 1\nb: *x", "village.yaml:1: uses an anchor or alias"),
        ("a: !!python/object:os.system x", "village.yaml:1: uses a tag"),
        ("a: 1\na: 2", "village.yaml:2: a: stands twice (first on line 1)"),
        ("a: [1, 2", "village.yaml:1: is not YAML"),
        ("a: b: c", "village.yaml:1: is not YAML"),
        ("x: " + "[" * 40 + "]" * 40, "is nested deeper than"),
        ("\tx: 1", "is not YAML"),
    ],
)
def test_what_we_refuse_is_said_with_its_line(text: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_yaml(text.encode(), HERE)
    assert said in str(caught.value)


def test_a_file_that_is_not_utf8_names_the_line() -> None:
    with pytest.raises(SettingsError, match=r"village.yaml:2: is not UTF-8"):
        parse_yaml(b"a: 1\nb: \xff\xfe", HERE)


def test_a_huge_file_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(SettingsError, match="bytes long"):
        parse_yaml(b"a: " + b"x" * 300_000, HERE)


def test_an_unknown_key_names_the_nearest_known_one() -> None:
    assert faults(GOOD.replace("slug:", "slog:")) == [
        "village.yaml:1: site.slug: is missing; add it",
        "village.yaml:2: site.slog: unknown key; did you mean slug?",
    ]


def test_every_fault_is_told_at_once_each_with_its_line() -> None:
    text = GOOD.replace("name: 网关", "nmae: 网关").replace("slug: demo", "slug: Demo Village")
    told = faults(text)
    assert len(told) == 2
    assert told[0].startswith("village.yaml:2: site.slug: 'Demo Village' does not fit")
    assert told[1] == "village.yaml:7: devices.box.nmae: unknown key; did you mean name?"


def test_a_missing_key_points_at_what_lacks_it() -> None:
    assert faults(GOOD.replace("source: self, ", "")) == [
        "village.yaml:7: devices.box.source: is missing; add it"
    ]


def test_an_amount_without_unit_is_refused_in_words() -> None:
    told = faults(GOOD.replace("source: self", "source: self, period: 60"))
    assert told == [
        "village.yaml:7: devices.box.period: 60 is not a time with its unit, e.g. 30s, 10min, 2h, 7d"
    ]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_file_is_accepted_or_refused_in_words_never_worse(data: st.DataObject) -> None:
    text = GOOD
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 6))
        text = text[:at] + data.draw(st.text(max_size=4)) + text[at + cut :]
    try:
        validated(Village, parse_yaml(text.encode("utf-8", "surrogatepass"), HERE))
        told = None
    except SettingsError as error:
        told = [fault.path for fault in error.faults]
    assert told is None or set(told) == {"village.yaml"}
