"""Modbus: one line (serial port, serial server or TCP), its devices polled each at its own period.

- reads: functions 1 to 4, neighbours merged into few requests
- writes: only what ``writes:`` of the source or ``prepare:`` of a model names
- reconnects: a closed connection is made again at once; when that fails the source is Lost, its supervisor backs off
- times out: each question by itself; a silent unit is left alone ever longer, its neighbours keep their period
- tested on the wire: pyModbusTCP (TCP), modbus_tk (RTU on a pty pair, RTU over TCP), a hostile server of our own
- seen on real hardware: not yet

What a device did not say is a MISSING reading with the reason, never a number and never the last value again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self

from drivers.decode.frames import Request, exception_words
from drivers.decode.plan import Frame
from drivers.decode.registers import Raw, sample_of
from drivers.decode.sample import whole_ms
from drivers.line.bus import GATEWAY_SILENT, Bus
from drivers.line.scan import scan
from drivers.line.settings import Settings, Writable
from drivers.line.timetable import Timetable, Turn
from drivers.line.unit import Poll, Unit, units_of
from drivers.line.wire import Answer, NoReply, PymodbusWire, Wire
from gateway.contracts import Context, Device, Exchange, Found
from gateway.errors import BadReply, Fault, SettingsError
from gateway.model import Delivery

__all__ = ["Driver", "Settings"]

NOBODY_S = 3600.0  # a line without devices only wakes to notice that it is cancelled
TOLD_STRETCH = 1.02  # a smaller stretch is not worth a word


class Driver:
    """One Modbus line.

    Args:
        settings: Its own part of the site file.
        context: Devices, clock, health.
        wire: Another wire than the real one, for tests.

    Raises:
        SettingsError: A device of this line has no Modbus model or no usable address.
    """

    def __init__(self, settings: Settings, context: Context, wire: Wire | None = None) -> None:
        self._settings = settings
        self._context = context
        self._clock = context.clock
        self._health = context.health
        self._units = units_of(context)
        self._wire = wire or PymodbusWire(settings, context.clock)
        self._bus = Bus(self._wire, settings, context.clock)
        self._overdue = 0
        self._note_other_ports()

    @property
    def frames(self) -> int:
        """Requests sent so far."""
        return self._bus.frames

    async def __aenter__(self) -> Self:
        """Open the line; raises Lost when nobody is there."""
        await self._wire.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self._wire.close()

    async def observations(self) -> AsyncIterator[Delivery]:
        """One delivery for each poll of a device, until the line is lost."""
        table = Timetable(
            {slug: unit.periods for slug, unit in self._units.items()},
            self._clock.monotonic(),
            self._settings.backoff.total_seconds(),
        )
        for unit in self._units.values():
            unit.poll = None  # what a lost line left behind
        while True:
            wait, turn = table.next(self._clock.monotonic())
            if turn is None:
                await self._clock.sleep(min(wait, NOBODY_S))
                continue
            delivery = await self._step(table, turn)
            if delivery is not None:
                yield delivery

    async def read(self, device: Device) -> Exchange:
        """One look at every register the model lists; raises BadReply when the device says nothing at all."""
        unit = self._units.get(device.slug) or Unit(device, self._context.name)
        poll = unit.begin(range(len(unit.periods)))
        shown: list[str] = []
        for request, step in zip(poll.steps, unit.model.prepare, strict=True):
            await self._shown(unit, request, shown)
            await self._clock.sleep(step.wait.total_seconds())
        poll.frames = list(unit.everything())
        poll.at = whole_ms(self._clock.now())
        while poll.frames:
            frame = poll.frames.pop(0)
            answer = await self._shown(unit, unit.request(frame), shown)
            if isinstance(answer, str):
                poll.raw.update(frame.failed(answer))
                poll.frames[:0] = unit.refused(frame, answer)
            else:
                poll.raw.update(frame.cut(answer.words))
        unit.poll = None
        if all(isinstance(words, str) for words in poll.raw.values()):
            reasons = sorted({exception_words(str(problem)) for problem in poll.raw.values()})
            raise BadReply(f"{device.slug} (unit {unit.address}): {', '.join(reasons)}")
        readings = unit.readings(poll, self._clock.now(), self._context.quantities)
        meant = {meaning.field or quantity for quantity, meaning in unit.model.readings.items()}
        fields = sample_of(unit.model, poll.raw).fields
        others = tuple(f"{name} = {value}" for name, value in fields.items() if name not in meant)
        return Exchange(tuple(shown), readings, others)

    async def discover(self, seconds: float) -> Sequence[Found]:
        """Ask around for units that answer and are not in the site file."""
        known = {unit.address for unit in self._units.values()}
        return await scan(self._bus, self._context, self._settings, known, seconds)

    async def write(self, unit: int, address: int, value: int, kind: str = "holding") -> None:
        """Write one register or coil that ``writes:`` allows; waits for one question of the polling at most.

        Args:
            unit: Unit id.
            address: 0-based wire address.
            value: 0..65535; 0 or 1 for a coil.
            kind: ``holding`` or ``coil``.

        Raises:
            SettingsError: Not on the list, or outside its range; nothing was sent.
            BadReply: The device refused, did not answer, or reads back something else.
        """
        allowed = self._allowed(unit, address, value, kind)
        order = Request(unit, 5 if kind == "coil" else 6, address, 1, (value,))
        check = Request(unit, 1 if kind == "coil" else 3, address, 1)
        for tries in range(self._settings.retries + 1):
            try:
                await self._bus.ask(order)
                if allowed.verify:
                    answer = await self._bus.ask(check)
                    if answer.words != (value,):
                        raise BadReply(f"unit {unit} {order}: wrote {value}, reads back {answer.words[0]}")
            except NoReply as problem:
                if problem.alive or tries == self._settings.retries:
                    raise BadReply(f"unit {unit} {order}: {exception_words(problem.problem)}") from None
            else:
                return

    def _allowed(self, unit: int, address: int, value: int, kind: str) -> Writable:
        key = f"sources.{self._context.name}.writes"
        named = [
            entry
            for entry in self._settings.writes
            if (entry.unit, entry.address, entry.kind) == (unit, address, kind)
        ]
        for entry in named:
            if entry.min <= value <= entry.max:
                return entry
        what = f"unit {unit} {kind} {address}"
        if named:
            spans = " or ".join(f"{entry.min}..{entry.max}" for entry in named)
            raise SettingsError(Fault("", 0, key, f"{what} = {value} is not allowed", f"only {spans}"))
        raise SettingsError(Fault("", 0, key, f"{what} may not be written", "name it there first"))

    def _note_other_ports(self) -> None:
        """One line has one speed and parity; say which devices leave the factory with another (reference 4.6)."""
        ours = self._settings
        for slug, unit in self._units.items():
            theirs = unit.model.serial
            if ours.connection != "rtu" or theirs is None:
                continue
            if (theirs.baud, theirs.parity, theirs.stop) != (ours.baud, ours.parity, ours.stop):
                self._health.notes[f"{slug} port"] = (
                    f"{slug}: {unit.model.model} leaves the factory at {theirs.baud} 8{theirs.parity}{theirs.stop},"
                    f" this line is {ours.baud} 8{ours.parity}{ours.stop}"
                )

    async def _shown(self, unit: Unit, request: Request, shown: list[str]) -> Answer | str:
        """One question for a person: what left and what came, tried as often as in a poll."""
        problem = "no_reply"
        for _ in range(self._settings.retries + 1):
            try:
                answer = await self._bus.ask(request, unit.model.limits.gap)
            except NoReply as error:
                problem = error.problem
                shown += [f"> {error.sent.hex(' ')}", f"< {error.got.hex(' ') or '(silence)'}  {problem}"]
                if error.alive:
                    break
            else:
                shown += [f"> {answer.sent.hex(' ')}", f"< {answer.got.hex(' ')}"]
                if answer.words:
                    shown.append(f"= {' '.join(f'{word:04X}' for word in answer.words)}  ({request})")
                return answer
        return problem

    async def _step(self, table: Timetable, turn: Turn) -> Delivery | None:
        """Go on with one device until it is done, or lets others speak first."""
        unit = self._units[turn.name]
        poll = unit.poll
        if poll is None:
            poll = unit.begin(table.groups(turn, self._clock.monotonic()), turn.failures)
        started = self._clock.monotonic()
        try:
            pause = (
                await self._prepare(unit, poll, turn) if poll.steps else await self._read(unit, poll, turn)
            )
        finally:
            poll.cost_s += self._clock.monotonic() - started
        if pause is not None:
            turn.not_before = self._clock.monotonic() + pause
            return None
        return self._finish(table, turn, unit, poll)

    async def _prepare(self, unit: Unit, poll: Poll, turn: Turn) -> float | None:
        """Send the next preparation; how long until it has worked, ``None`` when the device is silent."""
        step = unit.model.prepare[len(unit.model.prepare) - len(poll.steps)]
        try:
            await self._bus.ask(poll.steps[0], unit.model.limits.gap)
        except NoReply as problem:
            if not self._worth_another(poll, turn, problem):
                poll.problems.append(f"{poll.steps[0]}: {exception_words(problem.problem)}")
                poll.spoke |= problem.alive
                poll.give_up(problem.problem)  # unprepared, its registers hold the old value
                return None
            return 0.0
        poll.steps.pop(0)
        poll.tries = 0
        poll.spoke = True
        return max(step.wait.total_seconds(), self._bus.stray_s(unit.address))

    async def _read(self, unit: Unit, poll: Poll, turn: Turn) -> float | None:
        """Ask for what is left; a pause when others shall go first, ``None`` when the poll is over."""
        poll.at = poll.at or whole_ms(self._clock.now())
        while poll.frames:
            frame = poll.frames[0]
            request = unit.request(frame)
            try:
                answer = await self._bus.ask(request, unit.model.limits.gap)
            except NoReply as problem:
                if frame not in unit.mute and self._worth_another(poll, turn, problem):
                    return 0.0
                self._failed(unit, poll, frame, problem)
                continue
            poll.frames.pop(0)
            poll.raw.update(frame.cut(answer.words))
            poll.spoke, tried, poll.tries = True, poll.tries, 0
            unit.mute.discard(frame)
            if tried and poll.frames and (pause := self._bus.stray_s(request.unit)):
                return pause
        return None

    def _worth_another(self, poll: Poll, turn: Turn, problem: NoReply) -> bool:
        """Ask once more? Not what the device refused, and not a unit that was silent the last time."""
        final = problem.problem.startswith("exception_") and problem.problem not in {
            "exception_5",
            "exception_6",
        }
        poll.tries += 1
        return not final and not turn.failures and poll.tries <= self._settings.retries

    def _failed(self, unit: Unit, poll: Poll, frame: Frame, problem: NoReply) -> None:
        poll.tries = 0
        poll.frames.pop(0)
        pieces = unit.refused(frame, problem.problem)
        if pieces:
            poll.spoke = True
            poll.frames[:0] = pieces
            self._health.notes[f"{unit.device.slug} apart"] = (
                f"{unit.device.slug} refuses {unit.request(frame)} in one request: read one by one"
            )
            return
        poll.raw.update(frame.failed(problem.problem))
        poll.problems.append(f"{unit.request(frame)}: {exception_words(problem.problem)}")
        if problem.alive and problem.problem not in GATEWAY_SILENT:
            poll.spoke = True
        elif poll.spoke:
            unit.mute.add(frame)  # it answers, only not to this: one try is enough from now on
        else:
            poll.give_up(problem.problem)

    def _finish(self, table: Timetable, turn: Turn, unit: Unit, poll: Poll) -> Delivery:
        unit.poll = None
        slug, now = unit.device.slug, self._clock.monotonic()
        if poll.spoke:
            table.answered(turn, poll.groups, now, poll.cost_s)
            turn.not_before = now + self._bus.stray_s(unit.address)
        else:
            table.silent(turn, poll.groups, now, poll.cost_s)
        self._tell(table)
        if any(not isinstance(words, str) for words in poll.raw.values()):
            self._health.good(self._clock, slug)
            self._health.raw(
                slug, self._clock.now(), "\n".join(f"{name}: {_words(raw)}" for name, raw in poll.raw.items())
            )
        if poll.problems:
            self._health.bad(f"{slug} (unit {unit.address}): {'; '.join(poll.problems)}", slug)
        return Delivery(unit.readings(poll, self._clock.now(), self._context.quantities))

    def _tell(self, table: Timetable) -> None:
        """Count what came late; say when the line cannot keep its periods."""
        self._health.overdue += table.overdue - self._overdue
        self._overdue = table.overdue
        if table.stretch < TOLD_STRETCH:
            self._health.notes.pop("periods", None)
            return
        said = f"periods stretched {table.stretch:.1f}x: the line is too slow for what it is asked"
        if self._health.notes.get("periods") != said:
            self._health.notes["periods"] = said


def _words(raw: Raw) -> str:
    """What stood in some registers, in hex; or why they were not to be had."""
    return raw if isinstance(raw, str) else " ".join(f"{int(word):04x}" for word in raw)
