"""The outbox over a real webhook whose far end is too busy, hangs up after taking a message, or says no."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from gateway.clock import ManualClock
from gateway.model import Delivery
from gateway.notify.outbox import Lane, Steps
from gateway.settings import StoreSettings
from gateway.site import load_words
from gateway.store.journal import Journal
from tests.conftest import NOON
from tests.telling import change, rule, teller
from tests.wire.scripted import Answer, cut, replied, scripted
from tests.wire.test_channels_http import channel, says


async def told(folder: Path, severity: str, *answers: Answer) -> tuple[list[float], list[str], list[str]]:
    """When the far end was asked within 15 min [s], under which keys, and what became of the messages."""
    clock = ManualClock(NOON)
    tries: list[float] = []
    with scripted(*answers) as server, Journal(folder, clock, StoreSettings(), boot="boot-1") as journal:
        far = channel("webhook", folder, server.port, success={"code": 0})
        words = {"zh": load_words("zh"), "en": load_words("en")}
        lane = Lane("chat", far, journal, clock, steps=Steps(clock), words=words, jitter=lambda: 0.5)
        telling = teller(rule("tilt", [])).telling(change(severity), NOON)
        assert telling is not None
        await journal.append(Delivery((), tellings=(telling,)))
        for second in range(900):
            clock.move_to(NOON + timedelta(seconds=second))
            before = len(server.heard)
            lane.step()
            tries += [second] * (len(server.heard) - before)
        states = [one["state"] for one in journal.told("tilt", "house-7")[0] if one["channel"] == "chat"]
        heads = [request.partition(b"\r\n\r\n")[0].decode().lower() for request in server.heard]
        keys = [line for head in heads for line in head.splitlines() if line.startswith("idempotency-key")]
        assert all(json.loads(request.partition(b"\r\n\r\n")[2])["subject"] for request in server.heard)
    return tries, keys, states


async def test_busy_it_waits_as_long_as_it_is_asked_to(tmp_path: Path) -> None:
    busy = replied(429, b"slow down", "Retry-After: 37")
    tries, keys, states = await told(tmp_path, "blue", busy, replied(503, b""), says({"code": 0}))
    assert tries == [60, 97, 112]
    assert len(set(keys)) == 1
    assert states == ["accepted"]


async def test_it_hangs_up_after_taking_a_critical_message_which_comes_again_under_the_same_key(
    tmp_path: Path,
) -> None:
    tries, keys, states = await told(tmp_path, "red", cut(b""), says({"code": 0}))
    assert tries == [0, 5]
    assert len(set(keys)) == 1
    assert states == ["accepted"]


async def test_it_hangs_up_after_taking_a_notice_which_is_left(tmp_path: Path) -> None:
    tries, _, states = await told(tmp_path, "blue", cut(b""))
    assert tries == [60]
    assert states == ["uncertain"]


async def test_a_200_that_says_no_is_a_failure(tmp_path: Path) -> None:
    tries, _, states = await told(tmp_path, "blue", says({"code": 5, "message": "no such user"}))
    assert tries == [60]
    assert states == ["failed"]
