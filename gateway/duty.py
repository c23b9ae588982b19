"""Who answers for a part of the village at a moment, and where the rota has holes. Pure; time is an argument."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from gateway.people import Contact, DutySettings, Group, Person, Swap
from gateway.places import Cell
from gateway.rota import Calendar

Why = Literal["no_cell", "no_role", "nobody", "leave", "swapped", "no_channel", "broken", "already"]
LONGEST_QUIET = timedelta(days=7)  # quiet hours that never end are held no longer than this
LEVELS = (1, 2, 3, 4)


class Post(NamedTuple):
    """What somebody can be on duty for: a cell, or a role in it."""

    cell: str
    role: str | None = None


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Somebody who answers now.

    Attributes:
        person: Who.
        contacts: His working channels, in the order to try; never empty.
    """

    person: str
    contacts: tuple[Contact, ...]


@dataclass(frozen=True, slots=True)
class Skipped:
    """Why somebody (or a whole level: no person) is not told.

    Attributes:
        person: Who; unset for a level as a whole.
        why: ``no_cell``: nothing of this level lies above the cell. ``no_role``: nobody above has the role. ``nobody``:
            the rota names nobody now. ``leave``, ``swapped``: is away, has been replaced. ``no_channel``, ``broken``:
            has none, or none that works now. ``already``: was told at a lower level.
    """

    person: str | None
    why: Why


