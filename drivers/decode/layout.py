"""Byte layouts written as one line of text, so that a device stays data.

A layout is a list of items, in the order of the bytes, separated by spaces::

    temperature:i16/10?ffff=read_failure   a signed 16-bit number, tenths, with a sentinel and what it means
    humidity:u8/2                          an unsigned byte, halves
    angle_x:i15/100                        15 bits and, in bit 0, a flag that becomes ``angle_x_flag``
    threshold_x|threshold_y:bits           one byte, its bits from 0 upwards; ``_`` names a bit nobody needs
    _:u8                                   a byte nobody needs

Types are u8 u16 u24 u32, i8 i16 i24 i32, f32, i15, bits. Sentinels are compared with the raw bits (unsigned hex).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

_WIDTHS = {
    "u8": 1, "u16": 2, "u24": 3, "u32": 4, "i8": 1, "i16": 2, "i24": 3, "i32": 4, "f32": 4, "i15": 2, "bits": 1,
}  # fmt: skip
_ITEM = re.compile(
    r"(?P<name>[a-z0-9_]+(?:\|[a-z0-9_]+)*):(?P<type>[a-z]+[0-9]*)(?:/(?P<divisor>[0-9.]+))?"
    r"(?P<sentinels>(?:\?[0-9a-f]+=[a-z0-9_]+)*)"
)


@dataclass(frozen=True, slots=True)
class Item:
    """One number of a layout: name, type, what it is divided by, and raw values that are none."""

    name: str
    type: str
    divisor: float
    sentinels: dict[int, str]

    @property
    def width(self) -> int:
        """Its length in bytes."""
        return _WIDTHS[self.type]


@dataclass(slots=True)
class Fields:
    """What a decoder has found so far: values, and why some are missing."""

    values: dict[str, float | str | None] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, value: float | str) -> None:
        """A field with a value."""
        self.values[name] = value
        self.missing.pop(name, None)

    def lack(self, name: str, why: str) -> None:
        """A field the device could not measure."""
        self.values[name] = None
        self.missing[name] = why


@lru_cache(maxsize=2048)
def parse(text: str) -> tuple[Item, ...]:
    """The items of a layout.

    Raises:
        ValueError: It is not written as this module says; names the item.
    """
    return tuple(_items(text))


def width(items: tuple[Item, ...]) -> int:
    """How many bytes a layout takes."""
    return sum(item.width for item in items)


def read(items: tuple[Item, ...], data: bytes, order: Literal["little", "big"], into: Fields) -> None:
    """Fill the fields from bytes that are at least as long as the layout."""
    at = 0
    for item in items:
        chunk = data[at : at + item.width]
        at += item.width
        if item.name != "_":
            _read_one(item, chunk, order, into)


def _items(text: str) -> Iterator[Item]:
    for word in text.split():
        found = _ITEM.fullmatch(word)
        if found is None or found["type"] not in _WIDTHS:
            raise ValueError(f"{word!r} is no item of a layout; write name:type, e.g. temperature:i16/10")
        pairs = (pair.split("=") for pair in found["sentinels"].split("?") if pair)
        sentinels = {int(raw, 16): why for raw, why in pairs}
        yield Item(found["name"], found["type"], float(found["divisor"] or 1), sentinels)


def _read_one(item: Item, chunk: bytes, order: Literal["little", "big"], into: Fields) -> None:
    raw = int.from_bytes(chunk, order)
    if item.type == "bits":
        for bit, name in enumerate(item.name.split("|")):
            if name != "_":
                into.put(name, float(raw >> bit & 1))
        return
    if raw in item.sentinels:
        into.lack(item.name, item.sentinels[raw])
        return
    if item.type == "f32":
        into.put(item.name, struct.unpack("<f" if order == "little" else ">f", chunk)[0] / item.divisor)
        return
    value = int.from_bytes(chunk, order, signed=item.type.startswith("i"))
    if item.type == "i15":
        into.put(f"{item.name}_flag", float(value & 1))
        value >>= 1
    into.put(item.name, round(value / item.divisor, 9))
