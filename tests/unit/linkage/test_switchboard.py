"""Outputs come to rest: after their time, at start, at the end, after a failure; and bar each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from gateway.clock import ManualClock
from gateway.contracts import Act
from gateway.errors import Retry, Undeliverable
from gateway.linkage.switchboard import Switchboard
from gateway.linkage.wishes import CAMERAS, Wishes
from gateway.model import AlertState, Event, Severity
from gateway.outputs import Output
from gateway.places import Place
from gateway.rules.language import Rule
from tests.conftest import NOON
from tests.telling import change


class Thing:
    """A far end that is on or off, and may be deaf."""

    def __init__(self, *, on: bool = True) -> None:
        self.on = on  # as somebody left it
        self.deaf = False
        self.acts: list[Act] = []

    async def act(self, act: Act) -> str:
        self.acts.append(act)
        if self.deaf:
            raise Retry("nobody answers")
        self.on = act.on
        return "ok"


def output(**more: Any) -> Output:
    given = {"kind": "mqtt", "channel": "house", "topic": "siren", "max_duration": "3min"}
    return Output.model_validate({**given, **more})


class House:
    def __init__(self, clock: ManualClock, **outputs: Output) -> None:
        self.clock = clock
        self.events: list[Event] = []
        self.things = {name: Thing() for name in outputs}
        self.outputs = outputs
        self.board = Switchboard(clock, self.note)

    async def note(self, event: Event) -> None:
        self.events.append(event)

    async def apply(self, **outputs: Output) -> dict[str, list[str]]:
        return await self.board.apply(
            {name: (one, lambda name=name: self.things[name]) for name, one in outputs.items()}
        )

    def state(self) -> list[bool]:
        return [thing.on for thing in self.things.values()]

    def said(self) -> list[tuple[str, Any]]:
        return [(one.kind, one.detail.get("on")) for one in self.events]


@asynccontextmanager
async def house(clock: ManualClock, **outputs: Output) -> AsyncIterator[House]:
    made = House(clock, **(outputs or {"siren": output()}))
    await made.apply(**made.outputs)
    task = asyncio.create_task(made.board.run())
    await clock.advance(0)
    try:
        yield made
    finally:
        task.cancel()


async def test_at_start_everything_is_brought_to_its_safe_state(clock: ManualClock) -> None:
    async with house(clock, siren=output(), valve=output(safe="on", topic="valve")) as it:
        assert it.state() == [False, True]
        assert it.board.status()["siren"]["on"] is False
        assert it.events == []  # nothing has happened


async def test_what_is_on_goes_off_after_its_time_and_never_later_than_it_may(clock: ManualClock) -> None:
    async with house(clock) as it:
        await it.board.on("siren", 60, by="rule", why="river")
        assert it.state() == [True]
        await clock.advance(59)
        assert it.state() == [True]
        await clock.advance(2)
        assert it.state() == [False]
        assert it.said() == [("output", 1.0), ("output", 0.0)]
        await it.board.on("siren", 3600, by="rule", why="river")
        for _ in range(17):
            await clock.advance(10)
            await it.board.on("siren", 3600, by="rule", why="river")  # somebody asks again and again
        assert it.state() == [True]
        await clock.advance(12)
        assert it.state() == [False]
        assert it.board.status()["siren"]["left_s"] == 0.0


async def test_a_person_stops_it_at_once(clock: ManualClock) -> None:
    async with house(clock) as it:
        await it.board.on("siren", 60, by="rule", why="river")
        assert await it.board.off("siren", by="he", why="stop") == "at rest"
        assert it.state() == [False]
        assert it.events[-1].detail["by"] == "he"
        assert await it.board.off("siren", by="he", why="stop") == "at rest"
        assert len(it.events) == 2


async def test_one_that_does_not_obey_is_tried_until_it_does_and_told_once(clock: ManualClock) -> None:
    async with house(clock) as it:
        await it.board.on("siren", 10, by="rule", why="river")
        it.things["siren"].deaf = True
        await clock.advance(0)
        await clock.advance(120)
        assert it.said() == [("output", 1.0), ("output_fault", None)]
        tried = len(it.things["siren"].acts)
        assert 5 < tried < 20  # ever more slowly
        with pytest.raises(Undeliverable, match="tried again"):
            await it.board.off("siren", by="he", why="stop")
        it.things["siren"].deaf = False
        await clock.advance(31)
        assert it.state() == [False]
        assert it.said()[-1] == ("output", 0.0)


async def test_an_act_that_may_have_come_through_is_taken_back(clock: ManualClock) -> None:
    async with house(clock) as it:
        it.things["siren"].deaf = True
        with pytest.raises(Retry):
            await it.board.on("siren", 60, by="rule", why="river")
        it.things["siren"].on, it.things["siren"].deaf = True, False  # it had heard
        await clock.advance(5)
        assert it.state() == [False]


async def test_two_that_bar_each_other_are_never_on_together(clock: ManualClock) -> None:
    async with house(clock, siren=output(), pump=output(topic="pump", interlock=["siren"])) as it:
        await it.board.on("pump", 60, by="rule", why="x")
        with pytest.raises(Undeliverable, match="pump is on: siren is interlocked"):
            await it.board.on("siren", 60, by="rule", why="x")
        await it.board.off("pump", by="he", why="stop")
        await it.board.on("siren", 60, by="rule", why="x")
        assert it.state() == [True, False]


async def test_two_that_bar_each_other_and_are_asked_for_at_once(clock: ManualClock) -> None:
    async with house(clock, siren=output(), pump=output(topic="pump", interlock=["siren"])) as it:
        asked = [it.board.on(name, 60, by="rule", why="x") for name in ("pump", "siren")]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert sorted(type(one).__name__ for one in found) == ["Undeliverable", "str"]
        assert sorted(it.state()) == [False, True]


async def test_a_way_that_breaks_in_a_way_nobody_foresaw_is_a_no_like_any_other(clock: ManualClock) -> None:
    async with house(clock, siren=output(), lamp=output(topic="lamp")) as it:
        await it.board.on("siren", 10, by="rule", why="x")
        await it.board.on("lamp", 10, by="rule", why="x")

        async def broken(act: Act) -> str:
            raise OSError("no such device")

        it.things["siren"].act = broken  # type: ignore[method-assign]
        await clock.advance(0)
        await clock.advance(15)
        assert it.things["lamp"].on is False
        assert "OSError: no such device" in it.board.status()["siren"]["trouble"]


async def test_the_end_and_a_changed_site_leave_everything_at_rest(clock: ManualClock) -> None:
    async with house(clock, siren=output(), lamp=output(topic="lamp")) as it:
        await it.board.on("siren", 60, by="rule", why="x")
        await it.board.on("lamp", 60, by="rule", why="x")
        changed = {"siren": output(max_duration="1min")}
        assert await it.apply(**changed) == {
            "kept": [],
            "started": [],
            "stopped": ["lamp"],
            "replaced": ["siren"],
        }
        assert it.state() == [False, False]
        await clock.advance(1)
        await it.board.on("siren", 600, by="rule", why="x")
        assert it.board.status()["siren"]["left_s"] == 60.0
        await it.board.close()
        assert it.state() == [False, False]


async def test_a_test_is_short(clock: ManualClock) -> None:
    async with house(clock) as it:
        await it.board.test("siren", 600, "he")
        assert it.things["siren"].acts[-1].for_s == 5.0
        await clock.advance(6)
        assert it.state() == [False]
        with pytest.raises(Undeliverable, match="no output horn"):
            await it.board.test("horn", 1, "he")


# -- what a rule wishes ---------------------------------------------------------------------------------------------------


def wishes(*acts: dict[str, Any], latch: bool = False) -> Wishes:
    rule = Rule.model_validate(
        {
            "id": "tilt", "name": {"zh": "倾斜", "en": "Lean"}, "latch": latch, "act": list(acts),
            "steps": [
                {"severity": "yellow", "when": {"fill": {"above": "80 %"}}},
                {"severity": "red", "when": {"fill": {"above": "90 %"}}},
            ],
        }
    )  # fmt: skip
    here, near, far = Place("earth", 27.99, 120.7), Place("earth", 27.991, 120.7), Place("earth", 28.2, 120.7)
    return Wishes(
        {"tilt": rule}, {"siren": output()}, {"house-7": here}, {"far": far, "near": near, "lost": None}
    )


def test_a_rule_acts_when_it_begins_and_when_it_becomes_bad_enough() -> None:
    one = wishes({"output": "siren", "for": "1 min", "from": "red"})
    assert one.telling(change("yellow"), NOON) is None
    told = one.telling(change("red", before=AlertState.FIRING, was="yellow"), NOON)
    assert told is not None
    (row,) = told.rows
    assert (row.channel, row.person, row.severity) == ("output/siren", "", Severity.RED)
    assert row.variables == {"do": "on", "for_s": "60", "text": "倾斜 house-7", "why": "tilt house-7"}
    assert one.telling(change("red", before=AlertState.FIRING, was="red"), NOON) is None
    late = NOON + timedelta(minutes=16)
    assert one.telling(change("red"), late) is None  # it began too long ago
    over = one.telling(change("red", after=AlertState.NORMAL, before=AlertState.FIRING), NOON)
    assert over is not None
    assert over.rows[0].variables["do"] == "off"
    assert one.telling(change("red", after=AlertState.LATCHED, before=AlertState.FIRING), NOON) is None


def test_the_nearest_camera_looks() -> None:
    told = wishes({"camera": "nearest", "preset": "bridge", "snapshot": "true"}).telling(
        change("yellow"), NOON
    )
    assert told is not None
    (row,) = told.rows
    assert (row.channel, row.address) == (CAMERAS, "near")
    assert row.variables["preset"] == "bridge"
    assert (
        wishes({"camera": "nearest", "snapshot": "true"}).telling(change("yellow", target="gone"), NOON)
        is None
    )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kind": "modbus_coil"}, "needs source"),
        ({"source": "probes"}, "belongs to kind: modbus_coil"),
        ({"topic": "a/#"}, "topic"),
        ({"max_duration": "2h"}, "max_duration"),
        ({"on": "ON"}, "go together"),
        ({"max_duration": "0s"}, "max_duration"),
    ],
)
def test_what_is_no_output_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        output(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"output": "a", "camera": "b", "snapshot": True},
        {"output": "a", "preset": "b"},
        {"camera": "a"},
        {"camera": "a", "for": "1min", "snapshot": True},
    ],
)
def test_what_is_no_act_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"output|camera"):
        wishes(wrong)


def test_a_camera_that_sees_the_device_comes_before_a_nearer_one() -> None:
    rule = Rule.model_validate(
        {
            "id": "tilt", "severity": "red", "when": {"fill": {"above": "80 %"}},
            "act": [{"camera": "nearest", "snapshot": True}],
        }
    )  # fmt: skip
    here, near, far = Place("earth", 27.99, 120.7), Place("earth", 27.991, 120.7), Place("earth", 28.2, 120.7)
    places = {"house-7": here, "house-8": here, "lost": None}
    cameras = {"near": near, "far": far, "hidden": None}
    views = {
        "near": frozenset[str](),
        "far": frozenset({"house-7"}),
        "hidden": frozenset({"lost", "house-7"}),
    }
    one = Wishes({"tilt": rule}, {}, places, cameras, views)
    asked = {}
    for target in ("house-7", "house-8", "lost"):
        told = one.telling(change("red", target=target), NOON)
        assert told is not None
        asked[target] = told.rows[0].address
        assert (told.rows[0].variables["rule"], told.rows[0].variables["target"]) == ("tilt", target)
    assert asked == {"house-7": "far", "house-8": "near", "lost": "hidden"}
