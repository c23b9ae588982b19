"""Whom a matter reaches, when, and over what: the ladder of four levels (alerting reference 4.10). Pure."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.duty import LEVELS, Answer, OnDuty, Roster, Skipped
from gateway.people import Contact, Urgency


@dataclass(frozen=True, slots=True)
class Told:
    """One person's turn.

    Attributes:
        person: Who.
        contacts: His working channels, in the order to try.
        at: When: with his level, or when his quiet hours end.
        quiet: He is left alone until then.
    """

    person: str
    contacts: tuple[Contact, ...]
    at: datetime
    quiet: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One level's turn.

    Attributes:
        level: 1 to 4.
        at: When.
        at_once: Earlier than its own time, since nobody below could be told.
        answer: For what, and who of it is skipped and why.
        told: Who is told, in order.
        skipped: Who is not, and why; those told at a lower level as well.
    """

    level: int
    at: datetime
    at_once: bool
    answer: Answer
    told: tuple[Told, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole climb, as long as nobody answers.

    Attributes:
        steps: From the lowest level up.
        repeat: How long until the same people are told again; unset: once.
    """

    steps: tuple[Step, ...]
    repeat: timedelta | None

    @property
    def nobody(self) -> bool:
        """Nobody at all can be told."""
        return not any(step.told for step in self.steps)


def plan(
    roster: Roster,
    cell: str,
    urgency: Urgency,
    at: datetime,
    *,
    role: str | None = None,
    never_quiet: bool = False,
    broken: Set[str] = frozenset(),
) -> Plan:
    """The escalation of a matter that begins now.

    A level that nobody answers for, or whose people have no working channel, passes to the next at once. Levels beyond
    the ladder are reached only in this way, while nobody has been told. Each level is asked who is on duty at its own
    time, so that a change of shift counts.

    Args:
        roster: The people.
        cell: Where it is.
        urgency: Which ladder.
        at: When it is first told, aware.
        role: Who at level 1 is told first.
        never_quiet: Quiet hours do not count; they never do for critical ones (alerting reference 4.9).
        broken: Channels that do not work now.
    """
    ladder = roster.settings.ladders.of(urgency)
    loud = never_quiet or urgency == "critical"
    steps: list[Step] = []
    reached: set[str] = set()
    passed_on = False
    for level in LEVELS:
        after = ladder.after[level - 1] if level <= len(ladder.after) else None
        if after is None and (reached or not passed_on):
            break
        when = steps[-1].at if passed_on else at + (after or timedelta(0))
        answer = roster.answers(cell, level, when, role=role, broken=broken)
        told = tuple(
            _told(roster, one, when, loud=loud) for one in answer.people if one.person not in reached
        )
        already = tuple(Skipped(one.person, "already") for one in answer.people if one.person in reached)
        at_once = passed_on and (after is None or when < at + after)
        steps.append(Step(level, when, at_once, answer, told, answer.skipped + already))
        reached |= {one.person for one in told}
        passed_on = not answer.people
    return Plan(tuple(steps), ladder.repeat)


def _told(roster: Roster, one: OnDuty, when: datetime, *, loud: bool) -> Told:
    until = None if loud else roster.quiet_until(one.person, when)
    return Told(one.person, one.contacts, until or when, until is not None)
