"""What detectors must still know: whole or not at all, and no more often than it changes."""

from __future__ import annotations

from pathlib import Path

from detectors.runtime.memory import keep, recall


def test_what_did_not_change_is_not_written_again(tmp_path: Path) -> None:
    file = tmp_path / "eye" / "memory.json"
    keep(file, {"told": ["火"]})
    written = file.stat().st_mtime_ns
    keep(file, {"told": ["火"]})
    assert file.stat().st_mtime_ns == written
    keep(file, {"told": []})
    assert recall(file) == {"told": []}
    assert file.stat().st_mtime_ns > written


def test_what_cannot_be_read_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "memory.json"
    assert recall(file) is None
    for text in ("{", "[1]", "\x00"):
        file.write_text(text, encoding="utf-8")
        assert recall(file) is None
