"""Looking things up: connections that can only read, for threads of the daemon and for other programs beside it.

What stands twice on the disk (same series, same time) counts once, and the one that arrived last wins.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from gateway.contracts import Entry, Rollup
from gateway.model import Code, Event, Flag, Order, Reading
from gateway.store import book, orders, outbox
from gateway.store.access import Access, Opened
from gateway.store.moments import DAY_MS, EARLIEST_MS, HOUR_MS, LATEST_MS, TEN_MINUTES_MS, from_ms, to_ms
from gateway.store.segment import Segment

USABLE = frozenset({Flag.GOOD, Flag.UNKNOWN, Flag.SUSPECT})
DAYS_FROM = timedelta(days=60)  # charts at least this long are drawn from days, 60 points and more
TENS_FROM = timedelta(days=1)  # charts at least this long from 10 minutes, 144 points and more

Point = tuple[int, int, float | None, Flag]  # t [ms since 1970], seq, value, flag
Bucket = tuple[int, int, float, float, float]  # t [ms since 1970], count, total, lowest, highest


class Reader(Access):
    """Everything that can be asked of a journal; see :class:`Access` for how it is opened."""

    def entries(self, after: int, limit: int, until: int | None = None) -> list[Entry]:
        """Readings in the order they arrived: after one seq, at most until another (inclusive)."""
        found: list[Entry] = []
        end = until if until is not None else 1 << 62
        for part in self._segments():
            if part.last <= after or part.first > end:
                continue
            low, high = max(after - part.first + 1, 0), end - part.first + 1
            sql = "SELECT id, sid, t, lag, v, mark FROM reading WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
            for opened, rows in self._ask(part, sql, (low, high, limit - len(found))):
                found += [Entry(part.first + row[0] - 1, self._reading(opened, row[1:])) for row in rows]
            if len(found) >= limit:
                break
        return found

    def events(self, after: int, limit: int) -> list[Entry]:
        """Events in the order they arrived, after a seq (their own count)."""
        sql = (
            "SELECT seq, at, received, source, kind, confidence, detail, evidence FROM event"
            " WHERE seq > ? ORDER BY seq LIMIT ?"
        )
        return [Entry(row[0], book.event_of(row[1:])) for row in self._ask_book(sql, (after, limit))]

    def events_before(
        self, before: int | None, limit: int, *, kind: str | None = None, source: str | None = None
    ) -> list[Entry]:
        """Events below a seq, newest first."""
        wanted = [("seq < ?", before), ("kind = ?", kind), ("source = ?", source)]
        where = " AND ".join(text for text, value in wanted if value is not None) or "1"
        sql = (
            "SELECT seq, at, received, source, kind, confidence, detail, evidence FROM event"  # noqa: S608  # ours
            f" WHERE {where} ORDER BY seq DESC LIMIT ?"
        )
        values = [value for _, value in wanted if value is not None]
        return [Entry(row[0], book.event_of(row[1:])) for row in self._ask_book(sql, (*values, limit))]

    def events_of(
        self,
        start: datetime,
        end: datetime,
        kinds: Sequence[str],
        *,
        source: str | None = None,
        limit: int = 1000,
    ) -> list[Entry]:
        """Events of some kinds by the time they happened, newest first, from ``start`` up to before ``end``."""
        marks = ",".join("?" * len(kinds))
        sql = (
            "SELECT seq, at, received, source, kind, confidence, detail, evidence FROM event WHERE at >= ? AND at < ?"  # noqa: S608
            f" AND kind IN ({marks}) AND (? IS NULL OR source = ?) ORDER BY at DESC, seq DESC LIMIT ?"
        )
        values = (to_ms(start), to_ms(end), *kinds, source, source, limit)
        return [Entry(row[0], book.event_of(row[1:])) for row in self._ask_book(sql, values)]

    def evidence_of(self, source: str, kinds: Collection[str], start: datetime, end: datetime) -> str | None:
        """The evidence of a source's newest event of such a kind within a time, if it has any."""
        sql = (
            "SELECT kind, evidence FROM event WHERE at BETWEEN ? AND ? AND source = ? AND evidence IS NOT NULL"
            " ORDER BY at DESC, seq DESC LIMIT 100"
        )
        rows = self._ask_book(sql, (to_ms(start), to_ms(end), source))
        return next((str(evidence) for kind, evidence in rows if kind in kinds), None)

    def readings(self, series: str, start: datetime, end: datetime, limit: int = 1_000_000) -> list[Reading]:
        """One series from ``start`` up to before ``end``, by time, each time once."""
        best: dict[int, Reading] = {}
        for part in self._segments():
            for opened, rows in self._one_series(part, series, to_ms(start), to_ms(end), "t, lag, v, mark"):
                for t, lag, v, mark in rows:
                    flag, why = self._mark(opened, mark)
                    at = opened.base + t
                    best[at] = Reading(series, v, from_ms(at), from_ms(at + lag), flag, why)
        return [best[at] for at in sorted(best)[:limit]]

    def chart(self, series: str, start: datetime, end: datetime, points: int = 500) -> list[Rollup]:
        """One series in about so many points; where nothing was measured there is no point.

        Below a day from the readings themselves, below 60 days from the 10-minute roll-ups, else from days. What is
        too new to have been rolled up comes from the finer kind.
        """
        low, high = to_ms(start), to_ms(end)
        if high <= low:
            return []
        span = end - start
        if span < TENS_FROM:
            width = max(1, -(-(high - low) // max(1, points)))
            return _merged(series, self._raw(series, low, high), width)
        if span < DAYS_FROM:
            width = TEN_MINUTES_MS * max(1, -(-(high - low) // (TEN_MINUTES_MS * max(1, points))))
            return _merged(series, self._tens(series, low, high), width)
        width = DAY_MS * max(1, -(-(high - low) // (DAY_MS * max(1, points))))
        return _merged(series, self._days(series, low, high), width)

    def series(self) -> list[str]:
        """Every series ever heard, by name."""
        names = {str(row[0]) for row in self._ask_book("SELECT name FROM series")}
        for part in list(self._segments())[-2:]:
            for opened, _ in self._ask(part, "SELECT 1", ()):
                opened.learn()
                names.update(opened.sids)
        return sorted(names)

    def rolled_hours(self, after: int, limit: int) -> list[tuple[int, datetime]]:
        """Hours whose roll-ups stand (anew), after a seq of that log."""
        sql = "SELECT seq, t FROM rolled WHERE seq > ? ORDER BY seq LIMIT ?"
        return [(seq, from_ms(t)) for seq, t in self._ask_book(sql, (after, limit))]

    def hour_rollups(self, hour: datetime) -> list[Rollup]:
        """The roll-ups of one hour, one for each series that had a usable reading in it."""
        t = to_ms(hour) // HOUR_MS * HOUR_MS
        sql = (
            "SELECT name, sum(n), sum(total), min(low), max(high) FROM rollup JOIN series ON series.id = sid"
            " WHERE t >= ? AND t < ? GROUP BY sid ORDER BY name"
        )
        rows = self._ask_book(sql, (t, t + HOUR_MS))
        span = timedelta(hours=1)
        return [Rollup(name, from_ms(t), span, n, total / n, low, high) for name, n, total, low, high in rows]

    def parked(self, consumer: str) -> list[book.Parked]:
        """What a consumer put aside, oldest first."""
        sql = "SELECT id, seq, item, why, at FROM parked WHERE consumer = ? ORDER BY id"
        return [
            book.Parked(number, Entry(seq, book.from_text(item)), why, at)
            for number, seq, item, why, at in self._ask_book(sql, (consumer,))
        ]

    def told(self, rule: str, target: str) -> tuple[list[dict[str, Any]], dict[str, str] | None]:
        """See :meth:`Journal.told`; plain data, without addresses."""
        rows = [
            dict(zip(outbox.TOLD, row, strict=True))
            for row in self._ask_book(outbox.TOLD_SQL, (rule, target) * 2)
        ]
        for row in rows:
            for key in ("not_before", "settled_at"):
                row[key] = None if row[key] is None else from_ms(row[key]).isoformat()
        sql = "SELECT person, at FROM acknowledged WHERE rule = ? AND target = ?"
        for person, at in self._ask_book(sql, (rule, target)):
            return rows, {"by": person, "at": from_ms(at).isoformat()}
        return rows, None

    def message_about(self, channel: str, about: str) -> Code | None:
        """See :meth:`Journal.message_about`."""
        sql = (
            "SELECT person, rule, target, occurrence, expires_at FROM outbox WHERE channel = ? AND kind <> 'reply' AND"
            " (provider_id = ? OR printf('%x-%d', created_at, id) = ?) ORDER BY id DESC LIMIT 1"
        )
        for person, rule, target, occurrence, until in self._ask_book(sql, (channel, about, about)):
            return Code("", person, rule, target, occurrence, from_ms(until))
        return None

    def told_between(self, start: datetime, end: datetime) -> list[tuple[str, datetime]]:
        """See :meth:`Journal.told_between`."""
        sql = (
            "SELECT person, settled_at FROM outbox WHERE settled_at >= ? AND settled_at < ? AND person <> ''"
            " AND kind <> 'reply' AND state IN ('accepted', 'delivered', 'uncertain') ORDER BY settled_at"
        )
        return [(person, from_ms(at)) for person, at in self._ask_book(sql, (to_ms(start), to_ms(end)))]

    def events_between(self, kind: str, start: datetime, end: datetime, limit: int) -> list[Event]:
        """See :meth:`Journal.events_between`."""
        sql = (
            "SELECT at, received, source, kind, confidence, detail, evidence FROM event"
            " WHERE at >= ? AND at < ? AND kind = ? ORDER BY at LIMIT ?"
        )
        return [book.event_of(row) for row in self._ask_book(sql, (to_ms(start), to_ms(end), kind, limit))]

    def orders(self, question: str, values: Sequence[object]) -> list[Order]:
        """See :meth:`Journal.orders`."""
        return [orders.order_of(row) for row in self._ask_book(question, tuple(values))]

    def hours(self, start: datetime | None, end: datetime | None) -> list[int]:
        """The hours [ms since 1970] in which there are readings, within a range."""
        low = EARLIEST_MS if start is None else to_ms(start)
        high = LATEST_MS if end is None else to_ms(end)
        found: set[int] = set()
        for part in self._segments():
            if part.covers(low, high - 1):
                found |= self.buckets(part, HOUR_MS)
        return sorted(t for t in found if t + HOUR_MS > low and t < high)

    def hour(
        self, hour: int, series: Sequence[str], start: datetime | None = None, end: datetime | None = None
    ) -> list[Reading]:
        """The readings of some series within one hour [ms since 1970], by time, each time once."""
        low = hour if start is None else max(hour, to_ms(start))
        high = hour + HOUR_MS if end is None else min(hour + HOUR_MS, to_ms(end))
        wanted = set(series)
        best: dict[tuple[int, str], Reading] = {}
        for part in self._segments():
            for after, until in self._blocks(part, low, high):
                base = self._base(part)
                for opened, _ in self._ask(part, "SELECT 1", ()):
                    opened.learn()
                    sids = ",".join(str(sid) for sid, name in opened.names.items() if name in wanted)
                    sql = (
                        "SELECT sid, t, lag, v, mark FROM reading WHERE id > ? AND id <= ? AND t >= ? AND t < ?"  # noqa: S608
                        f" AND sid IN ({sids}) ORDER BY id"  # numbers of our own
                    )
                    for _, rows in self._ask(part, sql, (after, until, low - base, high - base)):
                        for row in rows:
                            reading = self._reading(opened, row)
                            best[(base + row[1], reading.series)] = reading
        return [best[key] for key in sorted(best)]

    def parked_counts(self) -> dict[str, int]:
        """How much each consumer has put aside."""
        rows = self._ask_book("SELECT consumer, count(*) FROM parked GROUP BY consumer")
        return {str(consumer): count for consumer, count in rows}

    def points(self, start: int, end: int) -> Iterator[tuple[str, Point]]:
        """Every reading of a time range [ms since 1970], all series, in the order they arrived."""
        for part in self._segments():
            for low, high in self._blocks(part, start, end):
                sql = (
                    "SELECT sid, t, id, v, mark FROM reading"
                    " WHERE id > ? AND id <= ? AND t >= ? AND t < ? ORDER BY id"
                )
                base = self._base(part)
                for opened, rows in self._ask(part, sql, (low, high, start - base, end - base)):
                    for sid, t, number, v, mark in rows:
                        flag, _ = self._mark(opened, mark)
                        yield self._name(opened, sid), (opened.base + t, part.first + number - 1, v, flag)

    def rolled(self, start: int, end: int) -> list[tuple[str, int, float, float, float]]:
        """Every series in a time range [ms since 1970] in one line: name, count, total, lowest, highest."""
        parts = [(part, self._blocks(part, start, end)) for part in self._segments()]
        parts = [(part, blocks) for part, blocks in parts if blocks]
        if len(parts) == 1:
            return self._rolled_in(parts[0][0], parts[0][1], start, end)
        best: dict[str, dict[int, tuple[float | None, Flag]]] = {}
        for name, (t, _, value, flag) in self.points(start, end):
            best.setdefault(name, {})[t] = value, flag
        usable = {
            name: [v for v, flag in readings.values() if v is not None and flag in USABLE]
            for name, readings in best.items()
        }
        return [(name, len(vs), sum(vs), min(vs), max(vs)) for name, vs in usable.items() if vs]

    def _rolled_in(
        self, part: Segment, blocks: list[tuple[int, int]], start: int, end: int
    ) -> list[tuple[str, int, float, float, float]]:
        """The same from one segment, done by SQLite: five times as fast, and other threads run meanwhile."""
        for opened, _ in self._ask(part, "SELECT 1", ()):
            opened.learn()
            usable = ",".join(str(number) for number, (flag, _) in opened.marks.items() if flag in USABLE)
            within = " OR ".join(["id > ? AND id <= ?"] * len(blocks))
            sql = (
                "SELECT sid, count(*), sum(v), min(v), max(v) FROM"  # noqa: S608  # numbers and question marks
                f" (SELECT sid, t, v, mark, max(id) FROM reading WHERE ({within}) AND t >= ? AND t < ? GROUP BY sid, t)"
                f" WHERE v IS NOT NULL AND mark IN ({usable}) GROUP BY sid"
            )
            edges = [edge for block in blocks for edge in block]
            for _, rows in self._ask(part, sql, (*edges, start - opened.base, end - opened.base)):
                return [(self._name(opened, sid), *figures) for sid, *figures in rows]
        return []

    def buckets(self, part: Segment, width: int, after: int = 0) -> set[int]:
        """The starts [ms since 1970] of the buckets in which a segment has readings, after a row."""
        sql = "SELECT DISTINCT (t + ? - ((t + ?) % ? + ?) % ?) FROM reading WHERE id > ?"  # floors below 1970 too
        base = self._base(part)
        values = (base, base, width, width, width, after)
        return {row[0] for _, rows in self._ask(part, sql, values) for row in rows}

    def newest(self, part: Segment, after: int) -> list[Reading]:
        """The latest reading of every series in a segment, after a row."""
        sql = (  # of several with the same time the one that arrived last
            "SELECT sid, t, lag, v, mark, max(id) FROM reading"
            " JOIN (SELECT sid AS s, max(t) AS m FROM reading WHERE id > ? GROUP BY sid) ON sid = s AND t = m"
            " WHERE id > ? GROUP BY sid"
        )
        return [
            self._reading(opened, row[:5])
            for opened, rows in self._ask(part, sql, (after, after))
            for row in rows
        ]

    def _raw(self, series: str, low: int, high: int) -> list[Bucket]:
        best: dict[int, tuple[float | None, Flag]] = {}
        for part in self._segments():
            for opened, rows in self._one_series(part, series, low, high, "t, v, mark"):
                for t, v, mark in rows:
                    best[opened.base + t] = v, self._mark(opened, mark)[0]
        return [(t, 1, v, v, v) for t, (v, flag) in sorted(best.items()) if v is not None and flag in USABLE]

    def _tens(self, series: str, low: int, high: int) -> list[Bucket]:
        first = low // TEN_MINUTES_MS * TEN_MINUTES_MS
        found = self._rolled("rollup", series, first, high, TEN_MINUTES_MS)
        edge = self._ask_book("SELECT value FROM meta WHERE key = 'rolled_until'")
        since = max(first, int(edge[0][0]) if edge else first)
        if since < high:
            found = [row for row in found if row[0] < since]
            found += self._raw(series, since, high)
        return found

    def _days(self, series: str, low: int, high: int) -> list[Bucket]:
        first = low // DAY_MS * DAY_MS
        found = self._rolled("day", series, first, high, DAY_MS)
        edge = self._ask_book("SELECT value FROM meta WHERE key = 'days_until'")
        since = max(first, int(edge[0][0]) if edge else first)
        if since < high:
            found = [row for row in found if row[0] < since]
            found += self._tens(series, since, high)
        return found

    def _rolled(self, table: str, series: str, low: int, high: int, step: int) -> list[Bucket]:
        """One series from a table ordered by (t, sid): one jump for each bucket."""
        row = self._ask_book("SELECT id FROM series WHERE name = ?", (series,))
        if not row:
            return []
        ends = f"SELECT (SELECT min(t) FROM {table}), (SELECT max(t) FROM {table})"  # noqa: S608  # two names, both ours
        edges = self._ask_book(ends)
        if edges[0][0] is None:
            return []
        low, high = max(low, edges[0][0]), min(high, edges[0][1] + 1)
        sql = (
            "WITH RECURSIVE at(x) AS (SELECT ? UNION ALL SELECT x + ? FROM at WHERE x + ? < ?)"  # noqa: S608  # ours
            f" SELECT t, n, total, low, high FROM at CROSS JOIN {table} ON t = x AND sid = ?"
        )
        return self._ask_book(sql, (low, step, step, high, row[0][0])) if low < high else []

    def _one_series(
        self, part: Segment, series: str, start: int, end: int, columns: str
    ) -> Iterator[tuple[Opened, list[Any]]]:
        blocks = self._blocks(part, start, end)
        if not blocks:
            return
        base, sid = self._base(part), self._sid(part, series)
        if sid is None:
            return
        for low, high in blocks:
            sql = (
                f"SELECT {columns} FROM reading"  # noqa: S608  # columns are ours
                " WHERE id > ? AND id <= ? AND sid = ? AND t >= ? AND t < ? ORDER BY id"
            )
            yield from self._ask(part, sql, (low, high, sid, start - base, end - base))


def _merged(series: str, rows: Sequence[Bucket], width: int) -> list[Rollup]:
    """Rows (t, n, total, low, high) put together into buckets of a width [ms]."""
    merged: dict[int, tuple[int, float, float, float]] = {}
    for t, n, total, low, high in rows:
        start = t // width * width
        have = merged.get(start)
        merged[start] = (
            (n, total, low, high)
            if have is None
            else (have[0] + n, have[1] + total, min(have[2], low), max(have[3], high))
        )
    span = timedelta(milliseconds=width)
    return [
        Rollup(series, from_ms(start), span, n, total / n, low, high)
        for start, (n, total, low, high) in sorted(merged.items())
    ]
