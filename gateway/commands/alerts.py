"""``village alerts``: what is not normal now, who was told of it and by what; and taking one on."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gateway import control
from gateway.commands.status import add_daemon, alert_lines, ask_status
from gateway.control import add_state, state_dir
from gateway.errors import Fault, SettingsError
from gateway.schema import duration
from gateway.site import load_words
from gateway.words import Language, Words

HELP = "what is not normal now and who was told of it; take an alert on, put it aside"
EXAMPLE = """
village alerts list
village alerts ack house-tilt house-07 --by 'Lin' --state /var/lib/village
village alerts shelve ph-class3 pond-1 --for 6h --by 'Lin' --why 'lime was spread' --state /var/lib/village
village alerts maintain cam-03 --for 2d --by 'Lin' --why 'new pole' --state /var/lib/village
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
    _common(ack)
    shelve = what.add_parser(
        "shelve", help="put an alert aside for at most 24 h; it is told again then, if it is so"
    )
    shelve.add_argument("rule", metavar="RULE")
    shelve.add_argument("target", metavar="TARGET", help="as village status shows it")
    unshelve = what.add_parser("unshelve", help="take it up again before its time")
    unshelve.add_argument("rule", metavar="RULE")
    unshelve.add_argument("target", metavar="TARGET", help="as village status shows it")
    maintain = what.add_parser("maintain", help="a device or cell is out of service: nothing of it is told")
    maintain.add_argument("place", metavar="DEVICE", help="a device, or a cell with all its devices")
    maintain.add_argument("--end", action="store_true", help="back in service")
    for one, until in ((shelve, True), (unshelve, False), (maintain, True)):
        one.add_argument("--by", required=True, metavar="WHO", help="who says so")
        if until:
            one.add_argument("--for", dest="span", metavar="TIME", type=_span, help="how long, e.g. 6h or 2d")
            one.add_argument("--why", default="", help="in a few words")
        _common(one)


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--site", type=Path, metavar="DIR", default=Path(), help="folder with village.yaml")
    add_state(parser)


def _span(text: str) -> timedelta:
    try:
        return duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    if args.what != "list":
        print(_act(args))
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


def _act(args: argparse.Namespace) -> str:
    """What a person does about an alert; what was done, in a line."""
    state = state_dir(args.state, args.site)

    def ask(path: str, method: str = "POST", **body: Any) -> None:
        control.ask(state, f"/api/v1/{path}", method=method, body={**body, "by": args.by}, timeout_s=40)

    until: dict[str, Any] = {}
    if getattr(args, "span", None) is not None:
        until = {"minutes": max(1, round(args.span.total_seconds() / 60)), "why": args.why}
    elif args.what == "shelve" or (args.what == "maintain" and not args.end):
        raise SettingsError(Fault("", 0, "--for", "is missing", "say how long, e.g. --for 6h"))
    if args.what == "maintain":
        ask("maintenance", "DELETE" if args.end else "POST", device=args.place, **until)
        return f"{args.place}: {'back in' if args.end else 'out of'} service"
    ask(f"alerts/{args.what}", rule=args.rule, target=args.target, **until)
    done = {"ack": "taken on by", "shelve": "put aside by", "unshelve": "taken up again by"}[args.what]
    return f"{args.rule} {args.target}: {done} {args.by}"


def told_lines(alert: Mapping[str, Any], language: Language) -> Iterator[str]:
    """Who was or will be told of an alert, one line each."""
    say = load_words(language)
    for mask in alert.get("masks", []):
        yield "    " + _mask(mask, say)
    answers = alert.get("answers")
    if answers:
        names = ", ".join(answers["answered"]) or "-"
        yield "    " + say("told.answers", number=len(answers["answered"]), of=answers["of"], names=names)
    taken = alert["acknowledged"]
    if taken:
        yield "    " + say("told.acknowledged", by=taken["by"], at=_time(taken["at"]))
    if not alert["told"] and not taken and alert["state"] != "pending":
        yield "    " + say("told.nobody")
    for one in alert["told"]:
        when = _time(one["settled_at"] or one["not_before"])
        level = f"L{one['level']}" if one["level"] else "--"
        why = f"  {one['why']}" if one["why"] else ""
        tries = f" x{one['attempts']}" if one["attempts"] > 1 else ""
        yield (
            f"    {when}  {level} {one['person']:<12}{one['channel']:<10}{say('told.' + one['state'])}{tries}{why}"
        )


def _mask(mask: Mapping[str, Any], say: Words) -> str:
    parts = [say(f"mask.{mask['kind']}")]
    parts += [say("mask.until", at=_time(mask["until"]))] if mask["until"] else []
    return "  ".join([*parts, *(part for part in (mask["by"], mask["why"]) if part)])


def _time(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone():%m-%d %H:%M}"
