"""How often one telephone may be rung or written to, so that it is not blocked as spam.

Pure: the time is an argument, in seconds of a clock that never jumps. Numbers: GoAlert's running values, alerting
reference 4.8 (a carrier blocked a sender after about 16 calls in an hour: target/goalert #1084).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many within any time of this length."""

    count: int
    span: timedelta

    def __str__(self) -> str:
        return f"{self.count} in {in_words(self.span)}"


def _limits(*pairs: tuple[int, int]) -> tuple[Limit, ...]:
    return tuple(Limit(count, timedelta(minutes=minutes)) for count, minutes in pairs)


SMS = _limits((1, 1), (5, 15), (11, 60), (21, 180))
VOICE = _limits((1, 1), (3, 15), (5, 60), (15, 180))
ALIYUN_SMS = _limits((50, 1440))  # notices: 50 a day for one number and template (alerting reference 2)
ALIYUN_VOICE = _limits(
    (1, 1), (5, 60), (20, 1440)
)  # help.aliyun.com document_detail/178344, BUSINESS_LIMIT_CONTROL
TENCENT_SMS = (Limit(1, timedelta(seconds=30)),)  # its code LimitExceeded.PhoneNumberThirtySecondLimit
TENCENT_VOICE = _limits((1, 1))  # not published: as often as Aliyun's minute
MODEM = _limits((6, 1))  # one SMS takes a modem five to ten seconds; nobody else counts


@dataclass(frozen=True, slots=True)
class Wait:
    """One telephone must be left alone for a while.

    Attributes:
        after: How long.
        limit: Because of this limit.
        sent: So many went there within its span.
    """

    after: timedelta
    limit: Limit
    sent: int

    def __str__(self) -> str:
        return (
            f"this number has had {self.sent} in the last {in_words(self.limit.span)} (limit {self.limit}); "
            f"the next one may go in {in_words(self.after)}"
        )


@dataclass(frozen=True, slots=True)
class Pacing:
    """How often one telephone, or one bot, may be told; when it was told lately is asked of the outbox.

    Attributes:
        limits: For everything that can wait.
        urgent: For fire: what the provider itself allows; empty for no limit.
        shared: All addresses of the channel count as one.
    """

    limits: tuple[Limit, ...]
    urgent: tuple[Limit, ...] = ()
    shared: bool = False

    def wait(self, sent: Sequence[float], now_s: float, *, urgent: bool) -> Wait | None:
        """Why the next one must wait, and how long; ``None`` when it may go now.

        Args:
            sent: When messages went there [s], oldest first.
            now_s: Now, on the same clock.
            urgent: It is about a fire.
        """
        longest: Wait | None = None
        for limit in self.urgent if urgent else self.limits:
            span_s = limit.span.total_seconds()
            within = [at for at in sent if now_s - at < span_s]
            if len(within) < limit.count:
                continue
            after = timedelta(seconds=within[-limit.count] + span_s - now_s)
            if longest is None or after > longest.after:
                longest = Wait(after, limit, len(within))
        return longest


class Budget:
    """What went to each telephone lately in this process: for what is sent past the outbox (``village notify test``).

    Args:
        limits: For everything that can wait.
        urgent: For what cannot (fire, flood): what the provider itself allows; empty for no limit.
    """

    def __init__(self, limits: Sequence[Limit], urgent: Sequence[Limit] = ()) -> None:
        self.pacing = Pacing(tuple(limits), tuple(urgent))
        spans = [limit.span.total_seconds() for limit in (*self.pacing.limits, *self.pacing.urgent)]
        self._longest_s = max(spans, default=0.0)
        self._sent: dict[str, list[float]] = {}

    def wait(self, number: str, now_s: float, *, urgent: bool = False) -> Wait | None:
        """Why the next one to this number must wait, and how long; ``None`` when it may go now."""
        return self.pacing.wait(self._recent(number, now_s), now_s, urgent=urgent)

    def note(self, number: str, now_s: float) -> None:
        """One went there (or may have)."""
        self._sent[number] = [*self._recent(number, now_s), now_s]
        for other in [key for key, sent in self._sent.items() if now_s - sent[-1] >= self._longest_s]:
            del self._sent[other]

    def _recent(self, number: str, now_s: float) -> list[float]:
        return [at for at in self._sent.get(number, ()) if now_s - at < self._longest_s]


CHAT = Pacing(
    _limits((18, 1)), _limits((20, 1)), shared=True
)  # alerting reference 4.8; 20 a minute is the bots' own


def in_words(span: timedelta) -> str:
    """A time span for people: ``45 s``, ``15 min``, ``3 h``."""
    seconds = max(1, round(span.total_seconds()))
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds // length} {unit}"
    if seconds > 120:
        return f"{-(-seconds // 60)} min"
    return f"{seconds} s"
