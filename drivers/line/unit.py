"""One device on a line: what it wants at each period, one poll from the first question to the readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from drivers.decode.frames import Request
from drivers.decode.plan import Frame, apart, items_of, plan
from drivers.decode.registers import Raw, sample_of, wanted_fields
from drivers.decode.sample import readings_of
from gateway.catalogue import DeviceModel
from gateway.contracts import Context, Device
from gateway.errors import Fault, SettingsError
from gateway.model import Reading
from gateway.quantities import Quantities

REFUSED = (
    "exception_2",
    "exception_3",
)  # illegal data address or value: often only for one register of several


@dataclass(slots=True)
class Poll:
    """One look at a device while it lasts.

    Attributes:
        groups: Which of its groups of registers.
        frames: Still to be asked.
        steps: Preparations still to be sent.
        raw: What came so far.
        at: When the registers were (first) read; stands on every reading of the poll.
        tries: Of the question at hand.
        cost_s: Seconds of line used.
        spoke: It said something.
        problems: In order, for people.
    """

    groups: tuple[int, ...]
    frames: list[Frame]
    steps: list[Request]
    raw: dict[str, Raw] = field(default_factory=dict)
    at: datetime | None = None
    tries: int = 0
    cost_s: float = 0.0
    spoke: bool = False
    problems: list[str] = field(default_factory=list)

    def give_up(self, problem: str) -> None:
        """What is still missing stays missing, for this reason."""
        for frame in self.frames:
            self.raw.update(frame.failed(problem))
        self.frames.clear()
        self.steps.clear()


class Unit:
    """A device of the site on this line.

    Args:
        device: As the site file and the catalogue describe it.
        source: Name of the line, for messages.

    Raises:
        SettingsError: It has no model, no Modbus model, or no usable address.
    """

    def __init__(self, device: Device, source: str) -> None:
        self.device = device
        self.model = _model_of(device, source)
        self.address = _address_of(device, self.model)
        self._by_period: dict[float, list[str]] = {}
        for name in sorted(wanted_fields(self.model)):
            period = self.model.registers[name].period or device.period
            self._by_period.setdefault(period.total_seconds(), []).append(name)
        self.periods = tuple(sorted(self._by_period))
        self._plans: dict[tuple[int, ...], tuple[Frame, ...]] = {}
        self._apart: dict[Frame, tuple[Frame, ...]] = {}
        self.mute: set[Frame] = set()
        self.poll: Poll | None = None

    def begin(self, groups: Sequence[int], failures: int = 0) -> Poll:
        """A new poll of some of its groups; after failures it starts with another question each time."""
        frames = [
            piece for frame in self._planned(tuple(groups)) for piece in self._apart.get(frame, (frame,))
        ]
        turn = failures % len(frames)
        steps = [
            Request(
                self.address,
                step.function,
                step.address,
                None if step.function == 3 else 1,
                tuple(step.values),
            )
            for step in self.model.prepare
        ]
        self.poll = Poll(tuple(groups), frames[turn:] + frames[:turn], steps)
        return self.poll

    def request(self, frame: Frame) -> Request:
        """The question of a frame."""
        factory = self.model.serial.unit if self.model.serial else 1
        unit = self.address if frame.unit is None else frame.unit + self.address - factory
        return Request(unit, frame.function, frame.start, frame.count)

    def refused(self, frame: Frame, problem: str) -> tuple[Frame, ...]:
        """The device refused several values in one request: from now on they are asked for one by one."""
        if problem not in REFUSED or len(frame.items) < 2:
            return ()
        self._apart[frame] = apart(frame)
        return self._apart[frame]

    def everything(self) -> tuple[Frame, ...]:
        """Requests for every listed register, for a person who looks."""
        items = items_of(self.model)
        return tuple(
            piece
            for frame in plan(items, self.model.limits, items)
            for piece in self._apart.get(frame, (frame,))
        )

    def readings(self, poll: Poll, received: datetime, quantities: Quantities) -> tuple[Reading, ...]:
        """What a finished poll says; nothing is left out, a failed value is MISSING with its reason."""
        wanted = {name: words for name, words in poll.raw.items() if name in self.model.registers}
        sample = replace(sample_of(self.model, wanted), at=poll.at or received)
        return readings_of(self.device.slug, self.model, sample, received, quantities)

    def _planned(self, groups: tuple[int, ...]) -> tuple[Frame, ...]:
        if groups not in self._plans:
            names = {name for group in groups for name in self._by_period[self.periods[group]]}
            self._plans[groups] = plan(items_of(self.model, names), self.model.limits, items_of(self.model))
        return self._plans[groups]


def units_of(context: Context) -> dict[str, Unit]:
    """All devices of a line.

    Raises:
        SettingsError: With every fault found; twice the same model under one address is one of them.
    """
    units: dict[str, Unit] = {}
    faults: list[Fault] = []
    taken: dict[tuple[str, int], str] = {}
    for device in context.devices:
        try:
            unit = Unit(device, context.name)
        except SettingsError as error:
            faults.extend(error.faults)
            continue
        first = taken.setdefault((unit.model.model, unit.address), device.slug)
        if first != device.slug:
            key = f"devices.{device.slug}.address"
            problem = f"unit {unit.address} on {context.name} is already {first}"
            faults.append(Fault("", 0, key, problem, "every probe on a line needs an id of its own"))
        units[device.slug] = unit
    if faults:
        raise SettingsError(*faults)
    return units


def _model_of(device: Device, source: str) -> DeviceModel:
    key = f"devices.{device.slug}.model"
    if device.model is None:
        raise SettingsError(
            Fault(
                "",
                0,
                key,
                f"source {source} is Modbus: a device there needs a model",
                "village catalogue lists them",
            )
        )
    if device.model.wire != "modbus":
        raise SettingsError(
            Fault(
                "",
                0,
                key,
                f"{device.model.model} speaks {device.model.wire}, not Modbus",
                "choose another model",
            )
        )
    return device.model


def _address_of(device: Device, model: DeviceModel) -> int:
    written = str(device.settings.address).strip()
    if not written:
        return model.serial.unit if model.serial else 1
    try:
        address = int(written, 16) if written.lower().startswith("0x") else int(written)
    except ValueError:
        address = -1
    if not 0 <= address <= 255:
        key = f"devices.{device.slug}.address"
        raise SettingsError(
            Fault("", 0, key, f"{written!r} is no Modbus unit id", "write a number from 1 to 247")
        )
    return address
