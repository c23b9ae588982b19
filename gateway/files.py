"""YAML in, checked models out, faults with path and line. The only module that reads YAML.

YAML here is the plain part of YAML 1.2: ``on`` and ``no`` are words, ``22:00`` is a text, a key stands once, and
anchors, aliases and tags are refused (they serve bombs better than technicians).
"""

from __future__ import annotations

import difflib
import math
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.errors import Fault, SettingsError

LARGEST_FILE_BYTES = 256 * 1024  # a village's site file is a few kB; larger is a mistake or an attack
DEEPEST_NESTING = 24

_INT = re.compile(r"[-+]?[0-9][0-9_]*")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one reads a catalogue six times as fast
Where = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file as plain Python, with the line of each value.

    Attributes:
        path: As the person named it.
        data: Dicts, lists, texts, numbers, true/false, None.
        lines: 1-based line of each value by its way from the top.
    """

    path: Path
    data: Any
    lines: Mapping[Where, int]

    def line(self, where: Where) -> int:
        """The line of a value, or of the nearest thing around it that exists."""
        for length in range(len(where), -1, -1):
            if where[:length] in self.lines:
                return self.lines[where[:length]]
        return 0

    def fault(self, where: Where, problem: str, remedy: str = "") -> Fault:
        """A fault at a place in this file."""
        return Fault(str(self.path), self.line(where), dotted(where), problem, remedy)


def dotted(where: Where) -> str:
    """``('devices', 'bin-1', 0)`` as ``devices.bin-1[0]``."""
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text


def read_yaml(path: Path) -> Document:
    """Read one file.

    Raises:
        SettingsError: It is missing, too large, not UTF-8, not YAML, or uses what we refuse; with its line.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SettingsError(Fault(str(path), 0, "", f"cannot be read ({error.strerror})")) from error
    return parse_yaml(raw, path)


def read_draft(path: Path, drafts: Mapping[Path, bytes]) -> Document:
    """One file, or what shall stand in it: an edit is tried before it is written. Raises like :func:`read_yaml`."""
    return parse_yaml(drafts[path], path) if path in drafts else read_yaml(path)


def parse_yaml(raw: bytes, path: Path) -> Document:
    """The same for bytes already at hand; ``path`` is only used for messages."""
    if len(raw) > LARGEST_FILE_BYTES:
        message = f"is {len(raw)} bytes long"
        raise SettingsError(Fault(str(path), 0, "", message, f"at most {LARGEST_FILE_BYTES} are read"))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise SettingsError(Fault(str(path), line, "", "is not UTF-8 text", "save it as UTF-8")) from error
    try:
        _refuse_references(text, path)
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        problem = " ".join(part for part in (error.context, error.problem) if part)
        last = max(1, len(text.rstrip().splitlines()))  # an open bracket is noticed behind the last line
        line = 0 if mark is None else min(mark.line + 1, last)
        raise SettingsError(Fault(str(path), line, "", f"is not YAML: {problem}")) from error
    except yaml.YAMLError as error:
        raise SettingsError(Fault(str(path), 0, "", f"is not YAML: {error}")) from error
    lines: dict[Where, int] = {(): 1}
    builder = _Builder(path, lines)
    data = builder.build(root, ()) if root is not None else None
    if builder.faults:
        raise SettingsError(*builder.faults)
    return Document(path, data, lines)


def validated(model: type[M], document: Document, where: Where = (), data: Any = None) -> M:
    """A part of a document as a checked model.

    Args:
        model: What it must be.
        document: Where it was written.
        where: The way to the part, for messages.
        data: The part itself; by default what stands at ``where``.

    Raises:
        SettingsError: With one fault for each thing wrong.
    """
    if data is None:
        data = document.data
        for step in where:
            data = data[step]
    try:
        return model.model_validate({} if data is None else data)
    except ValidationError as error:
        raise SettingsError(*_faults_of(error, model, document, where)) from error


def config_root() -> Path:
    """Where the shipped quantities, catalogue and rules lie: beside the code in a checkout, else under the prefix."""
    beside = Path(__file__).resolve().parent.parent / "config"
    return (
        beside if (beside / "quantities.yaml").exists() else Path(sys.prefix) / "share/village-gateway/config"
    )


