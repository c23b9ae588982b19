from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gateway.__main__ import EX_CONFIG, main
from tests.house import ROOT


def test_a_new_site_with_everything_is_accepted_by_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "li"
    words = ["init", str(folder), "--yes", "--slug", "lishui", "--name", "里水村", "--mqtt", "localhost:1884"]
    assert main([*words, "--modbus", "/dev/ttyUSB0", "--influx", "http://localhost:8086"]) == 0
    text = (folder / "village.yaml").read_text(encoding="utf-8")
    assert "port: 1884" in text
    assert main(["check", str(folder)]) == 0
    assert "2 sources, 1 sinks" in capsys.readouterr().out


def test_the_commented_devices_are_right_once_the_marks_are_removed(tmp_path: Path) -> None:
    main(["init", str(tmp_path / "v"), "--yes", "--mqtt", "localhost", "--modbus", "10.0.0.5"])
    file = tmp_path / "v/village.yaml"
    text = file.read_text(encoding="utf-8").replace("devices: {}", "devices:")
    lines = [line.replace("  # ", "  ", 1) if line.startswith("  # ") else line for line in text.splitlines()]
    lines = [line for line in lines if "复制一段" not in line]
    file.write_text("\n".join(lines), encoding="utf-8")
    assert main(["check", str(file)]) == 0


def test_the_commented_rule_is_right_once_the_marks_are_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path / "v"), "--yes"]) == 0
    file = tmp_path / "v/rules/own.yaml"
    lines = file.read_text(encoding="utf-8").replace("rules: []", "rules:").splitlines()
    at = lines.index("rules:") + 2
    file.write_text("\n".join([*lines[:at], *(line[2:] for line in lines[at:])]), encoding="utf-8")
    assert main(["check", str(tmp_path / "v")]) == 0
    assert main(["rules", "test", str(file)]) == 0
    assert "1 of 1 rules: their scenario comes true" in capsys.readouterr().out


def test_own_rules_that_exist_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/own.yaml").write_text("version: 1\nrules: []\n", encoding="utf-8")
    assert main(["init", str(tmp_path), "--yes"]) == 0
    assert (tmp_path / "rules/own.yaml").read_text(encoding="utf-8") == "version: 1\nrules: []\n"


def test_an_existing_site_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path), "--yes"]) == 0
    before = (tmp_path / "village.yaml").read_bytes()
    assert main(["init", str(tmp_path), "--yes"]) == EX_CONFIG
    assert (tmp_path / "village.yaml").read_bytes() == before
    assert "village.yaml: exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--slug", "Li Shui"], "--slug: 'Li Shui' is not a short name"),
        (["--mqtt", "host:port:x"], "--mqtt: 'host:port:x' is not a host"),
        (["--influx", "localhost"], "--influx: 'localhost' is not an address"),
    ],
)
def test_flags_that_make_no_sense_are_said_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(["init", str(tmp_path / "v"), "--yes", *words]) == EX_CONFIG
    assert said in capsys.readouterr().err
    assert not (tmp_path / "v").exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "  one: {driver: mqt, host: x}",
            "village.yaml:4: sources.one.driver: no driver is called 'mqt'; did you mean mqtt?",
        ),
        (
            "  one: {driver: health, perod: 3s}",
            "village.yaml:4: sources.one.perod: unknown key; did you mean period?",
        ),
        ("  one: {driver: mqtt, host: x, listen: ['#']}", "sources.one.listen"),
    ],
)
def test_faults_name_file_line_key_and_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    (tmp_path / "village.yaml").write_text(f"site:\n  slug: v\nsources:\n{line}\n", encoding="utf-8")
    assert main(["check", str(tmp_path)]) == EX_CONFIG
    assert said in capsys.readouterr().err


def test_an_unknown_model_and_source_are_told_with_the_nearest_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "site: {slug: v}\nsources:\n  self: {driver: health}\ndevices:\n  bin: {model: milesight-em400-mut, source: slef}\n"
    (tmp_path / "village.yaml").write_text(text, encoding="utf-8")
    assert main(["check", str(tmp_path)]) == EX_CONFIG
    told = capsys.readouterr().err
    assert (
        "village.yaml:5: devices.bin.model: no device model 'milesight-em400-mut'; did you mean milesight-em400-mud"
        in told
    )
    assert "village.yaml:5: devices.bin.source: no source is called 'slef'; did you mean self?" in told


def test_a_round_that_nobody_walks_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = tmp_path / "demo"
    shutil.copytree(ROOT / "config/examples/demo", site)
    file = site / "village.yaml"
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if "rounds:" not in line]
    file.write_text("\n".join(lines), encoding="utf-8")
    assert main(["check", str(site)]) == 0
    assert "no round for whom these rules tell: bin-full" in capsys.readouterr().err
    assert main(["check", str(ROOT / "config/examples/demo")]) == 0
    assert "no round" not in capsys.readouterr().err
