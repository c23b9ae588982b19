"""What a change of an alert does to the outbox: queued, taken back, gathered with others, told once more.

Every method runs inside a transaction of the journal's thread; times are ms since 1970.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from gateway.model import Again, Outgoing, Telling
from gateway.store.moments import to_ms

PILES = """
    ALTER TABLE outbox ADD COLUMN pile TEXT NOT NULL DEFAULT '';
    ALTER TABLE outbox ADD COLUMN gather TEXT NOT NULL DEFAULT '';
    ALTER TABLE outbox ADD COLUMN line TEXT NOT NULL DEFAULT '';
    ALTER TABLE outbox ADD COLUMN joins INTEGER;
    ALTER TABLE outbox ADD COLUMN urgent INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE outbox ADD COLUMN carrier INTEGER;
    ALTER TABLE outbox ADD COLUMN waited INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX outbox_gather ON outbox(person, gather, state);
    CREATE TABLE sent(channel TEXT NOT NULL, address TEXT NOT NULL, at INTEGER NOT NULL);
    CREATE INDEX sent_to ON sent(channel, address, at);
    CREATE TABLE answered(rule TEXT NOT NULL, target TEXT NOT NULL, person TEXT NOT NULL, at INTEGER NOT NULL,
                          PRIMARY KEY(rule, target, person)) WITHOUT ROWID
