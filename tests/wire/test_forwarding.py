"""Journal, forwarder and a real InfluxDB 1.6.7 together: outages, poison, restarts; nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from gateway.clock import ManualClock, SystemClock
from gateway.contracts import SinkContext
from gateway.model import Delivery, Event, Flag, Reading
from gateway.settings import Pace, StoreSettings
from gateway.site import load_quantities
from gateway.store.forward import Forwarder
from gateway.store.journal import Journal
from gateway.store.sinks import influxdb
from tests.servers import eventually, free_port, influxd

pytestmark = pytest.mark.servers
AT = datetime(2026, 7, 18, 4, 0, tzinfo=UTC)


class Timed(SystemClock):
    """The machine's clock, vouched for."""

    def trusted(self) -> bool:
        return True


def influx(port: int, question: str) -> list[Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/query?" + urlencode({"db": "village", "epoch": "ms", "q": question}))
    answer = json.loads(connection.getresponse().read())["results"][0]
    connection.close()
    assert "error" not in answer, answer
    return answer["series"][0]["values"] if "series" in answer else []


def counted(port: int, what: str = "fill", measurement: str = "waste_bin") -> int:
    rows = influx(port, f"SELECT count({what}) FROM {measurement}")
    return int(rows[0][1]) if rows else 0


def readings(count: int, start: int = 0, devices: int = 20) -> list[Reading]:
    """One reading a second and device, from AT on."""
    found = []
    for n in range(start, start + count):
        at = AT + timedelta(seconds=n // devices)
        found.append(Reading(f"bin-{n % devices:03d}/fill", float(n % 100), at, at, Flag.GOOD))
    return found


async def write(journal: Journal, items: list[Reading]) -> None:
    for start in range(0, len(items), 500):
        await journal.append(Delivery(tuple(items[start : start + 500])))
    await asyncio.to_thread(journal.flush)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "state", Timed(), StoreSettings(quota=100_000_000)) as opened:
        yield opened


def forwarder_to(port: int, journal: Journal, folder: Path, **pace: Any) -> Forwarder:
    settings = influxdb.Settings(url=f"http://127.0.0.1:{port}", database="village", **pace)
    context = SinkContext("far", "liuhe", load_quantities(), Timed(), folder)
    return Forwarder("far", influxdb.Sink(settings, context), journal, Timed(), pace=settings)


async def test_after_an_outage_everything_arrives_once_and_news_do_not_wait(
    journal: Journal, tmp_path: Path
) -> None:
    port = free_port()
    await write(journal, readings(40_000))
    forwarder = forwarder_to(port, journal, tmp_path, backlog_rate=10_000)
    forwarder.start()
    try:
        eventually(lambda: forwarder.status().state == "unreachable")
        assert forwarder.status().last_error.endswith("Connection refused")
        with influxd(tmp_path, port):
            influx(port, "CREATE DATABASE village")
            eventually(lambda: counted(port) > 0, 60)
            late, while_draining = 0.0, 0
            for _ in range(10):
                before = counted(port, "lid_open")
                now = datetime.now(UTC)
                await journal.append(Delivery((Reading("bin-001/lid_open", 1.0, now, now, Flag.GOOD),)))
                began = Timed().monotonic()
                eventually(lambda before=before: counted(port, "lid_open") > before)  # type: ignore[misc]
                late = max(late, Timed().monotonic() - began)
                while_draining += forwarder.status().state == "catching up"
            assert late < 10.0  # reliability-and-security, P5
            assert while_draining >= 2
            eventually(lambda: forwarder.status().state == "up to date", 60)
            assert counted(port) == 40_000
            assert forwarder.status().lost == 0
            assert journal.parked("far") == []
    finally:
        forwarder.stop()


async def test_a_type_conflict_is_parked_alone_while_the_rest_arrives(
    journal: Journal, tmp_path: Path
) -> None:
    port = free_port()
    with influxd(tmp_path, port):
        influx(port, "CREATE DATABASE village")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        body = f"waste_bin,site=liuhe,device=bin-007 tipped=1i {int(AT.timestamp() * 1000)}"
        connection.request("POST", "/write?db=village&precision=ms", body)
        assert connection.getresponse().status == 204
        connection.close()
        bad = [Reading(f"bin-00{n}/tipped", 1.0, AT + timedelta(seconds=n), AT, Flag.GOOD) for n in range(3)]
        mixed = readings(3000)
        mixed[1000:1000] = bad
        await write(journal, mixed)
        forwarder = forwarder_to(port, journal, tmp_path)
        forwarder.start()
        try:
            eventually(lambda: counted(port) == 3000 and forwarder.status().parked == 3)
            parked = journal.parked("far")
            assert {entry.entry.item for entry in parked} == {
                Reading(item.series, item.value, item.at, item.received, item.flag) for item in bad
            }
            assert all("field type conflict" in entry.why for entry in parked)
            eventually(lambda: forwarder.status().state == "up to date")
        finally:
            forwarder.stop()


async def test_restarts_on_both_sides_lose_nothing(journal: Journal, tmp_path: Path) -> None:
    port, sure = free_port(), random.Random(7)
    written = 0
    for _ in range(4):
        await write(journal, readings(2000, written))
        written += 2000
        forwarder = forwarder_to(port, journal, tmp_path, batch=200)
        forwarder.start()
        with influxd(tmp_path, port):
            influx(port, "CREATE DATABASE village")
            wanted = counted(port) + sure.randrange(200, 1500)
            eventually(lambda wanted=wanted: counted(port) >= wanted)  # type: ignore[misc]
        forwarder.stop()  # the server went first, killed
    forwarder = forwarder_to(port, journal, tmp_path)
    forwarder.start()
    with influxd(tmp_path, port):
        eventually(lambda: counted(port) == written, 30)
        forwarder.stop()


async def test_events_and_hourly_rollups_follow(journal: Journal, tmp_path: Path) -> None:
    port = free_port()
    hours = [
        Reading(
            "bin-001/fill", float(n % 60), AT + timedelta(minutes=n), AT + timedelta(minutes=n), Flag.GOOD
        )
        for n in range(300)
    ]
    await journal.append(
        Delivery((*hours, Event("bin-001", "emptied", AT, AT, detail={"from": 93.0, "by": "truck"})))
    )
    await asyncio.to_thread(journal.flush)
    with influxd(tmp_path, port):
        influx(port, "CREATE DATABASE village")
        forwarder = forwarder_to(port, journal, tmp_path)
        forwarder.start()
        try:
            eventually(lambda: counted(port, "fill_mean", "waste_bin_1h") >= 4)
            assert influx(port, "SELECT fill_count, fill_min, fill_max FROM waste_bin_1h LIMIT 1") == [
                [int(AT.timestamp() * 1000), 60, 0, 59]
            ]
            assert influx(port, 'SELECT kind, "from", by_text FROM event') == [
                [int(AT.timestamp() * 1000), "emptied", 93, "truck"]
            ]
        finally:
            forwarder.stop()


async def test_a_point_of_the_future_is_parked_and_named(journal: Journal, tmp_path: Path) -> None:
    port = free_port()
    with influxd(tmp_path, port):
        influx(port, "CREATE DATABASE village")
        ahead = datetime.now(UTC) + timedelta(days=2)
        await write(journal, [*readings(10), Reading("bin-001/fill", 1.0, ahead, AT, Flag.GOOD)])
        settings = influxdb.Settings(url=f"http://127.0.0.1:{port}", database="village")
        context = SinkContext("far", "liuhe", load_quantities(), Timed(), tmp_path)
        clock = ManualClock(AT)
        forwarder = Forwarder("far", influxdb.Sink(settings, context), journal, clock, pace=Pace())
        forwarder.step()
        assert counted(port) == 10
        (parked,) = journal.parked("far")
        assert "lies in the future" in parked.why
        forwarder.stop()
