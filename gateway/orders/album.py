"""The pictures of orders: ``<state>/orders/<order>/<digest>.jpg``, cleaned, readable by the daemon's user alone."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from pathlib import Path

from gateway.errors import OrderRefused, Unavailable
from gateway.orders.picture import Picture, cleaned
from gateway.terms import OrderSettings

_NAME = re.compile(r"[0-9a-f]{16}\.(jpg|png)")
MEDIA = {"jpg": "image/jpeg", "png": "image/png"}


class Album:
    """A folder of pictures.

    Args:
        folder: Made when the first one is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @staticmethod
    def clean(raw: bytes, settings: OrderSettings) -> Picture:
        """See :func:`gateway.orders.picture.cleaned`."""
        return cleaned(raw, settings.largest_photo)

    def keep(self, order: int, picture: Picture) -> str:
        """Put it on the disk; its name, the same for the same picture. Raises Unavailable."""
        name = f"{sha256(picture.content).hexdigest()[:16]}.{picture.kind}"
        folder = self._folder / str(order)
        path, part = folder / name, folder / f".{name}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(picture.content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            raise Unavailable(f"the picture could not be kept: {error.strerror}") from error
        return name

    def look(self, order: int, name: str) -> tuple[bytes, str]:
        """A picture and what it is. Raises OrderRefused when there is none."""
        if _NAME.fullmatch(name):
            try:
                content = (self._folder / str(order) / name).read_bytes()
            except OSError:
                content = b""
            if content:
                return content, MEDIA[name.rpartition(".")[2]]
        raise OrderRefused("unknown", "no_photo")
