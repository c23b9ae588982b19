"""The local HTTP endpoint, asked as a browser, Prometheus or a stranger would."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from gateway import control
from gateway.clock import ManualClock
from gateway.errors import SettingsError, Unavailable
from gateway.model import Delivery, Flag, Reading
from tests.conftest import NOON
from tests.house import house
from tests.visitor import Visitor, visitor


async def ask(state: Path, path: str, method: str = "GET") -> Any:
    return await asyncio.to_thread(control.ask, state, path, method=method)


async def test_status_latest_chart_and_metrics_tell_the_same_story(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    async with house(tmp_path, clock) as building:
        await building.bus.put(Delivery((Reading("bin-1/fill", 42.0, NOON, NOON),)))
        await building.bus.put(
            Delivery((Reading("bin-1/fill", None, NOON, NOON, Flag.MISSING, "no_target"),))
        )
        while building.latest.get("bin-1/fill") is None or building.latest["bin-1/fill"].value is not None:
            await asyncio.sleep(0)
        await asyncio.to_thread(building.journal.flush)
        latest = await ask(building.state_dir, "/api/v1/latest")
        assert latest["bin-1/fill"] == {
            "value": None,
            "at": NOON.isoformat(),
            "age_s": 0.0,
            "flag": "MISSING",
            "flagged_by": "no_target",
        }
        somebody = await visitor(building)
        reply = await somebody.get("/api/v1/chart/bin-1/fill?span=1h")
        assert reply.status == 200
        assert reply.body["columns"] == ["start", "mean", "min", "max", "count"]
        reply = await Visitor(building.address).get("/metrics")
        assert reply.status == 200
        body = reply.raw.decode()
        assert re.search(r'^village_readings_total\{flag="GOOD"\} [1-9]', body, re.MULTILINE)
        assert re.search(r"^village_journal_commits [1-9]", body, re.MULTILINE)
        assert 'village_source_received_total{source="health"}' in body
        assert (await Visitor(building.address).get("/healthz")).status == 200
        assert "bin-1/fill" in (await somebody.get("/api/v1/series")).body


@pytest.mark.parametrize("query", ["span=60", "points=many", "end=yesterday"])
async def test_a_question_that_makes_no_sense_is_answered_in_words(tmp_path: Path, query: str) -> None:
    async with house(tmp_path, ManualClock(NOON)) as building:
        reply = await (await visitor(building)).get(f"/api/v1/chart/bin-1/fill?{query}")
        assert reply.status == 400
        assert reply.body["key"] == query.partition("=")[0]
        assert reply.body["error"]


async def test_a_foreign_host_name_is_refused(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON)) as building:
        reply = await (await visitor(building)).get("/api/v1/status", Host="evil.example")
        assert reply.status == 400
        assert "evil.example" in reply.body["error"]


async def test_the_local_socket_belongs_to_its_user_alone_and_may_do_everything(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON)) as building:
        assert (await Visitor(building.address).post("/api/v1/reload", None)).status == 401
        assert (building.state_dir / control.SOCKET_NAME).stat().st_mode & 0o077 == 0
        assert (await ask(building.state_dir, "/api/v1/reload", "POST"))["sources"]["kept"] == ["health"]
        (tmp_path / "village.yaml").write_text("site: {slug: Not Good}\n", encoding="utf-8")
        with pytest.raises(SettingsError, match=r"site\.slug"):
            await ask(building.state_dir, "/api/v1/reload", "POST")


async def test_asking_where_nobody_lives_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="is it running"):
        control.ask(tmp_path, "/api/v1/status")
