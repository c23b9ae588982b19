"""The part of the house that tells people: the teller of the site as it is now, and the outbox with its channels."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.clock import Clock
from gateway.contracts import Channel, ChannelContext
from gateway.errors import StoreError
from gateway.evidence.pictures import Place, place_of, to_show
from gateway.model import AlertChange, AlertState, Delivery, Telling
from gateway.names import roster_of
from gateway.notify.outbox import Lane, Outbox
from gateway.notify.teller import Teller, acknowledgement
from gateway.rules.telling import acknowledged
from gateway.site import GATEWAY, Plugin, Site, load_words
from gateway.store.journal import Journal
from gateway.store.moments import from_ms
from gateway.store.outbox import Leased
from gateway.words import Language, Words

LOOKED_BACK = timedelta(
    minutes=15
)  # an event may be that much older than the alert it raises (or its clock ahead)
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
        self._outbox = Outbox(journal, clock, self._words, self._picture)
        self._teller = self._new_teller(site)
        self._shown = self._what_can_be_shown(site)

    def use(self, site: Site) -> None:
        """From now on the people and rules of this site count."""
        self._teller = self._new_teller(site)
        self._shown = self._what_can_be_shown(site)

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

        return self._outbox.apply(
            {
                name: ((plugin.settings, title, language), builder(name, plugin))
                for name, plugin in site.channels.items()
            }
        )

    def telling(self, change: AlertChange, now: datetime) -> Telling | None:
        """What a change causes in the outbox."""
        return self._teller.telling(change, now, self._outbox.broken)

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

    def _picture(self, one: Leased) -> bytes | None:
        """What goes with a message about a camera, as it is known now (a collision may be a hit-and-run by now)."""
        places, kinds = self._shown
        if one.kind == "resolved" or not places or not kinds.get(one.rule):
            return None
        source, now = one.target.partition(":")[0], self._clock.now()
        try:
            begin = from_ms(one.created_at) - LOOKED_BACK
            number = self._journal.evidence_of(source, kinds[one.rule], begin, now + LOOKED_BACK)
        except StoreError:
            return None
        return to_show(places, number, who=one.person, at=now) if number is not None else None

    def _what_can_be_shown(self, site: Site) -> tuple[dict[str, Place], dict[str, frozenset[str]]]:
        """Where evidence lies, and which kinds of events are behind a rule."""
        places = {
            name: place
            for name, plugin in site.sources.items()
            if (place := place_of(plugin.settings, self._state_dir / "sources" / name)) is not None
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
        )
