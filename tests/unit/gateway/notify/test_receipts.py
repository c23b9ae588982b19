"""Receipts that come later: delivered keeps the other ways back, a no lets the next one go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.contracts import Delivered
from gateway.errors import DeliveryError, Retry, Undeliverable
from gateway.model import Delivery, Notice
from gateway.notify.outbox import Lane, Steps
from gateway.notify.receipts import Receipts
from gateway.settings import StoreSettings
from gateway.site import load_words
from gateway.store.journal import Journal
from tests.conftest import NOON
from tests.telling import Scripted, change, rule, teller


class Carrier(Scripted):
    """A channel that promises, and can be asked later."""

    def __init__(self) -> None:
        super().__init__(then="accepted")
        self.questions: list[tuple[str, datetime, str]] = []
        self.knows: Delivered | DeliveryError | None = None

    def receipt(self, notice: Notice, at: datetime, provider_id: str) -> Delivered | DeliveryError | None:
        self.questions.append((notice.id, at, provider_id))
        if isinstance(self.knows, Retry):
            raise self.knows
        return self.knows


@pytest.fixture
def journal(tmp_path: Path, clock: ManualClock) -> Iterator[Journal]:
    with Journal(tmp_path, clock, StoreSettings(), boot="boot-1") as opened:
        yield opened


async def promised(journal: Journal, clock: ManualClock) -> tuple[Carrier, Receipts, list[str]]:
    """A red alert: the first way of the first person has promised to pass it on."""
    telling = teller(rule("tilt", ["grid-member"])).telling(change("red"), NOON)
    assert telling is not None
    await journal.append(Delivery((), tellings=(telling,)))
    carrier, woken = Carrier(), []
    words = {"zh": load_words("zh"), "en": load_words("en")}
    lane = Lane("chat", carrier, journal, clock, steps=Steps(clock), words=words)
    while lane.step() == 0:
        continue
    assert len(carrier.heard) == 1
    receipts = Receipts(journal, clock, lambda: woken.append("woken"))
    receipts._channels = {"chat": carrier}  # without its thread
    return carrier, receipts, woken


def states(journal: Journal) -> dict[str, str]:
    return {
        row["channel"]: row["state"] for row in journal.told("tilt", "house-7")[0] if row["person"] == "wang"
    }


async def test_what_was_delivered_keeps_the_other_ways_back(journal: Journal, clock: ManualClock) -> None:
    carrier, receipts, woken = await promised(journal, clock)
    receipts.step()
    assert carrier.questions == []  # nobody can know yet
    clock.move_to(NOON + timedelta(seconds=61))
    receipts.step()
    assert carrier.questions == [(carrier.heard[0].id, NOON, "nr-1")]
    assert states(journal)["chat"] == "accepted"
    receipts.step()
    assert len(carrier.questions) == 1
    carrier.knows = Delivered("nr-1", "the telephone has it", "delivered")
    clock.move_to(NOON + timedelta(minutes=6))
    receipts.step()
    found = states(journal)
    assert found["chat"] == "delivered"
    assert "queued" not in found.values()
    assert woken == ["woken"]
    receipts.step()
    assert len(carrier.questions) == 2


async def test_a_no_lets_the_next_way_go_at_once(journal: Journal, clock: ManualClock) -> None:
    carrier, receipts, _ = await promised(journal, clock)
    carrier.knows = Undeliverable("the number is none")
    clock.move_to(NOON + timedelta(seconds=61))
    receipts.step()
    rows = journal.told("tilt", "house-7")[0]
    (mine,) = [row for row in rows if row["channel"] == "chat"]
    assert (mine["state"], mine["why"]) == ("failed", "the number is none")
    assert any(row["channel"] == "sms" and row["not_before"] <= clock.now().isoformat() for row in rows)


async def test_it_is_asked_a_few_times_and_then_left(journal: Journal, clock: ManualClock) -> None:
    carrier, receipts, _ = await promised(journal, clock)
    carrier.knows = Retry("busy")
    for minutes in range(1, 400):
        clock.move_to(NOON + timedelta(minutes=minutes, seconds=1))
        receipts.step()
    assert len(carrier.questions) == 4
