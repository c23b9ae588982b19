"""One camera and everything that looks through it: gate, models, tracks, detectors, its own condition."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from detectors.runtime import memory
from detectors.runtime.camera import Arrival
from detectors.runtime.condition import Condition
from detectors.runtime.contracts import Detections, Detector, Frame, Model, Sighting, State
from detectors.runtime.network import BadModel
from detectors.runtime.privacy import Masks
from detectors.runtime.scene import HEIGHT, WIDTH, Gate, Grey, mask_of
from detectors.runtime.tracks import Tracks
from gateway.cameras import CameraEntry

EARLY = 0.02  # s: a picture that comes this much too early is on time (time stamps are rounded)
STAY_S = 30.0  # a moving camera looks so long at what may be something
FAILURES = 3  # in a row: a model that fails so often is not asked any more

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Where(Protocol):
    """Says where a moving camera looks."""

    def look(self) -> tuple[str, bool]:
        """Preset (empty: none) and whether it is turning right now."""

    def position(self) -> dict[str, float | str]:
        """Pan, tilt, zoom, preset: for the evidence."""

    def stay(self, seconds: float) -> None:
        """Something is seen: it should not turn away yet."""


@dataclass
class Watcher:
    """One detector at one camera.

    Attributes:
        name: Of its file.
        detector: Itself.
        model: Name of the model it is shown the boxes of; ``None``: it needs none.
        file: Where its memory lies.
        last_s: Stream time of its last picture.
        fault: Why it no longer looks.
    """

    name: str
    detector: Detector
    model: str | None
    file: Path
    last_s: float | None = None
    fault: str = ""

    def due(self, stream_s: float, *, moving: bool) -> bool:
        """Whether it wants this picture."""
        if self.fault:
            return False
        if self.detector.motion_gate and not moving and not getattr(self.detector, "waiting", False):
            return False
        rate = self.detector.rate()
        return rate > 0 and (self.last_s is None or stream_s - self.last_s >= 1 / rate - EARLY)


@dataclass
class Look:
    """What became of one picture."""

    frame: Frame
    sightings: list[Sighting] = field(default_factory=list)
    asked: int = 0
    seen: tuple[Detections, ...] = ()


class Eye:
    """Everything behind one camera; asked from the worker's thread only.

    Args:
        slug: Of the camera. entry: What the site says of it.
        watchers: Its detectors.
        models: Name -> network, shared with the other cameras.
        fps: Pictures a second at most.
        now_s: Monotonic seconds.
        where: Of a moving camera.
    """

    def __init__(
        self,
        slug: str,
        entry: CameraEntry,
        watchers: Sequence[Watcher],
        models: Mapping[str, Model],
        *,
        fps: float,
        now_s: float,
        where: Where | None = None,
    ) -> None:
        self.slug = slug
        self.watchers = list(watchers)
        self.condition = Condition(entry.watch, now_s)
        self.last: Frame | None = None
        self.failing: dict[str, int] = {}
        self._live = entry.live
        self._mask = mask_of(entry.masks)
        self._masks = Masks({"": list(entry.masks)})
        self._gate = Gate(self._mask)
        self._models = models
        self._where = where
        self._tracks: dict[str, Tracks] = {
            watcher.model: Tracks(fps)
            for watcher in watchers
            if watcher.model is not None and watcher.detector.needs_tracks
        }
        self._session = 0
        for watcher in watchers:
            known = memory.recall(watcher.file)
            if known is not None:
                self._guarded(watcher, lambda watcher=watcher, known=known: watcher.detector.restore(known))  # type: ignore[misc]

    def look(self, arrival: Arrival) -> Look:
        """One picture later."""
        sightings: list[Sighting] = []
        if self._session and arrival.session != self._session:
            sightings += self.end()
        self._session = arrival.session
        preset, turning = self._where.look() if self._where is not None else ("", False)
        shot = arrival.shot
        motion = self._gate.judge(shot.image, arrival.stream_s, turning=turning)
        lost = self._where is not None and not preset  # between two places, or nobody knows where
        moment = arrival.monotonic_s if self._live else arrival.stream_s
        self.condition.saw(motion.grey, moment, place=preset, turning=turning or lost)
        frame = Frame(
            self._masks.apply(shot.image, preset),  # before anybody can keep it
            arrival.stream_s,
            arrival.at,
            celsius=shot.celsius,
            preset=preset,
            moving=turning,
            changed=motion.changed,
        )
        self.last = frame
        result = Look(frame, sightings)
        seen: dict[str, Detections | None] = {}
        for watcher in self.watchers:
            if not watcher.due(arrival.stream_s, moving=motion.open):
                continue
            if watcher.detector.needs_celsius and frame.celsius is None:
                continue
            boxes = None
            if watcher.model is not None:
                if watcher.model not in seen:
                    seen[watcher.model] = self._ask(watcher.model, frame)
                    result.asked += 1
                boxes = seen[watcher.model]
                if boxes is None and watcher.detector.needs_model:
                    continue
            watcher.last_s = arrival.stream_s
            said = self._guarded(watcher, lambda w=watcher, b=boxes: w.detector.look(frame, b))  # type: ignore[misc]
            result.sightings.extend(said or ())
        if self._where is not None and result.sightings:
            result.sightings = self._located(result.sightings, self._where)
        result.seen = tuple(boxes for boxes in seen.values() if boxes is not None)
        return result

    def _located(self, sightings: list[Sighting], where: Where) -> list[Sighting]:
        """With the place that the camera looks at; and it looks there a while longer."""
        if any(one.state in (State.CANDIDATE, State.CONFIRMED) for one in sightings):
            where.stay(STAY_S)
        facts = where.position()
        return [replace(one, why={**one.why, **facts}) for one in sightings]

    def end(self) -> list[Sighting]:
        """The stream has ended or broken."""
        said: list[Sighting] = []
        if self.last is None or not self._session:
            return said
        last = self.last
        for watcher in self.watchers:
            watcher.last_s = None
            closed = self._guarded(watcher, lambda w=watcher: w.detector.end(last.stream_s, last.at))  # type: ignore[misc]
            said.extend(closed or ())
        for tracks in self._tracks.values():
            tracks.forget()
        self._session = 0
        return said

    def mark(self, key: str, *, right: bool, at: datetime) -> None:
        """An operator's word on a sighting; whose it is knows each detector itself."""
        for watcher in self.watchers:
            self._guarded(watcher, lambda w=watcher: w.detector.mark(key, right=right, at=at))  # type: ignore[misc]

    def remember(self) -> None:
        """Write down what must outlive a restart."""
        for watcher in self.watchers:
            known = self._guarded(watcher, watcher.detector.memory)
            if known:
                memory.keep(watcher.file, known)

    def _ask(self, name: str, frame: Frame) -> Detections | None:
        if self.failing.get(name, 0) >= FAILURES:
            return None
        try:
            seen = self._models[name].look(frame.image)
        except BadModel as error:
            self.failing[name] = self.failing.get(name, 0) + 1
            if self.failing[name] == FAILURES:
                _log.error("model given up model=%s camera=%s reason=%s", name, self.slug, error)
            return None
        self.failing.pop(name, None)
        seen = _outside(seen, self._mask, frame)
        tracks = self._tracks.get(name)
        return tracks.follow(seen, frame.stream_s) if tracks is not None else seen

    def _guarded(self, watcher: Watcher, ask: Callable[[], T]) -> T | None:
        """A bug in one detector must not silence the others: it is put aside, and said."""
        if watcher.fault:
            return None
        try:
            return ask()
        except Exception as error:  # noqa: BLE001  # the worker's edge, as in supervise.py
            watcher.fault = f"{type(error).__name__}: {error}"[:200]
            _log.exception("detector put aside detector=%s camera=%s", watcher.name, self.slug)
            return None


def _outside(seen: Detections, mask: Grey | None, frame: Frame) -> Detections:
    """Without what stands within a mask."""
    if mask is None or not len(seen):
        return seen
    height, width = frame.image.shape[:2]
    x = (seen.xyxy[:, 0] + seen.xyxy[:, 2]) / 2 / width * WIDTH
    y = (seen.xyxy[:, 1] + seen.xyxy[:, 3]) / 2 / height * HEIGHT
    free = mask[y.astype(int).clip(0, HEIGHT - 1), x.astype(int).clip(0, WIDTH - 1)].astype(bool)
    labels = tuple(label for label, keep in zip(seen.labels, free, strict=True) if keep)
    return Detections(seen.xyxy[free], seen.scores[free], labels)
