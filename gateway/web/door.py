"""Where a server is, and how it knows us: address, user, password file, certificates."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from gateway.credentials import Secret, read_secret
from gateway.errors import Misconfigured, SettingsError
from gateway.schema import Strict


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not url.isascii():
        raise ValueError(f"{url!r} is no address; write e.g. https://influx.example:8086")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address holds no password; write username: and password_file:")
    if parts.query or parts.fragment:
        raise ValueError("an address ends before ? and #")
    if parts.port == 0:
        raise ValueError("port 0 is no port")
    return url.rstrip("/")


Url = Annotated[str, AfterValidator(_checked_url)]


class Door(Strict):
    """Where a server is and how it knows us.

    Attributes:
        url: Scheme, host and port, e.g. ``http://127.0.0.1:8086``.
        username: For HTTP Basic.
        password_file: File with the password.
        ca_file: Certificates to trust instead of the system's.
    """

    url: Url
    username: str | None = Field(default=None, pattern=r"^[^:\x00-\x1f]+$")
    password_file: str | None = None
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username: and password_file: go together")
        return self


class Credentials:
    """The header that opens the door; read from the file when it is first needed, and again after a refusal."""

    def __init__(self, username: str | None, password_file: str | None) -> None:
        self._username = username
        self._password_file = password_file
        self._header: dict[str, str] | None = None

    def headers(self) -> Mapping[str, str]:
        """HTTP Basic, or nothing. Raises Misconfigured when the file is not as it should be."""
        if self._username is None or self._password_file is None:
            return {}
        if self._header is None:
            pair = f"{self._username}:{needed_secret(self._password_file, 'password_file').reveal()}"
            basic = base64.b64encode(pair.encode()).decode("ascii")
            self._header = {"Authorization": f"Basic {basic}"}
        return self._header

    def forget(self) -> None:
        """Read the file again: it may have been changed since."""
        self._header = None


def needed_secret(name: str, key: str) -> Secret:
    """A secret without which nothing can be sent; raises Misconfigured in the words of the fault."""
    try:
        return read_secret(name, key)
    except SettingsError as error:
        raise Misconfigured(str(error)) from error
