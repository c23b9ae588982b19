"""``village notify``: what a person at the terminal gets to see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.__main__ import main
from tests.channels import PNG, secret_file
from tests.wire.scripted import Answer, replied, scripted


def site(folder: Path, url: str = "http://127.0.0.1:1", language: str = "zh") -> str:
    token = secret_file(folder)
    (folder / "village.yaml").write_text(
        f"site: {{slug: liuhe, name: 六合村, language: {language}}}\n"
        "channels:\n"
        "  screen: {type: console}\n"
        f"  group: {{type: dingtalk, token_file: {token}, url: '{url}'}}\n",
        encoding="utf-8",
    )
    return str(folder)


def says(code: int, words: str) -> Answer:
    return replied(200, json.dumps({"errcode": code, "errmsg": words}).encode())


def test_a_test_is_marked_as_one_in_both_languages_whatever_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "notify",
        "test",
        site(tmp_path),
        "--channel",
        "screen",
        "--to",
        "li",
        "--text",
        "3号桶已满\x1b[2J",
    ]
    for language in ("zh", "en"):
        assert main([*words, "--lang", language]) == 0
        shown = capsys.readouterr()
        assert "测试" in shown.err
        assert "test" in shown.err.lower()
        assert "3号桶已满?[2J" in shown.err
        assert "shown" in shown.out
    assert shown.out.startswith("delivered: ")


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        (says(0, "ok"), 0, "accepted by the service: ok"),
        (says(310000, "sign not match"), 78, "does not work until somebody acts: sign not match (code 310000)"),
        (says(430102, "unsafe"), 65, "cannot go this way: unsafe"),
        (says(130101, "send too fast"), 69, "not now, try again: send too fast (code 130101); the service asks to wait 600 s"),
        (replied(503, b"down"), 69, "not now, try again: HTTP 503: down"),
        (replied(504, b"upstream"), 69, "no answer, it may have arrived: HTTP 504"),
    ],
)  # fmt: skip
def test_the_services_words_and_an_exit_code(
    answer: Answer, code: int, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with scripted(answer) as server:
        words = ["notify", "test", site(tmp_path, server.url, "en"), "--channel", "group"]
        assert main(words) == code
    shown = capsys.readouterr()
    assert told in (shown.err if code else shown.out)
    assert "s3cret" not in shown.err + shown.out


def test_an_absent_channel_or_picture_is_told_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = site(tmp_path)
    assert main(["notify", "test", folder, "--channel", "scren"]) == 78
    assert "no such channel; did you mean screen?" in capsys.readouterr().err
    assert main(["notify", "test", folder, "--channel", "screen", "--picture", "/nowhere.jpg"]) == 78
    assert "/nowhere.jpg: --picture: cannot be read" in capsys.readouterr().err


def test_a_picture_is_sent_along(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bin.png").write_bytes(PNG)
    words = ["notify", "test", site(tmp_path), "--channel", "screen", "--picture", str(tmp_path / "bin.png")]
    assert main(words) == 0
    assert f"[PNG, {len(PNG)} B]" in capsys.readouterr().err


def test_the_channels_are_listed_and_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notify", "channels", site(tmp_path)]) == 0
    screen, group = capsys.readouterr().out.splitlines()
    assert screen.split()[:2] == ["screen", "console"]
    assert group.split()[:2] == ["group", "dingtalk"]
    (tmp_path / "village.yaml").write_text("site: {slug: liuhe}\n", encoding="utf-8")
    assert main(["notify", "channels", str(tmp_path)]) == 0
    assert "docs/channels.md" in capsys.readouterr().out


PEOPLE = """
  mail: {type: email, host: 127.0.0.1, port: 1, security: none, sender: a@example.com}
people:
  wang:
    name: 王小一
    language: en
    phones: ["+86 139 0000 0101"]
    channels: [{channel: screen}, {channel: group}]
cells:
  village: {kind: village, name: 村, members: [wang]}
"""


def test_a_person_is_tried_through_each_of_his_channels_in_his_language(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with scripted(says(0, "ok")) as server:
        folder = site(tmp_path, server.url)
        with (tmp_path / "village.yaml").open("a", encoding="utf-8") as file:
            file.write(PEOPLE.lstrip("\n"))
        assert main(["notify", "test", folder, "--person", "wang"]) == 0
        assert b'"atMobiles":["13900000101"]' in server.heard[0]
    shown = capsys.readouterr()
    assert "TEST" in shown.err
    assert shown.out.splitlines() == [
        "screen ***01",
        "delivered: shown",
        "group ***01",
        "accepted by the service: ok",
    ]
    assert main(["notify", "test", folder, "--person", "wan"]) == 78
    assert "no such person; did you mean wang?" in capsys.readouterr().err


def test_check_finds_an_address_that_its_channel_cannot_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = site(tmp_path)
    with (tmp_path / "village.yaml").open("a", encoding="utf-8") as file:
        file.write(PEOPLE.lstrip("\n"))
    assert main(["check", folder]) == 0
    assert "3 channels" in capsys.readouterr().out
    text = (tmp_path / "village.yaml").read_text(encoding="utf-8")
    wrong = text.replace("{channel: group}]", "{channel: mail}]")
    (tmp_path / "village.yaml").write_text(wrong, encoding="utf-8")
    assert main(["check", folder]) == 78
    told = capsys.readouterr().err
    assert "village.yaml:11: people.wang.channels[1]: mail: " in told
    assert "is no mail address" in told
    assert "13900000101" not in told
