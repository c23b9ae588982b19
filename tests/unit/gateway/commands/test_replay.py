"""``village replay``: recorded readings in, flagged readings out."""

from __future__ import annotations

import gzip
import io
import json
from types import SimpleNamespace

import pytest

from gateway.__main__ import main

SITE = """\
site: {slug: test}
sources: {lora: {driver: %s}}
devices:
  bin-1: {source: lora, period: 1h, bin: {empty: 1200 mm, full: 200 mm}}
"""


@pytest.fixture
def village(capsys):
    def run(*words: str) -> tuple[int, list[dict], str]:
        code = main(["replay", *map(str, words)])
        out, err = capsys.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err

    return run


@pytest.fixture
def written(tmp_path):
    def write(text: str, name: str = "data.csv"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def hourly(values, header="at,ph"):
    return header + "\n" + "".join(f"2026-07-08T{n:02d}:00:00Z,{value}\n" for n, value in enumerate(values))


def test_one_json_line_for_each_reading(village, written):
    code, lines, _ = village(written(hourly([7.1, 15, "T"])))
    assert code == 0
    assert lines == [
        {
            "at": "2026-07-08T00:00:00.000Z",
            "series": "replay/ph",
            "value": 7.1,
            "unit": "pH",
            "flag": "GOOD",
            "flagged_by": "",
        },
        {
            "at": "2026-07-08T01:00:00.000Z",
            "series": "replay/ph",
            "value": 15.0,
            "unit": "pH",
            "flag": "FAIL",
            "flagged_by": "gross_range",
        },
        {
            "at": "2026-07-08T02:00:00.000Z",
            "series": "replay/ph",
            "value": None,
            "unit": "pH",
            "flag": "MISSING",
            "flagged_by": "trace",
        },
    ]


def test_flags_prints_only_what_is_wrong_and_counts_the_rest(village, written):
    _, lines, said = village(written(hourly([7.1, 15, 7.2, "oops"])), "--flags")
    assert [line["flagged_by"] for line in lines] == ["gross_range", "not_a_number"]
    assert "flags: GOOD=2 FAIL=1 MISSING=1" in said
    assert "reasons: gross_range=1 not_a_number=1" in said


def test_columns_that_are_not_read_are_named(village, written):
    header = "at,ph," + ",".join(f"c{n}" for n in range(10))
    _, _, said = village(written(f"{header}\n2026-07-08,7{',' * 10}\n"))
    assert "columns_not_read: c0, c1, c2, c3, c4, c5, c6, c7 and 2 more" in said


def test_json_tells_the_summary_to_programs(village, written):
    _, _, said = village(written(hourly([7.1, 15])), "--flags", "--json")
    told = json.loads(said)
    assert told["flags"] == {"GOOD": 1, "FAIL": 1}
    assert (told["rows"], told["first"], told["last"]) == (
        2,
        "2026-07-08T00:00:00.000Z",
        "2026-07-08T01:00:00.000Z",
    )


def test_bad_rows_are_told_with_path_and_line_and_counted(village, written):
    path = written("at,ph\n2026-07-08,7\nnever,8\n2026-07-09,7\n")
    code, lines, said = village(path)
    assert (code, len(lines)) == (0, 2)
    assert f"{path}:3: 'never' is no time" in said
    assert "bad_rows: 1" in said


def test_only_the_first_bad_rows_are_told_and_all_are_counted(village, written):
    path = written("at,ph\n2026-07-08,7\n" + "never,8\n" * 500)
    _, _, said = village(path)
    assert said.count("is no time") == 20
    assert "480 more lines could not be read" in said
    assert "bad_rows: 500" in said


def test_a_file_without_a_readable_row_fails(village, written):
    assert village(written("at,ph\nnever,8\n"))[0] == 65


def test_a_file_that_is_not_there_is_a_fault_of_the_command_line(village, tmp_path):
    code, _, said = village(tmp_path / "nothing.csv")
    assert (code, said) == (78, f"{tmp_path / 'nothing.csv'}: cannot be read (No such file or directory)\n")


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--map", "x=phh"], "--map: no quantity 'phh'; did you mean ph"),
        (["--state", "OPEN"], "--state: 'OPEN' is not WORD=NUMBER"),
        (["--zone", "Mars"], "--zone: unknown time zone 'Mars'"),
        (["--zone", "../etc"], "--zone: unknown time zone"),
        (["--device", "A B"], "--device: 'A B' is no device name"),
        (["--period", "soon"], "--period: 'soon' is not a time"),
    ],
)
def test_a_wrong_option_is_told_in_one_line(village, written, words, fault):
    code, _, said = village(written(hourly([7])), *words)
    assert code == 78
    assert said.startswith(fault)
    assert said.count("\n") == 1


