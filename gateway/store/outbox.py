"""The outbox: messages for people, in the book beside the events that cause them (alerting reference 4.8).

At least once: a row is written in the transaction of its cause and leaves ``queued`` only when a channel has said what
became of it. Every method here runs inside a transaction of the journal's thread; times are ms since 1970.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal, Protocol

from gateway.model import Notice, Severity, Telling
from gateway.store.posting import ALERT, Posting, clean
from gateway.store.posting import TOLD as TOLD_STATES

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
SENT_KEPT_MS = 25 * 3_600_000  # the longest limit of a telephone is a day
TRIES_OF_A_WAY = (
    5  # then the next channel of somebody who is told something less than critical is tried as well
)
LONGEST_WORDS = 300
TOLD = ("person", "channel", "kind", "level", "state", "not_before", "settled_at", "attempts", "why", "pile")
TOLD_SQL = (
    "SELECT person, channel, kind, level, state, not_before, settled_at, attempts, last_error, pile FROM outbox"
    " WHERE rule = ? AND target = ? AND (way = 0 OR state <> 'cancelled' OR attempts > 0) AND occurrence ="
    " (SELECT max(occurrence) FROM outbox WHERE rule = ? AND target = ?) ORDER BY not_before, id"
)
MOST_TOGETHER = 500
AHEAD_MS = 60_000  # alerting reference 4.3: a jump of more than this
ROUTES = ("round", "addendum")  # a list of its own, in walking order
_IN_TURN = (
    "NOT (kind = 'resolved' AND EXISTS (SELECT 1 FROM outbox AS other WHERE other.rule = mine.rule"
    " AND other.target = mine.target AND other.occurrence = mine.occurrence AND other.person = mine.person"
    " AND other.kind <> 'resolved' AND other.state = 'leased'))"
)
_DUE = f"state = 'queued' AND channel = ? AND next_at <= ? AND {_IN_TURN}"
_PUT_OFF = "(attempts > 0 AND waited = 0 AND not_before <= ?)"
_GONE = "the site has no such channel any more"
_OF_PERSON = f"{ALERT} AND occurrence = ? AND kind = ? AND level = ? AND seq = ? AND person = ?"

Became = Literal["accepted", "delivered", "uncertain", "retry", "failed", "broken"]


@dataclass(frozen=True, slots=True)
class Leased:
    """A message in a worker's hand.

    Attributes:
        line: It in one line, for a list. pile: What it waited for with others.
        others: Messages for the same person that go out with it as one, and become what it becomes.
    """

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
    line: str = ""
    pile: str = ""
    others: tuple[Leased, ...] = ()


@dataclass(frozen=True, slots=True)
class Promised:
    """A message that a channel has taken and of which nobody knows whether it has arrived.

    Attributes:
        notice: As it was handed over. called_at: When [ms].
    """

    id: int
    channel: str
    notice: Notice
    called_at: int
    provider_id: str


class Wait(Protocol):
    """Why an address must be left alone for a while; its text says so to people."""

    @property
    def after(self) -> timedelta:
        """How long."""


class Pacing(Protocol):
    """How often an address may be told.

    Attributes:
        shared: All addresses of the channel count as one (a bot has one limit for its whole group).
    """

    @property
    def shared(self) -> bool:
        """See above."""

    def wait(self, sent: Sequence[float], now_s: float, *, urgent: bool) -> Wait | None:
        """Why the next one must wait, given when the last ones went [s]; ``None``: it may go."""


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
        self._posting = Posting(db)

    def tell(self, telling: Telling) -> None:
        """Queue what a change of an alert causes, take back what it makes needless; see :class:`Posting`."""
        self._posting.tell(telling)

    # -- what a worker does -------------------------------------------------------------------------------------------

    def lease(self, channel: str, now: int, pacing: Pacing | None = None, *, probe: bool = False) -> Turn:
        """The channel's next message, critical ones first; what has expired is put away on the way.

        Args:
            channel: Whose.
            now: Now.
            pacing: How often one address may be told; who has had too much waits, and is told all of it at once then.
            probe: Whether the channel works is not known: what is critical asks, however long it was to wait.
        """
        expired = self._db.execute(
            "UPDATE outbox SET state = 'expired', settled_at = ? WHERE state = 'queued' AND expires_at <= ?",
            (now, now),
        ).rowcount
        self.recover(channel, now)
        leased = None
        while leased is None and (number := self._first(channel, now, probe=probe)) is not None:
            if pacing is None or not self._waits(channel, number, now, pacing):
                leased = self._lease(number, now)
        if leased is not None:
            leased = replace(leased, others=tuple(self._others(leased, channel, now)))
        row = self._db.execute(
            "SELECT min(next_at) FROM outbox WHERE state = 'queued' AND channel = ? AND next_at < expires_at",
            (channel,),
        ).fetchone()
        return Turn(leased, row[0], self.newest(), expired)

    def _first(self, channel: str, now: int, *, probe: bool) -> int | None:
        due = f"(next_at <= ? OR (critical = 1 AND {_PUT_OFF}))" if probe else "next_at <= ?"
        sql = (
            f"SELECT id FROM outbox AS mine WHERE state = 'queued' AND channel = ? AND {due} AND {_IN_TURN}"  # noqa: S608
            " ORDER BY critical DESC, severity DESC, id LIMIT 1"
        )
        row = self._db.execute(sql, (channel, now, now)[: 3 if probe else 2]).fetchone()
        return None if row is None else int(row[0])

    def hurry(self, channel: str, now: int) -> None:
        """The channel works again: what was put off because it did not goes now."""
        sql = f"UPDATE outbox SET next_at = min(next_at, ?) WHERE state = 'queued' AND channel = ? AND {_PUT_OFF}"  # noqa: S608
        self._db.execute(sql, (now, channel, now))

    def _waits(self, channel: str, number: int, now: int, pacing: Pacing) -> bool:
        """Whether this address has had too much lately; then whatever is due for it waits, and says why."""
        sql = "SELECT address, urgent FROM outbox WHERE id = ?"
        address, urgent = self._db.execute(sql, (number,)).fetchone()
        sql = "SELECT at FROM sent WHERE channel = ? AND (address = ? OR ?) AND at > ? AND at < ? ORDER BY at"
        when = now - SENT_KEPT_MS, now + AHEAD_MS  # what is later was written before the clock was lost
        sent = self._db.execute(sql, (channel, address, pacing.shared, *when)).fetchall()
        wait = pacing.wait([row[0] / 1000 for row in sent], now / 1000, urgent=bool(urgent))
        if wait is None:
            return False
        until = now + max(1, round(wait.after.total_seconds() * 1000))
        sql = (
            "UPDATE outbox SET next_at = ?, waited = 1, last_error = ? WHERE state = 'queued' AND channel = ?"
            " AND (address = ? OR ?) AND next_at <= ? AND urgent <= ?"
        )
        words = clean(str(wait)[:LONGEST_WORDS])
        self._db.execute(sql, (until, words, channel, address, pacing.shared, now, urgent))
        return True

    def _others(self, first: Leased, channel: str, now: int) -> Iterator[Leased]:
        """What goes out with it: everything due for the person that can wait; critical ones only when they had to.

        A round is a list of its own, and a fire goes alone unless even the provider's limit made it wait.
        """
        sql = f"SELECT urgent, waited FROM outbox WHERE id = {first.id:d}"  # noqa: S608  # a number
        urgent, waited = self._db.execute(sql).fetchone()
        if (first.critical or urgent) and not waited:
            return
        among = f"urgent = {urgent:d}" if waited else "critical = 0 AND urgent = 0"
        route = "pile IN ('round', 'addendum')"
        sql = (
            f"SELECT id FROM outbox AS mine WHERE {_DUE} AND person = ? AND address = ? AND language = ? AND id <> ?"  # noqa: S608
            f" AND {among} AND ({route}) = ? ORDER BY critical DESC, severity DESC, id LIMIT {MOST_TOGETHER}"
        )
        whose = first.person, first.address, first.language, first.id, int(first.pile in ROUTES)
        for row in self._db.execute(sql, (channel, now, *whose)).fetchall():
            other = self._lease(int(row[0]), now, carrier=first.id)
            if other is not None:
                yield other

    def _lease(self, number: int, now: int, carrier: int | None = None) -> Leased | None:
        sql = (
            "SELECT id, rule, target, kind, person, address, language, subject, text, template, variables, severity,"
            " critical, not_before, attempts + 1, created_at, line, pile, occurrence FROM outbox WHERE id = ?"
        )
        row = self._db.execute(sql, (number,)).fetchone()
        if row[3] == "resolved":
            told = (
                f"SELECT 1 FROM outbox WHERE {ALERT} AND occurrence = ? AND person = ? AND kind <> 'resolved'"  # noqa: S608
                f" AND {TOLD_STATES} LIMIT 1"
            )
            if self._db.execute(told, (row[1], row[2], row[18], row[4])).fetchone() is None:
                self._state(number, "cancelled", now, "never told that it had begun")
                return None
        sql = (
            "UPDATE outbox SET state = 'leased', lease_until = ?, called_at = NULL, attempts = attempts + 1,"
            " carrier = ? WHERE id = ?"
        )
        self._db.execute(sql, (now + LEASE_MS, carrier, number))
        variables, severity, critical = json.loads(row[10]), Severity(row[11]), bool(row[12])
        return Leased(*(*row[:10], variables, severity, critical, *row[13:18]))

    def call(self, number: int, now: int) -> None:
        """From here on it may arrive."""
        sql = "UPDATE outbox SET called_at = ? WHERE id = ? OR (carrier = ? AND state = 'leased')"
        self._db.execute(sql, (now, number, number))

    def recover(self, channel: str, now: int, *, at_start: bool = False) -> int:
        """Leases nobody holds any more: not called yet: again; called: critical ones again, others stay uncertain.

        Args:
            channel: Its worker asks, and holds nothing itself.
            now: Now.
            at_start: The worker has just begun: whatever is leased was left by a process that has ended.
        """
        if at_start:
            self._from_the_future(channel, now)
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

    def _from_the_future(self, channel: str, now: int) -> None:
        """A box without a battery clock has started in the past: what is critical does not wait for its own time."""
        sql = (
            "UPDATE outbox SET not_before = ? + not_before - created_at, next_at = ? + not_before - created_at"
            " WHERE state = 'queued' AND channel = ? AND critical = 1 AND created_at > ?"
        )
        self._db.execute(sql, (now, now, channel, now + AHEAD_MS))

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
        if became in {"accepted", "delivered", "uncertain"}:
            self._count(number, now)
        sql = "SELECT id FROM outbox WHERE state = 'leased' AND (id = ? OR carrier = ?) ORDER BY id"
        for row in self._db.execute(sql, (number, number)).fetchall():
            self._settle(int(row[0]), became, now, next_at=next_at, words=words, provider_id=provider_id)

    def _count(self, number: int, now: int) -> None:
        """One message more for this address, for its limits."""
        sql = "INSERT INTO sent SELECT channel, address, ? FROM outbox WHERE id = ? AND state = 'leased'"
        self._db.execute(sql, (now, number))
        self._db.execute("DELETE FROM sent WHERE at < ?", (now - SENT_KEPT_MS,))

    def _settle(
        self, number: int, became: Became, now: int, *, next_at: int, words: str, provider_id: str
    ) -> None:
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
            sql = (
                "UPDATE outbox SET state = 'queued', next_at = ?, last_error = ?, lease_until = NULL, carrier = NULL"
                " WHERE id = ?"
            )
            self._db.execute(sql, (next_at, clean(words[:LONGEST_WORDS]), number))
            if became == "broken" or (attempts >= TRIES_OF_A_WAY and not critical):
                self._go_on(mine, number, now)

    def promised(self, channels: Sequence[str], since: int) -> list[Promised]:
        """Messages of these channels that are accepted or uncertain, handed over after a moment, oldest first."""
        sql = (
            "SELECT id, channel, created_at, address, subject, text, severity, template, variables, called_at,"
            " provider_id FROM outbox WHERE state IN ('accepted', 'uncertain') AND called_at > ? AND carrier IS NULL"
            " AND channel IN (SELECT value FROM json_each(?)) ORDER BY id"
        )
        found = []
        for row in self._db.execute(sql, (since, json.dumps(list(channels)))).fetchall():
            number, channel, created, to, subject, text, severity, template, variables, called, theirs = row
            notice = Notice(
                f"{created:x}-{number}",
                to,
                subject,
                text,
                Severity(severity),
                template,
                json.loads(variables),
            )
            found.append(Promised(number, channel, notice, called, theirs))
        return found

    def receipt(
        self,
        number: int,
        became: Literal["delivered", "failed"],
        now: int,
        *,
        words: str,
        provider_id: str = "",
    ) -> None:
        """What became of a promised message, and of those that went out with it."""
        sql = (
            "UPDATE outbox SET state = 'leased', void = 0 WHERE (id = ? OR carrier = ?)"
            " AND state IN ('accepted', 'uncertain') RETURNING id, provider_id"
        )
        for each, theirs in self._db.execute(sql, (number, number)).fetchall():
            self._settle(each, became, now, next_at=now, words=words, provider_id=provider_id or theirs)

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

    def newest(self) -> int:
        """The highest id there is."""
        return int(self._db.execute("SELECT max(id) FROM outbox").fetchone()[0] or 0)

    def shift(self, by: int, newest: int, after: int = 0) -> None:
        """The clock was stepped: what waits keeps its distance from now.

        Args:
            by: How far.
            newest: Later rows know the new time already.
            after: Up to this id they were written by a clock that could be believed, before the gateway started.
        """
        sql = (
            "UPDATE outbox SET not_before = not_before + :by, next_at = next_at + :by, expires_at = expires_at + :by,"
            " lease_until = lease_until + :by WHERE state IN ('queued', 'leased') AND id <= :newest"
            " AND id > :after"
        )
        self._db.execute(sql, {"by": by, "newest": newest, "after": after})
        self._db.execute("UPDATE sent SET at = at + ?", (by,))

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
        self._db.execute(sql, (state, now, clean(words[:LONGEST_WORDS]), clean(provider_id), number))

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
        among = f"FROM outbox WHERE {ALERT} AND occurrence = ? AND seq = ? AND kind <> 'resolved'"
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
                f"UPDATE outbox SET not_before = not_before - ?, next_at = next_at - ? WHERE {ALERT}"  # noqa: S608
                " AND occurrence = ? AND seq = ? AND kind <> 'resolved' AND level = ? AND state = 'queued'"
            )
            self._db.execute(sql, (by, by, *alert, row[0]))
