"""Passwords and tokens: read from files only, and never shown.

A settings file names the file, never the secret itself. Under systemd the file comes from ``LoadCredential`` and lies
in ``$CREDENTIALS_DIRECTORY``; a bare name is looked up there.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gateway.errors import Fault, SettingsError

LARGEST_SECRET_BYTES = 4096  # a token is about a hundred bytes; a larger file is the wrong file
_UNIT_ID = "village"  # as in systemd/village-gateway.service
_FOLDER = "CREDENTIALS_DIRECTORY"  # systemd.exec(5), "CREDENTIALS"


class Secret:
    """A text that shows itself only to who asks for it by name; logs and error messages get ``***``."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself; only where it goes onto the wire."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def secret_path(name: str | Path) -> Path:
    """Where a secret lies: an absolute path as it is, a bare name in ``$CREDENTIALS_DIRECTORY`` (else right here).

    The unit loads a whole folder (``LoadCredential=village:/etc/village/credentials``); systemd then puts the id and an
    underscore before each file's name.
    """
    path = Path(name)
    folder = os.environ.get(_FOLDER)
    if path.is_absolute() or not folder:
        return path
    of_the_unit = Path(folder) / f"{_UNIT_ID}_{path}"
    return of_the_unit if of_the_unit.exists() else Path(folder) / path


def read_secret(name: str | Path, key: str = "") -> Secret:
    """Read one secret: the first and only line of a file that nobody else can read.

    Args:
        name: Absolute path, or the name of a systemd credential.
        key: The key that names it in the site file, for messages.

    Raises:
        SettingsError: It is absent, readable by others, too long, empty, or not one line of text.
    """
    path = secret_path(name)
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            raw = file.read(LARGEST_SECRET_BYTES + 1)
    except OSError as error:
        remedy = f"put the secret into that file, or name a credential that is in ${_FOLDER}"
        raise SettingsError(Fault(str(path), 0, key, f"cannot be read ({error.strerror})", remedy)) from error
    if mode & _forbidden(path):
        raise SettingsError(
            Fault(str(path), 0, key, f"others can read it (mode {mode:04o})", f"chmod 600 {path}")
        )
    try:
        text = raw.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise SettingsError(Fault(str(path), 0, key, "is not UTF-8 text")) from error
    if not text or len(raw) > LARGEST_SECRET_BYTES or not text.isprintable():
        remedy = f"one line of at most {LARGEST_SECRET_BYTES} bytes"
        raise SettingsError(Fault(str(path), 0, key, "does not hold a password or token", remedy))
    return Secret(text)


def _forbidden(path: Path) -> int:
    """Mode bits that must not be set; systemd guards its own folder and may set the group bit for an ACL there."""
    folder = os.environ.get(_FOLDER)
    guarded = bool(folder) and path.parent == Path(folder or "")
    return stat.S_IRWXO if guarded else stat.S_IRWXG | stat.S_IRWXO
