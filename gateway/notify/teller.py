"""From a change of an alert to the messages it causes: who, when, over what, in which words. Pure; time is an argument.

The ladder's clock begins when it is first told (alerting reference 4.10). All levels are queued at once, each at its
time; whoever acknowledges takes back what has not been sent. What a rule calls people by (``tell:``) is a group of the
site, a role in the device's cell or above it, or a role that somebody has anywhere; where the site knows neither, the
cell's own ladder answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo

from gateway import escalation
from gateway.contracts import Device
from gateway.duty import Roster
from gateway.model import Again, AlertChange, AlertState, Fact, Outgoing, Severity, Telling
from gateway.notify import batches
from gateway.notify.reasons import said
from gateway.people import URGENCY_OF, Contact, Group, Urgency
from gateway.quantities import Quantity
from gateway.rules.blind import BLIND
from gateway.rules.language import Rule
from gateway.rules.plan import chosen
from gateway.store.moments import to_ms
from gateway.store.posting import NEXT_WAY_MS
from gateway.words import Language, Words

KEEPS: Mapping[Urgency, timedelta] = {  # alerting reference 4.8
    "critical": timedelta(hours=24),
    "warning": timedelta(hours=6),
    "notice": timedelta(hours=2),
}
NEXT_WAY = timedelta(milliseconds=NEXT_WAY_MS)
SOURCE_SILENT = "source-silent"  # many devices of one source fell silent together: one alert speaks for them
OWN_ALERTS = frozenset({BLIND, SOURCE_SILENT})  # no rule makes them
TECHNICIAN = "technician"  # who is told of the gateway's own rule
LONGEST_REASON = 200
HOUR = timedelta(hours=1)
GROUP_WAIT = timedelta(seconds=60)  # a warning waits for others of its kind and cell (alerting reference 4.7)
FLOOD_DIGEST = timedelta(hours=1)  # a flood that lasts is told about once an hour
_OPEN = frozenset({AlertState.FIRING, AlertState.RECOVERING})
_RESTING = frozenset({AlertState.NORMAL, AlertState.PENDING})


@dataclass(frozen=True, slots=True)
class _Call:
    """One person's turn."""

    person: str
    contacts: tuple[Contact, ...]
    at: datetime
    level: int
    at_once: bool
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Manner:
    """How a change is told.

    Attributes:
        spoken: Another sentence than that of its kind: ``repeats``, ``still``, ``latched``.
        flood: Too much happens at once: what is not critical waits for one message.
        below: Only those whose turn is now, nobody above.
    """

    spoken: str = ""
    flood: bool = False
    below: bool = False


PLAIN = Manner()


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


