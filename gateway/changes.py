"""What has just changed, for everybody who looks: said once, handed on to each, waiting for nobody.

The spine says what it has noted; that costs it a look-up when nobody listens. Once a second what has gathered is made
into text once and every listener gets the same bytes. A listener who does not keep up is told to start anew and let go.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from gateway.clock import Clock
from gateway.model import Event, Observation, Reading

MOST_WAITING = 32  # pieces for one listener; half a minute of a busy village
MOST_LISTENERS = 250
MOST_READINGS = 2000  # series in one piece; a village has a few hundred
PERIOD_S = 1.0
STATUS_EVERY = 10  # periods

Piece = bytes
RESYNC: Piece = b"event: resync\ndata: {}\n\n"


class Listener:
    """One who looks."""

    def __init__(self) -> None:
        self._waiting: deque[Piece] = deque()
        self._arrived = asyncio.Event()
        self.ended = False

    def give(self, piece: Piece) -> bool:
        """Hand over; False when there was no room: from now on only :data:`RESYNC` waits."""
        if self.ended:
            return False
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.clear()
            self._waiting.append(RESYNC)
            self.end()
            return False
        self._waiting.append(piece)
        self._arrived.set()
        return True

    def leave(self) -> None:
        """He has gone: what waits is for nobody."""
        self._waiting.clear()
        self.end()

    def end(self) -> None:
        """What waits is the last."""
        self.ended = True
        self._arrived.set()

    async def next(self, timeout_s: float) -> Piece | None:
        """What comes next; empty when nothing came in time; None at the end."""
        if not self._waiting and not self.ended:
            try:
                await asyncio.wait_for(self._arrived.wait(), timeout_s)
            except TimeoutError:
                return b""
        if self._waiting:
            piece = b"".join(self._waiting)
            self._waiting.clear()
            if not self.ended:
                self._arrived.clear()
            return piece
        return None


class Changes:
    """The one place where news is handed on.

    Args:
        clock: The house's.
        reading: A reading as the API gives it.
        event: An event as the API gives it.
        alerts: The alerts of these pairs of rule and target, as they are now.
        status: What is said every ten seconds.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        reading: Callable[[Reading], Mapping[str, Any]],
        event: Callable[[Event], Mapping[str, Any]],
        alerts: Callable[[set[tuple[str, str]]], Awaitable[list[dict[str, Any]]]],
        status: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._clock = clock
        self._reading, self._event, self._alerts, self._status = reading, event, alerts, status
        self._listeners: set[Listener] = set()
        self._readings: dict[str, Reading] = {}
        self._events: deque[Event] = deque(maxlen=500)
        self._touched: set[tuple[str, str]] = set()
        self._others: deque[tuple[str, Mapping[str, Any]]] = deque(maxlen=500)
        self._periods = 0
        self._told = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._listeners)

    def listen(self) -> Listener | None:
        """Begin to listen; None when there are too many already."""
        if len(self._listeners) >= MOST_LISTENERS:
            return None
        listener = Listener()
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """He looks no more."""
        self._listeners.discard(listener)

    def note(self, observations: Iterable[Observation]) -> None:
        """The spine has noted these. Never waits, never fails."""
        if not self._listeners:
            return
        for item in observations:
            match item:
                case Reading():
                    if item.series in self._readings or len(self._readings) < MOST_READINGS:
                        self._readings[item.series] = item
                case Event():
                    self._events.append(item)
                    rule, target = item.detail.get("rule"), item.detail.get("target")
                    if isinstance(rule, str) and isinstance(target, str):
                        self._touched.add((rule, target))
                case _:
                    pass

    def touch(self, rule: str, target: str) -> None:
        """Something beside the rules has changed about an alert: a mask, who was told."""
        if self._listeners:
            self._touched.add((rule, target))

    def say(self, kind: str, data: Mapping[str, Any]) -> None:
        """News of another kind, e.g. ``order``."""
        if self._listeners:
            self._others.append((kind, data))

    async def run(self) -> None:
        """Hand on what has gathered, once a second, until cancelled."""
        while True:
            await self._clock.sleep(PERIOD_S)
            if self._listeners:
                await self._hand_on()

    def close(self) -> None:
        """The house closes: nobody waits for more."""
        for listener in self._listeners:
            listener.end()

    async def _hand_on(self) -> None:
        whole = b"".join(await self._pieces())
        if not whole:
            return
        for listener in list(self._listeners):
            if not listener.give(whole):
                self._listeners.discard(listener)
                self.dropped += 1

    async def _pieces(self) -> list[Piece]:
        """What has gathered, as text: once, however many listen."""
        pieces = []
        readings, self._readings = self._readings, {}
        if readings:
            pieces.append(self._piece("reading", {name: self._reading(r) for name, r in readings.items()}))
        while self._events:
            pieces.append(self._piece("event", self._event(self._events.popleft())))
        touched, self._touched = self._touched, set()
        if touched:
            known = {(one["rule"], one["target"]): one for one in await self._alerts(touched)}
            for rule, target in sorted(touched):
                gone = {"rule": rule, "target": target, "state": "normal"}
                pieces.append(self._piece("alert", known.get((rule, target), gone)))
        while self._others:
            pieces.append(self._piece(*self._others.popleft()))
        self._periods += 1
        if self._periods % STATUS_EVERY == 0:
            pieces.append(self._piece("status", self._status()))
        return pieces

    def _piece(self, kind: str, data: Mapping[str, Any]) -> Piece:
        self._told += 1
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        return f"id: {self._told}\nevent: {kind}\ndata: {text}\n\n".encode()
