"""The rule walked through in ``docs/rules.md`` is real, and its table of shipped rules is whole."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.quantities import Quantities
from gateway.rulefiles import load_rules, rule_files
from gateway.rules.language import Limits, Rule
from gateway.rules.scenario import tell

GUIDE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")


def test_the_walked_rule_tells_its_story(tmp_path: Path, quantities: Quantities) -> None:
    block = next(one for one in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL) if "weir-high" in one)
    (tmp_path / "own.yaml").write_text(block, encoding="utf-8")
    rules = load_rules([tmp_path / "own.yaml"], quantities)
    assert tell(rules.written["weir-high"].rule, rules.around) == []


def test_every_shipped_rule_stands_in_the_table(quantities: Quantities) -> None:
    for name in load_rules(rule_files(None), quantities).written:
        assert f"`{name}`" in GUIDE or name.startswith("gb3838-"), f"{name} is not in docs/rules.md"


def test_every_field_is_explained() -> None:
    for model in (Rule, Limits):
        for name, field in model.model_fields.items():
            word = field.alias or name
            assert re.search(rf"\b{word}\b", GUIDE), f"{word} is not in docs/rules.md"
