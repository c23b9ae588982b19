"""What people answer, heard over real sockets: a broker, a bot, a provider that posts; and let go of only when done."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from paho.mqtt import publish

from gateway.clock import ManualClock
from gateway.contracts import Heard, Hearing, Receipted, Reported
from gateway.errors import Broken, Retry
from gateway.model import Event
from gateway.notify.inbox import Ear
from tests.channels import BOT_TOKEN, channel, secret_file
from tests.servers import eventually, free_port, mosquitto
from tests.story.test_orders import village
from tests.telling import PEOPLE
from tests.wire.scripted import scripted
from tests.wire.test_channels_http import says, sent


def said(port: int, payload: str, *, retain: bool = False) -> None:
    publish.single("village/reply", payload, qos=1, retain=retain, hostname="127.0.0.1", port=port)


@pytest.mark.servers
def test_a_reply_over_mqtt_comes_again_until_it_is_done_and_an_old_one_never(tmp_path: Path) -> None:
    port = free_port()
    with mosquitto(tmp_path, port):
        said(port, '{"from": "wang", "text": "999999"}', retain=True)  # to nobody in particular, long ago
        far = channel("mqtt", tmp_path, port, replies="village/reply")
        assert isinstance(far, Hearing)
        assert far.listens
        assert list(far.hear(0.5)) == []
        said(port, '{"from": "wang", "text": "482913 完成"}')
        said(port, "no JSON")
        eventually(lambda: len(far.hear(0.2)) == 2)
        first, second = far.hear(0.2)
        assert (first.sender, first.text, second.text) == ("wang", "482913 完成", "")
        far.close()  # the power goes before it is done
        again = channel("mqtt", tmp_path, port, replies="village/reply")
        assert isinstance(again, Hearing)
        eventually(lambda: len(again.hear(0.2)) == 2)
        again.taken(again.hear(0.2))
        eventually(lambda: not again.hear(0.2))
        again.close()
        third = channel("mqtt", tmp_path, port, replies="village/reply")
        assert isinstance(third, Hearing)
        assert list(third.hear(0.5)) == []
        third.close()
        assert list(third.hear(0.5)) == []
    assert not channel("mqtt", tmp_path, port).listens  # type: ignore[attr-defined]


def test_a_broker_that_is_away_is_told_in_words(tmp_path: Path) -> None:
    far = channel("mqtt", tmp_path, free_port(), replies="village/reply")
    assert isinstance(far, Hearing)
    with pytest.raises(Retry, match="refused"):
        far.hear(10)


def update(number: int, text: str | None, chat: int = 4711) -> dict[str, Any]:
    message: dict[str, Any] = {
        "message_id": number,
        "date": 1784347200,
        "chat": {"id": chat, "type": "private"},
    }
    return {"update_id": number, "message": message | ({"text": text} if text is not None else {})}


def test_a_bot_hears_what_is_said_to_it_and_asks_behind_what_is_done(tmp_path: Path) -> None:
    news = {"ok": True, "result": [update(7, "482913 接单"), update(8, None), {"update_id": 9}, "odd"]}
    with scripted(says(news), says(news), says({"ok": True, "result": []})) as server:
        far = channel("telegram", tmp_path, server.port, listen=True)
        assert isinstance(far, Hearing)
        heard = far.hear(1)
        assert [(one.id, one.sender, one.text) for one in heard] == [
            ("7", "4711", "482913 接单"),
            ("8", "4711", ""),
            ("9", "", ""),
        ]
        assert [one.id for one in far.hear(1)] == ["7", "8", "9"]
        far.taken(heard)
        assert list(far.hear(1)) == []
        offsets = [sent(server, index)[2]["offset"] for index in range(3)]
        assert offsets == [0, 0, 10]
    assert not channel("telegram", tmp_path, 1).listens  # type: ignore[attr-defined]


def test_a_bot_whose_updates_somebody_else_takes_must_be_mended(tmp_path: Path) -> None:
    no = {"ok": False, "error_code": 409, "description": "Conflict: terminated by other getUpdates request"}
    with scripted(says(no, 409)) as server:
        far = channel("telegram", tmp_path, server.port, listen=True)
        assert isinstance(far, Hearing)
        with pytest.raises(Broken, match="Conflict") as caught:
            far.hear(1)
    assert BOT_TOKEN not in str(caught.value)


class Deaf:
    """A channel that hears two things and forgets what was taken."""

    listens = True

    def __init__(self, clock: ManualClock) -> None:
        self.waiting = [Heard(str(number), "li", "1234", clock.now()) for number in (1, 2)]

    def hear(self, wait_s: float) -> list[Heard]:
        return list(self.waiting)

    def taken(self, heard: list[Heard]) -> None:
        self.waiting = [one for one in self.waiting if one not in heard]


async def test_what_the_house_cannot_do_now_is_not_taken(clock: ManualClock) -> None:
    far, done, fails = Deaf(clock), [], [True]

    async def take(name: str, heard: Heard) -> None:
        if heard.id == "2" and fails:
            fails.pop()
            raise Retry("the disk is full")
        done.append((name, heard.id))

    ear = Ear("far", far, asyncio.get_running_loop(), take)
    assert await asyncio.to_thread(ear.step) > 0
    assert [one.id for one in far.waiting] == ["2"]
    assert await asyncio.to_thread(ear.step) == 0
    assert done == [("far", "1"), ("far", "2")]
    assert far.waiting == []
    assert threading.active_count() >= 1


def post(address: str, body: bytes) -> int:
    try:
        with urlopen(Request(address, body), timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


async def test_a_provider_posts_what_was_pressed_to_an_address_that_only_it_knows(
    tmp_path: Path, clock: ManualClock
) -> None:
    call = {
        "type": "aliyun_voice", "access_key_id": "LTAI5tExample", "caller": "57112345678",
        "access_key_secret_file": secret_file(tmp_path), "endpoint": "http://127.0.0.1:9",
        "report_token_file": secret_file(tmp_path, "s3cret-part-of-the-address", "report"),
        "templates": {"default": {"code": "TTS_1", "keys": {"1": "TTS_2"}}},
    }  # fmt: skip
    async with village(tmp_path, clock, channels={**PEOPLE["channels"], "call": call}) as building:
        far = building.channel("call")
        assert isinstance(far, Reported)
        assert isinstance(far, Receipted)
        root = f"{building.address}/a/report"
        report = json.dumps(
            [{"call_id": "116012^1001", "out_id": "x", "dtmf": "1"}, {"call_id": "2"}]
        ).encode()
        assert await asyncio.to_thread(post, f"{root}/call/wrong", report) == 404
        assert await asyncio.to_thread(post, f"{root}/sms/wrong", report) == 404
        assert await asyncio.to_thread(post, f"{root}/call/s3cret-part-of-the-address", b"<xml>") == 400
        assert await asyncio.to_thread(post, f"{root}/call/s3cret-part-of-the-address", report) == 200
        events = [one.item for one in building.journal.events(0, 100) if isinstance(one.item, Event)]
        assert [one.kind for one in events if one.kind.startswith("answer")] == ["answer_refused"]
