"""A form with files, as a browser posts it (RFC 7578): its fields and its files. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST_PARTS = 40
_BOUNDARY = re.compile(r'boundary="?([0-9A-Za-z\'()+_,./:=? -]{1,70})"?')
_NAME = re.compile(rb'\bname="([^"\r\n]{1,80})"')
_FILE = re.compile(rb'\bfilename\*?="?([^"\r\n]*)"?')


@dataclass(frozen=True, slots=True)
class Form:
    """What was posted.

    Attributes:
        fields: Texts by name; of several with one name the last.
        files: Contents by name, in order.
    """

    fields: Mapping[str, str]
    files: Mapping[str, Sequence[bytes]]


def read_form(content_type: str, raw: bytes) -> Form:
    """Take a form apart. Raises ValueError when it is none."""
    found = _BOUNDARY.search(content_type)
    if not content_type.startswith("multipart/form-data") or found is None:
        raise ValueError("is no form with files (multipart/form-data)")
    mark = b"\r\n--" + found.group(1).strip().encode("ascii")
    pieces = (b"\r\n" + raw).split(mark)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--") or len(pieces) > MOST_PARTS + 2:
        raise ValueError("the form has no end, or too many parts")
    fields: dict[str, str] = {}
    files: dict[str, list[bytes]] = {}
    for piece in pieces[1:-1]:
        head, gap, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if not gap or name is None:
            raise ValueError("a part of the form has no name")
        key = name.group(1).decode("utf-8", "replace")
        if _FILE.search(head):
            if content:  # a browser sends an empty file where none was chosen
                files.setdefault(key, []).append(content)
        else:
            fields[key] = content.decode("utf-8", "replace")
    return Form(fields, files)
