"""Real servers and tools for tests: started on a free loopback port, ended with the test."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

SBIN = ("/usr/sbin", "/usr/local/sbin")
PORTS = range(16000, 32000)
WORKERS = 8
_given = count(os.getpid() * 37)


def tool(name: str) -> str:
    """The path of an installed program; skips the test, saying what to install, when it is absent."""
    found = shutil.which(name) or next((f"{d}/{name}" for d in SBIN if Path(f"{d}/{name}").exists()), None)
    if found is None:
        package = {"influxd": "influxdb", "systemd-analyze": "systemd"}.get(name, name)
        pytest.skip(f"{name} is not installed (apt install {package})")
    return found


def pseudo_terminals() -> None:
    """Skips the test on a machine without them: a chroot or container into which /dev/pts is not mounted."""
    try:
        ends = os.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo-terminals here, is /dev/pts mounted? ({error.strerror})")
    for end in ends:
        os.close(end)


def free_port() -> int:
    """A loopback port nobody listens on right now, and that nobody else is given until its server has started.

    Below the kernel's own choice for clients (from 32768), another part for each worker of pytest: what the kernel offers
    can be taken by any connection before our server is there.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = PORTS.start + worker % WORKERS * (len(PORTS) // WORKERS)
    for _ in range(len(PORTS) // WORKERS):
        port = first + next(_given) % (len(PORTS) // WORKERS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def listening(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def eventually(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for a far end (never for our own code's timers); fails when it does not come true."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            pytest.fail(f"not true within {seconds} s: {true}")
        time.sleep(0.02)


@contextlib.contextmanager
def running(argv: Sequence[str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server process, ready to be talked to on its port."""
    with log.open("wb") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        try:
            end = time.monotonic() + 30
            while not listening(port):
                if process.poll() is not None or time.monotonic() > end:
                    pytest.fail(f"{argv[0]} did not start: {log.read_text(errors='replace')[-800:]}")
                time.sleep(0.02)
            yield process
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def mosquitto(folder: Path, port: int, *extra: str) -> Iterator[subprocess.Popen[bytes]]:
    """A real broker on loopback; ``extra`` are further lines of its configuration."""
    config = folder / f"mosquitto-{port}.conf"
    lines = [f"listener {port} 127.0.0.1", "user root", "allow_anonymous true", *extra]
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with running([tool("mosquitto"), "-c", str(config)], port, folder / f"mosquitto-{port}.log") as process:
        yield process


@contextlib.contextmanager
def influxd(folder: Path, port: int, *, auth: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """A real InfluxDB 1.x on loopback, empty or as the folder was left; with ``auth`` it wants a password."""
    root = folder / f"influxd-{port}"
    root.mkdir(exist_ok=True)
    config = root / "influxdb.conf"
    lines = [
        "reporting-disabled = true",
        f'bind-address = "127.0.0.1:{free_port()}"',
        "[meta]",
        f'dir = "{root}/meta"',
        "[data]",
        f'dir = "{root}/data"',
        f'wal-dir = "{root}/wal"',
        "query-log-enabled = false",
        "[http]",
        f'bind-address = "127.0.0.1:{port}"',
        f"auth-enabled = {str(auth).lower()}",
        "log-enabled = false",
        "[monitor]",
        "store-enabled = false",
    ]
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    argv = [tool("influxd"), "-config", str(config)]
    with running(argv, port, root / "influxd.log") as process:
        yield process


@contextlib.contextmanager
def victoria(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A real VictoriaMetrics on loopback that keeps a point sent twice once, as we ask people to set it."""
    argv = [
        tool("victoria-metrics"),
        f"-storageDataPath={folder}/victoria-{port}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=100y",
        "-dedup.minScrapeInterval=1ms",
    ]
    with running(argv, port, folder / f"victoria-{port}.log") as process:
        yield process


def ask(port: int, path: str, method: str = "GET", **query: str) -> str:
    """One HTTP question to a server on loopback."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, f"{path}?{urlencode(query)}")
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def influx(port: int, question: str) -> list[Any]:
    """Rows of the first series of an InfluxQL answer from the database ``village``."""
    answer = json.loads(ask(port, "/query", "POST", db="village", epoch="ms", q=question))["results"][0]
    assert "error" not in answer, answer
    return answer["series"][0]["values"] if "series" in answer else []
