"""``village vision evaluate``: how good a detector is on clips of which it is known what happens in them."""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

from gateway.errors import Fault, SettingsError

HELP = "found, missed, false alarms an hour with what is known of them, delay and cost, on clips with a truth"
EXAMPLE = """\
village vision evaluate clips.csv --kind fire --model fire.onnx --size 320
village vision evaluate clips.csv --kind hit_and_run --model yolo.onnx --only 'gate/*' --json"""

NEEDED = ("numpy", "cv2")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument("clips", type=Path, metavar="CLIPS.csv", help="columns file, truth, time_s, note")
    parser.add_argument(
        "--kind",
        action="append",
        required=True,
        metavar="KIND",
        help="detector: fire, hit_and_run ...; may be repeated",
    )
    parser.add_argument(
        "--model", type=Path, metavar="FILE", help="the network for every kind that needs one"
    )
    parser.add_argument("--size", type=int, metavar="PIXELS", help="side of the square the network looks at")
    parser.add_argument("--fps", type=float, metavar="N", help="pictures a second to look at")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the kinds given"
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="GLOB", help="only these clips; may be repeated"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Start the evaluation as a child of its own: the gateway knows no pictures."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        remedy = "pip install 'village-gateway[vision]'"
        raise SettingsError(Fault("", 0, "", f"to look, {' and '.join(missing)} must be installed", remedy))
    return subprocess.run(words(args), check=False).returncode  # noqa: S603  # our own program


def words(args: argparse.Namespace) -> list[str]:
    """Its command line."""
    found = [sys.executable, "-m", "detectors.evaluation", str(args.clips)]
    for name in ("kind", "set", "only"):
        for value in getattr(args, name):
            found += [f"--{name}", value]
    for name in ("model", "size", "fps"):
        value = getattr(args, name)
        if value is not None:
            found += [f"--{name}", str(value)]
    return [*found, *(["--json"] if args.json else [])]
