"""One ffmpeg child: a stream in, pictures out, each with its own time stamp.

- A picture comes as a BMP over a pipe: raw BGR behind 54 bytes that say how large it is, so a stream that has lost its
  step is noticed at once. Its time stamp comes over a second pipe, written by a filter in front of it.
- An address with a password never stands in argv, in the environment or on the disk: ffmpeg reads it from its standard
  input, as a script of one entry (ffconcat). What it complains about is cleaned of it.
- ``setpriv`` ties the child's life to ours; its memory and its place in the queue are limited.

::

    BMP   0 'BM' · 2 size (u32) · 10 offset of the pixels (u32) · 18 width (i32) · 22 height (i32) · 28 bits (u16)
          rows of 4n bytes, bottom row first; the filter ``vflip`` in front makes that top row first
          Source: Microsoft, BITMAPFILEHEADER and BITMAPINFOHEADER
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import resource
import select
import shutil
import struct
import subprocess
from collections import deque
from dataclasses import dataclass
from typing import ClassVar, Protocol
from urllib.parse import quote, urlsplit

import numpy as np

from detectors.runtime.contracts import Celsius, Picture
from gateway.cameras import CameraEntry
from gateway.credentials import Secret
from gateway.errors import Lost

HEADER_BYTES = 54
LARGEST_PICTURE_BYTES = 64 * 1024 * 1024
SOCKET_TIMEOUT_US = 5_000_000
# How long ffmpeg studies a live stream before it decodes; its own 5 s are for unknown files.
PROBE_US = "500000"
KEPT_LINES = 12
PIPE_BYTES = 1024 * 1024  # fcntl(2) F_SETPIPE_SZ: the largest an ordinary user may have

_STAMP = re.compile(rb"pts_time:(-?[0-9.]+|NOPTS|nan)")
_HARDWARE = {"v4l2m2m": "{codec}_v4l2m2m", "nvmpi": "{codec}_nvmpi", "qsv": "{codec}_qsv"}


class Monotonic(Protocol):
    """The one clock that a decoder asks."""

    def monotonic(self) -> float:
        """Seconds that never jump."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture as it left the decoder.

    Attributes:
        image: (H, W, 3) uint8, BGR.
        stream_s: The stream's own time stamp, seconds since it was opened.
        celsius: (h, w) float32, degrees Celsius, where the source measures them.
    """

    image: Picture
    stream_s: float
    celsius: Celsius | None = None


def address(url: str, user: str, password: Secret | None) -> Secret:
    """The address with what opens it; only for ffmpeg's standard input."""
    if not user:
        return Secret(url)
    parts = urlsplit(url)
    who = quote(user, safe="") + (f":{quote(password.reveal(), safe='')}" if password else "")
    return Secret(parts._replace(netloc=f"{who}@{parts.netloc}").geturl())


def arguments(camera: CameraEntry, fps: float, stamps_fd: int, *, deep: bool = False) -> list[str]:
    """The command line of a decoder; nothing in it is secret. ``deep``: 16-bit grey as PGM (``stills.py``)."""
    words = [
        "ffmpeg",
        "-nostdin",
        "-hide_banner",
        "-loglevel",
        "error",
        "-threads",
        str(camera.limits.threads),
    ]
    if camera.decoder == "vaapi":
        words += ["-hwaccel", "vaapi"]
    elif camera.decoder in _HARDWARE:
        words += ["-c:v", _HARDWARE[camera.decoder].format(codec=camera.codec)]
    if camera.remote:
        words += [
            "-fflags",
            "+discardcorrupt",
            "-analyzeduration",
            PROBE_US,
            "-fpsprobesize",
            "0",
            "-f",
            "concat",
            "-safe",
            "0",
        ]
        words += [
            "-protocol_whitelist",
            "pipe,rtsp,rtsps,rtp,tcp,tls,http,https,httpproxy,crypto",
            "-i",
            "pipe:0",
        ]
    else:
        words += ["-re", "-stream_loop", "-1"] if camera.replay else []
        words += ["-i", camera.looks_at.removeprefix("file://")]
    width, height = camera.size
    shape = f"scale='min({width},iw)':'min({height},ih)':force_original_aspect_ratio=decrease:flags=area"
    first_of_slot = f"gt(floor(t*{fps:g}+0.001)\\,floor(prev_selected_t*{fps:g}+0.001))"
    pick = f"select='isnan(prev_selected_t)+{first_of_slot}+lt(t\\,prev_selected_t-1)'"
    stamp = f"metadata=add:key=p:value=1,metadata=print:file=pipe\\\\:{stamps_fd}:direct=1"
    words += [
        "-map",
        "0:v:0",
        "-an",
        "-sn",
        "-dn",
        "-vf",
        f"{pick},{shape}{'' if deep else ',vflip'},{stamp}",
    ]
    return [
        *words,
        "-fps_mode",
        "passthrough",
        "-f",
        "image2pipe",
        "-c:v",
        "pgm" if deep else "bmp",
        "-pix_fmt",
        "gray16be" if deep else "bgr24",
        "pipe:1",
    ]