@dataclass(frozen=True, slots=True)
class Answer:
    """Who answers at a level.

    Attributes:
        post: For what; unset when there is no such post.
        people: Who can be told.
        skipped: Who cannot, and why.
    """

    post: Post | None
    people: tuple[OnDuty, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which nobody who can be reached is on duty for a post."""

    post: Post
    level: int
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class CallOut:
    """How far a group that must answer one by one has come.

    Attributes:
        answered: Who has. waiting: Who has not and can be reached.
        unreachable: Who has not and cannot be told, and why.
        complete: All have, or one has where one is enough.
        again: When those who wait are called again; unset when it is complete or nobody can be called.
    """

    answered: tuple[str, ...]
    waiting: tuple[OnDuty, ...]
    unreachable: tuple[Skipped, ...]
    complete: bool
    again: datetime | None


class Roster:
    """The people of a site and their duties.

    Args:
        cells: By slug. people: By slug. settings: ``duty:`` of the site file.
        zone: The site's; wall times are its own.
    """

    def __init__(
        self, cells: Mapping[str, Cell], people: Mapping[str, Person], settings: DutySettings, zone: ZoneInfo
    ) -> None:
        self.cells = cells
        self.people = people
        self.settings = settings
        self.calendar = Calendar(zone, settings.holidays, settings.workdays)
        self._posts = {Post(shift.cell, shift.role) for shift in settings.rota}

    def chain(self, cell: str) -> Iterator[str]:
        """The cell and every larger one that it lies in."""
        here: str | None = cell
        seen: set[str] = set()
        while here is not None and here in self.cells and here not in seen:
            seen.add(here)
            yield here
            here = self.cells[here].parent

    def post(self, cell: str, level: int, role: str | None = None) -> Post | None:
        """What is answered for at a level: at level 1 the role, where one is asked for, nearest to the cell."""
        if level == 1 and role is not None:
            held = (here for here in self.chain(cell) if self._has_role(here, role))
            found = next(held, None)
            return None if found is None else Post(found, role)
        found = next((here for here in self.chain(cell) if self.cells[here].level == level), None)
        return None if found is None else Post(found)

    def answers(
        self,
        cell: str,
        level: int,
        at: datetime,
        *,
        role: str | None = None,
        broken: Set[str] = frozenset(),
    ) -> Answer:
        """Who answers for a cell at a level and moment.

        Args:
            cell: Slug.
            level: 1 (micro-grid) to 4 (township).
            at: Aware.
            role: At level 1: who with this role, instead of who is on duty for the micro-grid.
            broken: Channels that do not work now.
        """
        post = self.post(cell, level, role)
        if post is None:
            return Answer(None, (), (Skipped(None, "no_role" if level == 1 and role else "no_cell"),))
        named, skipped = self._named(post, at)
        people = []
        for slug in named:
            one = self.reach(slug, at, broken)
            if isinstance(one, OnDuty):
                people.append(one)
            else:
                skipped.append(one)
        if not people and not skipped:
            skipped.append(Skipped(None, "nobody"))
        return Answer(post, tuple(people), tuple(skipped))

    def reach(self, person: str, at: datetime, broken: Set[str] = frozenset()) -> OnDuty | Skipped:
        """Somebody with his working channels, or why he cannot be told."""
        if any(leave.person == person and leave.holds(at, self.calendar) for leave in self.settings.leave):
            return Skipped(person, "leave")
        contacts = self.people[person].contacts
        working = tuple(contact for contact in contacts if contact.channel not in broken)
        if not working:
            return Skipped(person, "broken" if contacts else "no_channel")
        return OnDuty(person, working)

    def quiet_until(self, person: str, at: datetime) -> datetime | None:
        """When the quiet hours end that somebody is in; None when he is in none."""
        own = self.people[person].quiet
        by_role = (
            self.settings.quiet[role] for role in self.people[person].roles if role in self.settings.quiet
        )
        windows = own if own is not None else next(by_role, [])
        end = at
        while end - at < LONGEST_QUIET:
            ends = [stretch[1] for window in windows if (stretch := window.holds(end, self.calendar))]
            if not ends:
                break
            end = max(ends)
        return end if end > at else None

    def call_out(
        self, group: Group, at: datetime, answered: Set[str], broken: Set[str] = frozenset()
    ) -> CallOut:
        """Who of a group has answered and who is to be chased (alerting reference 4.10, ``must_all_ack``)."""
        by_role = [slug for slug, one in self.people.items() if set(one.roles) & set(group.roles)]
        members = list(dict.fromkeys([*group.people, *by_role]))
        done = tuple(slug for slug in members if slug in answered)
        left = [self.reach(slug, at, broken) for slug in members if slug not in answered]
        complete = len(done) == len(members) if group.must_all_ack else bool(done)
        waiting = tuple(one for one in left if isinstance(one, OnDuty))
        return CallOut(
            done,
            waiting,
            tuple(one for one in left if isinstance(one, Skipped)),
            complete,
            at + group.chase if waiting and not complete else None,
        )

    def gaps(self, start: datetime, end: datetime) -> list[Gap]:
        """Where nobody who can be reached is on duty, from one moment to another; every cell and every role's post."""
        posts = [Post(slug) for slug in self.cells] + sorted(post for post in self._posts if post.role)
        edges = sorted({start, end, *self._edges(start, end)})
        found: list[Gap] = []
        for post in posts:
            level = self.cells[post.cell].level
            for begin, stop in pairwise(edges):
                if any(isinstance(self.reach(slug, begin), OnDuty) for slug in self._named(post, begin)[0]):
                    continue
                if found and found[-1].post == post and found[-1].end == begin:
                    begin = found.pop().start  # noqa: PLW2901  # one hole, not several that touch
                found.append(Gap(post, level, begin, stop))
        return found

    def _has_role(self, cell: str, role: str) -> bool:
        return Post(cell, role) in self._posts or any(
            role in self.people[slug].roles for slug in self.cells[cell].members
        )

    def _named(self, post: Post, at: datetime) -> tuple[list[str], list[Skipped]]:
        """Who is on duty on paper: the override of the day, else the rota with its swaps, else the members."""
        swaps = [swap for swap in self.settings.swaps if swap.holds(at, self.calendar)]
        standing = self._standing(post, at)
        for swap in swaps:
            if not swap.instead_of and (swap.cell, swap.role) == post:
                gone = [Skipped(slug, "swapped") for slug in standing if slug not in swap.people]
                return list(dict.fromkeys(swap.people)), gone
        named: list[str] = []
        gone = []
        for slug in standing:
            stands_in = next(
                (swap for swap in swaps if slug in swap.instead_of and _concerns(swap, post)), None
            )
            if stands_in is None:
                named.append(slug)
            else:
                gone.append(Skipped(slug, "swapped"))
                named += stands_in.people
        return list(dict.fromkeys(named)), gone

    def _standing(self, post: Post, at: datetime) -> list[str]:
        if post in self._posts:
            shifts = (shift for shift in self.settings.rota if (shift.cell, shift.role) == post)
            on = [slug for shift in shifts if shift.holds(at, self.calendar) for slug in shift.people]
            return list(dict.fromkeys(on))
        members = self.cells[post.cell].members
        return [slug for slug in members if post.role is None or post.role in self.people[slug].roles]

    def _edges(self, start: datetime, end: datetime) -> Iterator[datetime]:
        for shift in self.settings.rota:
            yield from shift.edges(start, end, self.calendar)
        for span in (*self.settings.swaps, *self.settings.leave):
            yield from (edge for edge in span.instants(self.calendar) if start < edge < end)


def _concerns(swap: Swap, post: Post) -> bool:
    return swap.cell in {None, post.cell} and swap.role in {None, post.role}
