"""People answer without an app: by SMS over a modem, by the page for codes, by keys, by a chat; one after the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from gateway.app import House
from gateway.clock import ManualClock
from gateway.contracts import Heard
from gateway.model import Event, Notice, OrderState
from tests.conftest import NOON
from tests.story.test_orders import RULES, looked, village
from tests.story.test_telling import heard, pass_, settled, told, until
from tests.telling import PEOPLE
from tests.wire.test_sim_modem import FakeModem

__all__ = ["told"]  # a fixture
SUN, WANG = "+86 577 0000 0501", "+86 577 0000 0101"


def code_in(notice: Notice) -> str:
    return str(notice.variables["code"])


async def say(building: House, sender: str, text: str, channel: str = "sms", **more) -> str:
    """Somebody answers; what the event says became of it."""
    now = building.clock.now()
    await building.answers.take(channel, Heard(f"{now} {text}", sender, text, now, **more))
    await settled(building)
    events = [one.item for one in building.journal.events(0, 1000) if isinstance(one.item, Event)]
    return str(
        next(one.detail["became"] for one in reversed(events) if one.kind in {"answered", "answer_refused"})
    )


@pytest.fixture
async def bin_is_full(
    tmp_path: Path, clock: ManualClock, told: list[Notice]
) -> AsyncIterator[tuple[House, str]]:
    """A house, and the code that the cleaner has got."""
    async with village(tmp_path, clock) as building:
        await heard(building, "bin-1/fill", 85.0)
        await until(lambda: bool(building.alerts()))
        await pass_(building, clock, 1)
        await until(lambda: len(told) == 1)
        await looked(building)
        yield building, code_in(told[0])


async def test_accepted_by_a_code_and_done_by_it_though_it_is_asked_about(bin_is_full, told, clock) -> None:
    building, code = bin_is_full
    assert await say(building, SUN, code) == "已记录您知悉并处理:桶满 1号桶。"
    assert building.alerts()[0]["acknowledged"]["by"] == "Sun"
    assert (await say(building, SUN, f"{code} 接单")).startswith("工单2026-0001已由您接单")
    assert (await building.orders.find())[0].state is OrderState.ACCEPTED
    assert "传感器仍显示" in await say(building, SUN, f"{code} 完成")
    await pass_(building, clock, 1)
    assert await say(building, SUN, f"{code} 完成") == "工单2026-0001已记为完成,待核查。"
    assert (await building.orders.find())[0].log[-1].note == "[no picture; the alert is not over]"
    await pass_(building, clock, 5)
    await settled(building)
    replies = [one for one in told if one.template == "reply"]
    assert replies[0].to == SUN
    assert replies[0].text == "已记录您知悉并处理:桶满 1号桶。"


async def test_the_second_hears_who_has_it_and_all_takes_on_the_rest(bin_is_full, told, clock) -> None:
    building, _ = bin_is_full
    await heard(building, "house-7/tilt_delta", 0.5)
    await until(lambda: len(told) == 2)
    await pass_(building, clock, 4)
    await until(lambda: len(told) >= 3)
    mine = next(code_in(one) for one in told if one.to == WANG)
    his = next(code_in(one) for one in told if one.to == "+86 577 0000 0201")
    assert mine != his
    assert await say(building, WANG, mine) == "Taken on by you: 倾斜 7号屋."
    assert await say(building, "+86 577 0000 0201", his) == "倾斜 7号屋已由Wang处理。"
    assert await say(building, SUN, "全部") == "已记录您知悉 1 条。"
    taken = {one["rule"]: one["acknowledged"]["by"] for one in building.alerts()}
    assert taken == {"full": "Sun", "lean": "Wang"}


async def test_each_of_a_group_that_must_answer_answers_for_himself(
    tmp_path: Path, clock: ManualClock, told: list[Notice], monkeypatch: pytest.MonkeyPatch
) -> None:
    call = {**RULES[1], "id": "call", "tell": "flood", "order": "none"}
    monkeypatch.setattr("tests.story.test_orders.RULES", [call])
    groups = {"flood": {"people": ["he", "zheng"], "must_all_ack": True}}
    async with village(tmp_path, clock, duty={**PEOPLE["duty"], "groups": groups}) as building:
        await heard(building, "house-7/tilt_delta", 0.5)
        await until(lambda: len(told) >= 2)
        codes = {one.to: code_in(one) for one in told}
        assert "倾斜" in await say(building, "+86 577 0000 0301", codes["+86 577 0000 0301"])
        assert building.alerts()[0]["answers"]["answered"] == ["he"]
        assert "已记录您知悉" in await say(building, "+86 577 0000 0201", codes["+86 577 0000 0201"])
        assert building.alerts()[0]["answers"] == {"group": "flood", "answered": ["he", "zheng"], "of": 2}


async def test_what_cannot_be_done_is_said_in_plain_words(bin_is_full, clock) -> None:
    building, code = bin_is_full
    wrong = f"{(int(code) + 1) % 900000 + 100000}"
    assert await say(building, SUN, wrong) == f"没有代码 {wrong},或已超过 24 小时失效,请核对短信后重发。"
    assert "没有看懂" in await say(building, SUN, f"{code} 没完成")
    assert "数字代码" in await say(building, SUN, "什么?")
    assert building.alerts()[0]["acknowledged"] is None
    assert await say(building, "+86 577 9999 9999", code) == "stranger"
    await pass_(building, clock, 24 * 60)
    assert "24 小时" in await say(building, SUN, code)
    for _ in range(10):
        await say(building, SUN, wrong)
    assert await say(building, SUN, code) == "guesses"


async def test_over_already(bin_is_full, clock) -> None:
    building, code = bin_is_full
    await pass_(building, clock, 10)
    await heard(building, "bin-1/fill", 3.0)
    await until(lambda: not building.alerts())
    await looked(building)
    assert await say(building, SUN, code) == "桶满 1号桶已解除。"
    assert await say(building, SUN, f"{code} 完成") == "桶满 1号桶没有未结工单。"


async def test_a_key_on_the_telephone_names_its_message(bin_is_full) -> None:
    building, _ = bin_is_full
    rows = building.journal.told("full", "bin-1")[0]
    assert [row["channel"] for row in rows] == ["sms"]
    assert await say(building, "", "1", about="nothing of ours", keys=True) == "stranger"
    number = building.journal.change(
        lambda book: book.ask(
            "SELECT printf('%x-%d', created_at, id) FROM outbox WHERE rule = 'full' AND state <> 'queued'"
        )
    )[0][0]
    assert await say(building, "", "9", about=str(number), keys=True) == "此按键无效。"
    assert (await say(building, "", "2", about=str(number), keys=True)).startswith("工单2026-0001已由您接单")


def post(address: str, **fields: str) -> tuple[int, str]:
    request = Request(f"{address}/a", urlencode(fields).encode())
    try:
        with urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except OSError as error:
        return error.code, error.read().decode()  # type: ignore[attr-defined]


async def test_the_page_needs_no_script_and_nobody_signed_in(bin_is_full) -> None:
    building, code = bin_is_full

    def form() -> str:
        with urlopen(f"{building.address}/a?lang=en&c={code}<", timeout=10) as answer:
            assert "script" not in answer.headers["Content-Security-Policy"]
            return str(answer.read().decode())

    page = await asyncio.to_thread(form)
    assert "Code in the message" in page
    assert f'value="{code}"' in page
    status, said = await asyncio.to_thread(post, building.address, code=code, name="<b>", deed="accept")
    assert status == 200
    assert "2026-0001" in said
    assert (await building.orders.find())[0].person == "sun"
    status, said = await asyncio.to_thread(post, building.address, code="000000", name="", deed="done")
    assert status == 404
    assert "没有代码 000000" in said
    for _ in range(9):
        await asyncio.to_thread(post, building.address, code="000000")
    _, said = await asyncio.to_thread(post, building.address, code=code, deed="done")
    assert "请十分钟后再试" in said


# -- over a modem that speaks AT ------------------------------------------------------------------------------------------


@pytest.fixture
def modem() -> Iterator[FakeModem]:
    try:
        made = FakeModem()
    except OSError:
        pytest.skip("no pseudo-terminals here")
    yield made
    made.close()


def received(number: str, text: str, second: int) -> str:
    """An SMS as a modem lists it (3GPP TS 23.040 9.2.2.1, SMS-DELIVER, UCS-2)."""
    digits = f"{number}F" if len(number) % 2 else number
    address = "".join(digits[at + 1] + digits[at] for at in range(0, len(digits), 2))
    body = text.encode("utf-16-be").hex().upper()
    stamp = f"6270812100{second % 10}{second // 10}23"
    return f"0004{len(number):02X}91{address}0008{stamp}{len(body) // 2:02X}{body}"


def sent(modem: FakeModem) -> str:
    """What the modem was given to send, parts put together (23.040 9.2.2.2, SMS-SUBMIT, UCS-2)."""
    text = ""
    for body in modem.bodies:
        octets = bytes.fromhex(body)[1:]  # behind the centre
        first, at = octets[0], 3 + 1 + (octets[2] + 1) // 2 + 2
        at += {0: 0, 2: 1}.get(first >> 3 & 3, 7) + 1  # how long it is kept, then the length
        at += 1 + octets[at] if first & 0x40 else 0  # which part it is
        text += octets[at:].decode("utf-16-be", "replace")
    return text


async def test_a_bin_fills_the_cleaner_answers_by_sms_empties_it_and_the_order_closes(
    tmp_path: Path, clock: ManualClock, modem: FakeModem
) -> None:
    channels = {
        **PEOPLE["channels"],
        "sms": {"type": "sim_modem", "port": modem.port, "answer": "400ms", "send": "2s", "listen": "100ms"},
    }
    people = {**PEOPLE["people"], "sun": {**PEOPLE["people"]["sun"], "phones": ["13912345678"]}}
    async with village(tmp_path, clock, channels=channels, people=people) as building:
        await heard(building, "bin-1/fill", 85.0)
        await until(lambda: bool(building.alerts()))
        await pass_(building, clock, 1)
        await until(lambda: bool(modem.bodies))
        (code,) = [one.digits for one in building.herald.codes.of("sun", NOON)]
        await until(lambda: code in sent(modem))
        modem.memory[3] = received("8613912345678", f"{code} 接单", 11)
        await until(lambda: not modem.memory)
        (order,) = await building.orders.find()
        assert (order.state, order.person) == (OrderState.ACCEPTED, "sun")
        assert building.alerts()[0]["acknowledged"]["by"] == "Sun"
        parts = len(modem.bodies)
        await pass_(building, clock, 20)
        await until(lambda: len(modem.bodies) > parts)  # the word back, within the limit of one SMS a minute
        await heard(building, "bin-1/fill", 2.0)
        await until(lambda: not building.alerts())
        await looked(building)
        (order,) = await building.orders.find()
        assert order.state is OrderState.CHECKED
        assert [line.what for line in order.log] == ["created", "accepted", "ended"]
        modem.memory[4] = received("8613912345678", "1234", 12)
        modem.memory[5] = received("8615900000000", code, 13)
        await until(lambda: not modem.memory)
        events = [one.item for one in building.journal.events(0, 1000) if isinstance(one.item, Event)]
        assert [one.kind for one in events].count("answered") == 2
        (stranger,) = [one for one in events if one.kind == "answer_refused"]
        assert "15900000000" not in json.dumps(dict(stranger.detail))
