"""Modbus RTU on a real (pseudo) serial line: socat joins two ends, modbus_tk sits at the far one."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import serial
from modbus_tk import defines, modbus_rtu

from drivers.decode.frames import with_crc
from drivers.modbus import Driver, Settings
from gateway.clock import SystemClock
from gateway.contracts import Context
from gateway.errors import Lost
from gateway.model import Delivery, Reading
from gateway.quantities import Quantities
from tests.modbus import context, device, model, nothing_more
from tests.servers import eventually, free_port, pseudo_terminals, tool

pytestmark = [
    pytest.mark.servers,
    pytest.mark.filterwarnings("ignore:isSet:DeprecationWarning"),  # modbus_tk 1.1.5 still says isSet
]
logging.getLogger("modbus_tk").setLevel(logging.CRITICAL)


@contextlib.contextmanager
def line(folder: Path) -> Iterator[tuple[str, str]]:
    """Two ends of one serial line."""
    pseudo_terminals()
    ours, theirs = folder / "ours", folder / "theirs"
    ends = [f"pty,raw,echo=0,link={end}" for end in (ours, theirs)]
    with ended(subprocess.Popen([tool("socat"), *ends])):
        eventually(lambda: ours.exists() and theirs.exists())
        yield str(ours), str(theirs)


@contextlib.contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def bridge(port: str, tcp: int) -> Iterator[None]:
    """A serial server: a TCP port that is the serial line."""
    with ended(
        subprocess.Popen(
            [tool("socat"), f"tcp-listen:{tcp},bind=127.0.0.1,reuseaddr,fork", f"{port},raw,echo=0"]
        )
    ):
        # asked of the kernel, for a trial connection would open the serial line a second time
        eventually(
            lambda: f":{tcp:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text(encoding="ascii")
        )
        yield


@contextlib.contextmanager
def modbus_tk(port: str) -> Iterator[modbus_rtu.RtuServer]:
    """Another Modbus stack with three units."""
    server = modbus_rtu.RtuServer(serial.Serial(port, 9600), error_on_missing_slave=False)
    for unit in (1, 2, 5):
        slave = server.add_slave(unit)
        slave.add_block("holding", defines.HOLDING_REGISTERS, 0, 200)
        slave.add_block("coils", defines.COILS, 0, 20)
        slave.set_values("holding", 0, [700 + unit, 0xFF9B])
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def scripted(port: str, reply: Callable[[bytes], bytes]) -> Iterator[None]:
    """A far end of our own: for each request of eight bytes, exactly these bytes."""
    end = serial.Serial(port, 9600, timeout=0.05)
    going = threading.Event()

    def serve() -> None:
        while not going.is_set():
            request = end.read(8)
            if len(request) == 8:
                end.write(reply(request))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        going.set()
        thread.join()
        end.close()


def given(quantities: Quantities, *units: int, period_s: float = 0.3) -> Context:
    probe = model()
    period = timedelta(seconds=period_s)
    return context([device(f"d{unit}", probe, unit, period) for unit in units], SystemClock(), quantities)


def rtu(port: str, **more: object) -> Settings:
    return Settings.model_validate({"connection": "rtu", "port": port, "timeout": "300ms", **more})


async def listen(driver: Driver, count: int) -> list[Delivery]:
    found: list[Delivery] = []
    async for delivery in driver.observations():
        found.append(delivery)
        if len(found) == count:
            break
    return found


def values(found: list[Delivery]) -> set[tuple[str, float | None]]:
    return {
        (item.series, item.value) for each in found for item in each.observations if isinstance(item, Reading)
    }


async def test_another_stack_is_read_over_a_serial_line(tmp_path: Path, quantities: Quantities) -> None:
    with line(tmp_path) as (ours, theirs), modbus_tk(theirs):
        wanted = given(quantities, 1, 2, 5)
        async with Driver(rtu(ours), wanted) as driver:
            found = await listen(driver, 6)
    assert values(found) == {
        (series, value)
        for unit, ph in ((1, 7.01), (2, 7.02), (5, 7.05))
        for series, value in ((f"d{unit}/ph", ph), (f"d{unit}/water_temp", -10.1))
    }
    assert wanted.health.refused == 0


async def test_a_silent_unit_leaves_its_neighbours_alone(tmp_path: Path, quantities: Quantities) -> None:
    with line(tmp_path) as (ours, theirs), modbus_tk(theirs):
        async with Driver(rtu(ours), given(quantities, 1, 3, 5)) as driver:
            found = await listen(driver, 12)
    assert {value for series, value in values(found) if series.startswith("d3/")} == {None}
    assert {
        value for series, value in values(found) if series.endswith("/ph") and not series.startswith("d3")
    } == {
        7.01,
        7.05,
    }


async def test_a_relay_is_switched_and_read_back(tmp_path: Path, quantities: Quantities) -> None:
    writes = [{"unit": 5, "address": 4, "kind": "coil"}, {"unit": 5, "address": 100, "max": 9}]
    with line(tmp_path) as (ours, theirs), modbus_tk(theirs) as far:
        async with Driver(rtu(ours, writes=writes), given(quantities, 5)) as driver:
            await driver.write(5, 4, 1, "coil")
            await driver.write(5, 100, 9)
        assert far.get_slave(5).get_values("coils", 4, 1) == (1,)
        assert far.get_slave(5).get_values("holding", 100, 1) == (9,)


async def test_units_that_answer_are_found(tmp_path: Path, quantities: Quantities) -> None:
    with line(tmp_path) as (ours, theirs), modbus_tk(theirs):
        async with Driver(rtu(ours, gap="0s"), given(quantities, 5)) as driver:
            found = await driver.discover(1.6)
    assert [item.address for item in found] == ["1", "2"]


async def test_a_serial_server_that_passes_frames_through(tmp_path: Path, quantities: Quantities) -> None:
    port = free_port()
    with line(tmp_path) as (ours, theirs), modbus_tk(theirs), bridge(ours, port):
        over = Settings.model_validate({"connection": "rtu-over-tcp", "host": "127.0.0.1", "port": port})
        async with Driver(over, given(quantities, 1)) as driver:
            found = await listen(driver, 3)
    assert values(found) == {("d1/ph", 7.01), ("d1/water_temp", -10.1)}


GOOD = with_crc(bytes.fromhex("01030402bdff9b"))


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("noise", [b"", b"\x00"])
async def test_an_adapter_that_echoes_is_survived(
    declared: bool, noise: bytes, tmp_path: Path, quantities: Quantities
) -> None:
    with line(tmp_path) as (ours, theirs), scripted(theirs, lambda request: noise + request + GOOD):
        wanted = given(quantities, 1)
        async with Driver(rtu(ours, echo=declared), wanted) as driver:
            found = await listen(driver, 3)
    assert values(found) == {("d1/ph", 7.01), ("d1/water_temp", -10.1)}
    assert wanted.health.refused == 0


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"", "no_reply"),
        (GOOD[:-1], "bad_crc"),
        (GOOD[:4] + b"\x00" + GOOD[5:], "bad_crc"),
        (with_crc(bytes.fromhex("01030202bd")), "short_reply"),
        (with_crc(bytes.fromhex("02030402bdff9b")), "wrong_unit"),
        (with_crc(bytes.fromhex("01040402bdff9b")), "wrong_function"),
        (with_crc(bytes.fromhex("018306")), "exception_6"),
        (b"\xff" * 40, "bad_crc"),
    ],
)
async def test_no_wrong_value_comes_from_a_bad_line(
    reply: bytes, reason: str, tmp_path: Path, quantities: Quantities
) -> None:
    with line(tmp_path) as (ours, theirs), scripted(theirs, lambda _: reply):
        async with Driver(rtu(ours, retries=0, timeout="150ms"), given(quantities, 1)) as driver:
            (found,) = await listen(driver, 1)
    assert [(item.value, item.flagged_by) for item in found.observations if isinstance(item, Reading)] == [
        (None, reason)
    ] * 2


async def test_a_reply_that_comes_too_late_is_nobodys(tmp_path: Path, quantities: Quantities) -> None:
    """The first answer comes after its time-out, with a value that must not be taken for the next question's."""
    asked: list[bytes] = []

    def reply(request: bytes) -> bytes:
        asked.append(request)
        if len(asked) == 1:
            threading.Event().wait(0.25)  # the far end dawdles
        register = int.from_bytes(request[2:4], "big")
        return with_crc(b"\x01\x03\x02" + (100 + register).to_bytes(2, "big"))

    probe = model(registers={"ph": {"address": 0}, "water_temp": {"address": 50}})
    wanted = context([device("d1", probe, 1, timedelta(seconds=1))], SystemClock(), quantities)
    with line(tmp_path) as (ours, theirs), scripted(theirs, reply):
        async with Driver(rtu(ours, timeout="200ms"), wanted) as driver:
            found = await listen(driver, 2)
    assert values(found) == {("d1/ph", 100.0), ("d1/water_temp", 150.0)}


async def test_a_port_that_is_not_there_is_lost_with_the_reason(quantities: Quantities) -> None:
    with pytest.raises(Lost, match="is the adapter plugged in"):
        async with Driver(rtu("/dev/serial/by-id/none"), given(quantities, 1)):
            pass


async def test_a_pulled_adapter_is_lost(tmp_path: Path, quantities: Quantities) -> None:
    with line(tmp_path) as (ours, theirs), modbus_tk(theirs):
        driver = Driver(rtu(ours), given(quantities, 1))
        await driver.__aenter__()
        stream = driver.observations()
        await anext(stream)
    with pytest.raises(Lost):
        await nothing_more(stream)
    await driver.__aexit__(None, None, None)