def nearest(word: str, known: list[str]) -> str:
    """A sentence that offers what was probably meant, or lists what exists when that is short."""
    close = difflib.get_close_matches(word, known, n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(close) + "?"
    listed = ", ".join(sorted(known)[:12])
    return f"known: {listed}{', …' if len(known) > 12 else ''}" if known else ""


def _refuse_references(text: str, path: Path) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        line = event.start_mark.line + 1  # type: ignore[union-attr]  # the parser always sets a mark
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise SettingsError(
                Fault(str(path), line, "", "uses an anchor or alias (& or *)", "write the value out")
            )
        tag = getattr(event, "tag", None)
        if tag:
            raise SettingsError(Fault(str(path), line, "", f"uses a tag ({tag})", "write a plain value"))
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST_NESTING:
                raise SettingsError(
                    Fault(str(path), line, "", f"is nested deeper than {DEEPEST_NESTING} levels")
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Builder:
    """Turns YAML nodes into plain Python and notes the line of each value."""

    def __init__(self, path: Path, lines: dict[Where, int]) -> None:
        self._path = path
        self._lines = lines
        self.faults: list[Fault] = []

    def build(self, node: yaml.Node, where: Where) -> Any:
        self._lines[where] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return dict(self._pairs(node, where))
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*where, index)) for index, item in enumerate(node.value)]
        return scalar(node.value, quoted=bool(getattr(node, "style", None)))

    def _pairs(self, node: yaml.MappingNode, where: Where) -> Iterator[tuple[str, Any]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = str(key_node.value)
            if not isinstance(key_node, yaml.ScalarNode):
                self.faults.append(Fault(str(self._path), line, dotted(where), "a key must be a plain word"))
                continue
            if key in seen:
                place = dotted((*where, key))
                problem = f"stands twice (first on line {seen[key]})"
                self.faults.append(Fault(str(self._path), line, place, problem, "keep one of them"))
            seen[key] = line
            value = self.build(value_node, (*where, key))
            self._lines[(*where, key)] = line
            yield key, value


def scalar(text: str, *, quoted: bool) -> Any:
    """What a scalar of a file means to us: a text, a number, true, false or nothing."""
    if quoted:
        return text
    if text in {"", "~", "null"}:
        return None
    if text in {"true", "false"}:
        return text == "true"
    if _HEX.fullmatch(text):
        return int(text, 16)
    if _INT.fullmatch(text) and len(text) < 20:
        return int(text.replace("_", ""))
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text


def _faults_of(
    error: ValidationError, model: type[BaseModel], document: Document, where: Where
) -> list[Fault]:
    faults = []
    for detail in error.errors(include_url=False):
        place = (*where, *_steps(detail, document, where))
        faults.append(document.fault(place, *_in_words(detail, model)))
    return faults


def _steps(detail: ErrorDetails, document: Document, where: Where) -> Where:
    """Pydantic's location without the names of union branches, which are no keys of the file."""
    steps: Where = ()
    for part in detail["loc"]:
        candidate = (*steps, part)
        known = (*where, *candidate) in document.lines
        if known or (detail["type"] == "missing" and part == detail["loc"][-1]):
            steps = candidate
    return steps


def _in_words(detail: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    kind = detail["type"]
    shown = repr(detail["input"])[:60]
    match kind:
        case "missing":
            return "is missing", "add it"
        case "extra_forbidden":
            return "unknown key", nearest(str(detail["loc"][-1]), _keys_at(model, detail["loc"][:-1]))
        case "value_error":
            return str(detail["ctx"]["error"]), ""
        case "string_pattern_mismatch":
            return f"{shown} does not fit", f"it must match {detail['ctx']['pattern']}"
        case _:
            return f"{shown} does not fit", detail["msg"][:1].lower() + detail["msg"][1:]


def _keys_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    """The keys that a nested model knows, found by walking its fields along the location."""
    current: Any = model
    for part in loc:
        models = [candidate for candidate in _models_in(current) if part in _names(candidate)]
        if models and isinstance(part, str):
            current = models[0].model_fields[_field(models[0], part)].annotation
    return [name for candidate in _models_in(current) for name in _names(candidate)]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in getattr(annotation, "__args__", ()) for found in _models_in(inner)]


def _names(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _field(model: type[BaseModel], key: str) -> str:
    return next(name for name, field in model.model_fields.items() if (field.alias or name) == key)