"""
NEXT_WAY_MS = (
    120_000  # critical: the person's next channel each 2 min until delivered (alerting reference 4.8)
)
KEPT_MS = 90 * 86_400_000  # addresses are personal data: what is settled is forgotten after 90 days
REPEATS_KEPT_MS = 7 * 86_400_000  # one that nobody answers makes hundreds a day
PRUNE_MS = 3_600_000
GATHER_MS = 600_000  # the next warning of the same kind and cell 10 min after the last (4.7)
FIRE_MS = 60_000  # fire: one message in 60 s for each person (4.6)
ADDENDUM = 3  # so many new ones, and a round that was told already is told about them (4.7)
OVERDUE_MS = 120_000  # due for so long and not gone: the line is down
PAST_KEPT_MS = 7 * 86_400_000  # that something came and went while nobody could be told
TOLD = "(state IN ('leased', 'accepted', 'delivered', 'uncertain') OR perhaps = 1)"
ALERT = "rule = ? AND target = ?"
_NEWEST = f"{ALERT} AND occurrence = (SELECT max(occurrence) FROM outbox WHERE {ALERT})"  # noqa: S608  # ours
_ENDS = "('resolved', 'past')"
Row = tuple[Any, ...]


class Posting:
    """The side of the outbox that alerts write to.

    Args:
        db: The book's writing connection.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._pruned = -PRUNE_MS

    def tell(self, telling: Telling) -> None:
        """Queue what a change of an alert causes, take back what it makes needless."""
        alert, now = (telling.rule, telling.target), to_ms(telling.now)
        if self._is_known(telling):
            return
        told = self._told(alert) if telling.closing or telling.past else []
        missed = self._missed(alert, now, {row[0] for row in told}) if telling.past else []
        if telling.cancels:
            self._cancel(alert, now)
        if telling.reopens:
            self._db.execute(f"DELETE FROM acknowledged WHERE {ALERT}", alert)  # noqa: S608  # ours
            self._db.execute(f"DELETE FROM answered WHERE {ALERT}", alert)  # noqa: S608  # ours
        if telling.acknowledged:
            sql = "INSERT OR REPLACE INTO acknowledged VALUES (?, ?, ?, ?)"
            self._db.execute(sql, (*alert, telling.acknowledged, now))
        if telling.answered:
            sql = "INSERT OR REPLACE INTO answered VALUES (?, ?, ?, ?)"
            self._db.execute(sql, (*alert, telling.answered, now))
            self._cancel(alert, now, "person = ?", telling.answered)
        if telling.above:
            self._cancel(alert, now, "level > ?", 1)
        self._add(telling)
        if telling.closing:
            self._close(telling, told, now)
        self._came_and_went(telling, missed, now)
        if telling.again is not None:
            self._repeat(telling, telling.again, now)
        if telling.release:
            sql = (
                "UPDATE outbox SET not_before = ?, next_at = ?, pile = '' WHERE pile = ? AND state = 'queued'"
            )
            self._db.execute(sql + " AND way = 0", (now, now, telling.release))
        self._prune(now)

    def _is_known(self, telling: Telling) -> bool:
        """The same change once more: all that it queued is there."""
        sql = f"SELECT 1 FROM outbox WHERE {ALERT} AND occurrence = ? AND kind = ? AND seq = ? LIMIT 1"  # noqa: S608
        seq = to_ms(telling.at)
        keys = {(telling.occurrence, one.kind, seq) for one in telling.rows}
        alert = telling.rule, telling.target
        return bool(keys) and all(self._db.execute(sql, (*alert, *key)).fetchone() for key in keys)

    def _free(self, telling: Telling) -> int:
        """The number of this telling: its time, or the next one where another change happened in the same moment."""
        sql = f"SELECT max(seq) FROM outbox WHERE {ALERT} AND occurrence = ? AND seq >= ? AND seq < ?"  # noqa: S608
        seq = to_ms(telling.at)
        alert = telling.rule, telling.target
        taken = self._db.execute(sql, (*alert, telling.occurrence, seq, seq + 1000)).fetchone()[0]
        return seq if taken is None else int(taken) + 1

    def _told(self, alert: tuple[str, str]) -> list[Row]:
        """Everybody who was told of the newest occurrence, or may have been: by which way, in which language."""
        sql = (
            "SELECT person, channel, address, language, template, critical, occurrence, variables, max(id)"  # noqa: S608
            f" FROM outbox WHERE {_NEWEST} AND kind NOT IN {_ENDS} AND {TOLD} GROUP BY person ORDER BY person"
        )
        return self._db.execute(sql, (*alert, *alert)).fetchall()

    def _missed(self, alert: tuple[str, str], now: int, told: set[str]) -> list[Row]:
        """Who should have been told long ago, and has not been."""
        sql = (
            "SELECT person, channel, address, language, template, severity, occurrence, variables, min(id)"  # noqa: S608
            f" FROM outbox WHERE {_NEWEST} AND kind NOT IN {_ENDS} AND way = 0 AND state IN ('queued', 'expired')"
            " AND not_before <= ? GROUP BY person ORDER BY person"
        )
        rows = self._db.execute(sql, (*alert, *alert, now - OVERDUE_MS)).fetchall()
        return [row for row in rows if row[0] not in told]

    def _close(self, telling: Telling, told: Iterable[Row], now: int) -> None:
        for person, channel, address, language, template, critical, occurrence, variables, _ in told:
            subject, text = _in(telling.closing, language)
            until = telling.hold.get(person) or telling.hold_all
            due = now if until is None else max(now, to_ms(until))
            self._insert(
                telling,
                now,
                due,
                due + round(telling.keeps_s * 1000),
                occurrence=occurrence,
                kind="resolved",
                person=person,
                channel=channel,
                address=address,
                language=language,
                subject=subject,
                text=text,
                template=f"{template.removesuffix('_resolved')}_resolved",
                variables=variables,
                severity=int(telling.severity),
                critical=critical if until is None else 0,
                pile="" if until is None else "quiet" if person in telling.hold else "digest",
            )

    def _came_and_went(self, telling: Telling, missed: Iterable[Row], now: int) -> None:
        for person, channel, address, language, template, severity, occurrence, variables, _ in missed:
            subject, text = _in(telling.past, language)
            self._insert(
                telling,
                now,
                now,
                now + PAST_KEPT_MS,
                occurrence=occurrence,
                kind="past",
                person=person,
                channel=channel,
                address=address,
                language=language,
                subject=subject,
                text=text,
                template=f"{template}_resolved",
                variables=variables,
                severity=severity,
            )

    def _repeat(self, telling: Telling, again: Again, now: int) -> None:
        """The same people by the same ways, unless one of them still waits to be told at all."""
        alert = telling.rule, telling.target
        sql = (
            "SELECT person, channel, address, way, language, template, variables, severity, critical,"  # noqa: S608
            f" level, gather, urgent, occurrence, max(id) FROM outbox WHERE {_NEWEST}"
            f" AND kind NOT IN {_ENDS} AND kind <> 'repeat' AND (not_before <= ? OR way > 0) AND person NOT IN"
            f" (SELECT person FROM answered WHERE {ALERT})"
            f" AND person IN (SELECT person FROM outbox WHERE {_NEWEST} AND kind NOT IN {_ENDS}"
            f" AND ({TOLD} OR state IN ('failed', 'expired')))"
            f" AND person NOT IN (SELECT person FROM outbox WHERE {ALERT} AND kind NOT IN {_ENDS} AND way = 0"
            " AND state IN ('queued', 'leased'))"
            " GROUP BY person, channel, address ORDER BY person, way"
        )
        due = to_ms(again.at)
        for row in self._db.execute(sql, (*alert * 2, now, *alert, *alert * 2, *alert)).fetchall():
            person, channel, address, way, language, template, variables, severity, critical, level = row[:10]
            if (again.people and person not in again.people) or person in again.spare:
                continue
            subject, text = _in(again.words, language)
            end = due + round(again.keeps_s * 1000)
            self._insert(
                telling,
                now,
                due + way * NEXT_WAY_MS if critical or way == 0 else end,
                end,
                occurrence=row[12],
                kind=again.kind,
                level=level,
                person=person,
                channel=channel,
                address=address,
                way=way,
                language=language,
                subject=subject,
                text=text,
                template=template,
                variables=variables,
                severity=severity,
                critical=critical,
                pile=again.pile,
                gather=row[10],
                line=again.lines.get(language, ""),
                urgent=row[11],
            )

    def _add(self, telling: Telling) -> None:
        now = to_ms(telling.now)
        seq = self._free(telling) if telling.rows else 0
        later: dict[tuple[str, int], int] = {}
        for one in telling.rows:
            due = to_ms(one.not_before)
            key = one.person, one.level
            if one.gather and one.way == 0:
                later[key] = self._gathered(one, due, now) - due
            # ways in reserve are never due before they expire, however much later the first one goes
            due += later.get(key, 0) if one.way == 0 or one.critical else 0
            self._insert(
                telling,
                now,
                due,
                to_ms(one.expires_at),
                seq=seq,
                kind=one.kind,
                level=one.level,
                person=one.person,
                channel=one.channel,
                address=one.address,
                way=one.way,
                language=one.language,
                subject=one.subject,
                text=one.text,
                template=one.template,
                variables=json.dumps(dict(one.variables), ensure_ascii=False),
                severity=int(one.severity),
                critical=int(one.critical),
                pile=one.pile,
                gather=one.gather,
                line=one.line,
                joins=None if one.joins is None else to_ms(one.joins),
                urgent=int(one.urgent),
            )
            if one.joins is not None and one.way == 0:
                self._addendum(one.person, to_ms(one.joins), now)

    def _gathered(self, one: Outgoing, due: int, now: int) -> int:
        """With what waits already for the same person, cell and kind of rule; else a while after the last one."""
        between = FIRE_MS if one.urgent else GATHER_MS
        if not one.urgent:
            sql = (
                "SELECT min(next_at) FROM outbox WHERE person = ? AND gather = ? AND state = 'queued' AND way = 0"
                " AND pile = 'group' AND next_at > ?"
            )
            waiting = self._db.execute(sql, (one.person, one.gather, now)).fetchone()[0]
            if waiting is not None and due - 60_000 <= waiting <= due + between:
                return int(waiting)
        whose = "person = ? AND gather = ?"
        sql = (
            f"SELECT max(called_at) FROM outbox WHERE {whose} AND {TOLD} AND called_at > ? AND called_at <= ?"  # noqa: S608
        )
        last = self._db.execute(sql, (one.person, one.gather, now - between, now)).fetchone()[0]
        return due if last is None else max(due, int(last) + between)

    def _addendum(self, person: str, joins: int, now: int) -> None:
        """Enough new ones for a round that has been told: they are told once, before it begins."""
        sql = "SELECT count(*) FROM outbox WHERE person = ? AND joins = ? AND pile = ? AND way = 0"
        told = self._db.execute(sql, (person, joins, "addendum")).fetchone()[0]
        waiting = self._db.execute(sql + " AND state = 'queued'", (person, joins, "round")).fetchone()[0]
        if not told and waiting >= ADDENDUM:
            sql = (
                "UPDATE outbox SET pile = 'addendum', not_before = ?, next_at = ? WHERE person = ? AND joins = ?"
                " AND pile = 'round' AND way = 0 AND state = 'queued'"
            )
            self._db.execute(sql, (now, now, person, joins))

    def _insert(self, telling: Telling, now: int, due: int, expires: int, **row: object) -> None:
        """One row more; one that is there already is left as it is."""
        values = {
            "rule": telling.rule,
            "target": telling.target,
            "occurrence": telling.occurrence,
            "level": 0,
            "seq": to_ms(telling.at),
            "way": 0,
            "critical": 0,
            "not_before": due,
            "next_at": due,
            "expires_at": expires,
            "state": "queued",
            "created_at": now,
            **row,
        }
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        sql = f"INSERT OR IGNORE INTO outbox({names}) VALUES ({marks})"  # noqa: S608  # our own names
        self._db.execute(sql, tuple(clean(value) for value in values.values()))

    def _cancel(self, alert: tuple[str, str], now: int, among: str = "?", value: str | int = 1) -> None:
        which = f"WHERE {ALERT} AND {among} AND state ="
        sql = f"UPDATE outbox SET state = 'cancelled', settled_at = ? {which} 'queued'"  # noqa: S608  # ours
        self._db.execute(sql, (now, *alert, value))
        self._db.execute(f"UPDATE outbox SET void = 1 {which} 'leased'", (*alert, value))  # noqa: S608  # ours

    def _prune(self, now: int) -> None:
        """Once an hour: what is settled is forgotten after a while, repeats earlier than the rest."""
        if 0 <= now - self._pruned < PRUNE_MS:
            return
        self._pruned = now
        sql = "DELETE FROM outbox WHERE state NOT IN ('queued', 'leased') AND"
        self._db.execute(f"{sql} created_at < ?", (now - KEPT_MS,))
        self._db.execute(f"{sql} kind = 'repeat' AND created_at < ?", (now - REPEATS_KEPT_MS,))


def _in(words: Any, language: str) -> tuple[str, str]:
    found: tuple[str, str] = words.get(language) or next(iter(words.values()))
    return found


def clean(item: Any) -> Any:
    """Texts that a database takes: halves of surrogate pairs out."""
    return item.encode("utf-8", "replace").decode("utf-8") if isinstance(item, str) else item
