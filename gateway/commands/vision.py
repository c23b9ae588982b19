"""``village vision``: what belongs to the eyes and needs no camera: evidence, keys, training, export, evaluation.

Finds the sub-command's file in ``gateway/commands/sight/`` and hands over; only what was asked for does any work.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil

from gateway.commands import sight

HELP = "kept evidence and its keys, training, export and evaluation of models"
EXAMPLE = """
village vision evidence list /etc/village
village vision keys new ./keys
village vision train ./dataset --from yolo11n.yaml --imgsz 320 -o ./model
village vision export ./model/best.pt --to onnx --samples ./dataset/images/val
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of each sub-command."""
    sub = parser.add_subparsers(dest="sight", metavar="WHAT", required=True)
    for found in sorted(pkgutil.iter_modules(sight.__path__), key=lambda one: one.name):
        module = importlib.import_module(f"{sight.__name__}.{found.name}")
        one = sub.add_parser(
            found.name,
            help=module.HELP,
            description=module.HELP,
            epilog="example:\n" + "\n".join(f"  {line}" for line in module.EXAMPLE.strip().splitlines()),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.arguments(one)
        one.set_defaults(sight_run=module.run)


def run(args: argparse.Namespace) -> int:
    """Run what was asked for."""
    return int(args.sight_run(args) or 0)
