"""Who is told of an order, and in which words. Pure; time is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta, tzinfo

from gateway.contracts import Device
from gateway.duty import LEVELS, OnDuty, Roster
from gateway.model import Order, Outgoing, Severity, Telling
from gateway.notify.teller import NEXT_WAY
from gateway.people import URGENCY_OF, Group
from gateway.rules.language import Rule
from gateway.store.moments import to_ms
from gateway.words import Language, Words

KEEPS = {"critical": timedelta(hours=24), "warning": timedelta(hours=12), "notice": timedelta(hours=12)}
OTHER = "other"
CAMERA = "camera"


class Calls:
    """Knows the people of a site.

    Args:
        roster: The people.
        devices: By slug.
        rules: By id.
        words: The texts, in every language.
        language: The site's.
        zone: The site's.
    """

    def __init__(
        self,
        roster: Roster,
        devices: Mapping[str, Device],
        rules: Mapping[str, Rule],
        *,
        words: Mapping[Language, Words],
        language: Language,
        zone: tzinfo,
    ) -> None:
        self.roster = roster
        self.devices = devices
        self.rules = rules
        self.words = words
        self.language: Language = language
        self._zone = zone

    def kind_of(self, rule: str, device: str) -> str:
        """What sort of work it is: what the device is for, else what the rule is about."""
        known = self.devices.get(device)
        if known is not None and known.model is not None:
            return known.model.domain
        written = self.rules.get(rule)
        about = written.for_each.kind if written is not None else "any"
        if about == "any":
            return CAMERA if written is not None and written.when and written.when.event else OTHER
        return about

    def cell_of(self, device: str) -> str:
        """The cell that answers for a device; what lies in none belongs to the village."""
        known = self.devices.get(device)
        own = known.settings.cell if known is not None else None
        if own:
            return own
        cells = self.roster.cells
        order = sorted(cells, key=lambda slug: (cells[slug].kind != "village", -cells[slug].level))
        return order[0] if order else ""

    def who(
        self, cell: str, roles: Iterable[str], now: datetime, broken: Set[str] = frozenset()
    ) -> tuple[str, str]:
        """Who is on duty for it, and as what: by the first role that has somebody, else for the cell, else above it."""
        for role in roles:
            if cell and self.roster.post(cell, 1, role) is not None:
                people = self.roster.answers(cell, 1, now, role=role, broken=broken).people
            else:
                group = self.roster.settings.groups.get(role) or Group(roles=[role])
                people = self.roster.call_out(group, now, frozenset(), broken).waiting
            if people:
                return people[0].person, role
        for level in LEVELS if cell else ():
            people = self.roster.answers(cell, level, now, broken=broken).people
            if people:
                return people[0].person, ""
        return "", ""

    def roles_of(self, rule: str, device: str) -> list[str]:
        """By what it is called for: the device's own role, then whom the rule tells."""
        known = self.devices.get(device)
        own = [known.settings.role] if known is not None and known.settings.role else []
        written = self.rules.get(rule)
        return list(dict.fromkeys([*own, *(written.tell if written is not None else [])]))

    def top_level(self, order: Order) -> int:
        """How high a late order climbs: as far as its alert would, at least one level."""
        ladder = self.roster.settings.ladders.of(URGENCY_OF[order.severity.word])
        return max(2, len(ladder.after))

    def to_person(self, order: Order, kind: str, now: datetime, broken: Set[str] = frozenset()) -> Telling:
        """A message to the one who has it or should take it."""
        reached = self.roster.reach(order.person, now, broken) if order.person in self.roster.people else None
        people = [reached] if isinstance(reached, OnDuty) else []
        return self._telling(order, kind, 1, people, now)

    def to_level(
        self, order: Order, kind: str, level: int, now: datetime, broken: Set[str] = frozenset()
    ) -> tuple[Telling, int]:
        """A message to those who answer at a level, or at the next one that has somebody; and which that was."""
        for here in range(level, LEVELS[-1] + 1):
            people = self.roster.answers(order.cell, here, now, broken=broken).people if order.cell else ()
            others = [one for one in people if one.person != order.person]
            if others:
                return self._telling(order, kind, here, others, now), here
        return self._telling(order, kind, LEVELS[-1], (), now), LEVELS[-1]

    def withdrawn(self, order: Order, now: datetime) -> Telling:
        """What still waits for somebody is taken back."""
        return Telling(*order.matter, to_ms(order.created), now, now, cancels=True)

    def _telling(
        self, order: Order, kind: str, level: int, people: Sequence[OnDuty], now: datetime
    ) -> Telling:
        urgency = URGENCY_OF[order.severity.word]
        critical = urgency == "critical"
        rows = []
        for one in people:
            language: Language = self.roster.people[one.person].language or self.language
            quiet = None if critical else self.roster.quiet_until(one.person, now)
            at = quiet or now
            end = at + KEEPS[urgency]
            facts = self.facts(order, language)
            say = self.words[language]
            for way, contact in enumerate(one.contacts):
                rows.append(
                    Outgoing(
                        kind,
                        level,
                        one.person,
                        contact.channel,
                        contact.to,
                        way,
                        language,
                        say(f"order_tell.{kind}", **facts),
                        say(f"order_tell.{kind}_text", **facts),
                        f"order_{kind}",
                        facts,
                        max(order.severity, Severity.INFO),
                        critical,
                        at + way * NEXT_WAY if critical or way == 0 else end,
                        end,
                        line=f"{say(f'order_tell.{kind}', **facts)} ({facts['due']})",
                    )
                )
        return Telling(*order.matter, to_ms(order.created), now, now, rows=tuple(rows), cancels=True)

    def facts(self, order: Order, language: Language) -> dict[str, str]:
        """What a message about an order can say."""
        cell = self.roster.cells.get(order.cell)
        device = self.devices.get(order.device)
        person = self.roster.people.get(order.person)
        place = (device.settings.name if device is not None else "") or order.device
        return {
            "number": order.number,
            "title": order.title,
            "text": order.text or order.title,
            "place": place or (cell.name if cell is not None else "") or order.cell or "-",
            "due": f"{order.due.astimezone(self._zone):%m-%d %H:%M}",
            "person": (person.name if person is not None else order.person)
            or self.words[language]("order_tell.nobody"),
            "why": order.returned_why or "-",
            "severity": self.words[language](f"severity.{order.severity.word}"),
        }
