"""Server-sent events: what changes is told to everybody who looks, and nobody is waited for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.app import House
from gateway.changes import MOST_WAITING, RESYNC, Changes, Listener
from gateway.clock import ManualClock
from gateway.model import Delivery, Event, Reading
from gateway.store.accounts import Role
from tests.conftest import NOON
from tests.house import house
from tests.visitor import Visitor, visitor

SITE = """\
site: {slug: demo, language: en}
api: {port: 0}
sources: {radio: {driver: mqtt, host: 127.0.0.1, port: 1, listen: [chirpstack]}}
devices:
  bin-1: {source: radio, address: bin-1, tags: []}
"""


class Watcher:
    """Reads a stream as a browser's EventSource does."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.head = ""

    async def next(self) -> tuple[str, Any]:
        """The next piece: its kind and its data."""
        kind, data = "", ""
        while True:
            line = (await asyncio.wait_for(self.reader.readline(), 10)).decode().strip()
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                data = line.removeprefix("data: ")
            elif not line and kind:
                return kind, json.loads(data)


@asynccontextmanager
async def watching(building: House, somebody: Visitor) -> AsyncIterator[Watcher]:
    host, port = building.address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    before = len(building.changes)
    request = (
        f"GET /api/v1/changes HTTP/1.1\r\nHost: {host}\r\nCookie: village_session={somebody.cookie}\r\n\r\n"
    )
    writer.write(request.encode())
    watcher = Watcher(reader, writer)
    watcher.head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode()
    while len(building.changes) == before:
        await asyncio.sleep(0)
    try:
        yield watcher
    finally:
        writer.close()


async def test_readings_alerts_and_events_are_told_once_a_second(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    async with house(tmp_path, clock, SITE) as building:
        somebody = await visitor(building)
        async with watching(building, somebody) as watcher:
            assert "content-type: text/event-stream" in watcher.head
            for value in (40.0, 83.0, 84.0):
                await building.bus.put(Delivery((Reading("bin-1/fill", value, clock.now(), clock.now()),)))
                while (
                    building.latest.get("bin-1/fill") is None or building.latest["bin-1/fill"].value != value
                ):
                    await asyncio.sleep(0)
                await clock.advance(60 if value == 83.0 else 0.1)
            await clock.advance(1)
            seen: dict[str, Any] = {}
            while not {"reading", "alert", "event"} <= set(seen):
                kind, data = await watcher.next()
                seen[kind] = {**seen.get(kind, {}), **data} if kind == "reading" else data
            assert seen["reading"]["bin-1/fill"]["flag"] in {"GOOD", "UNKNOWN", "SUSPECT"}
            assert seen["alert"]["target"] == "bin-1"
            assert seen["alert"]["masks"] == []
            assert seen["event"]["kind"] == "alert"
            await clock.advance(11)
            while kind != "status":
                kind, data = await watcher.next()
            assert data["alerts"] == 1


async def test_a_stream_ends_when_its_session_does(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    async with house(tmp_path, clock, SITE) as building:
        somebody = await visitor(building)
        async with watching(building, somebody) as watcher:
            await somebody.post("/api/v1/session", None, "DELETE")
            await clock.advance(11)
            rest = await asyncio.wait_for(watcher.reader.read(), 10)
            assert b"event: status" not in rest
            assert rest.endswith(b"0\r\n\r\n")


async def test_who_hangs_up_is_forgotten_at_once(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        somebody = await visitor(building)
        async with watching(building, somebody):
            assert len(building.changes) == 1
        for _ in range(1000):
            if not len(building.changes):
                break
            await asyncio.sleep(0.005)
        assert not len(building.changes)


async def test_nobody_looks_without_having_signed_in(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        assert (await Visitor(building.address).get("/api/v1/changes")).status == 401


async def test_a_house_that_closes_lets_everybody_go_at_once(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        somebody = await visitor(building, Role.VIEWER)
        host, port = building.address.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            f"GET /api/v1/changes HTTP/1.1\r\nHost: x.local\r\nCookie: village_session={somebody.cookie}\r\n\r\n"
            .replace("x.local", host).encode()
        )  # fmt: skip
        await reader.readuntil(b"retry: 3000\n\n")
    assert (await asyncio.wait_for(reader.read(), 10)).endswith(b"0\r\n\r\n")
    writer.close()


def changes() -> Changes:
    async def no_alerts(_: set[tuple[str, str]]) -> list[dict[str, Any]]:
        return []

    return Changes(
        ManualClock(NOON),
        reading=lambda reading: {"value": reading.value},
        event=lambda event: {"kind": event.kind},
        alerts=no_alerts,
        status=dict,
    )


async def test_who_does_not_keep_up_is_told_to_start_anew_and_let_go() -> None:
    news, clock = changes(), ManualClock(NOON)
    news._clock = clock
    slow, quick = news.listen(), news.listen()
    assert slow is not None
    assert quick is not None
    task = asyncio.create_task(news.run())
    await clock.advance(0)
    for step in range(MOST_WAITING + 2):
        news.note([Reading("a/b", float(step), NOON, NOON)])
        await clock.advance(1)
        assert b"data" in (await quick.next(0) or b"")
    assert await slow.next(0) == RESYNC
    assert await slow.next(0) is None
    assert (len(news), news.dropped) == (1, 1)
    task.cancel()


async def test_noting_costs_nothing_when_nobody_looks() -> None:
    news = changes()
    news.note([Event("cam", "fire", NOON, NOON)])
    assert not news._events


@pytest.mark.parametrize("waiting", [0, 3])
async def test_what_has_gathered_comes_in_one_piece(waiting: int) -> None:
    listener = Listener()
    for number in range(waiting):
        assert listener.give(b"%d" % number)
    assert await listener.next(0) == b"".join(b"%d" % number for number in range(waiting))
