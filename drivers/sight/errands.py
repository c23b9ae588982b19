"""Looks that rules ask the worker for: each is asked once, waited for a while, and its picture becomes an event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from drivers.decode.sample import whole_ms
from gateway.cameras import SNAPSHOT
from gateway.contracts import Act
from gateway.errors import BadReply, Lost, Undeliverable
from gateway.model import Event

WAIT_S = 18.0  # the worker answers within 16 s (detectors/runtime/glances.py), the lane waits for 20 s
STAY_S = 60.0  # a moving camera looks there for so long
MOST = 64  # are remembered
GONE = "the worker has gone"
LONGEST_TEXT = 120


@dataclass
class _Errand:
    """One act and its answer.

    Attributes:
        stale: Nobody waits any more; asked again if wanted again.
    """

    act: Act
    answer: asyncio.Future[Mapping[str, Any]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    stale: bool = False


class Errands:
    """Those of one worker's life.

    Args:
        say: One line to the worker.
        wait_s: How long one is waited for.
    """

    def __init__(self, say: Callable[[Mapping[str, Any]], None], wait_s: float = WAIT_S) -> None:
        self._say = say
        self._wait_s = wait_s
        self._known: dict[str, _Errand] = {}

    async def run(self, act: Act, preset: str) -> str:
        """Have it looked; the id of the picture, or words.

        The same act again waits for the same answer, or returns it.

        Raises:
            Lost: The worker went, or does not answer.
            BadReply: Not now; the same may work later.
            Undeliverable: Never, as the site stands.
        """
        one = self._known.get(act.id)
        if one is None or one.stale:
            one = self._known[act.id] = _Errand(act)
            while len(self._known) > MOST:
                self._known.pop(next(iter(self._known)))
            look = {"id": act.id, "camera": act.camera, "snapshot": act.snapshot, "seconds": STAY_S}
            self._say({"look": {**look, "place": preset} if preset else look})
        await asyncio.wait({one.answer}, timeout=self._wait_s)
        if not one.answer.done():
            one.stale = True
            raise Lost(f"camera {act.camera}: the worker has not answered for {self._wait_s:g} s")
        return self._outcome(one)

    def heard(self, looked: Mapping[str, Any], device: str, received: datetime) -> Event | None:
        """The worker has answered; the event of its picture. A late answer counts too. Raises BadReply."""
        one = self._known.get(str(looked.get("id")))
        if one is None:
            return None
        evidence = looked.get("evidence")
        event = _event(one.act, looked, device, received) if evidence else None
        if not one.answer.done():
            one.answer.set_result(looked)
        return event

    def end(self) -> None:
        """The worker has gone: who waits need not."""
        for one in self._known.values():
            if not one.answer.done():
                one.answer.set_result({"why": GONE, "again": True})
        self._known.clear()

    def _outcome(self, one: _Errand) -> str:
        said, act = one.answer.result(), one.act
        evidence, why = said.get("evidence"), str(said.get("why") or "")
        if evidence:
            return str(evidence)
        if not act.snapshot and not why:
            return f"{act.camera} turns to {said.get('place') or act.preset}"
        self._known.pop(act.id, None)
        words = f"camera {act.camera}: {why or 'no picture'}"
        if why == GONE:
            raise Lost(words)
        if said.get("again"):
            raise BadReply(words)
        raise Undeliverable(words)


def _event(act: Act, looked: Mapping[str, Any], device: str, received: datetime) -> Event:
    try:
        at = datetime.fromisoformat(str(looked["at"]))
    except (KeyError, ValueError) as error:
        raise BadReply("a picture without a time") from error
    if at.tzinfo is None:
        raise BadReply("a picture with a time that cannot be")
    detail: dict[str, float | str] = {"rule": act.rule, "target": act.target, "camera": act.camera}
    for key in ("place", "why"):
        if looked.get(key):
            detail[key] = str(looked[key])[:LONGEST_TEXT]
    return Event(device, SNAPSHOT, whole_ms(at), received, 1.0, detail, str(looked["evidence"]))
