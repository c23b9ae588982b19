"""``village demo`` as a newcomer types it: real sockets, the whole house, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.commands import stage
from gateway.commands.stage import EYES_NEED
from gateway.site import load_site
from tests.servers import eventually

VILLAGE = [sys.executable, "-m", "gateway", "demo"]
ROOT = Path(__file__).parents[2]


def _environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(tmp_path), "PYTHONWARNINGS": "default"}


def test_the_demo_hears_every_device_loses_nothing_and_says_so_as_json(tmp_path: Path) -> None:
    done = subprocess.run(
        [*VILLAGE, "--for", "8s", "--json", "--lang", "en"],
        capture_output=True, text=True, timeout=90, cwd=ROOT, env=_environment(tmp_path), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    summary = json.loads(done.stdout)
    assert summary["ok"]
    assert summary["devices"]["heard"] == summary["devices"]["expected"] >= 20
    assert summary["messages"]["sent"] == summary["messages"]["committed"] > 20
    assert summary["messages"]["lost"] == 0
    assert summary["modbus"]["polls"] > 7
    assert summary["readings"]["total"] > 100
    assert summary["disk_bytes"] > 0
    assert "/board/ (anybody may look here" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []  # nothing is left behind


def test_a_synthetic_fire_goes_from_the_frame_to_a_message_with_a_picture(tmp_path: Path) -> None:
    for name in EYES_NEED:
        pytest.importorskip(name, reason="needs the extra 'vision'")
    done = subprocess.run(
        [*VILLAGE, "--for", "16s", "--json", "--lang", "en"],
        capture_output=True, text=True, timeout=120, cwd=ROOT, env=_environment(tmp_path), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    summary = json.loads(done.stdout)
    assert summary["seen"]["fire"] == 1  # in the picture of the street
    assert summary["seen"]["thermal"] == 1  # in the temperatures of the same street
    assert summary["seen"]["shown"] >= 1
    lines = done.stderr.splitlines()
    told = next(number for number, line in enumerate(lines) if "非真实摄像头" in line and " -> +86" in line)
    assert any("[JPEG, " in line for line in lines[told : told + 8])


def test_without_the_libraries_the_demo_has_no_cameras_and_says_which_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stage, "EYES_NEED", ("json", "no_such_library"))
    site = load_site(ROOT / "config/examples/demo")
    blind, missing = stage.seeing(site)
    assert missing == ["no_such_library"]
    assert set(site.sources) - set(blind.sources) == {"eyes"}
    assert set(site.devices) - set(blind.devices) == {"street", "heat"}
    monkeypatch.setattr(stage, "EYES_NEED", ("json",))
    monkeypatch.setattr(stage, "FOLLOWING", ("no_such_library",))
    standing, missing = stage.seeing(site)
    assert missing == ["no_such_library"]
    assert set(standing.sources["eyes"].settings.cameras["street"].detectors) == {"fire"}


def test_ctrl_c_ends_the_demo_cleanly_and_keeps_the_state_it_was_told_to_keep(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with subprocess.Popen(
        [*VILLAGE, "--state", str(state), "--lang", "en"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=_environment(tmp_path),
    ) as demo:  # fmt: skip
        try:
            eventually(lambda: (state / "journal").exists() or demo.poll() is not None)
            assert demo.stdout is not None
            for line in demo.stdout:
                if "devices heard" in line:
                    break
            demo.send_signal(signal.SIGINT)
            out, err = demo.communicate(timeout=30)
        finally:
            demo.kill()
    assert demo.returncode == 0, err[-2000:]
    assert "Summary of" in out
    assert "Traceback" not in err
    assert any((state / "journal").iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--for", "30"], "is not a time with its unit"),
        (["--speed", "0"], "speed is between 0.1 and 3600"),
        (["--port", "70000"], "a port is between 0 and 65535"),
    ],
)
def test_a_slip_on_the_command_line_is_answered_in_words(words: list[str], said: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [*VILLAGE, *words],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=ROOT,
        env=_environment(tmp_path),
        check=False,
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
