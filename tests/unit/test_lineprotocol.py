from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contracts import Entry, Rollup
from gateway.model import Event, Flag, Reading
from gateway.quantities import Quantities, Quantity
from gateway.site import load_quantities
from gateway.store.lineprotocol import Encoder, millis, span_suffix
from tests.lines import parse

AT = datetime(2026, 7, 18, 4, 0, tzinfo=UTC)
ENCODER = Encoder("liuhe", load_quantities())


def reading(series: str, value: float | None, at: datetime = AT, flag: Flag = Flag.GOOD) -> Reading:
    return Reading(series, value, at, at, flag)


def lines(*items: Reading | Event | Rollup, encoder: Encoder = ENCODER) -> list[str]:
    encoded = encoder.encode([Entry(seq, item) for seq, item in enumerate(items, 1)], AT)
    assert encoded.refused == {}
    return encoded.lines


def refusal(item: Reading | Event | Rollup, now: datetime | None = AT) -> str:
    encoded = ENCODER.encode([Entry(1, item)], now)
    assert encoded.lines == []
    return encoded.refused[0]


def test_readings_of_one_device_domain_and_time_share_a_line() -> None:
    assert lines(
        reading("bin-017/distance", 1180),
        reading("bin-017/fill", 12.5, flag=Flag.SUSPECT),
        reading("bin-017/fill", 13.0, AT + timedelta(milliseconds=1)),
        reading("bin-018/fill", 1.0),
    ) == [
        "waste_bin,site=liuhe,device=bin-017 distance=1180.0,distance_q=1.0,fill=12.5,fill_q=3.0 1784347200000",
        "waste_bin,site=liuhe,device=bin-017 fill=13.0,fill_q=1.0 1784347200001",
        "waste_bin,site=liuhe,device=bin-018 fill=1.0,fill_q=1.0 1784347200000",
    ]


def test_a_missing_value_writes_its_flag_and_no_number() -> None:
    assert lines(reading("bin-017/fill", None, flag=Flag.MISSING)) == [
        "waste_bin,site=liuhe,device=bin-017 fill_q=9.0 1784347200000"
    ]


def test_a_second_probe_keeps_its_number_in_the_field() -> None:
    assert lines(reading("bin-017/distance_2", 5.0)) == [
        "waste_bin,site=liuhe,device=bin-017 distance_2=5.0,distance_2_q=1.0 1784347200000"
    ]


def test_the_same_series_twice_at_one_time_is_one_field() -> None:
    (line,) = lines(reading("bin-017/fill", 1.0), reading("bin-017/fill", 2.0))
    assert parse(line).fields == {"fill": 2.0, "fill_q": 1.0}


def test_a_rollup_goes_to_a_measurement_of_its_own() -> None:
    assert lines(Rollup("bin-017/fill", AT, timedelta(hours=1), 6, 12.5, 11, 14)) == [
        "waste_bin_1h,site=liuhe,device=bin-017 fill_mean=12.5,fill_min=11.0,fill_max=14.0,fill_count=6.0 1784347200000"
    ]


def test_a_rollup_of_nothing_says_only_that() -> None:
    (line,) = lines(Rollup("bin-017/fill", AT, timedelta(days=1), 0, math.nan, math.nan, math.nan))
    assert parse(line).fields == {"fill_count": 0.0}


@pytest.mark.parametrize(
    ("span", "suffix"),
    [
        (timedelta(hours=1), "1h"),
        (timedelta(minutes=10), "10m"),
        (timedelta(days=1), "1d"),
        (timedelta(seconds=30), "30s"),
    ],
)
def test_a_span_is_named_as_databases_name_it(span: timedelta, suffix: str) -> None:
    assert span_suffix(span) == suffix


def test_an_event_has_its_own_measurement_and_its_kind_as_a_tag() -> None:
    event = Event(
        "bin-017", "emptied", AT, AT, 0.5, {"from": 93, "by": 'truck "4"', "time": 1.0}, evidence="a/b.jpg"
    )
    (line,) = lines(event)
    assert parse(line).tags == (("site", "liuhe"), ("device", "bin-017"), ("kind", "emptied"))
    assert parse(line).fields == {
        "confidence": 0.5,
        "from": 93.0,
        "by_text": 'truck "4"',
        "detail_time": 1.0,
        "evidence": "a/b.jpg",
    }


def test_one_key_with_a_number_here_and_a_word_there_never_changes_its_type() -> None:
    number, text, sly = (
        parse(line).fields
        for line in lines(
            Event("a", "k1", AT, AT, detail={"state": 1}),
            Event("a", "k2", AT, AT, detail={"state": "open"}),
            Event("a", "k3", AT, AT, detail={"state_text": 2}),
        )
    )
    assert (number["state"], text["state_text"], sly["state_text_value"]) == (1.0, "open", 2.0)


