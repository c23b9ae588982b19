"""A nested JSON object as flat fields: ``{"a": {"b": [1, "x"]}}`` becomes ``a.b.0 = 1`` and ``a.b.1 = "x"``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.errors import BadReply

MOST_FIELDS = (
    500  # a LoRaWAN payload has at most 242 bytes; an object with more fields than this is no measurement
)
DEEPEST = 12
LONGEST_TEXT = 200

_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,2})?")


def flatten(data: Mapping[str, Any]) -> dict[str, float | str | None]:
    """Every leaf of an object by its dotted path.

    Args:
        data: What a JSON parser made of a message.

    Returns:
        Numbers as they are, true and false as 1 and 0, null as ``None``, texts that are wholly a number (vendors write
        ``"24.59"``) as that number, other texts cut to 200 characters.

    Raises:
        BadReply: It is deeper or larger than any measurement.
    """
    found: dict[str, float | str | None] = {}
    for path, value in _leaves(data, "", 0):
        if len(found) >= MOST_FIELDS:
            raise BadReply(f"the object has more than {MOST_FIELDS} fields")
        found[path] = _leaf(value)
    return found


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > DEEPEST:
        raise BadReply(f"the object is nested deeper than {DEEPEST} levels")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}.{index}" if path else str(index), depth + 1)
    else:
        yield path, value


def _leaf(value: Any) -> float | str | None:
    if value is None:
        return None
    if isinstance(value, bool | int | float):
        try:
            return float(value)
        except OverflowError:
            return None
    text = str(value)[:LONGEST_TEXT]
    return float(text) if _NUMBER.fullmatch(text.strip()) else text
