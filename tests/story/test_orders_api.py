"""Work orders over HTTP and by the command."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from gateway.__main__ import main
from gateway.api.parts import read_form
from gateway.clock import ManualClock
from gateway.store.accounts import Role
from tests.story.test_orders import photo, village
from tests.visitor import visitor


def form(mark: str, *parts: tuple[str, bytes, bool]) -> bytes:
    whole = b""
    for name, content, is_file in parts:
        more = '; filename="x.jpg"' if is_file else ""
        whole += (
            f'--{mark}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode()
            + content
            + b"\r\n"
        )
    return whole + f"--{mark}--\r\n".encode()


class TestForms:
    def test_fields_and_files_are_told_apart_and_bytes_stay_bytes(self) -> None:
        content = bytes(range(256)) + b"\r\n--not-the-mark\r\n"
        raw = form("m1", ("note", "桶盖坏了".encode(), False), ("photo", content, True), ("photo", b"", True))
        found = read_form('multipart/form-data; boundary="m1"', raw)
        assert found.fields == {"note": "桶盖坏了"}
        assert found.files == {"photo": [content]}

    @pytest.mark.parametrize(
        ("kind", "raw"),
        [
            ("application/json", b"{}"),
            ("multipart/form-data", b""),
            ("multipart/form-data; boundary=m1", b"--m1\r\nx"),
            ("multipart/form-data; boundary=m1", b"--m1\r\n\r\nx\r\n--m1--"),
            ("multipart/form-data; boundary=m1", form("m1", *[("a", b"b", False)] * 50)),
        ],
    )
    def test_what_is_no_form_is_refused(self, kind: str, raw: bytes) -> None:
        with pytest.raises(ValueError, match=r"form"):
            read_form(kind, raw)


async def test_a_worker_makes_takes_and_does_an_order_and_an_operator_closes_it(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with village(tmp_path, clock) as building:
        boss = await visitor(building, Role.OPERATOR)
        made = await boss.post("/api/v1/orders", {"title": "清沟", "device": "bin-1", "severity": "yellow"})
        assert made.status == 200
        number = made.body["id"]
        assert (made.body["state"], made.body["light"], made.body["person"]) == ("open", "green", "sun")
        assert (await boss.post("/api/v1/orders", {"title": "x", "device": "gone"})).status == 422
        assert (await boss.post("/api/v1/orders", {"rule": "full", "target": "bin-1"})).status == 404
        assert (await boss.post(f"/api/v1/orders/{number}/accept", {})).body["state"] == "accepted"
        assert (await boss.post(f"/api/v1/orders/{number}/return", {"why": "?"})).status == 409
        assert (await boss.post("/api/v1/orders/99/accept", {})).status == 404
        raw = form("m1", ("photo", photo(), True), ("note", b"done", False))
        kind = "multipart/form-data; boundary=m1"
        done = await boss.post(f"/api/v1/orders/{number}/done", None, raw=raw, Content_Type=kind)
        assert (done.status, done.body["state"]) == (200, "done")
        name = done.body["photos"][0]
        assert (await boss.get(f"/api/v1/orders/{number}/photos/{name}")).raw.startswith(b"\xff\xd8")
        assert (await boss.get(f"/api/v1/orders/{number}/photos/..%2f..%2fx")).status == 404
        refused = await boss.post(f"/api/v1/orders/{number}/done", None, raw=b"--m1--", Content_Type=kind)
        assert refused.status == 422
        assert "照片" in refused.body["error"]
        assert (await boss.post(f"/api/v1/orders/{number}/check", {"note": "ok"})).body["state"] == "checked"
        assert (await boss.get("/api/v1/orders")).body == []
        assert [one["number"] for one in (await boss.get("/api/v1/orders?state=all")).body] == ["2026-0001"]
        figures = (await boss.get("/api/v1/orders/statistics")).body
        assert figures["kinds"]["other"]["done"] == 1


async def test_the_command_does_the_same(
    tmp_path: Path, clock: ManualClock, capsys: pytest.CaptureFixture[str]
) -> None:
    async with village(tmp_path, clock) as building:
        place = ["--state", str(building.state_dir)]

        async def village_orders(*words: str) -> str:
            code = await asyncio.to_thread(main, ["orders", *words, *place])
            said = capsys.readouterr()
            return said.out if code == 0 else f"{code} {said.err}"

        (tmp_path / "x.jpg").write_bytes(photo())
        assert "2026-0001" in await village_orders("new", "清沟", "--device", "bin-1", "--by", "office")
        assert "已接单" in await village_orders("accept", "1", "--by", "sun")
        assert "没有" not in await village_orders("list")
        assert "a picture of the place is missing" in await village_orders("done", "1", "--by", "sun")
        assert "待核查" in await village_orders(
            "done", "1", "--by", "sun", "--photo", str(tmp_path / "x.jpg")
        )
        assert "已退回" in await village_orders("return", "1", "--by", "he", "--why", "还有垃圾")
        assert "待接单" in await village_orders("new", "x", "--by", "office", "--cell", "east")
        assert "已退回" in await village_orders("assign", "1", "--to", "wang", "--by", "he")
        assert "待核查" in await village_orders("done", "1", "--by", "wang", "--no-photo")
        shown = await village_orders("check", "1", "--by", "he", "--lang", "en")
        assert "checked and closed" in shown
        assert json.loads(await village_orders("show", "1", "--json"))["rounds"] == 1
        assert "worst sources" in await village_orders("stats")
