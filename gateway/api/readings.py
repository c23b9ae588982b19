"""What was measured: the last words, raw rows, charts."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from gateway.api.asked import Asked
from gateway.api.named import FLAG
from gateway.api.plain import reading_json
from gateway.api.shapes import (
    INTEGER,
    NUMBER,
    SPAN,
    TEXT,
    TIME,
    listing,
    mapping,
    named,
    or_null,
    record,
    row,
    within,
)  # fmt: skip
from gateway.api.table import Endpoint
from gateway.model import series_of
from gateway.store.accounts import Role

LONGEST = timedelta(days=3660)
MOST_ROWS = 50_000


async def _latest(asked: Asked) -> Any:
    now = asked.house.clock.now()
    return {series: reading_json(reading, now) for series, reading in asked.house.latest.items()}


async def _series(asked: Asked) -> Any:
    return sorted(asked.house.latest)


async def _chart(asked: Asked) -> Any:
    given = asked.given
    series = series_of(given["device"], given["quantity"])
    end = given["end"] or asked.house.clock.now()
    start = end - min(given["span"], LONGEST)
    buckets = await asyncio.to_thread(asked.house.journal.chart, series, start, end, given["points"])
    rows = [[one.start.isoformat(), one.mean, one.minimum, one.maximum, one.count] for one in buckets]
    return {"series": series, "columns": ["start", "mean", "min", "max", "count"], "rows": rows}


async def _rows(asked: Asked) -> Any:
    given = asked.given
    end = given["to"] or asked.house.clock.now() + timedelta(milliseconds=1)
    start = given["from"] or end - timedelta(days=1)
    series = series_of(given["device"], given["quantity"])
    found = await asyncio.to_thread(asked.house.journal.readings, series, start, end, given["limit"])
    return [[one.at.isoformat(), one.value, one.flag.name, one.flagged_by] for one in found]


ENDPOINTS = (
    Endpoint(
        "GET", "/api/v1/latest", Role.VIEWER, "The last word of every series.", _latest, mapping(named("Reading"))
    ),
    Endpoint("GET", "/api/v1/series", Role.VIEWER, "Names of all series heard.", _series, listing(TEXT)),
    Endpoint(
        "GET", "/api/v1/chart/{device}/{quantity}", Role.VIEWER, "A series in about so many points; gaps are gaps.",
        _chart, record(series=TEXT, columns=listing(TEXT), rows=listing(row(TIME, NUMBER, NUMBER, NUMBER, INTEGER))),
        query={"span": {**SPAN, "default": "24h"}, "end": TIME, "points": within(10, 2000, 500)},
    ),
    Endpoint(
        "GET", "/api/v1/readings/{device}/{quantity}", Role.VIEWER,
        "Rows as they were measured, by time, oldest first: at, value, flag, flagged_by. Default: the last day.",
        _rows, listing(row(TIME, or_null(NUMBER), FLAG, TEXT)),
        query={"from": TIME, "to": TIME, "limit": within(1, MOST_ROWS, 5000)},
    ),
)  # fmt: skip
