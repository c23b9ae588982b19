"""``village reload``: apply a changed site to the running daemon."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway import control
from gateway.control import add_state, state_dir
from gateway.site import load_site

HELP = "apply a changed site to the running gateway; what did not change keeps its connection"
EXAMPLE = "village reload /etc/village"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument(
        "site", type=Path, nargs="?", default=Path(), help="folder with village.yaml (default: here)"
    )
    add_state(parser)


def run(args: argparse.Namespace) -> int:
    """Check here first (a faulty site never reaches the daemon), then ask it to apply."""
    load_site(args.site)
    outcome = control.ask(state_dir(args.state, args.site), "/api/v1/reload", method="POST", timeout_s=60)
    for section in ("sources", "sinks"):
        for what in ("started", "replaced", "stopped", "kept"):
            if outcome[section][what]:
                print(f"{section} {what}: {', '.join(outcome[section][what])}")
    if outcome["needs_restart"]:
        print(f"takes effect at the next start: {', '.join(outcome['needs_restart'])}")
    return 0
