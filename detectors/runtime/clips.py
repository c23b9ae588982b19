"""A cut clip made fit to be kept: as it is, sealed, or covered picture by picture (the only case that encodes anew).

A picture of a clip is covered where a model found something in the looked-at picture before it or in the one after it,
five of them a second: what moves between two looks is covered at both ends. If a model fails once there is no clip.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from detectors.runtime.contracts import Picture
from detectors.runtime.privacy import Masks, Shroud, pixelated
from gateway.errors import Unavailable
from gateway.evidence.sealed import Seal
from gateway.evidence.settings import EvidenceSettings

LOOKS_PER_S = 5.0
ENCODE_S = 300.0
LONGEST_PX = 1280  # of a clip that is encoded anew

Mode = Literal["off", "blurred", "sealed", "plain"]


def mode_of(settings: EvidenceSettings, shroud: Shroud) -> Mode:
    """What becomes of clips under these settings and with these models."""
    if settings.blur == "off":
        return "plain" if settings.clip == "auto" else settings.clip
    if settings.clip == "auto":
        able = settings.blur == "auto" and shroud.finds
        return "blurred" if able else "sealed" if settings.key is not None else "off"
    if settings.clip == "blurred" and not (settings.blur == "auto" and shroud.finds):
        return "off"
    return settings.clip


def finished(
    clip: Path,
    mode: Mode,
    *,
    masks: Masks,
    preset: str = "",
    shroud: Callable[[], Shroud] | None = None,
    seal: Seal | None = None,
) -> Path:
    """What may be kept of a clip, in a file beside it; the cut one is gone afterwards.

    Args:
        clip: As it was cut.
        mode: What becomes of it.
        masks: Of the camera; where there are any the clip is encoded anew.
        preset: Where the camera looked.
        shroud: Makes one for this thread alone: models are not shared between threads.
        seal: For ``sealed``.

    Raises:
        Unavailable: It cannot be done; nothing is left.
    """
    made: list[Path] = [clip]
    try:
        if mode == "blurred":
            if shroud is None:
                raise Unavailable("no model here can say where faces and plates are")
            made.append(_rendered(clip, masks, preset, shroud()))
        elif masks:
            made.append(_rendered(clip, masks, preset, None))
        if mode == "sealed":
            if seal is None:
                raise Unavailable("there is no key to seal with")
            target = clip.with_name(f"{made[-1].name}.sealed")
            target.write_bytes(seal.sealed(made[-1].read_bytes()))
            made.append(target)
        kept = made.pop()
    finally:
        for path in made:
            path.unlink(missing_ok=True)
    return kept


def _rendered(clip: Path, masks: Masks, preset: str, shroud: Shroud | None) -> Path:
    target = clip.with_name("covered.mp4")
    reader = cv2.VideoCapture(str(clip))
    try:
        rate = reader.get(cv2.CAP_PROP_FPS)
        rate = rate if 1 <= rate <= 120 else 25.0
        pictures: Iterator[Picture] = (masks.apply(each, preset) for each in _pictures(reader))
        if shroud is not None:
            pictures = _covered(pictures, shroud, max(1, round(rate / LOOKS_PER_S)))
        _encode(pictures, rate, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        reader.release()
    return target


def _pictures(reader: cv2.VideoCapture) -> Iterator[Picture]:
    while True:
        there, picture = reader.read()
        if not there:
            return
        height, width = picture.shape[:2]
        share = min(1.0, LONGEST_PX / max(height, width))
        size = (int(width * share) // 2 * 2, int(height * share) // 2 * 2)
        yield cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _covered(pictures: Iterator[Picture], shroud: Shroud, step: int) -> Iterator[Picture]:
    """Each picture under what was found at the look before it and at the look after it."""
    waiting: list[Picture] = []
    before = None
    for number, picture in enumerate(pictures):
        waiting.append(picture)
        if number % step == 0:
            found = shroud.places(picture)
            for each in waiting:
                yield pixelated(each, [*(before or []), *found])
            waiting, before = [], found
    if waiting:
        found = shroud.places(waiting[-1])
        for each in waiting:
            yield pixelated(each, [*(before or []), *found])


def _encode(pictures: Iterator[Picture], rate: float, target: Path) -> None:
    first = next(pictures, None)
    if first is None:
        raise Unavailable("no clip: it holds no picture that can be read")
    height, width = first.shape[:2]
    command = [
        "ffmpeg", "-hide_banner", "-loglevel", "error", "-y",
        "-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{width}x{height}", "-r", f"{rate:g}", "-i", "pipe:0",
        "-c:v", "libx264", "-preset", "veryfast", "-crf", "28", "-pix_fmt", "yuv420p", "-threads", "1",
        "-movflags", "+faststart", str(target),
    ]  # fmt: skip
    try:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603
    except OSError as error:
        raise Unavailable(f"no clip: {error}") from error
    try:
        assert child.stdin is not None
        child.stdin.write(first.tobytes())
        for picture in pictures:
            child.stdin.write(picture.tobytes())
        child.stdin.close()
        if child.wait(ENCODE_S):
            raise Unavailable("no clip: it could not be encoded anew")
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"no clip: {error}") from error
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
