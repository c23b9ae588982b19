"""The board as a browser loads it: over a real socket, behind the API's own door."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from pathlib import Path

import pytest

from dashboards.board import PAGE, VIEWS
from gateway.clock import ManualClock
from gateway.model import Delivery, Flag, Reading
from gateway.site import load_words
from tests.board import STATUS
from tests.conftest import NOON
from tests.house import house
from tests.visitor import Visitor, visitor

SITE = "site: {slug: demo, name: 山下村}\napi: {port: 0}\n"
HEAVIEST = 200_000  # bytes of everything a page loads; its figures are the other half
DYNAMIC = re.compile(r"t\(`(\w+)\.\$\{")
STATIC = re.compile(r"""\b(?:t|has)\(["']([\w.-]+)["']""")
SAY = re.compile(r"""say\(["'](\w+)["']""")


async def test_the_root_leads_to_the_board_and_every_page_is_the_same_frame(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        stranger = Visitor(building.address)
        home = await stranger.get("/")
        assert (home.status, home.headers["location"]) == (307, "/board/")
        frame = await stranger.get("/board/")
        assert frame.status == 200
        assert (await stranger.get("/board/device/bin-1")).raw == frame.raw
        policy = frame.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert b"<script>" not in frame.raw
        assert b"style=" not in frame.raw


async def test_figures_are_for_people_who_have_signed_in_the_frame_is_for_everybody(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        stranger = Visitor(building.address)
        for name in [*VIEWS, "device/gateway"]:
            assert (await stranger.get(f"/board/data/{name}")).status == 401
        somebody = await visitor(building)
        for name in VIEWS:
            reply = await somebody.get(f"/board/data/{name}")
            assert reply.status == 200, name
            assert reply.body["site"] == "山下村"
            assert reply.body["headline"]["worst"] == "normal"
        assert (await somebody.get("/board/data/nothing")).status == 404
        assert (await somebody.get("/board/data/device/nobody")).status == 404


async def test_a_public_board_is_looked_at_by_anybody_and_changed_by_nobody(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE + "board: {public: true}\n") as building:
        stranger = Visitor(building.address)
        assert (await stranger.get("/board/data/village")).status == 200
        assert (await stranger.get("/api/v1/latest")).status == 200
        assert (await stranger.get("/api/v1/session")).body["role"] == "viewer"
        refused = await stranger.post("/api/v1/alerts/ack", {"rule": "bin-full", "target": "bin-1"})
        assert refused.status in {401, 403}
        assert (await stranger.get("/api/v1/users")).status == 403


async def test_what_a_browser_has_already_is_not_sent_again(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        stranger = Visitor(building.address)
        first = await stranger.get("/board/page/app.js", **{"Accept-Encoding": "gzip"})
        assert first.headers["content-encoding"] == "gzip"
        assert gzip.decompress(first.raw) == (PAGE / "app.js").read_bytes()
        again = await stranger.get("/board/page/app.js", **{"If-None-Match": first.headers["etag"]})
        assert (again.status, again.raw) == (304, b"")


@pytest.mark.parametrize(
    "name", ["../board.py", "..%2fboard.py", "%2e%2e/board.py", "....//board.py", "/etc/passwd", "app.js%00.css", "pages", ""]
)  # fmt: skip
async def test_nothing_but_the_files_of_the_page_is_ever_served(tmp_path: Path, name: str) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        reply = await Visitor(building.address).get(f"/board/page/{name}")
        assert reply.status in {400, 404} or reply.raw.startswith(b"<!doctype html>")
        assert b"import" not in reply.raw


async def test_a_view_is_computed_once_a_second_however_many_look(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    text = SITE + (
        "sources: {wire: {driver: simulated}}\n"
        "devices: {bin-1: {model: milesight-em400-mud, source: wire, enabled: false, bin: {empty: 1200 mm}}}\n"
    )
    async with house(tmp_path, clock, text) as building:
        somebody = await visitor(building)
        before = await asyncio.gather(*(somebody.get("/board/data/device/bin-1") for _ in range(3)))
        assert len({one.raw for one in before}) == 1
        await building.bus.put(Delivery((Reading("bin-1/fill", 42.0, NOON, NOON, Flag.GOOD),)))
        while "bin-1/fill" not in building.latest:
            await asyncio.sleep(0)
        assert (await somebody.get("/board/data/device/bin-1")).raw == before[0].raw
        await clock.advance(1.5)
        shown = (await somebody.get("/board/data/device/bin-1")).body
        assert [one["value"] for one in shown["values"]] == [42.0]


async def test_words_are_served_in_the_language_of_the_site_and_in_both(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        stranger = Visitor(building.address)
        own = (await stranger.get("/board/words/site")).body
        assert own["board.language"] == "zh"
        assert own == (await stranger.get("/board/words/zh")).body
        assert (await stranger.get("/board/words/en")).body["board_nav.bins"] == "Bins"
        assert (await stranger.get("/board/words/fr")).status == 404


def _scripts() -> list[Path]:
    return [path for path in PAGE.rglob("*.js") if "vendor" not in path.parts]


def test_every_text_a_page_asks_for_is_in_the_catalogue() -> None:
    phrases = load_words().phrases
    groups = {key.partition(".")[0] for key in phrases}
    for path in _scripts():
        text = path.read_text(encoding="utf-8")
        missing = {key for key in STATIC.findall(text) if "." in key} - set(phrases)
        assert not missing, path.name
        assert set(DYNAMIC.findall(text)) | set(SAY.findall(text)) <= groups, path.name


def test_no_page_reaches_out_of_the_village() -> None:
    for path in [*_scripts(), *PAGE.glob("*.css"), *PAGE.glob("*.html"), *PAGE.glob("*.webmanifest")]:
        found = set(re.findall(r"https?://[\w.]+", path.read_text(encoding="utf-8")))
        assert found <= {"http://www.w3.org"}, path.name


def test_a_page_with_all_it_loads_weighs_less_than_200_kilobytes() -> None:
    frame = [PAGE / name for name in ("index.html", "app.css", "icons.svg", "mark.svg")]
    phrases = load_words().phrases
    words = json.dumps(
        {key: one.zh for key, one in phrases.items() if key.startswith(("board", "doctor", "told"))}
    )
    chart = [path for path in (PAGE / "vendor").iterdir() if path.suffix in {".js", ".css"}]
    for page in (PAGE / "pages").glob("*.js"):
        draws = "chart.js" in page.read_text(encoding="utf-8")
        files = [*frame, *PAGE.glob("*.js"), page, *(chart if draws else [])]
        over_the_wire = sum(len(gzip.compress(path.read_bytes())) for path in files) + len(
            gzip.compress(words.encode())
        )
        assert over_the_wire < HEAVIEST / 2, page.name


async def test_the_status_that_views_are_tested_with_has_what_a_real_house_says(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        said = building.status()
    assert set(STATUS) <= set(said)
    assert set(STATUS["journal"]) <= set(said["journal"])
