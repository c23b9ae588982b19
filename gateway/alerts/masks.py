"""Why something that is so is not told: masks that people set, and what is asked before they may. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from gateway.rules.instance import time_of

MaskKind = Literal["suppressed", "shelved", "quiet", "maintenance", "flapping", "flood"]
LONGEST_SHELF_S = 86_400.0  # alerting reference 4.11
LONGEST_MAINTENANCE_S = 31 * 86_400.0
ALL = ""  # a mask on every rule of a target


@dataclass(frozen=True, slots=True)
class Mask:
    """Something that somebody has silenced for a while.

    Attributes:
        kind: ``shelved``: one rule of one target. ``maintenance``: everything of a device or cell.
        rule: Id; empty for maintenance.
        target: See :class:`gateway.model.AlertChange`; the device or cell for maintenance.
        since: When [s]. until: Until when [s].
        by: Who. why: In his words.
    """

    kind: Literal["shelved", "maintenance"]
    rule: str
    target: str
    since: float
    until: float
    by: str
    why: str

    @property
    def key(self) -> str:
        """Its name among the masks."""
        return f"{self.kind} {self.rule} {self.target}"

    def memory(self) -> str:
        """All of it as JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Held:
    """Why something is not told now: an answer with its reason.

    Attributes:
        kind: Of the mask.
        until: When it ends [s]; None: when what causes it ends.
        by: Who set it, or what causes it. why: In words.
    """

    kind: MaskKind
    until: float | None = None
    by: str = ""
    why: str = ""

    def shown(self) -> dict[str, Any]:
        """Plain data."""
        until = None if self.until is None else time_of(self.until).isoformat()
        return {"kind": self.kind, "until": until, "by": self.by, "why": self.why}


def mask_of(text: str) -> Mask | None:
    """What :meth:`Mask.memory` wrote; None when it is something else."""
    try:
        return Mask(**json.loads(text))
    except (TypeError, ValueError):
        return None


def refused(*, by: str, why: str, now: float, until: float, longest: float, fire: bool) -> str:
    """Why a mask may not be set: the name of a sentence, or nothing."""
    if fire:
        return "fire"
    if not by.strip() or not why.strip():
        return "who_and_why"
    if until <= now:
        return "past"
    return "too_long" if until - now > longest + 1 else ""
