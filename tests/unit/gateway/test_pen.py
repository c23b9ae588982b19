"""Writing into a person's file: what is changed changes, every other line stays as it was written."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import files
from gateway.errors import SettingsError
from gateway.pen import exchange, rewritten

HERE = Path("village.yaml")
SITE = """\
# The village by the river. Written by Lin.
site: {slug: demo,   name: 示范村}   # two blanks are meant

people:
  # the cleaner
  wang:   {name: '老王', roles: [cleaner], phones: ["+86 577 0000 0001"]}
  lin:                       # the grid leader
    name: Lin                # as everybody calls her
    phones:
      - "+86 577 0000 0002"  # the new one
      - "+86 577 0000 0003"
    channels: [{channel: sms}]
    quiet: []

  # nobody after this line
duty:
  # shifts, agreed in spring
  rota:
  - {cell: east, people: [lin], days: [mon, tue], hours: 22:00-06:00}
devices:
  bin-1: {source: radio, address: 24E124713B492158, period: 10min}
  bin-2: {source: radio, address: 1234567890123456789012}
"""


def changed_lines(after: str, before: str = SITE) -> list[str]:
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in diff if line[0] in "+-" and line[:3] not in {"+++", "---"}]


def edit(way: tuple[str, ...], value: Any, text: str = SITE) -> str:
    return rewritten(text.encode(), HERE, way, value).decode()


def data(text: str) -> Any:
    return files.parse_yaml(text.encode(), HERE).data


def test_one_value_of_one_entry_is_one_line() -> None:
    lin = {**data(SITE)["people"]["lin"], "name": "Lin Yue"}
    after = edit(("people", "lin"), lin)
    assert changed_lines(after) == [
        "-    name: Lin                # as everybody calls her",
        "+    name: Lin Yue            # as everybody calls her",
    ]


def test_a_list_keeps_the_comments_of_what_stays_in_it() -> None:
    lin = {**data(SITE)["people"]["lin"], "phones": ["+86 577 0000 0002"]}
    after = edit(("people", "lin"), lin)
    assert changed_lines(after) == ['-      - "+86 577 0000 0003"']
    assert "# the new one" in after


def test_a_new_entry_looks_like_its_neighbours_and_the_comment_below_stays_below() -> None:
    after = edit(("people", "chen"), {"name": "陈", "phones": ["13800000000"]})
    assert changed_lines(after) == ["+  chen:", "+    name: 陈", '+    phones: ["13800000000"]']
    after = edit(("devices", "bin-3"), {"source": "radio", "address": "x"})
    assert changed_lines(after) == ["+  bin-3: {source: radio, address: x}"]


def test_an_entry_goes_with_its_own_lines_only() -> None:
    after = edit(("people", "wang"), None)
    assert len(changed_lines(after)) == 1
    assert "wang" not in data(after)["people"]
    assert "# nobody after this line" in edit(("people", "lin"), None)


def test_a_section_that_was_not_there_comes_at_the_end() -> None:
    after = edit(("cells", "east"), {"kind": "grid", "members": ["lin"]})
    assert after.startswith(SITE)
    assert data(after)["cells"] == {"east": {"kind": "grid", "members": ["lin"]}}


def test_a_key_at_the_top_is_changed_in_its_place() -> None:
    duty = data(SITE)["duty"]
    duty["rota"][0]["people"] = ["lin", "wang"]
    after = edit(("duty",), duty)
    assert "# shifts, agreed in spring" in after
    assert len(changed_lines(after)) == 2
    duty["leave"] = [{"person": "lin", "from": "2026-10-01", "until": "2026-10-03"}]
    after = edit(("duty",), duty)
    assert data(after)["duty"] == duty


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("people: {lin: {name: Lin}, wang: {name: Wang}}  # all on one line\n", ("people", "lin")),
        ("people:\n    lin: {name: Lin}\n    wang: {name: Wang}", ("people", "wang")),
        ("people:\n  'lin': {name: Lin,\n        roles: [a]}\n# end\n", ("people", "lin")),
        ("# nothing yet\n", ("people", "lin")),
        ("people: {}\n", ("people", "lin")),
        ("people:\nsite: {slug: a}\n", ("people", "lin")),
    ],
)
def test_other_ways_of_writing_are_understood_too(text: str, way: tuple[str, ...]) -> None:
    after = edit(way, {"name": "Lin Yue", "roles": ["cleaner"]}, text)
    assert data(after)["people"][way[1]] == {"name": "Lin Yue", "roles": ["cleaner"]}
    assert [line for line in text.splitlines() if "#" in line and line[line.index("#") :] not in after] == []
    assert "people" not in data(edit(("people",), None, after))


def test_the_last_of_its_kind_may_go() -> None:
    after = edit(("people", "lin"), None, "site: {slug: a}\npeople:\n  lin: {name: Lin}\n")
    assert after == "site: {slug: a}\npeople: {}\n"
    text = "rules:  # ours\n- id: a\n  x: 1\n# - id: example\n"
    assert edit(("rules", 0), None, text) == "rules: []  # ours\n# - id: example\n"
    assert edit(("rules", 0), {"id": "b"}, "rules: []  # ours\n# - id: example\n").endswith(
        "# - id: example\n"
    )


@pytest.mark.parametrize(
    "value",
    [
        "on",
        "no",
        "22:00",
        "0x1F",
        "1e5",
        "",
        "~",
        "null",
        "true",
        "a: b",
        "# no",
        " blank ",
        "'",
        "\n",
        "- a",
    ],
)
def test_every_text_is_read_back_as_the_same_text(value: str) -> None:
    assert data(edit(("people", "lin"), {"name": value}))["people"]["lin"] == {"name": value}


WORD = st.text(alphabet="abc012:#-'\" 村.{}[]", min_size=1, max_size=12)
VALUE = st.recursive(
    st.one_of(WORD, st.integers(-1000, 1000), st.booleans(), st.floats(-100, 100, width=16)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "b", "c-d"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    who=st.sampled_from(["wang", "lin", "new"]),
    entry=st.dictionaries(st.sampled_from(["name", "phones", "x", "y"]), VALUE, min_size=1, max_size=4),
)
def test_whatever_is_written_says_just_that_and_every_other_line_stays(
    who: str, entry: dict[str, Any]
) -> None:
    after = edit(("people", who), entry)
    assert data(after) == {**data(SITE), "people": {**data(SITE)["people"], who: entry}}
    outside = [line for line in SITE.splitlines() if "wang" not in line][:3] + SITE.splitlines()[-8:]
    assert all(line in after.splitlines() for line in outside)


def test_a_file_that_somebody_has_just_changed_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "village.yaml"
    path.write_bytes(b"a: 1\n")
    path.chmod(0o640)
    exchange(path, b"a: 1\n", b"a: 2\n")
    assert path.read_bytes() == b"a: 2\n"
    assert path.stat().st_mode & 0o777 == 0o640
    with pytest.raises(SettingsError, match="somebody has just changed"):
        exchange(path, b"a: 1\n", b"a: 3\n")
    assert [one.name for one in tmp_path.iterdir()] == ["village.yaml"]


def test_a_folder_that_cannot_be_written_is_said_in_words() -> None:
    with pytest.raises(SettingsError, match="let the gateway write into that folder"):
        exchange(Path("/proc/village.yaml"), None, b"a: 1\n")


RULES = """\
# our own rules
version: 1
rules:
# the flood of 2023
- id: river-high
  name: {zh: 河道偏高,   en: The river is high}   # three blanks are meant
  when: {water_level: {above: 2.20 m}}   # measured by Lin
  severity: yellow
