"""One suite for every sub-command: help with an example, and words instead of tracebacks."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import commands
from gateway.__main__ import EX_CONFIG, EX_UNAVAILABLE, main

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = sorted(module.name for module in pkgutil.iter_modules(commands.__path__) if not module.ispkg)
BROKEN = "site: {slug: Not A Slug}\nsourcse: {}\n"

ON_A_BROKEN_SITE = {
    "check": ["SITE"],
    "discover": ["SITE", "--mqtt", "1s"],
    "duty": ["SITE"],
    "read": ["SITE", "any"],
    "reload": ["SITE"],
    "run": ["SITE"],
}
ON_WHAT_IS_NOT_THERE = {
    "backup": (["/nowhere/at/all/x.tar", "--state", "STATE"], {EX_UNAVAILABLE, EX_CONFIG}),
    "doctor": (["--state", "STATE"], {EX_UNAVAILABLE}),
    "export": (["STATE", "--series", "*"], {EX_UNAVAILABLE, EX_CONFIG}),
    "replay": (["/nowhere/at/all.csv"], {EX_CONFIG}),
    "orders": (["list", "--state", "STATE"], {EX_UNAVAILABLE}),
    "outputs": (["list", "--state", "STATE"], {EX_UNAVAILABLE}),
    "status": (["--state", "STATE"], {EX_UNAVAILABLE}),
    "decode": (["no-such-model", "--port", "1", "--hex", "00"], {EX_CONFIG}),
}


def test_the_readme_names_every_command() -> None:
    for page in ("README.md",):
        text = (ROOT / page).read_text(encoding="utf-8")
        listed = next(line for line in text.splitlines() if line.startswith("`village init"))
        named = set(listed.split("`")[1].replace("village ", "").split(" · "))
        assert named == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_comes_with_an_example_that_names_the_command(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert f"village {name}" in said.partition("example:")[2]


@pytest.mark.parametrize("name", sorted(ON_A_BROKEN_SITE))
def test_a_broken_site_is_told_with_path_line_and_key(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "village.yaml").write_text(BROKEN, encoding="utf-8")
    words = [str(tmp_path) if word == "SITE" else word for word in ON_A_BROKEN_SITE[name]]
    assert main([name, *words]) == EX_CONFIG
    told = capsys.readouterr().err
    assert "village.yaml:1: site.slug: 'Not A Slug' does not fit" in told
    assert "village.yaml:2: sourcse: unknown key; did you mean sources" in told


@pytest.mark.parametrize("name", sorted(ON_WHAT_IS_NOT_THERE))
def test_what_is_not_there_is_told_in_words(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, codes = ON_WHAT_IS_NOT_THERE[name]
    assert main([name, *(str(tmp_path / "gone") if word == "STATE" else word for word in words)]) in codes
    assert capsys.readouterr().err.strip()


def test_the_whole_program_answers_without_a_traceback() -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "gateway", "check", "/nowhere"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert asked.returncode == EX_CONFIG
    assert "Traceback" not in asked.stderr
    assert "/nowhere: cannot be read" in asked.stderr
