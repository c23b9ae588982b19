"""Readings, events and roll-ups as InfluxDB line protocol: pure text, the same bytes for the same facts.

::

    waste_bin,site=liuhe,device=bin-017 distance=1180.0,distance_q=1.0,fill=12.0,fill_q=3.0 1784347200000
    └measurement └tags, always this order └value, and its flag beside it, every number a float └UTC milliseconds
    waste_bin_1h,site=liuhe,device=bin-017 fill_mean=12.5,fill_min=11.0,fill_max=14.0,fill_count=6.0 1784347200000
    event,site=liuhe,device=bin-017,kind=emptied confidence=1.0,from=93.0,by_text="truck 4" 1784347200000

- What identifies a point (measurement, tags, time) comes from the reading alone, never from the moment of sending: a
  repeated send overwrites, and a line that is split over two requests is merged again by the server.
- Every number is a float, states, counters and flags too: a field can never change its type
  (storage-and-dashboards 1.4 and trap 8: an integer first and a float later is a conflict for the life of the shard).
- ``<quantity>_q`` is the QARTOD flag of ``<quantity>`` and stands beside every value, so each value keeps its own
  quality even when several quantities share a line. A MISSING reading writes only its flag.
- Text in an event goes to ``<key>_text``, so that a key which is a number in one kind of event and a word in another
  never meets itself with two types.

Escaping after storage-and-dashboards 1.6 and reliability-and-security 5, "Line protocol".
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from gateway.contracts import Entry, Rollup
from gateway.model import Event, Reading, split_series
from gateway.quantities import Quantities
from gateway.schema import SLUG

FUTURE_LIMIT = timedelta(
    minutes=10
)  # storage-and-dashboards 2.1: a point in the future opens a shard nobody closes
EVENTS = "event"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_SLUG = re.compile(SLUG)
_FIELD = re.compile(r"[a-z][a-z0-9_]*")
_TAG_KEYS = frozenset({"site", "device", "kind", "time"})  # 3 Core refuses a key that is both tag and field
_OWN_FIELDS = frozenset({"confidence", "evidence"})
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_MOST_HEADS = 20_000  # four times the 5,000 series of one box (reliability-and-security, P7)
_ROLLED = re.compile(r"_[0-9]+[smhd]$")
_SPANS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


@dataclass(slots=True)
class Encoded:
    """What became of some entries.

    Attributes:
        lines: One point each, without line ends.
        refused: Index of each entry that must not be written, with the reason in words.
    """

    lines: list[str] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


class Encoder:
    """Turns journal entries into lines for one site.

    Args:
        site: Slug of the site.
        quantities: Which measurement each quantity belongs to.
        text: False leaves text out, for servers that turn it into zeros (VictoriaMetrics).

    Raises:
        ValueError: The site is no slug, or a quantity's name or measurement would meet one of our own.
    """

    def __init__(self, site: str, quantities: Quantities, *, text: bool = True) -> None:
        if not _SLUG.fullmatch(site):
            raise ValueError(f"site {site!r} is not a slug")
        for name in quantities:
            if not _FIELD.fullmatch(name) or name in _TAG_KEYS or f"{name}_q" in quantities:
                raise ValueError(f"quantity {name!r} cannot be a field of its own")
            measurement = quantities[name].measurement
            if measurement == EVENTS or _ROLLED.search(measurement):
                raise ValueError(f"measurement {measurement!r} of {name} is kept for events or roll-ups")
        self._site = word(site)
        self._quantities = quantities
        self._text = text
        self._heads: dict[str, tuple[str, str] | str] = {}

    def encode(self, entries: Sequence[Entry], now: datetime | None) -> Encoded:
        """The lines of some entries; readings of one device, domain and time share a line.

        Args:
            entries: In any order; the order of first appearance is kept.
            now: Points later than this plus ten minutes are refused; ``None`` when the clock cannot be trusted.
        """
        result = Encoded()
        rows: dict[tuple[str, int], dict[str, str]] = {}
        latest = None if now is None else millis(now + FUTURE_LIMIT)
        for index, entry in enumerate(entries):
            item = entry.item
            at = millis(item.start if isinstance(item, Rollup) else item.at)
            if latest is not None and at > latest:
                result.refused[index] = f"lies in the future: {_EPOCH + at * _MILLISECOND}"
                continue
            match item:
                case Event():
                    head, fields = self._event(item)
                case _:
                    head, fields = self._numbers(item)
            if fields:
                rows.setdefault((head, at), {}).update(fields)
            else:
                result.refused[index] = head
        result.lines = [
            f"{head} {','.join(map('='.join, fields.items()))} {at}" for (head, at), fields in rows.items()
        ]
        return result

    def _numbers(self, item: Reading | Rollup) -> tuple[str, dict[str, str]]:
        """Head and fields of a line; no fields and the reason when there is no line."""
        known = self._heads.get(item.series)
        if known is None:
            if len(self._heads) >= _MOST_HEADS:
                self._heads.clear()
            known = self._heads[item.series] = self._head_of(item.series)
        if isinstance(known, str):
            return known, {}
        head, quantity = known
        if isinstance(item, Rollup):
            measurement, comma, tags = head.partition(",")
            return f"{measurement}_{span_suffix(item.span)}{comma}{tags}", _rolled(item, quantity)
        flag = f"{int(item.flag)}.0"
        if item.value is None:
            return head, {f"{quantity}_q": flag}
        if not math.isfinite(item.value):
            return f"{item.value} is no number", {}
        return head, {quantity: number(item.value), f"{quantity}_q": flag}

    def _head_of(self, series: str) -> tuple[str, str] | str:
        device, quantity = split_series(series)
        if not _SLUG.fullmatch(device):
            return f"device {device!r} is not a slug"
        if quantity not in self._quantities or not _FIELD.fullmatch(quantity):
            return f"no such quantity {quantity!r}"
        measurement = self._quantities[quantity].measurement
        return f"{measurement},site={self._site},device={word(device)}", quantity

    def _event(self, event: Event) -> tuple[str, dict[str, str]]:
        for role, slug in (("source", event.source), ("kind", event.kind)):
            if not _SLUG.fullmatch(slug):
                return f"{role} {slug!r} is not a slug", {}
        head = f"{EVENTS},site={self._site},device={word(event.source)},kind={word(event.kind)}"
        fields = {"confidence": number(event.confidence)} if math.isfinite(event.confidence) else {}
        for name, value in event.detail.items():
            key = _detail_key(name)
            if not isinstance(value, str):
                if math.isfinite(value):
                    fields[word(key)] = number(value)
            elif self._text:
                fields[word(f"{key}_text")] = quoted(value)
        if event.evidence and self._text:
            fields["evidence"] = quoted(event.evidence)
        return head if fields else "the event has no fact that can be written", fields


def millis(at: datetime) -> int:
    """Whole milliseconds since 1970, rounded down."""
    return (at - _EPOCH) // _MILLISECOND


def number(value: float) -> str:
    """A float as the shortest text that reads back as the same float; always with a point or an exponent."""
    return repr(float(value))


def quoted(text: str) -> str:
    """A text field: quoted, backslash and quote escaped, line ends as spaces (a line is a point)."""
    return '"' + _plain(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def word(text: str) -> str:
    """A tag value or key: comma, space and equals escaped.

    A backslash becomes a slash: before a comma nobody could tell it from an escape, and a tag must not end in one.
    """
    plain = _plain(text).replace("\\", "/")
    return plain.replace(",", "\\,").replace(" ", "\\ ").replace("=", "\\=")


def span_suffix(span: timedelta) -> str:
    """``1h``, ``10m``, ``1d``: how a roll-up's measurement ends."""
    seconds = int(span.total_seconds())
    worth, letter = next((pair for pair in _SPANS if seconds and seconds % pair[0] == 0), (1, "s"))
    return f"{seconds // worth}{letter}"


def _plain(text: str) -> str:
    """Without control characters and lone surrogates, which would break the line or its UTF-8."""
    return _CONTROLS.sub(" ", text).encode("utf-8", "replace").decode("utf-8")


def _rolled(rollup: Rollup, quantity: str) -> dict[str, str]:
    fields = {}
    for name, value in (("mean", rollup.mean), ("min", rollup.minimum), ("max", rollup.maximum)):
        if rollup.count and math.isfinite(value):
            fields[f"{quantity}_{name}"] = number(value)
    fields[f"{quantity}_count"] = number(rollup.count)
    return fields


def _detail_key(key: str) -> str:
    """A key of an event that is no tag, none of our own fields, and never ends like a text's name."""
    plain = key.strip() or "detail"
    if plain in _TAG_KEYS or plain in _OWN_FIELDS or plain.startswith("_"):
        plain = f"detail_{plain}"
    return f"{plain}_value" if plain.endswith("_text") else plain
