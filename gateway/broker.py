"""Which MQTT broker, who we are there, and how the way to it is encrypted."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from gateway.credentials import secret_path
from gateway.errors import Lost
from gateway.schema import Duration, Strict, duration


class Tls(Strict):
    """Encryption to the broker; TLS 1.2 or newer, the broker's name is always checked.

    Attributes:
        ca: PEM file of the authority that signed the broker's certificate; unset: the system's own list.
        cert: PEM file with our certificate, if the broker wants one.
        key: PEM file with its private key; readable by its owner only.
    """

    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    @model_validator(mode="after")
    def _pair(self) -> Tls:
        if (self.cert is None) != (self.key is None):
            raise ValueError("cert and key belong together; write both or none")
        return self


class BrokerSettings(Strict):
    """Which broker, and who we are there.

    Attributes:
        host: Name or address of the broker.
        port: Default 1883, with ``tls`` 8883.
        protocol: ``5`` or ``3.1.1``.
        client_id: Stable, unique at the broker; default ``village-<site>-<source>``.
        username: If the broker asks for one.
        password_file: File that holds the password; its owner alone may read it. A bare name is a systemd credential
            (``LoadCredential=``).
        tls: Encryption; ``tls: {}`` trusts the system's authorities.
        keepalive: A dead connection is noticed within twice this time.
        inflight: Most messages that the broker sends ahead of our acknowledgement (MQTT 5; for 3.1.1 the broker's own
            ``max_inflight_messages`` decides, 20 unless the shipped drop-in is in place).
    """

    host: str = Field(default="127.0.0.1", min_length=1, max_length=253)
    port: int | None = Field(default=None, ge=1, le=65535)
    protocol: Annotated[Literal["5", "3.1.1"], BeforeValidator(str)] = "5"
    client_id: str | None = Field(default=None, min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_.:-]+$")
    username: str | None = Field(default=None, min_length=1, max_length=128)
    password_file: str | None = None
    tls: Tls | None = None
    keepalive: Duration = Field(default=duration("30s"))
    inflight: int = Field(default=500, ge=1, le=65535)

    @model_validator(mode="after")
    def _makes_sense(self) -> BrokerSettings:
        if self.password_file is not None and self.username is None:
            raise ValueError("password_file is of no use without username")
        if not 5 <= self.keepalive.total_seconds() <= 3600:
            raise ValueError("keepalive is between 5s and 1h")
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port or (8883 if self.tls else 1883)


class TlsContext(ssl.SSLContext):
    """Remembers its socket, because paho lets go of it without closing when the handshake fails."""

    last: ssl.SSLSocket | None = None

    def wrap_socket(self, *args: Any, **more: Any) -> ssl.SSLSocket:
        """As always."""
        self.last = super().wrap_socket(*args, **more)
        return self.last


def tls_context(settings: Tls) -> TlsContext:
    """What TLS settings mean.

    Raises:
        Lost: A file is missing, is no certificate, or others may read the private key; in words.
    """
    try:
        context = TlsContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and name
        if settings.ca is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(settings.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.cert is not None and settings.key is not None:
            key = secret_path(settings.key)
            if str(key) == settings.key:  # systemd guards its own folder
                _refuse_shared(key)
            context.load_cert_chain(settings.cert, key)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(name for name in (settings.ca, settings.cert, settings.key) if name)
        raise Lost(f"TLS files cannot be used ({files}): {error}") from error
    return context


def _refuse_shared(path: Path) -> None:
    mode = path.stat().st_mode
    if mode & (stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH):
        raise Lost(f"{path} can be read by others (mode {stat.S_IMODE(mode):04o}); chmod 600 {path}")
