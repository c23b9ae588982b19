"""``village duty``: who is told of what happens, when, over which channel, and why somebody is not."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from gateway import files
from gateway.duty import Post, Roster, Skipped
from gateway.errors import Fault, SettingsError
from gateway.escalation import Plan, Step, Told, plan
from gateway.names import roster_of
from gateway.people import URGENCY_OF, Contact, Urgency, masked
from gateway.rounds import round_of
from gateway.schema import duration, in_words
from gateway.site import Site, load_site, load_words
from gateway.times import Times
from gateway.words import Words

HELP = "who is told of what happens, when, over which channel, and why somebody is not"
EXAMPLE = """
village duty /etc/village
village duty /etc/village --device bin-01 --severity warning --at '2026-12-05 22:30'
village duty /etc/village --gaps 14d
village duty /etc/village --round cleaner --cell shanxia
village duty /etc/village --group flood --answered wang
"""

T = TypeVar("T")
LONGEST_LOOK = timedelta(days=366)


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument(
        "site", type=Path, nargs="?", default=Path(), help="folder with village.yaml (default: here)"
    )
    parser.add_argument("--at", metavar="TIME", help="on the site's wall clock (default: now)")
    parser.add_argument("--cell", help="where it happens (default: every smallest cell)")
    parser.add_argument("--device", help="or the device that it happens to: its cell and its role")
    parser.add_argument("--role", help="who is told first there, e.g. cleaner")
    parser.add_argument("--severity", choices=sorted(URGENCY_OF), default="critical", help="how bad it is")
    parser.add_argument("--never-quiet", action="store_true", help="as if quiet hours did not count")
    parser.add_argument(
        "--broken", action="append", default=[], metavar="CHANNEL", help="as if this channel did not work"
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--gaps", metavar="TIME", help="where nobody is on duty, e.g. in the next 14d")
    mode.add_argument("--group", help="who is called with this group, and who has still to answer")
    mode.add_argument("--round", metavar="ROLE", help="the devices of this role in walking order")
    parser.add_argument(
        "--answered", action="append", default=[], metavar="PERSON", help="with --group: has answered"
    )
    parser.add_argument("--full", action="store_true", help="show numbers and addresses in full")
    parser.add_argument("--json", action="store_true", help="everything, as one JSON object")
    parser.add_argument("--lang", choices=["zh", "en"], help="language of the answer (default: the site's)")


def run(args: argparse.Namespace) -> int:
    """Print the plan, the holes, the group or the round; 1 when somebody is missing who should be there."""
    site = load_site(args.site)
    zone = site.village.site.zone
    office = _Office(
        site,
        roster_of(site.village),
        load_words(args.lang or site.village.site.language),
        _given(lambda: Times(zone).read(args.at), "--at") if args.at else datetime.now(UTC),
        full=args.full,
    )
    if args.gaps:
        answer = office.gaps(_horizon(args.gaps))
    elif args.group:
        answer = office.group(args.group, args.answered, args.broken)
    elif args.round:
        answer = office.round(args.round, args.cell)
    else:
        answer = office.plans(args)
    if args.json:
        print(json.dumps(answer.facts, ensure_ascii=False))
    else:
        print("\n".join(answer.lines))
    return int(answer.missing)


@dataclass(frozen=True)
class _Answer:
    """What is said: for programs, for people, and whether somebody is missing."""

    facts: dict[str, Any]
    lines: list[str]
    missing: bool = False


class _Office:
    """Answers questions about one site at one moment."""

    def __init__(self, site: Site, roster: Roster, say: Words, at: datetime, *, full: bool) -> None:
        self._site = site
        self._village = site.village
        self._roster = roster
        self._say = say
        self._at = at
        self._full = full
        self._zone: ZoneInfo = site.village.site.zone

    def plans(self, args: argparse.Namespace) -> _Answer:
        """Who is told where."""
        urgency = URGENCY_OF[args.severity]
        role = args.role
        if args.device:
            device = self._village.devices[_known(args.device, self._village.devices, "--device")]
            cell, role = args.cell or device.cell, role or device.role
            if cell is None:
                raise SettingsError(
                    Fault("", 0, "--device", f"{args.device} belongs to no cell", "add its cell, or --cell")
                )
            cells = [_known(cell, self._village.cells, "--cell")]
        elif args.cell:
            cells = [_known(args.cell, self._village.cells, "--cell")]
        else:
            parents = {cell.parent for cell in self._village.cells.values()}
            cells = [slug for slug in self._village.cells if slug not in parents]
        broken = {_known(name, self._village.channels, "--broken") for name in args.broken}
        made = {
            cell: plan(
                self._roster, cell, urgency, self._at,
                role=role, never_quiet=args.never_quiet, broken=broken,
            )
            for cell in cells
        }  # fmt: skip
        facts = {
            "at": self._iso(self._at),
            "severity": urgency,
            "role": role,
            "cells": {cell: self._plan_facts(one) for cell, one in made.items()},
        }
        lines = [self._head(urgency), *(line for cell, one in made.items() for line in self._page(cell, one))]
        if not made:
            lines.append(self._say("duty.no_cells"))
        return _Answer(facts, lines, not made or any(one.nobody for one in made.values()))

    def gaps(self, horizon: timedelta) -> _Answer:
        """Where nobody who can be reached is on duty."""
        gaps = self._roster.gaps(self._at, self._at + horizon)
        facts = [
            {
                "cell": gap.post.cell,
                "role": gap.post.role,
                "level": gap.level,
                "from": self._iso(gap.start),
                "until": self._iso(gap.end),
            }
            for gap in gaps
        ]
        lines = [
            f"  {self._day(gap.start)} – {self._day(gap.end)}  L{gap.level} {self._post(gap.post)}"
            for gap in gaps
        ]
        head = self._say("duty.gaps" if gaps else "duty.no_gaps", number=len(gaps), horizon=in_words(horizon))
        return _Answer({"at": self._iso(self._at), "gaps": facts}, [head, *lines], bool(gaps))

    def group(self, name: str, answered: Sequence[str], broken: Sequence[str]) -> _Answer:
        """Who is called together, and who is chased."""
        group = self._village.duty.groups[_known(name, self._village.duty.groups, "--group")]
        done = {_known(person, self._village.people, "--answered") for person in answered}
        call = self._roster.call_out(group, self._at, done, set(broken))
        total = len(call.answered) + len(call.waiting) + len(call.unreachable)
        facts = {
            "at": self._iso(self._at),
            "group": name,
            "must_all_ack": group.must_all_ack,
            "answered": list(call.answered),
            "waiting": [
                {"person": one.person, "channels": self._contact_facts(one.contacts)} for one in call.waiting
            ],
            "skipped": [self._skipped_facts(one) for one in call.unreachable],
            "complete": call.complete,
            "again": None if call.again is None else self._iso(call.again),
        }
        key = "duty.group_all" if group.must_all_ack else "duty.group_one"
        lines = [self._say(key, group=group.name or name, answered=len(call.answered), total=total)]
        lines += [f"  {self._name(one.person)}  {self._contacts(one.contacts)}" for one in call.waiting]
        lines += [f"  {self._why(one)}" for one in call.unreachable]
        if call.again is not None:
            lines.append(self._say("duty.again", at=self._day(call.again)))
        return _Answer(facts, lines, not call.complete and not call.waiting)

    def round(self, role: str, cell: str | None) -> _Answer:
        """The devices of a role, as one would walk."""
        if cell is not None:
            _known(cell, self._village.cells, "--cell")
        one = round_of(self._village, self._roster, role, cell)
        way, unit = round(one.length), "m" if one.on == "earth" else "px"
        facts = {"role": role, "from": one.start, "stops": list(one.stops), "length": way, "on": one.on}
        head = self._say("duty.round", role=role, start=self._cell(one.start), length=f"{way} {unit}")
        names = (
            f"  {n:>2} {slug}  {self._village.devices[slug].name}" for n, slug in enumerate(one.stops, 1)
        )
        return _Answer(facts, [head, *names])

    def _plan_facts(self, one: Plan) -> dict[str, Any]:
        return {
            "nobody": one.nobody,
            "repeat_s": None if one.repeat is None else one.repeat.total_seconds(),
            "steps": [self._step_facts(step) for step in one.steps],
        }

    def _step_facts(self, step: Step) -> dict[str, Any]:
        post = step.answer.post
        return {
            "level": step.level,
            "at": self._iso(step.at),
            "at_once": step.at_once,
            "cell": None if post is None else post.cell,
            "role": None if post is None else post.role,
            "told": [
                {
                    "person": told.person,
                    "name": self._name(told.person),
                    "at": self._iso(told.at),
                    "quiet": told.quiet,
                    "channels": self._contact_facts(told.contacts),
                }
                for told in step.told
            ],
            "skipped": [self._skipped_facts(one) for one in step.skipped],
        }

    def _skipped_facts(self, one: Skipped) -> dict[str, Any]:
        return {"person": one.person, "why": one.why}

    def _contact_facts(self, contacts: Sequence[Contact]) -> list[dict[str, str]]:
        return [{"channel": each.channel, "to": self._address(each)} for each in contacts]

    def _head(self, urgency: Urgency) -> str:
        site = self._village.site
        return self._say(
            "duty.head",
            name=site.name or site.slug,
            at=self._day(self._at),
            zone=site.timezone,
            severity=self._say(f"duty.{urgency}"),
        )

    def _page(self, cell: str, one: Plan) -> Iterator[str]:
        yield f"{self._cell(cell)} ({cell})"
        for step in one.steps:
            post = step.answer.post
            of = self._say(f"duty.level_{step.level}") if post is None else self._post(post)
            note = f"  ({self._say('duty.at_once')})" if step.at_once else ""
            yield f"  {self._clock(step.at)}  L{step.level} {of}{note}"
            for told in step.told:
                yield f"           {self._told(told)}"
            for skipped in step.skipped:
                yield f"         - {self._why(skipped)}"
        if one.nobody:
            yield f"  {self._say('duty.nobody_at_all')}"
        elif one.repeat is not None:
            yield f"  {self._say('duty.repeat', every=in_words(one.repeat))}"

    def _told(self, told: Told) -> str:
        quiet = f"  {self._say('duty.quiet', at=self._day(told.at))}" if told.quiet else ""
        return f"{self._name(told.person)}  {self._contacts(told.contacts)}{quiet}"

    def _contacts(self, contacts: Sequence[Contact]) -> str:
        return " > ".join(f"{each.channel} {self._address(each)}".rstrip() for each in contacts)

    def _why(self, skipped: Skipped) -> str:
        why = self._say(f"duty.why_{skipped.why}")
        return why if skipped.person is None else f"{self._name(skipped.person)}: {why}"

    def _address(self, contact: Contact) -> str:
        return contact.to if self._full else masked(contact.to)

    def _name(self, person: str) -> str:
        return self._village.people[person].name

    def _cell(self, cell: str) -> str:
        return self._village.cells[cell].name or cell

    def _post(self, post: Post) -> str:
        return f"{self._cell(post.cell)}, {post.role}" if post.role else self._cell(post.cell)

    def _iso(self, at: datetime) -> str:
        return at.astimezone(self._zone).isoformat(timespec="seconds")

    def _day(self, at: datetime) -> str:
        return f"{at.astimezone(self._zone):%Y-%m-%d %H:%M}"

    def _clock(self, at: datetime) -> str:
        return f"{at.astimezone(self._zone):%H:%M}"


def _known(name: str, known: Mapping[str, object], key: str) -> str:
    if name not in known:
        raise SettingsError(Fault("", 0, key, f"{name!r} is not known", files.nearest(name, list(known))))
    return name


def _horizon(text: str) -> timedelta:
    span = _given(lambda: duration(text), "--gaps")
    if not timedelta(0) < span <= LONGEST_LOOK:
        raise SettingsError(Fault("", 0, "--gaps", f"{text} is too short or too long", "at most 366d"))
    return span


def _given(read: Callable[[], T], key: str) -> T:
    try:
        return read()
    except ValueError as error:
        raise SettingsError(Fault("", 0, key, str(error))) from error
