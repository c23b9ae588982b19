"""A file of recorded readings, or what is piped in; packed with gzip or not.

Streams: a file of any length takes the memory of one line. What cannot be understood is told with its line and counted,
and the rest is read. Nothing here knows the flags of the grader; a value that is no number is MISSING with its reason.
"""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from gateway.errors import Fault, SettingsError
from gateway.model import Reading
from gateway.quantities import Quantities
from gateway.recorded.layout import Bad, Layout
from gateway.recorded.lines import json_lines
from gateway.recorded.table import csv_rows

GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def opened(path: str) -> Iterator[TextIO]:
    """A file, or ``-`` for what comes in, as text; unpacked when its first two bytes say gzip.

    Raises:
        SettingsError: It cannot be opened.
    """
    with ExitStack() as stack:
        try:
            raw = sys.stdin.buffer if path == "-" else stack.enter_context(Path(path).open("rb"))
            buffered = io.BufferedReader(raw)  # type: ignore[type-var]  # anything that reads bytes will do
            packed = buffered.peek(2)[:2] == GZIP_MAGIC
        except OSError as error:
            raise SettingsError(Fault(path, 0, "", f"cannot be read ({error.strerror})")) from error
        binary = gzip.GzipFile(fileobj=buffered) if packed else buffered
        yield stack.enter_context(
            io.TextIOWrapper(binary, encoding="utf-8-sig", errors="replace", newline="")
        )


def read(
    text: Iterable[str], name: str, layout: Layout, quantities: Quantities
) -> Iterator[list[Reading] | Bad]:
    """The readings of a file, row by row.

    Args:
        text: Its lines.
        name: For messages.
        layout: How to read it.
        quantities: What can be measured, and in which unit.

    Raises:
        SettingsError: The header has no time or nothing that is measured.
    """
    lines = iter(text)
    first = next(lines, "")
    form = layout.form or ("jsonl" if first.lstrip().startswith("{") else "csv")
    whole = _chained(first, lines)
    if form == "jsonl":
        yield from json_lines(whole, layout)
    else:
        yield from csv_rows(whole, name, layout, quantities)


def _chained(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest
