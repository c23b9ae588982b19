"""The worker's witness: a keeper for each camera, their rings, the operators' marks, and what is deleted when.

Everything slow (clips, deletion) is done by one thread behind it, so that looking never waits for a card.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from detectors.runtime.build import Built, checked
from detectors.runtime.clips import mode_of
from detectors.runtime.contracts import Detections, Frame, Model, Sighting
from detectors.runtime.decoder import address, script
from detectors.runtime.evidence import Keeper
from detectors.runtime.footage import FileFootage, Footage, Ring
from detectors.runtime.network import open_model
from detectors.runtime.privacy import Masks, Shroud
from gateway.cameras import CameraEntry, Eyes
from gateway.clock import Clock
from gateway.credentials import read_secret
from gateway.errors import Fault, GatewayError, SettingsError, Unavailable
from gateway.evidence.inbox import Inbox
from gateway.evidence.retention import Tidied, tidy
from gateway.evidence.sealed import Seal
from gateway.evidence.settings import EvidenceSettings
from gateway.evidence.shelf import Shelf

TIDY_S = 3600.0  # a day's evidence is gone within 24 h of its term (reliability reference P20)
NICE = 10
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # that is what it is
LEAST_FREE_BYTES = 500_000_000
PARTING_S = 1.0  # a worker that is told to stop is killed after 5 s
REOPEN_S = (5.0, 60.0)  # shortest and longest pause before a recorder is started again
_NETWORK = frozenset({"rtsp", "rtsps", "http", "https"})
_WORDS = ["-f", "concat", "-safe", "0", "-protocol_whitelist"]
_PROTOCOLS = "pipe,rtsp,rtsps,rtp,tcp,udp,tls,http,https,httpproxy,crypto"

_log = logging.getLogger(__name__)

Mark = Callable[[str, str, bool], None]


class Archive:
    """See :class:`detectors.runtime.worker.Witness`.

    Args:
        eyes: What the site says.
        built: Models that were read, and what is kept of which camera.
        state_dir: The worker's own folder.
        clock: The only clock.
        mark: Takes an operator's word: camera, key, whether it was right.
    """

    def __init__(
        self,
        eyes: Eyes,
        built: Built,
        state_dir: Path,
        *,
        clock: Clock,
        mark: Mark,
    ) -> None:
        self._eyes = eyes
        self._clock = clock
        self._mark = mark
        self._first = next(iter(built.evidence.values()))
        root = self._first.folder or state_dir / "evidence"
        self.shelf = Shelf(root)
        self._inbox = Inbox(self.shelf, state_dir / "marks.read")
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="archive", initializer=_stand_back)
        self._rings: dict[str, Ring] = {}
        self._reopen: dict[str, tuple[float, float]] = {}
        self._notes: dict[str, str] = {}
        self._deleted = Tidied()
        self._tidying: Future[Tidied] | None = None
        self._tidied_at: float | None = None
        self._keepers: dict[str, Keeper] = {}
        for slug, entry in eyes.cameras.items():
            self._keepers[slug] = self._keeper(slug, entry, built.evidence[slug], built.models, state_dir)
        self.shelf.sweep()
        for keeper in self._keepers.values():
            keeper.resume()

    def seen(self, camera: str, frame: Frame, seen: Iterable[Detections] = ()) -> None:
        """A picture has been looked at."""
        self._keepers[camera].see(frame, seen)

    def keep(
        self, camera: str, frame: Frame, sighting: Sighting, seen: Iterable[Detections] = ()
    ) -> str | None:
        """Evidence of a sighting; its id once it is on the disk.

        A bug in keeping must not cost the alarm: it is written to the log and said in the heartbeat.
        """
        try:
            return self._keepers[camera].keep(sighting, frame, seen)
        except Exception as error:  # noqa: BLE001  # the worker's edge, as in eye.py
            self._notes[f"{camera}.fault"] = f"{type(error).__name__}: {error}"[:200]
            _log.exception("evidence not kept camera=%s kind=%s", camera, sighting.kind)
            return None

    def shoot(
        self, camera: str, frame: Frame, sighting: Sighting, seen: Iterable[Detections] = ()
    ) -> tuple[str | None, str]:
        """A picture that somebody has asked for: its id once it is on the disk, or why there is none."""
        keeper = self._keepers[camera]
        try:
            number = keeper.shoot(sighting, frame, seen)
        except Exception as error:  # noqa: BLE001  # the worker's edge, as above
            self._notes[f"{camera}.fault"] = f"{type(error).__name__}: {error}"[:200]
            _log.exception("picture not kept camera=%s", camera)
            return None, f"the picture could not be kept ({type(error).__name__})"
        return number, "" if number is not None else keeper.kept.refused

    def tick(self, now_s: float) -> None:
        """A second has passed."""
        for keeper in self._keepers.values():
            keeper.turn()
        for slug, ring in self._rings.items():
            if not ring.alive:
                self._record(slug, ring, now_s)
        for item, mark in self._inbox.fresh():
            self._mark(str(item.meta.get("camera", "")), str(item.meta.get("key", "")), mark.right)
        if self._tidied_at is None or now_s - self._tidied_at >= TIDY_S:
            self._tidied_at = now_s
            self._tidying = self._executor.submit(self._tidy)
        if self._tidying is not None and self._tidying.done():
            self._count(self._tidying)
            self._tidying = None

    def learnt(self) -> None:
        """The detectors have written down what they were told."""
        with suppress(OSError):
            self._inbox.learnt()

    def health(self) -> dict[str, Any]:
        """Figures for the heartbeat."""
        kept = [keeper.kept for keeper in self._keepers.values()]
        notes = {
            f"{slug}.{name}": words
            for slug, keeper in self._keepers.items()
            for name, words in keeper.kept.notes.items()
        }
        return {
            "kept": sum(one.kept for one in kept),
            "clips": sum(one.clips for one in kept),
            "failed": sum(one.failed for one in kept),
            "deleted": dict(self._deleted.deleted),
            "there": self._deleted.kept,
            "bytes": self._deleted.kept_bytes,
            "error": next((one.last_error for one in kept if one.last_error), ""),
            "notes": {**notes, **self._notes},
        }

    def close(self) -> None:
        """Finish what is owed, as far as it can be had now."""
        for slug, keeper in self._keepers.items():
            keeper.end(PARTING_S if self._eyes.cameras[slug].live else None)
        for ring in self._rings.values():
            ring.close()
        self._executor.shutdown(wait=not self._rings, cancel_futures=bool(self._rings))

    def _keeper(
        self,
        slug: str,
        entry: CameraEntry,
        settings: EvidenceSettings,
        models: Mapping[str, Model],
        state_dir: Path,
    ) -> Keeper:
        names = [name for name in settings.blur_models if name in self._eyes.models]
        for name in set(settings.blur_models) - set(names):
            self._notes[f"{slug}.blur_models"] = f"there is no model {name}"
        names = names or list(models)
        finders = []
        for name in names:
            try:
                finders.append(models[name] if name in models else self._opened(name))
            except Unavailable as error:
                self._notes[f"{slug}.blur_models"] = str(error)
        shroud = Shroud(finders, settings.blur)
        footage: Footage | None = None
        if mode_of(settings, shroud) != "off":
            footage = self._footage(slug, entry, settings, state_dir)
        return Keeper(
            self.shelf,
            settings,
            slug,
            shroud=shroud,
            executor=self._executor,
            masks=masks_of(entry),
            footage=footage,
            clip_shroud=lambda: Shroud([self._opened(name) for name in names], settings.blur),
            trusted=self._clock.trusted,
            facts=lambda: {"models": {name: self._eyes.models[name].sha256 or "" for name in models}},
        )

    def _opened(self, name: str) -> Model:
        try:
            return open_model(self._eyes.models[name], f"models.{name}")
        except SettingsError as error:
            raise Unavailable(f"model {name}: {error.faults[0].problem}") from error

    def _footage(
        self, slug: str, entry: CameraEntry, settings: EvidenceSettings, state_dir: Path
    ) -> Footage | None:
        scheme = urlsplit(entry.url).scheme
        if not entry.live and scheme != "scene":
            return FileFootage(Path(entry.url.removeprefix("file://")))
        if scheme not in _NETWORK or _only_stills(entry):
            return None
        folder = _ring_folder(settings, state_dir) / slug
        words = [*_WORDS, _PROTOCOLS, "-i", "pipe:0"]
        ring = Ring(folder, words, self._clock.monotonic, stdin=lambda: _script(entry))
        self._rings[slug] = ring
        return ring

    def _record(self, slug: str, ring: Ring, now_s: float) -> None:
        due, pause = self._reopen.get(slug, (now_s, REOPEN_S[0]))
        if now_s < due:
            return
        self._reopen[slug] = now_s + pause, min(pause * 2, REOPEN_S[1])
        try:
            ring.open()
            self._notes.pop(f"{slug}.ring", None)
        except GatewayError as error:
            self._notes[f"{slug}.ring"] = str(error)

    def _tidy(self) -> Tidied:
        return tidy(
            self.shelf,
            self._clock.now(),
            trusted=self._clock.trusted(),
            keep=self._first.keep,
            largest=self._first.largest,
        )

    def _count(self, done: Future[Tidied]) -> None:
        try:
            round_ = done.result()
        except GatewayError as error:
            self._notes["tidy"] = str(error)
            return
        self._notes.pop("tidy", None)
        self._deleted.deleted.update(round_.deleted)
        self._deleted.kept, self._deleted.kept_bytes = round_.kept, round_.kept_bytes
        if round_.deleted:
            _log.info("evidence deleted %s", dict(round_.deleted))


def evidence_of(eyes: Eyes) -> tuple[dict[str, EvidenceSettings], list[Fault]]:
    """Camera -> what the site says of its evidence, and everything wrong with that.

    What stands at the camera wins over what holds for all. Where it cannot be used the camera's evidence is kept as if
    nothing had been said: covered, without clips and originals.
    """
    found: dict[str, EvidenceSettings] = {}
    faults: list[Fault] = []
    for slug, entry in eyes.cameras.items():
        key = f"cameras.{slug}.evidence" if entry.evidence else "evidence"
        try:
            found[slug] = checked(EvidenceSettings, {**eyes.evidence, **(entry.evidence or {})}, key)
            key_file = found[slug].key
            if key_file is not None:
                Seal(key_file)
        except SettingsError as error:
            faults += [fault for fault in error.faults if fault not in faults]
            found[slug] = EvidenceSettings(clip="off")
    return found, faults


def _stand_back() -> None:
    """What this thread does never hurries: looking goes first."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


def masks_of(entry: CameraEntry) -> Masks:
    """What of a camera is neither looked at nor kept."""
    return Masks({"": list(entry.masks)})


def _only_stills(entry: CameraEntry) -> bool:
    """A thermal camera that is asked for single pictures: there is no stream to record."""
    return entry.thermal is not None and entry.thermal.get("form") != "video"


def _script(entry: CameraEntry) -> bytes:
    password = read_secret(entry.password_file, "password_file") if entry.password_file else None
    return script(address(entry.url, entry.user, password))


def _ring_folder(settings: EvidenceSettings, state_dir: Path) -> Path:
    """In memory where there is some: nothing uncovered reaches the card, and no card is worn out by 40 GB a day."""
    if settings.ring is not None:
        return settings.ring
    runtime = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    if runtime:
        return Path(runtime) / "ring"
    if os.access(SHARED_MEMORY, os.W_OK) and shutil.disk_usage(SHARED_MEMORY).free > LEAST_FREE_BYTES:
        own = hashlib.sha256(str(state_dir.resolve()).encode()).hexdigest()[:12]
        return SHARED_MEMORY / f"village-ring-{own}"
    return state_dir / "ring"
