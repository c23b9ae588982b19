"""The settings in docs/evidence.md are settings, its defaults the defaults, its commands commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway import files
from gateway.__main__ import main
from gateway.evidence.settings import EvidenceSettings

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/evidence.md").read_text(encoding="utf-8")
PAGES = GUIDE + (ROOT / "docs/training.md").read_text(encoding="utf-8")


def test_the_block_of_settings_names_every_setting_but_the_places_with_its_default() -> None:
    block = next(
        block for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL) if "in_messages" in block
    )
    document = files.parse_yaml(block.encode(), Path("docs/evidence.md"))
    read = files.validated(EvidenceSettings, document, ("evidence",))
    places = {"folder", "ring", "key"}
    assert set(document.data["evidence"]) | places == set(EvidenceSettings.model_fields)
    assert read.model_copy(update={"key": None}) == EvidenceSettings()


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("{clip: plain}", "write blur: off as well"),
        ("{clip: sealed}", "need key, made by 'village vision keys new'"),
        ("{original: true}", "need key"),
        ("{keep: 400d}", "evidence is kept for 1d to 180d"),
    ],
)
def test_what_does_not_fit_together_is_told(said: str, wrong: str) -> None:
    document = files.parse_yaml(said.encode(), Path("village.yaml"))
    with pytest.raises(Exception, match=re.escape(wrong)):
        files.validated(EvidenceSettings, document)


@pytest.mark.parametrize("words", sorted(set(re.findall(r"village vision (\w+(?: \w+)?)", PAGES))))
def test_the_commands_exist(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    name, *action = words.split()
    with pytest.raises(SystemExit) as ended:
        main(["vision", name, "--help"])
    assert ended.value.code == 0
    if name in {"evidence", "keys"} and action:
        assert action[0] in capsys.readouterr().out
