"""The rules of a running house: made from the site, given back their past at a start, kept over a power cut.

What the rules must still know is small: every rule and target that is not at rest. It is a bookmark in the journal,
written only when it has changed. What they have seen (windows, last values) is read back from the journal itself; what
was told after the bookmark was written stands there as an event.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from gateway.clock import Clock
from gateway.model import AlertChange, Event, Reading
from gateway.rules.rulebook import ALERT, Rulebook
from gateway.site import Site
from gateway.store.journal import Journal

MEMORY_OF_RULES = "rules"
_PAGE = 1000
_LONGEST = timedelta(days=4)  # a drift over three days; longer windows fill up again by themselves


class Judgement:
    """Keeps the rulebook of one house.

    Args:
        journal: Where everything is written down.
        clock: The house's clock.
    """

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._events = 0
        self._kept = ""

    def open(self, site: Site, latest: Mapping[str, Reading]) -> tuple[Rulebook, list[AlertChange]]:
        """The rulebook as it was left, and what was closed because its rule or device is gone.

        Starting causes no change of anything else.
        """
        rulebook = self.prepare(site, latest)
        self._kept = self._journal.bookmark(MEMORY_OF_RULES) or ""
        memory = _plain(self._kept)
        closed = rulebook.restore(memory.get("rules", {}))
        self._events = int(memory.get("events", 0))
        self._adopt(rulebook)
        return rulebook, closed

    def prepare(self, site: Site, latest: Mapping[str, Reading]) -> Rulebook:
        """A rulebook that has seen the past, but remembers nothing of its own. May be called from any thread."""
        rulebook = site.rulebook()
        now = self._clock.now()
        for series, span in rulebook.spans(latest).items():
            past = (
                self._journal.readings(series, now - min(timedelta(seconds=span), _LONGEST), now)
                if span
                else []
            )
            rulebook.learn(past or [latest[series]])
        return rulebook

    def remember(self, rulebook: Rulebook) -> None:
        """Write down what must outlive a restart, when it has changed."""
        text = json.dumps({"events": self._events, "rules": rulebook.memory()}, ensure_ascii=False)
        if text != self._kept:
            self._kept = text
            self._journal.set_bookmark(MEMORY_OF_RULES, text)

    def _adopt(self, rulebook: Rulebook) -> None:
        """What was told last, by the events since the last start."""
        last: dict[tuple[object, object], Event] = {}
        while entries := self._journal.events(self._events, _PAGE):
            self._events = entries[-1].seq
            for entry in entries:
                if isinstance(entry.item, Event) and entry.item.kind == ALERT:
                    detail = entry.item.detail
                    last[detail.get("rule"), detail.get("target")] = entry.item
        for event in last.values():
            rulebook.adopt(event)


def _plain(text: str) -> dict[str, Any]:
    try:
        memory = json.loads(text) if text else {}
    except ValueError:
        return {}  # written by somebody else: the rules start anew
    return memory if isinstance(memory, dict) else {}
