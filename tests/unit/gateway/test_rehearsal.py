"""The summary of a demo: it says ok only when it is."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.rehearsal import Played, Summary, in_bytes, latency, sum_up
from gateway.site import load_words

WORDS = load_words("en")
PLAYED = Played(seconds=30, village_hours=0.5, sent=100, lost=0, polls=50, waits_s=(0.1, 0.2, 0.3))


def _source(*devices: str, **more: Any) -> dict[str, Any]:
    return {
        "state": "open",
        "devices": dict.fromkeys(devices, 1.0),
        "refused": 0,
        "duplicates": 0,
        "dropped": 0,
        **more,
    }


def _status(**changed: Any) -> dict[str, Any]:
    return {
        "sources": {"radio": _source("a", "b"), "probes": _source("c")},
        "quality": {"GOOD": 90, "SUSPECT": 2},
        "journal": {"readings": 92, "duplicates": 0, "waiting": 0},
        "bus": {"waiting": 0, "dropped": 0},
        "events": 3,
        **changed,
    }


def _sum(status: dict[str, Any], played: Played = PLAYED) -> Summary:
    return sum_up(status, ["a", "b", "c"], played, mqtt=["radio"], disk_bytes=4711, words=WORDS)


def test_all_heard_and_nothing_lost_is_ok() -> None:
    summary = _sum(_status())
    assert summary.ok
    assert summary.problems == []
    assert summary.devices == {"expected": 3, "heard": 3, "not_heard": []}
    assert summary.readings == {"total": 92, "GOOD": 90, "SUSPECT": 2}
    assert "All devices were heard and nothing was lost." in summary.lines(WORDS)


@pytest.mark.parametrize(
    ("status", "lost", "problem"),
    [
        ({"sources": {"radio": _source("a"), "probes": _source("c")}}, 0, "never heard: b"),
        ({}, 2, "2 messages were sent but never written down"),
        ({"journal": {"readings": 91}}, 0, "1 readings were graded but not written down"),
        ({"bus": {"waiting": 0, "dropped": 5}}, 0, "5 readings were dropped"),
        (
            {
                "sources": {
                    "radio": _source("a", "b", state="lost", last_error="gone"),
                    "probes": _source("c"),
                }
            },
            0,
            "source radio is lost: gone",
        ),
    ],
)
def test_anything_missing_is_said_and_not_ok(status: dict[str, Any], lost: int, problem: str) -> None:
    played = Played(seconds=30, village_hours=0.5, sent=100, lost=lost, polls=50)
    summary = _sum(_status(**status), played)
    assert not summary.ok
    assert summary.problems == [problem]
    assert summary.lines(WORDS)[-1] == problem


def test_refused_messages_and_unanswered_polls_are_told_apart() -> None:
    sources = {"radio": _source("a", "b", refused=4), "probes": _source("c", refused=7)}
    summary = _sum(_status(sources=sources))
    assert summary.messages["refused"] == 4
    assert summary.modbus["unanswered"] == 7


def test_latency_is_told_in_milliseconds_and_not_at_all_without_messages() -> None:
    assert latency([0.1] * 99 + [0.5]) == {"median": 100.0, "p95": 100.0, "max": 500.0}
    assert latency([]) == {}


@pytest.mark.parametrize(
    ("amount", "said"), [(0, "0 B"), (999, "999 B"), (4711, "4.7 kB"), (2.5e9, "2.5 GB")]
)
def test_sizes_are_readable(amount: float, said: str) -> None:
    assert in_bytes(amount) == said