def test_packed_files_and_pipes_are_read(village, tmp_path, monkeypatch):
    packed = tmp_path / "x.csv.gz"
    packed.write_bytes(gzip.compress(hourly([7, 8]).encode()))
    assert len(village(packed)[1]) == 2
    monkeypatch.setattr(
        "sys.stdin", SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(packed.read_bytes())))
    )
    assert len(village("-")[1]) == 2


def test_a_packed_file_cut_short_gives_what_it_has_and_fails(village, tmp_path):
    cut = tmp_path / "x.csv.gz"
    whole = gzip.compress(
        ("at,ph\n" + "".join(f"{1_780_000_000 + n},7.{n % 89}\n" for n in range(20_000))).encode()
    )
    cut.write_bytes(whole[: len(whole) // 2])
    code, lines, said = village(cut)
    assert code == 65
    assert len(lines) > 100
    assert "ends early" in said


def test_newest_first_files_are_late_until_they_are_sorted(village, written):
    path = written("at,ph\n" + "".join(f"2026-07-08T{n:02d}:00:00Z,7\n" for n in range(9, -1, -1)))
    assert "--sort puts them in order" in village(path)[2]
    _, lines, said = village(path, "--sort")
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    assert "late_rows: 0" in said


def test_a_row_that_comes_late_brings_no_rain_of_its_own(village, written, tmp_path):
    (tmp_path / "village.yaml").write_text(SITE % "health", encoding="utf-8")
    path = written(
        "at,rain_total\n2026-07-08T01:00:00Z,10\n2026-07-08T09:00:00Z,14\n2026-07-08T05:00:00Z,12\n2026-07-08T10:00:00Z,15\n"
    )
    _, lines, said = village(path, "--site", tmp_path, "--device", "bin-1")
    assert [line["value"] for line in lines if line["series"] == "bin-1/rain"] == [4, 1]
    assert "late_rows: 1" in said


def test_json_lines_in_are_json_lines_out(village, written):
    path = written('{"at": "2026-07-08T00:00:00Z", "series": "a/ph", "value": 15}\n', "x.jsonl")
    assert village(path)[1][0]["flagged_by"] == "gross_range"


def test_what_comes_out_can_go_in_again(village, written, capsys):
    first = village(written(hourly([7, 7.1, 15, "X"])))[1]
    again = village(written("".join(json.dumps(line) + "\n" for line in first), "again.jsonl"))[1]
    assert again == first


def test_silence_is_told_when_the_period_is_known(village, written):
    path = written("at,ph\n2026-07-08T00:00:00Z,7\n2026-07-08T01:00:00Z,7\n2026-07-08T09:00:00Z,7\n")
    _, lines, _ = village(path, "--period", "1h", "--device", "a")
    told = [(line["at"], line["value"]) for line in lines if line["series"] == "a/online"]
    assert told == [("2026-07-08T04:05:00.000Z", 0.0), ("2026-07-08T09:00:00.000Z", 1.0)]
    assert all(line["series"] == "replay/ph" for line in village(path)[1])


def test_a_site_gives_its_geometry_and_its_events(village, written, tmp_path):
    (tmp_path / "village.yaml").write_text(SITE % "health", encoding="utf-8")
    path = written(hourly([400, 400, 400, 1150, 1150], "at,distance"))
    _, lines, said = village(path, "--site", tmp_path, "--device", "bin-1")
    assert [line["value"] for line in lines if line.get("series") == "bin-1/fill"] == [80, 80, 80, 80, 5]
    assert [line for line in lines if "event" in line] == [
        {
            "at": "2026-07-08T04:00:00.000Z",
            "event": "emptied",
            "source": "bin-1",
            "detail": {"before": 80.0, "after": 5.0},
        }
    ]
    assert "events: emptied=1" in said
