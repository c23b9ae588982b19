"""Evidence over the API: each look written down, nothing but what the list holds, marks for the worker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.app import House
from gateway.clock import ManualClock
from gateway.evidence import notebook
from gateway.evidence.pictures import Place
from gateway.evidence.shelf import Shelf
from gateway.store.accounts import Role
from tests.conftest import NOON
from tests.house import house
from tests.visitor import visitor

JPEG = b"\xff\xd8\xff\xe0 not much of a picture \xff\xd9"
CLIP = bytes(range(256)) * 40


@pytest.fixture
async def seen(tmp_path: Path) -> AsyncIterator[tuple[House, str, Path]]:
    root = tmp_path / "kept"
    meta = {"camera": "gate", "kind": "fire", "why": "flames"}
    number = Shelf(root).put(NOON, meta, {"snapshot.jpg": JPEG, "clip.mp4": CLIP, "page.html": b"<script>"})
    async with house(tmp_path, ManualClock(NOON)) as building:
        building.herald._shown = (
            {"eyes": Place(root, in_messages=False)},
            {},
        )  # what a site with a camera says
        yield building, number, root


def looks(root: Path) -> list[tuple[str, str]]:
    return [(line["who"], line["what"]) for line in notebook.lines(root / notebook.LOOKS)]


async def test_a_look_is_written_down_in_both_books_and_a_clip_can_be_played(
    seen: tuple[House, str, Path],
) -> None:
    building, number, root = seen
    worker = await visitor(building, Role.WORKER, "wang")
    meta = (await worker.get(f"/api/v1/evidence/{number}")).body
    assert (meta["camera"], meta["kind"]) == ("gate", "fire")
    assert {one["name"]: one["type"] for one in meta["files"]}["clip.mp4"] == "video/mp4"
    picture = await worker.get(f"/api/v1/evidence/{number}/snapshot.jpg")
    assert picture.raw == JPEG
    assert picture.headers["content-type"] == "image/jpeg"
    assert "no-store" in picture.headers["cache-control"]
    part = await worker.get(f"/api/v1/evidence/{number}/clip.mp4", Range="bytes=100-199")
    assert (part.status, part.raw) == (206, CLIP[100:200])
    assert looks(root) == [("wang", "list"), ("wang", "view")]
    assert [deed.action for _, deed in building.accounts.trail(None, 2)] == ["evidence.view", "evidence.list"]
    page = await worker.get(f"/api/v1/evidence/{number}/page.html")
    assert page.headers["content-type"] == "application/octet-stream"
    assert page.headers["content-disposition"].startswith("attachment")


async def test_a_viewer_sees_no_pictures(seen: tuple[House, str, Path]) -> None:
    building, number, root = seen
    viewer = await visitor(building, Role.VIEWER)
    assert (await viewer.get(f"/api/v1/evidence/{number}")).status == 403
    assert (await viewer.get(f"/api/v1/evidence/{number}/snapshot.jpg")).status == 403
    assert looks(root) == []


TRAVERSALS = [
    "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "..%252f..%252fetc%252fpasswd",
    "....//....//etc/passwd", "..\\..\\etc\\passwd", "..%5c..%5cetc%5cpasswd", "%c0%ae%c0%ae/etc/passwd",
    "/etc/passwd", "%2fetc%2fpasswd", "snapshot.jpg%00.png", "%00", "meta.json", ".eyes-x", "secret.jpg",
    "snapshot.jpg/../meta.json", "SNAPSHOT.JPG", "snapshot.jpg%20", "marks.jsonl", "%E2%80%A5/etc/passwd",
]  # fmt: skip


@pytest.mark.parametrize("name", TRAVERSALS)
async def test_nothing_is_served_that_the_list_does_not_hold(
    seen: tuple[House, str, Path], name: str
) -> None:
    building, number, root = seen
    folder = next(root.glob(f"*/{number}"))
    (folder / "secret.jpg").symlink_to("/etc/passwd")
    listed = json.loads((folder / "meta.json").read_bytes())
    listed["files"].append({"name": "secret.jpg", "type": "image/jpeg", "bytes": 1})
    (folder / "meta.json").write_text(json.dumps(listed))
    admin = await visitor(building, Role.ADMIN)
    for name in TRAVERSALS:
        reply = await admin.get(f"/api/v1/evidence/{number}/{name}")
        assert reply.status in {400, 404}, (name, reply.raw[:200])
        assert b"root:" not in reply.raw


async def test_ids_that_are_none_are_answered_like_those_that_are_gone(seen: tuple[House, str, Path]) -> None:
    building, _, root = seen
    admin = await visitor(building, Role.ADMIN)
    for number in ("x" * 20, "..", "%2e%2e", "2026-07-18", "A" * 20, "1", "." * 20):
        assert (await admin.get(f"/api/v1/evidence/{number}")).status == 404
    assert looks(root) == []


async def test_a_mark_reaches_the_worker_and_the_trail(seen: tuple[House, str, Path]) -> None:
    building, number, root = seen
    operator = await visitor(building, Role.OPERATOR, "he")
    worker = await visitor(building, Role.WORKER)
    assert (await worker.post(f"/api/v1/evidence/{number}/mark", {"right": False})).status == 403
    assert (await operator.post(f"/api/v1/evidence/{number}/mark", {"right": False})).status == 200
    (mark,) = await asyncio.to_thread(notebook.Marks(root).fresh)
    assert (mark.id, mark.right, mark.by) == (number, False, "he")
    meta = (await operator.get(f"/api/v1/evidence/{number}")).body
    assert [(one["right"], one["by"]) for one in meta["marks"]] == [(False, "he")]
