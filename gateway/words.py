"""Every text that people read, in the language of the site: one catalogue, ``config/words/``.

Pure; :func:`gateway.site.load_words` reads the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import Any, Literal

from gateway.schema import Strict

Language = Literal["zh", "en"]


class Phrase(Strict):
    """One text in both languages."""

    en: str
    zh: str

    def names(self, language: Language) -> set[str]:
        """The ``{names}`` that one of the texts wants filled in."""
        return {name for _, name, _, _ in Formatter().parse(getattr(self, language)) if name}


class Words:
    """The catalogue, spoken in one language.

    Args:
        phrases: ``group.name`` -> text in both languages.
        language: Which one.
    """

    def __init__(self, phrases: Mapping[str, Phrase], language: Language = "zh") -> None:
        self.phrases = phrases
        self.language: Language = language

    def __call__(self, key: str, **facts: Any) -> str:
        """A text with its facts filled in.

        Raises:
            KeyError: No such text, or a fact it names is not given: a mistake in the program, found by its tests.
        """
        text: str = getattr(self.phrases[key], self.language)
        return text.format(**facts)

    def maybe(self, key: str, otherwise: str) -> str:
        """A text without facts, or something else where the catalogue has none (slugs of drivers, for instance)."""
        phrase = self.phrases.get(key)
        return otherwise if phrase is None else str(getattr(phrase, self.language))
