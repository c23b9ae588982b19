"""The names of classes as ultralytics writes them into its exports: ``{0: 'fire', 1: 'smoke'}``."""

from __future__ import annotations

import ast


def names_in(text: str) -> tuple[str, ...]:
    """Names by index; nothing when the text is none of that."""
    try:
        found = ast.literal_eval(text) if text else None
    except (ValueError, SyntaxError):
        return ()
    if isinstance(found, list):
        return tuple(str(name) for name in found)
    if not isinstance(found, dict) or sorted(found) != list(range(len(found))):
        return ()
    return tuple(str(found[index]) for index in range(len(found)))
