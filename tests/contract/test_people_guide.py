"""docs/people.md: its site loads, and its commands really answer what it prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from gateway.__main__ import main
from gateway.people import Ladders
from gateway.site import load_site

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/people.md").read_text(encoding="utf-8")
CONSOLE = "\n".join(re.findall(r"```console\n(.*?)```", GUIDE, re.DOTALL))
SHOWN = [
    (command.strip(), "\n".join(said))
    for command, *said in (part.splitlines() for part in CONSOLE.split("$ ") if part)
]


def test_the_site_of_the_guide_loads(tmp_path: Path) -> None:
    text = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)[0]
    (tmp_path / "village.yaml").write_text(text, encoding="utf-8")
    assert set(load_site(tmp_path).village.people) == {"wang", "li", "zheng", "he", "ye", "sun"}


def test_the_guide_walks_through_five_commands() -> None:
    assert len(SHOWN) == 5


@pytest.mark.parametrize(("command", "said"), SHOWN, ids=[command for command, _ in SHOWN])
def test_a_command_of_the_guide_says_what_is_printed_there(
    command: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    name, *words = shlex.split(command)
    assert name == "village"
    main(words)
    assert capsys.readouterr().out.strip() == said.strip()


def test_the_table_of_times_is_the_shipped_one() -> None:
    for urgency, cells in re.findall(r"\| `(critical|warning|notice)`[^|]*\|(.*)\|\n", GUIDE):
        *levels, repeat = [cell.strip() for cell in cells.split("|")]
        ladder = Ladders().of(urgency)
        shipped = [int(after.total_seconds() / 60) for after in ladder.after]
        assert [0 if cell == "at once" else int(cell.split()[0]) for cell in levels if cell != "–"] == shipped
        hours = {"min": 60, "h": 3600}
        told = None if repeat == "once" else int(repeat.split()[1]) * hours[repeat.split()[2]]
        assert told == (None if ladder.repeat is None else ladder.repeat.total_seconds())
