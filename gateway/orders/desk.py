"""The desk: every order of the house passes here. A deed is on the disk, told and heard of when its method returns.

Each change is one transaction of the journal: the order as it is then, an event ``order`` (which goes to the database
like every other), the messages it causes. What is wrong is raised as OrderRefused, in words for people.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.clock import Clock
from gateway.errors import OrderRefused
from gateway.model import Event, Order, OrderState, Severity, Telling
from gateway.names import roster_of
from gateway.notify.codes import Codes
from gateway.orders import life, statistics
from gateway.orders.album import Album
from gateway.orders.calls import OTHER, Calls
from gateway.orders.papers import Draft, Proof, must_fit, place_of, plain
from gateway.rules.rulebook import ALERT
from gateway.site import GATEWAY, Site
from gateway.store.book import Book
from gateway.store.journal import Journal
from gateway.store.moments import to_ms
from gateway.store.orders import asked
from gateway.terms import limits
from gateway.words import Language, Words

ORDER = "order"  # the event by which every change of an order is written down
OPEN = tuple(state for state in OrderState if state is not OrderState.CHECKED)
BURNING = frozenset({"firing", "recovering"})
_WEEK = timedelta(days=7)


class Desk:
    """All orders of one house.

    Args:
        site: Read and checked.
        journal: Where they lie.
        clock: The house's.
        state_dir: Of the house; pictures lie in ``orders/`` in it.
        codes: By which people answer.
        words: The texts, in every language.
        alerts: What is not normal now.
        told: Called when something was queued for people.
        broken: Channels that do not work now.
        changed: Told of every order that is new or has changed.
    """

    def __init__(
        self,
        site: Site,
        journal: Journal,
        clock: Clock,
        state_dir: Path,
        *,
        codes: Codes,
        words: Mapping[Language, Words],
        alerts: Callable[[], list[dict[str, Any]]],
        told: Callable[[], None] = lambda: None,
        broken: Callable[[], frozenset[str]] = frozenset,
        changed: Callable[[Order], Awaitable[None]] | None = None,
    ) -> None:
        self.journal = journal
        self.clock = clock
        self.album = Album(state_dir / "orders")
        self._codes = codes
        self._words = words
        self.alerts = alerts
        self._told = told
        self.broken = broken
        self._changed = changed
        self.use(site)

    def use(self, site: Site) -> None:
        """From now on the people, rules and terms of this site count."""
        self.site = site
        self.settings = site.village.orders
        self.calls = Calls(
            roster_of(site.village),
            {GATEWAY.slug: GATEWAY, **site.devices},
            {plan.rule.id: plan.rule for plan in site.rules.plans},
            words=self._words,
            language=site.village.site.language,
            zone=site.village.site.zone,
        )

    # -- asking -------------------------------------------------------------------------------------------------------

    async def get(self, number: int) -> Order:
        """One order. Raises OrderRefused when there is none."""
        found = await self._ask(*asked(number=number))
        if not found:
            raise OrderRefused("unknown", "unknown", number=number)
        return found[0]

    async def find(
        self,
        *,
        states: Iterable[OrderState] = (),
        cell: str = "",
        person: str = "",
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 500,
    ) -> list[Order]:
        """Orders, the newest first."""
        return await self._ask(
            *asked(states=states, cell=cell, person=person, start=start, end=end, limit=limit)
        )

    async def of_alert(self, rule: str, target: str) -> Order | None:
        """The open order of an alert."""
        found = await self._ask(*asked(states=OPEN, rule=rule, target=target, limit=1))
        return found[0] if found else None

    async def statistics(self, start: datetime, end: datetime) -> dict[str, Any]:
        """See :mod:`gateway.orders.statistics`; the worst sources are those of the week before ``end``."""
        orders = await self.find(start=start, end=end, limit=2000)
        messages = await asyncio.to_thread(self.journal.told_between, start, end)
        events = await asyncio.to_thread(self.journal.events_between, ALERT, end - _WEEK, end)
        return {
            "from": start.isoformat(),
            "to": end.isoformat(),
            **statistics.of_orders(orders, self.clock.now()),
            "alarms": statistics.of_messages(messages, self.site.village.site.zone),
            "targets": {"an_hour": statistics.TARGET_PER_HOUR, "a_day": statistics.TARGET_PER_DAY},
            "worst": statistics.worst_sources(events),
        }

    def plain(self, order: Order) -> dict[str, Any]:
        """An order as the API gives it."""
        return plain(order, self.clock.now())

    # -- deeds --------------------------------------------------------------------------------------------------------

    async def create(self, draft: Draft, by: str) -> Order:
        """An order by hand or from outside; its person is told."""
        now = self.clock.now()
        must_fit(draft, self.site.village, now)
        cell = draft.cell or self.calls.cell_of(draft.device)
        kind = draft.kind or (self.calls.kind_of("", draft.device) if draft.device else OTHER)
        person, role = draft.person, ""
        if not person:
            person, role = self.calls.who(cell, self.calls.roles_of("", draft.device), now, self.broken())
        amber, due = self.limits(kind, draft.severity, now)
        if draft.due is not None:
            amber, due = now + (draft.due - now) * 0.8, draft.due
        order = Order(
            0, "", kind, draft.title, draft.severity, now, amber, due, text=draft.text, device=draft.device,
            cell=cell, role=role, person=person,
        )  # fmt: skip
        made = await self.add(life.noted(order, now, by, "created"), "new", draft.key)
        self._told()
        return made

    async def accept(self, number: int, by: str, *, key: str = "") -> Order:
        """Somebody takes it."""
        return await self._move(
            number, "accepted", by, lambda order, now: life.accept(order, by, now), key=key
        )

    async def arrive(
        self, number: int, by: str, *, place: tuple[float, float] | None = None, key: str = ""
    ) -> Order:
        """Somebody is there."""
        return await self._move(
            number, "on_site", by, lambda order, now: life.arrive(order, by, now, place), key=key
        )

    async def done(self, number: int, by: str, proof: Proof, *, key: str = "") -> Order:
        """Somebody has done it, and shows a picture taken at the place.

        Raises:
            OrderRefused: ``ask``: the sensor still says otherwise; say it again, or with ``sure``. ``bad``: the picture
                or its place is not as it must be.
        """
        order = await self.get(number)
        if key and key in order.keys:
            return order
        wrong = [] if proof.photos else ["no picture"]
        if not proof.photos and self.settings.photo == "required" and not proof.by_word:
            raise OrderRefused("bad", "photo_missing", number=order.number)
        await self._must_be_over(order, by, sure=proof.sure)
        if self.still(order):
            wrong.append("the alert is not over")
        pictures = [await asyncio.to_thread(self.album.clean, raw, self.settings) for raw in proof.photos]
        place = place_of(order, [one.place for one in pictures], proof, self.site.village)
        if len(order.photos) + len(pictures) > self.settings.most_photos:
            raise OrderRefused("bad", "photos_many", most=self.settings.most_photos)
        names = [await asyncio.to_thread(self.album.keep, order.id, one) for one in pictures]
        said = "; ".join(wrong)
        return await self._move(
            number, "done", by,
            lambda one, now: life.done(one, by, now, photos=names, place=place, note=proof.note, wrong=said),
            key=key,
        )  # fmt: skip

    async def check(
        self, number: int, by: str, *, note: str = "", sure: bool = False, key: str = ""
    ) -> Order:
        """Somebody who answers for it has looked and closes it."""
        order = await self.get(number)
        if key and key in order.keys:
            return order
        await self._must_be_over(order, by, sure=sure)
        return await self._move(
            number, "checked", by, lambda one, now: life.check(one, by, now, note), key=key
        )

    async def give_back(self, number: int, by: str, why: str, *, key: str = "") -> Order:
        """It was not good enough; the same person is told."""

        def move(order: Order, now: datetime) -> Order:
            return life.give_back(order, by, now, why, self.limits(order.kind, order.severity, now))

        return await self._move(number, "returned", by, move, tell="returned", key=key)

    async def assign(self, number: int, person: str, by: str, *, key: str = "") -> Order:
        """Somebody else shall do it; he is told."""
        if person not in self.calls.roster.people:
            raise OrderRefused("bad", "no_person", person=person[:60])
        return await self._move(
            number, "assigned", by, lambda one, now: life.assign(one, person, by, now), tell="new", key=key
        )

    # -- for the watch ------------------------------------------------------------------------------------------------

    def still(self, order: Order) -> str:
        """Why the sensor says that it is not over; empty when it does not."""
        for one in self.alerts():
            if order.rule and (one["rule"], one["target"]) == (order.rule, order.target):
                return str(one["reason"] or "-") if one["state"] in BURNING else ""
        return ""

    def limits(self, kind: str, severity: Severity, now: datetime) -> tuple[datetime, datetime]:
        """When a job that begins now turns amber, and when it is due."""
        return limits(kind, severity, now, self.settings, self.calls.roster.calendar)

    async def add(self, order: Order, tell: str, key: str = "") -> Order:
        """A new order into the book; ``tell`` names the message to its person, empty: he is told by the alert."""
        year = order.created.astimezone(self.site.village.site.zone).year

        def work(book: Book) -> tuple[Order, bool]:
            made, fresh = book.orders.add(order, year, key)
            if fresh:
                message = self._message(made, tell, order.created)
                self._write(book, made, "created", made.log[0].by, message, now=order.created)
            return made, fresh

        made, fresh = await asyncio.to_thread(self.journal.change, work)
        if fresh:
            await self._say(made)
        return made

    async def change(
        self,
        number: int,
        what: str,
        by: str,
        move: Callable[[Order, datetime], Order],
        telling: Telling | None,
    ) -> Order:
        """One change of an order with the messages it causes."""
        now = self.clock.now()

        def work(book: Book) -> tuple[Order, bool]:
            before = book.orders.get(number)
            if before is None:
                raise OrderRefused("unknown", "unknown", number=number)
            after = move(before, now)
            if after != before:
                book.orders.save(after)
                self._write(book, after, what, by, telling, now=now)
            return after, after != before

        order, changed = await asyncio.to_thread(self.journal.change, work)
        if changed:
            await self._say(order)
            self._told()
        return order

    # -- within -------------------------------------------------------------------------------------------------------

    async def _say(self, order: Order) -> None:
        if self._changed is not None:
            await self._changed(order)

    async def _ask(self, question: str, values: Sequence[object]) -> list[Order]:
        return await asyncio.to_thread(self.journal.orders, question, values)

    async def _move(
        self,
        number: int,
        what: str,
        by: str,
        move: Callable[[Order, datetime], Order],
        *,
        tell: str = "",
        key: str = "",
    ) -> Order:
        now = self.clock.now()

        def work(book: Book) -> Order:
            before = book.orders.get(number)
            if before is None:
                raise OrderRefused("unknown", "unknown", number=number)
            if key and key in before.keys:
                return before
            after = move(before, now)
            if after == before:
                return before
            after = life.remembered(after, key)
            book.orders.save(after)
            message = self._message(after, tell, now) or self.calls.withdrawn(after, now)
            self._write(book, after, what, by, message, now=now)
            return after

        order = await asyncio.to_thread(self.journal.change, work)
        await self._say(order)
        self._told()
        return order

    def _message(self, order: Order, tell: str, now: datetime) -> Telling | None:
        if not tell or not order.person:
            return None
        return self._codes.on(self.calls.to_person(order, tell, now, self.broken()), order=True)

    @staticmethod
    def _write(
        book: Book, order: Order, what: str, by: str, telling: Telling | None, *, now: datetime
    ) -> None:
        """The event of a change and its messages."""
        detail: dict[str, float | str] = {
            "id": float(order.id), "number": order.number, "what": what, "state": order.state.value, "kind": order.kind,
            "severity": order.severity.word, "by": by[:60], "person": order.person, "cell": order.cell,
            "rule": order.rule, "target": order.target, "title": order.title[:200],
        }  # fmt: skip
        book.add_events([Event(order.device or GATEWAY.slug, ORDER, now, now, detail=detail)])
        if telling is not None:
            book.outbox.tell(telling)
            book.codes.add(telling.codes, to_ms(now))

    async def _must_be_over(self, order: Order, by: str, *, sure: bool) -> None:
        """Ask once more when the sensor still says otherwise."""
        why = self.still(order)
        if not why or sure or life.is_sure(order, by, self.clock.now(), self.settings.sure_within):
            return
        await self.change(order.id, "asked", by, lambda one, now: life.ask(one, by, now, why), None)
        raise OrderRefused("ask", "still", number=order.number, reason=why)
