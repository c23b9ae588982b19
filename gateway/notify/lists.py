"""Several matters in one message: a digest, or a round with its stops in walking order. Pure.

At most 20 lines, then "and N more" (alerting reference 4.7); of one matter only the newest truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gateway.duty import Roster
from gateway.model import Severity
from gateway.notify.codes import asks, coded
from gateway.places import Place, length, place_of, walking_order
from gateway.settings import DeviceSettings
from gateway.store.outbox import ROUTES, Leased
from gateway.words import Language, Words

MOST_LINES = 20
Compose = Callable[[Leased], tuple[str, str]]


def plain(words: Mapping[Language, Words]) -> Compose:
    """Lists for a site without places."""
    return Lists(words, {}, {}).compose


class Lists:
    """Writes lists for one site.

    Args:
        words: The texts, in every language.
        places: Where each device is.
        starts: Where a round begins, by device: the place of the largest cell around it.
    """

    def __init__(
        self,
        words: Mapping[Language, Words],
        places: Mapping[str, Place],
        starts: Mapping[str, Place],
    ) -> None:
        self._words = words
        self._places = places
        self._starts = starts

    def compose(self, first: Leased) -> tuple[str, str]:
        """Subject and text of a message that stands for several."""
        say = self._words["en" if first.language == "en" else "zh"]
        rows = newest((first, *first.others))
        if first.pile in ROUTES:
            return self._route(rows, say, addendum=first.pile == "addendum")
        if len(rows) == 1:
            only = rows[0]
            asked = asks(only.kind, only.variables, say)
            return only.subject, "\n".join(part for part in (only.text, asked) if part)
        worst = max(row.severity for row in rows)
        subject = say("list.subject", number=len(rows), severity=say(f"severity.{Severity(worst).word}"))
        return subject, "\n".join([*_cut([_line(row) for row in rows], say), *_how(rows, say)])

    def _route(self, rows: Sequence[Leased], say: Words, *, addendum: bool) -> tuple[str, str]:
        stops: dict[str, list[Leased]] = {}
        for row in rows:
            stops.setdefault(row.target.partition(":")[0], []).append(row)
        order = list(stops)
        start = next((self._starts[slug] for slug in stops if slug in self._starts), None)
        way = ""
        if start is not None:
            places = {slug: self._places.get(slug) for slug in stops}
            order = walking_order(start, places)
            walked = [place for slug in order if (place := places[slug]) is not None and place.on == start.on]
            if start.on == "earth" and walked:
                way = say("list.way", metres=round(length([start, *walked])))
        subject = say("list.added" if addendum else "list.round", number=len(order))
        lines = [
            f"{number}. " + say("list.and").join(dict.fromkeys(_line(row) for row in stops[slug]))
            for number, slug in enumerate(order, 1)
        ]
        return subject, "\n".join([*_cut(lines, say), *([way] if way else []), *_how(rows, say)])


def lists_of(roster: Roster, devices: Mapping[str, DeviceSettings], words: Mapping[Language, Words]) -> Lists:
    """For a site: a round begins at the place of the largest cell around its first device that has one."""
    places: dict[str, Place] = {}
    starts: dict[str, Place] = {}
    for slug, device in devices.items():
        place = place_of(device)
        if place is not None:
            places[slug] = place
        around = [place_of(roster.cells[cell]) for cell in (roster.chain(device.cell) if device.cell else ())]
        known = [one for one in around if one is not None]
        if known:
            starts[slug] = known[-1]
    return Lists(words, places, starts)


def newest(rows: Sequence[Leased]) -> list[Leased]:
    """Of each matter the newest truth, in the order given."""
    last: dict[tuple[str, str], Leased] = {}
    for row in rows:
        known = last.get((row.rule, row.target))
        if known is None or row.id > known.id:
            last[row.rule, row.target] = row
    return [row for row in rows if last[row.rule, row.target] is row]


def _line(row: Leased) -> str:
    return coded(row.line or row.subject, row.kind, row.variables)


def _how(rows: Sequence[Leased], say: Words) -> list[str]:
    """How a list is answered."""
    asking = [row for row in rows if asks(row.kind, row.variables, say)]
    return [say("code.list")] if asking else []


def _cut(lines: list[str], say: Words) -> list[str]:
    if len(lines) <= MOST_LINES:
        return lines
    return [*lines[:MOST_LINES], say("list.more", number=len(lines) - MOST_LINES)]
