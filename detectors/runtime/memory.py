"""What detectors must still know after a restart: one small JSON file for each, written whole or not at all."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)


def recall(path: Path) -> Mapping[str, Any] | None:
    """What was written there; ``None`` when there is nothing, or nothing that can be read (said in the log)."""
    try:
        memory = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        _log.warning("memory not read file=%s reason=%s", path, error)
        return None
    return memory if isinstance(memory, dict) else None


def keep(path: Path, memory: Mapping[str, Any]) -> None:
    """Write it if it is new; what was there before stays until the new one is on the disk."""
    text = json.dumps(memory, ensure_ascii=False)
    try:
        if path.exists() and path.read_bytes() == text.encode():
            return  # asked each minute: a card wears
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = path.with_suffix(".new")
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        _log.warning("memory not written file=%s reason=%s", path, error.strerror)
