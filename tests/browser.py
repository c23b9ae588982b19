"""A real browser before a real house: Debian's Chromium, driven by Playwright; every complaint of a page is a failure."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.app import House
from gateway.clock import SystemClock
from gateway.model import Delivery, Flag, Reading, series_of
from gateway.site import load_site
from gateway.store.accounts import Role
from tests.visitor import PASSWORD, user

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Page

SIZES = {"phone": (390, 844), "desk": (1440, 900), "wall": (3840, 2160)}
SITE = """
site: {slug: shanxia, name: 山下村, language: zh, timezone: Asia/Shanghai, clock: trusted, lat: 27.99, lon: 120.70}
api: {port: 0}
sources:
  wire: {driver: simulated, speed: 600, seed: 7, measures: {weather: [air_temp, air_rh, rain_total, wind_speed, wind_dir]}}
  quiet: {driver: simulated, faults: {bin-1: [{kind: silent}], bin-2: [{kind: silent}]}}
devices:
  bin-1: {model: milesight-em400-mud, source: quiet, name: 村口1号桶, period: 10min, bin: {empty: 1200 mm, full: 200 mm}, cell: cunkou, role: cleaner, lat: 27.9902, lon: 120.7003}
  bin-2: {model: milesight-em400-mud, source: quiet, name: 菜场桶, period: 10min, bin: {empty: 1200 mm, full: 200 mm}, cell: cunkou, role: cleaner, lat: 27.9911, lon: 120.6990}
  pond: {model: yosemitech-y4000, source: wire, name: 鱼塘, period: 1s, tags: [class-3], lat: 27.9945, lon: 120.6978}
  river: {model: milesight-em410-rdl, source: wire, name: 石桥水位, period: 1s, level: {datum: 6.20 m, looks: down}, lat: 27.9942, lon: 120.7018}
  house-7: {model: milesight-em310-tilt, source: wire, name: 7号老屋, period: 1s, tilt: {zero: [0.0, 0.0]}, lat: 27.9936, lon: 120.6996}
  tea: {model: milesight-em500-smtc, source: wire, name: 茶园, period: 1s, lat: 27.9952, lon: 120.6962}
  weather: {source: wire, name: 后山气象站, period: 1s, lat: 27.9960, lon: 120.6995}
cells:
  shanxia: {kind: village, name: 山下村, members: [he]}
  cunkou: {kind: micro, name: 村口微网格, parent: shanxia, members: [sun], lat: 27.9903, lon: 120.7004}
people:
  sun: {name: 孙保洁, roles: [cleaner], phones: ["+86 577 0000 0401"], channels: [{channel: sms}]}
  he: {name: 何值班, phones: ["+86 577 0000 0301"], channels: [{channel: sms}]}
channels:
  sms: {type: console}
"""


@dataclass
class Village:
    """A house, and windows that look at it."""

    house: House
    contexts: dict[str, BrowserContext] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    async def tell(self, device: str, quantity: str, *values: float) -> None:
        """Readings as if the sensor had said them now."""
        for value in values:
            now = self.house.clock.now()
            await self.house.bus.put(
                Delivery((Reading(series_of(device, quantity), value, now, now, Flag.GOOD),))
            )
            await asyncio.sleep(0.02)

    async def phone(self, path: str = "") -> Page:
        """Somebody else's phone: a browser of its own."""
        return await self.page("phone", path)

    async def page(self, size: str, path: str = "") -> Page:
        """A window of this size; what it complains of is noted."""
        page = await self.contexts[size].new_page()
        page.on("pageerror", lambda error: self._complain(f"{path}: {error}"))
        page.on("console", lambda line: self._said(path, line.type, line.text))
        page.on("request", lambda asked: self._asked(path, asked.url))
        await page.goto(f"{self.house.address}/board/{path}")
        return page

    def _complain(self, text: str) -> None:
        self.complaints.append(text)

    def _asked(self, path: str, url: str) -> None:
        if not url.startswith((self.house.address, "data:", "blob:")):
            self._complain(f"{path}: asked {url}")

    def _said(self, path: str, kind: str, text: str) -> None:
        quiet = "Failed to load resource" in text  # what is not offered here answers 404; the page hides it
        if kind in {"error", "warning"} and not quiet:
            self._complain(f"{path}: {text}")


async def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    """As a person does it."""
    await page.fill("input[name=user]", name)
    await page.fill("input[name=password]", password)
    await page.click("button[type=submit]")
    await page.wait_for_selector("header.top")


@contextlib.asynccontextmanager
async def village(folder: Path, text: str = SITE) -> AsyncIterator[Village]:
    """A living village with an operator (何值班) and a worker (孙保洁), and a browser of each size."""
    play = pytest.importorskip("playwright.async_api", reason="playwright not installed")
    chromium = (
        os.environ.get("VILLAGE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    if chromium is None:
        pytest.skip("no Chromium here: apt install chromium")
    (folder / "village.yaml").write_text(text, encoding="utf-8")
    house = House(load_site(folder), folder / "state", SystemClock(assume_trusted=True))
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(house.run(stop, ready.set))
    await asyncio.wait_for(ready.wait(), 20)
    await user(house, "he", Role.OPERATOR, person="he")
    await user(house, "sun", Role.WORKER, person="sun")
    await user(house, "boss", Role.ADMIN)
    try:
        async with play.async_playwright() as driver:
            browser = await driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            shown = Village(house)
            for size, (width, height) in SIZES.items():
                shown.contexts[size] = await browser.new_context(
                    viewport={"width": width, "height": height},
                    locale="zh-CN",
                    geolocation={"latitude": 27.9902, "longitude": 120.7003},
                    permissions=["geolocation"],
                    has_touch=size == "phone",
                )
            yield shown
            await browser.close()
    finally:
        stop.set()
        await asyncio.wait_for(running, 20)
