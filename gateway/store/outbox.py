"""The outbox: messages for people, in the book beside the events that cause them (alerting reference 4.8).

At least once: a row is written in the transaction of its cause and leaves ``queued`` only when a channel has said what
became of it. Every method here runs inside a transaction of the journal's thread; times are ms since 1970.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.model import Outgoing, Severity, Telling
from gateway.store.moments import to_ms

OUTBOX = """
    CREATE TABLE outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, target TEXT NOT NULL,
                        occurrence INTEGER NOT NULL, kind TEXT NOT NULL, level INTEGER NOT NULL, seq INTEGER NOT NULL,
                        person TEXT NOT NULL, channel TEXT NOT NULL, address TEXT NOT NULL, way INTEGER NOT NULL,
                        language TEXT NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL, template TEXT NOT NULL,
                        variables TEXT NOT NULL, severity INTEGER NOT NULL, critical INTEGER NOT NULL,
                        not_before INTEGER NOT NULL, next_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
                        state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, lease_until INTEGER,
                        called_at INTEGER, settled_at INTEGER, provider_id TEXT NOT NULL DEFAULT '',
                        last_error TEXT NOT NULL DEFAULT '', created_at INTEGER NOT NULL,
                        void INTEGER NOT NULL DEFAULT 0, perhaps INTEGER NOT NULL DEFAULT 0,
                        UNIQUE(rule, target, occurrence, kind, level, seq, person, channel, address));
    CREATE INDEX outbox_due ON outbox(state, channel, next_at);
    CREATE TABLE acknowledged(rule TEXT NOT NULL, target TEXT NOT NULL, person TEXT NOT NULL, at INTEGER NOT NULL,
                              PRIMARY KEY(rule, target)) WITHOUT ROWID
