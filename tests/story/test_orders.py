"""Work orders in a running house: opened by an alert, done with a picture, late, closed by itself or by a person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.app import House
from gateway.clock import ManualClock
from gateway.errors import OrderRefused
from gateway.model import Delivery, Event, Notice, Order, OrderState, Severity, Tick
from gateway.orders.papers import Draft, Proof
from gateway.rulefiles import load_rules, rule_files
from gateway.site import load_quantities
from tests.conftest import NOON
from tests.house import house
from tests.story.test_telling import heard, pass_, settled, told, until
from tests.telling import DEVICES, PEOPLE
from tests.unit.orders.test_picture import exif, jpeg, segment

__all__ = ["told"]  # a fixture

PLACE = (27.9902, 120.7003)
RULES = [
    {
        "id": "full", "name": {"zh": "桶满", "en": "Bin full"}, "tell": "cleaner", "order": "auto", "severity": "blue",
        "when": {"fill": {"above": "80 %", "clear_below": "60 %"}},
    },
    {
        "id": "lean", "name": {"zh": "倾斜", "en": "House leans"}, "tell": "grid-member", "order": "auto", "latch": True,
        "severity": "red", "when": {"tilt_delta": {"above": "0.4 deg"}}, "never_quiet": True,
    },
]  # fmt: skip


def photo(place: tuple[float, float] | None = PLACE) -> bytes:
    return jpeg(segment(0xE1, b"Exif\x00\x00" + exif(place)))


@asynccontextmanager
async def village(folder: Path, clock: ManualClock, **more: Any) -> AsyncIterator[House]:
    shipped = load_rules(rule_files(None), load_quantities()).written
    devices = {
        slug: {**one, "lat": PLACE[0], "lon": PLACE[1]} for slug, one in DEVICES.items() if slug != "nowhere"
    }
    site = {
        "site": {"slug": "demo", "name": "Demo"},
        "api": {"port": 0},
        "rules": {"disable": list(shipped)},
        "sources": {"radio": {"driver": "mqtt", "host": "127.0.0.1", "port": 1, "listen": ["zigbee2mqtt"]}},
        "devices": devices,
        **PEOPLE,
        **more,
    }
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules" / "own.yaml").write_text(
        yaml.safe_dump({"rules": RULES}, allow_unicode=True), encoding="utf-8"
    )
    async with house(folder, clock, yaml.safe_dump(site, allow_unicode=True)) as building:
        yield building


async def opened(building: House, count: int = 1) -> list[Order]:
    await until(lambda: sum(kind == "order" for kind in kinds(building)) >= count)
    return await building.orders.find()


def kinds(building: House) -> list[str]:
    return [entry.item.kind for entry in building.journal.events(0, 1000) if isinstance(entry.item, Event)]


async def looked(building: House) -> None:
    """The watch has looked at what is now."""
    await building.watch.look()
    await settled(building)


async def ticked(building: House) -> None:
    await building.bus.put(Delivery((Tick(building.clock.now()),)))
    await settled(building)
    await settled(building)


async def test_a_bin_fills_the_order_opens_for_the_cleaner_and_closes_when_it_is_emptied(
    tmp_path: Path, clock: ManualClock, told: list[Notice]
) -> None:
    async with village(tmp_path, clock) as building:
        await heard(building, "bin-1/fill", 85.0)
        (order,) = await opened(building)
        assert (order.number, order.person, order.role, order.state) == (
            "2026-0001",
            "sun",
            "cleaner",
            OrderState.OPEN,
        )
        assert order.title == "桶满 1号桶"
        await settled(building)
        await pass_(building, clock, 1)  # others of its kind may follow
        await until(lambda: len(told) == 1)
        assert "接单" in told[0].text  # the alert's own message asks for it; nobody is told twice
        await looked(building)
        assert len(told) == 1
        order = await building.orders.accept(order.id, "sun")
    async with village(tmp_path, clock) as building:  # the power went
        await pass_(building, clock, 30)
        await heard(building, "bin-1/fill", 5.0)
        await until(lambda: not building.alerts())
        await looked(building)
        (order,) = await building.orders.find()
        assert (order.state, order.log[-1].by) == (OrderState.CHECKED, "gateway")
        assert kinds(building).count("order") == 3  # created, accepted, ended
        await pass_(building, clock, 30)
        await heard(building, "bin-1/fill", 90.0)
        await until(lambda: bool(building.alerts()))
        await looked(building)
        assert [one.number for one in await building.orders.find()] == ["2026-0002", "2026-0001"]


async def test_done_wants_a_picture_from_the_place_and_asks_again_while_it_is_still_full(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with village(tmp_path, clock) as building:
        await heard(building, "bin-1/fill", 85.0)
        (order,) = await opened(building)
        desk = building.orders

        async def no(key: str, proof: Proof, by: str = "sun") -> OrderRefused:
            with pytest.raises(OrderRefused) as error:
                await desk.done(order.id, by, proof)
            assert error.value.key == key
            return error.value

        await no("photo_missing", Proof())
        await no("photo_kind", Proof([b"GIF89a"], sure=True))
        await no("place_missing", Proof([photo(None)], sure=True))
        far = await no("far", Proof([photo((27.9913, 120.7003))], sure=True))
        assert far.facts["metres"] == 122
        assert (await no("still", Proof([photo()]))).kind == "ask"
        await no("still", Proof([photo()]), by="wang")
        await no("still", Proof([photo()]))  # another one was asked in between: he himself is asked anew
        done = await desk.done(order.id, "sun", Proof([photo()], note="lid is broken"), key="k1")
        assert done.state is OrderState.DONE
        assert done.place == pytest.approx(PLACE, abs=1e-5)
        assert done.log[-1].note == "lid is broken [the alert is not over]"
        content, media = desk.album.look(order.id, done.photos[0])
        assert media == "image/jpeg"
        assert b"Exif" in content
        assert (await desk.done(order.id, "sun", Proof([photo()]), key="k1")).log == done.log
        with pytest.raises(OrderRefused):
            desk.album.look(order.id, "../../journal/book.db")
        back = await desk.give_back(order.id, "he", "still half full")
        assert (back.state, back.rounds) == (OrderState.RETURNED, 1)
        await desk.check(order.id, "he", note="twice the same", sure=True)  # closed, though it is still full
        before = kinds(building)
        for _ in range(3):
            await looked(building)
        assert (
            kinds(building) == before
        )  # the same occurrence opens no other, and nothing is said over and over


async def test_a_late_order_reminds_then_climbs_and_stops_when_it_is_done(
    tmp_path: Path, clock: ManualClock, told: list[Notice]
) -> None:
    async with village(tmp_path, clock) as building:
        draft = Draft(
            "排水沟堵塞",
            text="小学门口",
            cell="east",
            severity=Severity.YELLOW,
            due=NOON + timedelta(hours=4),
        )
        order = await building.orders.create(draft, "office")
        await settled(building)
        assert (order.person, [one.subject for one in told]) == ("wang", ["New job 2026-0001: 排水沟堵塞"])
        await pass_(building, clock, 60 * 3.25)
        await looked(building)
        assert told[-1].subject == "Soon due: 2026-0001 排水沟堵塞"
        await pass_(building, clock, 46)
        await looked(building)
        assert told[-1].to == "+86 577 0000 0201"
        assert told[-1].subject == "工单2026-0001已超时:排水沟堵塞"
        await looked(building)
        assert len(told) == 3
        await pass_(building, clock, 121)
        await looked(building)
        assert told[-1].to == "+86 577 0000 0301"  # the village
        await pass_(building, clock, 600)
        await looked(building)
        assert len(told) == 4  # a yellow one climbs no higher
        (late,) = await building.orders.find()
        assert (late.level, building.orders.plain(late)["light"]) == (3, "red")
        done = await building.orders.done(order.id, "wang", Proof([photo()]))
        assert (await building.orders.check(done.id, "he")).state is OrderState.CHECKED
        figures = await building.orders.statistics(NOON - timedelta(days=1), NOON + timedelta(days=2))
        assert figures["cells"]["east"] == {
            "told": 1, "accepted": 1, "done": 1, "late": 1, "returned": 0, "median_s": 60 * (195 + 46 + 121 + 600),
        }  # fmt: skip
        assert figures["alarms"]["wang"]["most_in_an_hour"] == 1


async def test_taken_on_but_accepted_by_nobody_goes_up_after_a_quarter_of_an_hour(
    tmp_path: Path, clock: ManualClock, told: list[Notice]
) -> None:
    async with village(tmp_path, clock) as building:
        await heard(building, "house-7/tilt_delta", 0.5)
        (order,) = await opened(building)
        await until(lambda: len(told) == 1)
        assert await building.acknowledge("lean", "house-7", "wang")
        await looked(building)
        await pass_(building, clock, 14)
        await ticked(building)
        assert len(told) == 1
        await pass_(building, clock, 2)
        await ticked(building)
        assert [one.to for one in told[1:]] == ["+86 577 0000 0201"]
        await building.orders.accept(order.id, "wang")
        await heard(building, "house-7/tilt_delta", 0.0)
        await until(lambda: building.alerts()[0]["state"] == "latched")
        await looked(building)
        (order,) = await building.orders.find()
        assert order.state is OrderState.ACCEPTED  # red: by a person only
        assert order.ended is not None
        await building.orders.done(order.id, "wang", Proof([photo()], note="a prop has slipped"))
        assert building.alerts()[0]["state"] == "latched"  # a job done ends no alert
        with pytest.raises(OrderRefused, match="other_eyes"):
            await building.orders.check(order.id, "wang")
        assert await building.confirm("lean", "house-7", "He")
        await until(lambda: not building.alerts())
        await looked(building)
        assert (await building.orders.find())[0].state is OrderState.DONE  # nor the end of an alert a job
        assert (await building.orders.check(order.id, "he")).state is OrderState.CHECKED


async def test_a_bin_that_is_out_of_service_is_nobodys_job_until_it_is_back(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with village(tmp_path, clock) as building:
        assert await building.maintain("bin-1", NOON + timedelta(hours=2), "He", "new lid") == ""
        await heard(building, "bin-1/fill", 85.0)
        await until(lambda: bool(building.alerts()))
        await looked(building)
        assert await building.orders.find() == []
        assert await building.unmaintain("bin-1", "He") == ""
        await looked(building)
        assert [one.title for one in await building.orders.find()] == ["桶满 1号桶"]


async def test_an_order_made_twice_with_one_key_is_one(tmp_path: Path, clock: ManualClock) -> None:
    async with village(tmp_path, clock) as building:
        first = await building.orders.create(Draft("a", key="offline-1"), "app")
        assert await building.orders.create(Draft("a", key="offline-1"), "app") == first
        with pytest.raises(OrderRefused, match="no_device"):
            await building.orders.create(Draft("a", device="gone"), "app")
        assert len(await building.orders.find()) == 1
