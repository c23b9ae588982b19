"""From windows that have changed to what is said: a suspicion opens, becomes sure, grows, or is over.

Source: vision reference 4.3, points 4 and 5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from detectors.runtime.album import Album, Suspicion
from detectors.runtime.contracts import State
from detectors.runtime.likeness import Mask, wider
from detectors.runtime.persistence import LAST, History, growing, patches, persistent

MACHINE_DAYS = 2  # on which machines were seen: a reason to believe it a day earlier
EARLY = timedelta(days=1)
GONE = 0.25  # less of a patch than that has changed in each of the last plates: it is not there any more
LARGER = 1.25  # times the windows last told: worth another word


@dataclass(frozen=True, slots=True)
class Patience:
    """How much it takes.

    Attributes:
        tiles: Connected windows. suspect: So long for a suspicion. sure: So long to be sure.
    """

    tiles: int
    suspect: timedelta
    sure: timedelta


@dataclass(frozen=True, slots=True)
class Verdict:
    """Something to say."""

    state: State
    suspicion: Suspicion
    history: History


def judged(
    album: Album, zone: str, within: Mask, patience: Patience, *, open_as: Callable[[str, Mask], Suspicion]
) -> Iterator[Verdict]:
    """What the newest plate says of one zone.

    Args:
        album: With the newest plate in it.
        zone: Its name.
        within: Its windows.
        patience: How much it takes.
        open_as: Makes a new suspicion of a patch.
    """
    history = [(at, np.asarray(mask & within)) for at, mask in album.history]
    for patch in _suspected(history, patience, machines=len(album.machinery.get(zone, ())) >= MACHINE_DAYS):
        known = next(
            (one for one in album.suspicions if one.zone == zone and (one.patch & patch).any()), None
        )
        sure = bool(patches(persistent(history, patience.sure, patch.shape) & patch, patience.tiles))
        if known is None:
            known = open_as(zone, patch)
            known.sure = sure and not known.permitted
            album.suspicions.append(known)
            yield Verdict(State.CANDIDATE if known.permitted else State.CONFIRMED, known, history)
            continue
        known.patch = np.asarray(known.patch | patch)
        if known.permitted or known.known:
            continue
        size = int(known.patch.sum())
        if sure and not known.sure:
            known.sure, known.told = True, size
            yield Verdict(State.CONFIRMED, known, history)
        elif size >= LARGER * known.told + 2:
            known.told = size
            yield Verdict(State.ONGOING, known, history)


def over(album: Album, *, permitted: Callable[[str], bool]) -> Iterator[Verdict]:
    """What was pulled down again is over; what stands when its permit ends is what was permitted, and accepted."""
    for one in list(album.suspicions):
        patch = int(one.patch.sum())
        newest = album.history[-LAST:]
        if len(newest) == LAST and all(int((mask & one.patch).sum()) < GONE * patch for _, mask in newest):
            album.suspicions.remove(one)
            if not one.permitted:
                yield Verdict(State.ENDED, one, album.history)
        elif one.permitted and not permitted(one.zone):
            accept(album, one)


def accept(album: Album, one: Suspicion) -> None:
    """As it stands there now is how the place may look: the last plates become references."""
    for plate in album.plates[-LAST:]:
        picture = album.picture(plate)
        if picture is not None:
            album.add_reference(picture, plate.at, plate.local)
    around = wider(one.patch)
    lately = np.any([mask for _, mask in album.history[-LAST:]], axis=0)
    for patch in patches(np.asarray(lately), 1):  # what has been added to it since, too
        if (patch & around).any():
            around = np.asarray(around | patch)
    album.history = [(at, np.asarray(mask & ~around)) for at, mask in album.history]
    album.suspicions.remove(one)


def began(history: History, patch: Mask) -> datetime:
    """When it first showed: two of its windows that then stayed."""
    fewest = min(2, int(patch.sum()))
    first = history[-1][0]
    for at, mask in reversed(history):
        if int((mask & patch).sum()) >= fewest:
            first = at
    return first


def _suspected(history: History, patience: Patience, *, machines: bool) -> list[Mask]:
    """Where it has changed for long enough, or for a day with a reason to believe it."""
    shape = history[-1][1].shape
    found = patches(persistent(history, patience.suspect, shape), patience.tiles)
    for patch in patches(persistent(history, min(EARLY, patience.suspect), shape), patience.tiles):
        if (machines or growing(history, patch)) and not any((one & patch).any() for one in found):
            found.append(patch)
    return found
