"""The uplink dies and comes back, for the database and for people at once: nothing lost, nothing doubled, right order."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.app import House
from gateway.clock import ManualClock
from gateway.model import Event
from gateway.rulefiles import load_rules, rule_files
from gateway.site import load_quantities
from tests.house import house
from tests.servers import free_port, influx, influxd
from tests.story.test_telling import heard, pass_, settled, until
from tests.story.test_telling_together import ticks
from tests.telling import DEVICES, PEOPLE

pytestmark = pytest.mark.servers

RULES = [
    {
        "id": "full", "name": {"zh": "桶满", "en": "Bin full"}, "tell": "cleaner", "severity": "yellow",
        "when": {"fill": {"above": "80 %", "clear_below": "60 %"}},
    },
    {
        "id": "lean", "name": {"zh": "倾斜", "en": "House leans"}, "tell": "grid-member", "latch": True,
        "severity": "red", "when": {"tilt_delta": {"above": "0.4 deg"}}, "never_quiet": True,
    },
]  # fmt: skip


@contextmanager
def platform(port: int) -> Iterator[list[dict[str, Any]]]:
    """Where all messages go, once the line is there."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@asynccontextmanager
async def village(folder: Path, clock: ManualClock, database: int, people: int) -> AsyncIterator[House]:
    secret = folder / "secret"
    secret.write_text("s3cret\n")
    secret.chmod(0o600)
    hook = {"type": "webhook", "url": f"http://127.0.0.1:{people}/", "secret_file": str(secret)}
    shipped = load_rules(rule_files(None), load_quantities()).written
    site = {
        "site": {"slug": "demo", "name": "Demo"},
        "api": {"port": 0},
        "rules": {"disable": list(shipped)},
        "sources": {"radio": {"driver": "mqtt", "host": "127.0.0.1", "port": 1, "listen": ["zigbee2mqtt"]}},
        "devices": DEVICES,
        **PEOPLE,
        "channels": {name: dict(hook) for name in PEOPLE["channels"]},
        "sinks": {"far": {"type": "influxdb", "url": f"http://127.0.0.1:{database}", "database": "village"}},
    }
    (folder / "rules").mkdir(exist_ok=True)
    text = yaml.safe_dump({"rules": RULES}, allow_unicode=True)
    (folder / "rules" / "own.yaml").write_text(text, encoding="utf-8")
    async with house(folder, clock, yaml.safe_dump(site, allow_unicode=True)) as building:
        yield building


async def test_the_uplink_dies_and_comes_back(tmp_path: Path, clock: ManualClock) -> None:
    database, people = free_port(), free_port()
    async with village(tmp_path, clock, database, people) as building:
        await heard(building, "bin-1/fill", 85.0)
        await ticks(building, clock, 2)
        await heard(building, "house-7/tilt_delta", 0.6)  # the one that matters, after the other
        for fill in (86.0, 88.0, 91.0):
            await ticks(building, clock, 60)
            await heard(building, "bin-1/fill", fill)
        await ticks(building, clock, 30)
        await heard(building, "bin-1/fill", 5.0)  # it was emptied meanwhile
        await ticks(building, clock, 5)
        told = [one for alert in building.alerts() for one in alert["told"]]
        assert {one["state"] for one in told} <= {"queued", "leased", "cancelled"}
        assert building.status()["sinks"]["far"]["backlog"] > 0

    async with village(tmp_path, clock, database, people) as building:  # the power went as well
        with influxd(tmp_path, database), platform(people) as got:
            influx(database, "CREATE DATABASE village")
            for _ in range(40):
                await pass_(building, clock, 1)
                await settled(building)
                if got and building.status()["sinks"]["far"]["backlog"] == 0:
                    break
                await asyncio.sleep(0.05)
            await until(lambda: building.status()["sinks"]["far"]["backlog"] == 0)
            for _ in range(10):
                await ticks(building, clock, 1)

            assert got[0]["severity"] == "red", "what matters most goes first, though it came later"
            doubles = {
                number: times for number, times in Counter(one["id"] for one in got).items() if times > 1
            }
            assert not doubles
            bins = [one for one in got if "桶" in one["subject"]]
            assert {one["subject"] for one in bins} == {"通信中断期间发生,现已恢复:黄色告警,桶满,1号桶"}
            assert max(Counter(one["to"] for one in bins).values()) == 1, (
                "one word each of what came and went"
            )

            stored = influx(database, "SELECT fill FROM waste_bin WHERE device = 'bin-1'")
            assert [value for _, value in stored] == [85, 86, 88, 91, 5]
            assert [value for _, value in influx(database, "SELECT tilt_delta FROM structure")] == [0.6]
            firing = influx(
                database, "SELECT rule_text FROM event WHERE kind = 'alert' AND to_text = 'firing'"
            )
            assert sorted(rule for _, rule in firing) == ["full", "lean"]


async def test_a_house_tilts_and_stays_an_alarm_until_a_person_has_been_there(
    tmp_path: Path, clock: ManualClock
) -> None:
    people = free_port()
    async with village(tmp_path, clock, free_port(), people) as building:
        with platform(people) as got:
            await heard(building, "house-7/tilt_delta", 0.6)
            await until(lambda: bool(got))
            await ticks(building, clock, 30)
            await heard(building, "house-7/tilt_delta", 0.0)
            await ticks(building, clock, 1)
            (alert,) = building.alerts()
            assert (alert["state"], alert["severity"]) == ("latched", "red")
            asked = len(got)
            await ticks(building, clock, 10)
            assert len(got) > asked, "while nobody has been there it goes on"
            assert await building.acknowledge("lean", "house-7", "Wang")
            taken = [
                entry.item.detail
                for entry in building.journal.events(0, 1000)
                if isinstance(entry.item, Event) and entry.item.kind == "alert_acknowledged"
            ]
            assert [(one["by"], one["after_s"]) for one in taken] == [
                ("Wang", 2460.0)
            ]  # for the time to answer
            assert await building.confirm("lean", "house-7", "Wang")
            await until(lambda: building.alerts() == [])
            await ticks(building, clock, 60)
            over = len(got)
            await ticks(building, clock, 60)
            assert len(got) == over, "and then it is quiet"
