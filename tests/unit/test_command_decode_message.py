"""village decode --json: a whole MQTT message from a file."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.__main__ import main
from tests.unit.test_messages import CHIRP, chirpstack_up, tts_up


def decode(capsys: Any, *words: str) -> tuple[int, Any, str]:
    code = main(["decode", *words])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else None, err


def test_a_chirpstack_message_is_unwrapped_and_decoded(tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "up.json"
    file.write_text(json.dumps(chirpstack_up()))
    code, told, _ = decode(capsys, "em310-udl", "--json", str(file), "--topic", CHIRP + "up")
    assert code == 0
    assert (told["model"], told["from"]) == ("milesight-em310-udl", "24e124713b492158")
    assert told["readings"]["distance"] == {"value": 2116.0, "unit": "mm", "flag": "UNKNOWN"}
    assert told["link"] == {"rssi": -36.0, "snr": 10.5, "f_cnt": 0.0}


def test_a_message_may_come_from_standard_input(capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(json.dumps(tts_up()).encode())))
    code, told, _ = decode(capsys, "lht52", "--json", "-", "--topic", "v3/a@t/devices/d/up")
    assert code == 0
    assert told["readings"]["air_temp"]["value"] == 28.77


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--topic", "x/y"], 65, "no message type"),
        ([], 78, "--topic: is missing"),
        (["--topic", "a/#"], 78, "is a pattern"),
    ],
)
def test_what_cannot_be_read_is_told_in_words(
    tmp_path: Path, capsys: Any, words: list[str], code: int, said: str
) -> None:
    file = tmp_path / "m.json"
    file.write_text("{}")
    found, told, err = decode(capsys, "em310-udl", "--json", str(file), *words)
    assert (found, told) == (code, None)
    assert said in err
    assert "Traceback" not in err
