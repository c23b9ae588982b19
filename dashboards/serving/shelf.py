"""The files of the page: read once, squeezed once, asked for again with an ETag."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".LICENSE": "text/plain; charset=utf-8",
}
WORTH_SQUEEZING = 600  # bytes; below, the header of gzip eats what it saves
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One answer, ready to be sent.

    Attributes:
        body: As it is. packed: With gzip; empty when that is not worth it.
        etag: Quoted. media: Content type.
    """

    body: bytes
    packed: bytes
    etag: str
    media: str


def leaf(body: bytes, media: str, level: int = 6) -> Leaf:
    """Make an answer ready.

    Args:
        body: What it says.
        media: Content type.
        level: Of gzip, 1 fast to 9 small.
    """
    packed = (
        gzip.compress(body, level, mtime=0) if len(body) >= WORTH_SQUEEZING and media != "image/png" else b""
    )
    return Leaf(body, packed, f'"{hashlib.sha256(body).hexdigest()[:20]}"', media)


def answer(request: Request, found: Leaf, *, caching: str = "no-cache") -> Response:
    """Send it, or say that the browser has it already."""
    headers = {"ETag": found.etag, "Cache-Control": caching, "Vary": "Accept-Encoding"}
    if found.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    headers |= {"X-Content-Type-Options": "nosniff"}
    if found.media.startswith("text/html"):
        headers |= {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
    if found.packed and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.packed, media_type=found.media, headers=headers | {"Content-Encoding": "gzip"})
    return Response(found.body, media_type=found.media, headers=headers)


class Shelf:
    """The files of one folder, by name.

    Args:
        folder: Its root; nothing outside it is ever served, because only what was found in it at the start is known.
    """

    def __init__(self, folder: Path) -> None:
        self._paths = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix in TYPES
        }
        self._leaves: dict[str, tuple[int, Leaf]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._paths

    def get(self, name: str) -> Leaf:
        """One file; read again when it has changed.

        Raises:
            KeyError: There is no such file.
        """
        path = self._paths[name]
        changed = path.stat().st_mtime_ns
        have = self._leaves.get(name)
        if have is None or have[0] != changed:
            have = self._leaves[name] = (changed, leaf(path.read_bytes(), TYPES[path.suffix], 9))
        return have[1]
