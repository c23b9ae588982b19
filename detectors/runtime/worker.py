"""One worker for all cameras: takes the picture that has waited longest, lets it be looked at, says what was seen.

::

    camera thread ─┐
    camera thread ─┼─► newest picture of each ─► WORKER: gate · model · tracks · detectors ─► lines
    camera thread ─┘                                └─► each second: heartbeat, conditions, memory

The heartbeat comes from the same loop as the looking: a worker that hangs in a network falls silent, and is replaced.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from detectors.runtime.camera import Arrival, Camera
from detectors.runtime.condition import Complaint
from detectors.runtime.contracts import Detections, Frame, Sighting, State
from detectors.runtime.eye import FAILURES, Eye
from detectors.runtime.glances import Glances
from detectors.runtime.lines import iso, sighting_line
from detectors.runtime.ptz import Ptz
from detectors.runtime.slots import Slots
from gateway.clock import Clock

BEAT_S = 1.0
GLANCE_S = 0.25  # how long the loop waits for a picture before it looks at the clock
REMEMBER_S = 60.0
FPS_OVER_S = 5.0

_log = logging.getLogger(__name__)


class Witness(Protocol):
    """Keeps what is shown to people afterwards."""

    def seen(self, camera: str, frame: Frame, seen: Iterable[Detections]) -> None:
        """A picture has been looked at."""

    def keep(self, camera: str, frame: Frame, sighting: Sighting, seen: Iterable[Detections]) -> str | None:
        """Evidence of a sighting; its id once it is on the disk, ``None`` when there is none."""

    def shoot(
        self, camera: str, frame: Frame, sighting: Sighting, seen: Iterable[Detections]
    ) -> tuple[str | None, str]:
        """A picture that somebody has asked for: its id once it is on the disk, or why there is none."""

    def tick(self, now_s: float) -> None:
        """A second has passed (monotonic)."""

    def learnt(self) -> None:
        """The detectors have written down what operators told them."""

    def health(self) -> dict[str, Any]:
        """Figures for the heartbeat."""

    def close(self) -> None:
        """Finish what is being written."""


@dataclass
class Figures:
    """What one camera's pictures cost."""

    frames: int = 0
    busy_s: float = 0.0
    asked: int = 0
    arrivals: deque[float] = field(default_factory=lambda: deque(maxlen=256))
    last_s: float | None = None
    events: Counter[str] = field(default_factory=Counter)


