"""What people hand in at the desk (a wish for an order, the proof of a job) and what they get out: plain data. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.errors import OrderRefused
from gateway.model import Order, Severity
from gateway.places import Place, distance
from gateway.settings import Village
from gateway.terms import light

LONGEST = {"kind": 40, "title": 120, "text": 1000}
_MOMENTS = ("created", "due", "accepted", "arrived", "done", "checked", "ended")
_PLAIN = (
    "id", "number", "kind", "title", "text", "device", "cell", "role", "rule", "target", "person", "returned_why",
    "rounds", "auto", "level",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Draft:
    """An order that somebody wants, by hand or from outside.

    Attributes:
        title: One line. text: More. kind: Of work, e.g. ``bin``.
        device: Where, if it is at one. cell: Or in which cell.
        severity: How urgent.
        person: Who shall do it; empty: who is on duty.
        due: When; unset: by kind and severity.
        key: The same key makes the same order once.
    """

    title: str
    text: str = ""
    kind: str = ""
    device: str = ""
    cell: str = ""
    severity: Severity = Severity.INFO
    person: str = ""
    due: datetime | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody shows for a job done.

    Attributes:
        photos: As they came.
        place: Where he says that he is, degrees north and east.
        note: His words.
        sure: He knows that the sensor still complains.
        by_word: He answers by SMS or key and has nothing to show.
    """

    photos: Sequence[bytes] = ()
    place: tuple[float, float] | None = None
    note: str = ""
    sure: bool = False
    by_word: bool = False


def must_fit(draft: Draft, village: Village, now: datetime) -> None:
    """Raises OrderRefused for what cannot be an order here."""
    for name, most in LONGEST.items():
        if len(getattr(draft, name)) > most:
            raise OrderRefused("bad", "too_long", name=name, most=most)
    if not draft.title.strip():
        raise OrderRefused("bad", "no_title")
    if draft.device and draft.device not in village.devices:
        raise OrderRefused("bad", "no_device", device=draft.device[:60])
    if draft.cell and draft.cell not in village.cells:
        raise OrderRefused("bad", "no_cell", cell=draft.cell[:60])
    if draft.person and draft.person not in village.people:
        raise OrderRefused("bad", "no_person", person=draft.person[:60])
    if draft.due is not None and draft.due <= now:
        raise OrderRefused("bad", "due_past")


def place_of(
    order: Order, taken: Sequence[tuple[float, float] | None], proof: Proof, village: Village
) -> tuple[float, float] | None:
    """Where the job was done: what the pictures say, else he himself; it must be near the device.

    Args:
        order: Of the job.
        taken: What each picture says.
        proof: What else he says.
        village: Where its devices are.

    Raises:
        OrderRefused: Nobody says where, or it is somewhere else.
    """
    known = [place for place in taken if place is not None]
    place = known[0] if known else proof.place
    device = village.devices.get(order.device)
    if device is None or device.lat is None or device.lon is None or proof.by_word:
        return place
    if place is None:
        if village.orders.photo == "required":
            raise OrderRefused("bad", "place_missing", number=order.number)
        return None
    there = Place("earth", device.lat, device.lon)
    for here in known or [place]:
        metres = distance(Place("earth", *here), there)
        if metres > village.orders.radius:
            raise OrderRefused("bad", "far", metres=round(metres), most=round(village.orders.radius))
    return place


def plain(order: Order, now: datetime) -> dict[str, Any]:
    """An order as the API gives it."""
    moments = {name: getattr(order, name) for name in _MOMENTS}
    return {
        **{name: getattr(order, name) for name in _PLAIN},
        **{name: None if at is None else at.isoformat() for name, at in moments.items()},
        "state": order.state.value,
        "severity": order.severity.word,
        "light": light(order, now),
        "photos": list(order.photos),
        "place": list(order.place) if order.place else None,
        "log": [
            {"at": one.at.isoformat(), "by": one.by, "what": one.what, "note": one.note} for one in order.log
        ],
    }
