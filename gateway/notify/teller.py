"""From a change of an alert to the messages it causes: who, when, over what, in which words. Pure; time is an argument.

The ladder's clock begins when it is first told (alerting reference 4.10). All levels are queued at once, each at its
time; whoever acknowledges takes back what has not been sent. What a rule calls people by (``tell:``) is a group of the
site, a role in the device's cell or above it, or a role that somebody has anywhere; where the site knows neither, the
cell's own ladder answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from gateway import escalation
from gateway.contracts import Device
from gateway.duty import Roster
from gateway.model import AlertChange, AlertState, Outgoing, Severity, Telling
from gateway.people import URGENCY_OF, Contact, Group, Urgency
from gateway.rules.blind import BLIND
from gateway.rules.language import Rule
from gateway.store.moments import to_ms
from gateway.store.posting import NEXT_WAY_MS
from gateway.words import Language, Words

KEEPS: Mapping[Urgency, timedelta] = {  # alerting reference 4.8
    "critical": timedelta(hours=24),
    "warning": timedelta(hours=6),
    "notice": timedelta(hours=2),
}
NEXT_WAY = timedelta(milliseconds=NEXT_WAY_MS)
TECHNICIAN = "technician"  # who is told of the gateway's own rule
LONGEST_REASON = 200
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


class Teller:
    """Knows the people of a site and what its rules are called.

    Args:
        roster: The people.
        devices: By slug.
        rules: Those that are judged, by id.
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
        self._roster = roster
        self._devices = devices
        self._rules = rules
        self._words = words
        self._language: Language = language
        self._zone = zone

    def telling(self, change: AlertChange, now: datetime, broken: Set[str] = frozenset()) -> Telling | None:
        """What a change does to the outbox; nothing when it is no news for anybody.

        Args:
            change: One that is told.
            now: On the gateway's clock: the ladder begins now.
            broken: Channels that do not work now.
        """
        if change.after in _RESTING:
            known = change.rule in self._rules or change.rule == BLIND
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
            rows = tuple(self._rows(change, now, urgency, kind, broken))
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
        closing: dict[str, tuple[str, str]] = {}
        if words:
            closing = {language: self._words_for(words, change, language) for language in self._words}
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
            keeps_s=KEEPS[URGENCY_OF[change.severity.word]].total_seconds(),
        )

    def _rows(
        self, change: AlertChange, now: datetime, urgency: Urgency, kind: str, broken: Set[str]
    ) -> Iterator[Outgoing]:
        critical = urgency == "critical"
        for call in self.calls(change.rule, change.target, urgency, now, broken):
            language = self._roster.people[call.person].language or self._language
            what = kind if call.level == 1 else "escalate"
            spoken = kind if call.level == 1 or call.at_once else "escalate"
            subject, text = self._words_for(spoken, change, language)
            end = call.at + KEEPS[urgency]
            for way, contact in enumerate(call.contacts):
                yield Outgoing(
                    what,
                    call.level,
                    call.person,
                    contact.channel,
                    contact.to,
                    way,
                    language,
                    subject,
                    text,
                    change.rule,
                    self._variables(change, language),
                    change.severity,
                    critical,
                    # the other ways of somebody who is told nothing critical lie in reserve until one fails
                    call.at + way * NEXT_WAY if critical or way == 0 else end,
                    end,
                )

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
        written = self._rules.get(rule)
        tells = list(written.tell) if written is not None else [TECHNICIAN]
        never_quiet = written is not None and written.never_quiet
        device = self._devices.get(target.partition(":")[0])
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
                self._roster, cell, urgency, now, role=role, never_quiet=never_quiet, broken=broken
            )
            yield from self._climb(plan, urgency, now, above=not posts)

    def _climb(
        self, plan: escalation.Plan, urgency: Urgency, now: datetime, *, above: bool
    ) -> Iterator[_Call]:
        """The turns of a ladder; ``above``: a group stands for level 1, nobody else is told before his own time."""
        after = self._roster.settings.ladders.of(urgency).after
        for step in plan.steps:
            if above and (step.level == 1 or step.level > len(after)):
                continue
            for told in step.told:
                at = max(told.at, now + after[step.level - 1]) if above else told.at
                yield _Call(told.person, told.contacts, at, step.level, step.at_once and not above)

    def _called(
        self, group: Group, urgency: Urgency, now: datetime, broken: Set[str], *, never_quiet: bool
    ) -> Iterator[_Call]:
        loud = never_quiet or urgency == "critical"
        for one in self._roster.call_out(group, now, frozenset(), broken).waiting:
            until = None if loud else self._roster.quiet_until(one.person, now)
            yield _Call(one.person, one.contacts, until or now, 1, at_once=False)

    def _group(self, name: str, cell: str | None) -> Group | None:
        """A group of the site, or everybody with a role that nobody has in or above the cell."""
        group = self._roster.settings.groups.get(name)
        if group is not None or self._is_post(cell, name):
            return group
        if any(name in person.roles for person in self._roster.people.values()):
            return Group(roles=[name])
        return None

    def _is_post(self, cell: str | None, role: str) -> bool:
        return cell is not None and self._roster.post(cell, 1, role) is not None

    def _middle(self) -> str | None:
        """Who answers for what lies in no cell: the village, else the largest there is."""
        cells = self._roster.cells
        order = sorted(cells, key=lambda slug: (cells[slug].kind != "village", -cells[slug].level))
        return order[0] if order else None

    def unknown(self, rule: Rule, device: Device) -> list[str]:
        """What a rule calls people by and this site does not know, for one of its devices."""
        cell = device.settings.cell or self._middle()
        return [
            name for name in rule.tell if self._group(name, cell) is None and not self._is_post(cell, name)
        ]

    # -- words --------------------------------------------------------------------------------------------------------

    def _words_for(self, what: str, change: AlertChange, language: Language) -> tuple[str, str]:
        say = self._words[language]
        facts = self._variables(change, language)
        subject = say(f"tell.{what}", severity=facts["severity"], title=facts["title"], place=facts["place"])
        lines = [say("tell.facts", time=facts["time"], reason=facts["reason"])]
        if facts["cell"]:
            lines.append(say("tell.where", cell=facts["cell"]))
        return subject, "\n".join(lines)

    def _variables(self, change: AlertChange, language: Language) -> dict[str, str]:
        say = self._words[language]
        rule = self._rules.get(change.rule)
        slug, _, part = change.target.partition(":")
        device = self._devices.get(slug)
        place = (device.settings.name if device is not None else "") or slug
        cell = self._roster.cells.get((device.settings.cell if device is not None else None) or "")
        at = change.since if change.since is not None and change.after in _OPEN else change.at
        return {
            "title": rule.title(language) if rule else say.maybe(f"rule.{change.rule}", change.rule),
            "place": f"{place} {part}" if part else place,
            "severity": say(f"severity.{change.severity.word}"),
            "time": f"{at.astimezone(self._zone):%m-%d %H:%M}",
            "reason": change.reason[:LONGEST_REASON],
            "value": "" if change.value is None else f"{change.value:g}",
            "cell": (cell.name if cell is not None else "") or "",
        }


def acknowledgement(rule: str, target: str, by: str, now: datetime) -> Telling:
    """Somebody has taken an alert on: what waits for it is taken back."""
    return Telling(rule, target, 0, now, now, cancels=True, acknowledged=by)


def _occurrence(change: AlertChange) -> int:
    return to_ms(change.since if change.since is not None else change.at)
