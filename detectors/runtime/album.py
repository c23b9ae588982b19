"""Months of one view in little disk: references, recent plates, which windows had changed in each, and open cases.

::

    <folder>/state.json      what is known; written whole or not at all
    <folder>/ref-*.jpg       plates that show the place as it may be
    <folder>/plate-*.jpg     plates of the last days, then one a day, then one a week

A plate of 640 x 360 pixels is about 60 kB: 24 references and 120 plates are less than 10 MB, however long it runs.
"""

from __future__ import annotations

import base64
import json
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from detectors.runtime.contracts import Picture
from detectors.runtime.likeness import Mask

QUALITY = 88
REFERENCES, PLATES, GRIDS = 24, 120, 180  # at most; a grid is 50 bytes
EVERY_PLATE, DAILY = timedelta(days=8), timedelta(days=60)  # kept all, then one a day, then one a week

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plate:
    """One plate on the disk.

    Attributes:
        name: Of its file.
        at: When, aware UTC. local: Local time, for the hour of the day.
    """

    name: str
    at: datetime
    local: datetime


@dataclass(eq=False)
class Suspicion:
    """A place that has changed.

    Attributes:
        key: Of its sightings. zone: Where.
        patch: All windows that have belonged to it. told: How many of them when people last heard of it.
        since: When it was first told. sure: Told as ``illegal_building``.
        permitted: Its zone had a permit then: noted, not told.
        known: A person has said that it is right.
    """

    key: str
    zone: str
    patch: Mask
    told: int
    since: datetime
    sure: bool = False
    permitted: bool = False
    known: bool = False


