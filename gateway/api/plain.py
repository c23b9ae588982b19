"""What the house knows, as plain JSON data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.model import Event, Reading
from gateway.rules.unit import unit_of
from gateway.site import Site
from gateway.words import Language


def reading_json(reading: Reading, now: datetime) -> dict[str, Any]:
    """A reading as the API gives it: its value never without its flag and age."""
    return {
        "value": reading.value,
        "at": reading.at.isoformat(),
        "age_s": round((now - reading.at).total_seconds(), 1),
        "flag": reading.flag.name,
        "flagged_by": reading.flagged_by,
    }


def event_json(event: Event, seq: int | None = None) -> dict[str, Any]:
    """An event as the API gives it; one that has just been heard has no number yet."""
    return {
        "seq": seq,
        "source": event.source,
        "kind": event.kind,
        "at": event.at.isoformat(),
        "received": event.received.isoformat(),
        "confidence": event.confidence,
        "detail": dict(event.detail),
        "evidence": event.evidence,
    }


def alert_json(one: Mapping[str, Any], site: Site) -> dict[str, Any]:
    """An alert as the API gives it: what the rules say, and what a screen needs beside it."""
    said = one["name"]
    said = said or one["rule"]
    title = {"zh": said, "en": said} if isinstance(said, str) else dict(said)
    written = site.rules.written.get(one["rule"])
    language: Language = site.village.site.language
    return {
        "masks": [],
        "order": None,
        "evidence": None,
        **one,
        "id": f"{one['rule']}/{one['target']}",
        "title": title,
        "name": title[language],
        "at": one["changed"],
        "unit": None if written is None else unit_of(written.rule, site.quantities),
    }
