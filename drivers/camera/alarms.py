"""What every driver of a camera's own alarms shares: its settings, who the alarm is of, how often it is said.

Cameras repeat an alarm each second while it lasts, and many never say that it is over. An alarm is therefore said at
once and then once in ``repeat``; that it is over is decided by the rule's ``ends_after``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import Field

from drivers.camera.line import Answer, Caller, PasswordRefused, ask
from drivers.camera.parts import Part, Parts, boundary_of
from drivers.decode.sample import whole_ms
from gateway.contracts import Context
from gateway.credentials import Secret, read_secret, secret_path
from gateway.errors import BadReply, Lost, SettingsError
from gateway.model import Delivery, Event, Reading, series_of
from gateway.schema import Duration, Slug, Strict, duration
from gateway.web.digest import Digest
from gateway.web.door import Url

LOCKED_S = (
    600.0  # cameras lock an account after a few wrong passwords, some for half an hour (ours: try seldom)
)
ONLINE = "online"
ONLINE_S = 300.0  # between two words that it is there
MOST_OPEN = 256  # alarms remembered at once


class CameraSettings(Strict):
    """A camera and its account.

    Attributes:
        url: e.g. ``http://192.168.1.64``.
        username: Of an account that may look and nothing else.
        password_file: File with its password.
        ca_file: Certificate to trust instead of the system's.
        basic: Send the password as it is where the camera knows no Digest and no TLS.
        silence: Nothing heard for so long: the camera is gone.
        repeat: An alarm that lasts is said again after so long; shorter than the rule's ``ends_after``.
        kinds: What the camera calls an alarm -> kind of event; added to what is known already, ``none`` takes away.
    """

    url: Url
    username: str = Field(pattern=r"^[^:\x00-\x1f]+$")
    password_file: str
    ca_file: Path | None = None
    basic: bool = False
    silence: Duration = Field(default=duration("30s"))
    repeat: Duration = Field(default=duration("60s"))
    kinds: dict[str, Slug] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing that the camera said.

    Attributes:
        name: What the camera calls it.
        channel: Which of its eyes.
        active: It is so now; False: it says that it is over.
        region: Which part of the picture, if it said so.
        detail: Numbers and short texts.
    """

    name: str
    channel: str
    active: bool
    region: str = ""
    detail: Mapping[str, float | str] = field(default_factory=dict)


class Alarms:
    """Turns alarms into events.

    Args:
        context: Of the source.
        known: What the maker calls an alarm -> kind and score.
        settings: Of the source.
    """

    def __init__(
        self, context: Context, known: Mapping[str, tuple[str, float]], settings: CameraSettings
    ) -> None:
        own = {name.lower(): (kind, 0.8) for name, kind in settings.kinds.items()}
        self._known = {**{name.lower(): one for name, one in known.items()}, **own}
        self._context = context
        self._repeat_s = settings.repeat.total_seconds()
        self._said: dict[tuple[str, str, str], float] = {}

    def events(self, alarm: Alarm) -> Iterator[Event]:
        """The event to be told, if any."""
        kind, score = self._known.get(alarm.name.lower(), ("none", 0.0))
        device = self._device(alarm.channel)
        self._context.health.good(self._context.clock, device)
        if kind == "none":
            return
        key = (device, alarm.name, alarm.region)
        now = self._context.clock.monotonic()
        if not alarm.active:
            self._said.pop(key, None)
            return
        if now - self._said.get(key, float("-inf")) < self._repeat_s:
            return
        self._said.pop(key, None)
        self._said[key] = now
        while len(self._said) > MOST_OPEN:
            self._said.pop(next(iter(self._said)))
        at = self._context.clock.now()
        detail = {"alarm": alarm.name, "channel": alarm.channel, **alarm.detail}
        if alarm.region:
            detail["region"] = alarm.region
        yield Event(device, kind, at, at, score, detail)

    def _device(self, channel: str) -> str:
        """Whose alarm it is; one of a channel that nobody configured is told all the same, under the source's name."""
        devices = self._context.devices
        found = next((one for one in devices if str(one.settings.address) == channel), None)
        if found is None and len(devices) == 1 and devices[0].settings.address == "":
            found = devices[0]
        if found is None:
            self._context.health.stranger(f"channel {channel}"[:60], self._context.clock.now())
            return self._context.name
        return found.slug


