"""How large a picture is, from the first bytes of its file; nothing is decoded."""

from __future__ import annotations

import struct
from pathlib import Path

_PNG = b"\x89PNG\r\n\x1a\n"
_FRAMES = frozenset(
    {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
)  # SOF0..15 without DHT, JPG, DAC (ITU-T T.81 B.1.1.3)
_LOOKED_AT_BYTES = 256 * 1024  # a JPEG may begin with a preview


def size_of(path: Path) -> tuple[int, int] | None:
    """Width and height of a PNG or JPEG; None for anything else and for what cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(_LOOKED_AT_BYTES)
    except OSError:
        return None
    if head.startswith(_PNG) and head[12:16] == b"IHDR" and len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])  # PNG 11.2.2
        return width, height
    return _jpeg(head) if head.startswith(b"\xff\xd8") else None


def _jpeg(head: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4], "big")
        if marker == 0xFF:
            at += 1
        elif marker in _FRAMES:
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return width, height
        else:
            at += 2 + length
    return None
