"""All outputs of the house: who has switched what on, until when, and how it comes to rest again.

The one owner of every output's state. Whoever wants something on (a rule through the outbox, a person, a test) asks
here; what is on goes off by the monotonic clock, tried until it has worked, whatever has become of who asked. At start,
at the end and after a change of the site every output is brought to its safe state. Every act is an event.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from gateway.clock import Clock
from gateway.contracts import Act, Actuator
from gateway.errors import DeliveryError, Retry, StoreError, Undeliverable
from gateway.model import Event
from gateway.outputs import Output

SWITCHED, FAULT = "output", "output_fault"  # events
STEP_S = 1.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
PARTING_S = 3.0
GRACE_S = 60.0  # at start a line may be opened late
TEST_S = 5.0  # a test is never longer
GATEWAY = "gateway"

_log = logging.getLogger(__name__)


@dataclass
class _Line:
    """One output and what is known of it.

    Attributes:
        on: Whether it is on; unset: nobody knows (at start, or after an act that failed).
        since: Monotonic time at which it went on. until: At which it must be at rest.
        by: Who asked last, and why.
        pause_s: Until the next try to bring it to rest. next_try: Monotonic.
        trouble: Why the last act failed. faulty: That has been written down.
        born: Since when it is known here: a line may take a moment to open.
    """

    output: Output
    actuator: Actuator
    on: bool | None = None
    since: float = 0.0
    until: float = 0.0
    by: str = ""
    why: str = ""
    pause_s: float = FIRST_PAUSE_S
    next_try: float = 0.0
    trouble: str = ""
    born: float = 0.0
    faulty: bool = False
    acts: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def active(self) -> bool:
        """Not at rest, or not known to be."""
        return self.on is None or self.on is not self.output.at_rest


class Switchboard:
    """Switches.

    Args:
        clock: The house's.
        note: Writes an event down.
    """

    def __init__(self, clock: Clock, note: Callable[[Event], Awaitable[None]]) -> None:
        self._clock = clock
        self._note = note
        self._lines: dict[str, _Line] = {}
        self._news = asyncio.Event()
        self._count = 0

    async def apply(
        self, outputs: Mapping[str, tuple[Output, Callable[[], Actuator]]]
    ) -> dict[str, list[str]]:
        """Exactly these outputs; what leaves or changes is brought to rest first, as far as that works now."""
        outcome: dict[str, list[str]] = {"kept": [], "started": [], "stopped": [], "replaced": []}
        for name in list(self._lines):
            if name not in outputs or outputs[name][0] != self._lines[name].output:
                await self._rest(name, GATEWAY, "the site has changed")
                outcome["replaced" if name in outputs else "stopped"].append(name)
                del self._lines[name]
        for name, (output, build) in outputs.items():
            if name in self._lines:
                outcome["kept"].append(name)
                continue
            self._lines[name] = _Line(output, build(), born=self._clock.monotonic())
            if name not in outcome["replaced"]:
                outcome["started"].append(name)
        self._news.set()
        return outcome

    async def run(self) -> None:
        """Bring to rest whatever has to be, for ever."""
        while True:
            self._news.clear()
            now = self._clock.monotonic()
            for name, line in list(self._lines.items()):
                due = line.on is None or (line.active() and now >= line.until)
                if due and now >= line.next_try:
                    await self._rest(name, GATEWAY, "its time is over" if line.on is not None else "start")
            if any(line.active() for line in self._lines.values()):
                await self._clock.sleep(STEP_S)
            else:
                await self._news.wait()

    async def close(self) -> None:
        """Everything at rest, before the lines are closed."""
        names = [name for name, line in self._lines.items() if line.active()]
        await asyncio.gather(*(self._rest(name, GATEWAY, "the gateway stops") for name in names))

    async def on(self, name: str, for_s: float, *, by: str, why: str, text: str = "") -> str:
        """Switch something on for so long, at most as long as it may be; what is on already stays on longer.

        Returns:
            What the far side said.

        Raises:
            Undeliverable: There is no such output, or another one forbids it now.
            Retry, Uncertain, Broken: As the way to it says.
        """
        line = self._known(name)
        barred = self._barred(name)
        async with AsyncExitStack() as held:  # in one order for all, so that nobody waits for ever
            for each in sorted({name, *barred}):
                await held.enter_async_context(self._lines[each].lock)
            for other in barred:
                if self._lines[other].active() and self._lines[other].on is not None:
                    raise Undeliverable(f"{other} is on: {name} is interlocked with it")
            most = line.output.max_duration.total_seconds()
            now = self._clock.monotonic()
            running = line.active() and line.on is not None
            since = line.since if running else now
            until = min(since + most, max(line.until if running else 0.0, now + min(for_s, most)))
            if running and until <= now:
                raise Undeliverable(f"{name} has been on for {most:g} s, as long as it may be")
            words = await self._act(
                name, line, on=not line.output.at_rest, for_s=until - now, text=text, by=by
            )
            line.on, line.since, line.until, line.by, line.why = (
                not line.output.at_rest,
                since,
                until,
                by,
                why,
            )
            line.next_try, line.pause_s = 0.0, FIRST_PAUSE_S
        self._news.set()
        await self._said(name, on=True, by=by, why=why, for_s=round(until - now, 1))
        return words

    async def off(self, name: str, *, by: str, why: str) -> str:
        """Bring something to rest now; tried again and again when it does not work at once. Raises like :meth:`on`."""
        line = self._known(name)
        line.until = self._clock.monotonic()
        if not line.active():
            return "at rest"
        await self._rest(name, by, why)
        if line.active():
            raise Undeliverable(f"{name} does not answer, it is tried again: {line.trouble}")
        return "at rest"

    async def test(self, name: str, for_s: float, by: str) -> str:
        """A short test. Raises like :meth:`on`."""
        return await self.on(name, min(for_s, TEST_S), by=by, why="test", text="测试 test")

    def status(self) -> dict[str, dict[str, Any]]:
        """Every output, plain data."""
        now = self._clock.monotonic()
        return {
            name: {
                "name": line.output.name,
                "kind": line.output.kind,
                "on": line.on,
                "left_s": round(max(0.0, line.until - now), 1)
                if line.active() and line.on is not None
                else 0.0,
                "max_s": line.output.max_duration.total_seconds(),
                "safe": line.output.safe,
                "by": line.by,
                "why": line.why,
                "acts": line.acts,
                "trouble": line.trouble,
            }
            for name, line in self._lines.items()
        }

    def _known(self, name: str) -> _Line:
        line = self._lines.get(name)
        if line is None:
            raise Undeliverable(f"there is no output {name}")
        return line

    def _barred(self, name: str) -> set[str]:
        """Whom it must not be on together with, whoever of the two says so."""
        said = set(self._lines[name].output.interlock)
        return (said | {other for other, line in self._lines.items() if name in line.output.interlock}) & {
            *self._lines
        }

    async def _rest(self, name: str, by: str, why: str) -> None:
        """One try to bring it to its safe state."""
        line = self._lines[name]
        known = line.on is not None
        async with line.lock:
            try:
                async with asyncio.timeout(PARTING_S if why == "the gateway stops" else None):
                    await self._act(name, line, on=line.output.at_rest, for_s=0.0, text="", by=by)
            except (DeliveryError, TimeoutError) as error:
                line.trouble = str(error) or "no answer in time"
                line.next_try = self._clock.monotonic() + line.pause_s
                line.pause_s = min(line.pause_s * 2, LONGEST_PAUSE_S)
            else:
                line.on, line.pause_s, line.next_try = line.output.at_rest, FIRST_PAUSE_S, 0.0
        if not line.active():
            if known or line.faulty:
                await self._said(name, on=False, by=by, why=why, for_s=0.0)
            line.faulty = False
        elif not line.faulty and (known or self._clock.monotonic() - line.born > GRACE_S):
            line.faulty = True
            _log.error("output=%s does not come to rest why=%s", name, line.trouble)
            await self._write(name, FAULT, {"reason": line.trouble[:200], "by": by})

    async def _act(self, name: str, line: _Line, *, on: bool, for_s: float, text: str, by: str) -> str:
        self._count += 1
        line.acts += 1
        act = Act(f"{name}-{self._count}", "switch", on=on, for_s=round(for_s, 1), text=text)
        try:
            words = await _done(line.actuator, act)
        except DeliveryError as error:
            line.trouble = str(error)
            if on is not line.output.at_rest:
                line.on = None  # it may have come through: bring it to rest
                line.next_try = self._clock.monotonic() + line.pause_s
                self._news.set()
            raise
        line.trouble = ""
        return words

    async def _said(self, name: str, *, on: bool, by: str, why: str, for_s: float) -> None:
        await self._write(name, SWITCHED, {"on": float(on), "by": by[:60], "why": why[:200], "for_s": for_s})

    async def _write(self, name: str, kind: str, detail: dict[str, float | str]) -> None:
        now = self._clock.now()
        try:
            await self._note(Event(name, kind, now, now, detail=detail))
        except StoreError as error:  # switching goes on, whatever the disk says
            _log.error("output=%s not written down kind=%s why=%s", name, kind, error)


async def _done(actuator: Actuator, act: Act) -> str:
    try:
        return await actuator.act(act)
    except DeliveryError:
        raise
    except Exception as error:  # a fault in one way must not leave the others on
        _log.error("output met an unexpected error", exc_info=error)
        raise Retry(f"{type(error).__name__}: {error}") from error
