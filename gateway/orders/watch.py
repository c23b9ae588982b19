"""What happens to orders without anybody's deed: opened and ended with their alerts, reminded of, passed upwards.

It looks at what is (alerts that are on, orders that are open, the time) and not at what has just changed, so a power
cut between an alert and its order loses neither: the next look makes good. Nothing that depends on the date is decided
while the clock cannot be trusted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from gateway.errors import OrderRefused, Unavailable
from gateway.model import Order, Severity, Telling
from gateway.notify.codes import Codes
from gateway.orders import life
from gateway.orders.desk import BURNING, OPEN, Desk
from gateway.store.moments import to_ms

PERIOD_S = 10.0
LEAST_STEP = timedelta(minutes=15)  # between two levels that hear of a late order
AUTO = "auto"

_log = logging.getLogger(__name__)
Key = tuple[str, str]


class Watch:
    """Looks at all open orders again and again.

    Args:
        desk: Where they are changed.
        codes: By which people answer.
        silenced: Whether somebody has put an alert aside, or its parent speaks for it: no job is opened meanwhile.
    """

    def __init__(
        self, desk: Desk, codes: Codes, silenced: Callable[[str, str], bool] = lambda _, __: False
    ) -> None:
        self._desk = desk
        self._codes = codes
        self._silenced = silenced
        self._news = asyncio.Event()
        self._trouble = ""
        self._mine: dict[Key, Order] = {}

    def of(self, rule: str, target: str) -> int | None:
        """The order of an alert, as of the last look."""
        order = self._mine.get((rule, target))
        return None if order is None else order.id

    def wake(self) -> None:
        """Something has changed: look at once."""
        self._news.set()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            self._news.clear()
            try:
                await self.look()
                self._trouble = ""
            except (Unavailable, OrderRefused) as error:  # a book that was lost takes its orders along
                if self._trouble != str(error):
                    _log.warning("orders not looked at reason=%s", error)
                self._trouble = str(error)
            except Exception as error:  # noqa: BLE001 - a fault about one order must not end the telling of alarms
                if self._trouble != str(error):
                    _log.error("orders stumble", exc_info=error)
                self._trouble = str(error)
            await self._rest()

    async def _rest(self) -> None:
        tasks = [
            asyncio.ensure_future(self._desk.clock.sleep(PERIOD_S)),
            asyncio.ensure_future(self._news.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    async def look(self) -> None:
        """One look. Raises Unavailable."""
        desk = self._desk
        alerts = {(one["rule"], one["target"]): one for one in desk.alerts()}
        orders = await desk.find(states=OPEN, limit=2000)
        mine: dict[Key, Order] = {}
        for order in reversed(orders):
            if order.rule:
                mine[order.rule, order.target] = order
        self._mine = mine
        for key, alert in alerts.items():
            if alert["state"] in BURNING:
                await self._burning(key, alert, mine.get(key))
        for key, order in mine.items():
            gone = key not in alerts or alerts[key]["state"] not in BURNING
            if gone and order.ended is None:
                await self._ended(order)
        if desk.clock.trusted():
            for order in orders:
                await self._clock(order)

    async def open_for(self, rule: str, target: str, by: str) -> Order | None:
        """A person wants an order for an alert that is on; nothing when there is none."""
        for alert in self._desk.alerts():
            if (alert["rule"], alert["target"]) == (rule, target) and alert["state"] != "pending":
                return await self._desk.of_alert(rule, target) or await self._open(alert, by, auto=False)
        return None

    # -- alerts -------------------------------------------------------------------------------------------------------

    async def _burning(self, key: Key, alert: dict[str, Any], order: Order | None) -> None:
        """An alert is on: it has an order if its rule says so; a worse one has less time."""
        rule = self._desk.calls.rules.get(key[0])
        if order is None:
            if rule is not None and rule.order == AUTO and not self._silenced(*key):
                self._mine[key] = await self._open(alert, life.GATEWAY, auto=True)
            return
        severity = Severity[alert["severity"].upper()]
        occurrence = _occurrence(alert)
        if severity > order.severity:
            await self._change(
                order, "raised",
                lambda one, now: life.worse(one, severity, now, self._desk.limits(one.kind, severity, now)),
            )  # fmt: skip
        elif order.ended is not None or order.occurrence != occurrence:
            await self._change(
                order, "again",
                lambda one, now: life.again(one, occurrence, now),
            )  # fmt: skip

    async def _open(self, alert: dict[str, Any], by: str, *, auto: bool) -> Order:
        desk, calls = self._desk, self._desk.calls
        now, severity = desk.clock.now(), Severity[alert["severity"].upper()]
        device, part = str(alert["device"]), str(alert["target"]).partition(":")[2]
        cell, kind = calls.cell_of(device), calls.kind_of(alert["rule"], device)
        person, role = calls.who(cell, calls.roles_of(alert["rule"], device), now, desk.broken())
        amber, due = desk.limits(kind, severity, now)
        rule, known = calls.rules.get(alert["rule"]), calls.devices.get(device)
        title = rule.title(calls.language) if rule is not None else str(alert["rule"])
        place = (known.settings.name if known is not None else "") or device
        order = Order(
            0, "", kind, f"{title} {place} {part}".strip(), severity, now, amber, due,
            text=str(alert["reason"] or ""), device=device if known is not None else "", cell=cell, role=role,
            rule=alert["rule"], target=alert["target"], occurrence=_occurrence(alert), auto=auto, person=person,
        )  # fmt: skip
        return await desk.add(life.noted(order, now, by, "created"), "" if auto else "new")

    async def _ended(self, order: Order) -> None:
        await self._change(order, "ended", life.over, closes=True)

    # -- the clock ----------------------------------------------------------------------------------------------------

    async def _clock(self, order: Order) -> None:
        """Lights and levels: at 80 % who has it is reminded, at 100 % the next level hears of it, and so on upwards."""
        now = self._desk.clock.now()
        if order.state not in life.AT_WORK:
            return
        if now > order.due:
            step = max((order.due - order.created) / 2, LEAST_STEP)
            due = order.due if order.told_late is None else order.told_late + step
            if now >= due and order.level < self._desk.calls.top_level(order):
                await self._upwards(order, now)
        elif now >= order.amber and not order.reminded:
            telling = self._desk.calls.to_person(order, "amber", now, self._desk.broken())
            await self._change(
                order, "amber",
                life.reminded, telling,
            )  # fmt: skip

    async def _upwards(self, order: Order, now: datetime) -> None:
        telling, level = self._desk.calls.to_level(order, "late", order.level + 1, now, self._desk.broken())
        await self._change(
            order, "late",
            lambda one, at: life.upwards(one, level, at), telling,
        )  # fmt: skip

    async def _change(
        self,
        order: Order,
        what: str,
        move: Callable[[Order, datetime], Order],
        telling: Telling | None = None,
        *,
        closes: bool = False,
    ) -> None:
        desk = self._desk
        if closes:
            telling = desk.calls.withdrawn(order, desk.clock.now())
        if telling is not None and telling.rows:
            telling = self._codes.on(telling, order=True)
        await desk.change(order.id, what, life.GATEWAY, move, telling)


def _occurrence(alert: dict[str, Any]) -> int:
    return to_ms(datetime.fromisoformat(alert["since"]))
