"""Cameras: a worker of its own looks at them, this driver hears what it says.

- reads: one JSON line for each sighting and a heartbeat each second, from a child process over a pipe or from the unit
  ``village-eyes`` over a Unix socket; pictures never come here
- reconnects: never by itself; a worker that has ended or fallen silent is Lost, and the supervisor starts another one
- acts: turns a camera and takes a picture for a rule; an answer is waited for 18 s
- times out: 60 s until the first line (networks are read), then 5 s without a heartbeat
- tested on the wire: the real worker on files and on a real RTSP server, killed and stopped in the middle
- seen on real hardware: not yet
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from drivers.sight.errands import Errands
from drivers.sight.lines import complaint_of, event_of, readings_of
from drivers.sight.wire import ROOT, Child, Unit, Wire
from gateway.cameras import Eyes, spoken
from gateway.contracts import Act, Context
from gateway.errors import BadReply, Fault, Lost, SettingsError, Undeliverable
from gateway.evidence.pictures import UNIT_FOLDER
from gateway.files import nearest
from gateway.model import Delivery
from gateway.schema import Duration

OPEN_S = 60.0
SILENCE_S = 5.0
SOCKET = Path("/run/village-eyes/eyes.sock")


class Settings(Eyes):
    """The cameras of a site, and who looks through them.

    Example::

        sources:
          eyes:
            driver: vision
            models:
              fire: {path: /etc/village/models/fire.onnx, sha256: 9f2c..., size: 320}
            cameras:
              yard:
                url: rtsp://192.168.1.20/main
                sub: rtsp://192.168.1.20/sub
                user: viewer
                password_file: yard-camera
                zones: {stove: [[0.1, 0.5], [0.4, 0.5], [0.4, 0.9], [0.1, 0.9]]}
                detectors: {fire: {}}

    The keys of a camera are those of :class:`gateway.cameras.CameraEntry`.

    Attributes:
        worker: ``child``: we start it. ``unit``: systemd does, with limits of its own, and it comes to the socket.
        socket: Where it comes to.
        report: How often a camera's own figures become readings.
    """

    worker: Literal["child", "unit"] = "child"
    socket: Path = SOCKET
    report: Duration = timedelta(seconds=60)


def examine(settings: Settings, context: Context) -> list[Fault]:
    """What only the worker can see wrong: settings of detectors, models that are not what they should be. Blocks."""
    asked = json.dumps(plan_of(settings, context)).encode()
    words = [sys.executable, "-m", "detectors", "--check", "--stdin", "--json"]
    done = subprocess.run(words, input=asked, capture_output=True, check=False, cwd=ROOT)  # noqa: S603  # our own program
    lines = [json.loads(text) for text in done.stdout.splitlines() if text.startswith(b"{")]
    found = [line["fault"] for line in lines if "fault" in line]
    if done.returncode and not found:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        problem = f"the worker does not start ({' '.join(last)})"
        return [Fault("", 0, "driver", problem, "pip install 'village-gateway[vision]'")]
    return [Fault("", 0, one["key"], one["problem"], one["remedy"]) for one in found]


def plan_of(settings: Settings, context: Context) -> dict[str, Any]:
    """What the worker must know; never a password."""
    now = context.clock.now().astimezone(context.zone)
    offset = now.utcoffset() or timedelta(0)
    whole = spoken(settings)
    if settings.worker == "unit":  # another user: evidence lies where both can reach it
        whole["evidence"] = {"folder": str(UNIT_FOLDER), **whole["evidence"]}
    return {
        "eyes": {key: whole[key] for key in Eyes.model_fields},
        "state_dir": str(context.state_dir.resolve()),
        "utc_offset_s": offset.total_seconds(),
        "clock_trusted": context.clock.trusted(),
    }


class Driver:
    """One worker and its cameras.

    Raises:
        SettingsError: A camera without a device, or a device without a camera.
    """

    def __init__(self, settings: Settings, context: Context) -> None:
        self._settings = settings
        self._context = context
        self._devices = {
            str(device.settings.address or device.slug): device.slug for device in context.devices
        }
        self._wire: Wire = Child() if settings.worker == "child" else Unit(settings.socket)
        self._errands = Errands(self._wire.say)
        self._there = False
        self._first: Mapping[str, Any] | None = None
        self._reported = float("-inf")
        self._refuse_strangers()

    @property
    def wire(self) -> Wire:
        """The way to the worker."""
        return self._wire

    async def __aenter__(self) -> Self:
        """Start or await the worker, say what to look at, hear it once; Lost when it does not come to that."""
        began = self._context.clock.monotonic()
        await self._wire.open(plan_of(self._settings, self._context), OPEN_S)
        try:
            left = OPEN_S - (self._context.clock.monotonic() - began)
            self._first = await self._hear(max(1.0, left))
        except BaseException:
            await self._wire.close()
            raise
        self._there = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let it write down what is open, then end it."""
        self._there = False
        self._errands.end()
        await self._wire.close()

    async def observations(self) -> AsyncIterator[Delivery]:
        """Everything it sees."""
        line: Mapping[str, Any] | None
        line, self._first = self._first, None
        while True:
            for delivery in self._deliveries(line) if line is not None else ():
                yield delivery
            line = await self._hear(SILENCE_S)

    def mark(self, camera: str, key: str, *, right: bool) -> None:
        """Pass an operator's word on a sighting to its detector."""
        self._wire.say({"mark": {"camera": camera, "key": key, "right": right}})

    def look(self, camera: str, place: str, seconds: float = 30.0) -> None:
        """Have a moving camera look at a stored place next; it returns to its round by itself."""
        self._wire.say({"look": {"camera": camera, "place": place, "seconds": seconds}})

    async def act(self, act: Act) -> str:
        """Turn a camera, take a picture; its id, or words. See :class:`gateway.contracts.Actuator`."""
        entry = self._settings.cameras.get(act.camera)
        if act.what != "look" or entry is None:
            raise Undeliverable(
                f"no camera is called {act.camera!r}" if entry is None else "a camera only looks"
            )
        preset = act.preset or entry.seen_from(act.target.partition(":")[0])
        if preset and entry.ptz is None and not act.snapshot:
            raise Undeliverable(f"camera {act.camera} cannot be turned: it has no ptz")
        if not self._there:
            raise Lost(f"camera {act.camera}: the worker is not there")
        return await self._errands.run(act, preset)

    async def _hear(self, seconds: float) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(seconds):
                text = await self._wire.line()
        except TimeoutError as error:
            self._wire.give_up()
            raise Lost(f"the worker has been silent for {seconds:.0f} s") from error
        if not text:
            raise Lost(f"the worker has gone: {await self._wire.close()}")
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if not isinstance(line, dict):
            self._context.health.bad(f"not a line of the worker: {text[:80]!r}")
            return {}
        if "fault" in line:
            problem = f"{line['fault'].get('key', '')}: {line['fault'].get('problem', '')}"
            self._context.health.bad(problem)
        return line

    def _deliveries(self, line: Mapping[str, Any]) -> list[Delivery]:
        if "beat" in line:
            return self._beat(line)
        if "looked" in line:
            return self._looked(line["looked"])
        if "kind" not in line:
            return []
        camera = str(line.get("camera", ""))
        device = self._devices.get(camera)
        if device is None:
            return []
        now = self._context.clock.now()
        entry = self._settings.cameras.get(camera)
        today = now.astimezone(self._context.zone).date()
        shadow = entry is not None and entry.in_shadow(str(line["kind"]), today)
        try:
            event = event_of(line, device, now, shadow=shadow)
        except BadReply as error:
            self._context.health.bad(str(error))
            return []
        return [Delivery((event,))] if event is not None else []

    def _looked(self, looked: Mapping[str, Any]) -> list[Delivery]:
        """A picture that was asked for; the rules that sightings are shadowed by are not for what an alert asks."""
        device = self._devices.get(str(looked.get("camera", "")), "")
        try:
            event = self._errands.heard(looked, device, self._context.clock.now())
        except BadReply as error:
            self._context.health.bad(str(error))
            return []
        return [Delivery((event,))] if event is not None else []

    def _beat(self, line: Mapping[str, Any]) -> list[Delivery]:
        clock, health = self._context.clock, self._context.health
        now = clock.monotonic()
        report = now - self._reported >= self._settings.report.total_seconds()
        self._reported = now if report else self._reported
        found: list[Delivery] = []
        notes = {}
        for camera, state in line.get("cameras", {}).items():
            device = self._devices.get(camera)
            if device is None:
                continue
            complaint = complaint_of(state)
            if complaint:
                health.bad(f"{device}: {complaint}", device)
            elif state.get("open"):
                health.good(clock, device)
            asleep = [f"{name} ({why})" for name, why in state.get("detectors", {}).items() if why != "ok"]
            if asleep:
                notes[device] = f"{device} does not look for {', '.join(asleep)}"
            if state.get("ptz", "ok") != "ok":
                notes[f"{device} ptz"] = f"{device} cannot be turned: {state['ptz']}"[:200]
            if report:
                found.append(Delivery(readings_of(state, device, clock.now())))
        health.notes.clear()
        health.notes.update(notes)
        return [delivery for delivery in found if delivery.observations]

    def _refuse_strangers(self) -> None:
        cameras = self._settings.cameras
        faults = [
            Fault(
                "",
                0,
                f"cameras.{slug}",
                "no device is this camera",
                f"add devices: {slug}: {{source: {self._context.name}}}",
            )
            for slug in cameras
            if slug not in self._devices
        ]
        faults += [
            Fault(
                "", 0, f"cameras.{slug}.url", "a file is no camera", "replay: true plays it as if it were one"
            )
            for slug, camera in cameras.items()
            if urlsplit(camera.looks_at).scheme in {"", "file"} and not camera.replay
        ]
        faults += [
            Fault(
                "",
                0,
                f"devices.{device}.address",
                f"no camera is called {camera!r}",
                nearest(camera, list(cameras)),
            )
            for camera, device in self._devices.items()
            if camera not in cameras
        ]
        if faults:
            raise SettingsError(*faults)
