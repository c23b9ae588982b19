"""What ``docs/modbus.md`` shows can be pasted: it loads, and it names every key there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drivers.line.settings import Settings
from gateway.errors import SettingsError
from gateway.site import load_site

GUIDE = (Path(__file__).parents[2] / "docs" / "modbus.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_block_of_the_guide_is_a_site(block: str, tmp_path: Path) -> None:
    (tmp_path / "village.yaml").write_text(f"site: {{slug: here}}\n{block}", encoding="utf-8")
    site = load_site(tmp_path)
    assert site.sources
    (tmp_path / "village.yaml").write_text(
        f"site: {{slug: here}}\n{block}".replace("host:", "hots:"), encoding="utf-8"
    )
    with pytest.raises(SettingsError, match="did you mean host"):
        load_site(tmp_path)


def test_every_key_of_a_line_is_named() -> None:
    assert [key for key in Settings.model_fields if not re.search(rf"\b{key}\b", GUIDE)] == []
