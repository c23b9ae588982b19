"""Changing the site over the API: comments survive, a faulty edit changes nothing, everything is audited."""

from __future__ import annotations

import asyncio
import difflib
import os
from pathlib import Path
from typing import Any

import pytest

from gateway.app import House
from gateway.clock import ManualClock
from gateway.store.accounts import Role
from tests.conftest import NOON
from tests.contract.test_api import SITE
from tests.house import house
from tests.visitor import visitor

PHONE = "+86 577 0000 0001"


def changed(folder: Path, before: str = SITE) -> list[str]:
    after = (folder / "village.yaml").read_text(encoding="utf-8")
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if line[0] in "+-" and line[:3] not in {"+++", "---"}]


def last_deed(building: House) -> Any:
    return building.accounts.trail(None, 1)[0][1]


async def test_a_person_is_changed_in_his_line_applied_at_once_and_the_trail_knows_who_did_it(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        admin = await visitor(building, Role.ADMIN, "chief")
        reply = await admin.post("/api/v1/people/lin", {"name": "Lin Yue"}, "PATCH")
        assert reply.status == 200, reply.raw
        assert changed(tmp_path) == ["-    name: Lin", "+    name: Lin Yue"]
        assert building.site.village.people["lin"].name == "Lin Yue"
        deed = last_deed(building)
        assert (deed.who, deed.action, deed.object) == ("chief", "people.change", "people.lin")
        assert deed.detail["changed"] == {"name": ["Lin", "Lin Yue"]}


async def test_numbers_are_covered_for_everybody_below_admin_and_in_the_trail(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        admin, operator = await visitor(building, Role.ADMIN), await visitor(building, Role.OPERATOR)
        assert (await admin.get("/api/v1/people")).body["lin"]["phones"] == [PHONE]
        assert (await operator.get("/api/v1/people")).body["lin"]["phones"] == ["***01"]
        new = "+86 577 0000 0099"
        reply = await admin.post("/api/v1/people/lin", {"phones": [new]}, "PATCH")
        assert reply.status == 200
        trail = (await admin.get("/api/v1/audit")).raw.decode()
        assert "***99" in trail
        assert new not in trail
        assert PHONE not in trail


@pytest.mark.parametrize(
    ("method", "path", "body", "key"),
    [
        ("PATCH", "/api/v1/people/lin", {"nickname": "x"}, "people.lin.nickname"),
        ("PATCH", "/api/v1/people/lin", {"phones": ["not a number"]}, "people.lin.phones[0]"),
        ("PUT", "/api/v1/cells/west", {"kind": "gridd"}, "cells.west.kind"),
        ("PUT", "/api/v1/devices/bin-2", {"source": "radios"}, "devices.bin-2.source"),
        ("PATCH", "/api/v1/duty", {"rota": [{"cell": "west", "people": ["lin"]}]}, "duty.rota[0].cell"),
        ("DELETE", "/api/v1/people/lin", None, "cells.east.members[0]"),
    ],
)
async def test_a_faulty_edit_changes_nothing_and_says_where_and_why(
    tmp_path: Path, method: str, path: str, body: Any, key: str
) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        admin = await visitor(building, Role.ADMIN)
        before = building.site
        reply = await admin.post(path, body, method)
        assert reply.status == 422, reply.raw
        assert key in {one["key"] for one in reply.body["details"]}
        assert any("village.yaml:" in fault for fault in reply.body["faults"])
        assert changed(tmp_path) == []
        assert building.site is before
        assert "not a number" not in reply.raw.decode()
        assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]  # noqa: PTH208  # no draft is left


async def test_a_device_and_a_cell_come_and_go(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        admin = await visitor(building, Role.ADMIN)
        new = {"source": "radio", "address": "bin-2", "name": "二号桶", "cell": "east", "tags": ["school"]}
        reply = await admin.post("/api/v1/devices/bin-2", new, "PUT")
        assert reply.body["entry"] == new
        assert changed(tmp_path) == [
            "+  bin-2: {source: radio, address: bin-2, name: 二号桶, cell: east, tags: [school]}"
        ]
        assert (await admin.get("/api/v1/devices/bin-2")).body["name"] == "二号桶"
        assert (await admin.post("/api/v1/devices/bin-2", None, "DELETE")).status == 200
        assert changed(tmp_path) == []
        assert (await admin.get("/api/v1/devices/bin-2")).status == 404
        assert (await admin.post("/api/v1/devices/bin-9", {"name": "x"}, "PATCH")).status == 404


async def test_leave_is_entered_and_the_duty_follows(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        admin = await visitor(building, Role.ADMIN)
        assert (await admin.get("/api/v1/duty")).body["roles"][0]["people"] == ["lin"]
        leave = [{"person": "lin", "from": "2026-07-18", "until": "2026-07-20"}]
        reply = await admin.post("/api/v1/duty", {"leave": leave}, "PATCH")
        assert reply.status == 200, reply.raw
        duty = (await admin.get("/api/v1/duty")).body
        assert duty["roles"][0] == {
            "cell": "east",
            "role": "cleaner",
            "people": [],
            "skipped": [{"person": "lin", "why": "leave"}],
        }
        later = (await admin.get("/api/v1/duty?at=2026-07-25T04:00:00Z")).body
        assert later["roles"][0]["people"] == ["lin"]


async def test_two_edits_at_once_are_both_made(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        admin = await visitor(building, Role.ADMIN)
        replies = await asyncio.gather(
            *(
                admin.post(f"/api/v1/devices/new-{n}", {"source": "radio", "address": f"n{n}"}, "PUT")
                for n in range(5)
            )
        )
        assert [reply.status for reply in replies] == [200] * 5
        assert {f"new-{n}" for n in range(5)} <= set(building.site.devices)


async def test_a_rota_is_tried_without_being_written(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        admin = await visitor(building, Role.ADMIN)
        before = (tmp_path / "village.yaml").read_bytes()
        good = {"rota": [{"cell": "east", "people": ["lin"], "days": ["mon", "tue"]}], "digests": ["07:30"]}
        reply = await admin.post("/api/v1/duty/check", good)
        assert (reply.status, reply.body) == (200, {"ok": True})
        bad = {"rota": [{"cell": "east", "people": [], "from": "25:00"}], "digests": ["noon"]}
        reply = await admin.post("/api/v1/duty/check", bad)
        assert reply.status == 422
        assert {"duty.rota[0].people", "duty.rota[0].from", "duty.digests[0]"} <= {
            one["key"] for one in reply.body["details"]
        }
        assert (tmp_path / "village.yaml").read_bytes() == before
        operator = await visitor(building, Role.OPERATOR)
        assert (await operator.post("/api/v1/duty/check", good)).status == 403
