"""A frozen stage is noticed: the watchdog is fed by progress, not by a timer."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.app import STALLED_S, House
from gateway.clock import ManualClock
from gateway.errors import Unavailable
from gateway.model import Delivery
from tests.conftest import NOON
from tests.house import house


class Notices:
    """What systemd would hear."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        self.lines: list[str] = []

    def heard(self) -> list[str]:
        """Everything since the last call."""
        self.listen()
        lines, self.lines = self.lines, []
        return lines

    def listen(self) -> None:
        """Take what has come: the queue of such a socket holds about ten messages."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.lines += self.socket.recv(1000).decode().splitlines()


class Stuck:
    """A receipt whose sender never comes back: it holds up the journal's thread until the test lets go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.reached = threading.Event()

    def settle(self) -> None:
        self.reached.set()
        self.let_go.wait(30)


@pytest.fixture
def notices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notices]:
    listener = Notices(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    yield listener
    listener.socket.close()


async def pass_time(house: House, clock: ManualClock, seconds: float, notices: Notices) -> None:
    """Time passes in small steps, and the real threads behind get their turn."""
    for _ in range(int(seconds / 5)):
        await clock.advance(5)
        notices.listen()
        with contextlib.suppress(Unavailable):  # frozen: that is what one of the stories is about
            await asyncio.to_thread(house.journal.flush, 0.2)


async def test_ready_is_said_once_and_the_dog_is_fed_while_work_goes_on(
    tmp_path: Path, notices: Notices
) -> None:
    clock = ManualClock(NOON)
    async with house(tmp_path, clock) as building:
        await pass_time(building, clock, 120, notices)
        assert building.status()["stalled"] == []
        lines = notices.heard()
    assert lines.count("READY=1") == 1
    assert lines.count("WATCHDOG=1") >= 8
    assert "STOPPING=1" in notices.heard()


async def test_a_frozen_journal_thread_starves_the_dog_and_status_names_the_stage(
    tmp_path: Path, notices: Notices
) -> None:
    clock = ManualClock(NOON)
    stuck = Stuck()
    async with house(tmp_path, clock) as building:
        await building.bus.put(Delivery((), stuck))
        await asyncio.to_thread(stuck.reached.wait, 10)
        await pass_time(building, clock, STALLED_S + 15, notices)
        assert building.status()["stalled"] == ["commit"]
        notices.heard()
        await pass_time(building, clock, 60, notices)
        assert "WATCHDOG=1" not in notices.heard()
        stuck.let_go.set()
        await pass_time(building, clock, 30, notices)
        assert building.status()["stalled"] == []
        assert "WATCHDOG=1" in notices.heard()
