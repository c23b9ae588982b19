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

from gateway.contracts import Device
from gateway.duty import Roster
from gateway.model import Again, AlertChange, AlertState, Fact, Outgoing, Severity, Telling
from gateway.notify import batches
from gateway.notify.turns import Call, Turns
from gateway.notify.wording import ON, Wording
from gateway.people import URGENCY_OF, Urgency
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
HOUR = timedelta(hours=1)
GROUP_WAIT = timedelta(seconds=60)  # a warning waits for others of its kind and cell (alerting reference 4.7)
FLOOD_DIGEST = timedelta(hours=1)  # a flood that lasts is told about once an hour
_RESTING = frozenset({AlertState.NORMAL, AlertState.PENDING})


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
        self.roster = roster
        self.devices = devices
        self.rules = rules
        self.turns = Turns(roster, devices, rules)
        self.wording = Wording(
            words, zone, rules=rules, devices=devices, cells=roster.cells, quantities=quantities or {}
        )
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
        again = change.before in ON
        if again and change.severity <= change.was:
            return None  # it falls: people know of worse
        urgency = URGENCY_OF[change.severity.word]
        rows: tuple[Outgoing, ...] = ()
        if now - change.at < KEEPS[urgency]:
            kind = "raised" if again else "firing"
            calls = self.turns.calls(change.rule, change.target, urgency, now, broken)
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
            closing = {language: self.wording.of(words, change, language) for language in self._words}
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
            past={language: self.wording.of("past", change, language) for language in self._words}
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
            language: self.wording.of(spoken, change, language) for language in self._words
        }
        keeps = KEEPS[urgency] if not pile else timedelta(hours=12)
        lines: dict[str, str] = {
            language: self.wording.line(pile, words[language][0], change, language)
            for language in self._words
        }
        again = Again(
            words, due, people=people, spare=spare, pile=pile, keeps_s=keeps.total_seconds(), lines=lines
        )
        return Telling(change.rule, change.target, _occurrence(change), change.at, now, again=again)

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
        calls = self.turns.calls(change.rule, change.target, urgency, began, broken)
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
        cell = self.turns.cell_of(device)
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
        self, calls: Sequence[Call], change: AlertChange, now: datetime, *, kind: str, manner: Manner
    ) -> Iterator[Outgoing]:
        for call in calls:
            language = self.roster.people[call.person].language or self._language
            what = kind if call.level == 1 else "escalate"
            first = manner.spoken or kind
            spoken = first if call.level == 1 or call.at_once else "escalate"
            place = self._placed(call, change, now, manner)
            if place is None:
                continue
            if place.urgent and kind != "firing":
                place = replace(place, gather="")  # what becomes worse waits for nothing
            subject, text = self.wording.of(spoken, change, language)
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
                    variables=self.wording.variables(change, language),
                    line=self.wording.line(place.pile, subject, change, language),
                    # the other ways of somebody who is told nothing critical lie in reserve until one fails
                    not_before=place.not_before + way * NEXT_WAY
                    if place.critical or way == 0
                    else place.expires_at,
                )

    def _placed(self, call: Call, change: AlertChange, now: datetime, manner: Manner) -> Outgoing | None:
        """When somebody is told, and with what else; None: it is not his turn."""
        rule = self.rules.get(change.rule)
        urgency = URGENCY_OF[change.severity.word]
        loud = rule is not None and rule.never_quiet
        plain = _blank(call, change.severity, critical=urgency == "critical")
        fire = rule is not None and rule.fire
        if urgency == "critical" or fire:
            return replace(
                plain,
                not_before=call.at,
                expires_at=call.at + KEEPS[urgency],
                urgent=fire,
                # the same fire that comes and goes; another one is told at once
                gather=f"fire {change.rule} {change.target}" if fire else "",
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
        key = f"{self.turns.cell_of(change.target)}/{_family(change.rule, rule)}"
        return replace(plain, pile="group", gather=key, not_before=at, expires_at=at + KEEPS[urgency])


def _family(name: str, rule: Rule | None) -> str:
    """What kind of rule it is: the kind of its devices, else the first word of its id."""
    if rule is not None and rule.for_each.kind != "any":
        return rule.for_each.kind
    return name.partition("-")[0]


def _blank(call: Call, severity: Severity, *, critical: bool) -> Outgoing:
    return Outgoing(
        "", call.level, call.person, "", "", 0, "", "", "", "", {}, severity, critical, call.at, call.at
    )


def _occurrence(change: AlertChange) -> int:
    return to_ms(change.since if change.since is not None else change.at)
