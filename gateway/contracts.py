"""What a driver, a decoder, a sink and a channel owe the house, and what they are given.

Every plug-in module has two public names, always the same: ``Settings`` and ``Driver`` (or ``Sink``, ``Channel``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self, runtime_checkable

from gateway.catalogue import Catalogue, DeviceModel
from gateway.clock import Clock
from gateway.errors import DeliveryError
from gateway.model import Delivery, Event, Notice, Reading
from gateway.quantities import Quantities
from gateway.settings import DeviceSettings
from gateway.words import Language


@dataclass(frozen=True, slots=True)
class Device:
    """One sensor of this site: what the technician wrote, and what the catalogue knows of its model."""

    slug: str
    settings: DeviceSettings
    model: DeviceModel | None = None

    @property
    def period(self) -> timedelta:
        """How often it should be heard: its own setting, else the model's, else ten minutes."""
        return self.settings.period or (self.model.interval if self.model else timedelta(minutes=10))


LONGEST_RAW = 2000  # letters


@dataclass(slots=True)
class SourceHealth:
    """What one source has done so far; written by its driver and its supervisor, read by status and metrics.

    Attributes:
        state: ``opening``, ``open``, ``lost`` or ``quarantined``.
        received: Messages or replies understood.
        refused: Messages or replies that could not be understood.
        dropped: Deliveries nobody could keep (bus full, QoS 0).
        duplicates: Repeated messages counted once.
        overdue: Polls that started late or were stretched.
        unknown: Senders nobody has configured: name -> last seen (bounded).
        last_good: Monotonic time of the last understood message, ``None`` before the first.
        last_good_at: The same moment on the wall clock.
        last_error: In words.
        devices: Per device: monotonic time of its last good message.
        device_errors: Per device: its last error in words; gone after the next good message.
        notes: Facts a person should read, e.g. "periods stretched 1.8x".
        memory: What the driver itself must still know when it is opened again; nobody else looks at it.
        raws: Per device: when and what it said last, as it came.
    """

    state: str = "opening"
    received: int = 0
    refused: int = 0
    dropped: int = 0
    duplicates: int = 0
    overdue: int = 0
    reopened: int = 0
    unknown: dict[str, datetime] = field(default_factory=dict)
    last_good: float | None = None
    last_good_at: datetime | None = None
    last_error: str = ""
    devices: dict[str, float] = field(default_factory=dict)
    device_errors: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    memory: dict[str, object] = field(default_factory=dict, repr=False)
    raws: dict[str, tuple[datetime, str]] = field(default_factory=dict, repr=False)

    def raw(self, device: str, at: datetime, text: str) -> None:
        """What a device has just said, as it came, for a person who wonders; only the last is kept."""
        self.raws[device] = at, text[:LONGEST_RAW]

    def good(self, clock: Clock, device: str | None = None) -> None:
        """Something was heard and understood."""
        self.received += 1
        self.last_good = clock.monotonic()
        self.last_good_at = clock.now()
        if device is not None:
            self.devices[device] = self.last_good
            self.device_errors.pop(device, None)

    def bad(self, problem: str, device: str | None = None) -> None:
        """Something was heard (or not) and could not be understood."""
        self.refused += 1
        self.last_error = problem[:300]
        if device is not None:
            self.device_errors[device] = problem[:300]

    def stranger(self, name: str, at: datetime) -> None:
        """A sender nobody configured; the list is bounded, the oldest is forgotten first."""
        self.unknown.pop(name, None)
        self.unknown[name[:120]] = at
        while len(self.unknown) > 200:
            self.unknown.pop(next(iter(self.unknown)))


@dataclass(frozen=True)
class Context:
    """What a driver is given beside its own settings.

    Attributes:
        name: Of this source in the site file.
        site: Slug of the site.
        devices: The enabled devices that name this source.
        quantities: All quantities.
        catalogue: All device models (to name strangers).
        clock: The only clock a driver may ask.
        health: Where it counts.
        state_dir: A folder of its own that survives restarts; may not exist yet.
        vitals: The gateway's own figures (backlog, drops, ...), for the health source.
        catalogue_dirs: Where catalogue files (and vendor codecs beside them) lie.
        zone: The site's time zone, for devices that tell local time.
        by_hand: A person looks for a moment (``village read``, ``discover``) while the daemon may be running: leave its
            sessions alone and leave nothing behind.
    """

    name: str
    site: str
    devices: tuple[Device, ...]
    quantities: Quantities
    catalogue: Catalogue
    clock: Clock
    health: SourceHealth
    state_dir: Path
    vitals: Callable[[], Mapping[str, float]] = dict
    catalogue_dirs: tuple[Path, ...] = ()
    zone: tzinfo = UTC
    by_hand: bool = False


