"""Something is being built where nothing may be built.

- sees: clean plates, medians of 15 pictures; a model only supports it (machines)
- asks for: a picture every ten seconds
- decides: structure that is not there in any reference, in most plates of two days (``building_change``) and of seven
  (``illegal_building``), over a connected area
- keeps quiet: while it has not learnt the place in different light, at night, in fog and snow, when the camera was
  moved (which it tells), where a permit is noted
- measured on: docs/traffic-and-building.md

Source: vision reference 4.3; each number not named otherwise is from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

import cv2
import numpy as np
from pydantic import Field, model_validator

from detectors.runtime import album as albums
from detectors.runtime import likeness
from detectors.runtime.album import Album, Plate, Suspicion
from detectors.runtime.contracts import Box, Detections, Frame, Picture, SceneContext, Sighting, State, Zone
from detectors.runtime.likeness import Mask, Structure
from detectors.runtime.persistence import growing
from detectors.runtime.plates import PlateMaker, daylight
from detectors.runtime.registration import fit, laid_over
from detectors.runtime.storyboard import board, box_of
from detectors.runtime.verdicts import MACHINE_DAYS, Patience, Verdict, accept, began, judged, over
from detectors.runtime.weather import hidden
from detectors.runtime.zones import Zones, require
from gateway.schema import Strict

SCENE_CHANGE = 0.3  # share of pixels: exposure, infra-red switch; such a picture does not go into a plate
LEAST_SHOWN = 0.5  # of a zone must be in the picture (point 6)
LOST_PLATES = 2  # in a row: the camera was moved
ANEW_PLATES = 6  # in a row, while it is still learning: it begins anew
SPREAD_H = 4.0  # hours between the earliest and the latest reference of a day
AGREEING = 0.8  # of all pairs of references, for a window to be judged
TRIED = 5  # references a plate is laid over, at most
WHOLE = Zone("", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))


class Permit(Strict):
    """Somebody may build there.

    Attributes:
        zone: Name of the zone. start: First day (``from``). to: Last day.
    """

    zone: str
    start: date = Field(alias="from")
    to: date


class Settings(Strict):
    """What stands in the site file.

    Attributes:
        zones: Names of the zones that are watched; none: the whole picture.
        private: Zones that are painted over before a plate is kept: windows, yards.
        slots: Local hours at which a plate is made, three to six a day.
        pictures: That go into a plate. over_min: Minutes they are spread over.
        references: How many plates show the place as it may be. reference_days: From how many days, at least.
        changed: Windows less alike than that to every reference have changed.
        agree: References must agree with each other that well for a window to be judged.
        tiles: Connected windows that make an event.
        suspect_days: So long it must have lasted for ``building_change``. sure_days: For ``illegal_building``.
        permits: Where somebody may build, and when.
        machines: Labels of a model that mean building work.
    """

    zones: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    slots: tuple[float, ...] = Field((8, 10, 12, 14, 16), min_length=3, max_length=6)
    pictures: int = Field(15, ge=3, le=60)
    over_min: float = Field(10.0, gt=0, le=50)
    references: int = Field(10, ge=4, le=albums.REFERENCES - 8)
    reference_days: int = Field(3, ge=1)
    changed: float = Field(0.30, gt=0, lt=1)
    agree: float = Field(0.45, gt=0, lt=1)
    tiles: int = Field(4, ge=1)
    suspect_days: float = Field(2.0, gt=0)
    sure_days: float = Field(7.0, gt=0)
    permits: tuple[Permit, ...] = ()
    machines: frozenset[str] = frozenset({"truck", "excavator", "crane", "concrete mixer", "bulldozer"})

    @model_validator(mode="after")
    def _spread(self) -> Settings:
        if max(self.slots) - min(self.slots) < SPREAD_H:
            raise ValueError(
                f"slots must span {SPREAD_H:g} hours: references of one light mistake the next for a wall"
            )
        return self


class Detector:
    """One camera above land on which nothing may be built; a turning one has an album for each preset."""

    needs_model: ClassVar[bool] = False
    uses_model: ClassVar[bool] = True
    needs_tracks: ClassVar[bool] = False
    needs_celsius: ClassVar[bool] = False
    motion_gate: ClassVar[bool] = False

    def __init__(self, settings: Settings, context: SceneContext) -> None:
        permitted = [one.zone for one in settings.permits if one.zone]
        require(context.zones, zones=settings.zones, private=settings.private, permits=permitted)
        self._settings = settings
        self._context = context
        self._zones = Zones(context.zones)
        self._makers: dict[str, PlateMaker] = {}
        self._albums: dict[str, Album] = {}
        self._patience = Patience(
            settings.tiles, timedelta(days=settings.suspect_days), timedelta(days=settings.sure_days)
        )

    def rate(self) -> float:
        """Pictures a second."""
        return 0.1

    def look(self, frame: Frame, seen: Detections | None) -> Sequence[Sighting]:
        """One picture later; nearly always nothing happens but that it is kept for a plate."""
        if frame.moving or frame.changed > SCENE_CHANGE:
            return ()
        local = self._local(frame.at)
        if seen is not None:
            self._machines(frame, seen, local)
        maker = self._makers.get(frame.preset)
        if maker is None:
            maker = self._makers[frame.preset] = PlateMaker(
                self._settings.slots, self._settings.pictures, timedelta(minutes=self._settings.over_min)
            )
        plate = maker.offer(frame.image, local)
        return () if plate is None or not daylight(plate) else self._take(self._covered(plate), frame, local)

    def end(self, stream_s: float, at: datetime) -> Sequence[Sighting]:
        """A broken stream costs the plate that was being made and nothing else."""
        for maker in self._makers.values():
            maker.forget()
        return ()

    def mark(self, key: str, *, right: bool, at: datetime) -> None:
        """A false alarm, or accepted: as it stands there now is how the place may look."""
        for album in self._known_albums():
            for one in list(album.suspicions):
                if one.key == key and right:
                    one.known = True
                    album.write()
                elif one.key == key:
                    accept(album, one)
                    album.write()

    def memory(self) -> dict[str, Any]:
        """Nothing: all of it lies in the folder, written after every plate."""
        return {}

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Nothing to take back."""

    # -- plates -------------------------------------------------------------------------------------------------------

    def _take(self, plate: Picture, frame: Frame, local: datetime) -> list[Sighting]:
        """A new plate: lay it over the anchor, then learn from it or judge it."""
        album = self._album(frame.preset)
        if not album.references:
            album.add_reference(plate, frame.at, local)
            album.write()
            return []
        references = [one for kept in album.references if (one := album.picture(kept)) is not None]
        gallery = [likeness.structure(one) for one in references]
        if hidden(plate, references, likeness.structure(plate), gallery, album.usable):
            return []
        laid = self._laid(plate, references)
        if laid is None:
            return self._lost(album, frame)
        if album.usable is None:
            self._learn(album, laid[0], frame.at, local)
            said: list[Sighting] = []
        elif self._shows_too_little(laid[1], frame.preset):
            return self._lost(album, frame)
        else:
            said = self._judge(album, laid, gallery, frame, local)
        album.lost = 0
        album.write()
        return said

    def _laid(self, plate: Picture, references: Sequence[Picture]) -> tuple[Picture, Mask] | None:
        """The plate as the anchor's camera would have seen it, and which windows it shows."""
        for anchor in (references[0], *references[:-TRIED:-1]):
            found = fit(plate, anchor) if anchor.shape == plate.shape else None
            if found is not None:
                picture, shown = laid_over(plate, found)
                return picture, likeness.whole(shown)
        return None

    def _shows_too_little(self, shown: Mask, preset: str) -> bool:
        for zone in self._watched(preset):
            within = likeness.inside(zone.polygon, shown.shape)
            if int((within & shown).sum()) < LEAST_SHOWN * int(within.sum()):
                return True
        return False

    def _lost(self, album: Album, frame: Frame) -> list[Sighting]:
        """The plate does not lie over the references: once may be a lorry before the lens, twice is another view.

        While the place is still being learnt that is no news: after some it is learnt anew. A view without enough fixed
        points is never learnt, and the log shows it beginning again and again.
        """
        album.lost += 1
        state = None
        if album.usable is not None and album.lost == LOST_PLATES:
            state = State.CONFIRMED
        elif album.usable is None and album.lost == ANEW_PLATES:
            state = State.CANDIDATE
            for plate in list(album.references):
                album.drop_reference(plate)
            album.lost = 0
        if state is None:
            album.write()
            return []
        key = self._key(album, "view", frame.at)
        why: dict[str, float | str] = {
            "preset": frame.preset,
            "known": "no" if album.usable is None else "yes",
        }
        album.write()
        return [Sighting("camera_moved", state, key, frame.stream_s, frame.at, 0.9, why=why)]

    def _learn(self, album: Album, plate: Picture, at: datetime, local: datetime) -> None:
        """One more reference; enough of them, of different days and hours, and the place is known."""
        album.add_reference(plate, at, local)
        hours = [one.local.hour + one.local.minute / 60 for one in album.references]
        days = {one.local.date() for one in album.references}
        wanted = self._settings.references
        enough = len(album.references) >= wanted and len(days) >= self._settings.reference_days
        if enough and max(hours) - min(hours) >= SPREAD_H:
            kept = [one for plate in album.references if (one := album.picture(plate)) is not None]
            gallery = [likeness.structure(one) for one in kept]
            album.usable = likeness.usable(gallery, self._settings.agree, AGREEING)
        elif len(album.references) > 1.5 * wanted:
            album.drop_reference(_commonest(album.references))

    # -- judging ------------------------------------------------------------------------------------------------------

    def _judge(
        self,
        album: Album,
        laid: tuple[Picture, Mask],
        gallery: Sequence[Structure],
        frame: Frame,
        local: datetime,
    ) -> list[Sighting]:
        assert album.usable is not None
        plate, shown = laid
        alike = likeness.likeness(likeness.structure(plate), gallery)
        changed = np.asarray((alike < self._settings.changed) & album.usable & shown)
        album.add_plate(plate, frame.at, local, changed)
        today = local.date()

        def opened(zone: str, patch: Mask) -> Suspicion:
            key = self._key(album, "building", frame.at)
            return Suspicion(
                key, zone, patch, int(patch.sum()), frame.at, permitted=self._permitted(zone, today)
            )

        found = list(over(album, permitted=lambda zone: self._permitted(zone, today)))
        for zone in self._watched(frame.preset):
            within = likeness.inside(zone.polygon, changed.shape)
            found += judged(album, zone.name, within, self._patience, open_as=opened)
        return [self._said(album, one, frame) for one in found]

    def _said(self, album: Album, verdict: Verdict, frame: Frame) -> Sighting:
        one, history = verdict.suspicion, verdict.history
        grows = growing(history, one.patch)
        machines = len(album.machinery.get(one.zone, ()))
        score = (0.75 if one.sure else 0.55) + 0.1 * grows + 0.1 * (machines >= MACHINE_DAYS)
        why: dict[str, float | str] = {
            "windows": float(one.patch.sum()),
            "share": round(float(one.patch.sum()) / one.patch.size, 4),
            "days": round((frame.at - began(history, one.patch)).total_seconds() / 86400, 1),
            "plates": float(len(history)),
            "growing": "yes" if grows else "no",
            "machine_days": float(machines),
            "permit": "yes" if one.permitted else "no",
        }
        shown = verdict.state in {State.CONFIRMED, State.ONGOING}
        return Sighting(
            kind="illegal_building" if one.sure else "building_change",
            state=verdict.state,
            key=one.key,
            stream_s=frame.stream_s,
            at=frame.at,
            score=round(min(score, 1.0), 2),
            zone=one.zone,
            boxes=(box_of(one.patch),),
            why=why,
            before_s=0.0,
            after_s=0.0,
            pictures=board(album, one.patch) if shown else {},
        )

    # -- small things -------------------------------------------------------------------------------------------------

    def _album(self, preset: str) -> Album:
        if preset not in self._albums:
            self._albums[preset] = albums.read(self._context.state_dir / (preset or "fixed"))
        return self._albums[preset]

    def _known_albums(self) -> list[Album]:
        """Of every preset, also of those not looked at since the start."""
        if self._context.state_dir.is_dir():
            for path in self._context.state_dir.iterdir():
                if (path / "state.json").is_file():
                    self._album("" if path.name == "fixed" else path.name)
        return list(self._albums.values())

    def _watched(self, preset: str) -> list[Zone]:
        if not self._settings.zones:
            return [WHOLE]
        zones = [self._context.zones[name] for name in self._settings.zones]
        return [zone for zone in zones if zone.preset in {"", preset}]

    def _covered(self, plate: Picture) -> Picture:
        """Private parts painted over in their mean colour, before anything is kept."""
        for name in self._settings.private:
            height, width = plate.shape[:2]
            corners = [[x * width, y * height] for x, y in self._context.zones[name].polygon]
            cv2.fillPoly(plate, [np.array(corners).round().astype(np.int32)], (114, 114, 114))
        return plate

    def _machines(self, frame: Frame, seen: Detections, local: datetime) -> None:
        height, width = frame.image.shape[:2]
        for sides, label in zip(seen.xyxy.tolist(), seen.labels, strict=True):
            if label not in self._settings.machines:
                continue
            x, y = (sides[0] + sides[2]) / 2 / width, sides[3] / height
            zone = self._zones.first(self._settings.zones, Box(x, y, x, y), frame.preset)
            if not zone and self._settings.zones:
                continue
            days = self._album(frame.preset).machinery.setdefault(zone, [])
            if local.date().isoformat() not in days:
                days.append(local.date().isoformat())
                del days[:-30]

    def _permitted(self, zone: str, today: date) -> bool:
        return any(one.zone == zone and one.start <= today <= one.to for one in self._settings.permits)

    def _key(self, album: Album, what: str, at: datetime) -> str:
        album.count += 1
        return f"{self._context.camera}-{what}-{at:%Y%m%dT%H%M}-{album.count}"

    def _local(self, at: datetime) -> datetime:
        return at + timedelta(seconds=self._context.utc_offset_s)


def _commonest(references: Sequence[Plate]) -> Plate:
    """One of the hour that most references are of, the anchor never."""
    hours = [one.local.hour for one in references]
    return max(references[1:], key=lambda one: (hours.count(one.local.hour), one.at))
