"""The same number for the same thing from picture to picture: ByteTrack of the package ``trackers`` (Apache-2.0).

Imported only when a detector follows things: the import costs 1.1 s and 76 MB (measured with trackers 2.6).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from detectors.runtime.contracts import Detections

GAP_S = 2.0  # a stream that breaks for longer is a new scene (ultralytics#16864: tracks of two videos in one)
LOST_S = 3.0  # how long a thing may be hidden; ByteTrack's usual 30 frames at 10 a second
SURE = 0.25  # as ultralytics' bytetrack.yaml: track_high_thresh, new_track_thresh
OVERLAP = (
    0.2  # intersection over union that goes on with a track: ByteTrack's match of 0.8 (vision reference 1)
)


class Tracks:
    """Follows everything in one camera.

    Args:
        fps: Pictures a second that it is shown.
    """

    def __init__(self, fps: float) -> None:
        from supervision import Detections as Table  # noqa: PLC0415  # costly: only who follows things pays for it
        from trackers import ByteTrackTracker  # noqa: PLC0415

        self._table: Any = Table
        self._make: Callable[[], Any] = lambda: ByteTrackTracker(
            lost_track_buffer=max(2, round(LOST_S * fps)),
            frame_rate=fps,
            track_activation_threshold=SURE,
            high_conf_det_threshold=SURE,
            minimum_consecutive_frames=2,
            minimum_iou_threshold=OVERLAP,
        )
        self._tracker: Any = self._make()
        self._last_s: float | None = None
        self._next = 0  # first number of the present tracker
        self._highest = -1

    def follow(self, seen: Detections, stream_s: float) -> Detections:
        """The same detections with their numbers."""
        if self._last_s is not None and not 0 <= stream_s - self._last_s <= GAP_S:
            self.forget()
        self._last_s = stream_s
        labels = sorted(set(seen.labels))
        table = self._table(
            xyxy=seen.xyxy.reshape(-1, 4),
            confidence=seen.scores,
            class_id=np.array([labels.index(label) for label in seen.labels], np.int64),
            data={"row": np.arange(len(seen))},
        )
        found = self._tracker.update(table)
        numbers = np.full(len(seen), -1, np.int64)
        if len(found) and found.tracker_id is not None:
            ids = np.asarray(found.tracker_id, np.int64)
            rows = np.asarray(found.data["row"], np.int64)
            numbers[rows] = np.where(ids >= 0, ids + self._next, -1)
            self._highest = max(self._highest, int(numbers.max()))
        return Detections(seen.xyxy, seen.scores, seen.labels, numbers)

    def forget(self) -> None:
        """A new scene: nothing of it is what was there before; numbers go on."""
        self._tracker = self._make()
        self._next = self._highest + 1
        self._last_s = None
