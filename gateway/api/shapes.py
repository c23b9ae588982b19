"""What bodies and answers look like: JSON Schema, as little of it as we need, made by functions and checked by one.

Pure. The same shapes are published in the OpenAPI document, hold every request's body to account, and hold every
answer to account in the tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from re import Pattern
from re import compile as compiled
from typing import Any

from gateway.schema import SLUG, duration

Shape = Mapping[str, Any]

TEXT: Shape = {"type": "string", "maxLength": 4000}
WORD: Shape = {"type": "string", "minLength": 1, "maxLength": 200}
SLUG_NAME: Shape = {"type": "string", "pattern": SLUG}
NUMBER: Shape = {"type": "number"}
INTEGER: Shape = {"type": "integer"}
TRUTH: Shape = {"type": "boolean"}
TIME: Shape = {"type": "string", "format": "date-time"}
SPAN: Shape = {"type": "string", "format": "span", "description": "a time with its unit: 30s, 10min, 2h, 7d"}
ANY: Shape = {}
OBJECT: Shape = {"type": "object"}


def record(may: Mapping[str, Shape] | None = None, *, more: bool = False, **fields: Shape) -> Shape:
    """An object: these fields always, those of ``may`` if there is something to say, others only with ``more``."""
    shape: dict[str, Any] = {"type": "object", "properties": {**fields, **(may or {})}}
    if fields:
        shape["required"] = list(fields)
    if not more:
        shape["additionalProperties"] = False
    return shape


def listing(of: Shape) -> Shape:
    """A list, all of one kind."""
    return {"type": "array", "items": of}


def mapping(of: Shape) -> Shape:
    """An object whose keys are names of ours."""
    return {"type": "object", "additionalProperties": of}


def row(*columns: Shape) -> Shape:
    """A line of a table: so many values, each of its kind."""
    return {"type": "array", "prefixItems": list(columns), "minItems": len(columns), "maxItems": len(columns)}


def one_of(*words: str) -> Shape:
    """One of these words."""
    return {"enum": list(words)}


def either(*shapes: Shape) -> Shape:
    """One of several kinds."""
    return {"anyOf": list(shapes)}


def or_null(shape: Shape) -> Shape:
    """Or nothing."""
    return either(shape, {"type": "null"})


def within(low: int, high: int, default: int | None = None) -> Shape:
    """A whole number in bounds."""
    bounds = {"type": "integer", "minimum": low, "maximum": high}
    return bounds if default is None else {**bounds, "default": default}


def named(name: str) -> Shape:
    """A shape that stands under ``components/schemas``."""
    return {"$ref": f"#/components/schemas/{name}"}


BOTH = record(zh=TEXT, en=TEXT)

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list, tuple),
    "null": (type(None),),
}


def wrongs(
    shape: Shape, value: Any, known: Mapping[str, Shape], where: str = ""
) -> Iterator[tuple[str, str]]:
    """What does not fit: the way to it, and in words what would.

    Args:
        shape: What it should look like.
        value: What it is: plain JSON data.
        known: The named shapes.
        where: The way to here.
    """
    if "$ref" in shape:
        shape = known[shape["$ref"].rsplit("/", 1)[1]]
    if "anyOf" in shape:
        found = [list(wrongs(kind, value, known, where)) for kind in shape["anyOf"]]
        if all(found):
            yield min(found, key=len)[0]
        return
    if "enum" in shape and value not in shape["enum"]:
        yield where, f"is none of {', '.join(map(str, shape['enum']))}"
        return
    wanted = shape.get("type")
    if wanted is not None and not _is(value, wanted):
        yield where, f"is no {wanted}"
        return
    match value:
        case str():
            yield from _text_wrongs(shape, value, where)
        case bool():
            pass
        case int() | float():
            if value < shape.get("minimum", value) or value > shape.get("maximum", value):
                yield where, f"is not between {shape.get('minimum', '-')} and {shape.get('maximum', '-')}"
        case dict():
            yield from _object_wrongs(shape, value, known, where)
        case list() | tuple():
            yield from _list_wrongs(shape, value, known, where)


def read(shape: Shape, text: str) -> Any:
    """A value that came as text, of a path, a query or the local socket.

    Raises:
        ValueError: In words, when it does not fit.
    """
    for kind in shape.get("anyOf", ()):
        if kind.get("type") != "null":
            return read(kind, text)
    match shape.get("type"), shape.get("format"):
        case "integer", _:
            value: Any = int(text)
        case "number", _:
            value = float(text)
        case "boolean", _:
            if text not in {"true", "false", "1", "0"}:
                raise ValueError(f"{text!r} is neither true nor false")
            value = text in {"true", "1"}
        case "string", "date-time":
            return moment(text)
        case "string", "span":
            return duration(text)
        case _:
            value = text
    for _, problem in wrongs(shape, value, {}):
        raise ValueError(problem)
    return value


def moment(text: str) -> datetime:
    """A time as ISO 8601; without a zone it is UTC. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _is(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return wanted == "boolean"
    if wanted == "integer" and isinstance(value, float):
        return False
    return isinstance(value, _TYPES[wanted])


def _text_wrongs(shape: Shape, value: str, where: str) -> Iterator[tuple[str, str]]:
    if len(value) > shape.get("maxLength", len(value)):
        yield where, f"is longer than {shape['maxLength']} letters"
    elif len(value) < shape.get("minLength", 0):
        yield where, "is empty"
    elif "pattern" in shape and _pattern(shape["pattern"]).search(value) is None:
        yield where, f"must match {shape['pattern']}"
    elif shape.get("format") in _FORMATS:
        try:
            _FORMATS[shape["format"]](value)
        except ValueError as error:
            yield where, str(error)


def _object_wrongs(
    shape: Shape, value: Mapping[str, Any], known: Mapping[str, Shape], where: str
) -> Iterator[tuple[str, str]]:
    fields: Mapping[str, Shape] = shape.get("properties", {})
    more = shape.get("additionalProperties", True)
    for name in shape.get("required", ()):
        if name not in value:
            yield _way(where, name), "is missing"
    for name, item in value.items():
        if name in fields:
            yield from wrongs(fields[name], item, known, _way(where, name))
        elif more is False:
            yield _way(where, name), "unknown key"
        elif isinstance(more, Mapping):
            yield from wrongs(more, item, known, _way(where, name))


def _list_wrongs(
    shape: Shape, value: Any, known: Mapping[str, Shape], where: str
) -> Iterator[tuple[str, str]]:
    columns = shape.get("prefixItems", ())
    if not shape.get("minItems", 0) <= len(value) <= shape.get("maxItems", len(value)):
        yield where, "has too few or too many items"
        return
    for index, item in enumerate(value):
        kind = columns[index] if index < len(columns) else shape.get("items", {})
        yield from wrongs(kind, item, known, f"{where}[{index}]")


def _way(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


@lru_cache(maxsize=64)
def _pattern(pattern: str) -> Pattern[str]:
    return compiled(pattern)


_FORMATS = {"date-time": moment, "span": duration}
