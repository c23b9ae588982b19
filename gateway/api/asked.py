"""One request as the resources see it: what was given, who asks, the house; and how they say no."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from starlette.requests import Request

from gateway.accounts import LOCAL, Accounts, Principal
from gateway.changes import Changes
from gateway.clock import Clock
from gateway.evidence.pictures import Place
from gateway.linkage.switchboard import Switchboard
from gateway.model import Delivery, Reading
from gateway.orders.desk import Desk
from gateway.orders.watch import Watch
from gateway.site import Site
from gateway.store.journal import Journal


class Entrance(Protocol):
    """Where observations go in."""

    async def put(self, delivery: Delivery) -> None:
        """Hand over; waits for room."""


class Served(Protocol):
    """What the API needs to know of a house."""

    site: Site
    state_dir: Path
    clock: Clock
    journal: Journal
    accounts: Accounts
    changes: Changes
    orders: Desk
    watch: Watch
    outputs: Switchboard
    address: str
    editing: asyncio.Lock
    looking_back: asyncio.Lock
    backing_up: asyncio.Lock

    @property
    def bus(self) -> Entrance:
        """Where observations go in."""

    @property
    def latest(self) -> Mapping[str, Reading]:
        """The last word of every series."""

    def status(self) -> dict[str, Any]:
        """What the box is doing, as plain data."""

    def stalled(self) -> list[str]:
        """Which stages have made no progress although they should have; cheap, for who asks all the time."""

    def status_of(self, slug: str) -> dict[str, Any]:
        """What is known of one device."""

    def alerts(self) -> list[dict[str, Any]]:
        """What is not normal now, worst first."""

    async def confirm(self, rule: str, target: str, by: str) -> bool:
        """A person has looked at an alert; False when there is none."""

    async def acknowledge(self, rule: str, target: str, by: str) -> bool:
        """A person has taken an alert on; False when there is none. Raises Unavailable."""

    async def trial(self, channel: str, person: str, by: str) -> str:
        """A marked test message through one channel; returns under which target it is told. Raises Unavailable."""

    @property
    def evidence(self) -> Mapping[str, Place]:
        """Where evidence lies, by source."""

    async def shelve(self, rule: str, target: str, until: datetime, by: str, why: str) -> str:
        """Put an alert aside for a while; returns why not, in words, or nothing. Raises Unavailable."""

    async def unshelve(self, rule: str, target: str, by: str) -> str:
        """Before its time; returns why not, in words, or nothing. Raises Unavailable."""

    async def maintain(self, device: str, until: datetime, by: str, why: str) -> str:
        """A device or cell is out of service; returns why not, in words, or nothing. Raises Unavailable."""

    async def unmaintain(self, device: str, by: str) -> str:
        """Back in service; returns why not, in words, or nothing. Raises Unavailable."""

    async def reload(self) -> dict[str, Any]:
        """Apply a changed site; raises SettingsError."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes:
        house: Who is asked.
        who: Who asks; ``None`` only where anybody may.
        given: The parameters of path and query, read and checked, defaults filled in.
        body: The JSON body, checked; ``None`` where there is none.
        request: Everything else.
    """

    house: Served
    who: Principal | None
    given: Mapping[str, Any]
    body: Any
    request: Request

    @property
    def person(self) -> Principal:
        """Who asks, where somebody must have signed in."""
        assert self.who is not None
        return self.who

    @property
    def by(self) -> str:
        """The name that others read: who has acknowledged, shelved, closed.

        Over the local socket whoever runs the command says it.
        """
        who = self.person
        said = self.body.get("by") if isinstance(self.body, dict) else None
        if who.name == LOCAL and said:
            return str(said).strip()[:60]
        person = self.house.site.village.people.get(who.person or "")
        return (person.name if person else who.title or who.name)[:60]


class Refusal(Exception):
    """The answer is no.

    Args:
        status: HTTP's number for it.
        what: Which text of ``config/words/api.yaml``, group ``refusal``.
        key: Which part of what was asked is meant, for a form.
        remedy: What would be right; a plain text.
        faults: All faults, where a file was to be changed.
        retry_after_s: When it is worth another try.
        facts: What the text wants.
    """

    def __init__(
        self,
        status: int,
        what: str,
        /,
        *,
        key: str = "",
        remedy: str = "",
        faults: tuple[str, ...] = (),
        retry_after_s: float | None = None,
        **facts: Any,
    ) -> None:
        self.status = status
        self.what = what
        self.key = key
        self.remedy = remedy
        self.faults = faults
        self.retry_after_s = retry_after_s
        self.facts = facts
        super().__init__(what)
