"""What has happened, newest first."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.api.asked import Asked
from gateway.api.plain import event_json
from gateway.api.shapes import INTEGER, WORD, listing, named, within
from gateway.api.table import Endpoint
from gateway.model import Event
from gateway.store.accounts import Role


async def _events(asked: Asked) -> Any:
    given = asked.given
    found = await asyncio.to_thread(
        asked.house.journal.events_before,
        given["before"],
        given["limit"],
        kind=given["kind"],
        source=given["source"],
    )
    return [event_json(entry.item, entry.seq) for entry in found if isinstance(entry.item, Event)]


ENDPOINTS = (
    Endpoint(
        "GET", "/api/v1/events", Role.VIEWER, "What has happened, newest first.", _events, listing(named("Event")),
        query={"kind": WORD, "source": WORD, "before": INTEGER, "limit": within(1, 1000, 100)},
    ),
)  # fmt: skip
