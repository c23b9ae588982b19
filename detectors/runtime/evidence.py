"""What is kept of a sighting, for one camera: pictures at once, numbers and a clip when they are there.

::

    sighting CONFIRMED ─► picture covered, drawn, written, synced ─► its id goes into the event
             after_s later ─► clip cut, finished (clips.py), more numbers      ─► the same folder, meta.json anew
             ENDED         ─► the last numbers

An id is returned only when its first files are on the disk. Everything after that is owed: ``meta.json`` says that a
clip is ``pending`` and where it lies in the ring, so that the next worker finishes it when this one is killed.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from detectors.runtime.clips import Mode, finished, mode_of
from detectors.runtime.contracts import Box, Detections, Frame, Sighting, State
from detectors.runtime.drawing import as_jpeg, with_boxes
from detectors.runtime.footage import Footage
from detectors.runtime.privacy import Covered, Masks, Shroud
from detectors.runtime.trace import Trace, plain
from gateway.clock import boot_id
from gateway.errors import GatewayError
from gateway.evidence.sealed import Seal
from gateway.evidence.settings import EvidenceSettings
from gateway.evidence.shelf import Shelf, new_id

MOST_OPEN = 64  # occurrences of one camera at a time; the oldest is closed

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Open:
    """An occurrence that may still get more."""

    id: str
    kind: str
    preset: str
    numbers_due: float | None
    clip: tuple[float, float] | None = None
    cutting: Future[None] | None = None
    ended: bool = False


@dataclass(slots=True)
class Kept:
    """What has been done so far, for the worker's health."""

    kept: int = 0
    clips: int = 0
    failed: int = 0
    last_error: str = ""
    refused: str = ""
    notes: dict[str, str] = field(default_factory=dict)


