from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.__main__ import main

EM400 = "01755c0367010104824408050001"


def out(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    found: dict[str, object] = json.loads(lines[0])
    return found


def test_one_json_line_with_values_units_and_flags(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "em400-mud", "--port", "85", "--hex", EM400]) == 0
    assert out(capsys) == {
        "model": "milesight-em400-mud",
        "readings": {
            "distance": {"value": 2116.0, "unit": "mm", "flag": "UNKNOWN"},
            "tipped": {"value": 1.0, "unit": "1", "flag": "UNKNOWN"},
            "temperature": {"value": 25.7, "unit": "degC", "flag": "UNKNOWN"},
            "battery": {"value": 92.0, "unit": "%", "flag": "UNKNOWN"},
        },
        "diagnostics": [],
    }


@pytest.mark.parametrize("name", ["milesight-em400-mud", "EM400-MUD", "milesight-iot/em400-mud"])
def test_a_model_answers_to_all_its_names(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", name, "--hex", EM400]) == 0
    assert out(capsys)["model"] == "milesight-em400-mud"


@pytest.mark.parametrize("text", ["0x01755C", "01 75 5c", "01:75:5c", "01-75-5c", " 01755c\n"])
def test_hex_may_be_written_as_people_copy_it(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "em400-mud", "--hex", text]) == 0
    assert out(capsys)["readings"] == {"battery": {"value": 92.0, "unit": "%", "flag": "UNKNOWN"}}


def test_a_missing_value_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "em400-mud", "--port", "85", "--hex", "0482ffff"]) == 0
    found = out(capsys)
    assert found["readings"] == {"distance": {"value": None, "unit": "mm", "flag": "MISSING"}}
    assert found["diagnostics"] == ["distance: out_of_range"]


def test_several_moments_stand_under_samples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "em500-swl", "--port", "85", "--hex", "01756420ce5c7f02630200"]) == 0
    found = out(capsys)
    assert found["readings"] == {"battery": {"value": 100.0, "unit": "%", "flag": "UNKNOWN"}}
    assert found["samples"] == [
        {"readings": {"battery": {"value": 100.0, "unit": "%", "flag": "UNKNOWN"}}},
        {
            "readings": {"water_depth": {"value": 0.02, "unit": "m", "flag": "UNKNOWN"}},
            "at": "2022-08-21T18:54:20+00:00",
        },
    ]
    assert found["diagnostics"] == ["water_depth: backfill"]


def test_an_option_reaches_the_decoder(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["decode", "wqs-lb", "--hex", "0ce400fa0102c600f5", "--option", "mask_bytes=1"]
    assert main(words) == 0
    assert '"ph": {"value": 7.1' in capsys.readouterr().out


def test_a_payload_that_cannot_be_understood_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "ldds75", "--port", "42", "--hex", "0e1c0b05"]) == 65
    caught = capsys.readouterr()
    assert caught.out == ""
    assert caught.err == "dragino-ldds75: fPort 42 carries no measurement of this Dragino model\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["em400-mut", "--hex", EM400], "no device model 'em400-mut'; did you mean milesight-em400-mud"),
        (["em400-mud", "--hex", "017"], "--hex: 3 digits are no whole number of bytes"),
        (["em400-mud", "--hex", "01zz"], "--hex: 'z' (number 3) is no hexadecimal digit"),
        (["em400-mud"], "--hex: is missing"),
        (["em400-mud", "--hex", EM400, "--option", "x"], "--option: 'x' has no value"),
        (
            ["em400-mud", "--hex", EM400, "--site", "/nowhere/at/all"],
            "/nowhere/at/all: --site: does not exist",
        ),
    ],
)
def test_what_a_person_wrote_wrongly_is_named_with_what_would_be_right(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["decode", *words]) == 78
    caught = capsys.readouterr()
    assert caught.out == ""
    assert said in caught.err
    assert "Traceback" not in caught.err


def test_a_sites_own_catalogue_and_codec_are_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    (folder / "acme-probe.yaml").write_text(
        """
model: acme-probe
maker: Acme
title: {en: Probe, zh: 探头}
domain: bin
wire: lorawan
documents: [{name: Acme codec}]
codec: acme.js
readings: {distance: {from: level.cm, unit: cm}}
""",
        encoding="utf-8",
    )
    source = "function decodeUplink(i) { return {data: {level: {cm: i.bytes[0]}}}; }"
    (folder / "acme.js").write_text(source, encoding="utf-8")
    assert main(["decode", "acme-probe", "--hex", "c8", "--site", str(tmp_path)]) == 78
    assert "--port: is missing, and acme-probe has no example" in capsys.readouterr().err
    assert main(["decode", "acme-probe", "--port", "1", "--hex", "c8", "--site", str(tmp_path)]) == 0
    assert out(capsys)["readings"] == {"distance": {"value": 2000.0, "unit": "mm", "flag": "UNKNOWN"}}
