"""What a detector and a model owe the worker, and what they are given.

A detector is one file in ``detectors/`` with two public names, always the same: ``Settings`` (a pydantic model, its
keys are what stands in the site file) and ``Detector``. It sees pictures in order of stream time and says what it makes
of them; it knows nothing of cameras, files, threads, evidence or clocks. A model turns one picture into boxes and knows
nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # (H, W, 3) uint8, BGR
Celsius = NDArray[np.float32]  # (h, w) float32, degrees Celsius


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of one camera.

    Attributes:
        image: (H, W, 3) uint8, BGR. Of a thermal camera a rendering for people.
        stream_s: Seconds since its stream began, from the stream's own time stamps; what detectors measure time with.
        at: The same moment on the wall clock, aware UTC.
        celsius: (h, w) float32, degrees Celsius of every pixel, where the camera is radiometric.
        preset: Where a moving camera looks; empty for a fixed one.
        moving: It is turning right now: what is seen now is not where it was.
        changed: The scene changed as a whole (exposure, infra-red switch): share of pixels, 0..1.
    """

    image: Picture
    stream_s: float
    at: datetime
    celsius: Celsius | None = None
    preset: str = ""
    moving: bool = False
    changed: float = 0.0


@dataclass(frozen=True, slots=True)
class Detections:
    """What a model saw in one picture: one row for each thing.

    Attributes:
        xyxy: (n, 4) float32, pixels of the picture, x1 y1 x2 y2.
        scores: (n,) float32, 0..1.
        labels: n names of classes, e.g. ``car``, ``fire``.
        tracks: (n,) int64, the same number for the same thing from picture to picture; -1 where it is not known.
            ``None`` when nobody follows things.
    """

    xyxy: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: tuple[str, ...]
    tracks: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.labels)


class Model(Protocol):
    """A network that was read from a file. Not thread-safe: one worker asks it.

    Attributes:
        labels: The classes it knows, by index.
    """

    labels: tuple[str, ...]

    def look(self, image: Picture) -> Detections:
        """Boxes after non-maximum suppression, in pixels of ``image``; raises BadModel when the network fails."""


class State(StrEnum):
    """How far a sighting has come (vision reference 4)."""

    CANDIDATE = "candidate"
    CONFIRMED = "confirmed"
    ONGOING = "ongoing"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Box:
    """Where something is: shares of the picture's width and height, 0..1.

    Attributes:
        x1: Left. y1: Top. x2: Right. y2: Bottom.
        label: What it is.
        score: 0..1.
    """

    x1: float
    y1: float
    x2: float
    y2: float
    label: str = ""
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a detector says.

    Attributes:
        kind: A slug that rules know: ``fire``, ``smoke``, ``thermal``, ``collision``, ``hit_and_run``,
            ``illegal_building``, ``camera_blind`` ...
        state: See :class:`State`. Only CONFIRMED opens an event; CANDIDATE is for the log and for evaluation.
        key: The same for all that belongs to one occurrence of this detector; evidence hangs on it.
        stream_s: When, in stream time. at: When, aware UTC.
        score: 0..1.
        zone: In which of the camera's zones; empty: anywhere.
        boxes: Where, the decisive ones first.
        why: The numbers it rests on, so that an operator sees why: ``{"hits": 7, "peak": 0.81}``.
        review: Worth a look, not worth waking anybody.
        before_s: How much of the clip before this moment belongs to the evidence. after_s: How much after it.
        pictures: Name -> picture to keep beside the snapshot (``before``, ``after``, ``leaver``).
    """

    kind: str
    state: State
    key: str
    stream_s: float
    at: datetime
    score: float
    zone: str = ""
    boxes: tuple[Box, ...] = ()
    why: Mapping[str, float | str] = field(default_factory=dict)
    review: bool = False
    before_s: float = 10.0
    after_s: float = 20.0
    pictures: Mapping[str, Picture] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the picture.

    Attributes:
        name: As the site file calls it.
        polygon: Corners as shares of width and height, 0..1, three at least.
        preset: Of a moving camera: only there; empty: wherever it looks.
    """

    name: str
    polygon: tuple[tuple[float, float], ...]
    preset: str = ""


@dataclass(frozen=True)
class SceneContext:
    """What a detector is given beside its own settings: it is built as ``Detector(settings, context)``.

    Attributes:
        camera: Slug of the camera.
        zones: Of the camera, all of them; a detector's settings name those it watches.
        state_dir: A folder of its own that survives restarts; may not exist yet.
        utc_offset_s: The site's zone, for hours of the day [s east of Greenwich].
    """

    camera: str
    zones: Mapping[str, Zone]
    state_dir: Path
    utc_offset_s: float = 0.0


class Detector(Protocol):
    """One way of looking at one camera; one object for each camera, asked from one thread.

    Attributes:
        needs_model: Gives it detections; without a model the worker does not build it and says so in its health. A
            class that needs none but has ``uses_model`` true is given them where the site names a model for it.
        needs_tracks: Detections carry track numbers.
        needs_celsius: Only radiometric cameras can be looked at.
        motion_gate: It may be left out of pictures in which nothing moves (never for smoke or heat). While an object
            has an attribute ``waiting`` that is true, it is shown those too: it waits for something not to happen.
    """

    needs_model: ClassVar[bool]
    needs_tracks: ClassVar[bool]
    needs_celsius: ClassVar[bool]
    motion_gate: ClassVar[bool]

    def rate(self) -> float:
        """Pictures a second it wants now."""

    def look(self, frame: Frame, seen: Detections | None) -> Sequence[Sighting]:
        """One picture later than the one before; what it makes of it. Must not block or keep the picture unasked.

        Args:
            frame: The picture.
            seen: What the model saw in it; ``None`` for a detector without one.
        """

    def end(self, stream_s: float, at: datetime) -> Sequence[Sighting]:
        """The stream has ended or broken: what is open is closed; tracks are forgotten, what was learnt is kept."""

    def mark(self, key: str, *, right: bool, at: datetime) -> None:
        """An operator has said of a sighting that it was right, or a false alarm."""

    def memory(self) -> dict[str, Any]:
        """What must outlive a restart, plain data; small."""

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Take it back; what does not fit is forgotten."""
