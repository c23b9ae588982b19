"""A picture that somebody hands in: what it is by its own bytes, where it was taken, and nothing else of him. Pure.

::

    JPEG   FFD8 | segment* | FFDA head data (FFDA head data)* | FFD9    segment = FF marker, length (2), content
    PNG    89504E470D0A1A0A | chunk*                                    chunk = length (4), name (4), content, CRC (4)

A telephone writes its make, its owner's settings and a thumbnail into APP1; the place is read from there and the
segment left out, except which way up the picture is. What stands behind the end of the picture (a film of some
telephones) is left out as well.

Sources: ITU-T T.81 annex B; Exif 2.32 (CIPA DC-008) 4.6; PNG (W3C, third edition) 5 and 11.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gateway.errors import OrderRefused

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
MOST_PIXELS = 100_000_000  # what opens to more is meant to fill a memory
_KEPT_APPS = frozenset({0xE0, 0xE2, 0xEE})  # JFIF, colour profile, Adobe's colour transform
_KEPT_CHUNKS = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"pHYS"}
)
_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_ORIENTATION, _GPS = 0x0112, 0x8825
_LAT_REF, _LAT, _LON_REF, _LON = 1, 2, 3, 4
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8}
_MOST_ENTRIES = 200


@dataclass(frozen=True, slots=True)
class Picture:
    """A clean picture.

    Attributes:
        kind: By its own bytes.
        content: To be kept.
        place: Where it was taken, degrees north and east; unset: it does not say.
    """

    kind: Literal["jpg", "png"]
    content: bytes
    place: tuple[float, float] | None


def cleaned(raw: bytes, most_bytes: int) -> Picture:
    """The picture without what it says about its owner.

    Raises:
        OrderRefused: Too large, neither JPEG nor PNG, or broken.
    """
    if len(raw) > most_bytes:
        raise OrderRefused("bad", "photo_large", most=round(most_bytes / 1e6, 1))
    try:
        if raw.startswith(JPEG):
            return _jpeg(raw)
        if raw.startswith(PNG):
            return _png(raw)
    except (struct.error, IndexError, ValueError) as error:
        raise OrderRefused("bad", "photo_broken") from error
    raise OrderRefused("bad", "photo_kind")


def _jpeg(raw: bytes) -> Picture:
    kept, exif, place = [raw[:2]], b"", None
    at, frame = 2, False
    while True:
        marker, start, end = _segment(raw, at)
        content = raw[start:end]
        if marker == 0xE1 and content.startswith(b"Exif\x00\x00"):
            exif = exif or content[6:]
        elif marker in _KEPT_APPS or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            if marker in _FRAMES:
                _look_at_size(*reversed(struct.unpack(">HH", content[1:5])))
                frame = True
            kept.append(raw[at:end])
        at = end
        if marker == 0xDA:
            break
    if not frame:
        raise ValueError("no picture before its data")
    stop = _end_of(raw, at)
    if exif:
        turned, place = _exif(exif)
        if turned != 1:
            kept.insert(1, _orientation(turned))
    return Picture("jpg", b"".join(kept) + raw[at:stop], place)


def _segment(raw: bytes, at: int) -> tuple[int, int, int]:
    """Marker, and where the content of a segment begins and ends."""
    while raw[at] == 0xFF and raw[at + 1] == 0xFF:  # fill bytes, T.81 B.1.1.2
        at += 1
    if raw[at] != 0xFF or raw[at + 1] in {0x00, 0xD8, 0xD9}:
        raise ValueError("no segment")
    length = int(struct.unpack(">H", raw[at + 2 : at + 4])[0])
    if length < 2 or at + 2 + length > len(raw):
        raise ValueError("a segment ends behind the file")
    return raw[at + 1], at + 4, at + 2 + length


def _end_of(raw: bytes, at: int) -> int:
    """Behind the end mark; further scans of a progressive picture stand in between."""
    while (at := raw.find(b"\xff", at)) >= 0:
        following = raw[at + 1]
        if following == 0xD9:
            return at + 2
        if following == 0x00 or 0xD0 <= following <= 0xD7 or following == 0xFF:
            at += 1 if following == 0xFF else 2
        else:
            at = _segment(raw, at)[2]
    raise ValueError("it has no end")


def _orientation(turned: int) -> bytes:
    """An Exif segment that says which way up the picture is, and nothing else."""
    tiff = b"MM\x00\x2a\x00\x00\x00\x08" + struct.pack(">HHHIHHI", 1, _ORIENTATION, 3, 1, turned, 0, 0)
    content = b"Exif\x00\x00" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content


def _png(raw: bytes) -> Picture:
    kept, place, at, name = [raw[:8]], None, 8, b""
    while name != b"IEND":
        (length,) = struct.unpack(">I", raw[at : at + 4])
        name, content = raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length]
        crc = struct.unpack(">I", raw[at + 8 + length : at + 12 + length])[0]
        if crc != zlib.crc32(name + content):
            raise ValueError("a chunk is damaged")
        if len(kept) == 1 and name != b"IHDR":
            raise ValueError("it does not begin with its head")
        if name == b"IHDR":
            _look_at_size(*struct.unpack(">II", content[:8]))
        if name == b"eXIf":
            place = _exif(content)[1]
        if name in _KEPT_CHUNKS:
            kept.append(raw[at : at + 12 + length])
        at += 12 + length
    return Picture("png", b"".join(kept), place)


def _look_at_size(width: int, height: int) -> None:
    if not 0 < width * height <= MOST_PIXELS:
        raise ValueError("it has no size, or is larger than any camera's")


def _exif(tiff: bytes) -> tuple[int, tuple[float, float] | None]:
    """Which way up (1 to 8) and where; what cannot be read is not known."""
    try:
        order = {b"II": "<", b"MM": ">"}[tiff[:2]]
        first = struct.unpack(f"{order}I", tiff[4:8])[0]
        root = dict(_entries(tiff, order, first))
        turned = int(struct.unpack(f"{order}H", root[_ORIENTATION][:2])[0]) if _ORIENTATION in root else 1
        place = None
        if _GPS in root:
            gps = dict(_entries(tiff, order, struct.unpack(f"{order}I", root[_GPS][:4])[0]))
            place = _place(gps, order)
    except (struct.error, KeyError, IndexError, ZeroDivisionError):
        return 1, None
    return (turned if 1 <= turned <= 8 else 1), place


def _entries(tiff: bytes, order: str, at: int) -> Iterator[tuple[int, bytes]]:
    """Tag and value of each entry of a directory."""
    count = struct.unpack(f"{order}H", tiff[at : at + 2])[0]
    for index in range(min(count, _MOST_ENTRIES)):
        start = at + 2 + 12 * index
        tag, kind, number = struct.unpack(f"{order}HHI", tiff[start : start + 8])
        size = _SIZES.get(kind, 1) * number
        where = start + 8 if size <= 4 else struct.unpack(f"{order}I", tiff[start + 8 : start + 12])[0]
        yield tag, tiff[where : where + size]


def _place(gps: dict[int, bytes], order: str) -> tuple[float, float] | None:
    north = _degrees(gps[_LAT], order) * (-1 if gps[_LAT_REF][:1] == b"S" else 1)
    east = _degrees(gps[_LON], order) * (-1 if gps[_LON_REF][:1] == b"W" else 1)
    if not (-90 <= north <= 90 and -180 <= east <= 180) or (north, east) == (0.0, 0.0):
        return None  # 0, 0 is what a telephone without satellites writes
    return round(north, 6), round(east, 6)


def _degrees(value: bytes, order: str) -> float:
    """Degrees, minutes, seconds as three fractions."""
    numbers = struct.unpack(f"{order}6I", value[:24])
    degrees, minutes, seconds = (
        numbers[at] / numbers[at + 1] if numbers[at + 1] else float(numbers[at]) for at in (0, 2, 4)
    )
    return float(degrees + minutes / 60 + seconds / 3600)
