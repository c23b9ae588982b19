"""``village watch``: look through one camera or file and say what is seen."""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

from gateway.errors import Fault, SettingsError

HELP = "look at a camera, a file or a site's cameras with a detector and say what is seen, one line each"
EXAMPLE = """\
village watch yard.mp4 --kind fire --model fire.onnx --size 320
village watch rtsp://192.168.1.20/sub --user viewer --password-file /etc/village/credentials/yard --kind motion
village watch road.mp4 --kind hit_and_run --model yolo.onnx --json
village watch /etc/village"""

NEEDED = ("numpy", "cv2")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What stands behind the command's name."""
    parser.add_argument(
        "source", nargs="+", metavar="SOURCE", help="files, addresses of cameras, or a site's folder"
    )
    parser.add_argument(
        "--kind",
        action="append",
        default=[],
        metavar="KIND",
        help="what to look for: fire, hit_and_run, illegal_building, thermal, motion ...; may be repeated",
    )
    parser.add_argument(
        "--model", type=Path, metavar="FILE", help="the network for every kind that needs one"
    )
    parser.add_argument("--size", type=int, metavar="PIXELS", help="side of the square the network looks at")
    parser.add_argument("--fps", type=float, metavar="N", help="pictures a second to look at")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the kinds given"
    )
    parser.add_argument("--user", metavar="NAME", help="who we are at the camera")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="file with the camera's password")
    parser.add_argument("--state", type=Path, metavar="DIR", help="where detectors keep what they learn")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object a line, with a heartbeat each second"
    )


def run(args: argparse.Namespace) -> int:
    """Start the worker as a child of its own and hand on what it says."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        remedy = "pip install 'village-gateway[vision]'"
        raise SettingsError(Fault("", 0, "", f"to look, {' and '.join(missing)} must be installed", remedy))
    with subprocess.Popen(words(args)) as child:  # noqa: S603  # our own program
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                continue  # the terminal tells the child too: it closes what is open and says its summary


def words(args: argparse.Namespace) -> list[str]:
    """The worker's command line."""
    found = [sys.executable, "-m", "detectors", *args.source]
    for name in ("kind", "set"):
        for value in getattr(args, name):
            found += [f"--{name}", value]
    for name in ("model", "size", "fps", "user", "password_file", "state"):
        value = getattr(args, name)
        if value is not None:
            found += [f"--{name.replace('_', '-')}", str(value)]
    return [*found, *(["--json"] if args.json else [])]
