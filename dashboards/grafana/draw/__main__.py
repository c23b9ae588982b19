"""Draws all dashboards anew: ``python -m dashboards.grafana.draw``."""

from __future__ import annotations

import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.grafana import draw
from dashboards.grafana.draw.parts import Pen
from gateway.rulefiles import load_rules, rule_files
from gateway.site import load_quantities, load_words
from gateway.words import Language

OUT = Path(draw.__file__).parents[1] / "json"
LANGUAGES: tuple[Language, ...] = ("zh", "en")
_MACHINERY = frozenset({"__main__", "parts", "influxql"})


def drawn(language: Language) -> dict[str, str]:
    """File name -> its text, for every dashboard."""
    quantities = load_quantities()
    pen = Pen(load_words(language), quantities, dict(load_rules(rule_files(None), quantities).written))
    found = {}
    for module in sorted(
        one.name for one in pkgutil.iter_modules(draw.__path__) if one.name not in _MACHINERY
    ):
        board = importlib.import_module(f"dashboards.grafana.draw.{module}")
        data = json.loads(json.dumps(board.draw(pen).build(), cls=JSONEncoder))
        _number_panels(data)
        found[f"{data['uid']}.json"] = json.dumps(data, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    return found


def _number_panels(data: dict[str, Any]) -> None:
    """Panels count from 1, so that links to one survive a new drawing of another dashboard."""
    for number, panel in enumerate(data["panels"], 1):
        panel["id"] = number


def main() -> None:
    """Write the files."""
    for language in LANGUAGES:
        folder = OUT / language
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in drawn(language).items():
            (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
