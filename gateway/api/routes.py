"""Everything that can be asked, in one tuple: a new resource is a file and a line here."""

from __future__ import annotations

from gateway.api import (
    alerts,
    backup,
    channels,
    events,
    evidence,
    health,
    hooks,
    masks,
    openapi,
    orders,
    outputs,
    people,
    readings,
    rounds,
    rules,
    session,
    site,
    status,
    stream,
    users,
)
from gateway.api.table import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = (
    *session.ENDPOINTS,
    *status.ENDPOINTS,
    *health.ENDPOINTS,
    *site.ENDPOINTS,
    *readings.ENDPOINTS,
    *events.ENDPOINTS,
    *alerts.ENDPOINTS,
    *masks.ENDPOINTS,
    *orders.ENDPOINTS,
    *outputs.ENDPOINTS,
    *rounds.ENDPOINTS,
    *people.ENDPOINTS,
    *rules.ENDPOINTS,
    *channels.ENDPOINTS,
    *evidence.ENDPOINTS,
    *hooks.ENDPOINTS,
    *stream.ENDPOINTS,
    *users.ENDPOINTS,
    *backup.ENDPOINTS,
    *openapi.ENDPOINTS,
)
