"""``village tokens``: keys of programs that ask the running gateway."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from gateway import control
from gateway.control import add_asking, state_dir
from gateway.errors import Fault, SettingsError
from gateway.schema import duration

HELP = "keys of programs that ask the gateway: list, add, remove"
EXAMPLE = """
village tokens add grafana --role viewer > grafana.token
village tokens add office --role operator --for 365d
village tokens remove 2
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    add_asking(what, "list", "all keys: for whom, what they may do, since when, until when")
    add = add_asking(what, "add", "a new key; it is printed once and kept nowhere")
    add.add_argument("name", metavar="NAME", help="which program it is for")
    add.add_argument("--role", choices=["viewer", "worker", "operator", "admin"], required=True)
    add.add_argument(
        "--for", dest="span", metavar="TIME", help="how long it is good, e.g. 365d (default: for good)"
    )
    add_asking(what, "remove", "a key opens nothing any more").add_argument("id", type=int, metavar="ID")


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    state = state_dir(args.state, args.site)
    path = "/api/v1/tokens"
    match args.what:
        case "list":
            for one in control.ask(state, path):
                until = f"until {one['expires'][:10]}" if one["expires"] else ""
                print(
                    f"{one['id']:>4} {one['name']:<20}{one['role']:<10}{one['created'][:10]}  {one['by']:<12}{until}"
                )
        case "add":
            made = control.ask(
                state, path, body={"name": args.name, "role": args.role, "expires": _until(args.span)}
            )
            print(made["token"])
        case _:
            control.ask(state, f"{path}/{args.id}", method="DELETE")
            print(f"key {args.id} opens nothing any more")
    return 0


def _until(span: str | None) -> str | None:
    if span is None:
        return None
    try:
        return (datetime.now(UTC) + duration(span)).isoformat()
    except ValueError as error:
        raise SettingsError(Fault("", 0, "--for", str(error))) from error
