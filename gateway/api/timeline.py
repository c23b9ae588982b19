"""What has happened around an alert, one line each, in words: for the time line of a screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.model import Event
from gateway.rules.rulebook import CONFIRMED
from gateway.rules.telling import ACKNOWLEDGED
from gateway.site import Site, load_words
from gateway.words import Language

MASKS = ("alert_shelved", "alert_unshelved", "maintenance_begun", "maintenance_ended")


def titles(site: Site, rule: str) -> dict[str, str]:
    """What people read for a rule, in both languages; its id when it is gone or has no name."""
    written = site.rules.written.get(rule)
    if written is None:
        return {"zh": rule, "en": rule}
    return {language: written.rule.title(language) for language in ("zh", "en")}


class Timeline:
    """Makes lines.

    Args:
        site: For the names of people.
        language: Of the words; unset: the site's.
    """

    def __init__(self, site: Site, language: str | None) -> None:
        spoken = language or site.village.site.language
        self._language: Language = "zh" if spoken == "zh" else "en"
        self._say = load_words(self._language)
        self._people = site.village.people

    def of_event(self, event: Event) -> dict[str, Any]:
        """The alert changed, somebody took it on, somebody looked."""
        detail, at = event.detail, event.at.isoformat()
        by = str(detail.get("by", ""))
        if event.kind == ACKNOWLEDGED:
            text = self._say("told.acknowledged", by=by, at=at[:16])
            return {"at": at, "kind": "ack", "by": by, "text": text}
        if event.kind in MASKS:
            text = self._say(f"timeline.{event.kind}", by=by, why=str(detail.get("why", "")))
            return {"at": at, "kind": "mask", "by": by, "until": detail.get("until"), "text": text}
        if event.kind == CONFIRMED:
            return {"at": at, "kind": "confirm", "by": by, "text": self._say("timeline.confirmed", by=by)}
        state, severity = str(detail.get("to", "")), str(detail.get("severity", ""))
        parts = [
            self._say(f"alert.{state}"),
            self._say(f"severity.{severity}"),
            str(detail.get("reason", "")),
        ]
        return {
            "at": at,
            "kind": "state",
            "state": state,
            "severity": severity,
            "value": detail.get("value"),
            "text": " ".join(part for part in parts if part),
        }

    def of_message(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Somebody was told, or will be, or was not, and why."""
        person = self._people.get(row["person"])
        name = person.name if person else row["person"]
        parts = [name, row["channel"], self._say.maybe(f"told.{row['state']}", row["state"]), row["why"]]
        return {
            "at": row["settled_at"] or row["not_before"],
            "kind": "message",
            "person": row["person"],
            "channel": row["channel"],
            "state": row["state"],
            "level": row["level"],
            "attempts": row["attempts"],
            "text": " ".join(part for part in parts if part),
        }
