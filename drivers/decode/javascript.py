"""A vendor's own JavaScript codec: the standard ``decodeUplink(input)``, kept where it can do no harm.

It runs in a process of its own (``javascript_worker.py``) inside QuickJS: 8 MiB of memory, 250 ms of processor time, no
files, no network, no timers. A script that does not come back within ``WALL_SECONDS`` is killed with its process; the
next message starts a fresh one. Every message gets a fresh context: nothing is remembered from one to the next.

Source: LoRa Alliance TS013 "Payload Codec API" 1.0.0, section 2 (input: bytes, fPort, recvTime; output: data, errors,
warnings), as also used by The Things Stack and ChirpStack v4 (which adds ``variables``).
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from drivers.decode.flat import flatten
from drivers.decode.sample import Sample
from gateway.clock import SystemClock
from gateway.errors import BadReply

WALL_SECONDS = 1.0
START_SECONDS = 10.0  # an interpreter on a busy Raspberry Pi with a tired SD card
LARGEST_CODEC_BYTES = 512 * 1024
LARGEST_ANSWER_BYTES = 256 * 1024

_WORKER = Path(__file__).with_name("javascript_worker.py")


def run(
    codec: str,
    payload: bytes,
    port: int,
    options: Mapping[str, str | int | float | bool],
    dirs: Sequence[Path],
    *,
    received: datetime | None = None,
) -> list[Sample]:
    """What a vendor's codec makes of a payload.

    Args:
        codec: File name, without any folder.
        payload: Application bytes.
        port: fPort.
        options: Handed to the script as ``variables``, as texts.
        dirs: Folders that may hold the file; the last one that has it wins, as with catalogue files.
        received: When the message came; ``recvTime`` for the script.

    Returns:
        One sample: ``data`` by dotted paths; the script's ``warnings`` among the diagnostics.

    Raises:
        BadReply: The file is missing, the script reports ``errors``, fails, hangs, or returns no object.
    """
    source = _source(codec, dirs)
    variables = {name: str(value) for name, value in options.items()}
    given: dict[str, Any] = {"bytes": list(payload), "fPort": port, "variables": variables}
    if received is not None:
        given["recvTime"] = received.isoformat()
    result = _ask(codec, source, json.dumps(given))
    errors = _words(result.get("errors"))
    if errors:
        raise BadReply(f"codec {codec}: {'; '.join(errors)}")
    data = result.get("data")
    if not isinstance(data, dict):
        raise BadReply(f"codec {codec}: its result has no object called data")
    warnings = tuple(f"codec_warning: {word}" for word in _words(result.get("warnings")))
    return [Sample(flatten(data), diagnostics=warnings)]


def find(codec: str, dirs: Sequence[Path]) -> Path | None:
    """Where a codec lies, or ``None``."""
    if not codec or Path(codec).name != codec:
        return None
    return next((folder / codec for folder in reversed(list(dirs)) if (folder / codec).is_file()), None)


def close() -> None:
    """End the process that runs the scripts, if there is one; the next message starts another."""
    _sandbox.close()


_sources: dict[tuple[Path, int, int], str] = {}


def _source(codec: str, dirs: Sequence[Path]) -> str:
    path = find(codec, dirs)
    if path is None:
        listed = ", ".join(str(folder) for folder in dirs) or "no folder is named"
        raise BadReply(f"codec {codec} is not in the catalogue folders ({listed})")
    try:
        stat = path.stat()
        key = (path, stat.st_mtime_ns, stat.st_size)
        if key not in _sources:
            if stat.st_size > LARGEST_CODEC_BYTES:
                raise BadReply(f"codec {codec} has {stat.st_size} bytes; at most {LARGEST_CODEC_BYTES}")
            for old in [known for known in _sources if known[0] == path]:
                del _sources[old]
            _sources[key] = path.read_text("utf-8-sig")
        return _sources[key]
    except (OSError, UnicodeDecodeError) as error:
        raise BadReply(f"codec {codec} cannot be read: {error}") from error


def _ask(codec: str, source: str, given: str) -> dict[str, Any]:
    body = json.dumps({"source": source, "input": given}).encode()
    try:
        answer = json.loads(_sandbox.ask(body))
    except (OSError, EOFError, ValueError) as error:
        raise BadReply(f"codec {codec} was stopped: {error}") from error
    if "error" in answer:
        raise BadReply(f"codec {codec}: {answer['error']}")
    try:
        result = json.loads(answer["result"], parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise BadReply(f"codec {codec}: its result cannot be read") from error
    if not isinstance(result, dict):
        raise BadReply(f"codec {codec}: its result is no object")
    return result


class _Sandbox:
    """The process that runs the scripts: started when first needed, killed when it does not answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, body: bytes) -> bytes:
        """Send one request and wait for its answer.

        Raises:
            TimeoutError: None came in time; the process is gone.
            OSError, EOFError, ValueError: The process died, or answered at absurd length.
        """
        with self._lock:
            try:
                return self._exchange(self._running(), body, WALL_SECONDS)
            except (OSError, EOFError, ValueError):
                self._drop()
                raise

    def close(self) -> None:
        """End it."""
        with self._lock:
            self._drop()

    def _running(self) -> subprocess.Popen[bytes]:
        """The process, started if need be; it is ready when it has answered an empty script."""
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._drop()
        command = [sys.executable, "-I", str(_WORKER)]
        self._process = subprocess.Popen(  # noqa: S603  # our own file, no shell, nothing of it comes from outside
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
        )
        self._exchange(self._process, json.dumps({"source": "", "input": "{}"}).encode(), START_SECONDS)
        return self._process

    @staticmethod
    def _exchange(process: subprocess.Popen[bytes], body: bytes, seconds: float) -> bytes:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(struct.pack(">I", len(body)) + body)
        process.stdin.flush()
        deadline = _CLOCK.monotonic() + seconds
        size = struct.unpack(">I", _take(process.stdout.fileno(), 4, deadline))[0]
        if size > LARGEST_ANSWER_BYTES:
            raise ValueError(f"its result has {size} bytes")
        return _take(process.stdout.fileno(), size, deadline)

    def _drop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was still to be flushed to a dead process
                    pipe.close()


def _take(pipe: int, count: int, deadline: float) -> bytes:
    taken = b""
    while len(taken) < count:
        left = deadline - _CLOCK.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            raise TimeoutError("no result in time")
        chunk = os.read(pipe, count - len(taken))
        if not chunk:
            raise EOFError("its process ended")
        taken += chunk
    return taken


def _words(said: Any) -> list[str]:
    if not said:
        return []
    listed = said if isinstance(said, list) else [said]
    return [str(word)[:200] for word in listed[:10]]


_CLOCK = SystemClock()
_sandbox = _Sandbox()
atexit.register(close)
