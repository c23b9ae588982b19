from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gateway import systemd


def test_without_a_listener_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert systemd.notify("READY=1") is False


@pytest.mark.parametrize("abstract", [False, True])
def test_the_message_arrives_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    name = f"@village-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0", 1))
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        assert systemd.notify("READY=1", "STATUS=3 devices") is True
        assert listener.recv(100) == b"READY=1\nSTATUS=3 devices"


def test_a_listener_that_has_gone_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    assert systemd.notify("WATCHDOG=1") is False


@pytest.mark.parametrize(
    ("usec", "pid", "period"),
    [("30000000", None, 30.0), ("30000000", "1", None), ("", None, None), ("0", None, None)],
)
def test_the_watchdog_period_is_ours_only(
    monkeypatch: pytest.MonkeyPatch, usec: str, pid: str | None, period: float | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", pid or str(os.getpid()))
    assert systemd.watchdog_period_s() == period
