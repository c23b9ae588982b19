"""Finding the points a sink refuses among those it would take: halves of halves, few requests. Pure.

The far side says that something in a portion is wrong, seldom what. Wrong points come in families (one quantity whose
type differs, everything older than the retention), so the portion is first sorted into families: the refused ones end
up side by side, and a half that is refused as a whole is found at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.contracts import Entry, Rollup

LONGEST_RUN = 8  # refused one by one without a success between: then a whole part may be judged by samples
_SAMPLED = 8  # parts smaller than this are halved as usual


@dataclass(slots=True)
class _Part:
    """Some entries, and which of them are still to be tried alone before all are taken for refused."""

    entries: list[Entry]
    samples: list[int] = field(default_factory=list)


class Trial:
    """One refused portion on its way to "these are stored, those are refused"."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._parts = [_Part(list(entries))]
        self._sorted = False
        self._run = 0
        self.accepted = False

    def __len__(self) -> int:
        return sum(len(part.entries) for part in self._parts)

    @property
    def done(self) -> bool:
        """Whether every entry is stored or refused."""
        return not self._parts

    def next(self) -> list[Entry]:
        """What to send now."""
        part = self._parts[-1]
        return [part.entries[part.samples[-1]]] if part.samples else part.entries

    def stored(self) -> None:
        """What was sent last is stored."""
        part = self._parts.pop()
        self.accepted = True
        if part.samples:
            self._halve(part.entries)
        else:
            self._run = 0

    def guilty(self, culprits: Mapping[int, str]) -> list[tuple[Entry, str]]:
        """The far side named the refused ones exactly; the others of what was sent are stored.

        Returns:
            The refused entries with their reasons.
        """
        sent = self.next()
        part = self._parts.pop()
        self.accepted = self.accepted or len(culprits) < len(sent)
        refused = [(sent[index], why) for index, why in culprits.items()]
        if part.samples:
            named = {id(entry) for entry, _ in refused}
            self._parts.append(_Part([entry for entry in part.entries if id(entry) not in named]))
        return refused

    def refused(self, why: str) -> list[tuple[Entry, str]]:
        """Something in what was sent last is refused.

        Returns:
            Entries that are now known to be refused, or taken for it because every sample was, with the reason.
        """
        part = self._parts.pop()
        if part.samples:
            part.samples.pop()
            if part.samples:
                self._parts.append(part)
                return []
            return [(entry, f"{why} (judged by samples of {len(part.entries)})") for entry in part.entries]
        if len(part.entries) == 1:
            self._run += 1
            return [(part.entries[0], why)]
        if not self._sorted:
            self._sorted = True
            part.entries.sort(key=_age if "retention" in why else _family)
        if self._run >= LONGEST_RUN and len(part.entries) >= _SAMPLED:
            last = len(part.entries) - 1
            self._parts.append(_Part(part.entries, [last // 2, 0, last]))
        else:
            self._halve(part.entries)
        return []

    def too_large(self, why: str) -> list[tuple[Entry, str]]:
        """What was sent last is too much at once; a single entry that is too large is refused."""
        sent = self.next()
        if len(sent) == 1:
            return self.guilty({0: why})
        self._halve(self._parts.pop().entries)
        return []

    def again(self) -> None:
        """Begin anew: it was not the points' fault."""
        self._parts = [_Part([entry for part in reversed(self._parts) for entry in part.entries])]
        self._sorted = False
        self._run = 0

    def _halve(self, entries: list[Entry]) -> None:
        middle = len(entries) // 2
        self._parts += [_Part(entries[middle:]), _Part(entries[:middle])]


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
