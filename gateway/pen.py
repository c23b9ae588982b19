"""Writes into a YAML file of a person: what is changed changes, every other line stays as it was written.

Only the lines of the entry in question are taken out, changed with ruamel.yaml (which keeps comments, order and
quotes), and put back. What comes out is read again by ``files.py``: it must say exactly what was wanted and nothing
else, or nothing is changed. ruamel.yaml is imported when somebody writes, not before: it takes 3 MB.
"""

from __future__ import annotations

import io
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from gateway import files
from gateway.errors import Fault, SettingsError

Way = tuple[str | int, ...]  # numbers lead into lists; one behind the end makes a new item
_INDENT = 2
_PLAIN = re.compile(r"[\w./%](?:[\w./%+() -]*[\w./%)])?")  # what needs no quotes anywhere, whoever reads it
_DASH = re.compile(r"^( *)[^ #].*:\s*(?:#.*)?\n(?: *(?:#.*)?\n)*( *)- ", re.MULTILINE)


def rewritten(raw: bytes, path: Path, way: Way, value: Any) -> bytes:
    """A file with one value changed.

    Args:
        raw: As it is.
        path: For messages.
        way: Of keys, from the top.
        value: Plain data that shall stand there; ``None`` takes the key away.

    Raises:
        SettingsError: It is no YAML, or it is written in a way that cannot be changed by a program.
    """
    before = files.parse_yaml(raw, path)
    wanted = _with(before.data if before.data is not None else {}, way, value)
    text = raw.decode("utf-8")
    for attempt in (_spliced, _whole):
        try:
            found = attempt(text, before, way, value).encode("utf-8")
            if files.parse_yaml(found, path).data == wanted:
                return found
        except (SettingsError, ValueError, LookupError):
            continue
    remedy = "change it with an editor"
    raise SettingsError(before.fault(way, "is written in a way that a program cannot change", remedy))


def exchange(path: Path, before: bytes | None, after: bytes) -> None:
    """Put a new file in the place of an old one, all or nothing, on the disk when this returns.

    Args:
        path: The file.
        before: What it must still hold; ``None``: there must be none.
        after: What it shall hold.

    Raises:
        SettingsError: Somebody else has changed it meanwhile, or it cannot be written.
    """
    handle, name = _draft(path)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        here = path.read_bytes() if path.exists() else None
        if here != before:
            raise SettingsError(
                Fault(str(path), 0, "", "somebody has just changed this file", "look and try again")
            )
        if before is not None:
            Path(name).chmod(path.stat().st_mode & 0o777)
        Path(name).replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        Path(name).unlink(missing_ok=True)


