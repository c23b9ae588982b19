"""A moving camera: a thread that makes the round over ONVIF and says where the camera looks.

- speaks: ONVIF PTZ (see ``onvif.py``) · reconnects: by itself, 2 s to 60 s apart, a refused password each 10 min
- times out: 5 s a request; a turn that is not seen to end is taken as done after 15 s
- tested on the wire: an ONVIF device made for the test
- seen on real hardware: not yet

While the camera cannot be asked it is not known where it looks: what is seen is judged without a preset.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from pydantic import Field, field_validator

from detectors.runtime.onvif import NotAuthorized, Onvif, Position, Preset, Report
from detectors.runtime.tour import Pace, Tour, Visit
from gateway.cameras import CameraEntry
from gateway.credentials import read_secret
from gateway.errors import BadReply, Fault, Lost, SettingsError
from gateway.schema import Duration, Strict

POLL_S = 0.5
FIRST_PAUSE_S, LONGEST_PAUSE_S, REFUSED_PAUSE_S = 2.0, 60.0, 600.0

_log = logging.getLogger(__name__)


class Settings(Strict):
    """How a camera is turned: the key ``ptz`` of a camera.

    Example::

        ptz: {url: "http://192.168.1.64", presets: [gate, slope, reservoir, school], dwell: 15s}

    Attributes:
        url: Of its ONVIF service, ``http://host`` or the whole address.
        username: Of an account that may turn it; default the camera's ``user``.
        password_file: Likewise.
        ca_file: Certificate to trust instead of the system's.
        profile: Token or name of the profile; default the first that can be turned.
        presets: The round, in order, by the names or tokens that the camera has for them, or as a mapping of our name
            (that zones and evidence use) to the camera's; default all that are stored. They should see all around.
        patrol: False: only on request.
        dwell: How long it looks at each place.
        settle: After it has come to rest.
        turn: A turn that takes longer is taken as done.
        by_hand: After somebody else has turned it, the round waits for so long.
    """

    url: str = Field(pattern=r"^https?://[^/@\s]+(/\S*)?$")
    username: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    profile: str = ""
    presets: dict[str, str] = Field(default_factory=dict, max_length=256)
    patrol: bool = True
    dwell: Duration = Field(default=timedelta(seconds=12), ge=timedelta(seconds=1))
    settle: Duration = timedelta(seconds=1)
    turn: Duration = timedelta(seconds=15)
    by_hand: Duration = timedelta(minutes=2)

    @field_validator("presets", mode="before")
    @classmethod
    def _as_they_are(cls, presets: Any) -> Any:
        return {str(one): str(one) for one in presets} if isinstance(presets, list | tuple) else presets

    @property
    def pace(self) -> Pace:
        """For the round."""
        return Pace(
            dwell_s=self.dwell.total_seconds(),
            settle_s=self.settle.total_seconds(),
            turn_s=self.turn.total_seconds(),
            hand_s=self.by_hand.total_seconds(),
        )


class Clock(Protocol):
    """The two clocks that it asks."""

    def now(self) -> datetime:
        """Aware UTC."""

    def monotonic(self) -> float:
        """Seconds that never jump."""


class Ptz:
    """A moving camera. ``look``, ``position``, ``stay`` and ``look_at`` may be called from any thread and never block.

    Args:
        slug: Of the camera.
        settings: How.
        connect: Opens it; called again after each loss.
        clock: The only clock.
    """

    def __init__(self, slug: str, settings: Settings, connect: Callable[[], Onvif], clock: Clock) -> None:
        self.slug = slug
        self.reason = "not asked yet"
        self._settings = settings
        self._connect = connect
        self._clock = clock
        self._lock = threading.Lock()
        self._tour: Tour | None = None
        self._presets: Mapping[str, Preset] = {}
        self._report = Report(None, None)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.run, name=f"ptz {slug}", daemon=True)

    def start(self) -> None:
        """Begin the round."""
        self._thread.start()

    def stop(self) -> None:
        """End it; the camera stays where it is."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(6.0)

    def look(self) -> tuple[str, bool]:
        """Where it looks (empty: nobody sent it there) and whether it turns right now."""
        with self._lock:
            return (self._tour.place, self._tour.turning) if self._tour is not None else ("", False)

    def position(self) -> dict[str, float | str]:
        """Pan, tilt, zoom and the name of the place, for the evidence."""
        with self._lock:
            where = self._report.position
            facts: dict[str, float | str] = {}
            if where is not None:
                facts = {
                    "pan": round(where.pan, 4),
                    "tilt": round(where.tilt, 4),
                    "zoom": round(where.zoom, 4),
                }
            if self._tour is not None and self._tour.place:
                facts["preset"] = self._tour.place
            return facts

    def stay(self, seconds: float = 30.0) -> None:
        """Something is seen: do not turn away yet; what was seen in passing is looked at next."""
        with self._lock:
            if self._tour is None:
                return
            passing = self._report.position
            if not self._tour.turning:
                self._tour.stay(self._clock.monotonic(), seconds)
            elif passing is not None and not self._tour.asked:
                self._tour.look_at(Visit(None, passing, seconds, ""))

    def look_at(self, place: str | Position, seconds: float = 30.0) -> str:
        """Look there next, then go on with the round.

        Returns:
            What :meth:`look` will call it; empty for a bare position.

        Raises:
            BadReply: No such preset, or the camera is not known yet.
        """
        with self._lock:
            if self._tour is None:
                raise BadReply(f"the camera cannot be turned: {self.reason}")
            if isinstance(place, Position):
                self._tour.look_at(Visit(None, place, seconds, ""))
                return ""
            if place in self._presets:
                preset = self._presets[place]
                self._tour.look_at(Visit(preset, preset.position, seconds, preset.name))
                return preset.name
            raise BadReply(f"no preset {place!r}; there are: {', '.join(sorted(self._presets))}"[:300])

    def run(self) -> None:
        """The thread: make the round until stopped."""
        pause = FIRST_PAUSE_S
        while not self._stop.is_set():
            began = self._clock.monotonic()
            try:
                self._once()
                break
            except NotAuthorized as error:
                problem, wait = str(error), REFUSED_PAUSE_S
            except (Lost, BadReply, SettingsError) as error:
                pause = FIRST_PAUSE_S if self._clock.monotonic() - began > LONGEST_PAUSE_S else pause
                problem, wait = str(error), pause
                pause = min(pause * 2, LONGEST_PAUSE_S)
            except Exception as error:  # noqa: BLE001  # the worker's edge: what cannot be turned is still seen
                _log.exception("turning failed camera=%s", self.slug)
                problem, wait = f"{type(error).__name__}: {error}", LONGEST_PAUSE_S
            if self._stop.is_set():
                return
            if problem != self.reason:
                _log.warning("camera cannot be turned camera=%s reason=%s", self.slug, problem)
            with self._lock:
                self.reason, self._tour, self._report = problem, None, Report(None, None)
            self._stop.wait(wait)

    def _once(self) -> None:
        """One connection, until it breaks or we stop."""
        camera = self._connect()
        try:
            camera.open()
            profile = camera.profile(self._settings.profile)
            presets = camera.presets(profile)
            chosen = self._chosen(presets)
            tour = Tour(chosen, self._settings.pace, self._clock.monotonic())
            with self._lock:
                known = [*presets, *chosen]
                self._presets = {one.token: one for one in known} | {one.name: one for one in known}
                self._tour = tour
            if self.reason:
                _log.info("camera can be turned camera=%s places=%s", self.slug, len(presets))
                self.reason = ""
            while not self._stop.is_set():
                self._step(camera, profile, tour)
                self._stop.wait(POLL_S)
        finally:
            camera.close()

    def _step(self, camera: Onvif, profile: str, tour: Tour) -> None:
        report = camera.status(profile)
        with self._lock:
            self._report = report
            visit = tour.step(self._clock.monotonic(), report)
        if visit is None:
            return
        try:
            if visit.preset is not None:
                camera.go_to(profile, visit.preset.token)
            elif visit.position is not None:
                camera.move_to(profile, visit.position)
        except BadReply as error:  # one place that cannot be reached is no reason to give up the others
            _log.warning("place not reached camera=%s place=%s reason=%s", self.slug, visit.name, error)
            with self._lock:
                tour.failed(self._clock.monotonic())

    def _chosen(self, presets: list[Preset]) -> list[Preset]:
        if not self._settings.patrol:
            return []
        if not self._settings.presets:
            return presets
        known = {one.name: one for one in presets} | {one.token: one for one in presets}
        missing = [name for name in self._settings.presets.values() if name not in known]
        if missing:
            raise BadReply(
                f"no preset {', '.join(missing)[:120]}; there are: {', '.join(sorted(known))[:160]}"
            )
        return [replace(known[theirs], name=ours) for ours, theirs in self._settings.presets.items()]


def account(slug: str, entry: CameraEntry, settings: Settings) -> tuple[str, Path]:
    """Who may turn it: name and password file.

    Raises:
        SettingsError: The site says neither for the turning nor for the camera.
    """
    username = settings.username or entry.user
    file = settings.password_file or entry.password_file
    if not username or file is None:
        remedy = "write username: and password_file:"
        raise SettingsError(Fault("", 0, f"cameras.{slug}.ptz", "nobody may turn it", remedy))
    return username, file


def of(slug: str, entry: CameraEntry, settings: Settings, clock: Clock) -> Ptz:
    """The moving part of a camera of the site; raises SettingsError as :func:`account`."""
    username, file = account(slug, entry, settings)

    def connect() -> Onvif:
        password = read_secret(file, "password_file")
        return Onvif(settings.url, username, password, clock, ca_file=settings.ca_file)

    return Ptz(slug, settings, connect, clock)