class Listening(ABC):
    """A camera whose answer is a stream of alarms: open, read, cut into parts. What a part means the driver says.

    Args:
        settings: Of the source.
        context: Of the source.
        target: Path and query of the stream.
        known: What the maker calls an alarm -> kind and score.
        closing: What a text of this maker ends with.
    """

    def __init__(
        self,
        settings: CameraSettings,
        context: Context,
        target: str,
        known: Mapping[str, tuple[str, float]],
        *,
        closing: bytes = b"",
    ) -> None:
        self._alarms = Alarms(context, known, settings)
        self._settings = settings
        self._context = context
        self._target = target
        self._closing = closing
        self._answer: Answer | None = None
        self._parts = Parts(b"")

    async def __aenter__(self) -> Self:
        """Ask for the stream; Lost when the camera is absent or refuses us."""
        password = self._password()
        caller = Caller(
            self._settings.url,
            self._settings.username,
            password,
            self._settings.ca_file,
            self._settings.basic,
        )
        memory = self._context.health.memory
        try:
            self._answer = await ask(caller, self._target, digest=Digest(self._settings.username, password))
            self._parts = Parts(boundary_of(self._answer.header("content-type")), self._closing)
        except PasswordRefused:
            memory["refused"] = (self._context.clock.monotonic(), self._stamp())
            raise
        except BadReply as error:
            await self._close()
            raise Lost(str(error)) from error
        memory.pop("refused", None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the connection go."""
        await self._close()

    async def observations(self) -> AsyncIterator[Delivery]:
        """Every alarm at once; that the camera is there, now and each five minutes; that it is not, when it is lost."""
        clock = self._context.clock
        said = clock.monotonic()
        for delivery in self._online(1.0):
            yield delivery
        try:
            async for part in self._parts_heard():
                for alarm in self._read(part):
                    told = tuple(self._alarms.events(alarm))
                    if told:
                        yield Delivery(told)
                if clock.monotonic() - said >= ONLINE_S:
                    said = clock.monotonic()
                    for delivery in self._online(1.0):
                        yield delivery
        except Lost:
            for delivery in self._online(0.0):
                yield delivery
            raise

    def _online(self, value: float) -> Iterator[Delivery]:
        """Whether it is heard, for all its devices: an eye that sends nothing but alarms is silent for months."""
        now = self._context.clock.now()
        told = tuple(
            Reading(series_of(device.slug, ONLINE), value, whole_ms(now), now)
            for device in self._context.devices
        )
        if told:
            yield Delivery(told)

    @abstractmethod
    def _read(self, part: Part) -> list[Alarm]:
        """What a part says; the maker's own."""

    async def _parts_heard(self) -> AsyncIterator[Part]:
        assert self._answer is not None, "opened with async with"
        async for piece in self._answer.pieces(self._settings.silence.total_seconds()):
            try:
                for part in self._parts.feed(piece):
                    yield part
            except BadReply as error:
                raise Lost(str(error)) from error

    def _password(self) -> Secret:
        """Read each time, so that a new file counts at once; a refused one is not tried again for ten minutes."""
        refused = self._context.health.memory.get("refused")
        if isinstance(refused, tuple):
            when, stamp = refused
            left = LOCKED_S - (self._context.clock.monotonic() - when)
            if left > 0 and stamp == self._stamp():
                raise Lost(f"the camera refused the user or the password; tried again in {left / 60:.0f} min")
        try:
            return read_secret(self._settings.password_file, "password_file")
        except SettingsError as error:
            raise Lost(str(error)) from error

    def _stamp(self) -> tuple[int, int]:
        """Changes when somebody writes the password file anew."""
        try:
            facts = secret_path(self._settings.password_file).stat()
        except OSError:
            return 0, 0
        return facts.st_mtime_ns, facts.st_ino

    async def _close(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            await answer.close()
