"""kill -9 at every step of the worker: no critical message is lost, at most one is doubled; nothing else is doubled."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
STEPS = ("outbox_leased", "outbox_called", "outbox_handed_over", "outbox_settled")


def child(root: Path, what: str, kill_at: str = "") -> int:
    words = [sys.executable, "-m", "tests.unit.gateway.notify.outbox_child", str(root), what]
    return subprocess.run(
        words, cwd=ROOT, env={**os.environ, "VILLAGE_KILL_AT": kill_at}, timeout=60, check=False
    ).returncode


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at(step: str, number: int, tmp_path: Path) -> None:
    assert child(tmp_path, "begin", f"{step}:{number}") == -signal.SIGKILL
    assert child(tmp_path, "again") == 0
    heard = (tmp_path / "heard").read_text(encoding="utf-8").splitlines()
    fire, full = (sum(title in line for line in heard) for title in ("fire", "full"))
    doubled = step == "outbox_handed_over" and number == 1
    assert fire == (2 if doubled else 1)
    assert full == (0 if (step, number) == ("outbox_called", 2) else 1)
    assert child(tmp_path, "again") == 0
    assert (tmp_path / "heard").read_text(encoding="utf-8").splitlines() == heard


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_with_a_list(step: str, number: int, tmp_path: Path) -> None:
    """A message that stands for three: all of them or none, never twice; the critical one before it is never lost."""
    assert child(tmp_path, "list", f"{step}:{number}") == -signal.SIGKILL
    assert child(tmp_path, "again") == 0
    heard = (tmp_path / "heard").read_text(encoding="utf-8").splitlines()
    fire = sum("fire" in line for line in heard)
    assert fire == (2 if (step, number) == ("outbox_handed_over", 1) else 1)
    lists = [line for line in heard if "fire" not in line]
    assert len(lists) == (0 if (step, number) == ("outbox_called", 2) else 1)
    assert all(name in line for line in lists for name in ("full", "damp", "dry"))
    with closing(sqlite3.connect(tmp_path / "journal" / "book.db")) as book:
        states = {
            row[0]
            for row in book.execute("SELECT state FROM outbox WHERE rule <> 'fire' AND channel = 'chat'")
        }
    assert states == ({"delivered"} if step != "outbox_handed_over" and lists else {"uncertain"}) or (
        (step, number) == ("outbox_handed_over", 1) and states == {"delivered"}
    )
    assert child(tmp_path, "again") == 0
    assert (tmp_path / "heard").read_text(encoding="utf-8").splitlines() == heard


@pytest.mark.parametrize("number", [3, 4, 5])
@pytest.mark.parametrize("step", ["before_book_commit", "after_book_commit"])
def test_killed_around_a_commit_there_is_no_alert_without_its_message(
    step: str, number: int, tmp_path: Path
) -> None:
    assert child(tmp_path, "begin", f"{step}:{number}") == -signal.SIGKILL
    with closing(sqlite3.connect(tmp_path / "journal" / "book.db")) as book:
        alerts = {json.loads(row[0])["rule"] for row in book.execute("SELECT detail FROM event")}
        queued = {row[0] for row in book.execute("SELECT DISTINCT rule FROM outbox")}
        noted = {row[0].partition(" ")[0] for row in book.execute("SELECT key FROM desk")}
    assert alerts == queued == noted
    assert child(tmp_path, "again") == 0
    heard = (tmp_path / "heard").read_text(encoding="utf-8") if queued else ""
    assert ("fire" in heard) is ("fire" in alerts)
