"""The local HTTP endpoint, asked as a browser, Prometheus or a stranger would."""

from __future__ import annotations

import asyncio
import http.client
import json
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


async def get(address: str, path: str, method: str = "GET", host: str | None = None) -> tuple[int, str]:
    def ask() -> tuple[int, str]:
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
        connection.request(method, path, headers={"Host": host} if host else {})
        reply = connection.getresponse()
        body = reply.read().decode()
        connection.close()
        return reply.status, body

    return await asyncio.to_thread(ask)


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
        code, body = await get(building.address, "/api/v1/chart/bin-1/fill?span=1h")
        assert code == 200
        assert json.loads(body)["columns"] == ["start", "mean", "min", "max", "count"]
        code, body = await get(building.address, "/metrics")
        assert code == 200
        assert re.search(r'^village_readings_total\{flag="GOOD"\} [1-9]', body, re.MULTILINE)
        assert re.search(r"^village_journal_commits [1-9]", body, re.MULTILINE)
        assert 'village_source_received_total{source="health"}' in body
        assert (await get(building.address, "/healthz"))[0] == 200
        assert "bin-1/fill" in json.loads((await get(building.address, "/api/v1/series"))[1])


@pytest.mark.parametrize("query", ["span=60", "points=many", "end=yesterday"])
async def test_a_question_that_makes_no_sense_is_answered_in_words(tmp_path: Path, query: str) -> None:
    async with house(tmp_path, ManualClock(NOON)) as building:
        code, body = await get(building.address, f"/api/v1/chart/bin-1/fill?{query}")
        assert code == 400
        assert json.loads(body)["error"]


async def test_a_foreign_host_name_is_refused(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON)) as building:
        assert (await get(building.address, "/api/v1/status", host="evil.example"))[0] == 400


async def test_what_changes_something_is_answered_on_the_socket_only(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON)) as building:
        assert (await get(building.address, "/api/v1/reload", "POST"))[0] == 403
        assert (building.state_dir / control.SOCKET_NAME).stat().st_mode & 0o077 == 0
        assert (await ask(building.state_dir, "/api/v1/reload", "POST"))["sources"]["kept"] == ["health"]
        (tmp_path / "village.yaml").write_text("site: {slug: Not Good}\n", encoding="utf-8")
        with pytest.raises(SettingsError, match=r"site\.slug"):
            await ask(building.state_dir, "/api/v1/reload", "POST")


async def test_asking_where_nobody_lives_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="is it running"):
        control.ask(tmp_path, "/api/v1/status")