class Teller:
    """Knows the people of a site and what its rules are called.

    Args:
        roster: The people.
        devices: By slug.
        rules: Those that are judged, by id.
        words: The texts, in every language.
        language: The site's.
        zone: The site's.
        quantities: By name, for what people call them.
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
        quantities: Mapping[str, Quantity] | None = None,
    ) -> None:
        self.quantities = quantities or {}
        self.roster = roster
        self.devices = devices
        self.rules = rules
        self._words = words
        self._language: Language = language
        self._zone = zone

    def telling(
        self,
        change: AlertChange,
        now: datetime,
        broken: Set[str] = frozenset(),
        manner: Manner = PLAIN,
    ) -> Telling | None:
        """What a change does to the outbox; nothing when it is no news for anybody.

        Args:
            change: One that is told.
            now: On the gateway's clock: the ladder begins now.
            broken: Channels that do not work now.
            manner: How.
        """
        if change.after in _RESTING:
            known = change.rule in self.rules or change.rule in OWN_ALERTS
            return self._ending(change, now, "resolved" if known else "")
        if change.after is AlertState.LATCHED:
            return self._ending(change, now, "latched")
        again = change.before in _OPEN
        if again and change.severity <= change.was:
            return None  # it falls: people know of worse
        urgency = URGENCY_OF[change.severity.word]
        rows: tuple[Outgoing, ...] = ()
        if now - change.at < KEEPS[urgency]:
            kind = "raised" if again else "firing"
            calls = self.calls(change.rule, change.target, urgency, now, broken)
            rows = tuple(self._rows(calls, change, now, kind=kind, manner=manner))
        return Telling(
            change.rule,
            change.target,
            _occurrence(change),
            change.at,
            now,
            rows,
            cancels=True,
            reopens=True,
            severity=change.severity,
        )

    def _ending(self, change: AlertChange, now: datetime, words: str) -> Telling:
        over = change.after is not AlertState.LATCHED
        urgency = URGENCY_OF[change.severity.word]
        rule = self.rules.get(change.rule)
        loud = urgency == "critical" or (rule is not None and rule.never_quiet)
        closing: dict[str, tuple[str, str]] = {}
        # whoever has emptied a bin knows it; a route of yesterday needs no end
        if words and not (over and not loud and rule is not None and rule.batch):
            closing = {language: self._words_for(words, change, language) for language in self._words}
        slot = batches.slot("digest", (), now, self.roster) if over and urgency == "notice" else None
        quiet = (
            {} if loud else {person: self.roster.quiet_until(person, now) for person in self.roster.people}
        )
        return Telling(
            change.rule,
            change.target,
            _occurrence(change),
            change.at,
            now,
            cancels=over,
            reopens=over,
            closing=closing,
            severity=Severity.INFO,
            keeps_s=KEEPS[urgency].total_seconds(),
            hold={person: until for person, until in quiet.items() if until is not None},
            hold_all=slot.at if slot is not None and not loud else None,
            past={language: self._words_for("past", change, language) for language in self._words}
            if words and over
            else {},
        )

    def again(
        self,
        change: AlertChange,
        now: datetime,
        *,
        spoken: str = "repeat",
        people: frozenset[str] = frozenset(),
        at: datetime | None = None,
        pile: str = "",
    ) -> Telling:
        """The same people once more, as long as it is so and nobody has answered.

        Args:
            change: What is so now; ``at``: now.
            now: On the gateway's clock.
            spoken: Which sentence.
            people: Only these.
            at: When; unset: now.
            pile: See :class:`gateway.model.Outgoing`.
        """
        urgency = URGENCY_OF[change.severity.word]
        rule = self.rules.get(change.rule)
        loud = urgency == "critical" or (rule is not None and rule.never_quiet)
        due = at or now
        spare = frozenset(
            person for person in self.roster.people if not loud and self.roster.quiet_until(person, due)
        )
        words: dict[str, tuple[str, str]] = {
            language: self._words_for(spoken, change, language) for language in self._words
        }
        keeps = KEEPS[urgency] if not pile else timedelta(hours=12)
        lines: dict[str, str] = {
            language: self._line(pile, words[language][0], change, language) for language in self._words
        }
        again = Again(
            words, due, people=people, spare=spare, pile=pile, keeps_s=keeps.total_seconds(), lines=lines
        )
        return Telling(change.rule, change.target, _occurrence(change), change.at, now, again=again)

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

    def next_level(
        self,
        change: AlertChange,
        now: datetime,
        *,
        began: datetime,
        reached: datetime,
        broken: Set[str] = frozenset(),
    ) -> Telling | None:
        """The levels above those who know, although somebody has taken it on; None: there are none.

        Args:
            change: What is so now.
            now: On the gateway's clock.
            began: When the ladder began that they are on.
            reached: Whose turn came before that knows.
            broken: Channels that do not work now.
        """
        urgency = URGENCY_OF[change.severity.word]
        calls = self.calls(change.rule, change.target, urgency, began, broken)
        level = max((call.level for call in calls if call.at <= reached), default=0)
        above = [call for call in calls if call.level > level]
        if not above:
            return None
        first = min(call.at for call in above)
        calls = [replace(call, at=now + (call.at - first), at_once=True, quiet=False) for call in above]
        rows = self._rows(calls, change, now, kind="escalate", manner=Manner("no_order"))
        return Telling(
            change.rule, change.target, _occurrence(change), change.at, now, tuple(rows), reopens=True
        )

    def next_round(self, rule: Rule, now: datetime) -> datetime | None:
        """When what waits for a round is told for the next one, if it is still so: as soon as this one begins."""
        slot = batches.slot(rule.batch, rule.tell, now, self.roster)
        if slot is None or slot.pile != "round":
            return None
        return slot.joins or slot.round

    def round_told(self, rule: Rule, now: datetime) -> datetime | None:
        """When the next round is told; None: nothing is."""
        slot = batches.slot(rule.batch, rule.tell, now, self.roster)
        return slot.at if slot is not None and slot.pile == "round" else None

    def person(self, by: str) -> str:
        """Whom somebody means by a name: slug or name; empty: nobody here."""
        if by in self.roster.people:
            return by
        return next((slug for slug, one in self.roster.people.items() if one.name == by), "")

    def keeps(self, severity: Severity) -> timedelta:
        """How long ago something may have happened and is still told."""
        return KEEPS[URGENCY_OF[severity.word]]

    def watches_fire(self, device: str) -> bool:
        """Whether a rule for fire looks at a device."""
        return any(
            rule.fire and chosen(rule.for_each, device, self.devices.get(device))
            for rule in self.rules.values()
        )

    def silence(self, silent: int, of: int, source: str) -> Fact:
        """Why a source is said to be silent."""
        return Fact("source_silent", {"silent": str(silent), "of": str(of), "source": source})

    def out_of_service(self, device: str, until: datetime, by: str, why: str, now: datetime) -> Telling:
        """Who answers for the village knows that nothing watches for fire there (alerting reference 4.11)."""
        cell = self._cell_of(device)
        rows = []
        for one in self.roster.answers(cell, 3, now).people if cell else ():
            language = self.roster.people[one.person].language or self._language
            say = self._words[language]
            known = self.devices.get(device)
            place = (known.settings.name if known is not None else "") or device
            end = f"{until.astimezone(self._zone):%m-%d %H:%M}"
            subject = say("tell.out_of_service", place=place)
            text = say("tell.out_of_service_text", until=end, by=by, why=why)
            contact = one.contacts[0]
            rows.append(
                Outgoing(
                    "firing", 3, one.person, contact.channel, contact.to, 0, language, subject, text, "maintenance",
                    {"title": subject, "place": place, "reason": why}, Severity.YELLOW, False, now,
                    now + KEEPS["warning"],
                )
            )  # fmt: skip
        return Telling("maintenance", device, to_ms(now), now, now, tuple(rows))

    def _rows(
        self, calls: Sequence[_Call], change: AlertChange, now: datetime, *, kind: str, manner: Manner
    ) -> Iterator[Outgoing]:
        for call in calls:
            language = self.roster.people[call.person].language or self._language
            what = kind if call.level == 1 else "escalate"
            first = manner.spoken or kind
            spoken = first if call.level == 1 or call.at_once else "escalate"
            place = self._placed(call, change, now, manner)
            if place is None:
                continue
            subject, text = self._words_for(spoken, change, language)
            for way, contact in enumerate(call.contacts):
                yield replace(
                    place,
                    kind=what,
                    channel=contact.channel,
                    address=contact.to,
                    way=way,
                    language=language,
                    subject=subject,
                    text=text,
                    template=change.rule,
                    variables=self._variables(change, language),
                    line=self._line(place.pile, subject, change, language),
                    # the other ways of somebody who is told nothing critical lie in reserve until one fails
                    not_before=place.not_before + way * NEXT_WAY
                    if place.critical or way == 0
                    else place.expires_at,
                )

    def _placed(self, call: _Call, change: AlertChange, now: datetime, manner: Manner) -> Outgoing | None:
        """When somebody is told, and with what else; None: it is not his turn."""
        rule = self.rules.get(change.rule)
        urgency = URGENCY_OF[change.severity.word]
        loud = rule is not None and rule.never_quiet
        plain = _blank(call, change.severity, critical=urgency == "critical")
        if urgency == "critical":
            fire = rule is not None and rule.fire
            return replace(
                plain,
                not_before=call.at,
                expires_at=call.at + KEEPS[urgency],
                urgent=fire,
                gather="fire" if fire else "",
            )
        if manner.below and call.level > 1 and not call.at_once:
            return None
        batch = rule.batch if rule is not None else ""
        if batch or (urgency == "notice" and not loud):
            if call.level > 1 and not call.at_once:
                return None
            roles = [*(rule.tell if rule is not None else ()), *self.roster.people[call.person].roles]
            slot = batches.slot(batch or "digest", roles, now, self.roster)
            if slot is not None:
                quiet = None if loud else self.roster.quiet_until(call.person, slot.at)
                at = quiet or slot.at
                return replace(
                    plain,
                    pile=slot.pile,
                    not_before=at,
                    expires_at=max(slot.until, at + HOUR),
                    joins=slot.joins,
                )
        if call.quiet:
            return replace(plain, pile="quiet", not_before=call.at, expires_at=call.at + KEEPS[urgency])
        if manner.flood:
            at = now + FLOOD_DIGEST
            return replace(plain, pile="flood", not_before=at, expires_at=at + KEEPS[urgency])
        at = call.at + GROUP_WAIT if call.at <= now else call.at
        key = f"{self._cell_of(change.target)}/{_family(change.rule, rule)}"
        return replace(plain, pile="group", gather=key, not_before=at, expires_at=at + KEEPS[urgency])

    def _line(self, pile: str, subject: str, change: AlertChange, language: Language) -> str:
        facts = self._variables(change, language)
        say = self._words[language]
        if pile == "round":
            rule = self.rules.get(change.rule)
            figure = self._figure(change, rule)
            return say("list.stop", place=facts["place"], figure=figure).strip()
        return say("list.line", subject=subject, time=facts["time"])

    def _figure(self, change: AlertChange, rule: Rule | None) -> str:
        """What was judged, with its unit, where the facts say so."""
        del rule
        for fact in change.facts:
            if "figure" in fact.values:
                return f"{fact.values['figure']} {fact.values.get('unit', '')}".strip()
        return "" if change.value is None else f"{change.value:.3g}"

    def _cell_of(self, target: str) -> str:
        device = self.devices.get(target.partition(":")[0])
        return (device.settings.cell if device is not None else None) or self._middle() or ""

    def calls(
        self, rule: str, target: str, urgency: Urgency, now: datetime, broken: Set[str] = frozenset()
    ) -> Sequence[_Call]:
        """Everybody's turn, once for each person, the earliest first."""
        found = list(self._all_calls(rule, target, urgency, now, broken))
        if not found and broken:  # better a channel that may be mended than nobody
            found = list(self._all_calls(rule, target, urgency, now, frozenset()))
        first: dict[str, _Call] = {}
        for call in sorted(found, key=lambda one: (one.at, one.level)):
            first.setdefault(call.person, call)
        return list(first.values())

    def _all_calls(
        self, rule: str, target: str, urgency: Urgency, now: datetime, broken: Set[str]
    ) -> Iterator[_Call]:
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
    ) -> Iterator[_Call]:
        """The turns of a ladder; ``above``: a group stands for level 1, nobody else is told before his own time."""
        after = self.roster.settings.ladders.of(urgency).after
        for step in plan.steps:
            if above and (step.level == 1 or step.level > len(after)):
                continue
            for told in step.told:
                at = max(told.at, now + after[step.level - 1]) if above else told.at
                yield _Call(
                    told.person, told.contacts, at, step.level, step.at_once and not above, told.quiet
                )

    def _called(
        self, group: Group, urgency: Urgency, now: datetime, broken: Set[str], *, never_quiet: bool
    ) -> Iterator[_Call]:
        loud = never_quiet or urgency == "critical"
        for one in self.roster.call_out(group, now, frozenset(), broken).waiting:
            until = None if loud else self.roster.quiet_until(one.person, now)
            yield _Call(one.person, one.contacts, until or now, 1, at_once=False, quiet=until is not None)

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

    def reason(self, facts: Sequence[Fact], language: Language, otherwise: str) -> str:
        """Why, in a language."""
        return said(facts, self._words[language], self.quantities, otherwise)

    # -- words --------------------------------------------------------------------------------------------------------

    def _words_for(self, what: str, change: AlertChange, language: Language) -> tuple[str, str]:
        say = self._words[language]
        facts = self._variables(change, language)
        subject = say(f"tell.{what}", severity=facts["severity"], title=facts["title"], place=facts["place"])
        if what == "past":
            start, end = (
                f"{at.astimezone(self._zone):%m-%d %H:%M}" for at in (change.since or change.at, change.at)
            )
            lines = [say("tell.span", start=start, end=end, reason=facts["reason"])]
        else:
            lines = [say("tell.facts", time=facts["time"], reason=facts["reason"])]
        if facts["cell"]:
            lines.append(say("tell.where", cell=facts["cell"]))
        return subject, "\n".join(lines)

    def _variables(self, change: AlertChange, language: Language) -> dict[str, str]:
        say = self._words[language]
        rule = self.rules.get(change.rule)
        slug, _, part = change.target.partition(":")
        device = self.devices.get(slug)
        place = (device.settings.name if device is not None else "") or slug
        cell = self.roster.cells.get((device.settings.cell if device is not None else None) or "")
        at = change.since if change.since is not None and change.after in _OPEN else change.at
        return {
            "title": rule.title(language) if rule else say.maybe(f"rule.{change.rule}", change.rule),
            "place": f"{place} {part}" if part else place,
            "severity": say(f"severity.{change.severity.word}"),
            "time": f"{at.astimezone(self._zone):%m-%d %H:%M}",
            "reason": self.reason(change.facts, language, change.reason)[:LONGEST_REASON],
            "value": "" if change.value is None else f"{change.value:g}",
            "cell": (cell.name if cell is not None else "") or "",
        }


def _family(name: str, rule: Rule | None) -> str:
    """What kind of rule it is: the kind of its devices, else the first word of its id."""
    if rule is not None and rule.for_each.kind != "any":
        return rule.for_each.kind
    return name.partition("-")[0]


def _blank(call: _Call, severity: Severity, *, critical: bool) -> Outgoing:
    return Outgoing(
        "", call.level, call.person, "", "", 0, "", "", "", "", {}, severity, critical, call.at, call.at
    )


def acknowledgement(rule: str, target: str, by: str, now: datetime) -> Telling:
    """Somebody has taken an alert on: what waits for it is taken back."""
    return Telling(rule, target, 0, now, now, cancels=True, acknowledged=by)


def _occurrence(change: AlertChange) -> int:
    return to_ms(change.since if change.since is not None else change.at)
