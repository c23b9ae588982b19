"""What people do with the board, done in a real browser. Pictures of every page: set VILLAGE_SHOTS to a folder."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.evidence.pictures import Place
from gateway.evidence.shelf import Shelf
from gateway.model import Delivery, Event
from tests.browser import SIZES, Village, sign_in, village

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.browser

PAGES = (
    "", "bins", "water", "houses", "weather", "fields", "cameras", "linkage", "alerts", "alert/bin-full/bin-1", "device/bin-1",
    "device/pond", "orders", "my", "menu", "admin", "admin/duty", "admin/health", "sign",
)  # fmt: skip
JPEG = Path(__file__).parents[1] / "fixtures" / "board" / "bin.jpg"


async def settled(page: Page) -> None:
    """Until the figures of a page are there."""
    await page.wait_for_selector("main:not(.boot)")
    await page.wait_for_function("() => !document.querySelector('.skeleton')")


async def test_a_person_signs_in_sees_a_bin_fill_live_and_takes_it_on(tmp_path: Path) -> None:
    async with village(tmp_path) as shown:
        page = await shown.page("desk", "bins")
        await sign_in(page, "he")
        await page.wait_for_selector(".bin")
        await shown.tell("bin-1", "fill", 40.0)
        await page.wait_for_function("() => document.querySelector('.bin-value b')?.textContent === '40'")
        await shown.tell("bin-1", "fill", 96.0, 97.0)
        await page.wait_for_function("() => document.querySelector('.bin-value b')?.textContent === '97'")
        await page.wait_for_selector(".bin.sev-orange")
        assert "橙色" in await page.inner_text(".bin.sev-orange .badge")
        await page.click(".rail-link.wide[href='/board/alerts']")
        await page.click(".alert:has-text('垃圾桶满溢') .row-tool")
        await page.wait_for_selector(".alert.is-taken:has-text('何值班 已接手')")
        assert not shown.complaints


async def test_a_wrong_password_is_said_in_words_and_lets_nobody_in(tmp_path: Path) -> None:
    async with village(tmp_path) as shown:
        page = await shown.page("phone", "")
        await page.wait_for_selector("input[name=user]")
        await page.fill("input[name=user]", "he")
        await page.fill("input[name=password]", "not-this-one")
        await page.click("button[type=submit]")
        await page.wait_for_selector(".fault:has-text('用户名或密码不对')")
        assert "/sign" in page.url


async def test_the_language_is_changed_with_one_touch_and_stays(tmp_path: Path) -> None:
    async with village(tmp_path) as shown:
        page = await shown.page("phone", "")
        await sign_in(page, "he")
        await settled(page)
        assert await page.get_attribute("html", "lang") == "zh-CN"
        await page.click(".tool:has-text('EN')")
        await page.wait_for_selector("h2:has-text('Not normal now')")
        assert await page.get_attribute("html", "lang") == "en"
        await page.reload()
        await page.wait_for_selector("h2:has-text('Not normal now')")
        assert not shown.complaints


async def test_a_full_bin_becomes_an_order_that_is_done_with_a_picture_from_a_phone(tmp_path: Path) -> None:
    async with village(tmp_path) as shown:
        page = await shown.page("desk", "")
        await sign_in(page, "he")
        await shown.tell("bin-1", "fill", 96, 97)
        order = await the_order(shown, page)
        phone = await shown.phone("my")
        await sign_in(phone, "sun")
        await phone.click(".job .button:has-text('接单')")
        await phone.click(".job .button:has-text('到达现场')")
        await phone.click(".job .button.primary:has-text('拍照完成')")
        await phone.set_input_files(".shutter input", JPEG)
        await phone.fill(".proof input[name=note]", "已清空")
        await shown.tell("bin-1", "fill", 3, 3, 3)  # somebody has emptied it
        await phone.click(".proof button[type=submit]")
        await phone.wait_for_selector(".calm:has-text('没有待办工单')")
        await page.goto(f"{shown.house.address}/board/order/{order}")
        await page.wait_for_selector(".photos img")
        assert await page.evaluate("document.querySelector('.photos img').decode().then(() => true)")
        if await page.locator(
            ".lead .button.primary"
        ).count():  # an order of a full bin closes by itself in time
            await page.click(".lead .button.primary:has-text('核查办结')")
        await page.wait_for_selector(".hero-place .chip:has-text('已办结')")
        assert not shown.complaints


async def test_work_without_a_line_waits_in_the_phone_and_is_sent_once(tmp_path: Path) -> None:
    async with village(tmp_path) as shown:
        page = await shown.page("desk", "")
        await sign_in(page, "he")
        await shown.tell("bin-1", "fill", 96, 97)
        order = await the_order(shown, page)
        phone = await shown.phone("my")
        await sign_in(phone, "sun")
        await phone.wait_for_selector(".job .button:has-text('接单')")
        await phone.evaluate("navigator.serviceWorker.ready.then(() => true)")
        await phone.context.set_offline(True)
        await phone.click(".job .button:has-text('接单')")
        await phone.wait_for_selector(".job .is-queued:has-text('待发送')")
        await phone.reload()  # the frame, the list and what waits are all in the phone
        await phone.wait_for_selector(".job .is-queued:has-text('待发送')")
        await phone.context.set_offline(False)
        await phone.evaluate("dispatchEvent(new Event('online'))")
        await phone.wait_for_selector(".job .chip:has-text('已接单')", timeout=40000)
        log = (await page.request.get(f"{shown.house.address}/api/v1/orders/{order}")).json
        taken = [one for one in (await log())["log"] if one["what"] == "accepted"]
        assert len(taken) == 1


async def test_the_rota_is_edited_with_faults_at_their_fields_until_it_fits(tmp_path: Path) -> None:
    folder = os.environ.get("VILLAGE_SHOTS")
    async with village(tmp_path) as shown:
        page = await shown.page("desk", "admin/duty")
        await sign_in(page, "boss")
        await page.click(".panel:has(h2:has-text('排班表')) .button:has-text('修改')")
        await page.click(".rota .button:has-text('增加班次')")
        await page.wait_for_selector(".shift .is-wrong .fault:has-text('至少安排一人')")
        await page.click(".rota button[type=submit]")
        assert "rota" not in (tmp_path / "village.yaml").read_text("utf-8")
        await page.fill(".turn input[type=time] >> nth=0", "")
        await page.wait_for_selector(".turn .is-wrong .fault:has-text('07:30')")
        await page.fill(".turn input[type=time] >> nth=0", "07:00")
        await page.select_option(".shift .add-person", "sun")
        await page.click(".shift .chip-button:has-text('工作日')")
        await page.fill(".shift input[type=time] >> nth=0", "08:00")
        await page.fill(".shift input[type=time] >> nth=1", "17:30")
        await page.wait_for_selector(".verdict:has-text('可以保存')")
        for size in ("desk", "phone") if folder else ():
            await page.set_viewport_size({"width": SIZES[size][0], "height": SIZES[size][1]})
            await page.screenshot(path=Path(folder or "") / f"rota-{size}.png", full_page=True)
        await page.click(".rota button[type=submit]")
        await page.wait_for_selector("table.entries:has-text('工作日 08:00–17:30'):has-text('孙保洁')")
        assert "holidays" not in (tmp_path / "village.yaml").read_text("utf-8")  # was not touched
        (shift,) = shown.house.site.village.duty.rota
        assert (shift.people, shift.days, f"{shift.to:%H:%M}") == (["sun"], ("workday",), "17:30")
        assert [f"{turn.at:%H:%M}" for turn in shown.house.site.village.duty.digests] == ["07:00", "18:00"]
        assert not shown.complaints


async def test_the_whole_box_is_downloaded_from_its_page(tmp_path: Path) -> None:
    async with village(tmp_path) as shown:
        page = await shown.page("desk", "admin/health")
        await sign_in(page, "boss")
        async with page.expect_download() as coming:
            await page.click(".button:has-text('下载备份')")
        kept = await (await coming.value).path()
        with tarfile.open(kept) as tar:
            assert {"accounts.db", "journal/book.db"} <= set(tar.getnames())
        assert not shown.complaints


async def test_a_building_that_was_not_there_before_is_shown_before_after_and_over_time(
    tmp_path: Path,
) -> None:
    folder = os.environ.get("VILLAGE_SHOTS")
    names = ("snapshot", "before", "after", "outline", "time_lapse")
    picture = await asyncio.to_thread(JPEG.read_bytes)
    async with village(tmp_path) as shown:
        now, number = shown.house.clock.now(), "b" * 20
        files = {f"{name}.jpg": picture for name in names}
        Shelf(tmp_path / "kept").put(now, {"camera": "gate", "kind": "illegal_building"}, files, name=number)
        shown.house.herald._shown = {"eyes": Place(tmp_path / "kept", in_messages=False)}, {}
        seen = Event("bin-1", "illegal_building", now, now, evidence=number)
        await shown.house.bus.put(Delivery((seen,)))
        page = await shown.page("desk", "cameras")
        await sign_in(page, "boss")
        await page.click(".sight .button:has-text('查看')")
        await page.wait_for_selector(".compare .compare-after")
        strip = await page.inner_text(".sight .strip")
        assert "变化范围" in strip
        assert "变化过程" in strip
        assert await page.evaluate(
            "Promise.all([...document.querySelectorAll('.sight img')].map((one) => ((one.loading = 'eager'), one.decode()))).then(() => true)"
        )
        await page.fill(".compare input[type=range]", "20")
        assert "20%" in str(await page.get_attribute(".compare", "style"))
        for size in ("desk", "phone") if folder else ():
            await page.set_viewport_size({"width": SIZES[size][0], "height": SIZES[size][1]})
            await page.screenshot(path=Path(folder or "") / f"building-{size}.png", full_page=True)
        assert not shown.complaints


async def the_order(shown: Village, page: Page) -> int:
    """The work order of the bin that is full: made by its rule, or given on the page of the alert."""
    await page.goto(f"{shown.house.address}/board/alert/bin-full/bin-1")
    await page.wait_for_selector(".alert-hero")
    offered = await page.request.get(f"{shown.house.address}/api/v1/orders")
    assert offered.status == 200
    if not await offered.json():
        await page.click(".actions .button:has-text('派工单')")
        await page.click("form .button.primary:has-text('派工单')")
        await page.wait_for_selector(".order-hero")
        offered = await page.request.get(f"{shown.house.address}/api/v1/orders")
    (order,) = await offered.json()
    assert order["person"] == "sun"
    return int(order["id"])


async def test_a_page_that_has_lost_the_gateway_says_so_and_comes_back(tmp_path: Path) -> None:
    async with village(tmp_path) as shown:
        page = await shown.page("desk", "")
        await sign_in(page, "he")
        await settled(page)
        await page.context.set_offline(True)
        await page.evaluate("import('/board/page/app.js').then((m) => m.app.reload())")
        await page.wait_for_selector(".cut-bar:has-text('与网关失去联系')")
        await page.context.set_offline(False)
        await page.wait_for_function("() => !document.querySelector('.cut-bar')", timeout=15000)


@pytest.mark.parametrize("size", SIZES)
async def test_no_page_complains_asks_outside_or_is_wider_than_its_window(tmp_path: Path, size: str) -> None:
    folder = os.environ.get("VILLAGE_SHOTS")
    async with village(tmp_path) as shown:
        first = await shown.page(size, "sign")
        await sign_in(first, "boss")
        await shown.tell("bin-1", "fill", *range(40, 100, 6))
        await shown.tell("bin-2", "fill", *range(20, 70, 5))
        await asyncio.sleep(3)  # the simulated village says its first words
        for path in PAGES:
            page = await shown.page(size, path)
            await settled(page)
            await page.wait_for_timeout(400)
            wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{path} is {wide} px too wide at {size}"
            assert await page.locator("h1").count() >= 1, path
            unknown = await page.evaluate("document.body.innerText.match(/board_\\w+\\.[\\w-]+/)?.[0]")
            assert unknown is None, f"{path}: {unknown}"
            if folder:
                name = path.replace("/", "-") or "village"
                await page.screenshot(path=Path(folder) / f"{name}-{size}.png", full_page=size != "wall")
            await page.close()
        assert not shown.complaints


@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_no_page_shuts_anybody_out(tmp_path: Path, theme: str) -> None:
    axe = importlib.util.find_spec("axe_playwright_python")
    if axe is None or axe.origin is None:
        pytest.skip("axe-core is not at hand: pip install axe-playwright-python")
    script = await asyncio.to_thread(Path(axe.origin).with_name("axe.min.js").read_text, "utf-8")
    async with village(tmp_path) as shown:
        first = await shown.page("desk", "sign")
        await first.evaluate(f"localStorage.setItem('vg-theme', '{theme}')")
        await sign_in(first, "boss")
        await shown.tell("bin-1", "fill", *range(40, 100, 6))
        await shown.tell("bin-2", "fill", 85, 86)
        await asyncio.sleep(3)
        said: list[str] = []
        for path in PAGES:
            page = await shown.page("desk", path)
            await settled(page)
            await page.wait_for_timeout(300)
            await page.evaluate(script)
            found = await page.evaluate(
                "axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations)"
            )
            said += [f"{path} {one['id']}: {one['nodes'][0]['html'][:160]}" for one in found]
            await page.close()
        assert not said, "\n".join(said)


async def test_everything_on_the_first_page_is_reached_with_the_keyboard(tmp_path: Path) -> None:
    async with village(tmp_path) as shown:
        page = await shown.page("desk", "")
        await sign_in(page, "he")
        await shown.tell("bin-1", "fill", 96, 97)
        await page.reload()
        await page.wait_for_selector(".alert")
        reached = []
        for _ in range(60):
            await page.keyboard.press("Tab")
            reached.append(
                await page.evaluate(
                    "document.activeElement.className?.baseVal ?? document.activeElement.className"
                )
            )
        for wanted in ("skip", "rail-link", "tile", "alert-link", "pin", "tool"):
            assert any(wanted in one.split() for one in reached), wanted
