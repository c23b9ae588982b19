"""Work orders in the book: one row each, changed in one transaction with the event and the messages of the change.

Every writing method here runs inside a transaction of the journal's thread; times are ms since 1970. What is asked for
by (state, cell, person, time) has a column; the rest of an order is one JSON text.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from gateway.model import Order, OrderNote, OrderState, Severity
from gateway.store.moments import from_ms, to_ms

ORDERS = """
    CREATE TABLE job(id INTEGER PRIMARY KEY AUTOINCREMENT, year INTEGER NOT NULL, nr INTEGER NOT NULL,
                     state TEXT NOT NULL, kind TEXT NOT NULL, cell TEXT NOT NULL, person TEXT NOT NULL,
                     rule TEXT NOT NULL, target TEXT NOT NULL, occurrence INTEGER NOT NULL, created INTEGER NOT NULL,
                     made_by TEXT, body TEXT NOT NULL, UNIQUE(year, nr), UNIQUE(made_by));
    CREATE INDEX job_state ON job(state, created);
    CREATE INDEX job_alert ON job(rule, target, occurrence);
    CREATE INDEX job_created ON job(created)
"""
MOST_LISTED = 2000
_OWN = frozenset({"id", "state", "kind", "cell", "person", "rule", "target", "occurrence", "created"})
WHOLE = "id, year, nr, state, kind, cell, person, rule, target, occurrence, created, made_by, body"
_SAID = "SELECT id, state, kind, cell, person, rule, target, occurrence, created, body FROM job"


class OrdersTable:
    """The rows.

    Args:
        db: The book's writing connection.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, order: Order, year: int, made_by: str = "") -> tuple[Order, bool]:
        """A new order gets its id and its number of the year; known already (same alert, same key): that one.

        Returns:
            The order, and whether it is new.

        Args:
            order: Its id and number are not looked at.
            year: On the site's calendar.
            made_by: Key of the request that made it.
        """
        known = self._known(order, made_by)
        if known is not None:
            return known, False
        sql = (
            "SELECT max(coalesce((SELECT max(nr) FROM job WHERE year = ?), 0),"
            " coalesce((SELECT value FROM meta WHERE key = 'job_floor'), 0))"
        )
        nr = 1 + int(self._db.execute(sql, (year,)).fetchone()[0])
        named = replace(order, number=f"{year}-{nr:04d}")
        sql = (
            "INSERT INTO job(year, nr, state, kind, cell, person, rule, target, occurrence, created, made_by, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        row = self._db.execute(sql, (year, nr, *_columns(named), made_by or None, _body(named)))
        assert row.lastrowid is not None
        return replace(named, id=row.lastrowid), True

    def save(self, order: Order) -> None:
        """The order as it is now."""
        sql = (
            "UPDATE job SET state = ?, kind = ?, cell = ?, person = ?, rule = ?, target = ?, occurrence = ?,"
            " created = ?, body = ? WHERE id = ?"
        )
        self._db.execute(sql, (*_columns(order), _body(order), order.id))

    def get(self, number: int) -> Order | None:
        """One of them."""
        row = self._db.execute(f"{_SAID} WHERE id = ?", (number,)).fetchone()
        return None if row is None else order_of(row)

    def count_from(self, number: int) -> None:
        """Give no id and no number that an older book may have given: its numbers were never above its ids."""
        self._db.execute("DELETE FROM sqlite_sequence WHERE name = 'job'")
        self._db.execute("INSERT INTO sqlite_sequence(name, seq) VALUES ('job', ?)", (number,))
        self._db.execute("INSERT OR REPLACE INTO meta(key, value) VALUES ('job_floor', ?)", (number,))

    def take_back(self, rows: Iterable[Sequence[object]]) -> None:
        """Orders of an older book (columns of :data:`WHOLE`)."""
        marks = ", ".join("?" * len(WHOLE.split(",")))
        sql = f"INSERT OR IGNORE INTO job({WHOLE}) VALUES ({marks})"  # noqa: S608  # ours
        self._db.executemany(sql, [tuple(row) for row in rows])

    def _known(self, order: Order, made_by: str) -> Order | None:
        row = None
        if made_by:
            row = self._db.execute(f"{_SAID} WHERE made_by = ?", (made_by,)).fetchone()
        if row is None and order.rule:
            sql = f"{_SAID} WHERE rule = ? AND target = ? AND occurrence = ?"
            row = self._db.execute(sql, (order.rule, order.target, order.occurrence)).fetchone()
        return None if row is None else order_of(row)


def asked(
    *,
    number: int | None = None,
    states: Iterable[OrderState] = (),
    cell: str = "",
    person: str = "",
    rule: str = "",
    target: str = "",
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = MOST_LISTED,
) -> tuple[str, Sequence[object]]:
    """A question about orders and its values: newest first."""
    where, values = ["1"], list[object]()
    wanted = [state.value for state in states]
    if wanted:
        where.append("state IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(wanted))
    if number is not None:
        where.append("id = ?")
        values.append(number)
    for column, value in (("cell", cell), ("person", person), ("rule", rule), ("target", target)):
        if value:
            where.append(f"{column} = ?")
            values.append(value)
    for sign, moment in ((">=", start), ("<", end)):
        if moment is not None:
            where.append(f"created {sign} ?")
            values.append(to_ms(moment))
    values.append(max(1, min(limit, MOST_LISTED)))
    return f"{_SAID} WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?", values


def _columns(order: Order) -> tuple[object, ...]:
    return (
        order.state.value, order.kind, order.cell, order.person, order.rule, order.target, order.occurrence,
        to_ms(order.created),
    )  # fmt: skip


def _body(order: Order) -> str:
    plain = {one.name: _plain(getattr(order, one.name)) for one in fields(order) if one.name not in _OWN}
    return json.dumps(plain, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace").decode()


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return to_ms(value)
        case OrderNote():
            return [to_ms(value.at), value.by, value.what, value.note]
        case tuple():
            return [_plain(one) for one in value]
        case Severity():
            return int(value)
        case _:
            return value


_MOMENTS = frozenset(
    {"amber", "due", "accepted", "arrived", "done", "checked", "told_late", "ended", "asked"}
)


def order_of(row: Sequence[Any]) -> Order:
    """An order from its columns."""
    number, state, kind, cell, person, rule, target, occurrence, created, body = row
    kept: Mapping[str, Any] = json.loads(body)
    names = {one.name for one in fields(Order)} - _OWN
    more: dict[str, Any] = {name: value for name, value in kept.items() if name in names}
    for name in _MOMENTS & more.keys():
        more[name] = None if more[name] is None else from_ms(more[name])
    more["severity"] = Severity(more["severity"])
    more["log"] = tuple(OrderNote(from_ms(at), by, what, note) for at, by, what, note in more.get("log", ()))
    for name in ("photos", "keys"):
        more[name] = tuple(more.get(name, ()))
    place = more.get("place")
    more["place"] = None if place is None else (float(place[0]), float(place[1]))
    return Order(
        id=number, state=OrderState(state), kind=kind, cell=cell, person=person, rule=rule, target=target,
        occurrence=occurrence, created=from_ms(created), **more,
    )  # fmt: skip