def _draft(path: Path) -> tuple[int, str]:
    try:
        return tempfile.mkstemp(prefix=f".{path.name}.", suffix=".draft", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> SettingsError:
    remedy = "let the gateway write into that folder, or change the file with an editor and reload"
    return SettingsError(Fault(str(path), 0, "", f"cannot be written ({error.strerror})", remedy))


def _with(data: Any, way: Way, value: Any) -> Any:
    """Plain data with one value changed."""
    if not way:
        return value
    here, rest = way[0], way[1:]
    if isinstance(here, int):
        listed = list(data) if isinstance(data, list) else []
        inner = _with(listed[here] if here < len(listed) else None, rest, value)
        listed[here : here + 1] = [] if inner is None else [inner]
        return listed
    changed = dict(data) if isinstance(data, dict) else {}
    inner = _with(changed.get(here), rest, value)
    if inner is None:
        changed.pop(here, None)
    else:
        changed[here] = inner
    return changed


# -- one entry, cut out and put back ----------------------------------------------------------------------------------


def _spliced(text: str, document: files.Document, way: Way, value: Any) -> str:
    """The text with the lines of one entry changed; ValueError where it does not stand on lines of its own."""
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    around: Any = document.data
    for key in way[:-1]:
        around = around.get(key) if isinstance(around, dict) else None
    names: list[str | int] = [*(range(len(around)) if isinstance(around, list) else around or ())]
    if not names:
        return _begun(lines, document, way, value)
    dash = _dash_of(text)
    if way[-1] in names:
        start, end, column = _extent(lines, document, way)
        if value is None and len(names) == 1 and len(way) > 1:
            head = document.lines[way[:-1]] - 1
            lines[head] = _emptied(lines[head], around)
        block = "".join(_moved(line, column) for line in lines[start:end])
        new = "" if value is None else _edited(block, way[-1], value, dash)
    else:
        last = (*way[:-1], names[-1])
        _, start, column = _extent(lines, document, last)
        end = start
        flow = isinstance(around, dict) and _is_flow(lines, document, last)
        new = _fresh(way[-1], value, dash, flow=flow)
    indented = [" " * column + line if line.strip() else line for line in new.splitlines(keepends=True)]
    return "".join([*lines[:start], *indented, *lines[end:]])


def _emptied(head: str, around: Any) -> str:
    """The line of a section that has nothing in it any more."""
    found = re.fullmatch(r"(\s*[^#]*?:)(\s*(?:#.*)?\n)", head)
    if found is None:
        raise ValueError("its section does not begin a line")
    return f"{found[1]} {'[]' if isinstance(around, list) else '{}'}{found[2]}"


def _begun(lines: Sequence[str], document: files.Document, way: Way, value: Any) -> str:
    """The first entry of a section: below its line, or a section at the end of the file that was not there yet."""
    if value is None:
        raise ValueError("there is nothing to take away")
    text = "".join(lines)
    if way[:-1] in document.lines and len(way) > 1:
        at = document.lines[way[:-1]] - 1
        head = re.fullmatch(r"( *)([^#]*?:) *(?:\[ *\]|\{ *\}|~|null)?((?: +#.*)?\n)", lines[at])
        if head is None:
            raise ValueError("the section stands there in another shape")
        dash = _dash_of(text)
        deeper = " " * (len(head[1]) + (dash if isinstance(way[-1], int) else _INDENT))
        new = [deeper + line for line in _fresh(way[-1], value, dash, flow=False).splitlines(keepends=True)]
        return "".join([*lines[:at], head[1] + head[2] + head[3], *new, *lines[at + 1 :]])
    if way[0] in (document.data or {}) or isinstance(way[-1], int):
        raise ValueError("the section stands there in another shape")
    nested: Any = value
    for key in reversed(way[1:]):
        nested = {key: nested}
    return text + "\n" + _fresh(way[0], nested, _dash_of(text), flow=False)


def _extent(lines: Sequence[str], document: files.Document, way: Way) -> tuple[int, int, int]:
    """First line, line after the last, and column of an entry; ValueError when it shares its line with others."""
    start = document.lines[way] - 1
    line = lines[start]
    column = len(line) - len(line.lstrip(" "))
    begins = "- " if isinstance(way[-1], int) else rf"""["']?{re.escape(way[-1])}["']?\s*:"""
    if not re.match(begins, line[column:]):
        raise ValueError("does not begin its line")
    end = start + 1
    while end < len(lines):
        here = lines[end]
        indent = len(here) - len(here.lstrip(" "))
        listed = indent == column and here.lstrip().startswith("- ") and not isinstance(way[-1], int)
        if here.strip() and not here.lstrip().startswith("#") and indent <= column and not listed:
            break
        end += 1
    while end > start + 1 and _belongs_to_the_next(lines[end - 1], column):
        end -= 1
    return start, end, column


def _moved(line: str, column: int) -> str:
    """A line further to the left, by as much as it has room."""
    return line[min(column, len(line) - len(line.lstrip(" "))) :]


def _belongs_to_the_next(line: str, column: int) -> bool:
    bare = line.strip()
    return not bare or (bare.startswith("#") and len(line) - len(line.lstrip(" ")) <= column)


def _is_flow(lines: Sequence[str], document: files.Document, way: Way) -> bool:
    return lines[document.lines[way] - 1].split(":", 1)[1].lstrip().startswith("{")


def _dash_of(text: str) -> int:
    """How far the dashes of a list stand to the right of its key here."""
    found = _DASH.search(text)
    return _INDENT if found is None else max(0, len(found.group(2)) - len(found.group(1)))


def _edited(block: str, key: str | int, value: Any, dash: int) -> str:
    """A block ``key: ...`` or ``- ...`` with another value; what is the same in both keeps its comments and quotes."""
    yaml = _yaml(0 if isinstance(key, int) else dash)
    root = yaml.load(block)
    here = 0 if isinstance(key, int) else key
    root[here] = _merged(root[here], value)
    return _dumped(yaml, root)


def _fresh(key: str | int, value: Any, dash: int, *, flow: bool) -> str:
    """A block that nobody has written before."""
    if isinstance(key, int):
        return _dumped(_yaml(0), [_made(value, flow=flow)])
    return _dumped(_yaml(dash), _made({key: _made(value, flow=flow)}, flow=False, shallow=True))


def _whole(text: str, document: files.Document, way: Way, value: Any) -> str:
    """The whole file anew: comments and order stay, spacing within lines may not."""
    yaml = _yaml(_dash_of(text))
    root = yaml.load(text)
    if root is None:
        return text + _dumped(yaml, _made(_with({}, way, value), flow=False))
    place: Any = root
    for key, after in pairwise(way):
        wanted: Any = [] if isinstance(after, int) else {}
        if not isinstance(place.get(key), type(wanted)):
            place[key] = _made(wanted, flow=False)
        place = place[key]
    if value is None:
        del place[way[-1]]
        here = _with(document.data, way, None)
        for depth in range(len(way) - 1, 0, -1):  # an empty section says nothing
            inner = here
            for key in way[:depth]:
                inner = inner[key]
            if inner:
                break
            outer = root
            for key in way[: depth - 1]:
                outer = outer[key]
            outer[way[depth - 1]] = _made(inner, flow=True)
    elif isinstance(way[-1], int) and way[-1] == len(place):
        place.fa.set_block_style()
        place.append(_made(value, flow=False))
    elif isinstance(way[-1], int):
        place[way[-1]] = _merged(place[way[-1]], value)
    else:
        place[way[-1]] = _merged(place.get(way[-1]), value)
    return _dumped(yaml, root)


# -- ruamel.yaml ------------------------------------------------------------------------------------------------------


def _yaml(dash: int) -> Any:
    """A reader and writer that takes every plain scalar as it stands: what it means is our own reader's business."""
    from ruamel.yaml import YAML  # noqa: PLC0415  # only when somebody writes
    from ruamel.yaml.nodes import ScalarNode  # noqa: PLC0415
    from ruamel.yaml.resolver import VersionedResolver  # noqa: PLC0415

    class AsItStands(VersionedResolver):
        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            if kind is ScalarNode:
                return self.DEFAULT_SCALAR_TAG
            return super().resolve(kind, value, implicit)

    yaml = YAML()
    yaml.Resolver = AsItStands
    yaml.preserve_quotes = True
    yaml.width = 110
    yaml.brace_single_entry_mapping_in_flow_sequence = True
    yaml.indent(mapping=_INDENT, sequence=dash + 2, offset=dash)
    return yaml


def _dumped(yaml: Any, data: Any) -> str:
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()


def _merged(old: Any, new: Any) -> Any:
    """The new value, in the old one's clothes where they fit."""
    if isinstance(old, dict) and isinstance(new, Mapping):
        for key in [key for key in old if key not in new]:
            del old[key]
        for key, value in new.items():
            old[key] = _merged(old[key], value) if key in old else _made(value, flow=_flow_of(old))
        return old
    if isinstance(old, list) and isinstance(new, Sequence) and not isinstance(new, str):
        for index in range(len(old) - 1, len(new) - 1, -1):
            del old[index]
        for index, value in enumerate(new):
            if index < len(old):
                old[index] = _merged(old[index], value)
            else:
                old.append(_made(value, flow=_flow_of(old)))
        return old
    if not isinstance(old, dict | list) and not isinstance(new, Mapping | list) and _meant(old) == new:
        return old
    return _made(new, flow=False)


def _flow_of(old: Any) -> bool:
    return bool(old.fa.flow_style())


def _meant(scalar: Any) -> Any:
    """What our own reader takes a scalar for."""
    from ruamel.yaml.scalarstring import ScalarString  # noqa: PLC0415

    if scalar is None:
        return None
    quoted = isinstance(scalar, ScalarString)
    return files.scalar(str(scalar), quoted=quoted)


def _made(value: Any, *, flow: bool, shallow: bool = False) -> Any:
    """Plain data as ruamel wants it; lists of plain things stand on one line."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq  # noqa: PLC0415
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString, PlainScalarString  # noqa: PLC0415

    if isinstance(value, Mapping):
        made = CommentedMap()
        for key, item in value.items():
            made[key] = item if shallow else _made(item, flow=flow)
        if flow:
            made.fa.set_flow_style()
        return made
    if isinstance(value, list | tuple):
        listed = CommentedSeq([_made(item, flow=True) for item in value])
        if flow or not any(isinstance(item, Mapping | list | tuple) for item in value):
            listed.fa.set_flow_style()
        return listed
    if isinstance(value, str):
        plain = files.scalar(value, quoted=False) == value and _PLAIN.fullmatch(value) is not None
        return PlainScalarString(value) if plain else DoubleQuotedScalarString(value)
    words = {None: "null", True: "true", False: "false"}
    return PlainScalarString(words[value] if value is None or isinstance(value, bool) else repr(value))
