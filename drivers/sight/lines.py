"""What the worker's lines mean to the house: events and readings. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from drivers.decode.sample import whole_ms
from gateway.errors import BadReply
from gateway.model import Event, Flag, Reading, series_of

OPENS = frozenset({"confirmed", "ongoing"})
BACK = "camera_back"
REVIEW = "_review"
ENDED = "_ended"
SHADOW = "_shadow"
LONGEST_TEXT = 120
MOST_DETAILS = 24


def event_of(
    line: Mapping[str, Any], source: str, received: datetime, *, shadow: bool = False
) -> Event | None:
    """A sighting as an event; ``None`` for a mere candidate.

    What is confirmed or goes on has the sighting's own kind: going on keeps an alert alive, it does not make a second
    one. What only deserves a look is called ``<kind>_review``, what is over ``<kind>_ended``: no rule takes those for
    the thing itself. In ``shadow`` all of it ends in ``_shadow``: written down, counted, told to nobody.

    Raises:
        BadReply: It is no sighting.
    """
    try:
        kind, state = str(line["kind"]), str(line["state"])
        at = datetime.fromisoformat(line["at"])
        score = float(line["score"])
        why = dict(line["why"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadReply(f"a sighting without {error}") from error
    if at.tzinfo is None or not 0 <= score <= 1:
        raise BadReply(f"a sighting of {kind} with a time or a score that cannot be")
    if state not in OPENS and state != "ended":
        return None
    name = kind + (REVIEW if line.get("review") else "")
    if state == "ended" and kind != BACK:
        name += ENDED
    name += SHADOW if shadow else ""
    detail: dict[str, float | str] = {"state": state, "key": str(line.get("key", ""))[:LONGEST_TEXT]}
    if line.get("zone"):
        detail["zone"] = str(line["zone"])[:LONGEST_TEXT]
    detail["boxes"] = float(len(line.get("boxes", ())))
    for key, value in list(why.items())[:MOST_DETAILS]:
        if isinstance(value, str):
            detail[str(key)[:40]] = value[:LONGEST_TEXT]
        elif isinstance(value, int | float) and math.isfinite(value):
            detail[str(key)[:40]] = float(value)
    evidence = line.get("evidence")
    return Event(source, name, whole_ms(at), received, score, detail, str(evidence) if evidence else None)


def readings_of(state: Mapping[str, Any], source: str, now: datetime) -> tuple[Reading, ...]:
    """How one camera does, out of a heartbeat."""
    found = {"camera_fps": state.get("fps"), "camera_age": state.get("age_s"), "look_time": state.get("ms")}
    return tuple(
        Reading(series_of(source, quantity), float(value), whole_ms(now), now, Flag.UNKNOWN)
        for quantity, value in found.items()
        if isinstance(value, int | float) and math.isfinite(value)
    )


def complaint_of(state: Mapping[str, Any]) -> str:
    """What is wrong with a camera, in words; empty when it sees."""
    wrong, reason = str(state.get("wrong", "")), str(state.get("reason", ""))
    return ": ".join(part for part in (wrong, reason) if part)
