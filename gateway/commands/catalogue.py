"""``village catalogue``: which sensors the gateway knows, and what each measures."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway import files, site
from gateway.catalogue import Catalogue, DeviceModel
from gateway.commands.decode import catalogue_folders

HELP = "List the device models of the catalogue: maker, what it is, wire, domain, quantities."
EXAMPLE = "village catalogue\nvillage catalogue dragino\nvillage catalogue water_depth --json"

EX_NOT_FOUND = 1
WIDTH_WITHOUT_TERMINAL = 100


def arguments(parser: argparse.ArgumentParser) -> None:
    """What stands behind the command's name."""
    parser.add_argument(
        "words",
        metavar="WORD",
        nargs="*",
        help="only models where each word stands in a name, title, domain, wire or quantity",
    )
    parser.add_argument(
        "--site", type=Path, metavar="DIR", help="with the catalogue folder of this site as well"
    )
    parser.add_argument("--json", action="store_true", help="one JSON line for each model")


def run(args: argparse.Namespace) -> int:
    """List the models that match."""
    catalogue = site.load_catalogue(site.load_quantities(), catalogue_folders(args.site))
    found = [model for model in catalogue.values() if matches(model, args.words)]
    if not found:
        print(nothing(catalogue, args.words), file=sys.stderr)
        return EX_NOT_FOUND
    if args.json:
        for model in found:
            print(json.dumps(facts(model), ensure_ascii=False))
        return 0
    width = shutil.get_terminal_size((WIDTH_WITHOUT_TERMINAL, 0)).columns
    for line in table(found, width):
        print(line)
    return 0


def matches(model: DeviceModel, words: Sequence[str]) -> bool:
    """Whether every word stands somewhere in what people know of a model; capitals do not matter."""
    known = "\n".join(
        [
            *(model.model, model.maker, model.title.en, model.title.zh, model.domain, model.wire),
            *model.also,
            *model.readings,
        ]
    ).lower()
    return all(word.lower() in known for word in words)


def facts(model: DeviceModel) -> dict[str, Any]:
    """What the list says of a model, for programs."""
    return {
        "model": model.model,
        "maker": model.maker,
        "title": {"en": model.title.en, "zh": model.title.zh},
        "wire": model.wire,
        "domain": model.domain,
        "quantities": list(model.readings),
        "also": model.also,
        "interval_s": model.interval.total_seconds(),
        "examples": len(model.examples),
    }


def table(models: Sequence[DeviceModel], width: int) -> list[str]:
    """The list for people: two lines and more for each model, then the sum.

    Args:
        models: To show, in this order.
        width: Columns of the terminal.
    """
    name_cells = max(len(model.model) for model in models)
    lines = []
    for model in models:
        head = (
            f"{model.model:{name_cells}}  {model.wire:7}  {model.domain:9}  {model.maker}: {model.title.en}"
        )
        lines.append(head if len(head) <= width else f"{head[: width - 1]}…")
        lines += textwrap.wrap(
            ", ".join(model.readings), max(width, 40), initial_indent="    ", subsequent_indent="    "
        )
    return [*lines, f"{len(models)} model{'s' if len(models) > 1 else ''}"]


def nothing(catalogue: Catalogue, words: Sequence[str]) -> str:
    """What to say when no model matches."""
    asked = " ".join(words)
    near = catalogue.nearest(asked)
    hint = f"did you mean {' or '.join(near)}?" if near else files.nearest(asked, list(catalogue))
    return f"no model of the catalogue has {asked!r} in its names, domain or quantities; {hint}"
