"""What the worker says to a person who waits."""

from __future__ import annotations

import io
import threading
from typing import Any

from detectors.runtime.talk import Mouth

BEAT: dict[str, Any] = {
    "beat": 3, "at": "2026-07-18T04:00:00.000+00:00", "rss": 1, "models": {}, "archive": None,
    "cameras": {"street.mp4": {"frames": 120, "ms": 21.4}, "pond.mp4": {"frames": 0, "ms": None}},
}  # fmt: skip
FAULT = {"fault": {"key": "cameras.pond.url", "problem": "no such file"}}


def test_who_waits_at_a_terminal_sees_how_far_it_is_and_lines_stand_by_themselves() -> None:
    out, watched = io.StringIO(), io.StringIO()
    mouth = Mouth(out, threading.Event(), as_json=False, watched=watched)
    mouth(BEAT)
    assert watched.getvalue() == "\r\x1b[Kstreet.mp4: 120 pictures, 21 ms each; pond.mp4: 0 pictures"
    assert out.getvalue() == ""
    mouth(FAULT)
    assert watched.getvalue().endswith("\r\x1b[K"), "it is taken away before a line is written"
    assert out.getvalue() == "cameras.pond.url: no such file\n"


def test_nobody_waits_and_nothing_is_shown() -> None:
    out = io.StringIO()
    Mouth(out, threading.Event(), as_json=False)(BEAT)
    assert out.getvalue() == ""
