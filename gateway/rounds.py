"""The way round the devices of a role: from which cell, in which order, how long."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from gateway import files
from gateway.duty import Roster
from gateway.errors import Fault, SettingsError
from gateway.places import length, place_of, walking_order
from gateway.settings import Village


@dataclass(frozen=True, slots=True)
class Round:
    """A way.

    Attributes:
        role: Whose devices.
        start: Cell where it begins.
        on: ``earth`` or ``map``.
        stops: Devices in walking order; those without a place last.
        length: Of the way through all that have one: metres, or pixels of the map.
    """

    role: str
    start: str
    on: Literal["earth", "map"]
    stops: tuple[str, ...]
    length: float


def round_of(
    village: Village, roster: Roster, role: str, cell: str | None = None, only: Collection[str] | None = None
) -> Round:
    """The devices of a role, as one would walk.

    Args:
        village: The site.
        roster: Its people.
        role: Whose devices.
        cell: Where it begins, and only what lies within; by default the largest cell with a place around them.
        only: Only these devices.

    Raises:
        SettingsError: No such role or cell, or the cell has no place.
    """
    roles = {device.role for device in village.devices.values() if device.role}
    if role not in roles:
        near = files.nearest(role, list(roles))
        raise SettingsError(Fault("", 0, "role", f"no device has the role {role!r}", near))
    if cell is not None and cell not in village.cells:
        near = files.nearest(cell, list(village.cells))
        raise SettingsError(Fault("", 0, "cell", f"{cell!r} is not known", near))
    devices = {
        slug: device
        for slug, device in village.devices.items()
        if device.role == role
        and device.enabled
        and (only is None or slug in only)
        and (cell is None or (device.cell is not None and cell in roster.chain(device.cell)))
    }
    begin = cell or _root(village, roster, role)
    start = place_of(village.cells[begin])
    if start is None:
        raise SettingsError(Fault("", 0, f"cells.{begin}", "has no place", "add lat and lon, or point"))
    places = {slug: place_of(device) for slug, device in devices.items()}
    order = walking_order(start, places)
    walked = [place for slug in order if (place := places[slug]) is not None and place.on == start.on]
    return Round(role, begin, start.on, tuple(order), length([start, *walked]))


def _root(village: Village, roster: Roster, role: str) -> str:
    """Where a round begins when nobody says where: the largest cell with a place around the role's first device."""
    cells = [device.cell for device in village.devices.values() if device.role == role and device.cell]
    if not cells:
        raise SettingsError(Fault("", 0, "role", "its devices belong to no cell", "say which cell"))
    placed = [here for here in roster.chain(cells[0]) if place_of(village.cells[here])]
    return placed[-1] if placed else cells[0]
