"""The street as a camera: ``scene://street`` for ordinary pictures, ``scene://heat`` for temperatures as well.

It comes at the pace of the clock like a camera; ``scene://street?seed=7`` is another street. ``scene://street?for=40``
is a film of forty seconds: it comes as fast as it is looked at, and ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np

from detectors.runtime.contracts import Celsius, Picture
from detectors.runtime.decoder import Shot
from detectors.scenes.painting import CAPTION, Painter
from detectors.scenes.street import Story
from gateway.errors import Fault, SettingsError

SCHEME = "scene"
SCENES = ("street", "heat")
KNOWN = ("seed", "for")
HOTTEST_SHOWN_C = 120.0


class Scene:
    """Pictures of a scene, one each 1/fps seconds; does what a decoder does.

    Args:
        url: Which, and how.
        fps: Pictures a second.
        monotonic: The clock.

    Raises:
        SettingsError: There is no such scene.
    """

    def __init__(self, url: str, fps: float, monotonic: Callable[[], float]) -> None:
        self._heat, seed, self._length_s = _read(url)
        self._painter = Painter(Story(seed), seed)
        self._film = self._length_s < float("inf")
        self._step_s = 1 / fps
        self._monotonic = monotonic
        self._began: float | None = None
        self._next = 0
        self._killed = threading.Event()

    def picture(self, timeout_s: float) -> Shot | None:
        """The next one, when it is due; ``None`` at the end."""
        if not self._film:
            self._keep_pace(timeout_s)
        stream_s = self._next * self._step_s
        if self._killed.is_set() or stream_s >= self._length_s:
            return None
        self._next += 1
        if not self._heat:
            return Shot(self._painter.picture(stream_s), stream_s)
        celsius = self._painter.celsius(stream_s)
        return Shot(shown(celsius), stream_s, celsius)

    def _keep_pace(self, timeout_s: float) -> None:
        now = self._monotonic()
        if self._began is None:
            self._began = now
        late_s = now - self._began - self._next * self._step_s
        if late_s > 1.0:  # a busy box looks at less, it does not fall behind
            self._next += int(late_s / self._step_s)
        self._killed.wait(min(timeout_s, max(0.0, -late_s)))

    def kill(self) -> None:
        """No more pictures. From any thread."""
        self._killed.set()

    def close(self) -> None:
        """Nothing is open."""
        self._killed.set()


def is_scene(url: str) -> bool:
    """Whether an address names a scene."""
    return urlsplit(url).scheme == SCHEME


def shown(celsius: Celsius) -> Picture:
    """(4h, 4w, 3) uint8, BGR: temperatures for people, with the words that say what it is."""
    grey = np.clip(celsius / HOTTEST_SHOWN_C * 255, 0, 255).astype(np.uint8)
    large = cv2.resize(grey, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    image: Picture = cv2.applyColorMap(large.astype(np.uint8), cv2.COLORMAP_INFERNO).astype(np.uint8)
    words = f"{CAPTION}  {float(celsius.max()):.0f} C"
    cv2.putText(image, words, (3, 10), cv2.FONT_HERSHEY_PLAIN, 0.75, (255, 255, 255), 1, cv2.LINE_AA)
    return image


def _read(url: str) -> tuple[bool, int, float]:
    parts = urlsplit(url)
    asked = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    try:
        seed, length_s = int(asked.get("seed", "1")), float(asked.get("for", "inf"))
    except ValueError as error:
        raise _unknown(url) from error
    if parts.netloc not in SCENES or set(asked) - set(KNOWN):
        raise _unknown(url)
    return parts.netloc == "heat", seed, length_s


def _unknown(url: str) -> SettingsError:
    remedy = "write scene://street or scene://heat, with ?seed=NUMBER and for=SECONDS if you like"
    return SettingsError(Fault("", 0, "url", f"there is no scene {url}", remedy))
