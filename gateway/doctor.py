"""What is wrong with a running gateway, as its status tells; pure, so that a test can make anybody ill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from gateway.schema import in_words

SILENT_PERIODS = 3  # reference 8.3: k = 3, never below half an hour
SILENT_AT_LEAST_S = 1800.0
LOW_DISK_BYTES = 200_000_000
SINK_QUIET_S = 120.0
RULE_BLIND = "blind"  # the gateway's own rule (rules/blind.py)
CAMERA_BLIND = "camera-blind"  # a shipped rule (config/rules/cameras.yaml)
SINK_TROUBLE = frozenset({"unreachable", "misconfigured", "failed"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong: ``doctor.<kind>`` says it, ``cure.<kind>`` what helps.

    Attributes:
        kind: Key of the message.
        facts: What the message wants.
        urgent: Data or alarms are at stake.
    """

    kind: str
    facts: Mapping[str, object] = field(default_factory=dict)
    urgent: bool = False


def examine(status: Mapping[str, Any]) -> list[Problem]:
    """Everything wrong, urgent things first.

    Args:
        status: What ``House.status()`` says.
    """
    problems = [
        *_stages(status),
        *_sources(status),
        *_sinks(status),
        *_channels(status),
        *_eyes(status),
        *_devices(status),
        *_store(status),
    ]
    return sorted(problems, key=lambda problem: not problem.urgent)


def age(seconds: float | None) -> str:
    """An age as a person says it: ``45s``, ``12min``, ``3h``, ``2d``."""
    if seconds is None:
        return "?"
    for limit, unit, worth in ((120, "s", 1), (7200, "min", 60), (172800, "h", 3600)):
        if seconds < limit:
            return f"{seconds / worth:.0f}{unit}"
    return f"{seconds / 86400:.0f}d"


def _stages(status: Mapping[str, Any]) -> Iterator[Problem]:
    for stage in status["stalled"]:
        yield Problem("stalled", {"stage": stage}, urgent=True)
    if not status["clock"]["trusted"]:
        yield Problem("clock")
    if status["accounts"]:
        yield Problem("accounts", {"reason": status["accounts"]}, urgent=True)
    if status["bus"]["dropped"]:
        yield Problem("dropped", {"number": status["bus"]["dropped"]}, urgent=True)


def _sources(status: Mapping[str, Any]) -> Iterator[Problem]:
    for name, source in status["sources"].items():
        facts = {"source": name, "error": source["last_error"]}
        if source["state"] == "lost":
            yield Problem("source_lost", facts, urgent=True)
        if source["state"] == "quarantined":
            yield Problem("source_quarantined", facts, urgent=True)
        if source["unknown"]:
            names = ", ".join(list(source["unknown"])[-5:])
            yield Problem(
                "unknown_senders", {"source": name, "number": len(source["unknown"]), "names": names}
            )
        if "periods" in source["notes"]:
            yield Problem("overloaded", {"source": name, "note": source["notes"]["periods"]})


def _devices(status: Mapping[str, Any]) -> Iterator[Problem]:
    for slug, device in status["devices"].items():
        source = status["sources"].get(device["source"], {})
        if source.get("state") != "open":
            continue  # its source says it already: one cause, one problem
        allowed = max(SILENT_PERIODS * device["period_s"], SILENT_AT_LEAST_S)
        facts = {"device": slug, "name": device["name"] or slug}
        if device["error"]:
            yield Problem("device_error", {"device": slug, "error": device["error"]})
        elif device["age_s"] is None and status["uptime_s"] > allowed:
            yield Problem("device_never", facts | {"uptime": age(status["uptime_s"])})
        elif device["age_s"] is not None and device["age_s"] > allowed:
            period = in_words(timedelta(seconds=device["period_s"]))
            yield Problem("device_silent", facts | {"age": age(device["age_s"]), "period": period})


def _sinks(status: Mapping[str, Any]) -> Iterator[Problem]:
    for name, sink in status["sinks"].items():
        quiet = sink["last_success"]
        if sink["state"] in SINK_TROUBLE and (quiet is None or quiet > SINK_QUIET_S):
            facts = {"sink": name, "age": age(quiet), "backlog": sink["backlog"], "error": sink["last_error"]}
            yield Problem("sink_down", facts, urgent=True)
        if sink["parked"]:
            yield Problem("sink_parked", {"sink": name, "number": sink["parked"]})


def _channels(status: Mapping[str, Any]) -> Iterator[Problem]:
    for name, channel in status["channels"].items():
        facts = {"channel": name, "error": channel["last_error"]}
        if channel["state"] == "broken":
            yield Problem("channel_broken", facts, urgent=True)
        elif channel["state"] == "failing":
            yield Problem("channel_failing", facts | {"number": channel["failures"]}, urgent=True)


def _eyes(status: Mapping[str, Any]) -> Iterator[Problem]:
    """Rules and cameras that judge nothing because they see nothing: they say so themselves, as alerts."""
    for alert in status["alerts"]:
        if alert["rule"] == RULE_BLIND:
            yield Problem("rule_blind", {"series": alert["target"], "since": str(alert["since"])[:16]})
        elif alert["rule"] == CAMERA_BLIND and alert["state"] == "firing":
            yield Problem("camera_blind", {"camera": alert["target"]}, urgent=True)


def _store(status: Mapping[str, Any]) -> Iterator[Problem]:
    journal = status["journal"]
    if journal["free"] < LOW_DISK_BYTES:
        yield Problem("disk", {"free": f"{journal['free'] / 1e6:.0f} MB"}, urgent=True)
    if journal["evicted"]:
        yield Problem("evicted", {"number": journal["evicted"]})
    if journal["corrupt"]:
        yield Problem("corrupt", {"number": len(journal["corrupt"])}, urgent=True)
    if journal["stuck"]:
        yield Problem("stuck", {"reason": journal["stuck"]}, urgent=True)
