"""Recorded readings: CSV with a header and JSON lines, as the world writes them."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import pytest

from gateway.errors import SettingsError
from gateway.model import Flag, Reading
from gateway.recorded.file import opened, read
from gateway.recorded.layout import Bad, Column, Layout, mapped, slug, unit_named
from gateway.site import load_quantities

QUANTITIES = load_quantities()
AT = "2026-07-08T04:00:00Z"


def rows(text: str, **layout):
    columns = dict(
        mapped(said, QUANTITIES, layout.get("device", "replay")) for said in layout.pop("maps", [])
    )
    return list(read(text.splitlines(keepends=True), "x.csv", Layout(columns=columns, **layout), QUANTITIES))


def values(text: str, **layout):
    return [
        (one.series, one.value, one.flagged_by) if isinstance(row, list) else (row.line, row.problem)
        for row in rows(text, **layout)
        for one in (row if isinstance(row, list) else [row])
    ]


def test_columns_named_like_a_quantity_or_a_series_are_read():
    text = f"at,ph,bin-1/fill,remark\n{AT},7.1,80,x\n"
    assert values(text, device="river") == [("river/ph", 7.1, ""), ("bin-1/fill", 80, "")]


def test_a_reading_is_unknown_until_somebody_has_looked():
    ((reading,),) = rows(f"at,ph\n{AT},7.1\n")
    moment = datetime(2026, 7, 8, 4, tzinfo=UTC)
    assert reading == Reading("replay/ph", 7.1, moment, moment, Flag.UNKNOWN, "")


@pytest.mark.parametrize("name", ["pH", "PH", "ph [pH]"])
def test_names_of_quantities_may_be_written_in_capitals(name):
    assert values(f"Time,{name}\n{AT},7\n") == [("replay/ph", 7, "")]


@pytest.mark.parametrize(
    ("header", "said", "cell", "value"),
    [
        ("Range [cm]", "Range [cm]=distance", "367.00", 3670),
        ("Range [cm]", "Range=distance", "367.00", 3670),
        ("Distance (cm)", "Distance=distance", "13", 130),
        ("height1_cm", "height1_cm=distance:cm", "74", 740),
        ("Height", "Height=distance", "32 cm", 320),
        ("Height", "Height=distance", "32", 32),
        ("Fullness", "Fullness=fill*10", "7", 70),
        ("SM", "SM=soil_moisture:fraction", "0.636", 63.6),
        ("Temp RTC [C]", "Temp RTC=temperature", "34.5", 34.5),
        ("F", "F=air_temp:degF", "212", 100),
        ("a=b", "a=b=distance", "5", 5),
    ],
)
def test_units_come_from_the_map_the_header_or_the_cell(header, said, cell, value):
    found = values(f"at,{header}\n{AT},{cell}\n", maps=[said])
    assert [number for _, number, _ in found] == [pytest.approx(value)]


def test_a_cell_in_a_unit_that_does_not_fit_has_no_value():
    found = values(f"at,d\n{AT},5 kg\n{AT},5 mV\n", maps=["d=distance"])
    assert found == [("replay/distance", None, "unknown_unit")] * 2


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("", "no_value"),
        ("NaN", "no_value"),
        ("null", "no_value"),
        ("T", "trace"),
        ("X", "sensor_fault"),
        ("V", "variable"),
        ("...", "not_observed"),
        ("/", "unknown"),
        ("&", "accumulated_later"),
        ("-9999", "sensor_error"),
        ("-9999.00", "sensor_error"),
        ("9999", "no_value_9999"),
        ("seven", "not_a_number"),
        ("1,2", None),
    ],
)
def test_codes_are_missing_with_their_reason(cell, why):
    found = values(f"at,rain\n{AT},{cell}\n")
    if why is None:  # a decimal comma makes one cell too many: nothing on the line can be trusted
        assert found == [(2, "3 cells, the header has 2")]
    else:
        assert found == [("replay/rain", None, why)]


def test_the_codes_can_be_numbers_after_all():
    assert values(f"at,rain_total\n{AT},9999\n", codes=False) == [("replay/rain_total", 9999, "")]


def test_more_codes_can_be_named_for_all_columns_or_for_one():
    text = f"at,ph,rain\n{AT},-500,254\n{AT},254,gone\n"
    missing = {"-500": "sensor_error", "rain:254": "no_echo", "gone": "removed"}
    assert values(text, missing=missing) == [
        ("replay/ph", None, "sensor_error"),
        ("replay/rain", None, "no_echo"),
        ("replay/ph", 254, ""),
        ("replay/rain", None, "removed"),
    ]


def test_words_of_a_state_become_numbers():
    text = f"at,lid_open,tipped\n{AT},OPEN,True\n{AT},closed,False\n{AT},ajar,0\n"
    assert [(number, why) for _, number, why in values(text, states={"Open": 1, "CLOSED": 0})] == [
        (1, ""),
        (1, ""),
        (0, ""),
        (0, ""),
        (None, "not_a_number"),
        (0, ""),
    ]


def test_a_row_whose_values_have_run_together_is_refused_with_its_line():
    text = f"logger 17\nat,ph,rain,\n{AT},7,1,\n{AT},-999971,\n{AT},7,2,\n"
    assert values(text) == [
        ("replay/ph", 7, ""),
        ("replay/rain", 1, ""),
        (4, "3 cells, the header has 4"),
        ("replay/ph", 7, ""),
        ("replay/rain", 2, ""),
    ]


def test_a_row_without_a_time_is_refused_with_its_line():
    assert values(f"at,ph\n{AT},7\nyesterday,8\n{AT},9\n") == [
        ("replay/ph", 7, ""),
        (3, "'yesterday' is no time"),
        ("replay/ph", 9, ""),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_semicolons_and_tabs_part_columns_too(delimiter):
    assert values(delimiter.join(["at", "ph"]) + "\r\n" + delimiter.join([AT, "7"]) + "\r\n") == [
        ("replay/ph", 7, "")
    ]


def test_the_time_may_stand_in_two_columns():
    text = "Date,Hour,ph\n2026-07-07,24,7\n"
    ((reading,),) = rows(text, time="Date+Hour")
    assert reading.at == datetime(2026, 7, 8, tzinfo=UTC)


def test_a_column_may_name_the_device():
    text = f"at,Bin ID,fill\n{AT},Bin 17,5\n{AT},BIN/18,6\n"
    assert values(text, device_column="Bin ID") == [("bin-17/fill", 5, ""), ("bin-18/fill", 6, "")]


@pytest.mark.parametrize(
    ("text", "layout", "words"),
    [
        ("", {}, "is empty"),
        ("a,b\n1,2\n", {}, "no header with a time"),
        (f"at,b\n{AT},2\n", {}, "no column is named like a quantity: b"),
        (f"at,ph\n{AT},2\n", {"columns": {"Ph": Column("replay/ph")}}, "Ph: no such column"),
        (f"at,ph\n{AT},2\n", {"device_column": "bin"}, "no such column"),
        (f"at,ph\n{AT},2\n", {"missing": {"bin:1": "x"}}, "no such column"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(text, layout, words):
    with pytest.raises(SettingsError, match=words):
        list(read(text.splitlines(keepends=True), "x.csv", Layout(**layout), QUANTITIES))


@pytest.mark.parametrize("said", ["ph", "=ph", "x=", "x=phh", "x=ph:kg", "x=ph:mm", "x=ph*two"])
def test_a_map_that_is_wrong_says_why(said):
    with pytest.raises(SettingsError, match="--map"):
        mapped(said, QUANTITIES, "a")


def test_json_lines_keep_what_the_driver_said():
    text = (
        f'{{"at": "{AT}", "series": "a/ph", "value": 7}}\n\n'
        f'{{"at": 1783483200, "series": "ph", "value": null, "flag": "MISSING", "flagged_by": "no_reply"}}\n'
        f'{{"at": "{AT}", "series": "a/ph", "value": 9, "flag": "SUSPECT", "flagged_by": "status"}}\n'
        f'{{"at": "{AT}", "series": "a/ph", "value": NaN}}\n'
        f'{{"at": "{AT}", "series": "a/ph", "value": 3, "flag": "GOOD"}}\n'
        f'{{"at": "{AT}", "series": "a/ph", "value": 3, "flag": 4}}\n'
    )
    found = [(one.series, one.value, one.flag.name, one.flagged_by) for (one,) in rows(text)]
    assert found == [
        ("a/ph", 7, "UNKNOWN", ""),
        ("replay/ph", None, "MISSING", "no_reply"),
        ("a/ph", 9, "SUSPECT", "status"),
        ("a/ph", None, "MISSING", "not_a_number"),
        ("a/ph", 3, "UNKNOWN", ""),
        ("a/ph", 3, "FAIL", ""),
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "Expecting"),
        ("[1]", "no JSON object"),
        ('{"at": "x"}', "no series"),
        ('{"series": "a/ph", "value": 1}', "no time"),
        ('{"series": "a/ph", "at": "soon", "value": 1}', "is no time"),
        (f'{{"series": "a/ph", "at": "{AT}", "value": "1"}}', "is no number"),
        (f'{{"series": "a/ph", "at": "{AT}", "value": true}}', "is no number"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_a_line_that_is_wrong_is_told_and_the_rest_is_read(line, problem):
    bad, good = rows(f'{line}\n{{"at": "{AT}", "series": "a/ph", "value": 7}}\n', form="jsonl")
    assert isinstance(bad, Bad)
    assert bad.line == 1
    assert problem in bad.problem
    assert isinstance(good, list)


def test_gzip_is_known_by_its_first_bytes(tmp_path):
    (tmp_path / "packed.csv").write_bytes(gzip.compress(b"\xef\xbb\xbfat,ph\n"))
    (tmp_path / "plain.gz").write_bytes(b"at,ph\n")
    for name in ("packed.csv", "plain.gz"):
        with opened(str(tmp_path / name)) as text:
            assert text.read() == "at,ph\n"


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"), opened(str(tmp_path / "nothing")):
        pass


def test_units_as_people_spell_them():
    assert [unit_named(text) for text in ("mBar", "C", "°C", "uS/cm", "MM", "furlong")] == [
        "mbar",
        "degC",
        "degC",
        "uS/cm",
        "mm",
        None,
    ]
    assert slug(" Bin/17 ") == "bin-17"
    assert slug("滨江路") == "unnamed"


def test_rows_come_out_while_the_file_is_still_being_read():
    asked = 0

    def endless():
        nonlocal asked
        yield "at,ph\n"
        while True:
            asked += 1
            yield "2026-07-08,7\n"

    found = read(endless(), "-", Layout(), QUANTITIES)
    for _ in range(1000):
        next(found)
    assert asked == 1000
