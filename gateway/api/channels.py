"""The ways to tell people: how each is doing, and a test through one."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.api.asked import Asked, Refusal
from gateway.api.shapes import INTEGER, SLUG_NAME, TEXT, WORD, listing, one_of, record
from gateway.api.table import Endpoint
from gateway.herald import TRIAL
from gateway.store.accounts import Role

PATIENCE_S = (
    15.0  # what has not been said by then is found in the alert history of channels: it goes on by itself
)
LOOK_S = 0.25
WAITING = frozenset({"queued", "leased"})


async def _channels(asked: Asked) -> Any:
    site, status = asked.house.site, asked.house.status()["channels"]
    people = site.village.people
    return [
        {
            "name": name,
            "type": site.village.channels[name].type,
            "title": (plugin.module.__doc__ or "").partition("\n")[0],
            "state": status.get(name, {}).get("state", "open"),
            "sent": status.get(name, {}).get("sent", 0),
            "refused": status.get(name, {}).get("refused", 0),
            "last_error": status.get(name, {}).get("last_error", ""),
            "people": [slug for slug, one in people.items() if any(c.channel == name for c in one.contacts)],
        }
        for name, plugin in site.channels.items()
    ]


async def _test(asked: Asked) -> Any:
    """One marked message; it goes the way of every other, and what the service says of it is the answer."""
    house, name, slug = asked.house, asked.given["name"], asked.body["person"]
    if name not in house.site.channels:
        raise Refusal(404, "not_found", what="channel", name=name)
    person = house.site.village.people.get(slug)
    if person is None or not any(one.channel == name for one in person.contacts):
        raise Refusal(400, "no_such_way", key="person", person=slug, channel=name)
    target = await house.trial(name, slug, asked.by)
    await asyncio.to_thread(house.accounts.note, asked.person, "channel.test", name, person=slug)
    until = house.clock.monotonic() + PATIENCE_S
    while True:
        rows, _ = await asyncio.to_thread(house.journal.told, TRIAL, target)
        row = rows[0] if rows else {"state": "queued", "why": "", "attempts": 0}
        if row["state"] not in WAITING or row["attempts"] or house.clock.monotonic() >= until:
            return {"channel": name, "person": slug, "state": row["state"], "words": row["why"]}
        await house.clock.sleep(LOOK_S)


_CHANNEL = record(
    name=TEXT, type=TEXT, title=TEXT, state=one_of("open", "failing", "broken"), sent=INTEGER, refused=INTEGER,
    last_error=TEXT, people=listing(TEXT),
)  # fmt: skip
ENDPOINTS = (
    Endpoint("GET", "/api/v1/channels", Role.ADMIN, "The ways to tell people, and how each is doing.", _channels,
        listing(_CHANNEL)),
    Endpoint(
        "POST", "/api/v1/channels/{name}/test", Role.ADMIN,
        "One marked test message to a person; what the service says of it within 15 s.", _test,
        record(channel=TEXT, person=TEXT, state=TEXT, words=TEXT), path_shapes={"name": SLUG_NAME},
        body=record(person=WORD), examples={"name": "post", "person": "lin"},
    ),
)  # fmt: skip
