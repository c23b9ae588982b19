"""The device files walked through in ``docs/catalogue.md`` are real: they load, and their examples hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drivers.decode.examples import samples_of
from gateway import files
from gateway.quantities import Quantities
from gateway.site import load_model
from tests.decoding import check_example

GUIDE = Path(__file__).parents[2] / "docs" / "catalogue.md"
BLOCKS = [
    (block.partition("model: ")[2].split()[0], block)
    for block in re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
]


def test_the_guide_walks_one_device_of_each_wire(tmp_path: Path, quantities: Quantities) -> None:
    wires = set()
    for name, block in BLOCKS:
        (tmp_path / f"{name}.yaml").write_text(block, encoding="utf-8")
        wires.add(load_model(tmp_path / f"{name}.yaml", quantities).wire)
    assert wires == {"lorawan", "modbus"}


@pytest.mark.parametrize(("name", "block"), BLOCKS, ids=[name for name, _ in BLOCKS])
def test_the_examples_in_the_guide_hold(
    name: str, block: str, tmp_path: Path, quantities: Quantities
) -> None:
    (tmp_path / f"{name}.yaml").write_text(block, encoding="utf-8")
    model = load_model(tmp_path / f"{name}.yaml", quantities)
    assert model.examples
    for example in model.examples:
        check_example(model, example, samples_of(model, example), quantities)


def test_every_path_the_guide_names_exists() -> None:
    named = re.findall(
        r"`((?:config|drivers|tests)/[a-z_/\-]+\.(?:py|yaml))`", GUIDE.read_text(encoding="utf-8")
    )
    root = files.config_root().parent
    assert named
    assert [path for path in named if not (root / path).is_file()] == []
