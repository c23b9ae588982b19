"""``village doctor``: what is wrong with the running gateway, and what cures it."""

from __future__ import annotations

import argparse
import json

from gateway.commands.status import add_daemon, ask_status
from gateway.doctor import examine
from gateway.site import load_words

HELP = "what is wrong with the running gateway, and how to cure it"
EXAMPLE = """
village doctor
village doctor /etc/village --lang en
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    add_daemon(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object per problem")


def run(args: argparse.Namespace) -> int:
    """Print every problem with its cure; the exit code is 1 when something urgent is wrong."""
    status, language = ask_status(args)
    problems = examine(status)
    say = load_words(language)
    for problem in problems:
        said = say(f"doctor.{problem.kind}", **problem.facts)
        help_text = say(f"cure.{problem.kind}", **problem.facts)
        if args.json:
            line = {"problem": problem.kind, "urgent": problem.urgent, "text": said, "cure": help_text}
            print(json.dumps(line, ensure_ascii=False))
        else:
            print(f"{'!!' if problem.urgent else ' -'} {said}\n   {say('doctor.cure')}: {help_text}")
    if not args.json:
        key = "doctor.count" if problems else "doctor.healthy"
        print(say(key, number=len(problems)))
    return int(any(problem.urgent for problem in problems))
