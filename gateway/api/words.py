"""What the API says to people, in the language of whoever asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.site import load_words
from gateway.words import Language, Words


class Speaker:
    """The texts of a no."""

    def __init__(self) -> None:
        self._words: dict[str, Words] = {}

    def __call__(self, language: str, what: str, facts: Mapping[str, Any]) -> str:
        """A text in a language; roles are said in words, too."""
        spoken: Language = "zh" if language == "zh" else "en"
        say = self._words.get(spoken)
        if say is None:
            say = self._words[spoken] = load_words(spoken)
        told = dict(facts)
        if "role" in told:
            told["role"] = say(f"api_role.{told['role']}")
        return say(f"refusal.{what}", **told)
