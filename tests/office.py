"""Everything between a change of an alert and a message, under a clock that the test moves: desk, journal, channels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from gateway.alerts.desk import Desk, Outcome
from gateway.clock import ManualClock
from gateway.model import AlertChange, AlertState, Delivery, Severity
from gateway.names import roster_of
from gateway.notify.lists import lists_of
from gateway.notify.outbox import Lane, Steps
from gateway.notify.teller import Teller
from gateway.rules.language import Rule
from gateway.rules.telling import event_of
from gateway.settings import StoreSettings, Village
from gateway.site import load_words
from gateway.store.journal import Journal
from tests.conftest import NOON
from tests.telling import Scripted, teller, village

WORDS = {"zh": load_words("zh"), "en": load_words("en")}
FIRING, NORMAL, LATCHED, PENDING = (
    AlertState.FIRING,
    AlertState.NORMAL,
    AlertState.LATCHED,
    AlertState.PENDING,
)


class Office:
    """The telling half of a house, stepped by hand.

    Args:
        root: Where the journal lies.
        rules: Those of the site.
        of: The site; the small village by default.
    """

    def __init__(self, root: Path, *rules: Rule, of: Village | None = None) -> None:
        self.root = root
        self.site = of or village()
        self.rules = rules
        self.clock = ManualClock(NOON)
        self.channels = {name: Scripted() for name in ("chat", "sms", "voice")}
        self.states: dict[tuple[str, str], tuple[AlertState, Severity, datetime | None]] = {}
        self.parents: dict[str, list[tuple[str, AlertState, bool]]] = {}
        self.open()

    def open(self) -> None:
        """The power comes back: everything is read from the disk."""
        self.journal = Journal(self.root, self.clock, StoreSettings(), boot="boot-1")
        self.journal.open()
        self.desk = Desk(self.teller(), self.standing)
        self.desk.recall(self.journal.desk_notes())
        self.offset = self.clock.now().timestamp() - self.clock.monotonic()
        steps = Steps(self.clock)
        compose = lists_of(roster_of(self.site), self.site.devices, WORDS).compose
        self.lanes = [
            Lane(
                name,
                channel,
                self.journal,
                self.clock,
                steps=steps,
                words=WORDS,
                compose=compose,
                jitter=lambda: 0.5,
            )
            for name, channel in self.channels.items()
        ]

    def close(self) -> None:
        self.journal.close()

    def restart(self) -> None:
        self.close()
        self.open()

    def teller(self) -> Teller:
        return teller(*self.rules, of=self.site)

    def standing(self, rule: str) -> Iterable[tuple[str, AlertState, bool]]:
        found = [(key[1], state[0], False) for key, state in self.states.items() if key[0] == rule]
        return [*found, *self.parents.get(rule, [])]

    async def write(self, outcome: Outcome, changes: Sequence[AlertChange] = ()) -> str:
        now = self.clock.now()
        events = (*(event_of(change, now) for change in changes), *outcome.events)
        await self.journal.append(
            Delivery(events, tellings=tuple(outcome.tellings), notes=tuple(outcome.notes))
        )
        return outcome.words

    async def change(
        self, rule: str, target: str, after: AlertState, severity: str = "red", at: datetime | None = None
    ) -> None:
        """A rule changes its mind, as the rulebook would say it."""
        now = at or self.clock.now()
        before, was, since = self.states.get((rule, target), (NORMAL, Severity.INFO, None))
        level = Severity[severity.upper()] if after is not NORMAL else was
        begun = now if since is None else since
        said = AlertChange(
            now, rule, target, before, after, level, 91.0, "fill 91 % (above 80 %)", begun, was=was
        )
        self.states[rule, target] = (
            (after, level, begun) if after is not NORMAL else (NORMAL, Severity.INFO, None)
        )
        await self.write(self.desk.hear([said], self.clock.now()), [said])

    async def fires(self, rule: str, target: str = "house-7", severity: str = "red") -> None:
        await self.change(rule, target, FIRING, severity)

    async def ends(self, rule: str, target: str = "house-7") -> None:
        await self.change(rule, target, NORMAL)

    def work(self) -> None:
        """Every lane, until none has anything to do now."""
        for lane in self.lanes:
            while lane.step() == 0:
                continue

    async def tick(self) -> None:
        now = self.clock.now()
        offset = now.timestamp() - self.clock.monotonic()
        by, self.offset = offset - self.offset, offset
        trusted = self.clock.trusted()
        outcome = self.desk.shift(by, trusted=trusted) if abs(by) > 60 else self.desk.tick(now)
        await self.write(outcome)
        self.work()

    async def pass_(self, minutes: float, step: float = 1.0) -> None:
        """Time passes, a tick each ``step`` minutes."""
        end = self.clock.now() + timedelta(minutes=minutes)
        await self.tick()
        while self.clock.now() < end:
            self.clock.move_to(min(end, self.clock.now() + timedelta(minutes=step)))
            await self.tick()

    def said(self, channel: str = "chat", *, clear: bool = True) -> list[str]:
        """The subjects that a channel was given since the last time it was asked."""
        heard = self.channels[channel].heard
        found = [one.subject for one in heard]
        if clear:
            heard.clear()
        return found

    def anything(self) -> list[str]:
        return [line for name in self.channels for line in self.said(name)]


def minutes(number: float) -> datetime:
    return NOON + timedelta(minutes=number)
