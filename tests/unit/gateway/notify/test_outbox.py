"""The outbox at work: a real journal, channels that do what the test says, a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import ManualClock
from gateway.errors import Broken, Retry, Uncertain, Undeliverable
from gateway.model import AlertState, Delivery, Telling
from gateway.notify.outbox import BROKEN_S, Lane, Outbox, Steps
from gateway.rules.telling import event_of
from gateway.settings import StoreSettings
from gateway.site import load_words
from gateway.store.journal import Journal
from tests.conftest import NOON
from tests.servers import eventually
from tests.telling import Scripted, change, rule, teller

TILT = rule("tilt", [])
WORDS = {"zh": load_words("zh"), "en": load_words("en")}
RED, YELLOW, BLUE = change("red"), change("yellow"), change("blue")


class Desk:
    """A journal, the three channels of the village, and the lanes that serve them, stepped by hand."""

    def __init__(self, root: Path) -> None:
        self.clock = ManualClock(NOON)
        self.root = root
        self.channels = {name: Scripted() for name in ("chat", "sms", "voice")}
        self.open()

    def open(self) -> None:
        self.journal = Journal(self.root, self.clock, StoreSettings(), boot="boot-1")
        self.journal.open()
        self.steps = Steps(self.clock)
        self.lanes = {
            name: Lane(
                name, channel, self.journal, self.clock, steps=self.steps, words=WORDS, jitter=lambda: 0.5
            )
            for name, channel in self.channels.items()
        }

    async def tell(self, *news: Any) -> None:
        for one in news:
            now = self.clock.now()
            telling = one if isinstance(one, Telling) else teller(TILT).telling(one, now)
            events = () if isinstance(one, Telling) else (event_of(one, now),)
            await self.journal.append(Delivery(events, tellings=(telling,) if telling else ()))

    def work(self) -> None:
        """Every lane, until none has anything to do now."""
        for lane in self.lanes.values():
            while lane.step() == 0:
                continue

    def at(self, minutes: float) -> None:
        self.clock.move_to(NOON + timedelta(minutes=minutes))
        self.work()

    def rows(self, name: str = "tilt") -> list[tuple[str, str, str]]:
        told, _ = self.journal.told(name, "house-7")
        return [(one["person"], one["channel"], one["state"]) for one in told]

    def heard(self) -> dict[str, list[str]]:
        return {name: [one.to[-4:] for one in channel.heard] for name, channel in self.channels.items()}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.journal.close()


async def test_a_message_and_its_alert_are_one_transaction_and_nothing_is_queued_twice(desk: Desk) -> None:
    await desk.tell(YELLOW, YELLOW)
    desk.at(1)
    assert desk.heard() == {"chat": ["0101"], "sms": [], "voice": []}
    assert len(desk.journal.events(0, 10)) == 1
    assert desk.rows() == [
        ("wang", "chat", "delivered"),
        ("zheng", "sms", "queued"),
        ("he", "voice", "queued"),
    ]


async def test_nobody_acknowledges_level_two_three_and_four_are_called_at_their_times(desk: Desk) -> None:
    await desk.tell(RED)
    desk.at(0)
    assert desk.heard() == {"chat": ["0101"], "sms": [], "voice": []}
    desk.at(2.9)
    assert desk.heard()["sms"] == []
    desk.at(3)
    desk.at(8)
    desk.at(15)
    assert desk.heard() == {"chat": ["0101"], "sms": ["0201"], "voice": ["0301", "0401"]}


async def test_whoever_acknowledges_stops_what_waits(desk: Desk) -> None:
    await desk.tell(RED)
    desk.at(4)
    now = desk.clock.now()
    await desk.tell(Telling("tilt", "house-7", 0, now, now, cancels=True, acknowledged="Zheng"))
    desk.at(60)
    assert desk.heard() == {"chat": ["0101"], "sms": ["0201"], "voice": []}
    assert desk.journal.told("tilt", "house-7")[1] == {
        "by": "Zheng",
        "at": (NOON + timedelta(minutes=4)).isoformat(),
    }


async def test_critical_goes_down_a_persons_channels_until_one_has_delivered(desk: Desk) -> None:
    desk.channels["chat"].then = "accepted"
    await desk.tell(RED)
    desk.at(0)
    desk.at(2)
    assert desk.heard() == {"chat": ["0101"], "sms": ["0101"], "voice": []}
    desk.at(60)
    assert ("wang", "voice", "cancelled") not in desk.rows()  # never tried: nothing to show
    assert desk.heard()["voice"] == ["0301", "0401"]


async def test_resolved_goes_to_those_who_were_told_and_nobody_else(desk: Desk) -> None:
    await desk.tell(RED)
    desk.at(4)
    await desk.tell(change("red", AlertState.NORMAL, AlertState.FIRING, at=desk.clock.now()))
    desk.at(120)
    told = [one.subject for one in desk.channels["chat"].heard]
    assert told == ["red: tilt, 7号屋", "Over: tilt, 7号屋"]
    assert [one.to[-4:] for one in desk.channels["sms"].heard] == ["0201", "0201"]
    assert desk.channels["voice"].heard == []


async def test_over_before_anybody_was_told_is_told_to_nobody(desk: Desk) -> None:
    await desk.tell(RED, change("red", AlertState.NORMAL, AlertState.FIRING, at=NOON + timedelta(seconds=1)))
    desk.at(120)
    assert desk.heard() == {"chat": [], "sms": [], "voice": []}


async def test_over_while_the_message_is_in_the_channels_hand_waits_for_what_becomes_of_it(
    desk: Desk,
) -> None:
    over = teller(TILT).telling(change("red", AlertState.NORMAL, AlertState.FIRING), NOON)
    assert over is not None
    desk.channels["chat"].during = lambda: desk.journal.outbox(lambda table: table.tell(over))
    desk.channels["chat"].script = [Retry("not now")]
    await desk.tell(RED)
    desk.channels["chat"].then = "delivered"
    desk.work()
    desk.channels["chat"].during = lambda: None
    desk.at(60)
    assert len(desk.channels["chat"].heard) == 1
    assert ("wang", "chat", "cancelled") in desk.rows()


async def test_worse_takes_back_what_waits_and_tells_everybody_again(desk: Desk) -> None:
    await desk.tell(YELLOW)
    desk.at(1)
    desk.clock.move_to(NOON + timedelta(minutes=5))
    await desk.tell(change("red", before=AlertState.FIRING, was="yellow", at=NOON + timedelta(minutes=5)))
    desk.at(5)
    assert [one.subject for one in desk.channels["chat"].heard] == [
        "yellow: tilt, 7号屋",
        "Now red: tilt, 7号屋",
    ]
    desk.at(8)
    assert desk.heard()["sms"] == ["0201"]


async def test_not_now_is_tried_again_after_5_15_45_s_and_as_the_far_side_asks(desk: Desk) -> None:
    desk.channels["chat"].script = [Retry("busy"), Retry("busy"), Retry("busy", timedelta(seconds=90))]
    await desk.tell(BLUE)
    tries = []
    for second in range(300):
        desk.clock.move_to(NOON + timedelta(seconds=second))
        before = len(desk.channels["chat"].heard)
        desk.work()
        tries += [second] * (len(desk.channels["chat"].heard) - before)
    assert tries == [60, 65, 80, 170]
    assert desk.rows() == [("wang", "chat", "delivered")]


async def test_an_address_that_is_refused_goes_by_the_next_channel_at_once(desk: Desk) -> None:
    desk.channels["chat"].script = [Undeliverable("no such user")]
    await desk.tell(YELLOW)
    desk.at(1)
    assert desk.heard() == {"chat": ["0101"], "sms": ["0101"], "voice": []}
    assert desk.rows()[:2] == [("wang", "chat", "failed"), ("wang", "sms", "delivered")]
    assert desk.journal.told("tilt", "house-7")[0][0]["why"] == "no such user"


async def test_when_nobody_of_a_level_can_be_reached_the_next_is_called_at_once(desk: Desk) -> None:
    for channel in desk.channels.values():
        channel.script = [Undeliverable("no")]
    await desk.tell(RED)
    desk.work()
    desk.work()
    assert desk.heard() == {"chat": ["0101"], "sms": ["0101", "0201"], "voice": ["0101"]}


async def test_a_broken_channel_is_known_and_its_message_goes_another_way(desk: Desk) -> None:
    desk.channels["chat"].script = [Broken("wrong token")]
    await desk.tell(YELLOW)
    desk.at(1)
    assert desk.heard()["sms"] == ["0101"]
    assert desk.lanes["chat"].broken
    assert desk.lanes["chat"].status()["state"] == "broken"
    desk.at(BROKEN_S / 60 + 2)
    assert not desk.lanes["chat"].broken


async def test_a_broken_last_channel_loses_nothing(desk: Desk) -> None:
    desk.channels["sms"].script = [Broken("wrong token")]
    await desk.tell(change("yellow", name="tilt"))
    desk.at(30)
    desk.at(60)
    assert desk.heard()["sms"] == ["0201", "0201"]


async def test_may_have_arrived_is_sent_again_only_when_critical(desk: Desk) -> None:
    desk.channels["chat"].script = [Uncertain("no answer"), Uncertain("no answer")]
    await desk.tell(RED)
    desk.work()
    desk.at(0.2)
    assert len(desk.channels["chat"].heard) == 2
    assert desk.channels["chat"].heard[0].id == desk.channels["chat"].heard[1].id
    desk.channels["sms"].script = [Uncertain("no answer")]
    await desk.tell(change("red", AlertState.NORMAL, AlertState.FIRING, at=desk.clock.now()))
    desk.at(1)
    assert [one.subject for one in desk.channels["chat"].heard][-1] == "Over: tilt, 7号屋"


async def test_a_notice_that_may_have_arrived_is_left(desk: Desk) -> None:
    desk.channels["chat"].script = [Uncertain("no answer")]
    await desk.tell(BLUE)
    desk.at(0)
    desk.at(60)
    assert desk.rows() == [("wang", "chat", "uncertain")]
    assert desk.heard() == {"chat": ["0101"], "sms": [], "voice": []}


async def test_after_an_outage_the_critical_one_goes_first_and_what_is_stale_not_at_all(desk: Desk) -> None:
    down = {name: Scripted(then=Retry("no route")) for name in desk.channels}
    desk.channels.update(down)
    desk.journal.close()
    desk.open()
    await desk.tell(BLUE)
    for minute in range(0, 180, 5):
        desk.at(minute)
        if minute == 60:
            old = teller(rule("old", [])).telling(change("yellow", name="old"), desk.clock.now())
            new = teller(rule("new", [])).telling(change("red", name="new"), desk.clock.now())
            await desk.tell(old, new)
    for channel in desk.channels.values():
        channel.then = "delivered"
        channel.heard.clear()
    for minute in (200, 201):
        desk.at(minute)
    subjects = [one.subject for one in desk.channels["chat"].heard]
    assert subjects == ["red: new, 7号屋", "yellow: old, 7号屋"]
    assert "(sent 140 min late)" in desk.channels["chat"].heard[0].text
    assert desk.rows() == [
        ("wang", "chat", "expired"),
        ("wang", "sms", "expired"),
        ("wang", "voice", "expired"),
    ]


async def test_a_channel_that_fails_five_times_is_asked_once_a_minute(desk: Desk) -> None:
    desk.channels["chat"].then = Retry("down")
    for number in range(5):
        name = f"rule-{number}"
        await desk.tell(teller(rule(name, [])).telling(change("red", name=name), NOON))
    desk.work()
    assert len(desk.channels["chat"].heard) == 5
    assert desk.lanes["chat"].status()["state"] == "failing"
    desk.at(0.9)
    assert len(desk.channels["chat"].heard) == 5
    desk.at(1.1)
    assert len(desk.channels["chat"].heard) == 6


async def test_restart_causes_no_message_and_loses_none(desk: Desk) -> None:
    await desk.tell(RED)
    desk.at(0)
    desk.journal.close()
    desk.open()
    desk.at(1)
    assert desk.heard() == {"chat": ["0101"], "sms": [], "voice": []}
    desk.at(3)
    assert desk.heard()["sms"] == ["0201"]


async def test_a_step_of_the_clock_by_a_day_sends_and_expires_nothing(desk: Desk) -> None:
    await desk.tell(RED)
    desk.at(1)
    desk.clock.set_wall(desk.clock.now() + timedelta(days=1))
    desk.work()
    assert desk.heard() == {"chat": ["0101"], "sms": [], "voice": []}
    desk.clock.move_to(desk.clock.now() + timedelta(minutes=2))
    desk.work()
    assert desk.heard()["sms"] == ["0201"]


async def test_a_box_that_starts_in_the_past_tells_what_is_critical_and_loses_nothing_when_its_clock_is_set(
    desk: Desk,
) -> None:
    await desk.tell(RED)
    await desk.tell(change("yellow", name="river"))
    desk.journal.close()  # the power goes before anybody is told
    desk.clock.set_wall(NOON - timedelta(days=2000))
    desk.clock.is_trusted = False
    desk.open()
    desk.work()
    assert desk.heard() == {"chat": ["0101"], "sms": [], "voice": []}
    assert desk.channels["chat"].heard[0].subject == "red: tilt, 7号屋"
    desk.clock.set_wall(NOON + timedelta(minutes=4))
    desk.clock.is_trusted = True
    desk.work()
    assert [one.subject for one in desk.channels["chat"].heard][1:] == ["yellow: river, 7号屋"]
    assert desk.heard()["sms"] == ["0201"]


async def test_a_channel_that_left_the_site_hands_over_to_the_next(desk: Desk) -> None:
    await desk.tell(YELLOW)
    desk.journal.outbox(lambda table: table.strand(["sms", "voice"], 0))
    desk.work()
    assert desk.heard() == {"chat": [], "sms": ["0101"], "voice": []}


async def test_the_threads_deliver_by_themselves_and_end_when_they_are_told(desk: Desk) -> None:
    outbox = Outbox(desk.journal, desk.clock, WORDS)
    wanted = {name: (name, lambda channel=channel: channel) for name, channel in desk.channels.items()}
    assert outbox.apply(wanted)["started"] == ["chat", "sms", "voice"]
    assert outbox.apply(wanted)["kept"] == ["chat", "sms", "voice"]
    await desk.tell(RED)
    outbox.wake()
    eventually(lambda: outbox.status()["chat"]["sent"] == 1, 10)
    assert outbox.apply({})["stopped"] == ["chat", "sms", "voice"]
    assert outbox.lanes() == []


async def test_an_error_nobody_foresaw_ends_no_thread(desk: Desk) -> None:
    desk.channels["chat"].script = [ValueError("a mistake")]
    await desk.tell(RED)
    desk.work()
    desk.at(0.2)
    assert desk.rows()[0] == ("wang", "chat", "delivered")
