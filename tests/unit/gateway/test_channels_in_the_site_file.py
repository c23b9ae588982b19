"""The section ``channels`` of a site file."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import SettingsError
from gateway.site import load_site

SITE = "site: {slug: liuhe}\nchannels:\n  screen: {type: console}\n"


def test_a_channel_is_read_with_its_own_settings(tmp_path: Path) -> None:
    (tmp_path / "village.yaml").write_text(SITE, encoding="utf-8")
    channels = load_site(tmp_path).channels
    assert list(channels) == ["screen"]
    assert channels["screen"].module.__name__ == "gateway.notify.channels.console"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("  screen: {type: consol}", "village.yaml:3: channels.screen.type: no channel is called 'consol'"),
        ("  screen: {type: console, colour: red}", "village.yaml:3: channels.screen.colour: unknown key"),
        ("  screen: {}", "village.yaml:3: channels.screen.type"),
    ],
)
def test_what_is_wrong_with_a_channel_is_told_with_its_line(tmp_path: Path, line: str, told: str) -> None:
    (tmp_path / "village.yaml").write_text(SITE.replace("  screen: {type: console}", line), encoding="utf-8")
    with pytest.raises(SettingsError, match="channels") as caught:
        load_site(tmp_path)
    assert told in str(caught.value)