def test_a_server_without_text_gets_only_numbers() -> None:
    encoder = Encoder("liuhe", load_quantities(), text=False)
    (line,) = lines(Event("a", "k", AT, AT, detail={"n": 1, "t": "x"}, evidence="e"), encoder=encoder)
    assert parse(line).fields == {"confidence": 1.0, "n": 1.0}


def test_what_cannot_be_written_is_named_with_its_reason() -> None:
    assert "no such quantity 'flavour'" in refusal(reading("bin-017/flavour", 1.0))
    assert "not a slug" in refusal(reading("Bin 17/fill", 1.0))
    assert "not a slug" in refusal(Event("cam", "Big Fire", AT, AT))
    assert "no number" in refusal(reading("bin-017/fill", math.inf))
    assert "no number" in refusal(reading("bin-017/fill", math.nan))


def test_a_point_more_than_ten_minutes_ahead_is_refused_unless_nobody_knows_the_time() -> None:
    limit = AT + timedelta(minutes=10)
    assert len(lines(reading("a/fill", 1.0, limit))) == 1
    early = reading("a/fill", 1.0, limit + timedelta(milliseconds=1))
    assert "lies in the future: 2026-07-18 04:10:00.001" in refusal(early)
    assert ENCODER.encode([Entry(1, early)], None).refused == {}


def test_the_others_of_a_batch_are_written_beside_a_refused_one() -> None:
    items = [reading("a/fill", 1.0), reading("a/flavour", 1.0), reading("b/fill", 2.0)]
    encoded = ENCODER.encode([Entry(seq, item) for seq, item in enumerate(items)], AT)
    assert list(encoded.refused) == [1]
    assert len(encoded.lines) == 2


def test_a_site_or_quantity_that_could_break_a_line_is_refused_at_once() -> None:
    unit = Quantity(unit="1", en="", zh="", measurement="air")
    with pytest.raises(ValueError, match="not a slug"):
        Encoder("six, seven", load_quantities())
    for names in (["fill", "fill_q"], ["site"], ["Fill"]):
        with pytest.raises(ValueError, match="cannot be a field"):
            Encoder("liuhe", Quantities(dict.fromkeys(names, unit)))


@pytest.mark.parametrize("measurement", ["event", "air_1h", "air_10m"])
def test_a_measurement_that_is_our_own_is_refused(measurement: str) -> None:
    unit = Quantity(unit="1", en="", zh="", measurement=measurement)
    with pytest.raises(ValueError, match="kept for events or roll-ups"):
        Encoder("liuhe", Quantities({"fill": unit}))


finite = st.floats(allow_nan=False, allow_infinity=False)
times = st.datetimes(datetime(1970, 1, 1), datetime(2026, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001 - hypothesis wants naive bounds
slugs = st.from_regex(r"[a-z0-9][a-z0-9_.\-]{0,62}", fullmatch=True)
texts = st.text(st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"]))


@given(slugs, finite, times, st.sampled_from(Flag))
def test_every_reading_comes_back_as_it_was(device: str, value: float, at: datetime, flag: Flag) -> None:
    (line,) = lines(reading(f"{device}/fill", value, at, flag))
    point = parse(line)
    assert point.measurement == "waste_bin"
    assert point.tags == (("site", "liuhe"), ("device", device))
    assert point.fields == {"fill": value, "fill_q": float(flag)}
    assert point.at == millis(at)


keys = slugs.filter(lambda key: key not in {"site", "device", "kind", "time", "confidence", "evidence"})


@given(slugs, slugs, st.dictionaries(keys, st.one_of(finite, texts), max_size=4), texts)
def test_every_text_comes_back_as_it_was(
    source: str, kind: str, detail: dict[str, float | str], evidence: str
) -> None:
    (line,) = lines(Event(source, kind, AT, AT, 1.0, detail, evidence))
    point = parse(line)
    assert point.tags == (("site", "liuhe"), ("device", source), ("kind", kind))
    wanted = {f"{key}_text" if isinstance(value, str) else key: value for key, value in detail.items()}
    assert point.fields == {"confidence": 1.0, **wanted, **({"evidence": evidence} if evidence else {})}


@given(st.text(), st.text())
def test_no_text_can_break_out_of_its_line(key: str, value: str) -> None:
    (line,) = lines(Event("a", "k", AT, AT, 1.0, {key: value}, value))
    assert "\n" not in line
    point = parse(line)
    assert point.measurement == "event"
    assert point.tags == (("site", "liuhe"), ("device", "a"), ("kind", "k"))
    assert point.at == millis(AT)
