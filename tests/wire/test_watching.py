"""The driver, the real worker as its child, and cameras that behave badly."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from drivers.sight.wire import ROOT, Child
from drivers.vision import Driver, Settings
from gateway.bus import Bus
from gateway.catalogue import Catalogue
from gateway.clock import SystemClock
from gateway.contracts import Context, Device, SourceHealth
from gateway.model import Event
from gateway.quantities import Quantities
from gateway.settings import DeviceSettings
from gateway.supervise import keep_alive
from tests.cameras import alive, children_of, drawn, rtsp
from tests.servers import free_port

pytestmark = pytest.mark.servers


class Systemd:
    """The socket on which systemd hears its units."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    def heard(self) -> set[str]:
        found: set[str] = set()
        with contextlib.suppress(BlockingIOError):
            while True:
                found |= set(self._socket.recv(4096).decode().split("\n"))
        self._socket.close()
        return found


class Watching:
    """A supervised source of cameras, and what it has said."""

    def __init__(self, health: SourceHealth) -> None:
        self.health = health
        self.events: list[Event] = []
        self.drivers: list[Driver] = []
        self.clock = SystemClock()
        self.heard: dict[str, float] = {}

    @property
    def worker(self) -> int:
        """The process id of the worker that runs now."""
        wire = self.drivers[-1].wire
        assert isinstance(wire, Child)
        assert wire.pid is not None
        return wire.pid

    def kinds(self, camera: str) -> list[str]:
        return [event.kind for event in self.events if event.source == camera]

    async def until(self, true: Callable[[], bool], seconds: float) -> float:
        """Wait for it; how long it took."""
        began = self.clock.monotonic()
        while not true():
            if self.clock.monotonic() - began > seconds:
                pytest.fail(
                    f"not within {seconds} s; events {[(e.source, e.kind) for e in self.events]}, {self.health}"
                )
            await asyncio.sleep(0.05)
        return self.clock.monotonic() - began

    def sees(self, camera: str) -> Callable[[], bool]:
        """A heartbeat that comes after now says that this camera is open."""
        since = self.clock.monotonic()
        return lambda: self.health.devices.get(camera, float("-inf")) > since


@contextlib.asynccontextmanager
async def watching(
    cameras: dict[str, dict[str, Any]],
    folder: Path,
    quantities: Quantities,
    catalogue: Catalogue,
    **more: Any,
) -> AsyncIterator[Watching]:
    settings = Settings.model_validate({"cameras": cameras} | more)
    health, bus = SourceHealth(), Bus()
    found = Watching(health)
    devices = tuple(Device(slug, DeviceSettings(source="eyes")) for slug in cameras)

    def make() -> Driver:
        found.drivers.append(
            Driver(
                settings,
                Context(
                    "eyes", "test", devices, quantities, catalogue, found.clock, health, folder / "state"
                ),
            )
        )
        return found.drivers[-1]

    async def collect() -> None:
        async for delivery in bus:
            found.events += [item for item in delivery.observations if isinstance(item, Event)]

    opened = asyncio.Event()
    source = asyncio.create_task(
        keep_alive("eyes", make, health=health, bus=bus, clock=found.clock, opened=opened)
    )
    reader = asyncio.create_task(collect())
    try:
        yield found
    finally:
        source.cancel()
        await asyncio.wait([source])
        bus.close()
        await asyncio.wait([reader])


async def test_a_dead_camera_is_blind_within_ten_seconds_and_its_neighbour_never_notices(
    tmp_path: Path, quantities: Quantities, catalogue: Catalogue
) -> None:
    with rtsp(free_port()) as steady, rtsp(free_port()) as dying:
        cameras = {"steady": {"url": steady.url}, "dying": {"url": dying.url}}
        async with watching(cameras, tmp_path, quantities, catalogue) as found:
            await found.until(lambda: {"steady", "dying"} <= set(found.health.devices), 20)
            dying.stop()
            took = await found.until(lambda: "camera_blind" in found.kinds("dying"), 12)
            assert took < 10
            blind = found.events[-1]
            assert "refused" in str(blind.detail["reason"])
            assert "dying" in found.health.device_errors
            with rtsp(dying.port, "--codec", "h265", "--size", "400x224"):
                await found.until(lambda: "camera_back" in found.kinds("dying"), 25)
                await found.until(found.sees("dying"), 5)
            assert found.kinds("steady") == []
            assert await found.until(found.sees("steady"), 3) < 3