def script(url: Secret) -> bytes:
    """What ffmpeg reads on its standard input: one entry, and how it is opened.

    Source: ffmpeg-formats(1), concat demuxer: directives ``file`` and ``option``.
    """
    lines = ["ffconcat version 1.0", f"file '{url.reveal()}'"]
    if urlsplit(url.reveal()).scheme in {"rtsp", "rtsps"}:
        lines.append("option rtsp_transport tcp")
        lines.append(f"option timeout {SOCKET_TIMEOUT_US}")
    else:
        lines.append(f"option rw_timeout {SOCKET_TIMEOUT_US}")
    lines += [f"option analyzeduration {PROBE_US}", "option fpsprobesize 0"]
    return ("\n".join(lines) + "\n").encode()


class Decoder:
    """A running child.

    Args:
        camera: What is opened.
        fps: Most pictures a second.
        url: With what opens it.
        clock: For time-outs.
    """

    deep: ClassVar[bool] = False

    def __init__(self, camera: CameraEntry, fps: float, url: Secret, clock: Monotonic) -> None:
        self._clock = clock
        self._secret = url
        self._complaints: deque[str] = deque(maxlen=KEPT_LINES)
        self._stamps = b""
        self._times: deque[float] = deque()
        self._first: float | None = None
        self._last_s = 0.0
        stamps, stamps_in = os.pipe()
        self._stamps_fd = stamps
        words = arguments(camera, fps, stamps_in, deep=self.deep)
        if shutil.which("setpriv"):
            words = ["setpriv", "--pdeathsig", "KILL", "--", *words]
        try:
            self._child = subprocess.Popen(  # noqa: S603  # a list, no shell; nothing in it comes from outside
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(stamps_in,),
                bufsize=0,
            )
        except OSError as error:
            os.close(stamps)
            raise Lost(f"ffmpeg cannot be started ({error.strerror}): apt install ffmpeg") from error
        finally:
            os.close(stamps_in)
        self._limit(camera)
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        assert self._child.stderr is not None
        self._out, self._err = self._child.stdout.fileno(), self._child.stderr.fileno()
        with contextlib.suppress(OSError):
            if camera.remote:
                self._child.stdin.write(script(url))
            self._child.stdin.close()
        for fd in (self._out, self._err, stamps):
            os.set_blocking(fd, False)
        self._poll = select.poll()
        for fd in (self._out, self._err, stamps):
            self._poll.register(fd, select.POLLIN)

    @property
    def pid(self) -> int:
        """Of the child."""
        return self._child.pid

    def picture(self, timeout_s: float) -> Shot | None:
        """The next one; ``None`` at the end of the stream.

        Raises:
            Lost: None came for so long, or what came is no picture; with what ffmpeg complained about.
        """
        end = self._clock.monotonic() + timeout_s
        header = self._read(HEADER_BYTES, end)
        if header is None:
            self._ended()
            return None
        total, offset, width, height, bits = _bmp(bytes(header))
        stride = (width * 3 + 3) // 4 * 4
        if (
            bytes(header[:2]) != b"BM"
            or bits != 24
            or offset != HEADER_BYTES
            or total != offset + stride * height
        ):
            raise Lost(f"the decoder has lost its step{self._complained()}")
        body = self._read(total - HEADER_BYTES, end)
        if body is None:
            raise Lost(f"the decoder ended within a picture{self._complained()}")
        rows = np.frombuffer(body, np.uint8).reshape(height, stride)
        image = rows[:, : width * 3].reshape(height, width, 3)
        return Shot(image, self._stamp(end))

    def kill(self) -> None:
        """End the child; whoever waits for a picture hears of it. From any thread."""
        if self._child.poll() is None:
            self._child.kill()

    def close(self) -> None:
        """End it; nothing of it is left when this returns. May be called twice."""
        self.kill()
        self._child.wait()
        for stream in (self._child.stdout, self._child.stderr):
            if stream is not None:
                stream.close()
        if self._stamps_fd >= 0:
            os.close(self._stamps_fd)
            self._stamps_fd = -1

    def _limit(self, camera: CameraEntry) -> None:
        with contextlib.suppress(OSError, ValueError):  # it may have ended already: then its words say why
            resource.prlimit(
                self._child.pid, resource.RLIMIT_AS, (camera.limits.memory, camera.limits.memory)
            )
            resource.prlimit(self._child.pid, resource.RLIMIT_CORE, (0, 0))
            os.setpriority(os.PRIO_PROCESS, self._child.pid, camera.limits.nice)
            assert self._child.stdout is not None
            fcntl.fcntl(self._child.stdout.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def _read(self, wanted: int, end: float) -> bytearray | None:
        """Exactly so many bytes; ``None`` when the stream ends before the first."""
        buffer = bytearray(wanted)
        view = memoryview(buffer)
        got = 0
        while got < wanted:
            try:
                count = os.readv(self._out, [view[got:]])
            except BlockingIOError:
                self._wait(end)
                continue
            if count == 0:
                return None
            got += count
        return buffer

    def _wait(self, end: float) -> None:
        left = end - self._clock.monotonic()
        if left <= 0:
            raise Lost(f"no picture{self._complained()}")
        for fd, _ in self._poll.poll(left * 1000):
            if fd == self._err:
                self._listen()
            elif fd == self._stamps_fd:
                self._collect()

    def _listen(self) -> None:
        try:
            text = os.read(self._err, 65536)
        except BlockingIOError:
            return
        if not text:
            self._forget(self._err)
        for line in text.decode("utf-8", "replace").splitlines():
            self._complaints.append(self._clean(line))

    def _collect(self) -> None:
        try:
            text = os.read(self._stamps_fd, 65536)
        except BlockingIOError:
            return
        if not text:
            self._forget(self._stamps_fd)
            return
        *lines, self._stamps = (self._stamps + text).split(b"\n")
        for line in lines:
            found = _STAMP.search(line)
            if found:
                self._times.append(float(found.group(1)) if found.group(1)[:1] not in b"Nn" else float("nan"))

    def _forget(self, fd: int) -> None:
        with contextlib.suppress(KeyError):  # its end was seen before
            self._poll.unregister(fd)

    def _stamp(self, end: float) -> float:
        """The time stamp of the picture just read: it was written before it."""
        while not self._times:
            self._collect()
            if not self._times:
                self._wait(end)
        stamp = self._times.popleft()
        if stamp != stamp:  # noqa: PLR0124  # not a number: a stream without time stamps
            stamp = self._last_s + (self._first or 0.0)
        self._first = stamp if self._first is None else self._first
        self._last_s = stamp - self._first
        return self._last_s

    def _ended(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(2.0)
        self._listen()
        if self._child.returncode not in {0, None} and (self._first is None or self._complaints):
            raise Lost(self._complained().removeprefix(": ") or f"ffmpeg ended with {self._child.returncode}")

    def _complained(self) -> str:
        self._listen()
        lines = [line for line in self._complaints if line]
        told = next((line for line in reversed(lines) if "401" in line), lines[-1] if lines else "")
        return f": {told}" if told else ""

    def _clean(self, line: str) -> str:
        """What ffmpeg says, without the address that it was given."""
        text = line.replace(self._secret.reveal(), "the camera's address")
        text = re.sub(r"(\w+://)[^/@\s']*@", r"\1", text)
        return re.sub(r" @ 0x[0-9a-f]+", "", text).strip()[:200]


def _bmp(header: bytes) -> tuple[int, int, int, int, int]:
    """Size, offset, width, height and bits of a picture."""
    total, offset = struct.unpack_from("<I4xI", header, 2)
    width, height = struct.unpack_from("<ii", header, 18)
    (bits,) = struct.unpack_from("<H", header, 28)
    if not (0 < width <= 16384 and 0 < height <= 16384 and total <= LARGEST_PICTURE_BYTES):
        return 0, 0, 0, 0, 0
    return total, offset, width, height, bits
