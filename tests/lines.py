"""A small reader of InfluxDB line protocol for tests, written from its documentation and not from our encoder.

Source: docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference ("Special characters").
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    measurement: str
    tags: tuple[tuple[str, str], ...]
    fields: dict[str, float | str]
    at: int


def parse(line: str) -> Point:
    """One line as a point; raises ValueError for whatever a strict server would refuse."""
    if "\n" in line:
        raise ValueError("a line end inside a line")
    identity, rest = _until(line, " ")
    fields_text, stamp = _until_outside_quotes(rest)
    names = _split(identity, ",")
    tags = []
    for part in names[1:]:
        key, value = _until(part, "=")
        if not key or not value or value.endswith("\\"):
            raise ValueError(f"tag {part!r}")
        tags.append((_plain(key), _plain(value)))
    fields: dict[str, float | str] = {}
    for part in _split(fields_text, ",", quotes=True):
        key, value = _until(part, "=")
        if not key or _plain(key) in fields:
            raise ValueError(f"field {part!r}")
        fields[_plain(key)] = _value(value)
    return Point(_plain(names[0]), tuple(tags), fields, int(stamp))


def _value(text: str) -> float | str:
    if text.startswith('"'):
        if len(text) < 2 or not text.endswith('"'):
            raise ValueError(f"string {text!r}")
        out, escaped = "", False
        for letter in text[1:-1]:
            if escaped:
                out += letter if letter in '"\\' else "\\" + letter
                escaped = False
            elif letter == "\\":
                escaped = True
            elif letter == '"':
                raise ValueError(f"quote inside {text!r}")
            else:
                out += letter
        if escaped:
            raise ValueError(f"string {text!r} never ends")
        return out
    if not text or text[-1] in "iu" or text.lower().strip("+-") in {"nan", "inf", "infinity"}:
        raise ValueError(f"number {text!r}")
    return float(text)


def _until(text: str, mark: str) -> tuple[str, str]:
    parts = _split(text, mark)
    if len(parts) < 2:
        raise ValueError(f"no {mark!r} in {text!r}")
    return parts[0], mark.join(parts[1:])


def _until_outside_quotes(text: str) -> tuple[str, str]:
    parts = _split(text, " ", quotes=True)
    if len(parts) != 2:
        raise ValueError(f"not fields and a time: {text!r}")
    return parts[0], parts[1]


def _split(text: str, mark: str, *, quotes: bool = False) -> list[str]:
    """Cut at each mark that is neither escaped nor inside a quoted value; a quote in a key is a letter like any."""
    parts, current, escaped, quoted, in_value = [], "", False, False, False
    for letter in text:
        if escaped:
            current, escaped = current + letter, False
            continue
        if letter == "\\":
            escaped = True
        elif quotes and letter == '"' and in_value:
            quoted = not quoted
        elif not quoted:
            in_value = letter == "=" or (in_value and letter != ",")
            if letter == mark:
                parts.append(current)
                current = ""
                continue
        current += letter
    return [*parts, current]


def _plain(text: str) -> str:
    for mark in ",= ":
        text = text.replace("\\" + mark, mark)
    return text
