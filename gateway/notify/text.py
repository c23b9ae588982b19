"""A message as one text, within the room a channel has. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from gateway.contracts import ChannelContext
from gateway.model import Notice
from gateway.words import Language

_CUT: dict[Language, str] = {"zh": "…（已截短）", "en": "… (shortened)"}
_FRAME: dict[Language, str] = {"zh": "【{}】", "en": "[{}] "}


def utf8_bytes(text: str) -> int:
    """Length as most services count it."""
    return len(text.encode())


def utf16_units(text: str) -> int:
    """Length as Telegram counts it."""
    return len(text.encode("utf-16-le")) // 2


def fit(text: str, room: int, language: Language, measure: Callable[[str], int] = utf8_bytes) -> str:
    """The text if there is room for it; else as much of its beginning as there is, and a word that it was cut.

    Args:
        text: What to say.
        room: The most that the service takes, in what ``measure`` counts; larger than the word itself.
        language: Of the word.
        measure: How the service counts.
    """
    if measure(text) <= room:
        return text
    mark = _CUT[language]
    kept, total = [], measure(mark)
    for sign in text:
        total += measure(sign)
        if total > room:
            break
        kept.append(sign)
    return "".join(kept).rstrip() + mark


def headline(notice: Notice, context: ChannelContext) -> str:
    """Whose village it is about, and what, in one line."""
    return plain(_FRAME[context.language].format(context.site) + notice.subject, lines=False)


def whole(notice: Notice, context: ChannelContext) -> str:
    """Headline and text."""
    body = plain(notice.text).strip()
    return f"{headline(notice, context)}\n{body}" if body else headline(notice, context)


def plain(text: str, *, lines: bool = True) -> str:
    """Without control signs and halves of surrogate pairs, which services refuse; ``lines`` keeps the line ends."""
    kept = []
    for sign in text.replace("\r\n", "\n"):
        if sign in "\n\t":
            kept.append(sign if lines else " ")
        elif unicodedata.category(sign) not in {"Cc", "Cs"}:
            kept.append(sign)
    return "".join(kept)
