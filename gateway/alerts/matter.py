"""One rule and one target, as people know it: what is so, what they were told, who has taken it on.

Times are seconds since 1970 on the gateway's clock, told, never asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from gateway.model import AlertChange, AlertState, Fact, Severity
from gateway.rules.instance import time_of
from gateway.rules.state import INF

FLAPPING_RAISES, FLAPPING_S = 4, 1800.0  # alerting reference 4.6
CHATTER_RAISES, CHATTER_S = 3, 60.0  # ISA-18.2 rule of thumb, the same
Truth = Literal["", "firing", "latched"]  # nothing, it fires, it is over and a person must look
_RESTING = (AlertState.NORMAL, AlertState.PENDING)


@dataclass(slots=True)
class Matter:
    """What is known of one alert.

    Attributes:
        rule: Its id. target: See :class:`AlertChange`.
        truth: What is so. severity: How bad. value, reason, facts: Of the newest change.
        since: When this occurrence began [s]. at: Event time of the newest change [s].
        moved: When the newest change came [s, the gateway's clock].
        known: What people were told and has not been taken back. worst: How bad they were told it was.
        told_at: When the ladder began that they are on [s].
        raises: When it began to fire lately [s].
        flapping: It comes and goes; only the board shows it.
        held: Kind of the mask that keeps the truth from people; empty: none.
        taken: Who has taken it on. taken_at: When [s].
        repeat_at: When the same people are told again [s].
        order: ``open``, ``accepted``, ``closed``; empty: there is none.
        realarm_at: When the next level is told although somebody has taken it on [s].
        group: Who must answer one by one. answered: Who has. chase_at: When those who have not are called again [s].
        stale: It happened too long ago to be told.
    """

    rule: str
    target: str
    truth: Truth = ""
    severity: Severity = Severity.INFO
    value: float | None = None
    reason: str = ""
    facts: tuple[Fact, ...] = ()
    since: float = 0.0
    at: float = 0.0
    moved: float = 0.0
    known: Truth = ""
    worst: Severity = Severity.INFO
    told_at: float = 0.0
    raises: list[float] = field(default_factory=list)
    flapping: bool = False
    held: str = ""
    taken: str = ""
    taken_at: float = 0.0
    repeat_at: float = INF
    order: str = ""
    realarm_at: float = INF
    group: list[str] = field(default_factory=list)
    group_name: str = ""
    answered: list[str] = field(default_factory=list)
    chase_at: float = INF
    stale: bool = False

    def note(self, change: AlertChange, now: float) -> None:
        """What is so from now on."""
        before = self.truth
        self.truth = (
            "" if change.after in _RESTING else "latched" if change.after is AlertState.LATCHED else "firing"
        )
        self.at, self.moved = change.at.timestamp(), now
        self.value, self.reason, self.facts = change.value, change.reason, change.facts
        if self.truth:
            self.severity = change.severity
            self.since = (change.since or change.at).timestamp()
        if self.truth == "firing" and before != "firing":
            self.raises = [*(at for at in self.raises if abs(now - at) < FLAPPING_S), now]
            if not before:
                self.order, self.stale, self.answered = "", False, []

    def repeats_itself(self, now: float) -> bool:
        """Whether it comes and goes too often to be told each time."""
        often = sum(abs(now - at) < FLAPPING_S for at in self.raises) >= FLAPPING_RAISES
        return often or sum(abs(now - at) < CHATTER_S for at in self.raises) >= CHATTER_RAISES

    def told(self, truth: Truth, now: float) -> None:
        """People know this now."""
        if truth == "firing" and self.known != "firing":
            self.worst = self.severity
        self.worst = max(self.worst, self.severity) if truth else Severity.INFO
        self.known, self.held = truth, ""
        self.told_at = now

    def quieten(self) -> None:
        """Nobody is told again by time alone."""
        self.repeat_at = self.realarm_at = self.chase_at = INF

    def change(self, *, at: float | None = None, fresh: bool = False, raised: bool = False) -> AlertChange:
        """It as a change, for what is told of it.

        Args:
            at: When [s]; unset: of the newest change.
            fresh: As if it began now.
            raised: As worse than people know.
        """
        after = {"": AlertState.NORMAL, "firing": AlertState.FIRING, "latched": AlertState.LATCHED}[
            self.truth
        ]
        before = AlertState.FIRING if raised or not self.truth else AlertState.NORMAL
        told = AlertChange(
            time_of(self.at if at is None else at),
            self.rule,
            self.target,
            before,
            after,
            self.severity if self.truth else max(self.worst, self.severity),
            self.value,
            self.reason,
            time_of(self.since),
            was=self.worst if raised else Severity.INFO,
            facts=self.facts,
        )
        return replace(told, before=AlertState.NORMAL, after=AlertState.FIRING) if fresh else told

    @property
    def at_rest(self) -> bool:
        """Nothing that must be remembered."""
        return not (self.truth or self.known or self.raises or self.flapping or self.held)

    def shift(self, by: float) -> None:
        """The clock was stepped: what was running runs on, no longer and no shorter."""
        self.moved += by
        self.told_at += by
        self.taken_at += by
        self.raises = [at + by for at in self.raises]
        self.repeat_at += by
        self.realarm_at += by
        self.chase_at += by

    def memory(self) -> str:
        """All of it as JSON."""
        kept = {
            name: value for name, value in asdict(self).items() if value != INF and value not in ("", [], ())
        }
        kept["facts"] = [[fact.key, dict(fact.values)] for fact in self.facts]
        kept["severity"], kept["worst"] = int(self.severity), int(self.worst)
        return json.dumps(kept, ensure_ascii=False)


def recalled(text: str) -> Matter | None:
    """What :meth:`Matter.memory` wrote; None when it is something else."""
    try:
        kept: Mapping[str, Any] = json.loads(text)
        facts = tuple(Fact(key, values) for key, values in kept.get("facts", []))
        levels = {name: Severity(kept[name]) for name in ("severity", "worst")}
        return Matter(**{**kept, **levels, "facts": facts})
    except (KeyError, TypeError, ValueError):
        return None
