"""The names of classes as ultralytics writes them into its exports: ``{0: 'fire', 1: 'smoke'}``."""

from __future__ import annotations

import ast
from pathlib import Path

from gateway.files import read_yaml


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


def embedded(path: Path) -> tuple[str, ...]:
    """Names that stand as plain text within an ONNX file, for libraries that do not tell its metadata."""
    content = path.read_bytes()
    start = content.find(b"{0: ")
    end = content.find(b"}", start) + 1
    return names_in(content[start:end].decode("utf-8", "replace")) if 0 <= start < end else ()


def beside(path: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """Names and metadata out of the ``metadata.yaml`` that ultralytics lays beside an export; empty without one."""
    file = path.with_name("metadata.yaml")
    if not file.is_file():
        return (), {}
    data = read_yaml(file).data
    if not isinstance(data, dict):
        return (), {}
    names = data.get("names")
    listed = {int(key): str(name) for key, name in names.items()} if isinstance(names, dict) else {}
    return tuple(listed[index] for index in sorted(listed)), {key: str(value) for key, value in data.items()}