class Worker:
    """The loop.

    Args:
        eyes: Camera -> everything behind it.
        cameras: Camera -> what reads it.
        slots: Between the two.
        clock: The only clock.
        say: Where lines go.
        missing: Camera -> detector -> why it does not look.
        models: Model -> ``ok`` or why it was not read.
        witness: Keeps evidence; ``None``: nobody does.
        movers: Camera -> what turns it.
    """

    def __init__(
        self,
        eyes: Mapping[str, Eye],
        cameras: Mapping[str, Camera],
        slots: Slots[Arrival],
        *,
        clock: Clock,
        say: Callable[[Mapping[str, Any]], None],
        missing: Mapping[str, Mapping[str, str]],
        models: Mapping[str, str],
        witness: Witness | None = None,
        movers: Mapping[str, Ptz] | None = None,
    ) -> None:
        self._eyes = eyes
        self._cameras = cameras
        self._slots = slots
        self._clock = clock
        self._say = say
        self._missing = missing
        self._models = models
        self._witness = witness
        self.movers = dict(movers or {})
        self.glances = Glances(eyes, self.movers, witness.shoot if witness is not None else None, say)
        self._figures = {slug: Figures() for slug in eyes}
        self._beats = 0
        self._faults = 0
        self._closed: set[str] = set()
        self.marks: deque[tuple[str, str, bool]] = deque()

    def run(self, stop: threading.Event) -> None:
        """Look until told to stop, or until every file has been read."""
        began = beat = kept = self._clock.monotonic()
        for camera in self._cameras.values():
            camera.start()
        for mover in self.movers.values():
            mover.start()
        try:
            self._beat()
            while not stop.is_set():
                taken = self._slots.take(GLANCE_S)
                if taken is not None:
                    self._look(*taken)
                now = self._clock.monotonic()
                if now - beat >= BEAT_S:
                    beat = now
                    self._second(now)
                if now - kept >= REMEMBER_S:
                    kept = now
                    self._remember()
                if taken is None and self._over():
                    break
        finally:
            self._close(began)

    def _look(self, slug: str, arrival: Arrival) -> None:
        eye, figures = self._eyes[slug], self._figures[slug]
        began = self._clock.monotonic()
        result = eye.look(arrival)
        figures.busy_s += self._clock.monotonic() - began
        figures.frames += 1
        figures.asked += result.asked
        figures.arrivals.append(arrival.monotonic_s)
        figures.last_s = arrival.monotonic_s
        if self._witness is not None:
            self._witness.seen(slug, result.frame, result.seen)
        self._tell(slug, result.sightings, result.seen)
        self.glances.looked(slug, result.frame, result.seen, self._clock.monotonic())
        if not self._cameras[slug].entry.live:
            self._complain(slug, eye.condition.complaint(arrival.stream_s))

    def _tell(self, slug: str, sightings: list[Sighting], seen: Iterable[Detections] = ()) -> None:
        frame = self._eyes[slug].last
        for sighting in sightings:
            evidence = None
            if self._witness is not None and frame is not None:
                evidence = self._witness.keep(slug, frame, sighting, seen)
            if sighting.state is State.CONFIRMED:
                self._figures[slug].events[sighting.kind + ("_review" if sighting.review else "")] += 1
            self._say(sighting_line(slug, sighting, evidence))

    def _second(self, now: float) -> None:
        for slug, camera in self._cameras.items():
            eye = self._eyes[slug]
            if camera.entry.live:
                if not camera.open:
                    self._tell(slug, eye.end())
                self._complain(slug, eye.condition.complaint(now, camera.reason))
        while self.marks:
            slug, key, right = self.marks.popleft()
            if slug in self._eyes:
                self._eyes[slug].mark(key, right=right, at=self._clock.now())
        self.glances.turn(now)
        if self._witness is not None:
            self._witness.tick(now)
        self._beat()

    def _complain(self, slug: str, complaint: Complaint | None) -> None:
        if complaint is None:
            return
        eye, now = self._eyes[slug], self._clock.now()
        over = complaint.kind == "camera_back"
        if complaint.new and not over:
            self._faults += 1
            self._tell(slug, eye.end() if complaint.kind in {"camera_blind", "camera_moved"} else [])
        state = State.ENDED if over else State.CONFIRMED if complaint.new else State.ONGOING
        at = eye.last.at if eye.last is not None and not self._cameras[slug].entry.live else now
        stream_s = eye.last.stream_s if eye.last is not None else 0.0
        key = f"{slug}-camera-{self._faults}"
        self._tell(slug, [Sighting(complaint.kind, state, key, stream_s, at, 1.0, why=complaint.why)])

    def _beat(self) -> None:
        self._beats += 1
        now = self._clock.monotonic()
        self._say(
            {
                "beat": self._beats,
                "at": iso(self._clock.now()),
                "rss": resident_bytes(),
                "models": dict(self._models),
                "cameras": {slug: self._state(slug, now) for slug in self._eyes},
                "archive": self._witness.health() if self._witness is not None else None,
            }
        )

    def _state(self, slug: str, now: float) -> dict[str, Any]:
        camera, eye, figures = self._cameras[slug], self._eyes[slug], self._figures[slug]
        recent = sum(1 for moment in figures.arrivals if now - moment <= FPS_OVER_S)
        detectors = {watcher.name: watcher.fault or "ok" for watcher in eye.watchers} | dict(
            self._missing[slug]
        )
        for watcher in eye.watchers:
            if watcher.model is not None and eye.failing.get(watcher.model, 0) >= FAILURES:
                detectors[watcher.name] = "its model fails"
        mover = self.movers.get(slug)
        turned = {} if mover is None else {"ptz": mover.reason or "ok", **mover.position()}
        return {
            **turned,
            "open": camera.open,
            "wrong": eye.condition.now,
            "reason": camera.reason,
            "fps": round(recent / FPS_OVER_S, 2),
            "age_s": None if figures.last_s is None else round(now - figures.last_s, 2),
            "ms": round(1000 * figures.busy_s / figures.frames, 2) if figures.frames else None,
            "frames": figures.frames,
            "replaced": self._slots.replaced[slug],
            "detectors": detectors,
        }

    def _over(self) -> bool:
        """Every file has been read to its end; a camera never ends."""
        for slug, camera in self._cameras.items():
            if camera.ended and slug not in self._closed:
                self._closed.add(slug)
                self._tell(slug, self._eyes[slug].end())
                if camera.reason:
                    self._say({"fault": {"key": f"cameras.{slug}.url", "problem": camera.reason}})
        return len(self._closed) == len(self._cameras)

    def _remember(self) -> None:
        for eye in self._eyes.values():
            eye.remember()
        if self._witness is not None:
            self._witness.learnt()

    def _close(self, began: float) -> None:
        self._slots.close()
        for camera in self._cameras.values():
            camera.stop()
        for mover in self.movers.values():
            mover.stop()
        for slug, eye in self._eyes.items():
            if slug not in self._closed:
                self._tell(slug, eye.end())
        self._remember()
        if self._witness is not None:
            self._witness.close()
        wall_s = self._clock.monotonic() - began
        self._say({"summary": self._summary(wall_s)})

    def _summary(self, wall_s: float) -> dict[str, Any]:
        frames = sum(figures.frames for figures in self._figures.values())
        busy_s = sum(figures.busy_s for figures in self._figures.values())
        events: Counter[str] = Counter()
        for figures in self._figures.values():
            events.update(figures.events)
        stream_s = sum(eye.last.stream_s for eye in self._eyes.values() if eye.last is not None)
        return {
            "frames": frames,
            "asked": sum(figures.asked for figures in self._figures.values()),
            "stream_s": round(stream_s, 2),
            "wall_s": round(wall_s, 2),
            "ms": round(1000 * busy_s / frames, 2) if frames else 0.0,
            "events": dict(events),
            "cameras": {
                slug: {
                    "frames": figures.frames,
                    "events": dict(figures.events),
                    "reason": self._cameras[slug].reason,
                }
                for slug, figures in self._figures.items()
            },
        }


def resident_bytes() -> int:
    """Memory of this process."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
