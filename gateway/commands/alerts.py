"""``village alerts``: what is not normal now, who was told of it and by what; and taking one on."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from gateway import control
from gateway.commands.status import add_daemon, alert_lines, ask_status
from gateway.control import add_state, state_dir
from gateway.site import load_words
from gateway.words import Language

HELP = "what is not normal now and who was told of it; take an alert on"
EXAMPLE = """
village alerts list
village alerts ack house-tilt house-07 --by 'Lin' --state /var/lib/village
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    listing = what.add_parser("list", help="every open alert: who was told, when, over what, or why not")
    add_daemon(listing)
    listing.add_argument("--json", action="store_true", help="as one JSON list")
    ack = what.add_parser("ack", help="somebody has taken it on: nobody else is called for it")
    ack.add_argument("rule", metavar="RULE")
    ack.add_argument("target", metavar="TARGET", help="as village status shows it")
    ack.add_argument("--by", required=True, metavar="WHO", help="who has taken it on")
    ack.add_argument("--site", type=Path, metavar="DIR", default=Path(), help="folder with village.yaml")
    add_state(ack)


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    if args.what == "ack":
        asked = urlencode({"rule": args.rule, "target": args.target, "by": args.by})
        state = state_dir(args.state, args.site)
        control.ask(state, f"/api/v1/alerts/ack?{asked}", method="POST", timeout_s=40)
        print(f"{args.rule} {args.target}: taken on by {args.by}")
        return 0
    status, language = ask_status(args)
    if args.json:
        print(json.dumps(status["alerts"], ensure_ascii=False))
        return 0
    for alert in status["alerts"] or [None]:
        lines = list(alert_lines([alert] if alert else [], language))
        print(lines[-1].strip())
        for line in told_lines(alert, language) if alert else ():
            print(line)
    return 0


def told_lines(alert: Mapping[str, Any], language: Language) -> Iterator[str]:
    """Who was or will be told of an alert, one line each."""
    say = load_words(language)
    taken = alert["acknowledged"]
    if taken:
        yield "    " + say("told.acknowledged", by=taken["by"], at=_time(taken["at"]))
    if not alert["told"] and not taken:
        yield "    " + say("told.nobody")
    for one in alert["told"]:
        when = _time(one["settled_at"] or one["not_before"])
        level = f"L{one['level']}" if one["level"] else "--"
        why = f"  {one['why']}" if one["why"] else ""
        tries = f" x{one['attempts']}" if one["attempts"] > 1 else ""
        yield (
            f"    {when}  {level} {one['person']:<12}{one['channel']:<10}{say('told.' + one['state'])}{tries}{why}"
        )


def _time(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone():%m-%d %H:%M}"
