"""What keeps a truth from people, and that they hear it when that ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.model import AlertState
from tests.office import FIRING, Office
from tests.telling import DEVICES, PEOPLE, rule, village

Opening = Callable[..., Office]
SILENT = {"when": {"online": {"is": [0]}}, "severity": "info"}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opening]:
    offices: list[Office] = []

    def build(*rules: Any, **site: Any) -> Office:
        offices.append(
            Office(tmp_path, *(rules or (rule("tilt", []), rule("river", []))), of=village(**site))
        )
        return offices[-1]

    yield build
    for office in offices:
        office.close()


def duty(**more: Any) -> dict[str, Any]:
    return {**PEOPLE["duty"], **more}


async def maintain(office: Office, place: str, hours: float) -> str:
    now = office.clock.now()
    return await office.write(
        office.desk.maintain(place, now + timedelta(hours=hours), "He", "new battery", now)
    )


async def shelve(office: Office, name: str, hours: float, by: str = "He", why: str = "roof works") -> str:
    now = office.clock.now()
    until = now + timedelta(hours=hours)
    return await office.write(office.desk.shelve(name, "house-7", until, by, why, now=now))


@pytest.mark.parametrize(
    ("name", "hours", "by", "why", "refused"),
    [
        ("tilt", 24, "He", "works", ""),
        ("tilt", 25, "He", "works", "too_long"),
        ("tilt", -1, "He", "works", "past"),
        ("tilt", 1, "", "works", "who_and_why"),
        ("tilt", 1, "He", " ", "who_and_why"),
        ("fire", 1, "He", "works", "fire"),
        ("gone", 1, "He", "works", "no_rule"),
    ],
)
async def test_who_why_and_until_at_most_a_day_and_never_a_fire(
    opened: Opening, name: str, hours: float, by: str, why: str, refused: str
) -> None:
    office = opened(rule("tilt", []), rule("fire", [], fire=True))
    assert await shelve(office, name, hours, by, why) == refused


async def test_put_aside_stops_what_waits_and_taken_up_before_its_time_tells_again(opened: Opening) -> None:
    office = opened()
    await office.fires("tilt")
    await office.pass_(1)
    assert office.said() == ["red: tilt, 7号屋"]
    assert await shelve(office, "tilt", 5) == ""
    await office.pass_(60)
    assert office.anything() == []
    assert await office.write(office.desk.unshelve("tilt", "house-7", "He", office.clock.now())) == ""
    await office.pass_(1)
    assert office.said() == ["Still red: tilt, 7号屋"]
    assert (
        await office.write(office.desk.unshelve("tilt", "house-7", "He", office.clock.now())) == "not_shelved"
    )


async def test_a_cell_out_of_service_is_silent_but_for_fire(opened: Opening) -> None:
    office = opened(rule("tilt", []), rule("fire", [], fire=True))
    assert await maintain(office, "grid", 3) == ""
    await office.fires("tilt")
    await office.fires("fire")
    await office.pass_(1)
    assert office.said() == ["red: fire, 7号屋"]
    assert [mask["kind"] for mask in office.desk.masks_of("tilt", "house-7", office.clock.now())] == [
        "maintenance"
    ]
    await office.pass_(180, step=10)
    assert "red: tilt, 7号屋" in office.said()


async def test_a_device_that_watches_for_fire_is_out_of_service_with_notice_to_the_village(
    opened: Opening,
) -> None:
    office = opened(rule("fire", [], fire=True))
    assert await maintain(office, "house-7", 3) == ""
    await office.fires("fire")
    await office.pass_(1)
    assert office.anything() == ["设备停用,该处暂无火情监测:7号屋"]
    assert await office.write(office.desk.unmaintain("house-7", "He", office.clock.now())) == ""
    await office.pass_(1)
    assert office.said() == ["red: fire, 7号屋"]
    assert await maintain(office, "nothing", 3) == "no_place"


async def test_flapping_is_told_once_and_calms_down_after_half_an_hour(opened: Opening) -> None:
    office = opened()
    for _ in range(8):
        await office.fires("river", severity="yellow")
        await office.pass_(2)
        await office.ends("river")
        await office.pass_(1)
    told = office.said()
    assert sum(line.startswith("Comes and goes") for line in told) == 1
    assert sum(line.startswith("yellow") for line in told) == 1, (
        "the next ones were over within their ten minutes"
    )
    assert [mask["kind"] for mask in office.desk.masks_of("river", "house-7", office.clock.now())] == [
        "flapping"
    ]
    await office.pass_(40)
    assert office.said() == ["Over: river, 7号屋"]
    await office.fires("river", severity="yellow")
    await office.pass_(1)
    assert office.said() == ["yellow: river, 7号屋"]


async def test_a_fire_that_comes_and_goes_is_told_each_time_but_once_a_minute(opened: Opening) -> None:
    office = opened(rule("fire", [], fire=True))
    for _ in range(6):
        await office.fires("fire")
        await office.pass_(0.1, step=0.05)
        await office.ends("fire")
        await office.pass_(0.1, step=0.05)
    raised = [line for line in office.said() if line.startswith("red")]
    assert 1 <= len(raised) <= 2
    await office.fires("fire")
    await office.pass_(1.5, step=0.25)
    assert "red: fire, 7号屋" in office.said()
    assert office.desk.masks_of("fire", "house-7", office.clock.now()) == []


async def test_another_fire_and_one_that_becomes_worse_wait_for_nothing(opened: Opening) -> None:
    office = opened(rule("fire", [], fire=True), rule("smoke", [], fire=True))
    await office.fires("fire", severity="yellow")
    await office.fires("smoke", severity="orange")
    office.work()
    assert sorted(office.said()) == ["orange: smoke, 7号屋", "yellow: fire, 7号屋"]
    await office.change("fire", "house-7", FIRING, "red")
    office.work()
    assert office.said() == ["Now red: fire, 7号屋"]


async def test_in_a_flood_everything_below_critical_is_one_digest(opened: Opening) -> None:
    rules = [rule(f"rule-{number}", []) for number in range(16)]
    office = opened(*rules)
    for number in range(15):
        await office.fires(f"rule-{number}", severity="yellow")
    await office.fires("rule-15", severity="red")
    await office.pass_(1)
    told = office.said()
    assert told == ["red: rule-15, 7号屋", "10 matters, the worst yellow"]
    assert office.desk.flooded is not None
    await office.ends("rule-14")
    await office.pass_(8)
    assert [line for line in office.said() if "matters" in line] == []
    await office.pass_(4)
    assert office.desk.flooded is None
    assert [line for line in office.said() if "matters" in line] == ["4 matters, the worst yellow"]


def houses(number: int) -> dict[str, Any]:
    return {
        "devices": {
            **DEVICES,
            **{
                f"probe-{one}": {"source": "lora", "name": f"P{one}", "cell": "east"} for one in range(number)
            },
        },
    }


async def test_most_devices_of_a_source_silent_within_ten_minutes_are_one_alert(opened: Opening) -> None:
    office = opened(rule("away", [], **SILENT), **houses(5))
    for number in range(2):
        await office.fires("away", f"probe-{number}", "info")
        await office.pass_(1)
    assert [one.target for one in office.desk.own_alerts()] == []
    await office.fires("away", "probe-2", "info")
    await office.pass_(2)
    assert [one.target for one in office.desk.own_alerts()] == ["lora"]
    assert office.said("voice") == ["黄色告警:同一数据来源的多个传感器失联,lora"]
    assert not any("P2" in line for line in office.said())
    (mask,) = office.desk.masks_of("away", "probe-0", office.clock.now())
    assert (mask["kind"], mask["by"]) == ("suppressed", "source-silent lora")
    office.restart()
    for number in range(2):
        await office.ends("away", f"probe-{number}")
    await office.pass_(3)
    assert [one.target for one in office.desk.own_alerts()] == []
    assert office.said("voice") == ["已解除:同一数据来源的多个传感器失联,lora"]
    await office.pass_(8)
    assert any("P2" in line for line in office.said()), "what is still silent is told when the source is back"


async def test_devices_that_fall_silent_over_hours_are_no_storm(opened: Opening) -> None:
    office = opened(rule("away", [], **SILENT), **houses(4))
    for number in range(4):
        await office.fires("away", f"probe-{number}", "info")
        await office.pass_(20, step=5)
    assert list(office.desk.own_alerts()) == []


async def test_a_quiet_night_ends_with_a_list_of_what_is_still_true(opened: Opening) -> None:
    office = opened(*(rule(f"rule-{number}", []) for number in range(24)))
    await office.pass_(10 * 60, step=30)  # 22:00 in the village
    for number in range(24):
        await office.fires(f"rule-{number}", severity="yellow")
        await office.pass_(11)
    assert office.said() == []
    (mask,) = [
        one for one in office.journal.told("rule-0", "house-7")[0] if one["person"] == "wang" and one["pile"]
    ][:1]
    assert mask["pile"] == "quiet"
    for number in range(2):
        await office.ends(f"rule-{number}")
    while office.clock.now().hour != 22:  # 06:00
        await office.pass_(10, step=5)
    await office.pass_(1)
    morning = [one for one in office.channels["chat"].heard if "matters" in one.subject]
    assert [one.subject for one in morning] == ["22 matters, the worst yellow"]
    lines = morning[0].text.splitlines()
    assert len([line for line in lines if line.startswith("yellow")]) == 20
    assert "and 2 more, see the board" in lines


ROUNDS = duty(rounds={"cleaner": ["14:00", "17:00"]})


def bins(number: int) -> dict[str, Any]:
    places = [(27.9900, 120.7000), (27.9940, 120.7000), (27.9910, 120.7000), (27.9930, 120.7000)]
    found = {
        f"bin-{one}": {
            "source": "radio",
            "name": f"{one}号桶",
            "cell": "east",
            "role": "cleaner",
            "lat": places[one % 4][0],
            "lon": places[one % 4][1],
        }
        for one in range(number)
    }
    cells = {**PEOPLE["cells"], "village": {**PEOPLE["cells"]["village"], "lat": 27.9890, "lon": 120.7}}
    return {"devices": found, "cells": cells, "duty": ROUNDS}


async def test_full_bins_are_one_route_half_an_hour_before_the_round(opened: Opening) -> None:
    office = opened(rule("full", ["cleaner"], batch="next_round"), **bins(4))
    for number in range(4):
        await office.fires("full", f"bin-{number}", "yellow")
        await office.pass_(5)
    await office.ends("full", "bin-2")  # emptied meanwhile
    await office.pass_(69)  # 13:29
    assert office.said("sms") == []
    await office.pass_(1)
    (told,) = office.channels["sms"].heard
    assert told.to == "+86 577 0000 0501"
    assert told.subject == "清运路线:3处"
    assert [line[:6].strip() for line in told.text.splitlines()[:3]] == ["1. 0号桶", "2. 3号桶", "3. 1号桶"]
    office.said("sms")
    await office.ends("full", "bin-0")
    await office.ends("full", "bin-3")
    await office.pass_(175, step=5)
    assert office.said("sms") == [], "emptied bins are no news for who has emptied them"
    await office.pass_(10)
    (again,) = office.channels["sms"].heard
    assert again.subject == "清运路线:1处", "what was left is on the next round"


async def test_three_more_after_the_route_was_told_are_one_addendum(opened: Opening) -> None:
    office = opened(rule("full", ["cleaner"], batch="next_round"), **bins(8))
    await office.fires("full", "bin-0", "blue")
    await office.pass_(95, step=5)
    assert office.said("sms") == ["清运路线:1处"]
    for number in range(1, 3):
        await office.fires("full", f"bin-{number}", "blue")
    await office.pass_(5)
    assert office.said("sms") == []
    await office.fires("full", "bin-3", "blue")
    await office.pass_(1)
    assert office.said("sms") == ["清运路线补充:3处"]
    for number in range(4, 8):
        await office.fires("full", f"bin-{number}", "blue")
    await office.pass_(10)
    assert office.said("sms") == []


async def test_a_bin_that_overflows_does_not_wait_for_the_round(opened: Opening) -> None:
    office = opened(rule("full", ["cleaner"], batch="next_round"), **bins(1))
    await office.fires("full", "bin-0", "yellow")
    await office.pass_(2)
    await office.change("full", "bin-0", FIRING, "orange")
    await office.pass_(1)
    assert office.said("sms")[:1] == ["升级为橙色告警:full,0号桶"]


async def test_notices_wait_for_the_next_digest_and_mondays_for_monday(opened: Opening) -> None:
    office = opened(
        rule("damp", []),
        rule("dry", []),
        rule("battery", [], batch="monday 08:00"),
        duty=duty(digests=["18:00"]),
    )
    for name in ("damp", "dry", "battery"):
        await office.fires(name, severity="blue")
    await office.pass_(5 * 60, step=30)
    assert office.anything() == []
    await office.pass_(61, step=10)
    assert office.anything() == ["2 matters, the worst blue"]
    while (office.clock.now() + timedelta(hours=8)).strftime("%a %H") != "Mon 07":  # a Saturday
        await office.pass_(60, step=30)
    assert office.anything() == []
    await office.pass_(60, step=30)
    assert office.anything() == ["blue: battery, 7号屋"]


async def test_warnings_of_one_kind_and_cell_wait_a_minute_then_ten(opened: Opening) -> None:
    office = opened(*(rule(f"ph-{number}", []) for number in range(5)), rule("wind", []))
    await office.fires("ph-0", severity="yellow")
    await office.pass_(0.5, step=0.1)
    await office.fires("ph-1", severity="yellow")
    await office.pass_(0.6, step=0.1)
    assert office.said() == ["2 matters, the worst yellow"]
    await office.fires("ph-2", severity="yellow")
    await office.fires("wind", severity="yellow")
    await office.pass_(1)
    assert office.said() == ["yellow: wind, 7号屋"]
    await office.fires("ph-3", severity="yellow")
    await office.pass_(8)
    assert office.said() == []
    await office.pass_(2)
    assert office.said() == ["2 matters, the worst yellow"]


GROUP = duty(groups={"flood": {"people": ["he", "zheng"], "must_all_ack": True, "chase": "3min"}})


async def test_each_of_a_group_is_chased_until_he_answers_himself(opened: Opening) -> None:
    office = opened(rule("flood", ["flood"]), duty=GROUP)
    await office.fires("flood")
    await office.pass_(1)
    assert (office.said("voice"), office.said("sms")) == (
        ["红色告警:flood,7号屋"],
        ["红色告警:flood,7号屋"],
    )
    assert office.desk.answers("flood", "house-7") == {"group": "flood", "answered": [], "of": 2}
    await office.write(office.desk.acknowledge("flood", "house-7", "He", office.clock.now()))
    office.restart()
    assert office.desk.answers("flood", "house-7") == {"group": "flood", "answered": ["he"], "of": 2}
    await office.pass_(6)
    assert office.said("voice") == []
    assert office.said("sms") == ["仍未解除,尚无人响应。红色告警:flood,7号屋"] * 2
    await office.write(office.desk.acknowledge("flood", "house-7", "zheng", office.clock.now()))
    await office.pass_(30)
    assert office.anything() == []


async def test_critical_is_repeated_each_five_minutes_and_a_warning_each_four_hours(opened: Opening) -> None:
    office = opened()
    await office.fires("tilt")
    await office.fires("river", severity="yellow")
    await office.pass_(16)
    repeats = [line for line in office.said() if line.startswith("Still")]
    assert repeats == ["Still, and nobody has answered. red: tilt, 7号屋"] * 3
    await office.write(office.desk.acknowledge("tilt", "house-7", "wang", office.clock.now()))
    await office.pass_(4 * 60 - 10, step=5)
    assert office.said() == ["Still, and nobody has answered. yellow: river, 7号屋"]


async def test_taken_on_but_no_order_accepted_in_a_quarter_of_an_hour_goes_up_a_level(
    opened: Opening,
) -> None:
    office = opened()
    await office.fires("tilt")
    await office.write(office.desk.order_moved("tilt", "house-7", "open", office.clock.now()))
    await office.pass_(1)
    await office.write(office.desk.acknowledge("tilt", "house-7", "wang", office.clock.now()))
    office.anything()
    await office.pass_(14)
    assert office.anything() == []
    office.restart()
    await office.pass_(2)
    assert office.said("sms") == ["已响应但工单无人接收。红色告警:tilt,7号屋"]
    await office.write(office.desk.acknowledge("tilt", "house-7", "zheng", office.clock.now()))
    await office.write(office.desk.order_moved("tilt", "house-7", "accepted", office.clock.now()))
    office.anything()
    await office.pass_(60)
    assert office.anything() == []


async def test_after_72_hours_without_a_line_the_critical_comes_first_and_the_rest_is_one_list(
    opened: Opening,
) -> None:
    from gateway.errors import Retry  # noqa: PLC0415

    office = opened(*(rule(f"rule-{number}", []) for number in range(6)))
    for channel in office.channels.values():
        channel.then = Retry("no route")
    for number in range(4):
        await office.fires(f"rule-{number}", severity="yellow")
        await office.pass_(60, step=15)
    await office.fires("rule-4", severity="red")
    await office.ends("rule-0")
    await office.fires("rule-5", severity="red")
    await office.pass_(30, step=5)
    await office.ends("rule-5")
    await office.pass_(67 * 60, step=30)
    for channel in office.channels.values():
        channel.then = "delivered"
        channel.heard.clear()
    office.restart()
    await office.pass_(3)
    told = office.said()
    assert told[0] == "Still, and nobody has answered. red: rule-4, 7号屋"
    assert told[1] == "5 matters, the worst red"
    assert len(told) == 2
    states = {one: office.desk.masks_of(f"rule-{one}", "house-7", office.clock.now()) for one in range(6)}
    assert not any(states.values())
    assert AlertState.FIRING in {state[0] for state in office.states.values()}
