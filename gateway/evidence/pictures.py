"""The picture that goes with a message: found by what the alert is about, when the message goes out.

A picture leaves the box only where the site says so (``in_messages: true``), and only as it was written: covered. Each
one handed over is written down as a look of the person who is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.errors import GatewayError
from gateway.evidence.notebook import look
from gateway.evidence.retention import KEEP, LARGEST_BYTES
from gateway.evidence.settings import EvidenceSettings
from gateway.evidence.shelf import Item, Shelf

LARGEST_PICTURE_BYTES = 2_000_000
FOLDER = "evidence"
UNIT_FOLDER = Path("/var/lib/village-evidence")  # of a worker that is a unit: systemd/village-eyes.tmpfiles


@dataclass(frozen=True, slots=True)
class Place:
    """Where the evidence of one source lies.

    Attributes:
        root: The folder.
        in_messages: Its pictures may go out with messages.
        keep: Its term. largest: Most bytes.
    """

    root: Path
    in_messages: bool
    keep: timedelta = KEEP
    largest: int = LARGEST_BYTES


def place_of(settings: Any, state_dir: Path) -> Place | None:
    """Of a source, by its settings; ``None`` for a source that keeps none.

    Args:
        settings: Of a driver; those with cameras have ``evidence`` among them.
        state_dir: The source's own folder.
    """
    said = getattr(settings, "evidence", None)
    if not isinstance(said, Mapping):
        return None
    usual = UNIT_FOLDER if getattr(settings, "worker", "child") == "unit" else state_dir / FOLDER
    try:
        read = EvidenceSettings.model_validate(dict(said))
    except ValidationError:  # the worker says what is wrong; until then nothing of it counts
        read = EvidenceSettings()
    return Place(read.folder or usual, read.in_messages, read.keep, read.largest)


def found(places: Mapping[str, Place], number: str) -> tuple[Place, Item] | None:
    """Where an id lies."""
    for place in places.values():
        item = Shelf(place.root).find(number)
        if item is not None:
            return place, item
    return None


def to_show(places: Mapping[str, Place], number: str, *, who: str, at: datetime) -> bytes | None:
    """The picture of a piece of evidence for one person's message; ``None`` where none may or can be shown."""
    known = found(places, number)
    if known is None or not known[0].in_messages:
        return None
    place, item = known
    picture = item.read(str(item.meta.get("picture") or "snapshot.jpg"))
    if picture is None or len(picture) > LARGEST_PICTURE_BYTES:
        return None
    try:
        look(place.root, number, who=who, what="message", at=at)
    except GatewayError:
        return None  # a look that cannot be written down does not happen
    return picture