- id: other     # leave it
  severity:   red
# at the end
"""


def test_an_item_of_a_list_is_changed_added_and_taken_away_on_its_own() -> None:
    rule = {**data(RULES)["rules"][0], "severity": "orange"}
    after = edit(("rules", 0), rule, RULES)
    assert changed_lines(after, RULES) == ["-  severity: yellow", "+  severity: orange"] or (
        "# measured by Lin" in after
        and "- id: other     # leave it\n  severity:   red\n# at the end" in after
    )
    after = edit(("rules", 2), {"id": "new", "when": {"rain": {"above": "5 mm"}}}, RULES)
    assert changed_lines(after, RULES) == ["+- id: new", "+  when:", "+    rain:", "+      above: 5 mm"]
    assert data(edit(("rules", 0), None, RULES))["rules"] == data(RULES)["rules"][1:]


def test_the_first_rule_of_a_commented_file_is_written_below_its_comments() -> None:
    text = "# Rules of this village\nversion: 1\nrules: []\n# copy one:\n# - id: river-high\n"
    after = edit(("rules", 0), {"id": "new", "severity": "red"}, text)
    assert data(after) == {"version": 1, "rules": [{"id": "new", "severity": "red"}]}
    assert "# Rules of this village" in after
    assert "# - id: river-high" in after
    assert data(edit(("rules", 0), {"id": "new"}, ""))["rules"] == [{"id": "new"}]
