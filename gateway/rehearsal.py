"""What a demo has shown: what the far ends sent, held against what the house wrote down."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from gateway.words import Words


@dataclass(frozen=True, slots=True)
class Played:
    """What the far ends have done.

    Attributes:
        seconds: How long it went on.
        village_hours: The same in the story.
        sent: MQTT messages handed to the broker.
        lost: Of those, how many the gateway has not acknowledged, which it does after its commit.
        polls: Modbus requests answered.
        waits_s: From the broker's delivery to the acknowledgement, one each.
    """

    seconds: float
    village_hours: float
    sent: int
    lost: int
    polls: int
    waits_s: Sequence[float] = ()


@dataclass(frozen=True)
class Summary:
    """The outcome; ``ok`` when every device was heard and nothing was lost.

    Attributes:
        devices: ``expected``, ``heard``, and the slugs ``not_heard``.
        messages: ``sent``, ``committed``, ``refused``, ``duplicates``, ``lost``.
        modbus: ``polls`` answered, and ``unanswered`` ones.
        readings: ``total`` and the count of each flag.
        events: How many.
        seen: What cameras saw, by kind; with ``shown``, how many pictures went out with messages.
        disk_bytes: Of the state folder.
        latency_ms: ``median``, ``p95``, ``max`` from broker to disk and back; empty without messages.
        problems: What is not as it should be, in words.
    """

    ok: bool
    seconds: float
    village_hours: float
    devices: Mapping[str, Any]
    messages: Mapping[str, int]
    modbus: Mapping[str, int]
    readings: Mapping[str, int]
    events: int
    disk_bytes: int
    latency_ms: Mapping[str, float]
    problems: Sequence[str] = field(default_factory=list)
    seen: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def _seen_lines(self, words: Words) -> list[str]:
        if not self.seen:
            return []
        kinds = {kind: count for kind, count in self.seen.items() if kind != "shown"}
        by_kind = ", ".join(f"{words.maybe(f'sight.{kind}', kind)} {count}" for kind, count in kinds.items())
        return [words("demo.summary_seen", by_kind=by_kind or "-", shown=self.seen.get("shown", 0))]

    def lines(self, words: Words) -> list[str]:
        """For people."""
        flags = {name: count for name, count in self.readings.items() if name != "total"}
        by_flag = ", ".join(f"{words.maybe(f'flag.{name}', name)} {count}" for name, count in flags.items())
        lines = [
            words("demo.summary", seconds=f"{self.seconds:.0f}", hours=f"{self.village_hours:.1f}"),
            words("demo.summary_devices", heard=self.devices["heard"], expected=self.devices["expected"]),
            words("demo.summary_messages", **self.messages),
            words("demo.summary_modbus", **self.modbus),
            words("demo.summary_readings", total=self.readings["total"], by_flag=by_flag),
            words("demo.summary_events", events=self.events),
            *self._seen_lines(words),
            words("demo.summary_disk", size=in_bytes(self.disk_bytes)),
        ]
        if self.latency_ms:
            lines.append(words("demo.summary_latency", **self.latency_ms))
        return [*lines, *(self.problems or [words("demo.ok")])]


def with_seen(summary: Summary, seen: Mapping[str, int]) -> Summary:
    """The same with what cameras saw."""
    return replace(summary, seen=dict(seen))


def sum_up(
    status: Mapping[str, Any],
    expected: Sequence[str],
    played: Played,
    *,
    mqtt: Collection[str],
    disk_bytes: int,
    words: Words,
) -> Summary:
    """Hold the two sides against each other.

    Args:
        status: ``House.status()`` after the last message had its time to arrive.
        expected: Slugs of every device that should have been heard.
        played: The far ends' own account.
        mqtt: Names of the sources that speak MQTT.
        disk_bytes: Of the state folder.
        words: For the problems.
    """
    sources = status.get("sources", {})
    heard = {slug for source in sources.values() for slug in source.get("devices", {})}
    missing = [slug for slug in expected if slug not in heard]
    refused = {name: source.get("refused", 0) for name, source in sources.items()}
    quality = dict(status.get("quality", {}))
    journal = status.get("journal", {})
    unwritten = sum(quality.values()) - sum(
        journal.get(part, 0) for part in ("readings", "duplicates", "waiting")
    )
    dropped = status.get("bus", {}).get("dropped", 0) + sum(
        source.get("dropped", 0) for source in sources.values()
    )
    problems = []
    if missing:
        problems.append(words("demo.not_heard", devices=", ".join(missing)))
    if played.lost:
        problems.append(words("demo.lost", count=played.lost))
    if unwritten > 0:
        problems.append(words("demo.unwritten", count=unwritten))
    if dropped:
        problems.append(words("demo.dropped", count=dropped))
    for name, source in sources.items():
        if source.get("state") != "open":
            state = words.maybe(f"source.{source.get('state')}", str(source.get("state")))
            problems.append(
                words("demo.source_state", name=name, state=state, error=source.get("last_error", ""))
            )
    return Summary(
        ok=not problems,
        seconds=round(played.seconds, 1),
        village_hours=round(played.village_hours, 2),
        devices={"expected": len(expected), "heard": len(expected) - len(missing), "not_heard": missing},
        messages={
            "sent": played.sent,
            "committed": played.sent - played.lost,
            "refused": sum(count for name, count in refused.items() if name in mqtt),
            "duplicates": sum(source.get("duplicates", 0) for source in sources.values()),
            "lost": played.lost,
        },
        modbus={
            "polls": played.polls,
            "unanswered": sum(count for name, count in refused.items() if name not in mqtt),
        },
        readings={"total": sum(quality.values()), **quality},
        events=status.get("events", 0),
        disk_bytes=disk_bytes,
        latency_ms=latency(played.waits_s),
        problems=problems,
    )


def latency(waits_s: Sequence[float]) -> dict[str, float]:
    """Median, 95 % and longest [ms]; empty without any."""
    if not waits_s:
        return {}
    ordered = sorted(waits_s)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return {
        "median": round(1000 * statistics.median(ordered), 1),
        "p95": round(1000 * p95, 1),
        "max": round(1000 * ordered[-1], 1),
    }


def in_bytes(amount: float) -> str:
    """Bytes in a readable size."""
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
