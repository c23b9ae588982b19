"""Cameras for tests: a real RTSP server in a process of its own, and ffmpeg to draw clips."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import listening, tool

SYSTEM_PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).with_name("rtsp_camera.py")


@contextlib.contextmanager
def rtsp(port: int, *words: str) -> Iterator[RtspCamera]:
    """A camera at ``rtsp://127.0.0.1:PORT/sub``; skips the test where GStreamer is not there."""
    if not Path(SYSTEM_PYTHON).exists():
        pytest.skip("there is no Debian python3 with gi")
    probe = "import gi; gi.require_version('GstRtspServer', '1.0')"
    if subprocess.run([SYSTEM_PYTHON, "-c", probe], capture_output=True, check=False).returncode:
        pytest.skip("gir1.2-gst-rtsp-server-1.0 and python3-gi are not installed")
    camera = RtspCamera(port, words)
    try:
        yield camera
    finally:
        camera.stop()


class RtspCamera:
    """The server, under command."""

    def __init__(self, port: int, words: tuple[str, ...]) -> None:
        self.port = port
        self.url = f"rtsp://127.0.0.1:{port}/sub"
        argv = [SYSTEM_PYTHON, str(SERVER), str(port), *words]
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        end = time.monotonic() + 20
        while not listening(port):
            if self.process.poll() is not None or time.monotonic() > end:
                said = self.process.stderr.read().decode() if self.process.stderr else ""
                pytest.fail(f"the RTSP server did not start: {said[-800:]}")
            time.sleep(0.02)

    def order(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def mute(self) -> None:
        """It stays connected and says nothing more."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def stop(self) -> None:
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def drawn(path: Path, scene: str, seconds: float = 3.0, *, size: str = "320x180", fps: int = 10) -> Path:
    """A clip of one of ffmpeg's own test pictures, e.g. ``testsrc2`` or ``color=gray``."""
    ffmpeg()
    source = f"{scene}{':' if '=' in scene else '='}size={size}:rate={fps}"
    words = [
        "-f",
        "lavfi",
        "-i",
        source,
        "-t",
        str(seconds),
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
    ]
    subprocess.run([ffmpeg(), "-v", "error", "-y", *words, str(path)], check=True, stdin=subprocess.DEVNULL)
    return path


def ffmpeg() -> str:
    return tool("ffmpeg")


def children_of(pid: int) -> list[int]:
    """Processes that a process has started."""
    if shutil.which("pgrep") is None:
        pytest.skip("pgrep is not installed (apt install procps)")
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(line) for line in found.split()]


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
