"""One question at a time, with the silence each needs."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from drivers.decode.frames import Request
from drivers.line.bus import Bus
from drivers.line.settings import Settings
from drivers.line.wire import NoReply
from gateway.clock import ManualClock
from tests.modbus import FakeWire, counting, play

RTU = Settings(connection="rtu", port="/dev/ttyUSB0", baud=9600)


def bus(clock: ManualClock, wire: FakeWire, settings: Settings = RTU) -> Bus:
    wire.open_now = True
    return Bus(wire, settings, clock)


async def ask_all(clock: ManualClock, line: Bus, *requests: Request, gap: float = 0.0) -> None:
    async def one_after_the_other() -> None:
        for request in requests:
            await line.ask(request, timedelta(seconds=gap))

    await play(clock, one_after_the_other(), 0.01)


@pytest.mark.parametrize(
    ("baud", "quiet_s"), [(4800, 0.00802), (9600, 0.00401), (19200, 0.00201), (115200, 0.00175)]
)
def test_the_silence_of_three_and_a_half_characters(baud: int, quiet_s: float) -> None:
    settings = Settings(connection="rtu", port="/dev/ttyUSB0", baud=baud)
    assert settings.quiet_s == pytest.approx(quiet_s, rel=0.01)  # reference 4.6: 8.0 ms and 4.0 ms


async def test_the_same_unit_waits_for_silence_another_one_longer(clock: ManualClock) -> None:
    wire = FakeWire(clock, {1: counting(1), 2: counting(2)}, delay_s=0.02)
    await ask_all(clock, bus(clock, wire), Request(1, 3, 0), Request(1, 3, 9), Request(2, 3, 0))
    first, second, third = (at for at, _ in wire.asked)
    assert second - first == pytest.approx(0.02 + RTU.quiet_s)
    assert third - second == pytest.approx(0.02 + RTU.turn_s)


async def test_a_device_may_want_a_longer_gap(clock: ManualClock) -> None:
    wire = FakeWire(clock, {1: counting(1)}, delay_s=0.02)
    await ask_all(clock, bus(clock, wire), Request(1, 3, 0), Request(1, 3, 9), gap=0.3)
    assert wire.asked[1][0] - wire.asked[0][0] == pytest.approx(0.32)


async def test_after_a_time_out_another_question_waits_until_no_late_reply_can_come(
    clock: ManualClock,
) -> None:
    wire = FakeWire(clock, {1: lambda request: None if request.address == 0 else (7,), 2: counting(2)})
    line = bus(clock, wire)

    async def story() -> None:
        with pytest.raises(NoReply):
            await line.ask(Request(1, 3, 0))
        assert line.stray_s(1) == pytest.approx(0.5)
        await line.ask(Request(2, 3, 0))  # a neighbour need not wait
        await line.ask(Request(1, 3, 9))

    await play(clock, story(), 0.01)
    asked = {(request.unit, request.address): at for at, request in wire.asked}
    gone = asked[1, 0] + 0.5
    assert asked[2, 0] - gone < 0.1
    assert asked[1, 9] - gone >= 0.5


async def test_the_same_question_may_be_repeated_at_once(clock: ManualClock) -> None:
    answers: list[tuple[int, ...] | None] = [None, (7,)]
    wire = FakeWire(clock, {1: lambda _: answers.pop(0)})
    line = bus(clock, wire)

    async def story() -> None:
        with pytest.raises(NoReply):
            await line.ask(Request(1, 3, 0))
        assert (await line.ask(Request(1, 3, 0))).words == (7,)
        assert line.stray_s(1) == pytest.approx(0.5)  # the first answer may still be on its way

    await play(clock, story(), 0.01)
    assert wire.asked[1][0] - wire.asked[0][0] < 0.6


async def test_numbered_frames_need_none_of_this(clock: ManualClock) -> None:
    wire = FakeWire(clock, {1: lambda request: None if request.address == 0 else (7,)})
    line = bus(clock, wire, Settings(host="127.0.0.1"))

    async def story() -> None:
        with pytest.raises(NoReply):
            await line.ask(Request(1, 3, 0))
        await line.ask(Request(1, 3, 9))

    await play(clock, story(), 0.01)
    assert wire.asked[1][0] - wire.asked[0][0] == pytest.approx(0.5)


async def test_a_write_waits_for_one_question_only(clock: ManualClock) -> None:
    wire = FakeWire(clock, {1: counting(1)}, delay_s=0.1)
    line = bus(clock, wire, Settings(host="127.0.0.1"))

    async def polling() -> None:
        for address in range(10):
            await line.ask(Request(1, 3, address))

    polls = asyncio.create_task(polling())
    await clock.advance(0.05)
    siren = asyncio.create_task(line.ask(Request(1, 6, 500, 1, (1,))))
    await play(clock, asyncio.wait({polls, siren}), 0.01)
    assert [request.address for _, request in wire.asked][:3] == [0, 500, 1]
