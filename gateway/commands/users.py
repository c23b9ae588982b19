"""``village users``: who may sign in to the running gateway's pages and API."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path
from urllib.parse import quote

from gateway import control
from gateway.accounts import FIRST
from gateway.control import add_asking, state_dir
from gateway.errors import Fault, SettingsError

HELP = "who may sign in: list, add, change the role or password, remove; the first password of a new box"
EXAMPLE = """
village users first-password
village users add lin --role operator --person lin --title 'Lin'
village users password lin
village users role lin admin
village users remove lin
"""
ROLES = ("viewer", "worker", "operator", "admin")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    add_asking(what, "list", "everybody, his role and since when")
    add_asking(what, "first-password", "the password that a new box was given, until it is changed")
    add = add_asking(
        what, "add", "somebody new; a password is asked for, he must choose another one at first"
    )
    add.add_argument("user", metavar="USER")
    add.add_argument("--role", choices=ROLES, required=True)
    add.add_argument("--person", help="who of the site he is")
    add.add_argument("--title", default="", help="as others call him")
    add.add_argument("--lang", choices=["zh", "en"], help="his language (default: the site's)")
    password = add_asking(
        what, "password", "another password, e.g. when he has forgotten his; all his sessions end"
    )
    password.add_argument("user", metavar="USER")
    role = add_asking(what, "role", "what somebody may do from now on")
    role.add_argument("user", metavar="USER")
    role.add_argument("role", choices=ROLES)
    remove = add_asking(what, "remove", "somebody may not come in any more; his sessions end at once")
    remove.add_argument("user", metavar="USER")


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    state = state_dir(args.state, args.site)
    path = "/api/v1/users"
    match args.what:
        case "first-password":
            print(_first(state / FIRST))
        case "list":
            for one in control.ask(state, path):
                changing = "  must choose a password" if one["must_change"] else ""
                print(f"{one['user']:<20}{one['role']:<10}{one['person'] or '-':<16}{one['name']}{changing}")
        case "add":
            facts = {"role": args.role, "person": args.person, "name": args.title, "language": args.lang}
            control.ask(state, path, body={"user": args.user, "password": _asked(), **facts})
            print(f"{args.user} may sign in as {args.role}")
        case "password":
            control.ask(state, f"{path}/{quote(args.user)}", method="PATCH", body={"password": _asked()})
            print(f"{args.user} has another password and must choose his own at the next sign-in")
        case "role":
            control.ask(state, f"{path}/{quote(args.user)}", method="PATCH", body={"role": args.role})
            print(f"{args.user} is {args.role}")
        case _:
            control.ask(state, f"{path}/{quote(args.user)}", method="DELETE")
            print(f"{args.user} may not come in any more")
    return 0


def _first(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError as error:
        remedy = "it is gone once it was changed; village users password USER gives anybody another"
        raise SettingsError(Fault(str(file), 0, "", f"cannot be read ({error.strerror})", remedy)) from error


def _asked() -> str:
    """A password: typed twice on a terminal, else the first line of what is piped in; never on the command line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("password: ")
    if getpass.getpass("again: ") != password:
        raise SettingsError(Fault("", 0, "", "the two are not the same"))
    return password
