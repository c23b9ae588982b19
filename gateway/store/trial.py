"""Finding the points a sink refuses among those it would take: halves of halves, few requests. Pure.

The far side says that something in a portion is wrong, seldom what. Wrong points come in families (one quantity whose
type differs, everything older than the retention), so the portion is first sorted into families: the refused ones end
up side by side, and a half that is refused as a whole is found at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from gateway.contracts import Entry, Rollup

LONGEST_RUN = (
    16  # refused one by one without a single success between: the rest of the portion is of the same kind
)


class Trial:
    """One refused portion on its way to "these are stored, those are refused"."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._parts: list[list[Entry]] = [list(entries)]
        self._sorted = False
        self._run = 0
        self.accepted = False

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    @property
    def done(self) -> bool:
        """Whether every entry is stored or refused."""
        return not self._parts

    def next(self) -> list[Entry]:
        """What to send now."""
        return self._parts[-1]

    def stored(self) -> None:
        """What was sent last is stored."""
        self._parts.pop()
        self._run = 0
        self.accepted = True

    def guilty(self, culprits: Mapping[int, str]) -> list[tuple[Entry, str]]:
        """The far side named the refused ones exactly; the others of the part are stored.

        Returns:
            The refused entries with their reasons.
        """
        part = self._parts.pop()
        self.accepted = self.accepted or len(culprits) < len(part)
        return [(part[index], why) for index, why in culprits.items()]

    def refused(self, why: str) -> list[tuple[Entry, str]]:
        """Something in what was sent last is refused.

        Returns:
            Entries that are now known to be refused (or taken for it after a long run), with the reason.
        """
        part = self._parts.pop()
        if len(part) == 1:
            self._run += 1
            return [(part[0], why)]
        if self._run >= LONGEST_RUN:
            return [(entry, f"{why} (refused together with {len(part) - 1} others)") for entry in part]
        if not self._sorted:
            self._sorted = True
            part.sort(key=_age if "retention" in why else _family)
        self._halve(part)
        return []

    def too_large(self, why: str) -> list[tuple[Entry, str]]:
        """What was sent last is too much at once; a single entry that is too large is refused."""
        part = self._parts.pop()
        if len(part) == 1:
            return [(part[0], why)]
        self._halve(part)
        return []

    def again(self) -> None:
        """Begin anew: it was not the points' fault."""
        self._parts = [[entry for part in reversed(self._parts) for entry in part]]
        self._sorted = False
        self._run = 0

    def _halve(self, part: list[Entry]) -> None:
        middle = len(part) // 2
        self._parts += [part[middle:], part[:middle]]


def _family(entry: Entry) -> tuple[str, str, int]:
    """Quantity first: a type conflict is the fault of one field; then device, then arrival."""
    item = entry.item
    name = getattr(item, "series", None)
    if name is None:
        return (getattr(item, "kind", ""), getattr(item, "source", ""), entry.seq)
    device, _, quantity = name.partition("/")
    return (quantity, device, entry.seq)


def _age(entry: Entry) -> tuple[datetime, int]:
    item = entry.item
    return (item.start if isinstance(item, Rollup) else item.at, entry.seq)
