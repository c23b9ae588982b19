"""``village backup``: the whole state in one file, while the daemon runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gateway.control import add_state, state_dir
from gateway.errors import Fault, SettingsError
from gateway.store.backup import back_up

HELP = "copy everything the gateway has stored into one file, consistently, while it runs"
EXAMPLE = """
village backup /media/usb/village.tar --state /var/lib/village
village backup village.tar.gz --site /etc/village
to restore: stop the gateway, then  mkdir STATE && tar -xf village.tar -C STATE
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the copy; compressed if it ends with .gz")
    parser.add_argument("--site", type=Path, default=Path(), help="folder with village.yaml (default: here)")
    add_state(parser)


def run(args: argparse.Namespace) -> int:
    """Write the copy and say how large it is."""
    state = state_dir(args.state, args.site)
    if not (state / "journal").is_dir():
        raise SettingsError(
            Fault(str(state), 0, "--state", "holds no journal", "name the folder of 'village run'")
        )
    if not args.file.absolute().parent.is_dir():
        raise SettingsError(Fault(str(args.file), 0, "FILE", "its folder does not exist", "make it first"))

    def say(done: int, count: int, name: str) -> None:
        if sys.stderr.isatty():
            print(f"\r{done}/{count} {name:<40}", end="", file=sys.stderr)

    size = back_up(state, args.file, say)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print(f"{args.file}: {size / 1e6:.1f} MB")
    return 0
