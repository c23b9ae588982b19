"""The next round of a role: where to go, in walking order, how full it is there and when it will be full."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from gateway.api.asked import Asked, Refusal
from gateway.api.shapes import NUMBER, SLUG_NAME, TEXT, TIME, TRUTH, listing, one_of, or_null, record
from gateway.api.table import Endpoint
from gateway.model import series_of
from gateway.names import roster_of
from gateway.notify.batches import soonest
from gateway.rounds import round_of
from gateway.rules.conditions.trend import Forecast
from gateway.store.accounts import Role
from gateway.store.reader import USABLE

FILL = "fill"
FULL = 90.0  # [%] the shipped rule bin-before-round
LOOK_BACK = timedelta(hours=36)  # the same rule
LEAST = 6
EMPTIED_BY = 30.0  # a fall by so many points begins a new line: the same rule


async def _round(asked: Asked) -> Any:
    house, village = asked.house, asked.house.site.village
    role = asked.given["role"] or _role_of(asked)
    needed = {
        one["device"]
        for one in house.alerts()
        if role in one["tell"] and one["state"] not in {"pending", "normal"}
    }
    only = None if asked.given["all"] else needed
    roster, now = roster_of(village), house.clock.now()
    one = round_of(village, roster, role, asked.given["cell"], only)
    turns = village.duty.rounds.get(role)
    full = await asyncio.to_thread(_forecasts, asked, one.stops, now)
    stops = []
    for slug in one.stops:
        device, reading = village.devices[slug], house.latest.get(series_of(slug, FILL))
        stops.append(
            {
                "device": slug,
                "name": device.name,
                "lat": device.lat,
                "lon": device.lon,
                "point": device.point,
                "fill": reading.value if reading is not None else None,
                "full_in_s": full[slug],
                "needed": slug in needed,
            }
        )
    return {
        "role": role,
        "at": soonest(turns, now, roster).isoformat() if turns else None,
        "from": one.start,
        "on": one.on,
        "stops": stops,
        "length_m": round(one.length) if one.on == "earth" else None,
    }


def _role_of(asked: Asked) -> str:
    """The first role of whoever asks that has devices."""
    village = asked.house.site.village
    roles = [device.role for device in village.devices.values() if device.role]
    person = village.people.get(asked.person.person or "")
    for role in [*(person.roles if person else ()), *roles]:
        if role in roles:
            return str(role)
    raise Refusal(404, "not_found", what="role", name="")


def _forecasts(asked: Asked, slugs: tuple[str, ...], now: datetime) -> dict[str, float | None]:
    """When each will be full [s from now]; 0 for what is, None where nobody can say."""
    found: dict[str, float | None] = {}
    for slug in slugs:
        line = Forecast(
            FILL, FULL, rising=True, before=0.0, look_back=LOOK_BACK.total_seconds(), at_least=LEAST,
            drop=EMPTIED_BY, text="",
        )  # fmt: skip
        readings = asked.house.journal.readings(
            series_of(slug, FILL), now - LOOK_BACK, now + timedelta(seconds=1)
        )
        for reading in readings:
            if reading.value is not None and reading.flag in USABLE:
                line.hear(reading.at.timestamp(), reading.value)
        found[slug] = None if line.figure is None else line.figure * 3600.0
    return found


_STOP = record(
    device=TEXT, name=TEXT, lat=or_null(NUMBER), lon=or_null(NUMBER), point=or_null(listing(NUMBER)),
    fill=or_null(NUMBER), full_in_s=or_null(NUMBER), needed=TRUTH,
)  # fmt: skip
ENDPOINTS = (
    Endpoint(
        "GET", "/api/v1/round", Role.WORKER,
        "The next round of a role (default: mine) in walking order: what has an open alert for it, or all its devices.",
        _round,
        record(
            {"from": TEXT}, role=TEXT, at=or_null(TIME), on=one_of("earth", "map"), stops=listing(_STOP),
            length_m=or_null(NUMBER),
        ),
        query={"role": SLUG_NAME, "cell": SLUG_NAME, "all": {**TRUTH, "default": False}},
    ),
)  # fmt: skip
