"""The part of the house that tells people: the teller of the site as it is now, and the outbox with its channels."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.clock import Clock
from gateway.contracts import Channel, ChannelContext
from gateway.model import AlertChange, AlertState, Delivery, Telling
from gateway.names import roster_of
from gateway.notify.codes import Codes
from gateway.notify.inbox import Inbox
from gateway.notify.outbox import Lane, Outbox
from gateway.notify.teller import Teller, acknowledgement
from gateway.rules.telling import acknowledged
from gateway.site import GATEWAY, Plugin, Site, load_words
from gateway.store.journal import Journal
from gateway.words import Language, Words

LANGUAGES: tuple[Language, ...] = ("zh", "en")


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
        self._outbox = Outbox(journal, clock, self._words)
        self.codes = Codes(self._words)
        self.codes.page = site.village.answers.page or ""
        self.inbox = Inbox()
        self._site = site
        self._teller = self._new_teller(site)

    def use(self, site: Site) -> None:
        """From now on the people and rules of this site count."""
        self._site = site
        self.codes.page = site.village.answers.page or ""
        self._teller = self._new_teller(site)

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
                name: ((plugin.settings, title, language), builder(name, plugin))
                for name, plugin in site.channels.items()
            }
        )
        self.inbox.apply({lane.name: lane.channel for lane in self._outbox.lanes()})
        return outcome

    def telling(self, change: AlertChange, now: datetime) -> Telling | None:
        """What a change causes in the outbox; each message that asks for a deed has a code to answer by."""
        told = self._teller.telling(change, now, self._outbox.broken)
        if told is None or not told.rows:
            return told
        written = self._site.rules.written.get(change.rule)
        return self.codes.on(told, order=written is not None and written.rule.order == "auto")

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

    def status(self) -> dict[str, dict[str, Any]]:
        """Every channel, plain data."""
        return self._outbox.status()

    def lanes(self) -> list[Lane]:
        """For whoever stops them together with others."""
        return self._outbox.lanes()

    def with_told(self, alerts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Alerts with whom they have reached and who has taken them on; those that still wait have reached nobody."""
        found = []
        for one in alerts:
            waiting = (
                one["state"] == AlertState.PENDING.value
            )  # what was told then belongs to an earlier time
            told, taken = ([], None) if waiting else self._journal.told(one["rule"], one["target"])
            found.append({**one, "told": told, "acknowledged": taken})
        return found

    async def acknowledge(self, rule: str, target: str, by: str) -> None:
        """Somebody has taken an open alert on; on the disk when this returns. Raises Unavailable."""
        now = self._clock.now()
        event = acknowledged(rule, target, by, now)
        await self._journal.append(Delivery((event,), tellings=(acknowledgement(rule, target, by, now),)))
        await asyncio.to_thread(self._journal.outbox, lambda _: None)
        self.wake()

    def _new_teller(self, site: Site) -> Teller:
        return Teller(
            roster_of(site.village),
            {GATEWAY.slug: GATEWAY, **site.devices},
            {plan.rule.id: plan.rule for plan in site.rules.plans},
            words=self._words,
            language=site.village.site.language,
            zone=site.village.site.zone,
        )
