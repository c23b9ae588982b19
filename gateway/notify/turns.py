"""Whose turn it is: whom a rule's ``tell:`` means for a device, over what, at which times of the ladder. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway import escalation
from gateway.contracts import Device
from gateway.duty import Roster
from gateway.people import Contact, Group, Urgency
from gateway.rules.language import Rule

TECHNICIAN = "technician"  # who is told of the gateway's own alerts


@dataclass(frozen=True, slots=True)
class Call:
    """One person's turn.

    Attributes:
        person: Who. contacts: His working channels, in the order to try.
        at: When. level: Of the ladder. at_once: Earlier than its own time, since nobody below could be told.
        quiet: He is left alone until then.
    """

    person: str
    contacts: tuple[Contact, ...]
    at: datetime
    level: int
    at_once: bool
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Callout:
    """A group of which each must answer himself.

    Attributes:
        group: What people call it.
        people: All of them.
        every: How long until somebody who has not answered is called again.
    """

    group: str
    people: tuple[str, ...]
    every: timedelta


class Turns:
    """Knows whom the rules of a site call.

    Args:
        roster: The people.
        devices: By slug.
        rules: Those that are judged, by id.
    """

    def __init__(self, roster: Roster, devices: Mapping[str, Device], rules: Mapping[str, Rule]) -> None:
        self.roster = roster
        self.devices = devices
        self.rules = rules

    def calls(
        self, rule: str, target: str, urgency: Urgency, now: datetime, broken: Set[str] = frozenset()
    ) -> Sequence[Call]:
        """Everybody's turn, once for each person, the earliest first."""
        found = list(self._all_calls(rule, target, urgency, now, broken))
        if not found and broken:  # better a channel that may be mended than nobody
            found = list(self._all_calls(rule, target, urgency, now, frozenset()))
        first: dict[str, Call] = {}
        for call in sorted(found, key=lambda one: (one.at, one.level)):
            first.setdefault(call.person, call)
        return list(first.values())

    def _all_calls(
        self, rule: str, target: str, urgency: Urgency, now: datetime, broken: Set[str]
    ) -> Iterator[Call]:
        written = self.rules.get(rule)
        tells = list(written.tell) if written is not None else [TECHNICIAN]
        never_quiet = written is not None and written.never_quiet
        device = self.devices.get(target.partition(":")[0])
        cell = (device.settings.cell if device is not None else None) or self._middle()
        posts: list[str | None] = []
        grouped = unknown = False
        for name in tells:
            group = self._group(name, cell)
            if group is not None:
                called = list(self._called(group, urgency, now, broken, never_quiet=never_quiet))
                grouped = grouped or bool(called)
                yield from called
            elif self._is_post(cell, name):
                posts.append(name)
            else:
                unknown = True
        if cell is None:
            return
        if unknown or not (posts or grouped):
            own = device.settings.role if device is not None else None
            posts.append(own if own is not None and self._is_post(cell, own) else None)
        for role in posts or [None]:
            plan = escalation.plan(
                self.roster, cell, urgency, now, role=role, never_quiet=never_quiet, broken=broken
            )
            yield from self._climb(plan, urgency, now, above=not posts)

    def _climb(
        self, plan: escalation.Plan, urgency: Urgency, now: datetime, *, above: bool
    ) -> Iterator[Call]:
        """The turns of a ladder; ``above``: a group stands for level 1, nobody else is told before his own time."""
        after = self.roster.settings.ladders.of(urgency).after
        for step in plan.steps:
            if above and (step.level == 1 or step.level > len(after)):
                continue
            for told in step.told:
                at = max(told.at, now + after[step.level - 1]) if above else told.at
                yield Call(told.person, told.contacts, at, step.level, step.at_once and not above, told.quiet)

    def _called(
        self, group: Group, urgency: Urgency, now: datetime, broken: Set[str], *, never_quiet: bool
    ) -> Iterator[Call]:
        loud = never_quiet or urgency == "critical"
        for one in self.roster.call_out(group, now, frozenset(), broken).waiting:
            until = None if loud else self.roster.quiet_until(one.person, now)
            yield Call(one.person, one.contacts, until or now, 1, at_once=False, quiet=until is not None)

    def _group(self, name: str, cell: str | None) -> Group | None:
        """A group of the site, or everybody with a role that nobody has in or above the cell."""
        group = self.roster.settings.groups.get(name)
        if group is not None or self._is_post(cell, name):
            return group
        if any(name in person.roles for person in self.roster.people.values()):
            return Group(roles=[name])
        return None

    def _is_post(self, cell: str | None, role: str) -> bool:
        return cell is not None and self.roster.post(cell, 1, role) is not None

    def _middle(self) -> str | None:
        """Who answers for what lies in no cell: the village, else the largest there is."""
        cells = self.roster.cells
        order = sorted(cells, key=lambda slug: (cells[slug].kind != "village", -cells[slug].level))
        return order[0] if order else None

    def unknown(self, rule: Rule, device: Device) -> list[str]:
        """What a rule calls people by and this site does not know, for one of its devices."""
        cell = device.settings.cell or self._middle()
        return [
            name for name in rule.tell if self._group(name, cell) is None and not self._is_post(cell, name)
        ]

    def cell_of(self, target: str) -> str:
        """Who answers for a target; what lies in no cell belongs to the village."""
        device = self.devices.get(target.partition(":")[0])
        return (device.settings.cell if device is not None else None) or self._middle() or ""

    def person(self, by: str) -> str:
        """Whom somebody means by a name: slug or name; empty: nobody here."""
        if by in self.roster.people:
            return by
        return next((slug for slug, one in self.roster.people.items() if one.name == by), "")

    def answering(
        self, rule: str, target: str, now: datetime, broken: Set[str] = frozenset()
    ) -> Callout | None:
        """The group of this rule of which each must answer himself; None when it has none."""
        written = self.rules.get(rule)
        groups = self.roster.settings.groups
        for name in written.tell if written is not None else ():
            group = groups.get(name)
            if group is not None and group.must_all_ack:
                call = self.roster.call_out(group, now, frozenset(), broken)
                people = tuple(one.person for one in call.waiting)
                people += tuple(one.person for one in call.unreachable if one.person is not None)
                return Callout(group.name or name, people, group.chase)
        return None
