"""A worker that hangs when it is told to end is ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HANGS = """
import io, threading, time
from detectors.runtime import talk
talk.LAST_S = 0.2
threading.Thread(target=talk.listen, args=(io.StringIO(""), None, threading.Event(), threading.Event())).start()
time.sleep(60)  # a network that never answers
"""


def test_a_worker_that_hangs_ends_by_itself_when_the_gateway_has_gone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGS], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 70
    assert "the worker hangs" in done.stderr
