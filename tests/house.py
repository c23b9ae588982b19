"""A real gateway process for tests: a site in a folder, ``village run``, its local socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway import control
from gateway.app import House
from gateway.clock import ManualClock
from gateway.errors import Unavailable
from gateway.site import load_site
from tests.servers import eventually

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Gateway:
    """One running gateway."""

    site: Path
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def state(self) -> Path:
        return self.site / "state"

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = control.ask(self.state, "/api/v1/status")
        return answer

    def latest(self) -> dict[str, Any]:
        answer: dict[str, Any] = control.ask(self.state, "/api/v1/latest")
        return answer

    def up(self) -> bool:
        if self.process.poll() is not None:
            pytest.fail(f"the gateway ended: {self.log.read_text(errors='replace')[-1500:]}")
        with contextlib.suppress(Unavailable):
            return bool(self.status())
        return False

    def open(self, source: str) -> bool:
        return self.up() and bool(self.status()["sources"][source]["state"] == "open")

    def stop(self, number: int = signal.SIGTERM, seconds: float = 15) -> int:
        self.process.send_signal(number)
        return self.process.wait(seconds)


def write_site(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "village.yaml").write_text(text, encoding="utf-8")
    return folder


@contextlib.contextmanager
def gateway(site: Path, environment: Mapping[str, str] | None = None) -> Iterator[Gateway]:
    """``village run`` on a site, ready to be asked; killed at the end if it still runs."""
    log = site / "gateway.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "run", str(site)],
            cwd=ROOT,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )
    running = Gateway(site, process, log)
    try:
        eventually(running.up, 30)
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@contextlib.asynccontextmanager
async def house(
    folder: Path, clock: ManualClock, text: str = "site: {slug: demo}\napi: {port: 0}\n"
) -> AsyncIterator[House]:
    """A house inside the test, under a clock that the test moves; no sources but its own health."""
    (folder / "village.yaml").write_text(text, encoding="utf-8")
    building = House(load_site(folder), folder / "state", clock)
    stop, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(building.run(stop, ready.set))
    try:
        await asyncio.wait_for(ready.wait(), 20)
        yield building
    finally:
        stop.set()
        await clock.advance(0)
        await asyncio.wait_for(task, 20)


def uplink(eui: str, payload_base64: str, f_cnt: int, time: str, port: int = 85) -> bytes:
    """A ChirpStack v4 uplink event."""
    return json.dumps(
        {
            "deduplicationId": f"3ac7e3c4-4401-4b8d-9386-{f_cnt:012x}",
            "time": time,
            "deviceInfo": {"deviceName": "x", "devEui": eui.lower(), "deviceProfileName": "any"},
            "devAddr": "00189440",
            "fCnt": f_cnt,
            "fPort": port,
            "data": payload_base64,
            "rxInfo": [{"gatewayId": "0016c001f153a14c", "rssi": -36, "snr": 10.5}],
        }
    ).encode()