class Driver(Protocol):
    """One wire. Opened with ``async with``, read with ``async for``, closed by leaving.

    It yields or it raises: ``Lost`` when the connection is gone (the supervisor backs off and opens a fresh one), and
    it counts in ``context.health`` what it could not understand. It knows nothing of retries, buffers, grading or logs.
    After ``__aexit__`` nothing of it runs any more. An absent far end at start is ``Lost``, not a crash.
    """

    async def __aenter__(self) -> Self:
        """Open the wire; raises Lost."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it; must not raise."""

    def observations(self) -> AsyncIterator[Delivery]:
        """Everything heard, in order, until the wire is lost."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One look at a device, for a person: raw on the left, meaning on the right."""

    raw: tuple[str, ...]
    readings: tuple[Reading, ...]
    diagnostics: tuple[str, ...] = ()


class Readable(Protocol):
    """A driver that can read one device now (``village read``)."""

    async def read(self, device: Device) -> Exchange:
        """One look; raises Lost or BadReply with the reason in words."""


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody on the wire who is not in the site file, and the YAML that would put him there."""

    address: str
    seen: str
    models: tuple[str, ...]
    yaml: str


class Discovering(Protocol):
    """A driver that can look for strangers (``village discover``)."""

    async def discover(self, seconds: float) -> Sequence[Found]:
        """Listen or ask around for that long."""


@dataclass(frozen=True, slots=True)
class Rollup:
    """Ten minutes, an hour or a day of one series in one line.

    Attributes:
        series: Its name.
        start: Of the bucket, aware UTC.
        span: Its length.
        count: Readings with a usable value (flag GOOD, UNKNOWN or SUSPECT).
        mean: Of those. minimum: Of those. maximum: Of those.
    """

    series: str
    start: datetime
    span: timedelta
    count: int
    mean: float
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal on its way to a consumer; ``seq`` only ever grows."""

    seq: int
    item: Reading | Event | Rollup


@dataclass(frozen=True)
class SinkContext:
    """What a sink is given beside its own settings: it is built as ``Sink(settings, context)``.

    Attributes:
        name: Of this sink in the site file.
        site: Slug of the site.
        quantities: All quantities.
        clock: The only clock a sink may ask.
        state_dir: A folder of its own that survives restarts; may not exist yet.
    """

    name: str
    site: str
    quantities: Quantities
    clock: Clock
    state_dir: Path


class Sink(Protocol):
    """A far side that keeps readings. Called from a thread of its own; may block, must end within its time-outs.

    Building one opens nothing and never fails for want of a far side. ``send`` returns when every entry is stored
    there; sending the same entry again must store it once. It raises Unavailable (keep, try later), Refused or TooLarge
    (bisect), Misconfigured (keep, a person must act), nothing else. ``close`` may come from another thread to break a
    ``send`` that hangs; that ``send`` then raises Unavailable.
    """

    def send(self, entries: Sequence[Entry]) -> None:
        """Store them."""

    def check(self) -> list[tuple[str, str]]:
        """Try every step for real; (step, "ok" or what failed), in order, stopping after the first failure."""

    def close(self) -> None:
        """Let the connection go."""


@dataclass(frozen=True)
class ChannelContext:
    """What a channel is given beside its own settings: it is built as ``Channel(settings, context)``.

    Attributes:
        name: Of this channel in the site file.
        site: What people call this village; stands in front of what they get.
        language: Of the few words that the channel itself adds.
        clock: The only clock a channel may ask.
        state_dir: A folder of its own that survives restarts; may not exist yet.
    """

    name: str
    site: str
    language: Language
    clock: Clock
    state_dir: Path


