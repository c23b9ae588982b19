"""JSON from a stranger: parsed only when it is harmless.

Python's own parser takes NaN, 1e999, keys that stand twice (the last wins) and lone surrogates, and runs out of stack
on deep nesting (reference: reliability-and-security section 0, item 12). None of that is a measurement.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from gateway.errors import BadReply

LARGEST_BYTES = 64 * 1024  # reference: reliability-and-security section 5
DEEPEST = 8  # same place
MOST_KEYS = 64  # same place
MOST_ITEMS = 2000  # an array of samples: one day at 45 s
LONGEST_TEXT = 256  # same place
LARGEST_INTEGER = 2**63  # what SQLite can keep

_TEXTS_AND_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]')


def parse(raw: bytes) -> Any:
    """What the bytes say, as plain Python.

    Raises:
        BadReply: Too large, too deep, not UTF-8, not JSON, or JSON that no sensor means; in words.
    """
    if len(raw) > LARGEST_BYTES:
        raise BadReply(f"payload of {len(raw)} bytes is larger than {LARGEST_BYTES}")
    if not raw:
        raise BadReply("payload is empty")
    if raw.count(b"{") + raw.count(b"[") > DEEPEST:
        _refuse_deep(raw)
    try:
        text = raw.decode("utf-8")
        value = json.loads(
            text,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_integer,
            object_pairs_hook=_once,
        )
    except UnicodeDecodeError as error:
        raise BadReply("payload is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise BadReply(f"payload is not JSON: {error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise BadReply(f"payload is nested deeper than {DEEPEST} levels") from error
    return value


def text_of(value: Any, what: str) -> str:
    """A text that may be shown and stored.

    Raises:
        BadReply: It is no text, too long, or has control characters or lone surrogates in it.
    """
    if not isinstance(value, str):
        raise BadReply(f"{what} is no text")
    if len(value) > LONGEST_TEXT:
        raise BadReply(f"{what} is longer than {LONGEST_TEXT} characters")
    if not value.isprintable():  # str.isprintable is False for control characters and for surrogates
        raise BadReply(f"{what} has control characters in it")
    return value


def number_of(value: Any) -> float | None:
    """A number, or ``None`` for anything that is none; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def mapping_of(value: Any, what: str) -> Mapping[str, Any]:
    """An object; a missing one is empty.

    Raises:
        BadReply: It is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadReply(f"{what} is no object")
    return value


def list_of(value: Any, what: str) -> list[Any]:
    """An array; a missing one is empty.

    Raises:
        BadReply: It is something else, or too long.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadReply(f"{what} is no array")
    if len(value) > MOST_ITEMS:
        raise BadReply(f"{what} has more than {MOST_ITEMS} entries")
    return value


def _refuse_deep(raw: bytes) -> None:
    depth = 0
    for token in _TEXTS_AND_BRACKETS.finditer(raw):
        first = raw[token.start()]
        if first in b"[{":
            depth += 1
            if depth > DEEPEST:
                raise BadReply(f"payload is nested deeper than {DEEPEST} levels")
        elif first in b"]}":
            depth -= 1


def _no_constant(name: str) -> float:
    raise BadReply(f"payload holds {name}, which is no number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BadReply(f"number {text[:24]} is out of range")
    return number


def _integer(text: str) -> int:
    number = int(text) if len(text) <= 20 else LARGEST_INTEGER
    if abs(number) >= LARGEST_INTEGER:
        raise BadReply(f"number {text[:24]} is out of range")
    return number


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise BadReply(f"key {twice[:60]!r} stands twice")
    if len(found) > MOST_KEYS:
        raise BadReply(f"an object has more than {MOST_KEYS} fields")
    return found
