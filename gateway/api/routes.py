"""Everything that can be asked, in one tuple: a new resource is a file and a line here."""

from __future__ import annotations

from gateway.api import (
    alerts,
    events,
    openapi,
    orders,
    outputs,
    readings,
    session,
    site,
    status,
    stream,
    users,
)
from gateway.api.table import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = tuple(
    endpoint
    for resource in (session, status, site, readings, events, alerts, orders, outputs, stream, users, openapi)
    for endpoint in resource.ENDPOINTS
)
