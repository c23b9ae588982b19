"""Why an alert is one, said in the reader's language from its facts. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gateway.model import Fact
from gateway.quantities import Quantity
from gateway.words import Words

_SPAN = re.compile(r"([0-9.]+) ?(intervals|min|d|h|s)")


def said(facts: Sequence[Fact], words: Words, quantities: Mapping[str, Quantity], otherwise: str = "") -> str:
    """A reason, in the language of the words; what the rules wrote themselves where there are no facts."""
    parts = [_said(fact, words, quantities) for fact in facts]
    return words("why.and").join(part for part in parts if part) or otherwise


def _said(fact: Fact, words: Words, quantities: Mapping[str, Quantity]) -> str:
    values = dict(fact.values)
    if f"why.{fact.key}" not in words.phrases:
        return ""
    name = values.get("quantity", "")
    known = quantities.get(name)
    values["quantity"] = name if known is None else known.zh if words.language == "zh" else known.en
    values["figure"] = f"{values.get('figure', '')} {values.get('unit', '')}".strip()
    values["limit"] = _limit(values, words)
    values["span"] = _SPAN.sub(lambda found: _span(found, words), values.get("span", ""))
    values["view"] = words.maybe(f"view.{values.get('view', '')}", values.get("view", ""))
    values["reason"] = words.maybe(f"reason.{values.get('reason', '')}", values.get("reason", ""))
    values["event"] = words.maybe(f"seen.{values.get('event', '')}", values.get("event", ""))
    text = words(f"why.{fact.key}", **values)
    return words("why.not", said=text) if values.get("not") else text


def _limit(values: Mapping[str, str], words: Words) -> str:
    kind = values.get("limit", "")
    if not kind:
        return ""
    return words(
        f"limit.{kind}",
        value=values.get("value", ""),
        low=values.get("low", ""),
        high=values.get("high", ""),
    )


def _span(found: re.Match[str], words: Words) -> str:
    return words(f"span.{found.group(2)}", number=found.group(1))
