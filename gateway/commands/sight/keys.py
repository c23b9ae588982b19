"""``village vision keys``: the pair that seals originals on the box and opens them elsewhere."""

from __future__ import annotations

import argparse
import getpass
import os
from pathlib import Path

from gateway.evidence.sealed import new_keys
from gateway.site import load_words

HELP = "make the pair of keys that seals originals on the box and opens them in the township"
EXAMPLE = """
village vision keys new /media/usb/keys
village vision keys new ./keys --password
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument("action", choices=["new"])
    parser.add_argument("folder", type=Path, help="where both keys are written; nothing may be there yet")
    parser.add_argument(
        "--password", action="store_true", help="lock the private key (asked for, or on stdin)"
    )
    parser.add_argument("--lang", choices=["zh", "en"], default="zh", help="language of the answer")


def run(args: argparse.Namespace) -> int:
    """Make them and say where each belongs."""
    say = load_words(args.lang)
    public, private = new_keys(args.folder, asked_password(twice=True) if args.password else None)
    print(say("keys.made", public=public, private=private))
    print(say("keys.advice"))
    print(say("keys.in_the_site", public=public.resolve()))
    return 0


def asked_password(*, twice: bool = False) -> str:
    """From the terminal without showing it, else the first line of standard input; never from the command line."""
    if not os.isatty(0):
        return input()
    while True:
        first = getpass.getpass("password: ")
        if not twice or first == getpass.getpass("again: "):
            return first
