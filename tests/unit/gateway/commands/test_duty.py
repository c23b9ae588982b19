"""``village duty`` and what ``village check`` says of the people of a site."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gateway import files
from gateway.__main__ import EX_CONFIG, main
from gateway.names import holidays_of
from gateway.site import load_site

DEMO = str(files.config_root() / "examples" / "demo")
SITE = """\
site: {slug: liuhe, language: en, timezone: Asia/Shanghai}
channels:
  sms: {type: console}
cells:
  village: {kind: village, members: [he]}
  here: {kind: micro, parent: village, members: [wang], point: [10, 10]}
people:
  he: {name: He, phones: ["+86 577 0000 0301"], channels: [{channel: sms}]}
  wang: {name: Wang, roles: [cleaner], phones: ["+86 577 0000 0101"], channels: [{channel: sms}]}
"""
NUMBERS = ("0301", "0101")


def site(tmp_path: Path, more: str = "", **changes: str) -> str:
    text = SITE + more
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "village.yaml").write_text(text, encoding="utf-8")
    return str(tmp_path)


def asked(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(["duty", *words]) == code
    return capsys.readouterr().out


def facts(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    return json.loads(asked(capsys, *words, "--json", code=code))


def test_it_says_who_is_told_when_and_over_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = asked(capsys, site(tmp_path), "--at", "2026-12-01 23:50")
    assert said.splitlines() == [
        "liuhe, 2026-12-01 23:50 (Asia/Shanghai), critical",
        "here (here)",
        "  23:50  L1 here",
        "           Wang  sms ***01",
        "  23:53  L2 grid",
        "         - nothing of this level here",
        "  23:53  L3 village  (at once)",
        "           He  sms ***01",
        "  00:05  L4 township",
        "         - nothing of this level here",
        "  told again every 5min until somebody answers",
    ]


@pytest.mark.parametrize("words", [[], ["--json"], ["--gaps", "14d"], ["--lang", "zh"]])
def test_numbers_are_shown_only_when_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    where = site(tmp_path)
    said = asked(capsys, where, *words)
    assert not any(number in said for number in NUMBERS)
    if "--gaps" not in words:
        assert "+86 577 0000 0101" in asked(capsys, where, *words, "--full")


def test_a_device_brings_its_cell_and_its_role(capsys: pytest.CaptureFixture[str]) -> None:
    told = facts(capsys, DEMO, "--device", "bin-05", "--severity", "yellow", "--at", "2026-12-06 22:30")
    assert (told["severity"], told["role"], list(told["cells"])) == ("warning", "cleaner", ["citang"])
    first = told["cells"]["citang"]["steps"][0]
    assert (first["cell"], first["role"]) == ("shanxia", "cleaner")
    assert first["told"] == [
        {
            "person": "sun",
            "name": "孙保洁",
            "at": "2026-12-07T05:00:00+08:00",
            "quiet": True,
            "channels": [{"channel": "sms", "to": "***01"}],
        }
    ]


def test_leave_and_the_next_level_are_told_with_their_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    said = asked(capsys, DEMO, "--cell", "cunkou", "--at", "2027-02-06 10:00", "--lang", "en")
    assert "         - 郑大一: away\n  10:03  L3 山下村  (at once)" in said


def test_a_broken_channel_is_passed_over(capsys: pytest.CaptureFixture[str]) -> None:
    told = facts(capsys, DEMO, "--cell", "houshan", "--broken", "voice", "--at", "2026-12-01 10:00")
    first, second = told["cells"]["houshan"]["steps"][:2]
    assert first["skipped"] == [{"person": "xu", "why": "broken"}]
    assert second["at_once"]
    assert [each["channel"] for each in second["told"][0]["channels"]] == ["wecom"]


def test_a_village_where_nobody_can_be_told_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = asked(capsys, site(tmp_path), "--broken", "sms", code=1)
    assert "NOBODY can be told" in said


def test_a_site_without_cells_says_that_nobody_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "village.yaml").write_text("site: {slug: empty, language: en}\n", encoding="utf-8")
    assert "nobody is told" in asked(capsys, str(tmp_path), code=1)


def test_gaps_are_listed_with_their_edges(capsys: pytest.CaptureFixture[str]) -> None:
    told = facts(capsys, DEMO, "--gaps", "30d", "--at", "2027-02-01", code=1)
    assert told["gaps"] == [
        {
            "cell": "shanxia-1",
            "role": None,
            "level": 2,
            "from": "2027-02-05T00:00:00+08:00",
            "until": "2027-02-13T00:00:00+08:00",
        }
    ]
    assert "no gaps" in asked(capsys, DEMO, "--gaps", "14d", "--at", "2026-12-01", "--lang", "en")


def test_a_call_out_counts_who_has_answered(capsys: pytest.CaptureFixture[str]) -> None:
    words = [DEMO, "--group", "flood", "--at", "2026-12-01 10:00"]
    told = facts(capsys, *words, "--answered", "he", "--answered", "lin")
    assert told["answered"] == ["lin", "he"]
    assert [one["person"] for one in told["waiting"]] == ["zheng", "ye", "chen"]
    assert told["again"] == "2026-12-01T10:05:00+08:00"
    assert "2 of 5 have answered; each must" in asked(
        capsys, *words, "--answered", "he", "--answered", "lin", "--lang", "en"
    )


def test_a_round_visits_every_bin_once_from_the_village(capsys: pytest.CaptureFixture[str]) -> None:
    told = facts(capsys, DEMO, "--round", "cleaner")
    assert sorted(told["stops"]) == [f"bin-0{number}" for number in range(1, 7)]
    assert (told["from"], told["on"]) == ("shanxia", "earth")
    part = facts(capsys, DEMO, "--round", "cleaner", "--cell", "citang")
    assert sorted(part["stops"]) == ["bin-05", "bin-06"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--cell", "cunko"], "--cell: 'cunko' is not known; did you mean cunkou?"),
        (["--device", "bin-1"], "--device: 'bin-1' is not known; did you mean bin-01"),
        (["--device", "greenhouse"], "greenhouse belongs to no cell"),
        (["--group", "flod"], "did you mean flood?"),
        (["--group", "flood", "--answered", "hee"], "--answered: 'hee' is not known"),
        (["--round", "cleaners"], "did you mean cleaner?"),
        (["--round", "cleaner", "--cell", "qingshi"], "cells.qingshi: has no place"),
        (["--broken", "smoke"], "--broken: 'smoke' is not known"),
        (["--at", "tomorrow"], "--at: 'tomorrow' is no time"),
        (["--gaps", "14"], "--gaps: '14' is not a time with its unit"),
        (["--gaps", "9000d"], "--gaps: 9000d is too short or too long"),
    ],
)
def test_a_question_that_makes_no_sense_is_answered_in_words(
    capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert main(["duty", DEMO, *words]) == EX_CONFIG
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("parent: village, ", "parent: vilage, ", ":6: cells.here.parent: no cell is called 'vilage'; did you mean village?"),
        ("members: [wang]", "members: [wong]", ":6: cells.here.members[0]: no person is called 'wong'; did you mean wang?"),
        ("kind: village", "kind: micro", ":6: cells.here.parent: a micro cannot lie in a micro"),
        ("kind: micro", "kind: mikro", ":6: cells.here.kind"),
        ("channels: [{channel: sms}]}\n  wang", "channels: [{channel: smss}]}\n  wang",
         ":8: people.he.channels[0].channel: no channel is called 'smss'; did you mean sms?"),
        ("name: He,", "nmae: He,", ":8: people.he.nmae: unknown key; did you mean name?"),
        ("[{channel: sms}]}\n  wang", '["+86 577 0000 0301"]}\n  wang', ":8: people.he.channels: is no list of channels"),
        ("{name: He, ", '"+86 577 0000 0301"  #', ":8: people.he: is no person"),
        ("[{channel: sms}]}\n  wang", "[{channel: sms, to: 57700000301}]}\n  wang",
         ":8: people.he.channels[0].to: is no address; write it in quotes"),
        ('["+86 577 0000 0301"]', '"0301 call me"', ":8: people.he.phones: is no telephone number"),
        ('["+86 577 0000 0301"]', "[+8657700000301]", ":8: people.he.phones[0]: is no telephone number"),
    ],
)  # fmt: skip
def test_a_wrong_name_is_told_with_its_line_and_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, told: str
) -> None:
    assert main(["check", site(tmp_path, **{old: new})]) == EX_CONFIG
    said = capsys.readouterr().err
    assert f"village.yaml{told}" in said
    assert "0301" not in said


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("rota: [{cell: hre, people: [he]}]", "duty.rota[0].cell: no cell is called 'hre'; did you mean here?"),
        ("rota: [{cell: here, people: [hee]}]", "duty.rota[0].people[0]: no person is called 'hee'"),
        ("rota: [{cell: here, days: monday, people: [he]}]", "duty.rota[0].days: 'monday' is no day"),
        ("swaps: [{from: 2026-12-01, until: 2026-12-02, instead_of: [x], people: [he]}]", "duty.swaps[0].instead_of[0]"),
        ("leave: [{person: wan, from: 2026-12-01, until: 2026-12-02}]", "no person is called 'wan'; did you mean wang?"),
        ("quiet: {cleanr: [20:00-05:00]}", "duty.quiet.cleanr: no role is called 'cleanr'; did you mean cleaner?"),
        ("groups: {flood: {roles: [diver]}}", "duty.groups.flood.roles[0]: no role is called 'diver'"),
        ("rotta: []", "duty.rotta: unknown key; did you mean rota?"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_rota_is_told_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, told: str
) -> None:
    assert main(["check", site(tmp_path, f"duty:\n  {line}\n")]) == EX_CONFIG
    said = capsys.readouterr().err
    assert "village.yaml:11: " in said
    assert told in said


def holes(said: str) -> list[str]:
    """The warnings about the rota; roles that only the shipped rules name are another matter."""
    return [line for line in said.splitlines() if "no group is called so" not in line]


def test_check_names_in_one_line_the_roles_that_rules_tell_and_nobody_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", site(tmp_path)]) == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "no group is called so" in line]
    assert "technician (" in line
    assert line.endswith("whoever answers for the cell is told instead")


def test_check_warns_of_the_holes_and_still_says_ok(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rota = "duty:\n  rota: [{cell: village, from: 08:00, to: 20:00, people: [he]}]\n"
    where = site(tmp_path, rota + "  leave: [{person: wang, from: 2020-01-01, until: 2099-12-31}]\n")
    assert main(["check", where]) == 0
    said = capsys.readouterr()
    assert ": ok: " in said.out
    warned = holes(said.err)
    assert len(warned) == 6  # five of the 14 or 15 nights, and how many more there are
    assert (
        "village.yaml:5: cells.village: warning: nobody who can be reached is on duty for village from 20"
        in warned[0]
    )
    assert "--gaps 14d" in warned[-1]


def test_check_says_it_once_where_nobody_is_there_at_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = site(tmp_path, "duty: {leave: [{person: wang, from: 2020-01-01, until: 2099-12-31}]}\n")
    assert main(["check", where]) == 0
    warned = holes(capsys.readouterr().err)
    assert len(warned) == 1
    assert "for here in the next 14d; the next level is told at once" in warned[0]


def test_a_holiday_of_the_rules_is_one_of_the_rota_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = (
        "rules: {holidays: [2026-12-02]}\n"
        "duty:\n  holidays: [2026-12-03]\n  rota: [{cell: here, days: workday, people: [wang]}]\n"
    )
    told = facts(capsys, site(tmp_path, more), "--gaps", "4d", "--at", "2026-12-01", code=1)
    assert [(gap["from"], gap["until"]) for gap in told["gaps"]] == [
        ("2026-12-02T00:00:00+08:00", "2026-12-04T00:00:00+08:00")
    ]
    assert holidays_of(load_site(tmp_path).village) == {date(2026, 12, 2), date(2026, 12, 3)}
