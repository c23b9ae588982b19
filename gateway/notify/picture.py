"""What kind of picture some bytes are, and how a form carries it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

_KINDS = ((b"\xff\xd8\xff", "jpeg", "jpg"), (b"\x89PNG\r\n\x1a\n", "png", "png"))


def kind_of(picture: bytes) -> tuple[str, str] | None:
    """MIME subtype and ending of a JPEG or PNG by its first bytes; ``None`` for anything else."""
    return next(((kind, end) for magic, kind, end in _KINDS if picture.startswith(magic)), None)


def problem(picture: bytes, room: int) -> str:
    """Why a service that takes pictures of at most ``room`` bytes takes not this one; empty when it does."""
    if kind_of(picture) is None:
        return "is neither JPEG nor PNG"
    return f"has {len(picture)} bytes, at most {room} are taken" if len(picture) > room else ""


def form(fields: Mapping[str, str], name: str, picture: bytes) -> tuple[bytes, dict[str, str]]:
    """Body and header of a ``multipart/form-data`` request (RFC 7578) with one picture.

    Args:
        fields: Plain fields.
        name: Of the field that carries the picture.
        picture: JPEG or PNG.
    """
    kind, end = kind_of(picture) or ("octet-stream", "bin")
    boundary = f"village-{hashlib.sha256(picture).hexdigest()[:32]}"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'Content-Disposition: form-data; name="{name}"; filename="picture.{end}"\r\nContent-Type: image/{kind}'
    parts.append(f"--{boundary}\r\n{head}\r\n\r\n".encode() + picture + f"\r\n--{boundary}--\r\n".encode())
    return b"".join(parts), {"Content-Type": f"multipart/form-data; boundary={boundary}"}