@pytest.mark.parametrize("trouble", ["mute", "frozen", "refusing"])
async def test_each_trouble_has_its_own_name(
    trouble: str, tmp_path: Path, quantities: Quantities, catalogue: Catalogue
) -> None:
    secret = tmp_path / "password"
    secret.write_text("falsch", encoding="utf-8")
    secret.chmod(0o600)
    words = ("--user", "viewer:geheim") if trouble == "refusing" else ()
    watch = {"blind": "3s", "frozen": "3s", "moved": "0s", "covered": "0s"}
    with rtsp(free_port(), *words) as camera:
        entry: dict[str, Any] = {"url": camera.url, "watch": watch}
        if trouble == "refusing":
            entry |= {"user": "viewer", "password_file": str(secret)}
        async with watching({"yard": entry}, tmp_path, quantities, catalogue) as found:
            if trouble != "refusing":
                await found.until(lambda: "yard" in found.health.devices, 20)
            if trouble == "mute":
                camera.mute()
            elif trouble == "frozen":
                camera.order("pattern 10")
            await found.until(lambda: bool(found.kinds("yard")), 12)
            event = found.events[0]
            assert event.kind == ("camera_frozen" if trouble == "frozen" else "camera_blind")
            assert event.confidence == 1.0
            if trouble == "refusing":
                assert "401" in str(event.detail["reason"])
                assert "falsch" not in repr(event) + repr(found.health)
            if trouble == "frozen":
                camera.order("pattern 18")
                await found.until(lambda: found.kinds("yard")[-1] == "camera_back", 5)


async def test_a_killed_worker_leaves_no_decoder_and_sight_is_back_within_ten_seconds(
    tmp_path: Path, quantities: Quantities, catalogue: Catalogue
) -> None:
    with rtsp(free_port()) as camera:
        async with watching({"yard": {"url": camera.url}}, tmp_path, quantities, catalogue) as found:
            await found.until(lambda: "yard" in found.health.devices, 20)
            decoders = children_of(found.worker)
            assert decoders
            os.kill(found.worker, signal.SIGKILL)
            assert await found.until(found.sees("yard"), 15) < 10
            assert not [pid for pid in decoders if alive(pid)]
            assert found.health.reopened == 1


async def test_a_worker_that_hangs_is_replaced_and_sight_is_back(
    tmp_path: Path, quantities: Quantities, catalogue: Catalogue
) -> None:
    clip = drawn(tmp_path / "clip.mp4", "testsrc2", 3.0)
    cameras = {"yard": {"url": str(clip), "replay": True}}
    async with watching(cameras, tmp_path, quantities, catalogue) as found:
        await found.until(lambda: "yard" in found.health.devices, 20)
        hung = found.worker
        os.kill(hung, signal.SIGSTOP)
        await asyncio.sleep(0)
        took = await found.until(lambda: len(found.drivers) > 1 and found.health.state == "open", 15)
        assert await found.until(found.sees("yard"), 10) + took < 15, "5 s of silence, then a start"
        assert not alive(hung)


async def test_what_moves_comes_out_as_an_event_of_the_device(
    tmp_path: Path, quantities: Quantities, catalogue: Catalogue
) -> None:
    with rtsp(free_port()) as camera:
        entry = {
            "url": camera.url,
            "zones": {"all": [[0, 0], [1, 0], [1, 1], [0, 1]]},
            "detectors": {"motion": {"zones": ["all"], "review": False, "share": 0.001}},
        }
        async with watching({"yard": entry}, tmp_path, quantities, catalogue) as found:
            await found.until(lambda: "motion" in found.kinds("yard"), 20)
            event = next(event for event in found.events if event.kind == "motion")
            assert event.detail["zone"] == "all"
            assert event.detail["state"] == "confirmed"
            assert 0 <= (event.received - event.at).total_seconds() < 2


async def test_a_worker_of_its_own_unit_comes_to_the_socket_gets_the_plan_and_comes_again(
    tmp_path: Path, quantities: Quantities, catalogue: Catalogue
) -> None:
    clip = drawn(tmp_path / "clip.mp4", "testsrc2", 2.0)
    cameras = {"yard": {"url": str(clip), "replay": True}}
    meeting = tmp_path / "eyes.sock"
    words = ["-m", "detectors", "--connect", str(meeting), "--state", str(tmp_path / "own")]
    unit = {"worker": "unit", "socket": str(meeting)}
    systemd = Systemd(tmp_path / "notify.sock")
    env = os.environ | {"NOTIFY_SOCKET": str(systemd.path)}
    async with watching(cameras, tmp_path, quantities, catalogue, **unit) as found:
        worker = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=ROOT, env=env)
        await found.until(lambda: "yard" in found.health.devices, 20)
        assert {"READY=1", "WATCHDOG=1"} <= systemd.heard()
        assert meeting.stat().st_mode & 0o777 == 0o660
        worker.kill()
        await worker.wait()
        await found.until(lambda: found.health.reopened == 1, 5)
        again = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=ROOT)  # as systemd would
        assert await found.until(found.sees("yard"), 15) < 10
    await asyncio.wait_for(again.wait(), 10)  # the gateway has gone: so does it
    assert again.returncode == 0
    assert not meeting.exists()


async def test_a_worker_that_cannot_start_says_why(
    tmp_path: Path, quantities: Quantities, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cv2.py").write_text(
        "raise ImportError('libGL.so.1: cannot open shared object file')\n", encoding="utf-8"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    async with watching({"yard": {"url": "rtsp://127.0.0.1/sub"}}, tmp_path, quantities, catalogue) as found:
        await found.until(lambda: found.health.state == "lost", 20)
        assert "libGL.so.1: cannot open" in found.health.last_error
