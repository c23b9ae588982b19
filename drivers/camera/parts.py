"""An endless multipart answer, cut into its parts wherever the network cuts it.

::

    --boundary CRLF  headers CRLF  CRLF  body CRLF  --boundary ...

Cameras are loose with it: an empty line before the headers, a body longer or shorter than its ``Content-Length``, line
ends of LF alone, a boundary told with or without its two dashes, no line end before the next boundary. A body therefore
ends at its announced length if a boundary follows there, else at the next boundary.

Source: RFC 2046 5.1.1 for the form; the habits: see ``drivers/isapi.py`` and ``drivers/dahua.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.errors import BadReply

LARGEST_TEXT = 256 * 1024  # an alarm with twenty regions is 6 kB
LARGEST_PICTURE = 8 * 1024 * 1024
LARGEST_HEADERS = 8 * 1024
_EMPTY = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class Part:
    """One part.

    Attributes:
        kind: Its content type without parameters, in small letters; empty when it did not say.
        body: Its content; of a picture nothing is kept.
        size: Of the content as it came.
    """

    kind: str
    body: bytes
    size: int


def boundary_of(content_type: str) -> bytes:
    """The boundary out of the answer's content type.

    Raises:
        BadReply: It is no multipart answer.
    """
    kind, _, rest = content_type.partition(";")
    found = re.search(r'boundary\s*=\s*(?:"([^"]+)"|([^;\s]+))', rest, re.IGNORECASE)
    if not kind.strip().lower().startswith("multipart/") or found is None:
        raise BadReply(f"answers with {kind.strip()[:60] or 'nothing'} instead of a stream of alarms")
    text = found.group(1) or found.group(2)
    return b"--" + text.removeprefix("--").encode("latin-1", "replace")


class Parts:
    """Takes bytes, gives parts.

    Args:
        boundary: With its two dashes.
        closing: What a text ends with; a part is told as soon as that has come, whatever length was announced. An
            alarm must not wait for the boundary of the next heartbeat.
    """

    def __init__(self, boundary: bytes, closing: bytes = b"") -> None:
        self._boundary = boundary
        self._closing = closing
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[Part]:
        """The parts that these bytes complete.

        Raises:
            BadReply: One is too large; whoever sends that is no camera.
        """
        self._held += data
        while True:
            part, used = self._next()
            del self._held[:used]
            if part is None:
                return
            if part.size:
                yield part

    def _next(self) -> tuple[Part | None, int]:
        """The next whole part and how many bytes it and what lies before it take."""
        held = self._held
        start = held.find(self._boundary)
        if start < 0:
            return None, max(0, len(held) - len(self._boundary))
        after = start + len(self._boundary)
        begin = after
        while begin < len(held) and held[begin] in b"\r\n ":  # also an empty line where there should be none
            begin += 1
        if held[after : after + 2] == b"--":
            begin = after + 2
        ends = _EMPTY.search(held, begin)
        if ends is None:
            if len(held) - start > LARGEST_HEADERS:
                raise BadReply("the headers of a part are too large")
            return None, start
        headers = _headers(bytes(held[begin : ends.start()]))
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        end = self._closed(ends.end()) if "xml" in kind or not kind else None
        if end is None:
            end = self._end(ends.end(), headers.get("content-length", ""))
        limit = LARGEST_PICTURE if kind.startswith("image/") else LARGEST_TEXT
        if (end if end is not None else len(held)) - ends.end() > limit:
            raise BadReply(f"a part of {kind or 'no kind'} is larger than {limit} bytes")
        if end is None:
            return None, start
        body = bytes(held[ends.end() : end]).strip(b"\r\n")
        return Part(kind, b"" if kind.startswith("image/") else body, len(body)), end

    def _closed(self, begin: int) -> int | None:
        found = self._held.find(self._closing, begin) if self._closing else -1
        following = self._held.find(self._boundary, begin)
        return found + len(self._closing) if found >= 0 and not 0 <= following < found else None

    def _end(self, begin: int, length: str) -> int | None:
        """Where the body ends; ``None`` while that has not come yet."""
        if length.isdecimal() and len(length) < 10:
            end = begin + int(length)
            following = bytes(self._held[end : end + len(self._boundary) + 4]).lstrip(b"\r\n")
            if len(self._held) < end:
                early = self._held.find(self._boundary, begin) if int(length) > LARGEST_PICTURE else -1
                return early if early >= 0 else None
            if following.startswith(self._boundary) or self._boundary.startswith(following):
                return end
        found = self._held.find(self._boundary, begin)
        return found if found >= 0 else None


def _headers(block: bytes) -> Mapping[str, str]:
    pairs = (line.partition(":") for line in block.decode("latin-1").splitlines())
    return {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}
