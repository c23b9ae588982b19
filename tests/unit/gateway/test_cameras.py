from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from detectors.runtime.decoder import address, arguments, script
from gateway.cameras import CameraEntry, Eyes, spoken
from gateway.credentials import Secret
from gateway.errors import SettingsError
from gateway.files import parse_yaml, validated

YARD = {"url": "rtsp://10.0.0.2/main"}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"url": "rtsp://admin:secret@10.0.0.2/main"}, "user: and password_file:"),
        ({"url": "ftp://10.0.0.2/main"}, "unknown scheme"),
        ({"url": "rtsp://10.0.0.2/'; file x"}, "apostrophes"),
        ({"url": "rtsp://10.0.0.2/a\nfile 'b'"}, "line breaks"),
        (YARD | {"sub": "rtsp://x:y@10.0.0.2/sub"}, "password"),
        (YARD | {"size": [10, 10]}, "between 64"),
        (YARD | {"fps": 0}, "greater than 0"),
        (YARD | {"zones": {"stove": [[0, 0], [1, 1]]}}, "at least 3"),
        (YARD | {"zones": {"stove": [[0, 0], [640, 0], [1, 1]]}}, "less than or equal to 1"),
        (YARD | {"watch": {"blind": 8}}, "a time with its unit"),
        (YARD | {"decoder": "magic"}, "software"),
        (YARD | {"colour": "red"}, "Extra inputs"),
    ],
)
def test_a_camera_that_cannot_be_is_refused_in_words(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        CameraEntry.model_validate(keys)
    assert words in str(wrong.value)


def test_a_model_that_nobody_listed_is_said_with_its_place() -> None:
    text = (
        "models:\n  street: {path: /m.onnx}\ncameras:\n  yard:\n    url: rtsp://10.0.0.2/main\n"
        "    detectors:\n      fire: {model: flames}\n"
    )
    with pytest.raises(SettingsError) as wrong:
        validated(Eyes, parse_yaml(text.encode(), Path("village.yaml")))
    assert "cameras.yard.detectors.fire: no model is called 'flames'; there is: street" in str(wrong.value)


def test_what_is_spoken_is_what_was_written() -> None:
    eyes = Eyes.model_validate(
        {
            "models": {"fire": {"path": "/m/fire.onnx", "size": 320}},
            "cameras": {
                "yard": YARD
                | {
                    "zones": {"stove": [[0, 0], [1, 0], [1, 1]]},
                    "watch": {"blind": "2.5s"},
                    "limits": {"memory": "1 GB"},
                    "detectors": {"fire": None},
                    "password_file": "yard",
                }
            },
        }
    )
    again = Eyes.model_validate(spoken(eyes))
    assert again == eyes
    assert again.cameras["yard"].watch.blind == timedelta(seconds=2.5)


@pytest.mark.parametrize(
    ("decoder", "codec", "words"),
    [
        ("v4l2m2m", "h264", ["-c:v", "h264_v4l2m2m"]),
        ("nvmpi", "hevc", ["-c:v", "hevc_nvmpi"]),
        ("qsv", "h264", ["-c:v", "h264_qsv"]),
        ("vaapi", "h264", ["-hwaccel", "vaapi"]),
    ],
)
def test_a_hardware_decoder_stands_before_its_input(decoder: str, codec: str, words: list[str]) -> None:
    line = arguments(CameraEntry.model_validate(YARD | {"decoder": decoder, "codec": codec}), 5, 7)
    assert line[line.index(words[0]) + 1] == words[1]
    assert line.index(words[1]) < line.index("-i")


def test_a_password_is_in_the_script_and_in_no_argument() -> None:
    entry = CameraEntry.model_validate(YARD | {"user": "me@home", "sub": "rtsp://10.0.0.2:8554/sub?a=1"})
    secret = address(entry.looks_at, entry.user, Secret("p/ss:w'rd"))
    assert b"rtsp://me%40home:p%2Fss%3Aw%27rd@10.0.0.2:8554/sub?a=1" in script(secret)
    assert "ss" not in repr(secret)
    line = " ".join(arguments(entry, 5, 7))
    assert "10.0.0.2" not in line
    assert "me" not in line.split()


def test_the_sub_stream_is_looked_at_and_the_main_stream_is_not() -> None:
    entry = CameraEntry.model_validate(YARD | {"sub": "rtsp://10.0.0.2/sub"})
    assert entry.looks_at == "rtsp://10.0.0.2/sub"
    assert entry.live
    assert not CameraEntry(url="/film.mp4").live
    assert CameraEntry(url="/film.mp4", replay=True).live
