"""What is pasted into ``village.yaml`` so that the worker uses a network: path, hash, classes, size, thresholds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from detectors.runtime.network import digest, weights_of
from gateway.cameras import ModelEntry

TRACKERS_LEAST = 0.1  # trackers want the weak boxes too; detectors hold their own limits against the rest


def entry(path: Path, names: Sequence[str], size: int) -> ModelEntry:
    """As the worker will read it."""
    sha256 = digest(weights_of(path))
    return ModelEntry(path=path, sha256=sha256, classes=tuple(names), size=size, confidence=TRACKERS_LEAST)


def text(name: str, one: ModelEntry, best: Mapping[str, float] | None = None) -> str:
    """The lines, for ``sources.<name>.models``; ``best`` is said beside them, it is not set.

    Args:
        name: What the model is called on the site.
        one: See :func:`entry`.
        best: Class -> confidence at which it was most right on its own validation pictures.
    """
    lines = [
        "models:",
        f"  {name}:",
        f"    path: {json.dumps(str(one.path), ensure_ascii=False)}",
        f"    sha256: {one.sha256}",
        f"    classes: {json.dumps(list(one.classes), ensure_ascii=False)}",
        f"    size: {one.size}",
        f"    confidence: {one.confidence:g}",
    ]
    for label, value in (best or {}).items():
        lines.append(f"    # best on its validation pictures: {label} {value:.2f}")
    return "\n".join(lines) + "\n"