class Keeper:
    """Keeps what detectors of one camera have seen.

    Args:
        shelf: Where.
        settings: The site's.
        camera: Its slug.
        shroud: Covers pictures; asked from the worker's thread.
        masks: Of this camera; frames have been through them already, clips have not.
        footage: Where clips come from; ``None``: there are none.
        executor: Where clips are cut and finished.
        clip_shroud: Makes one for that thread.
        trusted: Whether the wall clock is to be believed.
        facts: What else belongs to each picture (place of a moving camera in degrees, sha256 of models ...).
    """

    def __init__(
        self,
        shelf: Shelf,
        settings: EvidenceSettings,
        camera: str,
        *,
        shroud: Shroud,
        executor: Executor,
        masks: Masks | None = None,
        footage: Footage | None = None,
        clip_shroud: Callable[[], Shroud] | None = None,
        trusted: Callable[[], bool] = lambda: True,
        facts: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self._shelf = shelf
        self._settings = settings
        self._camera = camera
        self._shroud = shroud
        self._masks = masks or Masks({})
        self._footage = footage
        self._executor = executor
        self._clip_shroud = clip_shroud
        self._trusted = trusted
        self._facts = facts
        self._seal = Seal(settings.key) if settings.key is not None else None
        self._mode: Mode = mode_of(settings, shroud) if footage is not None else "off"
        self._trace = Trace()
        self._open: dict[str, _Open] = {}
        self._last_s = 0.0
        self.kept = Kept()
        if footage is not None and self._mode == "off":
            self.kept.notes["clip"] = "no clips: nothing here can cover faces and plates, and there is no key"
        if settings.blur == "auto" and not shroud.finds:
            self.kept.notes["picture"] = "boxes only: no model here can say where faces and plates are"

    def see(self, frame: Frame, seen: Iterable[Detections] = ()) -> None:
        """One looked-at picture: its numbers are kept for a while."""
        self._last_s = frame.stream_s
        self._trace.frame(frame, seen)

    def keep(self, sighting: Sighting, frame: Frame, seen: Iterable[Detections] = ()) -> str | None:
        """What a detector says of this picture.

        Args:
            sighting: What it says; its key is one occurrence of this camera.
            frame: The picture, after its masks.
            seen: What models saw in it.

        Returns:
            The id under which it is on the disk now; ``None`` for a mere candidate, and when nothing could be kept: an
            alarm does not wait for its picture.
        """
        key = sighting.key
        self._trace.sighting(sighting)
        open_one = self._open.get(key)
        if sighting.state is State.CANDIDATE:
            return open_one.id if open_one is not None else None
        try:
            if open_one is None:
                if sighting.state is State.ENDED:
                    return None
                return self._first(key, sighting, frame, seen)
            self._more(key, open_one, sighting, frame, seen)
        except GatewayError as error:
            self._failed(error)
            return open_one.id if open_one is not None else None
        return open_one.id

    def shoot(self, sighting: Sighting, frame: Frame, seen: Iterable[Detections] = ()) -> str | None:
        """A picture that somebody has asked for: kept as a sighting's is, and nothing follows it.

        Returns:
            Its id; ``None`` when nothing could be kept, see ``kept.refused``.
        """
        self._trace.sighting(sighting)
        self.kept.refused = self.kept.notes.get("picture", "nothing can be shown of it")
        try:
            return self._first(sighting.key, sighting, frame, seen)
        except GatewayError as error:
            self._failed(error)
            self.kept.refused = str(error)
            return None
        finally:
            self._close(sighting.key)

    def turn(self) -> list[str]:
        """Whatever is due: numbers, clips; returns the ids that have grown. Cheap when nothing is."""
        grown = []
        for key, one in list(self._open.items()):
            if one.numbers_due is not None and self._last_s >= one.numbers_due:
                one.numbers_due = None
                self._numbers(key, one)
                grown.append(one.id)
            if one.clip is not None and one.cutting is None and self._ready(one.clip[1]):
                one.cutting = self._executor.submit(self._cut, one.id, one.clip, one.preset)
            if one.cutting is not None and one.cutting.done():
                one.clip = one.cutting = None
                grown.append(one.id)
            if one.ended and one.clip is None and one.numbers_due is None:
                self._close(key)
        return grown

    def end(self, patience_s: float | None = None) -> None:
        """The stream is over: what is owed is done now; what takes longer is left to the next worker, see ``resume``.

        Args:
            patience_s: For each clip; ``None``: as long as it takes.
        """
        for key, one in list(self._open.items()):
            if one.numbers_due is not None or not one.ended:
                self._numbers(key, one)
            if one.clip is not None:
                future = one.cutting or self._executor.submit(self._cut, one.id, one.clip, one.preset)
                with suppress(TimeoutError):
                    future.result(patience_s)
            self._close(key)

    def resume(self) -> int:
        """Finish the clips that an earlier worker owed; returns how many. Those of another boot are given up."""
        count = 0
        for item in list(self._shelf.items()):
            clip = item.meta.get("clip")
            if item.meta.get("camera") != self._camera or not isinstance(clip, dict):
                continue
            if clip.get("state") != "pending":
                continue
            if clip.get("boot") != boot_id() or self._footage is None or self._mode == "off":
                self._say(item.id, {"state": "none", "why": "the worker was stopped before it was cut"})
                continue
            span = (float(clip["begin"]), float(clip["end"]))
            self._executor.submit(self._cut, item.id, span, str(item.meta.get("preset", "")))
            count += 1
        return count

    # -- pictures -----------------------------------------------------------------------------------------------------

    def _first(self, key: str, sighting: Sighting, frame: Frame, seen: Iterable[Detections]) -> str | None:
        covered = self._shroud.cover(frame.image, seen)
        files, left_out = self._pictures(sighting, covered, "snapshot.jpg")
        clip, owed = self._owed(sighting)
        if covered.how == "boxes_only" and not sighting.boxes and len(files) == 1 and clip is None:
            return None  # a grey picture without a box says nothing
        if covered.how != "boxes_only":
            files["clean.jpg"] = as_jpeg(covered.image)
        if self._settings.original and self._seal is not None:
            files["original.jpg.sealed"] = self._seal.sealed(as_jpeg(frame.image))
        self._trace.begin(key)
        files["trace.jsonl"] = self._trace.text(key)
        meta: dict[str, Any] = {
            "camera": self._camera,
            "key": sighting.key,
            "kind": sighting.kind,
            "state": str(sighting.state),
            "review": sighting.review,
            "score": round(sighting.score, 3),
            "zone": sighting.zone,
            "stream_s": round(sighting.stream_s, 3),
            "preset": frame.preset,
            "why": plain(sighting.why),
            "boxes": [_as_plain(box) for box in sighting.boxes],
            "rendering": {"how": covered.how, "regions": covered.regions, "why": covered.why},
            "left_out": left_out,
            "picture": "snapshot.jpg",
            "clip": owed,
            **({} if self._trusted() else {"doubtful": True}),
            **self._facts(),
        }
        number = self._shelf.put(sighting.at, meta, files, name=new_id())
        self._open[key] = _Open(
            number, sighting.kind, frame.preset, sighting.stream_s + sighting.after_s, clip
        )
        self.kept.kept += 1
        self._bound()
        return number

    def _more(
        self, key: str, one: _Open, sighting: Sighting, frame: Frame, seen: Iterable[Detections]
    ) -> None:
        ended = sighting.state is State.ENDED
        files: dict[str, bytes | Path] = {}
        shown = ""
        if sighting.kind != one.kind or (sighting.pictures and not ended):
            covered = self._shroud.cover(frame.image, seen)
            shown = f"{_file(sighting.kind)}.jpg" if sighting.kind != one.kind else "later.jpg"
            files.update(self._pictures(sighting, covered, shown)[0])
            one.kind = sighting.kind
        if ended:
            files["trace.jsonl"] = self._trace.text(key)
            one.numbers_due, one.ended = None, True
        if files or ended:
            self._shelf.add(one.id, files, lambda meta: _grown(meta, sighting, shown))
        if ended and one.clip is None:
            self._close(key)

    def _pictures(
        self, sighting: Sighting, covered: Covered, name: str
    ) -> tuple[dict[str, bytes | Path], list[str]]:
        note = "" if covered.how != "boxes_only" else "  boxes only"
        caption = f"{self._camera} {sighting.kind} {sighting.at:%Y-%m-%d %H:%M:%S} UTC{note}"
        files: dict[str, bytes | Path] = {name: as_jpeg(with_boxes(covered.image, sighting.boxes, caption))}
        left_out = []
        for each, picture in sighting.pictures.items():
            extra = self._shroud.cover(picture)
            if extra.how == "boxes_only":
                left_out.append(each)  # a grey picture without a box says nothing
            else:
                files[f"{_file(each)}.jpg"] = as_jpeg(extra.image)
            if self._settings.original and self._seal is not None:
                files[f"{_file(each)}.jpg.sealed"] = self._seal.sealed(as_jpeg(picture))
        return files, left_out

    # -- clips and numbers ------------------------------------------------------------------------------------------

    def _owed(self, sighting: Sighting) -> tuple[tuple[float, float] | None, dict[str, Any]]:
        if self._footage is None or self._mode == "off":
            return None, {"state": "none", "why": self.kept.notes.get("clip", "this camera has no clips")}
        if sighting.before_s + sighting.after_s <= 0:
            return None, {"state": "none", "why": "a picture only"}
        now = self._footage.moment(sighting.stream_s)
        span = now - sighting.before_s, now + sighting.after_s
        owed = {"state": "pending", "begin": span[0], "end": span[1], "boot": boot_id()}
        return span, owed

    def _ready(self, end: float) -> bool:
        return self._footage is not None and self._footage.ready(end)

    def _cut(self, number: str, span: tuple[float, float], preset: str) -> None:
        """In the executor: from the ring to the shelf."""
        assert self._footage is not None
        try:
            with tempfile.TemporaryDirectory(prefix="clip-") as folder:
                cut = self._footage.cut(span[0], span[1], Path(folder) / "clip.mp4")
                kept = finished(
                    cut,
                    self._mode,
                    masks=self._masks,
                    preset=preset,
                    shroud=self._clip_shroud,
                    seal=self._seal,
                )
                name = "clip.mp4" if kept.name == "covered.mp4" else kept.name.replace("covered", "clip")
                done = {"state": "kept", "how": self._mode}
                self._shelf.add(number, {name: kept}, lambda meta: {**meta, "clip": done})
            self.kept.clips += 1
        except GatewayError as error:
            self._failed(error)
            self._say(number, {"state": "none", "why": str(error)})

    def _say(self, number: str, clip: Mapping[str, Any]) -> None:
        try:
            self._shelf.add(number, {}, lambda meta: {**meta, "clip": dict(clip)})
        except GatewayError as error:
            self._failed(error)

    def _numbers(self, key: str, one: _Open) -> None:
        try:
            self._shelf.add(one.id, {"trace.jsonl": self._trace.text(key)})
        except GatewayError as error:
            self._failed(error)

    def _close(self, key: str) -> None:
        self._open.pop(key, None)
        self._trace.end(key)

    def _bound(self) -> None:
        while len(self._open) > MOST_OPEN:
            self._close(next(iter(self._open)))

    def _failed(self, error: GatewayError) -> None:
        self.kept.failed += 1
        self.kept.last_error = str(error)
        _log.warning("evidence camera=%s why=%s", self._camera, error)


def _grown(meta: dict[str, Any], sighting: Sighting, shown: str) -> dict[str, Any]:
    """What is known by now; the first boxes and numbers stay. ``shown``: the picture that tells most, if it is new."""
    steps = [*meta.get("steps", ()), _step(sighting)]
    picture = shown or meta.get("picture", "")
    return {
        **meta,
        "kind": sighting.kind,
        "state": str(sighting.state),
        "picture": picture,
        "steps": steps[-50:],
    }


def _step(sighting: Sighting) -> dict[str, Any]:
    return {
        "at": sighting.at.isoformat(),
        "kind": sighting.kind,
        "state": str(sighting.state),
        "score": round(sighting.score, 3),
        "why": plain(sighting.why),
        "boxes": [_as_plain(box) for box in sighting.boxes],
    }


def _as_plain(box: Box) -> list[Any]:
    corners = (round(value, 4) for value in (box.x1, box.y1, box.x2, box.y2))
    return [*corners, box.label, round(box.score, 3)]


def _file(name: str) -> str:
    """A detector's word as a file's name."""
    plain_name = "".join(sign if sign.isalnum() and sign.isascii() else "_" for sign in name.lower())
    return plain_name.strip("_")[:40] or "picture"
