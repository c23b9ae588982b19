"""docs/cameras.md shows a site that ``check`` would take, and names every key there is."""

from __future__ import annotations

import re
from pathlib import Path

from drivers.vision import Settings
from gateway.cameras import CameraEntry, ModelEntry
from gateway.files import parse_yaml, validated
from gateway.settings import Village, own_keys

GUIDE = Path(__file__).resolve().parents[2] / "docs/cameras.md"


def example() -> str:
    return next(
        block
        for block in re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
        if "sources:" in block
    )


def test_the_example_is_a_source_with_its_devices() -> None:
    document = parse_yaml(b"site: {slug: guide}\n" + example().encode(), Path("guide"))
    village = validated(Village, document)
    settings = validated(Settings, document, ("sources", "eyes"), own_keys(village.sources["eyes"]))
    assert set(settings.cameras) == set(village.devices)
    assert settings.cameras["yard"].zones["gate"].preset == "north"


def test_every_key_of_a_camera_and_of_a_model_is_named() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    keys = set(CameraEntry.model_fields) | set(ModelEntry.model_fields) | {"worker", "report"}
    assert [key for key in sorted(keys) if f"`{key}" not in text and f"{key}:" not in text] == []
