"""Can I trust the screen? What is wrong with the gateway itself, in both languages, with what cures it."""

from __future__ import annotations

from typing import Any

from gateway.api.asked import Asked
from gateway.api.shapes import BOTH, TEXT, TRUTH, listing, one_of, record
from gateway.api.table import Endpoint
from gateway.doctor import examine
from gateway.herald import LANGUAGES
from gateway.site import load_words
from gateway.store.accounts import Role
from gateway.words import Words

_words: dict[str, Words] = {}


async def _health(asked: Asked) -> Any:
    if not _words:
        _words.update({language: load_words(language) for language in LANGUAGES})
    problems = examine(asked.house.status())
    trust = [
        {
            "what": one.kind,
            "severity": "red" if one.urgent else "yellow",
            "text": {language: say(f"doctor.{one.kind}", **one.facts) for language, say in _words.items()},
            "cure": {language: say(f"cure.{one.kind}", **one.facts) for language, say in _words.items()},
            "facts": {name: str(fact) for name, fact in one.facts.items()},
        }
        for one in problems
    ]
    return {"ok": not problems, "urgent": any(one.urgent for one in problems), "trust": trust}


_TRUST = record(what=TEXT, severity=one_of("red", "yellow"), text=BOTH, cure=BOTH, facts={"type": "object"})
ENDPOINTS = (
    Endpoint(
        "GET", "/api/v1/health", Role.VIEWER, "Can I trust the screen: what is wrong with the gateway itself.", _health,
        record(ok=TRUTH, urgent=TRUTH, trust=listing(_TRUST)),
    ),
)  # fmt: skip
