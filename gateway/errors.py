"""What can go wrong, and who acts on it.

::

    GatewayError
    ├─ SettingsError   a person edits a file: path:line: key: what is wrong, what would be right (exit 78)
    ├─ SourceError     supervise.py:  Lost → back off, reopen      BadReply → count, skip this one
    ├─ StoreError      forward.py:    Unavailable → keep bookmark  Refused  → dead letter, go on
    │                                 Misconfigured → keep everything, one loud problem, try again slowly
    ├─ OrderRefused    whoever moves an order is told in his own language; unknown, conflict, ask again, bad
    └─ DeliveryError   outbox:        Retry → again later (Uncertain: it may have arrived)
                                      Undeliverable → another way to this person; Broken → nobody is told this way

A class exists only where somebody acts differently on it. An implausible value is no error: it is a flag.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta


class GatewayError(Exception):
    """Anything this program raises on purpose."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a file that a person wrote.

    Attributes:
        path: File as the person named it; empty when there is none.
        line: 1-based line, 0 when unknown.
        key: Dotted way to the value, e.g. ``devices.bin-001.model``.
        problem: What is wrong.
        remedy: What would be right; may be empty.
    """

    path: str
    line: int
    key: str
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        place = ":".join(part for part in (self.path, str(self.line) if self.line else "") if part)
        head = ": ".join(part for part in (place, self.key) if part)
        body = f"{self.problem}; {self.remedy}" if self.remedy else self.problem
        return f"{head}: {body}" if head else body


class SettingsError(GatewayError):
    """A file or a command line that a person must mend; carries every fault found, not only the first."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__("\n".join(str(fault) for fault in faults))


class SourceError(GatewayError):
    """A sensor's side of the house did not do what it should."""


class Lost(SourceError):
    """The connection is gone: back off, then open the source again."""


class BadReply(SourceError):
    """One message or reply cannot be understood: count it, show it, go on with the next."""


class StoreError(GatewayError):
    """The far side (or the disk) did not take what we gave it."""


class Unavailable(StoreError):
    """Try the same again later; nothing may be dropped.

    Attributes:
        retry_after: How long the far side asked us to wait, if it said so.
    """

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class Refused(StoreError):
    """The far side understood and said no to (some of) these points: bisect, park, go on.

    Attributes:
        culprits: Index of each refused entry among those that were sent, with its reason, when that is known exactly:
            all the others are stored. ``None`` when it is not known: the entries must be bisected.
    """

    def __init__(self, message: str, culprits: Mapping[int, str] | None = None) -> None:
        self.culprits = culprits
        super().__init__(message)


class TooLarge(Refused):
    """The far side took offence at the size: the same points in smaller requests may pass."""


class Misconfigured(StoreError):
    """Wrong password, database or address: nothing is lost, a person must act, try again slowly."""


class DeliveryError(GatewayError):
    """A message for a person did not go out."""


class Retry(DeliveryError):
    """Not now: the same message again later.

    Attributes:
        after: How long the far side asked us to wait, if it said so.
    """

    def __init__(self, message: str, after: timedelta | None = None) -> None:
        self.after = after
        super().__init__(message)


class Uncertain(Retry):
    """It was handed over and no answer came: it may have arrived. If urgent, send again: better a double than none."""


class Undeliverable(DeliveryError):
    """This message cannot reach this person this way: wrong address, refused text. Not again; try another way."""


class Broken(Undeliverable):
    """Nobody can be told this way until a person acts: wrong token, account closed, template missing."""


class OrderRefused(GatewayError):
    """An order cannot be moved like this now.

    Args:
        kind: ``unknown``: there is none. ``conflict``: not in this state, or somebody else's. ``ask``: only if it is
            said once more. ``bad``: what was handed in is no good.
        key: Of the words for people, under ``order_no`` in ``config/words``.
        facts: For those.
    """

    def __init__(self, kind: str, key: str, **facts: str | int | float) -> None:
        self.kind = kind
        self.key = key
        self.facts = facts
        super().__init__(" ".join([key, *(f"{name}={value}" for name, value in facts.items())]))
