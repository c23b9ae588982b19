"""The Modbus driver on a line that is Python, under a clock that the test moves."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from drivers.decode.frames import Request
from drivers.modbus import Driver, Settings
from gateway.clock import ManualClock
from gateway.errors import BadReply, Lost, SettingsError
from gateway.model import Flag
from gateway.quantities import Quantities
from tests.modbus import FakeWire, Speech, Watch, context, counting, device, model, play

LINE = Settings.model_validate({"host": "line.test", "timeout": "500ms"})
SERIAL = Settings.model_validate({"connection": "rtu", "port": "/dev/ttyUSB0", "timeout": "500ms"})


class Bench:
    """A driver, its devices and its far end."""

    def __init__(
        self,
        clock: ManualClock,
        quantities: Quantities,
        units: dict[int, Speech],
        *,
        of: Any = None,
        settings: Settings = LINE,
        period: float | None = 1.0,
        delay_s: float = 0.01,
        listed: list[int] | None = None,
    ) -> None:
        probe = of or model()
        span = None if period is None else timedelta(seconds=period)
        devices = [device(f"d{unit}", probe, unit, span) for unit in (listed or units)]
        self.context = context(devices, clock, quantities, [probe])
        self.health = self.context.health
        self.wire = FakeWire(clock, units, delay_s)
        self.driver = Driver(settings, self.context, self.wire)
        self.watch = Watch(self.driver, clock)


async def test_a_poll_is_one_frame_one_delivery_one_time(clock: ManualClock, quantities: Quantities) -> None:
    bench = Bench(clock, quantities, {7: counting(712, 0xFF9B)})
    async with bench.watch as watch:
        await clock.advance(2.5)
    assert len(bench.wire.asked) == 3
    assert [request for _, request in bench.wire.asked] == [Request(7, 3, 0, 2)] * 3
    ph, temp = watch.deliveries[0].observations
    assert (ph.series, ph.value, ph.flag, ph.flagged_by) == ("d7/ph", 7.12, Flag.UNKNOWN, "")
    assert (temp.series, temp.value) == ("d7/water_temp", -10.1)
    assert ph.at == temp.at
    assert ph.at.microsecond % 1000 == 0
    assert bench.health.received == 3


async def test_periods_hold_whatever_the_answer_takes(clock: ManualClock, quantities: Quantities) -> None:
    bench = Bench(clock, quantities, {1: counting(700), 2: counting(700)}, delay_s=0.2)
    async with bench.watch:
        await clock.advance(30)
    for unit in (1, 2):
        times = bench.wire.times(unit)
        assert len(times) >= 29
        assert max(abs(b - a - 1.0) for a, b in itertools.pairwise(times)) < 0.21
    assert bench.health.overdue == 0


async def test_a_slow_register_comes_with_a_fast_one_only_when_both_are_due(
    clock: ManualClock, quantities: Quantities
) -> None:
    probe = model(
        registers={"ph": {"address": 0, "period": "10s"}, "water_temp": {"address": 1}},
        readings={"ph": {}, "water_temp": {}},
    )
    bench = Bench(clock, quantities, {1: counting(7)}, of=probe)
    async with bench.watch:
        await clock.advance(20.5)
    both = [at for at, request in bench.wire.asked if request.count == 2]
    assert len(bench.wire.asked) == 21
    assert [round(at - both[0]) for at in both] == [0, 10, 20]


async def test_one_dead_unit_among_ten_costs_its_neighbours_nothing(
    clock: ManualClock, quantities: Quantities
) -> None:
    units: dict[int, Speech] = {unit: counting(700) for unit in range(1, 11)}
    units[4] = lambda _: None
    bench = Bench(clock, quantities, units, settings=SERIAL)
    async with bench.watch as watch:
        await clock.advance(120)
    for unit in set(units) - {4}:
        times = bench.wire.times(unit)
        assert len(times) >= 117, f"unit {unit} was left behind"
        assert (
            max(b - a for a, b in itertools.pairwise(times)) <= 1.0 + 0.5 + 0.2
        )  # at most one time-out late
    assert len(bench.wire.times(4)) < 15
    dead = watch.readings("d4")
    assert dead
    assert {(item.value, item.flag, item.flagged_by) for item in dead} == {(None, Flag.MISSING, "no_reply")}
    assert "no reply" in bench.health.device_errors["d4"]
    assert "d4" not in bench.health.devices


async def test_a_unit_that_comes_back_is_polled_at_its_period_again(
    clock: ManualClock, quantities: Quantities
) -> None:
    alive = False
    bench = Bench(clock, quantities, {1: lambda request: (700, 100) if alive else None})
    async with bench.watch as watch:
        await clock.advance(30)
        alive = True
        await clock.advance(100)
        before = len(bench.wire.asked)
        await clock.advance(20)
    assert 19 <= len(bench.wire.asked) - before <= 21
    assert watch.readings("d1")[-1].value == 10.0
    assert "d1" not in bench.health.device_errors


async def test_a_lost_reply_is_asked_for_again_and_gives_one_reading(
    clock: ManualClock, quantities: Quantities
) -> None:
    answers: list[Any] = ["bad_crc", None, (700, 100)]
    bench = Bench(
        clock, quantities, {1: lambda _: answers.pop(0) if answers else (701, 101)}, settings=SERIAL
    )
    async with bench.watch as watch:
        await clock.advance(2.0)
    assert [item.value for item in watch.readings("d1")[:2]] == [7.0, 10.0]
    assert bench.health.refused == 0


@pytest.mark.parametrize(
    "problem", ["exception_2", "exception_4", "short_reply", "wrong_function", "bad_crc"]
)
async def test_an_error_is_a_missing_reading_with_its_reason(
    problem: str, clock: ManualClock, quantities: Quantities
) -> None:
    answers: list[Any] = [(700, 100)]
    bench = Bench(clock, quantities, {1: lambda _: answers.pop(0) if answers else problem})
    async with bench.watch as watch:
        await clock.advance(10)
    first, *others = watch.deliveries
    assert [item.value for item in first.observations] == [7.0, 10.0]
    assert others
    for delivery in others:
        assert {item.value for item in delivery.observations} == {None}
        assert {item.flagged_by for item in delivery.observations} == {problem}
        assert {item.series for item in delivery.observations} == {"d1/ph", "d1/water_temp"}


async def test_a_busy_device_is_asked_again(clock: ManualClock, quantities: Quantities) -> None:
    answers: list[Any] = ["exception_6", "exception_6", (700, 100)]
    bench = Bench(clock, quantities, {1: lambda _: answers.pop(0) if answers else (700, 100)})
    async with bench.watch as watch:
        await clock.advance(0.5)
    assert watch.readings("d1")[0].value == 7.0


async def test_one_bad_register_does_not_cost_the_others(clock: ManualClock, quantities: Quantities) -> None:
    def says(request: Request) -> tuple[int, ...] | str:
        covers = range(request.address, request.address + (request.count or 1))
        return "exception_2" if 1 in covers else (712,) * len(covers)

    bench = Bench(clock, quantities, {1: says})
    async with bench.watch as watch:
        await clock.advance(2.5)
    ph, temp = watch.deliveries[0].observations
    assert (ph.value, temp.value, temp.flagged_by) == (7.12, None, "exception_2")
    later = [request for at, request in bench.wire.asked if at > bench.wire.asked[0][0] + 0.5]
    assert {request.count for request in later} == {1}  # it has learnt to ask one by one
    assert "read one by one" in bench.health.notes["d1 apart"]


async def test_a_register_that_is_never_answered_is_tried_once_a_poll(
    clock: ManualClock, quantities: Quantities
) -> None:
    probe = model(registers={"ph": {"address": 0}, "water_temp": {"address": 90}})
    bench = Bench(
        clock, quantities, {1: lambda request: (7,) if request.address == 0 else None}, of=probe, period=10
    )
    async with bench.watch as watch:
        await clock.advance(38)
    silent = [at for at, request in bench.wire.asked if request.address == 90]
    assert len([at for at in silent if at > silent[0] + 5]) == 3  # later polls: one try each
    assert [item.value for item in watch.readings("d1")] == [7.0, None] * 4


async def test_periods_stretch_evenly_when_the_line_is_too_slow(
    clock: ManualClock, quantities: Quantities
) -> None:
    units: dict[int, Speech] = {unit: counting(700) for unit in range(1, 51)}
    bench = Bench(clock, quantities, units, period=0.2, delay_s=0.005)
    async with bench.watch:
        for _ in range(60):
            await clock.advance(0.5)
    counts = [len(bench.wire.times(unit)) for unit in units]
    assert min(counts) > 90  # 30 s at 0.2 s stretched 1.4 times, less the learning at the start
    assert max(counts) - min(counts) <= 3
    assert bench.health.notes["periods"].startswith("periods stretched 1.4x")


async def test_nothing_is_read_twice_at_a_time(clock: ManualClock, quantities: Quantities) -> None:
    bench = Bench(clock, quantities, {1: counting(1)}, period=0.5, delay_s=2.0)
    async with bench.watch:
        await clock.advance(20)
    gaps = [b - a for a, b in itertools.pairwise(bench.wire.times(1))]
    assert min(gaps) >= 2.0


STARTED = {
    "prepare": [{"function": 6, "address": 1, "values": [3], "wait": "2s"}],
    "registers": {"ph": {"address": 0x53, "scale": 0.01}},
    "readings": {"ph": {}},
}


async def test_a_measurement_is_started_and_waited_for_while_others_speak(
    clock: ManualClock, quantities: Quantities
) -> None:
    probe, plain = model("started", **STARTED), model("plain")
    wire = FakeWire(clock, {1: counting(700), 2: counting(700)})
    second = timedelta(seconds=0.5)
    given = context(
        [device("d1", probe, 1, timedelta(seconds=10)), device("d2", plain, 2, second)], clock, quantities
    )
    watch = Watch(Driver(LINE, given, wire), clock)
    async with watch:
        await clock.advance(9.0)
    mine = [(at, request) for at, request in wire.asked if request.unit == 1]
    (started, order), (read_at, question) = mine[:2]
    assert order == Request(1, 6, 1, 1, (3,))
    assert (question.function, question.address) == (3, 0x53)
    assert read_at - started == pytest.approx(2.0, abs=0.1)
    assert len([at for at in wire.times(2) if started < at < read_at]) >= 3
    reading = watch.readings("d1")[0]
    assert reading.value == 7.0
    assert reading.at.timestamp() == pytest.approx(
        clock.now().timestamp() - (clock.monotonic() - read_at), abs=0.01
    )


async def test_what_was_not_started_is_not_read(clock: ManualClock, quantities: Quantities) -> None:
    bench = Bench(
        clock,
        quantities,
        {1: lambda request: "exception_4" if request.function == 6 else (700,)},
        of=model(**STARTED),
        period=10,
    )
    async with bench.watch as watch:
        await clock.advance(5)
    assert {request.function for _, request in bench.wire.asked} == {6}
    assert watch.readings("d1")[0].flagged_by == "exception_4"  # its registers would hold the old value


async def test_two_units_in_one_housing_move_together(clock: ManualClock, quantities: Quantities) -> None:
    probe = model(
        registers={"ph": {"address": 0}, "water_temp": {"address": 0, "unit": 2}}, serial={"unit": 1}
    )
    bench = Bench(clock, quantities, {11: counting(7), 12: counting(20)}, of=probe, listed=[11])
    async with bench.watch as watch:
        await clock.advance(0.5)
    assert {item.series: item.value for item in watch.readings("d11")} == {"d11/ph": 7, "d11/water_temp": 20}


async def test_an_absent_far_end_is_lost(clock: ManualClock, quantities: Quantities) -> None:
    bench = Bench(clock, quantities, {1: counting(1)})
    bench.wire.refuse = "nobody answers"
    with pytest.raises(Lost, match="nobody answers"):
        async with bench.driver:
            pass


async def test_a_line_that_breaks_is_lost_and_can_be_opened_again(
    clock: ManualClock, quantities: Quantities
) -> None:
    bench = Bench(clock, quantities, {1: counting(700)})
    async with bench.watch as watch:
        await clock.advance(1.5)
        bench.wire.refuse = "pulled"
        await clock.advance(2)
        assert isinstance(watch.ended, Lost)
    bench.wire.refuse = None
    again = Watch(bench.driver, clock)
    async with again:
        await clock.advance(0.5)
    assert again.readings("d1")


async def test_every_wrong_device_of_a_line_is_told_at_once(
    clock: ManualClock, quantities: Quantities
) -> None:
    lora = model("lora", wire="lorawan", decoder="fixed", registers={})
    wrong = [
        device("a", model(), 900),
        device("b", lora, 1),
        device("c", model(), 1),
    ]
    with pytest.raises(SettingsError) as caught:
        Driver(LINE, context(wrong, clock, quantities))
    assert [fault.key for fault in caught.value.faults] == ["devices.a.address", "devices.b.model"]


async def test_one_id_for_two_probes_is_refused(clock: ManualClock, quantities: Quantities) -> None:
    twice = [device("a", model(), 3), device("b", model(), 3), device("c", model("another"), 3)]
    with pytest.raises(SettingsError, match=r"devices\.b\.address: unit 3 on line is already a"):
        Driver(LINE, context(twice, clock, quantities))


async def test_a_device_of_another_speed_is_noted(clock: ManualClock, quantities: Quantities) -> None:
    slow, fits = model("slow", serial={"baud": 4800}), model("fits", serial={})
    given = context([device("a", slow, 1), device("b", fits, 2)], clock, quantities)
    Driver(SERIAL, given)
    assert given.health.notes == {
        "a port": "a: slow leaves the factory at 4800 8N1, this line is 9600 8N1",
    }


async def test_a_person_sees_frames_words_and_meaning(clock: ManualClock, quantities: Quantities) -> None:
    probe = model(
        registers={"ph": {"address": 0, "scale": 0.01}, "zero": {"address": 1}}, readings={"ph": {}}
    )
    bench = Bench(clock, quantities, {1: counting(712, 3)}, of=probe)
    async with bench.driver as driver:
        exchange = await play(clock, driver.read(bench.context.devices[0]))
    assert exchange.raw == ("> 01 03 00 00 00 02 c4 0b", "< 3f", "= 02C8 0003  (holding 0..1)")
    assert [(item.series, item.value) for item in exchange.readings] == [("d1/ph", 7.12)]
    assert exchange.diagnostics == ("zero = 3.0",)


async def test_a_person_is_told_why_a_device_says_nothing(clock: ManualClock, quantities: Quantities) -> None:
    bench = Bench(clock, quantities, {1: lambda _: None})
    async with bench.driver as driver:
        with pytest.raises(BadReply, match=r"d1 \(unit 1\): no reply"):
            await play(clock, driver.read(bench.context.devices[0]))


WRITES = [{"unit": 5, "address": 3, "min": 0, "max": 10}, {"unit": 5, "address": 1, "kind": "coil"}]


def relay(memory: dict[tuple[int, int], int], *, stubborn: bool = False) -> Speech:
    """A device that keeps what is written to it, unless it is stubborn."""

    def says(request: Request) -> tuple[int, ...]:
        table = 1 if request.function in {1, 5} else 3
        if request.function in {5, 6}:
            if not stubborn:
                memory[table, request.address] = request.values[0]
            return ()
        return (memory.get((table, request.address), 0),)

    return says


async def write(clock: ManualClock, bench: Bench, *what: Any) -> None:
    async with bench.driver as driver:
        await play(clock, driver.write(*what))


async def test_an_allowed_write_is_sent_and_read_back(clock: ManualClock, quantities: Quantities) -> None:
    memory: dict[tuple[int, int], int] = {}
    settings = LINE.model_copy(
        update={"writes": Settings.model_validate({"host": "x", "writes": WRITES}).writes}
    )
    bench = Bench(clock, quantities, {5: relay(memory)}, settings=settings)
    await write(clock, bench, 5, 3, 7)
    await write(clock, bench, 5, 1, 1, "coil")
    assert memory == {(3, 3): 7, (1, 1): 1}
    assert [request.function for _, request in bench.wire.asked] == [6, 3, 5, 1]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ((5, 3, 11), "only 0..10"),
        ((5, 4, 1), "may not be written"),
        ((6, 3, 1), "may not"),
        ((5, 1, 1), "may not"),
    ],
)
async def test_a_write_that_is_not_on_the_list_never_leaves(
    what: tuple[int, int, int], said: str, clock: ManualClock, quantities: Quantities
) -> None:
    settings = Settings.model_validate({"host": "line.test", "writes": WRITES})
    bench = Bench(clock, quantities, {5: relay({})}, settings=settings)
    with pytest.raises(SettingsError, match=said):
        await write(clock, bench, *what)
    assert bench.wire.asked == []


@pytest.mark.parametrize(
    ("speech", "said"),
    [
        (relay({}, stubborn=True), "wrote 7, reads back 0"),
        (lambda _: None, "no reply"),
        (lambda _: "exception_4", "server device failure"),
    ],
)
async def test_a_write_that_did_not_take_is_said(
    speech: Speech, said: str, clock: ManualClock, quantities: Quantities
) -> None:
    settings = Settings.model_validate({"host": "line.test", "writes": WRITES})
    bench = Bench(clock, quantities, {5: speech}, settings=settings)
    with pytest.raises(BadReply, match=said):
        await write(clock, bench, 5, 3, 7)


async def test_strangers_are_found_with_the_models_that_look_right(
    clock: ManualClock, quantities: Quantities
) -> None:
    probe = model("good-guess")
    other = model("bad-guess", registers={"ph": {"address": 0}}, readings={"ph": {}})  # 712 is no pH
    wire = FakeWire(clock, {3: counting(712, 215), 9: lambda _: "exception_2", 12: counting(0)})
    given = context([device("known", probe, 12)], clock, quantities, [probe, other])
    async with Driver(LINE, given, wire) as driver:
        found = await play(clock, driver.discover(120))
    assert [(item.address, item.models) for item in found] == [("3", ("good-guess",)), ("9", ())]
    assert "address: 3" in found[0].yaml
    assert "model: good-guess" in found[0].yaml
    assert "illegal data address" in found[1].seen
    assert not wire.times(12)


async def test_a_scan_ends_when_its_time_is_over(clock: ManualClock, quantities: Quantities) -> None:
    wire = FakeWire(clock, {})
    async with Driver(LINE, context([], clock, quantities), wire) as driver:
        await play(clock, driver.discover(3), most_s=4)
    assert len(wire.asked) == pytest.approx(15, abs=2)
