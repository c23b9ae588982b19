"""Occurrences put together from events; units of figures; sizes of pictures."""

from __future__ import annotations

import struct
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.model import Event, Severity
from gateway.occurrences import closed
from gateway.picture import size_of
from gateway.quantities import Quantities
from gateway.rulefiles import load_rules, rule_files
from gateway.rules.unit import unit_of
from tests.conftest import NOON


def change(
    minute: int, was: str, now: str, severity: str = "yellow", value: float = 1.0, target: str = "a"
) -> Event:
    at = NOON + timedelta(minutes=minute)
    detail: dict[str, float | str] = {
        "rule": "r", "target": target, "from": was, "to": now, "severity": severity, "value": value,
        "reason": f"{value:g}",
    }  # fmt: skip
    return Event(target, "alert", at, at, detail=detail)


def test_an_occurrence_has_its_worst_its_beginning_and_its_end() -> None:
    story = [
        change(0, "normal", "firing"),
        change(5, "firing", "firing", "red", 9.0),
        change(6, "normal", "firing", target="b"),
        change(8, "firing", "firing", "orange", 5.0),
        change(10, "firing", "normal", "orange", 0.0),
        change(20, "pending", "firing"),
        change(30, "firing", "normal"),
    ]
    later, first = closed(reversed(story))
    assert (first.began, first.ended) == (NOON, NOON + timedelta(minutes=10))
    assert (first.severity, first.value, first.reason) == (Severity.RED, 9.0, "9")
    assert (later.began, later.ended) == (NOON + timedelta(minutes=20), NOON + timedelta(minutes=30))


def test_what_is_still_open_is_no_history_and_a_lost_beginning_is_unknown() -> None:
    assert closed([change(0, "normal", "firing")]) == []
    (one,) = closed([change(10, "firing", "normal"), change(5, "firing", "firing", "red")])
    assert one.began is None
    assert one.severity is Severity.RED


@pytest.mark.parametrize(
    ("rule", "unit"), [("bin-full", "%"), ("bin-before-round", "h"), ("camera-blind", None), ("fire", None)]
)
def test_the_figure_of_a_rule_has_its_unit(quantities: Quantities, rule: str, unit: str | None) -> None:
    assert unit_of(load_rules(rule_files(None), quantities).written[rule].rule, quantities) == unit


def test_pictures_say_how_large_they_are(tmp_path: Path) -> None:
    png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", 640, 480) + b"\x08\x02\x00\x00\x00"
    app1 = b"\xff\xe1" + struct.pack(">H", 2 + 6000) + b"x" * 6000
    jpeg = b"\xff\xd8" + app1 + b"\xff\xff\xc2" + struct.pack(">HBHH", 17, 8, 1080, 1920) + b"\x03" * 12
    for name, content, size in (
        ("a.png", png, (640, 480)),
        ("a.jpg", jpeg, (1920, 1080)),
        ("cut.png", png[:20], None),
        ("cut.jpg", jpeg[:100], None),
        ("text.png", b"not a picture", None),
    ):
        (tmp_path / name).write_bytes(content)
        assert size_of(tmp_path / name) == size, name
    assert size_of(tmp_path / "absent.png") is None
