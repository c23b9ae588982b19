"""When something that can wait is told together with others: the next round, the next digest, Monday at eight. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from gateway.duty import Roster
from gateway.people import Turn
from gateway.rota import WEEK
from gateway.rules.language import BATCH_DAYS

LEAD = timedelta(minutes=30)  # a round is told so long before it begins (alerting reference 4.7)
ROUND = "next_round"
_WHEN = re.compile(r"(?:([A-Za-z]+) )?([0-9]{2}):([0-9]{2})")


@dataclass(frozen=True, slots=True)
class Slot:
    """When it is told.

    Attributes:
        pile: ``round`` or ``digest``.
        at: When.
        until: From when on it is of no use: the next one speaks for it.
        joins: The round that has been told already and has not begun: it may still join that one.
        round: The round that it is told for, when it is a round.
    """

    pile: str
    at: datetime
    until: datetime
    joins: datetime | None = None
    round: datetime | None = None


def slot(batch: str, roles: Iterable[str], now: datetime, roster: Roster) -> Slot | None:
    """When something that waits for ``batch`` is told; None: at once (there are no digests).

    Args:
        batch: ``next_round``, ``digest``, ``08:00``, ``monday 08:00``.
        roles: Of those whose round it is, the first one with rounds counts.
        now: Now.
        roster: Whose rounds and digests.
    """
    if batch == ROUND:
        rounds = next(
            (roster.settings.rounds[role] for role in roles if roster.settings.rounds.get(role)), None
        )
        if rounds:
            return _round(rounds, now, roster)
    found = _WHEN.fullmatch(batch)
    if found is not None:
        days = WEEK if found.group(1) is None else (WEEK[BATCH_DAYS[found.group(1).lower()]],)
        turns = [Turn(at=time(int(found.group(2)), int(found.group(3))), days=days)]
    else:
        turns = roster.settings.digests
    if not turns:
        return None
    at = soonest(turns, now, roster)
    return Slot("digest", at, at + timedelta(hours=12))


def _round(rounds: list[Turn], now: datetime, roster: Roster) -> Slot:
    begins = soonest(rounds, now, roster)
    if begins - LEAD > now:
        return Slot("round", begins - LEAD, soonest(rounds, begins, roster) - LEAD, round=begins)
    later = soonest(rounds, begins, roster)
    return Slot("round", later - LEAD, soonest(rounds, later, roster) - LEAD, joins=begins, round=later)


def soonest(turns: Iterable[Turn], after: datetime, roster: Roster) -> datetime:
    """The first of several times of the day."""
    return min(turn.next(after, roster.calendar) for turn in turns)
