"""village check: what only the driver itself can know to be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.__main__ import main

SITE = """\
site: {slug: t, name: T}
sources:
  b:
    driver: mqtt
    listen:
      - plain: {topic: "v/{device}/d", values: {a: VALUE}}
devices:
  x: {source: b, address: "1"}
  y: {source: b, address: ADDRESS}
"""


@pytest.mark.parametrize(
    ("value", "address", "code", "said"),
    [
        ("fill", '"2"', 0, ""),
        ("filll", '"2"', 78, ":5: sources.b.listen: no quantity is called 'filll'; did you mean fill"),
        ("{quantity: fill, unit: degC}", '"2"', 78, "sources.b.listen: fill: degC measures temperature"),
        ("fill", '"1"', 78, ":9: devices.y.address: '1' is also x's"),
    ],
)
def test_check_builds_the_driver(
    tmp_path: Path, capsys: Any, value: str, address: str, code: int, said: str
) -> None:
    (tmp_path / "village.yaml").write_text(SITE.replace("VALUE", value).replace("ADDRESS", address))
    assert main(["check", str(tmp_path)]) == code
    assert said in capsys.readouterr().err
