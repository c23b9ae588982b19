"""The two ways to a worker: a child of ours over pipes, or a unit of its own over a Unix socket.

Both are spoken to in lines. The first line we say is the plan (what to look at; never a password), later ones
are marks. Every line we hear is one JSON object. A worker whose way to us is closed ends by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import grp
import json
import logging
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from gateway.errors import Lost

LONGEST_LINE_BYTES = 1024 * 1024
CLOSE_S = 5.0  # for what the worker still writes down
ROOT = Path(__file__).resolve().parents[2]  # a checkout is no package that is found from anywhere
GROUP = "village-eyes"  # as in systemd/village-eyes.sysusers

_log = logging.getLogger("worker")


class Wire(Protocol):
    """A way to a worker."""

    async def open(self, plan: Mapping[str, Any], seconds: float) -> None:
        """Reach it and say the plan; raises Lost."""

    async def line(self) -> bytes:
        """The next line; empty when it has gone. Raises Lost when a line is endless."""

    def say(self, line: Mapping[str, Any]) -> None:
        """One line to it."""

    def give_up(self) -> None:
        """It hangs: nothing is waited for any more."""

    async def close(self) -> str:
        """Let it go; how it ended, in words. May be called twice."""


class Child:
    """A worker that we start and end; what it logs becomes our log."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._log_task: asyncio.Task[None] | None = None
        self._last = ""

    async def open(self, plan: Mapping[str, Any], seconds: float) -> None:
        """Start it; it answers within ``seconds`` or the reader gives up."""
        del seconds
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "detectors",
                "--plan",
                "--json",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=LONGEST_LINE_BYTES,
                cwd=ROOT,
            )
        except OSError as error:
            raise Lost(f"the worker cannot be started ({error.strerror})") from error
        self._log_task = asyncio.create_task(self._hand_on_its_log(self._process), name="log of the worker")
        self.say(plan)

    @property
    def pid(self) -> int | None:
        """Of the child."""
        return self._process.pid if self._process is not None else None

    async def line(self) -> bytes:
        """The next line it says."""
        assert self._process is not None
        assert self._process.stdout is not None
        return await _line(self._process.stdout)

    def say(self, line: Mapping[str, Any]) -> None:
        """One line to its standard input."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(_said(line))

    def give_up(self) -> None:
        """Kill it; its decoders die with it."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def close(self) -> str:
        """Its input is closed, then it is killed; nothing of it is left."""
        process, self._process = self._process, None
        if process is None:
            return ""
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(CLOSE_S):
                await process.wait()
        except TimeoutError:
            pass
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if self._log_task is not None:
            await asyncio.wait([self._log_task], timeout=1.0)
            self._log_task.cancel()
        why = f" ({self._last})" if process.returncode and self._last else ""
        return f"it ended with {process.returncode}{why}"

    async def _hand_on_its_log(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while True:
            try:
                text = await process.stderr.readline()
            except ValueError:
                continue  # endless: nothing to read in it
            if not text:
                return
            self._last = text.decode("utf-8", "replace").strip()[
                :200
            ]  # e.g. ImportError: libGL.so.1: cannot open ...
            level, _, rest = self._last.partition(" ")
            known = logging.getLevelNamesMapping().get(level)
            _log.log(known or logging.WARNING, "%s", rest if known else self._last)


class Unit:
    """A worker that systemd starts, and that comes to us.

    Args:
        path: Of the socket; its folder belongs to the group of the worker's unit.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._server: asyncio.Server | None = None
        self._guest: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self, plan: Mapping[str, Any], seconds: float) -> None:
        """Listen until one has come."""
        self._guest = asyncio.get_running_loop().create_future()
        try:
            if self._path.exists() and stat.S_ISSOCK(self._path.lstat().st_mode):
                self._path.unlink()  # of a process that is no more
            self._server = await asyncio.start_unix_server(
                self._welcome, path=self._path, limit=LONGEST_LINE_BYTES
            )
            self._path.chmod(0o660)
            with contextlib.suppress(
                KeyError, PermissionError
            ):  # a folder with the set-group bit has done it already
                os.chown(self._path, -1, grp.getgrnam(GROUP).gr_gid)
        except OSError as error:
            raise Lost(f"nobody can be listened for at {self._path} ({error.strerror})") from error
        try:
            async with asyncio.timeout(seconds):
                self._reader, self._writer = await self._guest
        except TimeoutError as error:
            await self.close()
            raise Lost(f"no worker has come to {self._path}: systemctl status village-eyes") from error
        self.say(plan)

    async def line(self) -> bytes:
        """The next line it says."""
        assert self._reader is not None
        return await _line(self._reader)

    def say(self, line: Mapping[str, Any]) -> None:
        """One line to it."""
        if self._writer is not None:
            self._writer.write(_said(line))

    def give_up(self) -> None:
        """Hang up; it ends itself then, or its watchdog does."""
        if self._writer is not None:
            self._writer.transport.abort()

    async def close(self) -> str:
        """Hang up and listen no longer."""
        server, self._server = self._server, None
        if server is None:
            return ""
        server.close()
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        self._path.unlink(missing_ok=True)
        self._reader = self._writer = None
        return "it hung up"

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._guest is None or self._guest.done():  # one is enough
            writer.close()
            return
        self._guest.set_result((reader, writer))


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ValueError as error:
        raise Lost(f"the worker said a line longer than {LONGEST_LINE_BYTES} bytes") from error
    except OSError:
        return b""


def _said(line: Mapping[str, Any]) -> bytes:
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"
