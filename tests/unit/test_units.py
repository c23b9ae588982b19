"""The systemd units and server drop-ins say what the documents promise."""

from __future__ import annotations

import configparser
import re
import subprocess
from pathlib import Path

import pytest

from tests.servers import tool

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "systemd/village-gateway.service"
SERIAL = ROOT / "systemd/village-gateway.service.d/serial.conf"
EYES = ROOT / "systemd/village-eyes.service"
EYES_MEET = ROOT / "systemd/village-gateway.service.d/eyes.conf"
HARDWARE = ROOT / "systemd/village-eyes.service.d/hardware.conf"


def settings(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def audited(unit: Path) -> float:
    """How exposed systemd itself finds a unit, 0 to 10."""
    audit = subprocess.run(
        [tool("systemd-analyze"), "security", "--offline=true", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    score = re.search(r"Overall exposure level for .*: ([0-9.]+)", audit.stdout)
    assert score, audit.stdout[-500:] + audit.stderr[-500:]
    return float(score.group(1))


@pytest.mark.servers
@pytest.mark.parametrize(
    ("unit_file", "drop_in", "most"),
    [
        (UNIT, None, 2.0),
        (UNIT, SERIAL, 2.0),
        (UNIT, EYES_MEET, 2.0),
        (EYES, None, 2.0),
        (EYES, HARDWARE, 2.5),
    ],
    ids=["plain", "serial", "eyes-meet", "eyes", "eyes-hardware"],
)
def test_the_unit_scores_well_in_systemds_own_audit(
    tmp_path: Path, unit_file: Path, drop_in: Path | None, most: float
) -> None:
    text = unit_file.read_text(encoding="utf-8")
    if drop_in is not None:
        added = drop_in.read_text(encoding="utf-8")
        changed = settings(added)
        kept = [line for line in text.splitlines() if line.partition("=")[0] not in changed]
        extra = [line for line in added.splitlines() if "=" in line and line[0] != "#"]
        at = kept.index("[Install]")
        text = "\n".join([*kept[:at], *extra, *kept[at:]])
    unit = tmp_path / unit_file.name
    unit.write_text(text, encoding="utf-8")
    assert audited(unit) <= most


@pytest.mark.servers
def test_the_report_runs_as_the_gateways_own_user_with_as_little_as_it(tmp_path: Path) -> None:
    text = (ROOT / "systemd/village-report@.service").read_text(encoding="utf-8")
    unit = tmp_path / "village-report@week.service"
    unit.write_text(text, encoding="utf-8")
    assert audited(unit) <= 2.0
    report, own = settings(text), settings(UNIT.read_text(encoding="utf-8"))
    assert report["User"] == [UNIT.stem]
    assert report["StateDirectory"] == own["StateDirectory"]
    for name in ("week", "month"):
        timer = settings((ROOT / f"systemd/village-report@{name}.timer").read_text(encoding="utf-8"))
        assert timer["Persistent"] == ["yes"], "a report is made up for after a power cut"
        checked = [tool("systemd-analyze"), "calendar", timer["OnCalendar"][0]]
        assert subprocess.run(checked, capture_output=True, check=False).returncode == 0


def test_the_unit_is_watched_restarted_and_told_when_ready() -> None:
    unit = settings(UNIT.read_text(encoding="utf-8"))
    assert unit["Type"] == ["notify"]
    assert unit["Restart"] == ["always"]
    assert float(unit["WatchdogSec"][0]) == 30
    assert unit["LoadCredential"] == ["village:/etc/village/credentials"]
    assert "PasswordFile" not in unit
    assert not any("PASSWORD" in value or "TOKEN" in value for value in unit.get("Environment", []))


def test_the_eyes_have_no_credential_of_the_gateways_and_limits_of_their_own() -> None:
    unit = settings(EYES.read_text(encoding="utf-8"))
    assert unit["LoadCredential"] == ["village:/etc/village/eyes"]
    assert unit["DynamicUser"] == ["yes"]
    assert unit["Restart"] == ["always"]
    assert float(unit["RestartSec"][0]) <= 1
    assert (unit["Type"], unit["WatchdogSec"]) == (["notify"], ["60"]), "the worker says READY and WATCHDOG"
    for bound in ("MemoryMax", "CPUQuota", "TasksMax"):
        assert bound in unit
    assert unit["ExecStart"] == [
        "/opt/village/.venv/bin/python -m detectors --connect /run/village-eyes/eyes.sock --state /var/lib/village-eyes"
    ]


@pytest.mark.servers
def test_the_folder_in_which_gateway_and_eyes_meet_is_as_systemd_reads_it(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    for tool_name, name in (
        ("systemd-sysusers", "village-eyes.sysusers"),
        ("systemd-tmpfiles", "village-eyes.tmpfiles"),
    ):
        words = [tool(tool_name), f"--root={tmp_path}", str(ROOT / "systemd" / name)]
        if tool_name == "systemd-tmpfiles":
            words.insert(1, "--create")
        subprocess.run(words, capture_output=True, check=True)
    assert (tmp_path / "run/village-eyes").stat().st_mode & 0o7777 == 0o2770
    assert "village-eyes" in (tmp_path / "etc/group").read_text(encoding="utf-8")


def test_the_broker_keeps_what_is_not_acknowledged_and_listens_on_loopback() -> None:
    lines = (ROOT / "config/mosquitto/village.conf").read_text(encoding="utf-8").splitlines()
    active = [line for line in lines if line and not line.startswith("#")]
    for wanted in (
        "listener 1883 127.0.0.1",
        "allow_anonymous false",
        "persistence true",
        "autosave_on_changes true",
        "autosave_interval 1",
        "max_inflight_messages 500",
        "max_queued_messages 10000",
    ):
        assert wanted in active


def test_the_database_listens_on_loopback_with_a_password() -> None:
    parser = configparser.ConfigParser()
    text = (ROOT / "config/influxdb/village.conf").read_text(encoding="utf-8")
    parser.read_string("[top]\n" + text)
    assert parser["http"]["bind-address"] == '"127.0.0.1:8086"'
    assert parser["http"]["auth-enabled"] == "true"
    assert parser["top"]["bind-address"] == '"127.0.0.1:8088"'
    assert parser["top"]["reporting-disabled"] == "true"
