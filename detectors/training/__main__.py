"""``python -m detectors.training train|export``: what ``village vision`` starts; one JSON object at the end."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from detectors.training import export, train
from gateway.errors import SettingsError

EX_CONFIG = 78
LICENCE = "ultralytics is AGPL-3.0: read docs/training.md before you hand on what it makes"


def main(argv: Sequence[str] | None = None) -> int:
    """Run; what the library prints goes to stderr, the outcome to stdout."""
    args = _arguments().parse_args(argv)
    said = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # ultralytics talks on stdout; that one is for the outcome alone
    sys.stderr.write(f"{LICENCE}\n")
    try:
        outcome = train.train(_to_train(args)) if args.what == "train" else export.export(_to_export(args))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return EX_CONFIG
    with said:
        said.write(json.dumps(outcome, ensure_ascii=False) + "\n")
    return 0


def _to_train(args: argparse.Namespace) -> train.Wanted:
    return train.Wanted(
        args.data, args.start, args.output, args.epochs, args.imgsz, args.batch, args.device, args.name
    )


def _to_export(args: argparse.Namespace) -> export.Wanted:
    return export.Wanted(args.weights, args.to, args.output, args.samples, args.imgsz, args.name)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m detectors.training", description=__doc__)
    sub = parser.add_subparsers(dest="what", required=True)
    one = sub.add_parser("train")
    one.add_argument("data", type=Path)
    one.add_argument("--start", type=Path, default=Path("yolo11n.yaml"))
    one.add_argument("--epochs", type=int, default=100)
    one.add_argument("--batch", type=int, default=16)
    one.add_argument("--device", default="cpu")
    other = sub.add_parser("export")
    other.add_argument("weights", type=Path)
    other.add_argument("--to", choices=sorted(export.FORMATS), required=True)
    other.add_argument("--samples", type=Path, required=True)
    for each in (one, other):
        each.add_argument("--imgsz", type=int, default=320)
        each.add_argument("--output", type=Path, required=True)
        each.add_argument("--name", default="own")
    return parser


if __name__ == "__main__":
    sys.exit(main())
