"""Which registers to ask for together: as few requests as possible, and nothing the device would refuse.

::

    wanted      ##..##.#.......##          hole = 2:   one request   [##..##.#]   another   [##]
    known          ~~                      registers the model lists but nobody wants now are no hole

A value is never split over two requests: its halves could come from two different moments.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.catalogue import DeviceModel, Limits


@dataclass(frozen=True, slots=True)
class Item:
    """One field and where it lies.

    Attributes:
        name: Of the field.
        unit: Another unit id than the device's own, or ``None``.
        function: 1..4.
        address: First register or bit, 0-based.
        width: How many.
    """

    name: str
    unit: int | None
    function: int
    address: int
    width: int

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + self.width


@dataclass(frozen=True, slots=True)
class Frame:
    """One request to come, and whose values it brings."""

    unit: int | None
    function: int
    start: int
    count: int
    items: tuple[Item, ...]

    def cut(self, words: Sequence[int]) -> dict[str, tuple[int, ...]]:
        """The words of each field out of the words of the reply."""
        return {
            item.name: tuple(words[item.address - self.start : item.end - self.start]) for item in self.items
        }

    def failed(self, problem: str) -> dict[str, str]:
        """The same for a reply that never came: the problem stands in for every field."""
        return dict.fromkeys((item.name for item in self.items), problem)


def items_of(model: DeviceModel, names: Iterable[str] | None = None) -> list[Item]:
    """The named registers of a model (all of them by default) as items."""
    return [
        Item(name, register.unit, register.function, register.address, register.width)
        for name, register in model.registers.items()
        if names is None or name in names
    ]


def plan(wanted: Iterable[Item], limits: Limits, known: Iterable[Item] = ()) -> tuple[Frame, ...]:
    """The fewest requests that bring everything wanted.

    Args:
        wanted: What is due now; every item no wider than a request may be.
        limits: Most registers or bits of one request, and the most unlisted registers read along between two wanted.
        known: Other registers the device is known to have; reading across them is always allowed.

    Returns:
        In order of unit, function and address. Each item is whole in exactly one frame; a frame starts and ends with
        a wanted one; between two wanted ones at most ``limits.hole`` unlisted registers are read along.
    """
    tables: dict[tuple[int, int], list[Item]] = defaultdict(list)
    for item in wanted:
        tables[_table(item)].append(item)
    listed: dict[tuple[int, int], set[int]] = defaultdict(set)
    for item in known:
        listed[_table(item)].update(range(item.address, item.end))
    frames: list[Frame] = []
    for table, items in sorted(tables.items()):
        most = limits.bits if table[1] in {1, 2} else limits.registers
        frames += _joined(
            sorted(items, key=lambda item: (item.address, item.end)), most, limits.hole, listed[table]
        )
    return tuple(frames)


def apart(frame: Frame) -> tuple[Frame, ...]:
    """The same values, one request for each: for a device that refused them together."""
    return tuple(Frame(item.unit, item.function, item.address, item.width, (item,)) for item in frame.items)


def _table(item: Item) -> tuple[int, int]:
    return (-1 if item.unit is None else item.unit, item.function)


def _joined(items: Sequence[Item], most: int, hole: int, listed: set[int]) -> list[Frame]:
    """Left to right, each request as long as it may be.

    That is the fewest: a run of neighbours that may be read together may also be read in any shorter run, so stopping
    early never helps.
    """
    frames = []
    group: list[Item] = []
    end = 0
    for item in items:
        between = [address for address in range(end, item.address) if address not in listed]
        fits = group and len(between) <= hole and max(end, item.end) - group[0].address <= most
        if group and not fits:
            frames.append(_frame(group, end))
            group = []
        end = max(end, item.end) if group else item.end
        group.append(item)
    if group:
        frames.append(_frame(group, end))
    return frames


def _frame(group: Sequence[Item], end: int) -> Frame:
    first = group[0]
    return Frame(first.unit, first.function, first.address, end - first.address, tuple(group))
