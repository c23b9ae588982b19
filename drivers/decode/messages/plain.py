"""Plain JSON, a plain number, or CSV: who, what and when are said by a mapping in the site file.

::

    {plain: {topic: "village/{device}/data", time: ts, time_format: ms, values: {fill: fill, temp: air_temp}}}
    {plain: {topic: "meteo/{device}/{quantity}", format: number,
             values: {t: air_temp, p: {quantity: air_pressure, unit: Pa}}}}
    {plain: {topic: "logger/{device}", format: csv, columns: [ts, level, volt], time: ts, time_format: s,
             values: {level: water_depth, volt: battery_v}}}
    {plain: {topic: "batch/{device}", time: "data[*].t", values: {"data[*].c": air_temp}}}

A path is dotted; ``[*]`` stands for each entry of an array: each is a sample with its own time.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Literal

from pydantic import Field, model_validator

from drivers.decode import strictjson
from drivers.decode.messages import Heard, Listening, Message, fields_of, leaf, moment
from drivers.decode.sample import Sample
from drivers.decode.topics import Pattern, TopicPattern, same
from gateway.catalogue import Meaning
from gateway.errors import BadReply
from gateway.schema import Strict

MOST_LINES = 2000
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")


class Value(Strict):
    """What one value means.

    Attributes:
        quantity: Its name in ``config/quantities.yaml``.
        unit: In which it comes; default: already in the quantity's own.
        states: What each word or code becomes, e.g. ``{open: 0, closed: 1}``; ``true`` and ``false`` are words too.
        span: What can be believed; outside is no value.
    """

    quantity: str
    unit: str | None = None
    states: dict[str, float] | None = None
    span: tuple[float, float] | None = None


class Settings(Strict):
    """How messages of simple senders are read.

    Attributes:
        topic: With ``{device}``, and ``{quantity}`` when the topic names what is measured.
        format: ``json``, ``number`` (the payload is one number) or ``csv``.
        device: JSON path to the device's name, only when the topic does not name it.
        time: JSON path (or CSV column) of the time; without it the time of arrival counts.
        time_format: ``ms`` or ``s`` since 1970, or ``iso`` (with its zone, else the site's).
        values: JSON path (CSV column, ``{quantity}`` of the topic, or ``value`` for a bare number) -> quantity, or
            {quantity, unit, states, span}. Empty: the device's model says it.
        columns: CSV: the names of the columns, in order.
        delimiter: CSV.
    """

    topic: TopicPattern
    format: Literal["json", "number", "csv"] = "json"
    device: str | None = Field(default=None, max_length=120)
    time: str | None = Field(default=None, max_length=120)
    time_format: Literal["ms", "s", "iso"] = "ms"
    values: dict[str, str | Value] = Field(default_factory=dict, max_length=64)
    columns: list[str] = Field(default_factory=list, max_length=64)
    delimiter: str = Field(default=",", min_length=1, max_length=1)

    @model_validator(mode="after")
    def _whole(self) -> Settings:
        names = Pattern(self.topic).names
        if ("device" in names) == (self.device is not None):
            raise ValueError("say who it is once: {device} in topic:, or device: with a JSON path")
        if self.device is not None and self.format != "json":
            raise ValueError("device: needs format: json")
        if (self.format == "csv") != bool(self.columns):
            raise ValueError("columns: belongs to format: csv, which needs it")
        if self.format == "number" and "quantity" not in names and set(self.values) != {"value"}:
            raise ValueError("a bare number needs {quantity} in topic:, or values: {value: <quantity>}")
        if self.format == "csv" and not {*self.values, *([self.time] if self.time else [])} <= {
            *self.columns
        }:
            raise ValueError("values: and time: name something that is not in columns:")
        arrays = {path.partition("[*]")[0] for path in (*self.values, self.time or "") if "[*]" in path}
        if len(arrays) > 1:
            raise ValueError("all [*] must stand for the same array")
        if any(path.count("[*]") > 1 for path in (*self.values, self.time or "")):
            raise ValueError("[*] may stand once in a path")
        return self

    def named(self) -> dict[str, tuple[str, Value]]:
        """Path -> (quantity, what it means)."""
        return {
            path: (value, Value(quantity=value)) if isinstance(value, str) else (value.quantity, value)
            for path, value in self.values.items()
        }


class Listener(Listening):
    """Understands what the mapping says."""

    def __init__(self, settings: Settings, addresses: Sequence[str], zone: tzinfo) -> None:
        self._settings = settings
        self._zone = zone
        self._pattern = Pattern(settings.topic)
        self._addresses = addresses
        self._array = next(
            (path.partition("[*]")[0] for path in (*settings.values, settings.time or "") if "[*]" in path),
            None,
        )
        self._vocabulary = {
            quantity: Meaning.model_validate(
                {"from": path, "unit": value.unit, "states": value.states, "span": value.span}
            )
            for path, (quantity, value) in settings.named().items()
        }

    def filters(self) -> list[str]:
        """The mapped topics."""
        return self._pattern.filters(self._addresses)

    def meanings(self) -> Mapping[str, Meaning]:
        """Those of the mapping."""
        return self._vocabulary

    def hear(self, message: Message) -> Sequence[Heard] | None:
        """One message; several samples when it carries an array or lines."""
        place = self._pattern.match(message.topic)
        if place is None:
            return None
        wire_name = place.get("quantity")
        match self._settings.format:
            case "json":
                body = strictjson.parse(message.payload)
                address = place.get("device") or self._said(body)
                samples = tuple(self._samples(body, wire_name))
            case "csv":
                address = place["device"]
                samples = tuple(self._lines(message.payload, wire_name))
            case "number":
                address = place["device"]
                number = _number(_text(message.payload).strip())
                samples = (Sample({wire_name or "value": number}),)
        if not samples:
            return [Heard(address, note="nothing in it")]
        return [Heard(address, samples=samples, vocabulary=self._words(wire_name))]

    def _words(self, wire_name: str | None) -> Mapping[str, Meaning]:
        """A topic that names a quantity outright needs no mapping."""
        if wire_name is not None and not self._settings.values:
            return {wire_name: Meaning()}
        return self._vocabulary

    def _said(self, body: Any) -> str:
        name = strictjson.text_of(_at(body, self._settings.device or ""), "the device's name")
        if not same(name):
            raise BadReply("the device's name is empty")
        return name

    def _samples(self, body: Any, wire_name: str | None) -> Iterator[Sample]:
        if self._array is None:
            yield self._sample(body, body, wire_name)
            return
        entries = _at(body, self._array) if self._array else body
        rows = strictjson.list_of(entries, self._array or "the message")
        found = [self._sample(body, row, wire_name) for row in rows]
        newest = max((sample.at for sample in found if sample.at), default=None)
        for sample in found:
            late = newest is not None and sample.at is not None and sample.at < newest
            yield Sample(sample.fields, at=sample.at, backfill=late)

    def _sample(self, body: Any, row: Any, wire_name: str | None) -> Sample:
        """One entry: paths with ``[*]`` start in it, the others at the top of the message."""
        if not self._settings.values:
            if isinstance(row, dict | list):
                return Sample(fields_of(row), at=self._time(body, row))
            return Sample({wire_name or "value": _value(row)}, at=self._time(body, row))
        fields = {}
        for path in self._settings.values:
            value = self._find(body, row, path)
            if value is _ABSENT and path == wire_name and not isinstance(row, dict | list):
                value = row
            if value is not _ABSENT:
                fields[path] = _value(value)
        return Sample(fields, at=self._time(body, row))

    def _find(self, body: Any, row: Any, path: str) -> Any:
        _, star, rest = path.partition("[*]")
        return _at(row, rest.removeprefix(".")) if star else _at(body, path)

    def _time(self, body: Any, row: Any) -> datetime | None:
        if self._settings.time is None:
            return None
        value = self._find(body, row, self._settings.time)
        if value is _ABSENT:
            raise BadReply(f"no time at {self._settings.time!r}")
        return self._moment(value)

    def _moment(self, value: Any) -> datetime:
        if self._settings.time_format == "iso":
            at = moment(value)
            if at is None:
                at = _local(value, self._zone)
        else:
            number = _value(value)
            if not isinstance(number, float) or not math.isfinite(number):
                raise BadReply("the time is no number")
            at = _since_1970(number / (1000 if self._settings.time_format == "ms" else 1))
        if at is None:
            raise BadReply(f"the time {str(value)[:40]!r} is none ({self._settings.time_format})")
        return at

    def _lines(self, payload: bytes, wire_name: str | None) -> Iterator[Sample]:
        settings = self._settings
        try:
            rows = list(csv.reader(_text(payload).splitlines(), delimiter=settings.delimiter, strict=True))
        except csv.Error as error:
            raise BadReply(f"payload is not CSV: {error}") from error
        if len(rows) > MOST_LINES:
            raise BadReply(f"more than {MOST_LINES} lines")
        for row in rows:
            if not row or row == settings.columns:
                continue
            if len(row) != len(settings.columns):
                raise BadReply(f"a line has {len(row)} columns instead of {len(settings.columns)}")
            cells = dict(zip(settings.columns, (cell.strip() for cell in row), strict=True))
            fields = {name: _cell(cells[name]) for name in settings.values or cells if name != settings.time}
            yield Sample(fields, at=self._moment(_cell(cells[settings.time])) if settings.time else None)


_ABSENT: Any = object()


def _at(body: Any, path: str) -> Any:
    """What stands at a dotted path; digits are places in an array. A key with dots in it is found whole."""
    if path == "":
        return body
    if isinstance(body, dict):
        if path in body:
            return body[path]
        head, dot, rest = path.partition(".")
        return _at(body[head], rest) if dot and head in body else _ABSENT
    if isinstance(body, list):
        head, _, rest = path.partition(".")
        if head.isascii() and head.isdigit() and len(head) < 6 and int(head) < len(body):
            return _at(body[int(head)], rest)
    return _ABSENT


def _value(value: Any) -> float | str | None:
    if isinstance(value, dict | list):
        raise BadReply("a value is an object or array, not a number")
    found = leaf(value)
    if isinstance(found, str) and _NUMBER.fullmatch(found.strip()):
        return _number(found.strip())
    return found


def _cell(text: str) -> float | str | None:
    return None if text == "" else _value(text)


def _text(payload: bytes) -> str:
    if len(payload) > strictjson.LARGEST_BYTES:
        raise BadReply(f"payload of {len(payload)} bytes is larger than {strictjson.LARGEST_BYTES}")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadReply("payload is not UTF-8 text") from error
    if not text.strip():
        raise BadReply("payload is empty")
    return text


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text) or len(text) > 40:
        raise BadReply(f"{text[:24]!r} is not a number")
    number = float(text)
    if not math.isfinite(number):
        raise BadReply(f"number {text[:24]} is out of range")
    return number


def _since_1970(seconds: float) -> datetime | None:
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return None


def _local(value: Any, zone: tzinfo) -> datetime | None:
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        return datetime.fromisoformat(value).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