@dataclass(frozen=True, slots=True)
class Delivered:
    """The far side has taken a message.

    Attributes:
        provider_id: Its number there, to ask for a receipt by; empty when there is none.
        words: What the far side said, for a person to read.
        state: ``accepted``: it promises to pass it on. ``delivered``: it knows that it has arrived.
    """

    provider_id: str
    words: str
    state: Literal["accepted", "delivered"] = "accepted"


class Channel(Protocol):
    """A way to tell people. Called from a worker thread, one message at a time; blocks, must end within its time-outs.

    Building one opens nothing and reads no secret. Success is judged by what the far side says in its body, never
    by the HTTP status alone. No secret is ever part of an error, a log line or an address that is shown.
    """

    def unfit(self, notice: Notice) -> str:
        """Why this message cannot go this way (address, forbidden signs), in words, or nothing. Opens nothing."""

    def deliver(self, notice: Notice) -> Delivered:
        """Hand it over; raises Retry, Uncertain, Undeliverable (also for what is unfit) or Broken, nothing else."""

    def close(self) -> None:
        """Let connections go; may be called twice, and before anything was sent."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that somebody said to us over a channel.

    Attributes:
        id: The far side's number of it; the same when it is heard again.
        sender: His address there (number, chat id); empty when only the matter is known.
        text: What he said, or which keys he pressed.
        at: When, aware UTC.
        about: Which message of ours he answers: our id or the provider's number; empty when that is not known.
        keys: He pressed keys instead of writing.
    """

    id: str
    sender: str = field(repr=False)
    text: str
    at: datetime
    about: str = ""
    keys: bool = False


@runtime_checkable
class Hearing(Protocol):
    """A channel that also hears. Called from another thread than ``deliver``, which may be at work at the same time."""

    @property
    def listens(self) -> bool:
        """Whether it is set up to listen."""

    def hear(self, wait_s: float) -> Sequence[Heard]:
        """What came in, oldest first; waits about so long for it, returns at once when closed.

        The same again until :meth:`taken`. Raises Retry, Uncertain or Broken.
        """

    def taken(self, heard: Sequence[Heard]) -> None:
        """These are done with: the far side need not keep them. Raises like :meth:`hear`."""


@runtime_checkable
class Reported(Protocol):
    """A channel whose provider posts to us what people answer and what became of messages."""

    def is_from(self, token: str) -> bool:
        """Whether the one who posts knows the secret of the address."""

    def understood(self, report: bytes) -> Sequence[Heard]:
        """What people answer in a report. Raises ValueError when it is none."""


@runtime_checkable
class Receipted(Protocol):
    """A channel that can be asked later what became of a message."""

    def receipt(self, notice: Notice, at: datetime, provider_id: str) -> Delivered | DeliveryError | None:
        """What became of a message handed over at that time; ``None``: not known yet. Raises DeliveryError."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a thing shall do.

    Attributes:
        id: Ours; the same when it is tried again.
        what: ``switch``: be on or off. ``look``: a camera turns to a preset and, if asked, takes a picture.
        on: Of a switch. for_s: For how long it shall be on [s]. text: What a loudspeaker or a screen says meanwhile.
        camera: Who looks. preset: Where to; empty: where the alert's device is seen, else where it looks now.
        snapshot: And a picture of it. rule: Of the alert that asks. target: Likewise.
    """

    id: str
    what: Literal["switch", "look"]
    on: bool = False
    for_s: float = 0.0
    text: str = ""
    camera: str = ""
    preset: str = ""
    snapshot: bool = False
    rule: str = ""
    target: str = ""


@runtime_checkable
class Actuator(Protocol):
    """Something that acts. A driver that is one is asked for the cameras of its source (``look``)."""

    async def act(self, act: Act) -> str:
        """Done when it returns, with what the far side said; for a picture the id of the evidence.

        The same act twice does what it does once. Raises Lost or BadReply (again later) or a DeliveryError.
        """


@runtime_checkable
class CoilWriter(Protocol):
    """A running driver that writes what its own list allows (Modbus)."""

    async def write(self, unit: int, address: int, value: int, kind: str = "holding") -> None:
        """One register or coil; raises SettingsError (not allowed), BadReply or Lost."""