"""
LEASE_MS = 60_000  # alerting reference 4.8
NEXT_WAY_MS = 120_000  # critical: the person's next channel each 2 min until delivered (4.8)
KEPT_MS = 90 * 86_400_000  # addresses are personal data: what is settled is forgotten after 90 days
TRIES_OF_A_WAY = (
    5  # then the next channel of somebody who is told something less than critical is tried as well
)
LONGEST_WORDS = 300
TOLD = ("person", "channel", "kind", "level", "state", "not_before", "settled_at", "attempts", "why")
TOLD_SQL = (
    "SELECT person, channel, kind, level, state, not_before, settled_at, attempts, last_error FROM outbox"
    " WHERE rule = ? AND target = ? AND (way = 0 OR state <> 'cancelled' OR attempts > 0) AND occurrence ="
    " (SELECT max(occurrence) FROM outbox WHERE rule = ? AND target = ?) ORDER BY not_before, id"
)
_GONE = "the site has no such channel any more"
_TOLD = "(state IN ('leased', 'accepted', 'delivered', 'uncertain') OR perhaps = 1)"
_ALERT = "rule = ? AND target = ?"
_OF_PERSON = f"{_ALERT} AND occurrence = ? AND kind = ? AND level = ? AND seq = ? AND person = ?"

Became = Literal["accepted", "delivered", "uncertain", "retry", "failed", "broken"]


@dataclass(frozen=True, slots=True)
class Leased:
    """A message in a worker's hand."""

    id: int
    rule: str
    target: str
    kind: str
    person: str
    address: str = field(repr=False)
    language: str
    subject: str
    text: str
    template: str
    variables: Mapping[str, str]
    severity: Severity
    critical: bool
    not_before: int
    attempts: int
    created_at: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What a worker is given.

    Attributes:
        leased: Its next message, or none now.
        next_at: When the next one is due that is known of; none: nothing waits.
        newest: The highest id there is.
        expired: How many were found too old to be of use.
    """

    leased: Leased | None
    next_at: int | None
    newest: int
    expired: int


class OutboxTable:
    """The rows.

    Args:
        db: The book's writing connection.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    # -- what an alert causes -----------------------------------------------------------------------------------------

    def tell(self, telling: Telling) -> None:
        """Queue what a change of an alert causes, take back what it makes needless."""
        alert, now = (telling.rule, telling.target), to_ms(telling.now)
        if self._is_known(telling):
            return
        told = self._told(telling) if telling.closing else []
        if telling.cancels:
            self._cancel(alert, now)
        if telling.reopens:
            self._db.execute(f"DELETE FROM acknowledged WHERE {_ALERT}", alert)  # noqa: S608  # ours
        if telling.acknowledged:
            sql = "INSERT OR REPLACE INTO acknowledged VALUES (?, ?, ?, ?)"
            self._db.execute(sql, (*alert, telling.acknowledged, now))
        self._add(telling, telling.occurrence, telling.rows)
        if told:
            self._close(telling, told, now)
        self._db.execute(
            "DELETE FROM outbox WHERE created_at < ? AND state NOT IN ('queued', 'leased')", (now - KEPT_MS,)
        )

    def _is_known(self, telling: Telling) -> bool:
        """The same change once more: what it queued is there."""
        sql = f"SELECT 1 FROM outbox WHERE {_ALERT} AND occurrence = ? AND kind = ? AND seq = ? LIMIT 1"  # noqa: S608
        seq = to_ms(telling.at)
        keys = {(telling.occurrence, one.kind, seq) for one in telling.rows}
        alert = telling.rule, telling.target
        return any(self._db.execute(sql, (*alert, *key)).fetchone() is not None for key in keys)

    def _told(self, telling: Telling) -> list[tuple[Any, ...]]:
        """Everybody who was told of the newest occurrence, or may have been: by which way, in which language."""
        sql = (
            "SELECT person, channel, address, language, template, critical, occurrence, max(id) FROM outbox"  # noqa: S608
            f" WHERE {_ALERT} AND kind <> 'resolved' AND {_TOLD} AND occurrence ="
            f" (SELECT max(occurrence) FROM outbox WHERE {_ALERT}) GROUP BY person ORDER BY person"
        )
        alert = telling.rule, telling.target
        return self._db.execute(sql, (*alert, *alert)).fetchall()

    def _close(self, telling: Telling, told: Iterable[tuple[Any, ...]], now: int) -> None:
        for person, channel, address, language, template, critical, occurrence, _ in told:
            subject, text = telling.closing.get(language) or next(iter(telling.closing.values()))
            row = (
                telling.rule, telling.target, occurrence, "resolved", 0, to_ms(telling.at), person, channel, address, 0,
                language, subject, text, f"{template}_resolved", "{}", int(telling.severity), critical, now, now,
                now + round(telling.keeps_s * 1000), "queued", now,
            )  # fmt: skip
            self._insert(row)

    def _add(self, telling: Telling, occurrence: int, rows: Iterable[Outgoing]) -> None:
        for one in rows:
            due = to_ms(one.not_before)
            values = json.dumps(dict(one.variables), ensure_ascii=False)
            self._insert(
                (
                    telling.rule, telling.target, occurrence, one.kind, one.level, to_ms(telling.at), one.person,
                    one.channel, one.address, one.way, one.language, one.subject, one.text, one.template, values,
                    int(one.severity), int(one.critical), due, due, to_ms(one.expires_at), "queued",
                    to_ms(telling.now),
                )
            )  # fmt: skip

    def _insert(self, row: tuple[object, ...]) -> None:
        sql = (
            "INSERT OR IGNORE INTO outbox(rule, target, occurrence, kind, level, seq, person, channel, address, way,"
            " language, subject, text, template, variables, severity, critical, not_before, next_at, expires_at, state,"
            " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        self._db.execute(sql, tuple(_clean(item) for item in row))

    def _cancel(self, alert: tuple[str, str], now: int) -> None:
        self._db.execute(
            f"UPDATE outbox SET state = 'cancelled', settled_at = ? WHERE {_ALERT} AND state = 'queued'",  # noqa: S608
            (now, *alert),
        )
        self._db.execute(
            f"UPDATE outbox SET void = 1 WHERE {_ALERT} AND state = 'leased'",  # noqa: S608  # ours
            alert,
        )

    # -- what a worker does -------------------------------------------------------------------------------------------

    def lease(self, channel: str, now: int) -> Turn:
        """The channel's next message, critical ones first; what has expired is put away on the way."""
        expired = self._db.execute(
            "UPDATE outbox SET state = 'expired', settled_at = ? WHERE state = 'queued' AND expires_at <= ?",
            (now, now),
        ).rowcount
        self.recover(channel, now)
        leased = None
        while leased is None and (number := self._first(channel, now)) is not None:
            leased = self._lease(number, now)
        row = self._db.execute(
            "SELECT min(next_at) FROM outbox WHERE state = 'queued' AND channel = ? AND next_at < expires_at",
            (channel,),
        ).fetchone()
        newest = self._db.execute("SELECT max(id) FROM outbox").fetchone()[0]
        return Turn(leased, row[0], int(newest or 0), expired)

    def _first(self, channel: str, now: int) -> int | None:
        sql = (
            "SELECT id FROM outbox AS mine WHERE state = 'queued' AND channel = ? AND next_at <= ?"
            " AND NOT (kind = 'resolved' AND EXISTS (SELECT 1 FROM outbox AS other WHERE other.rule = mine.rule"
            " AND other.target = mine.target AND other.occurrence = mine.occurrence AND other.person = mine.person"
            " AND other.kind <> 'resolved' AND other.state = 'leased'))"
            " ORDER BY critical DESC, severity DESC, id LIMIT 1"
        )
        row = self._db.execute(sql, (channel, now)).fetchone()
        return None if row is None else int(row[0])

    def _lease(self, number: int, now: int) -> Leased | None:
        sql = (
            "SELECT id, rule, target, kind, person, address, language, subject, text, template, variables, severity,"
            " critical, not_before, attempts + 1, created_at, occurrence FROM outbox WHERE id = ?"
        )
        row = self._db.execute(sql, (number,)).fetchone()
        if row[3] == "resolved":
            told = (
                f"SELECT 1 FROM outbox WHERE {_ALERT} AND occurrence = ? AND person = ? AND kind <> 'resolved'"  # noqa: S608
                f" AND {_TOLD} LIMIT 1"
            )
            if self._db.execute(told, (row[1], row[2], row[16], row[4])).fetchone() is None:
                self._state(number, "cancelled", now, "never told that it had begun")
                return None
        sql = (
            "UPDATE outbox SET state = 'leased', lease_until = ?, called_at = NULL, attempts = attempts + 1"
            " WHERE id = ?"
        )
        self._db.execute(sql, (now + LEASE_MS, number))
        variables, severity, critical = json.loads(row[10]), Severity(row[11]), bool(row[12])
        return Leased(*(*row[:10], variables, severity, critical, *row[13:16]))

    def call(self, number: int, now: int) -> None:
        """From here on it may arrive."""
        self._db.execute("UPDATE outbox SET called_at = ? WHERE id = ?", (now, number))

    def recover(self, channel: str, now: int, *, at_start: bool = False) -> int:
        """Leases nobody holds any more: not called yet: again; called: critical ones again, others stay uncertain.

        Args:
            channel: Its worker asks, and holds nothing itself.
            now: Now.
            at_start: The worker has just begun: whatever is leased was left by a process that has ended.
        """
        sql = "SELECT id, called_at FROM outbox WHERE state = 'leased' AND channel = ? AND lease_until <= ?"
        left = self._db.execute(sql, (channel, 1 << 62 if at_start else now)).fetchall()
        for number, called_at in left:
            if called_at is None:
                self.settle(number, "retry", now, next_at=now, words="the gateway stopped before it was sent")
            else:
                self.settle(
                    number, "uncertain", now, next_at=now, words="the gateway stopped while it was sent"
                )
        return len(left)

    def settle(
        self,
        number: int,
        became: Became,
        now: int,
        *,
        next_at: int = 0,
        words: str = "",
        provider_id: str = "",
    ) -> None:
        """What became of a message, and what follows for the same person's other ways and for the next level.

        Args:
            number: Its id.
            became: ``broken``: nobody can be told by this channel; ``retry``: not now; the others are states.
            now: Now.
            next_at: When it is tried again, if it is.
            words: What the far side said.
            provider_id: Its number there.
        """
        sql = (
            "SELECT rule, target, occurrence, kind, level, seq, person, critical, attempts, void FROM outbox"
            " WHERE id = ? AND state = 'leased'"
        )
        row = self._db.execute(sql, (number,)).fetchone()
        if row is None:
            return
        mine, critical, attempts, void = row[:7], bool(row[7]), row[8], bool(row[9])
        if became == "uncertain":
            self._db.execute("UPDATE outbox SET perhaps = 1 WHERE id = ?", (number,))
        if became in {"accepted", "delivered"} or (became == "uncertain" and not critical):
            self._state(number, became, now, words, provider_id)
            if became == "delivered" or not critical:
                self._drop_other_ways(mine, number, now)
        elif became == "failed" or (became == "broken" and self._other_ways(mine, number)):
            self._state(number, "failed", now, words)
            self._go_on(mine, number, now)
        elif void:
            self._state(number, "cancelled", now, words)
        else:
            sql = "UPDATE outbox SET state = 'queued', next_at = ?, last_error = ?, lease_until = NULL WHERE id = ?"
            self._db.execute(sql, (next_at, _clean(words[:LONGEST_WORDS]), number))
            if became == "broken" or (attempts >= TRIES_OF_A_WAY and not critical):
                self._go_on(mine, number, now)

    def strand(self, channels: Iterable[str], now: int) -> int:
        """Messages for channels that the site no longer has: the person's next way instead; returns how many."""
        known = json.dumps(list(channels))
        sql = (
            "SELECT id, next_at < expires_at FROM outbox WHERE state IN ('queued', 'leased')"
            " AND channel NOT IN (SELECT value FROM json_each(?)) ORDER BY next_at DESC"
        )
        rows = self._db.execute(sql, (known,)).fetchall()
        for number, wanted in rows:
            if wanted:
                self._db.execute("UPDATE outbox SET state = 'leased' WHERE id = ?", (number,))
                self.settle(number, "failed", now, words=_GONE)
            else:  # a way in reserve
                self._state(number, "failed", now, _GONE)
        return len(rows)

    def shift(self, by: int, newest: int) -> None:
        """The clock was stepped: what waits keeps its distance from now."""
        sql = (
            "UPDATE outbox SET not_before = not_before + :by, next_at = next_at + :by, expires_at = expires_at + :by,"
            " lease_until = lease_until + :by WHERE state IN ('queued', 'leased') AND id <= :newest"
        )
        self._db.execute(sql, {"by": by, "newest": newest})

    def counts(self) -> dict[str, dict[str, int]]:
        """How many messages of each channel are in each state."""
        found: dict[str, dict[str, int]] = {}
        for channel, state, number in self._db.execute(
            "SELECT channel, state, count(*) FROM outbox GROUP BY channel, state"
        ):
            found.setdefault(channel, {})[state] = number
        return found

    def _state(self, number: int, state: str, now: int, words: str = "", provider_id: str = "") -> None:
        sql = (
            "UPDATE outbox SET state = ?, settled_at = ?, last_error = ?, provider_id = ?, lease_until = NULL"
            " WHERE id = ?"
        )
        self._db.execute(sql, (state, now, _clean(words[:LONGEST_WORDS]), _clean(provider_id), number))

    def _other_ways(self, mine: tuple[Any, ...], number: int) -> list[int]:
        sql = f"SELECT id FROM outbox WHERE {_OF_PERSON} AND id <> ? AND state = 'queued' ORDER BY way"  # noqa: S608
        return [row[0] for row in self._db.execute(sql, (*mine, number)).fetchall()]

    def _drop_other_ways(self, mine: tuple[Any, ...], number: int, now: int) -> None:
        for other in self._other_ways(mine, number):
            self._state(other, "cancelled", now)

    def _go_on(self, mine: tuple[Any, ...], number: int, now: int) -> None:
        """One way has failed: the person's next at once; when nobody of the level is left, the next level at once."""
        others = self._other_ways(mine, number)
        if others:
            sql = "UPDATE outbox SET not_before = min(?, not_before), next_at = min(?, next_at) WHERE id = ?"
            self._db.execute(sql, (now, now, others[0]))
            return
        rule, target, occurrence, _, level, seq, _ = mine
        alert = rule, target, occurrence, seq
        among = f"FROM outbox WHERE {_ALERT} AND occurrence = ? AND seq = ? AND kind <> 'resolved'"
        sql = (
            f"SELECT 1 {among} AND level <= ? AND id <> ?"
            " AND state IN ('queued', 'leased', 'accepted', 'delivered', 'uncertain') LIMIT 1"
        )
        if self._db.execute(sql, (*alert, level, number)).fetchone() is not None:
            return
        sql = (
            f"SELECT level, min(not_before) {among} AND level > ? AND state = 'queued' GROUP BY level LIMIT 1"
        )
        row = self._db.execute(sql, (*alert, level)).fetchone()
        if row is not None and row[1] > now:
            by = row[1] - now
            sql = (
                f"UPDATE outbox SET not_before = not_before - ?, next_at = next_at - ? WHERE {_ALERT}"  # noqa: S608
                " AND occurrence = ? AND seq = ? AND kind <> 'resolved' AND level = ? AND state = 'queued'"
            )
            self._db.execute(sql, (by, by, *alert, row[0]))


def _clean(item: Any) -> Any:
    """Texts that a database takes: halves of surrogate pairs out."""
    return item.encode("utf-8", "replace").decode("utf-8") if isinstance(item, str) else item
