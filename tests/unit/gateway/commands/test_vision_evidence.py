from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.__main__ import EX_CONFIG, main
from gateway.evidence import notebook
from gateway.evidence.sealed import Seal
from gateway.evidence.shelf import Shelf

AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def number(state: Path) -> str:
    meta = {"camera": "gate", "kind": "fire", "score": 0.8, "rendering": {"how": "boxes_only"}}
    return Shelf(state / "evidence").put(AT, meta, {"snapshot.jpg": b"grey"})


def told(state: Path, *words: str) -> int:
    action, *rest = words
    return main(["vision", "evidence", action, str(state), *rest, "--as", "wang", "--lang", "en"])


def looks(state: Path) -> list[tuple[str, str, str, str]]:
    lines = notebook.lines(state / "evidence" / notebook.LOOKS)
    return [(line["who"], line["what"], line["id"], line["why"]) for line in lines]


def test_the_list_names_everything_and_says_who_looked(
    state: Path, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(state, "list") == 0
    said = capsys.readouterr().out
    assert "1 pieces of evidence" in said
    assert f"{number}  " in said
    assert "gate  fire  0.80  snapshot.jpg  boxes only" in said
    assert "deleted so far: 0 by age, 0 by size, 0 by hand" in said
    assert looks(state) == [("wang", "list", "*", "")]


def test_export_needs_a_reason_and_logs_it(
    state: Path, number: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(state, "export", number, "-o", str(tmp_path / "case")) == EX_CONFIG
    assert "needs -o FOLDER and --why REASON" in capsys.readouterr().err
    assert told(state, "export", number, "-o", str(tmp_path / "case"), "--why", "report 17") == 0
    assert (tmp_path / "case" / number / "snapshot.jpg").read_bytes() == b"grey"
    assert json.loads((tmp_path / "case" / number / "meta.json").read_text())["id"] == number
    assert looks(state) == [("wang", "export", number, "report 17")]


def test_sealed_files_are_opened_with_the_private_key(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("cryptography", reason="needs the extra 'vision'")
    assert main(["vision", "keys", "new", str(tmp_path / "keys"), "--lang", "en"]) == 0
    said = capsys.readouterr().out
    assert "evidence.public.pem" in said
    assert "off this machine" in said
    sealed = Seal(tmp_path / "keys/evidence.public.pem").sealed(b"the face")
    number = Shelf(state / "evidence").put(AT, {"camera": "gate"}, {"original.jpg.sealed": sealed})
    out = tmp_path / "case"
    assert told(state, "export", number, "-o", str(out), "--why", "x") == 0
    assert "1 sealed files stay sealed" in capsys.readouterr().out
    key = str(tmp_path / "keys/evidence.private.pem")
    assert told(state, "export", number, "-o", str(out), "--why", "x", "--key", key) == 0
    assert (out / number / "original.jpg").read_bytes() == b"the face"
    assert [line[1] for line in looks(state)] == ["export", "open"]


def test_a_mark_is_written_for_the_worker(state: Path, number: str) -> None:
    assert told(state, "mark", number, "--false") == 0
    (mark,) = notebook.Marks(state / "evidence").fresh()
    assert (mark.id, mark.right, mark.by) == (number, False, "wang")


def test_deleting_is_logged_and_counted(state: Path, number: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(state, "delete", number, "--why", "a neighbour asked") == 0
    assert Shelf(state / "evidence").find(number) is None
    assert told(state, "list") == 0
    assert "1 by hand" in capsys.readouterr().out
    assert looks(state)[0] == ("wang", "delete", number, "a neighbour asked")
    assert told(state, "show", number) == EX_CONFIG


@pytest.mark.parametrize("words", [["show"], ["show", "nonsense"], ["mark", "a" * 20], ["show", "../../etc"]])
def test_what_is_not_there_is_told_in_words(
    state: Path, number: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(state, *words) == EX_CONFIG
    assert capsys.readouterr().err.strip()
    assert told(state / "nowhere", "list") == EX_CONFIG
    assert "is no folder" in capsys.readouterr().err


def test_every_sub_command_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("evidence", "keys"):
        with pytest.raises(SystemExit) as ended:
            main(["vision", name, "--help"])
        assert ended.value.code == 0
        assert f"village vision {name}" in capsys.readouterr().out.partition("example:")[2]
