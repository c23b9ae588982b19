"""A look that somebody has asked for: turn to a place, take a picture there, say what has become of it.

::

    {"look": {"id": "7", "camera": "hill", "place": "gate", "snapshot": true, "seconds": 60}}          we are asked
    {"looked": {"id": "7", "camera": "hill", "at": "...", "evidence": "k3v0...", "place": "gate", ...}}   we answer

Each one is answered once, within :data:`GIVEN_UP_S`. A picture is better than none: where a camera cannot be turned, or
not in time, it is taken where it looks, and ``why`` says so. Pictures go the way of all evidence: masked, covered, and
on the disk before they are named.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from detectors.runtime.contracts import Detections, Frame, Sighting, State
from detectors.runtime.lines import iso
from detectors.runtime.onvif import Position
from gateway.cameras import SNAPSHOT
from gateway.errors import BadReply

TURN_S = 14.0  # for the turn: most cameras are there in 2 to 5 s
GIVEN_UP_S = 16.0  # less than the gateway waits (drivers/sight/errands.py)
LONGEST_S = 600.0
MOST = 32  # at a time

Keep = Callable[[str, Frame, Sighting, Iterable[Detections]], tuple[str | None, str]]


class Mover(Protocol):
    """Turns a camera."""

    def look_at(self, place: str | Position, seconds: float = 30.0) -> str:
        """Look there next; its name. Raises BadReply."""


@dataclass(slots=True)
class _Glance:
    """One that waits for its picture.

    Attributes:
        sent: Where the camera has been sent; empty: nowhere.
        trouble: Why it was not.
        asked_s: Monotonic.
    """

    id: str
    camera: str
    sent: str
    trouble: str
    asked_s: float


class Glances:
    """All of one worker; ``ask`` may be called from any thread, everything else from the worker's.

    Args:
        cameras: That there are.
        movers: Camera -> what turns it.
        keep: Writes a picture down: its id, or why there is none.
        say: Where answers go.
    """

    def __init__(
        self,
        cameras: Collection[str],
        movers: Mapping[str, Mover],
        keep: Keep | None,
        say: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._cameras = cameras
        self._movers = movers
        self._keep = keep
        self._say = say
        self._fresh: deque[Mapping[str, Any]] = deque(maxlen=MOST)
        self._waiting: list[_Glance] = []

    def ask(self, look: Mapping[str, Any]) -> None:
        """Somebody wants a look."""
        self._fresh.append(look)

    def turn(self, now_s: float) -> None:
        """A moment has passed: take up what is new, give up what is too old."""
        while self._fresh:
            self._begin(self._fresh.popleft(), now_s)
        for one in [one for one in self._waiting if now_s - one.asked_s >= GIVEN_UP_S]:
            self._waiting.remove(one)
            self._answer(one.id, one.camera, why=f"it has sent no picture for {GIVEN_UP_S:g} s", again=True)

    def looked(self, camera: str, frame: Frame, seen: Iterable[Detections], now_s: float) -> None:
        """A picture has come."""
        self.turn(now_s)
        for one in [one for one in self._waiting if one.camera == camera]:
            there = not frame.moving and (not one.sent or frame.preset == one.sent)
            late = now_s - one.asked_s >= TURN_S
            if there or late:
                self._waiting.remove(one)
                self._shoot(
                    one, frame, seen, "" if there else f"it has not come to {one.sent or 'rest'} in time"
                )

    def _begin(self, look: Mapping[str, Any], now_s: float) -> None:
        number, camera = str(look.get("id", "")), str(look.get("camera", ""))
        place, snapshot = str(look.get("place") or ""), bool(look.get("snapshot"))
        if camera not in self._cameras:
            self._answer(number, camera, why=f"no camera is called {camera}")
            return
        sent, trouble, again = "", "", False
        if place:
            mover = self._movers.get(camera)
            try:
                if mover is None:
                    trouble = "it cannot be turned"
                else:
                    sent = mover.look_at(place, _seconds(look))
            except BadReply as error:
                trouble, again = str(error), True
        if snapshot:
            self._waiting.append(_Glance(number, camera, sent, trouble, now_s))
        else:
            self._answer(number, camera, place=sent, why=trouble, again=again)

    def _shoot(self, one: _Glance, frame: Frame, seen: Iterable[Detections], late: str) -> None:
        trouble = one.trouble or late
        if self._keep is None:
            self._answer(one.id, one.camera, why="this worker keeps no evidence")
            return
        why: dict[str, float | str] = {"asked": one.id, **({"trouble": trouble} if trouble else {})}
        sighting = Sighting(
            SNAPSHOT, State.CONFIRMED, f"{SNAPSHOT}-{one.id}", frame.stream_s, frame.at, 1.0,
            why=why, before_s=0.0, after_s=0.0,
        )  # fmt: skip
        evidence, refused = self._keep(one.camera, frame, sighting, seen)
        self._answer(
            one.id,
            one.camera,
            evidence=evidence,
            place=frame.preset,
            why="; ".join(part for part in (trouble, refused) if part),
            at=iso(frame.at),
        )

    def _answer(
        self,
        number: str,
        camera: str,
        *,
        evidence: str | None = None,
        place: str = "",
        why: str = "",
        again: bool = False,
        at: str = "",
    ) -> None:
        self._say(
            {
                "looked": {
                    "id": number,
                    "camera": camera,
                    "at": at,
                    "evidence": evidence,
                    "place": place,
                    "why": why[:200],
                    "again": again,
                }
            }
        )


def _seconds(look: Mapping[str, Any]) -> float:
    try:
        return min(LONGEST_S, max(1.0, float(look.get("seconds", 30.0))))
    except (TypeError, ValueError):
        return 30.0
