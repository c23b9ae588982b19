"""``village outputs``: what a running gateway may switch: list, test for a moment, stop."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway import control
from gateway.control import add_state, state_dir

HELP = "sirens, relays, loudspeakers: list them, test one for a moment, stop one or all"
EXAMPLE = """
village outputs list --state /var/lib/village
village outputs test siren --seconds 2 --by he
village outputs stop --by he
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    listing = what.add_parser("list", help="every output: on or at rest, for how long, who asked")
    test = what.add_parser("test", help="on for a moment, 5 s at most")
    test.add_argument("name")
    test.add_argument("--seconds", type=float, default=2.0)
    stop = what.add_parser("stop", help="to its safe state; without a name all of them")
    stop.add_argument("name", nargs="?", default="")
    for one in (test, stop):
        one.add_argument("--by", required=True, metavar="WHO")
    for one in (listing, test, stop):
        one.add_argument("--site", type=Path, metavar="DIR", default=Path(), help="folder with village.yaml")
        one.add_argument("--json", action="store_true", help="as JSON")
        add_state(one)


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    state, root = state_dir(args.state, args.site), "/api/v1/outputs"
    if args.what == "list":
        answer = control.ask(state, root)
    elif args.what == "test":
        body = {"seconds": args.seconds, "by": args.by}
        answer = control.ask(state, f"{root}/{args.name}/test", body=body, timeout_s=40)
    else:
        path = f"{root}/{args.name}/stop" if args.name else f"{root}/stop"
        answer = control.ask(state, path, body={"by": args.by}, timeout_s=60)
    if args.json:
        print(json.dumps(answer, ensure_ascii=False))
        return 0
    for text in (
        lines(answer) if args.what == "list" else (f"{name}: {said}" for name, said in answer.items())
    ):
        print(text)
    return 0


def lines(outputs: Mapping[str, Any]) -> Iterator[str]:
    """One line for each output."""
    if not outputs:
        yield "no outputs"
    for name, one in outputs.items():
        state = "unknown" if one["on"] is None else "ON" if one["on"] else "off"
        left = f" {one['left_s']:g} s left" if one["left_s"] else ""
        why = f"  {one['by']}: {one['why']}" if one["by"] else ""
        trouble = f"  {one['trouble']}" if one["trouble"] else ""
        yield f"{name:<16}{one['kind']:<12}{state}{left}  (at most {one['max_s']:g} s){why}{trouble}"
