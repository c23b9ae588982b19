"""Topic patterns: ``village/{device}/data`` as what we subscribe to, and as what a topic says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator

LONGEST_TOPIC = 250
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_SPACED_EUI = re.compile(r"([0-9a-f]{2}[-:]){7}[0-9a-f]{2}")
KNOWN = ("device", "quantity")


class Pattern:
    """One topic pattern.

    ``{device}`` may stand for several levels, because friendly names may have ``/`` in them; ``{quantity}`` and ``+``
    stand for one level. ``#`` is refused: whoever subscribes to everything drowns in what is not meant for him.

    Raises:
        ValueError: It cannot be a topic, in words.
    """

    def __init__(self, text: str) -> None:
        check_topic(text, wildcards="+")
        names = _PLACEHOLDER.findall(text)
        for name in names:
            if name not in KNOWN:
                raise ValueError(f"{{{name}}} is unknown; known: {{device}}, {{quantity}}")
        if len(set(names)) != len(names):
            raise ValueError("a placeholder stands twice")
        if "{" in _PLACEHOLDER.sub("", text) or "}" in _PLACEHOLDER.sub("", text):
            raise ValueError("a { or } has no partner; write {device}")
        self.text = text
        self.names = frozenset(names)
        self._regex = re.compile("".join(_piece(part) for part in re.split(r"(\{[a-z_]+\}|\+)", text)))

    def filters(self, addresses: Iterable[str] = ()) -> list[str]:
        """What to subscribe to, so that the named devices and strangers with a one-level name are heard."""
        general = [self._filter(self.text)]
        deep = [
            self._filter(self.text.replace("{device}", address))
            for address in sorted(set(addresses))
            if "{device}" in self.text and "/" in address and _plain(address)
        ]
        return general + deep

    def match(self, topic: str) -> dict[str, str] | None:
        """What the placeholders stand for in a topic; ``None`` when it does not fit."""
        found = self._regex.fullmatch(topic)
        return None if found is None else found.groupdict()

    @staticmethod
    def _filter(text: str) -> str:
        return "/".join("+" if _PLACEHOLDER.search(level) else level for level in text.split("/"))


def check_topic(text: str, *, wildcards: str = "") -> str:
    """A topic (or filter) that a person or a message names.

    Raises:
        ValueError: What is wrong with it, in words.
    """
    if not text or len(text) > LONGEST_TOPIC:
        raise ValueError(f"a topic has 1 to {LONGEST_TOPIC} characters")
    if "#" in text:
        raise ValueError("# is refused; name the topics that are meant, with + for one level")
    if not text.isprintable():
        raise ValueError("a topic has no control characters")
    for level in text.split("/"):
        if "+" in level and (level != "+" or "+" not in wildcards):
            raise ValueError("+ stands alone between two / and is not allowed everywhere")
    return text


def same(address: str) -> str:
    """How two spellings of an address are compared: EUIs come in both cases, some with ``-`` or ``:`` between bytes."""
    plain = address.strip().casefold()
    return re.sub("[-:]", "", plain) if _SPACED_EUI.fullmatch(plain) else plain


def _plain(address: str) -> bool:
    return not any(sign in address for sign in "+#{}")


def _piece(part: str) -> str:
    if part == "{device}":
        return r"(?P<device>.+)"
    if part == "{quantity}":
        return r"(?P<quantity>[^/]+)"
    return "[^/]+" if part == "+" else re.escape(part)


def _checked(text: str) -> str:
    Pattern(text)
    return text


TopicPattern = Annotated[str, AfterValidator(_checked)]
