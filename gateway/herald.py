"""The part of the house that tells people: the teller of the site as it is now, and the outbox with its channels."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.alerts.desk import Desk, OrderState, Outcome
from gateway.alerts.stages import Standing
from gateway.cameras import SNAPSHOT
from gateway.clock import Clock
from gateway.contracts import Channel, ChannelContext
from gateway.errors import StoreError
from gateway.evidence.pictures import Place, to_show
from gateway.evidence.pictures import place_of as evidence_at
from gateway.linkage.wanted import picturing, wishes_of
from gateway.model import AlertChange, AlertState, Delivery, Fact, Outgoing, Severity, Telling
from gateway.names import roster_of
from gateway.notify.codes import Codes
from gateway.notify.inbox import Inbox
from gateway.notify.lists import lists_of
from gateway.notify.outbox import CLOCK_STEP_S, Lane, Outbox
from gateway.notify.receipts import Receipts
from gateway.notify.teller import Teller
from gateway.rules.telling import acknowledged
from gateway.site import GATEWAY, Plugin, Site, load_words
from gateway.store.journal import Journal
from gateway.store.moments import from_ms, to_ms
from gateway.store.outbox import Leased
from gateway.words import Language, Words

LOOKED_BACK = timedelta(
    minutes=15
)  # an event may be that much older than the alert it raises (or its clock ahead)
SILENCING = frozenset({"shelved", "maintenance", "suppressed"})  # what also keeps a siren still
TRIAL = "test"  # the rule under which a test message stands in the outbox
TRIAL_KEEPS = timedelta(minutes=10)
LANGUAGES: tuple[Language, ...] = ("zh", "en")

_log = logging.getLogger(__name__)


class Herald:
    """Says whom a change of an alert reaches, and lets the channels of the site work.

    Args:
        site: Read and checked.
        journal: Where the outbox lies.
        clock: The house's.
        state_dir: Of the house; each channel has a folder in it.
    """

    def __init__(self, site: Site, journal: Journal, clock: Clock, state_dir: Path) -> None:
        self._journal = journal
        self._clock = clock
        self._state_dir = state_dir
        self._words: dict[Language, Words] = {language: load_words(language) for language in LANGUAGES}
        self._lists = lists_of(roster_of(site.village), site.village.devices, self._words)
        self._outbox = Outbox(journal, clock, self._words, self._composed, self._picture)
        self._language: Language = site.village.site.language
        self._site = site
        self.codes = Codes()
        self.codes.page = site.village.answers.page or ""
        self.inbox = Inbox()
        self.woken: Callable[[], None] = lambda: None
        self.receipts = Receipts(journal, clock, self._outbox.wake)
        self.acting: Callable[[Site], Mapping[str, tuple[object, Callable[[], Channel]]]] = lambda _: {}
        self._wishes = wishes_of(site)
        self._pictured = picturing(site)
        self._jobs = _jobs_of(site)
        self.desk = Desk(self._new_teller(site))
        self._shown = self._what_can_be_shown(site)
        self._offset = clock.now().timestamp() - clock.monotonic()
        self._trusted = clock.trusted()

    def use(self, site: Site) -> None:
        """From now on the people and rules of this site count."""
        self._site = site
        self._lists = lists_of(roster_of(site.village), site.village.devices, self._words)
        self.codes.page = site.village.answers.page or ""
        self._jobs = _jobs_of(site)
        self._wishes = wishes_of(site)
        self._pictured = picturing(site)
        self.desk.teller = self._new_teller(site)
        self._shown = self._what_can_be_shown(site)

    def stand(self, standing: Standing) -> None:
        """Where the rules stand is asked here from now on."""
        self.desk.standing = standing

    def apply(self, site: Site) -> dict[str, list[str]]:
        """Let exactly this site's channels work; waits for those that stop. Raises Unavailable."""
        language, title = site.village.site.language, site.village.site.name or site.village.site.slug

        def builder(name: str, plugin: Plugin) -> Callable[[], Channel]:
            context = ChannelContext(
                name=name,
                site=title,
                language=language,
                clock=self._clock,
                state_dir=self._state_dir / "channels" / name,
            )
            return lambda: plugin.module.Channel(plugin.settings, context)

        outcome = self._outbox.apply(
            {
                **{
                    name: ((plugin.settings, title, language), builder(name, plugin))
                    for name, plugin in site.channels.items()
                },
                **self.acting(site),
            }
        )
        channels = {lane.name: lane.channel for lane in self._outbox.lanes()}
        self.inbox.apply(channels)
        self.receipts.apply(channels)
        return outcome

    async def recall(self) -> None:
        """What the desk knew before a restart. Raises Unavailable."""
        self.desk.recall(await asyncio.to_thread(self._journal.desk_notes))

    def hear(self, changes: Sequence[AlertChange], now: datetime) -> Outcome:
        """What changes of alerts cause in the outbox."""
        outcome = self._coded(self.desk.hear(changes, now, self._outbox.broken))
        outcome.tellings.extend(self._acts(changes, now))
        return outcome

    def _acts(self, changes: Sequence[AlertChange], now: datetime) -> Iterator[Telling]:
        """What is done beside telling people, unless somebody has put the alert aside or something hides it."""
        for change in changes:
            telling = self._wishes.telling(change, now)
            over = change.after is AlertState.NORMAL
            if telling is not None and (over or not self.silenced(change.rule, change.target)):
                yield telling

    def silenced(self, rule: str, target: str) -> bool:
        """Whether somebody has put an alert aside, or its parent speaks for it: then no siren and no job."""
        held = {one["kind"] for one in self.desk.masks_of(rule, target, self._clock.now())}
        return not held.isdisjoint(SILENCING)

    def tick(self, now: datetime) -> Outcome:
        """What the passing of time causes there; a step of the clock causes nothing."""
        trusted = self._clock.trusted()
        offset = now.timestamp() - self._clock.monotonic()
        by, self._offset = offset - self._offset, offset
        if abs(by) > CLOCK_STEP_S:
            _log.warning("desk clock stepped by_s=%d", by)
            moved = self.desk.shift(by, trusted=self._trusted)
            self._trusted = trusted
            return moved
        self._trusted = trusted
        return self._coded(self.desk.tick(now, self._outbox.broken))

    def _coded(self, outcome: Outcome) -> Outcome:
        """A code to answer by in each message that asks for a deed."""
        outcome.tellings[:] = [
            self.codes.on(telling, order=telling.rule in self._jobs) for telling in outcome.tellings
        ]
        return outcome

    @property
    def words(self) -> Mapping[Language, Words]:
        """The texts, in every language."""
        return self._words

    @property
    def broken(self) -> frozenset[str]:
        """Channels that do not work now."""
        return self._outbox.broken

    def wake(self) -> None:
        """Something was queued or taken back."""
        self._outbox.wake()
        self.woken()

    def status(self) -> dict[str, dict[str, Any]]:
        """Every channel, plain data."""
        return self._outbox.status()

    def lanes(self) -> list[Lane]:
        """For whoever stops them together with others."""
        return self._outbox.lanes()

    def with_told(self, alerts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Alerts with whom they have reached, what keeps them from people, and who has taken them on.

        Those that still wait have reached nobody.
        """
        found: list[dict[str, Any]] = []
        now = self._clock.now()
        for one in alerts:
            rule, target = one["rule"], one["target"]
            waiting = (
                one["state"] == AlertState.PENDING.value
            )  # what was told then belongs to an earlier time
            told, taken = ([], None) if waiting else self._journal.told(rule, target)
            held = self.desk.masks_of(rule, target, now) + list(_held_back(told))
            answers = self.desk.answers(rule, target)
            facts = tuple(Fact(key, values) for key, values in one.get("facts", ()))
            found.append(
                {
                    **one,
                    "reason_zh": self.desk.teller.wording.reason(facts, "zh", one["reason"]),
                    "told": told,
                    "acknowledged": taken,
                    "masks": held,
                    "evidence": self._evidence_of(
                        rule, target, datetime.fromisoformat(one["since"]) - LOOKED_BACK, now + LOOKED_BACK
                    ),
                    **({"answers": answers} if answers else {}),
                }
            )
        return found

    def own_alerts(self) -> list[dict[str, Any]]:
        """Alerts that no rule makes, in the shape of the rulebook's."""
        found: list[dict[str, Any]] = []
        for one in self.desk.own_alerts():
            begun, moved = (
                datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
                for at in (one.since, one.moved)
            )
            found.append(
                {
                    "rule": one.rule, "target": one.target, "device": "", "name": "", "state": AlertState.FIRING.value,
                    "severity": one.severity.word, "value": one.value, "reason": one.reason,
                    "facts": [[fact.key, dict(fact.values)] for fact in one.facts], "since": begun,
                    "changed": moved, "unknown": False, "tell": [],
                }
            )  # fmt: skip
        return found

    async def acknowledge(self, rule: str, target: str, by: str) -> None:
        """Somebody has taken an open alert on; on the disk when this returns. Raises Unavailable."""
        now = self._clock.now()
        outcome = self.desk.acknowledge(rule, target, by, now)
        outcome.events.append(acknowledged(rule, target, by, now, self.desk.since(rule, target)))
        await self._written(outcome)

    async def shelve(self, rule: str, target: str, until: datetime, by: str, why: str) -> str:
        """Put an alert aside; returns why not, in words, or nothing. Raises Unavailable."""
        return await self._written(self.desk.shelve(rule, target, until, by, why, now=self._clock.now()))

    async def unshelve(self, rule: str, target: str, by: str) -> str:
        """Before its time; returns why not, in words, or nothing. Raises Unavailable."""
        return await self._written(self.desk.unshelve(rule, target, by, self._clock.now()))

    async def maintain(self, place: str, until: datetime, by: str, why: str) -> str:
        """A device or cell is out of service; returns why not, in words, or nothing. Raises Unavailable."""
        return await self._written(self.desk.maintain(place, until, by, why, self._clock.now()))

    async def unmaintain(self, place: str, by: str) -> str:
        """Back in service; returns why not, in words, or nothing. Raises Unavailable."""
        return await self._written(self.desk.unmaintain(place, by, self._clock.now()))

    async def trial(self, channel: str, person: str, by: str) -> str:
        """Queue a marked test message, which goes the way of every other; returns under which target it is told.

        Args:
            channel: Of the site.
            person: Of the site; must have this channel.
            by: Who wants it.

        Raises:
            Unavailable: The disk did not take it.
        """
        now, one = self._clock.now(), self._site.village.people[person]
        contact = next(each for each in one.contacts if each.channel == channel)
        language: Language = one.language or self._site.village.site.language
        say = self._words[language]
        target = f"{channel}:{secrets.token_hex(4)}"
        message = Outgoing(
            kind="firing", level=0, person=person, channel=channel, address=contact.to, way=0, language=language,
            subject=say("notify.test_subject"), text=f"{say('notify.test_text')}\n{by}", template="test",
            variables={"text": by}, severity=Severity.INFO, critical=False, not_before=now,
            expires_at=now + TRIAL_KEEPS,
        )  # fmt: skip
        telling = Telling(TRIAL, target, to_ms(now), now, now, rows=(message,))
        await self._journal.append(Delivery((), tellings=(telling,)))
        await asyncio.to_thread(self._journal.outbox, lambda _: None)
        self.wake()
        return target

    async def order_moved(self, rule: str, target: str, state: OrderState) -> None:
        """What has become of the job that an alert has caused. Raises Unavailable."""
        await self._written(self.desk.order_moved(rule, target, state, self._clock.now()))

    async def _written(self, outcome: Outcome) -> str:
        """On the disk when this returns; why it was refused, in words, or nothing."""
        if self._coded(outcome):
            delivery = Delivery(
                tuple(outcome.events), tellings=tuple(outcome.tellings), notes=tuple(outcome.notes)
            )
            await self._journal.append(delivery)
            await asyncio.to_thread(self._journal.outbox, lambda _: None)
            self.wake()
        return self._words[self._language](f"refused.{outcome.words}") if outcome.words else ""

    def _composed(self, one: Leased) -> tuple[str, str]:
        return self._lists.compose(one)

    @property
    def evidence(self) -> Mapping[str, Place]:
        """Where evidence lies, by source."""
        return self._shown[0]

    def _evidence_of(self, rule: str, target: str, begin: datetime, end: datetime) -> str | None:
        """What was seen when an alert began, or since, else what a camera was asked to show; None: nothing is kept."""
        kinds = self._shown[1].get(rule)
        try:
            number = self._journal.evidence_of(target.partition(":")[0], kinds, begin, end) if kinds else None
            if number is not None or rule not in self._pictured:
                return number
            began = begin + LOOKED_BACK  # what was taken for an earlier alert shows how it was then
            taken = self._journal.events_between(SNAPSHOT, began, end)
        except StoreError:
            return None
        mine = [one for one in taken if (one.detail.get("rule"), one.detail.get("target")) == (rule, target)]
        return next((one.evidence for one in reversed(mine) if one.evidence is not None), None)

    def _picture(self, one: Leased) -> bytes | None:
        """What goes with a message about a camera, as it is known now (a collision may be a hit-and-run by now)."""
        if one.kind == "resolved" or not self.evidence:
            return None
        now = self._clock.now()
        begin = min(from_ms(one.created_at), self.desk.since(one.rule, one.target) or now) - LOOKED_BACK
        number = self._evidence_of(one.rule, one.target, begin, now + LOOKED_BACK)
        return to_show(self.evidence, number, who=one.person, at=now) if number is not None else None

    def _what_can_be_shown(self, site: Site) -> tuple[dict[str, Place], dict[str, frozenset[str]]]:
        """Where evidence lies, and which kinds of events are behind a rule."""
        places = {
            name: place
            for name, plugin in site.sources.items()
            if (place := evidence_at(plugin.settings, self._state_dir / "sources" / name)) is not None
        }
        return places, {plan.rule.id: plan.events for plan in site.rules.plans}

    def _new_teller(self, site: Site) -> Teller:
        return Teller(
            roster_of(site.village),
            {GATEWAY.slug: GATEWAY, **site.devices},
            {plan.rule.id: plan.rule for plan in site.rules.plans},
            words=self._words,
            language=site.village.site.language,
            zone=site.village.site.zone,
            quantities=site.quantities,
        )


def _jobs_of(site: Site) -> frozenset[str]:
    """The rules whose alerts are jobs for somebody."""
    return frozenset(plan.rule.id for plan in site.rules.plans if plan.rule.order == "auto")


def _held_back(told: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Masks that hold single messages: somebody's quiet hours, a flood."""
    for one in told:
        if one["state"] == "queued" and one["pile"] in ("quiet", "flood"):
            yield {"kind": one["pile"], "until": one["not_before"], "by": one["person"], "why": ""}