@dataclass(eq=False)
class Album:
    """Everything known of one view.

    Attributes:
        folder: Where it lies.
        references: Oldest first; the first one is the anchor that all plates are laid over.
        plates: Oldest first.
        history: When, and which windows had changed then.
        usable: Windows that can be judged; ``None`` while it is still learning.
        suspicions: Open ones.
        lost: How many plates in a row could not be laid over the references.
        machinery: Zone -> local days on which machines were seen there.
        count: Keys given so far.
    """

    folder: Path
    references: list[Plate] = field(default_factory=list)
    plates: list[Plate] = field(default_factory=list)
    history: list[tuple[datetime, Mask]] = field(default_factory=list)
    usable: Mask | None = None
    suspicions: list[Suspicion] = field(default_factory=list)
    lost: int = 0
    machinery: dict[str, list[str]] = field(default_factory=dict)
    count: int = 0

    def add_reference(self, picture: Picture, at: datetime, local: datetime) -> None:
        """One more picture of the place as it may be; the oldest but the anchor gives way."""
        self.references.append(self._kept("ref", picture, at, local))
        if len(self.references) > REFERENCES:
            self._gone(self.references.pop(1))

    def drop_reference(self, plate: Plate) -> None:
        """This one is of no more use."""
        self.references.remove(plate)
        self._gone(plate)

    def add_plate(self, picture: Picture, at: datetime, local: datetime, changed: Mask) -> Plate:
        """One more plate and what had changed in it; older ones are thinned out."""
        plate = self._kept("plate", picture, at, local)
        self.plates.append(plate)
        self.history = [*self.history, (at, changed)][-GRIDS:]
        kept = thinned(self.plates)
        for one in self.plates:
            if one not in kept:
                self._gone(one)
        self.plates = kept
        return plate

    def picture(self, plate: Plate) -> Picture | None:
        """A plate from the disk; ``None`` when it is not there any more."""
        found = cv2.imread(str(self.folder / plate.name), cv2.IMREAD_COLOR)
        return None if found is None else np.asarray(found, np.uint8)

    def write(self) -> None:
        """Put down what is known; what was there before stays until this is on the disk."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = self.folder / "state.new"
        with beside.open("w", encoding="utf-8") as file:
            json.dump(self._plain(), file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.folder / "state.json")

    def _kept(self, kind: str, picture: Picture, at: datetime, local: datetime) -> Plate:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        plate = Plate(f"{kind}-{at:%Y%m%dT%H%M%S}.jpg", at, local)
        done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        assert done
        (self.folder / plate.name).write_bytes(data.tobytes())
        return plate

    def _gone(self, plate: Plate) -> None:
        (self.folder / plate.name).unlink(missing_ok=True)

    def _plain(self) -> dict[str, Any]:
        return {
            "version": 1,
            "references": [_plate_plain(one) for one in self.references],
            "plates": [_plate_plain(one) for one in self.plates],
            "history": [[at.isoformat(), _packed(mask)] for at, mask in self.history],
            "usable": None if self.usable is None else _packed(self.usable),
            "shape": list(self.usable.shape) if self.usable is not None else [],
            "suspicions": [
                {
                    "key": one.key,
                    "zone": one.zone,
                    "patch": _packed(one.patch),
                    "told": one.told,
                    "since": one.since.isoformat(),
                    "sure": one.sure,
                    "permitted": one.permitted,
                    "known": one.known,
                }
                for one in self.suspicions
            ],
            "lost": self.lost,
            "machinery": self.machinery,
            "count": self.count,
        }


def read(folder: Path) -> Album:
    """What lies in a folder; an empty album when there is nothing, or nothing that can be read (then set aside)."""
    path = folder / "state.json"
    try:
        return _album(folder, json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Album(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("album not read, learning anew file=%s reason=%s", path, error)
        path.replace(folder / "state.broken")
        return Album(folder)


def thinned(plates: Iterable[Plate]) -> list[Plate]:
    """All of the last days, the first of each day before that, the first of each week before that; never too many."""
    ordered = list(plates)
    newest = ordered[-1].at
    kept: list[Plate] = []
    taken: set[object] = set()
    for plate in ordered:
        age = newest - plate.at
        if age > EVERY_PLATE:
            day = plate.local.date()
            slot: object = day if age <= DAILY else day.isocalendar()[:2]
            if slot in taken:
                continue
            taken.add(slot)
        kept.append(plate)
    return kept[-PLATES:]


def _album(folder: Path, data: dict[str, Any]) -> Album:
    shape = tuple(data["shape"])
    plates = {name: [_plate_of(one) for one in data[name]] for name in ("references", "plates")}
    there = {name: [one for one in found if (folder / one.name).is_file()] for name, found in plates.items()}
    if there["references"] != plates["references"]:
        raise ValueError("references are missing")
    return Album(
        folder,
        there["references"],
        there["plates"],
        [(datetime.fromisoformat(at), _unpacked(mask, shape)) for at, mask in data["history"]],
        None if data["usable"] is None else _unpacked(data["usable"], shape),
        [
            Suspicion(
                str(one["key"]),
                str(one["zone"]),
                _unpacked(one["patch"], shape),
                int(one["told"]),
                datetime.fromisoformat(one["since"]),
                sure=bool(one["sure"]),
                permitted=bool(one["permitted"]),
                known=bool(one["known"]),
            )
            for one in data["suspicions"]
        ],
        int(data["lost"]),
        {str(zone): [str(day) for day in days] for zone, days in data["machinery"].items()},
        int(data["count"]),
    )


def _plate_plain(plate: Plate) -> list[str]:
    return [plate.name, plate.at.isoformat(), plate.local.isoformat()]


def _plate_of(words: list[str]) -> Plate:
    name, at, local = words
    return Plate(Path(name).name, datetime.fromisoformat(at), datetime.fromisoformat(local))


def _packed(mask: Mask) -> str:
    return base64.b64encode(np.packbits(mask).tobytes()).decode("ascii")


def _unpacked(text: str, shape: tuple[int, ...]) -> Mask:
    bits = np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8))
    return bits[: int(np.prod(shape))].reshape(shape).astype(bool)
