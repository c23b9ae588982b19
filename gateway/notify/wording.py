"""What a message says: subject, text, the one line of a list, the variables of a template, in every language. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo

from gateway.contracts import Device
from gateway.model import AlertChange, AlertState, Fact
from gateway.notify.reasons import said
from gateway.places import Cell
from gateway.quantities import Quantity
from gateway.rules.language import Rule
from gateway.words import Language, Words

LONGEST_REASON = 200
ON = frozenset({AlertState.FIRING, AlertState.RECOVERING})


class Wording:
    """Finds the words for a change.

    Args:
        words: The texts, in every language.
        zone: The site's.
        rules: By id, for their titles.
        devices: By slug, for their names.
        cells: By slug, for theirs.
        quantities: By name, for what people call them.
    """

    def __init__(
        self,
        words: Mapping[Language, Words],
        zone: tzinfo,
        *,
        rules: Mapping[str, Rule],
        devices: Mapping[str, Device],
        cells: Mapping[str, Cell],
        quantities: Mapping[str, Quantity],
    ) -> None:
        self._words = words
        self._zone = zone
        self._rules = rules
        self._devices = devices
        self._cells = cells
        self._quantities = quantities

    def of(self, what: str, change: AlertChange, language: Language) -> tuple[str, str]:
        """Subject and text; ``what`` names the sentence, ``tell.<what>``."""
        say = self._words[language]
        if what == "resolved":  # the limit that it was beyond says nothing any more
            change = replace(change, facts=tuple(_calm(fact) for fact in change.facts))
        facts = self.variables(change, language)
        subject = say(f"tell.{what}", severity=facts["severity"], title=facts["title"], place=facts["place"])
        if what == "past":
            start, end = (
                f"{at.astimezone(self._zone):%m-%d %H:%M}" for at in (change.since or change.at, change.at)
            )
            lines = [say("tell.span", start=start, end=end, reason=facts["reason"])]
        else:
            lines = [say("tell.facts", time=facts["time"], reason=facts["reason"])]
        if facts["cell"]:
            lines.append(say("tell.where", cell=facts["cell"]))
        return subject, "\n".join(lines)

    def variables(self, change: AlertChange, language: Language) -> dict[str, str]:
        """What a template is filled in with."""
        say = self._words[language]
        rule = self._rules.get(change.rule)
        slug, _, part = change.target.partition(":")
        device = self._devices.get(slug)
        place = (device.settings.name if device is not None else "") or slug
        cell = self._cells.get((device.settings.cell if device is not None else None) or "")
        at = change.since if change.since is not None and change.after in ON else change.at
        return {
            "title": rule.title(language) if rule else say.maybe(f"rule.{change.rule}", change.rule),
            "place": f"{place} {part}" if part else place,
            "severity": say(f"severity.{change.severity.word}"),
            "time": f"{at.astimezone(self._zone):%m-%d %H:%M}",
            "reason": self.reason(change.facts, language, change.reason)[:LONGEST_REASON],
            "value": "" if change.value is None else f"{change.value:g}",
            "cell": (cell.name if cell is not None else "") or "",
        }

    def line(self, pile: str, subject: str, change: AlertChange, language: Language) -> str:
        """It in one line of a list; on a round only the place and how full it is."""
        facts = self.variables(change, language)
        say = self._words[language]
        if pile == "round":
            return say("list.stop", place=facts["place"], figure=_figure(change)).strip()
        return say("list.line", subject=subject, time=facts["time"])

    def reason(self, facts: Sequence[Fact], language: Language, otherwise: str) -> str:
        """Why, in a language."""
        return said(facts, self._words[language], self._quantities, otherwise)


def _calm(fact: Fact) -> Fact:
    return Fact("now", fact.values) if fact.key in {"level", "away"} else fact


def _figure(change: AlertChange) -> str:
    """What was judged, with its unit where the facts say so."""
    for fact in change.facts:
        if "figure" in fact.values:
            return f"{fact.values['figure']} {fact.values.get('unit', '')}".strip()
    return "" if change.value is None else f"{change.value:.3g}"
