"""Whether a camera still sees what it saw: blind, frozen, covered, moved. Pure; time is an argument.

What it says is a sighting like any other: ``camera_blind``, ``camera_frozen``, ``camera_covered``, ``camera_moved``,
and ``camera_back`` when it sees again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.runtime.scene import Grey
from gateway.cameras import Watch

SAME = 1  # grey levels that a frozen picture may differ by: an encoder repeats it nearly, not quite
DETAIL_LEFT = 0.2  # share of the detail of the last minute below which nothing is to be seen
LEAST_DETAIL = 1.0  # grey levels; a scene that never had more is not judged
ALIKE = 0.35  # correlation of edges below which it is another scene
LEARNT_S = 60.0  # detail is compared with the last minute's
LEARNT = 60  # samples: a scene must have been seen for so long before it can be missed
SCENE_S = 300.0  # time constant of what the scene looks like
SAMPLE_S = 1.0
BREAK_S = 3.0


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is wrong with a camera now.

    Attributes:
        kind: ``camera_blind`` ..., or ``camera_back``.
        new: It has just begun (or ended); else it goes on and is said again.
        why: The numbers or words behind it.
    """

    kind: str
    new: bool
    why: dict[str, float | str]


@dataclass
class _Scene:
    """What one place looks like.

    Attributes:
        edges: Their strength, averaged.
        samples: How often it was seen.
        other_since: Since when it looks different, monotonic.
    """

    edges: NDArray[np.float32]
    samples: int = 1
    other_since: float | None = None


class Condition:
    """Watches one camera; of one that turns, each place by itself.

    Args:
        watch: When it counts as out of order.
        now_s: Monotonic seconds at the start.
    """

    def __init__(self, watch: Watch, now_s: float) -> None:
        self._watch = watch
        self._picture_at = now_s
        self._still: Grey | None = None
        self._still_since = now_s
        self._detail: deque[tuple[float, float]] = deque()
        self._bare_since: float | None = None
        self._scenes: dict[str, _Scene] = {}
        self._place = ""
        self._sampled = float("-inf")
        self._alike = 1.0
        self._blur = 1.0
        self.now: str = ""
        self._told_at = now_s

    def saw(self, grey: Grey, now_s: float, *, place: str = "", turning: bool = False) -> None:
        """A picture has come.

        Args:
            grey: It, small.
            now_s: Monotonic seconds.
            place: Where the camera looks; empty for a fixed one.
            turning: It moves just now: nothing can be said of what it sees.
        """
        if now_s - self._picture_at > BREAK_S or place != self._place or turning:
            self._begin_anew(place)  # what was not seen did not stand still
        self._picture_at = now_s
        if turning:
            return
        if self._still is None or int(cv2.absdiff(grey, self._still).max()) > SAME:
            self._still, self._still_since = grey, now_s
        if now_s - self._sampled < SAMPLE_S:
            return
        self._sampled = now_s
        edges = _edges(grey)
        self._judge_detail(float(edges.mean()), now_s)
        self._judge_scene(edges, now_s)

    def complaint(self, now_s: float, reason: str = "") -> Complaint | None:
        """What must be said now, if anything.

        Args:
            now_s: Monotonic seconds.
            reason: Why there is no picture, as the decoder says it.
        """
        kind, why = self._wrong(now_s, reason)
        if kind == self.now:
            if kind and now_s - self._told_at >= self._watch.remind.total_seconds():
                self._told_at = now_s
                return Complaint(kind, False, why)
            return None
        before, self.now, self._told_at = self.now, kind, now_s
        return Complaint(kind or "camera_back", True, why if kind else {"was": before})

    def _wrong(self, now_s: float, reason: str) -> tuple[str, dict[str, float | str]]:
        age = now_s - self._picture_at
        if _over(age, self._watch.blind.total_seconds()):
            return "camera_blind", {"silent_s": round(age, 1), "reason": reason or "no picture"}
        still = now_s - self._still_since
        if self._still is not None and _over(still, self._watch.frozen.total_seconds()):
            return "camera_frozen", {"still_s": round(still, 1)}
        if self._bare_since is not None and _over(
            now_s - self._bare_since, self._watch.covered.total_seconds()
        ):
            return "camera_covered", {"detail_left": round(self._blur, 3)}
        scene = self._scenes.get(self._place)
        other_since = scene.other_since if scene is not None else None
        if other_since is not None and _over(now_s - other_since, self._watch.moved.total_seconds()):
            why: dict[str, float | str] = {"alike": round(self._alike, 3)}
            return "camera_moved", why | ({"preset": self._place} if self._place else {})
        return "", {}

    def _begin_anew(self, place: str) -> None:
        scene = self._scenes.get(self._place)
        if scene is not None:
            scene.other_since = None
        if place != self._place:
            self._detail.clear()
        self._place, self._still, self._bare_since = place, None, None

    def _judge_detail(self, detail: float, now_s: float) -> None:
        """Covered: the detail falls within a minute to a fifth. Dusk is slower and takes its usual with it."""
        usual = float(np.median([value for _, value in self._detail])) if self._detail else 0.0
        enough = bool(self._detail) and now_s - self._detail[0][0] >= LEARNT_S / 2
        self._blur = detail / usual if usual else 1.0
        if enough and usual >= LEAST_DETAIL and self._blur < DETAIL_LEFT:
            self._bare_since = now_s if self._bare_since is None else self._bare_since
            return  # what is seen now is not what is usual
        self._bare_since = None
        self._detail.append((now_s, detail))
        while self._detail and now_s - self._detail[0][0] > LEARNT_S:
            self._detail.popleft()

    def _judge_scene(self, edges: NDArray[np.float32], now_s: float) -> None:
        scene = self._scenes.get(self._place)
        if scene is None:
            self._scenes[self._place] = _Scene(edges.copy())
            return
        if self._bare_since is not None:
            scene.other_since = None
            return
        self._alike = _correlation(edges, scene.edges)
        if scene.samples >= LEARNT and self._alike < ALIKE:
            if scene.other_since is None:
                scene.other_since = now_s
            elif now_s - scene.other_since > SCENE_S:  # it looks there now: that is the scene from here on
                self._scenes[self._place] = _Scene(edges.copy())
            return
        scene.other_since = None
        scene.samples += 1
        cv2.accumulateWeighted(edges, scene.edges, SAMPLE_S / SCENE_S)


def _edges(grey: Grey) -> NDArray[np.float32]:
    """Strength of the edges, softened so that a pixel of shaking does not matter."""
    calm = cv2.GaussianBlur(grey, (3, 3), 0)
    x, y = cv2.Sobel(calm, cv2.CV_32F, 1, 0), cv2.Sobel(calm, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.GaussianBlur(cv2.magnitude(x, y), (5, 5), 0), np.float32)


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    a, b = np.sqrt(one).ravel(), np.sqrt(other).ravel()  # the root: one bright edge is not the whole scene
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / size if size > 0 else 0.0


def _over(span: float, limit: float) -> bool:
    return 0 < limit <= span
