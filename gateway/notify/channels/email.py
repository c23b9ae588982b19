"""Mail, through the SMTP server of a provider or of one's own.

::

    channels:
      mail:
        type: email
        host: smtp.example.com
        security: tls                  # tls (port 465, default), starttls (587) or none (25)
        sender: alarm@example.com
        username: alarm@example.com
        password_file: mail-password

The certificate is always verified, and a password never goes over an open line. The same notice has the same
Message-ID, so that a double can be recognised; the picture is attached. Orange and red are marked as urgent.

Sources: RFC 5321 (replies: 4xx passes, 5xx stays), RFC 8314 (port 465 is preferred), RFC 3834 (Auto-Submitted).
"""

from __future__ import annotations

import hashlib
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from gateway.contracts import ChannelContext, Delivered
from gateway.errors import Broken, DeliveryError, Retry, Uncertain, Undeliverable
from gateway.model import Notice, Severity
from gateway.notify.picture import kind_of
from gateway.notify.picture import problem as picture_problem
from gateway.notify.provider import distrust, needed_secret
from gateway.notify.text import fit, headline, plain
from gateway.schema import Strict

STEP_S = 15.0  # longest wait for one reply
TOTAL_S = 60.0  # longest time for everything, however slowly the replies drip
ROOM_BYTES = 64 * 1024
SUBJECT_BYTES = 200
PICTURE_BYTES = 5 * 1024 * 1024
_PORTS = {"tls": 465, "starttls": 587, "none": 25}
_ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$"
_PASSING = 500  # a reply below it is a "not now"


class Settings(Strict):
    """One server.

    Attributes:
        host: Its name.
        port: Default by ``security``.
        security: ``tls`` from the first byte, ``starttls``, or ``none`` for a server on this machine or network.
        sender: Our own address.
        username: If the server asks for one.
        password_file: File with the password (of QQ, 163 and the like: the authorisation code).
        ca_file: Certificates to trust instead of the system's.
    """

    host: str = Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")
    port: int | None = Field(default=None, ge=1, le=65535)
    security: Literal["tls", "starttls", "none"] = "tls"
    sender: str = Field(pattern=_ADDRESS)
    username: str | None = Field(default=None, pattern=r"^[\x20-\x7e]{1,256}$")
    password_file: str | None = None
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username: and password_file: go together")
        if self.username is not None and self.security == "none":
            raise ValueError("a password does not go over an open line; write security: tls or starttls")
        return self


class Channel:
    """The server; each message has a connection of its own."""

    def __init__(self, settings: Settings, context: ChannelContext) -> None:
        self._settings = settings
        self._context = context

    def unfit(self, notice: Notice) -> str:
        """An address is a mail address in ASCII."""
        return "" if re.fullmatch(_ADDRESS, notice.to) else f"{notice.to!r} is no mail address"

    def deliver(self, notice: Notice) -> Delivered:
        """See :class:`gateway.contracts.Channel`; a picture that cannot be attached is left out and said so."""
        if problem := self.unfit(notice):
            raise Undeliverable(problem)
        message, note = self._message(notice)
        with self._session() as session:
            _expect(session.mail(self._settings.sender), Broken)
            _expect(session.rcpt(notice.to), Undeliverable)
            try:
                words = _expect(session.data(message.as_bytes()), Undeliverable)
            except smtplib.SMTPDataError as error:  # it does not want to hear the message at all
                raise _judged(error.smtp_code, error.smtp_error, Undeliverable) from error
            except (OSError, smtplib.SMTPException) as error:
                raise Uncertain(f"{self._settings.host}: {_in_words(error)}") from error
        return Delivered(message["Message-ID"], words + note)

    def close(self) -> None:
        """Nothing stays open."""

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        """An open, encrypted, logged-in session that ends in time."""
        settings = self._settings
        sock: socket.socket | None = None
        spare: socket.socket | None = None
        session: smtplib.SMTP | None = None
        watch: threading.Timer | None = None
        try:
            address = settings.host, settings.port or _PORTS[settings.security]
            sock = socket.create_connection(address, timeout=STEP_S)
            spare = sock.dup()
            watch = threading.Timer(TOTAL_S, _cut, (spare,))
            watch.daemon = True
            watch.start()
            if settings.security == "tls":
                sock = self._trust().wrap_socket(sock, server_hostname=settings.host)
            session = smtplib.SMTP(local_hostname=_literal(sock), timeout=STEP_S)
            session.sock = sock
            self._open(session, sock)
            yield session
            with suppress(OSError, smtplib.SMTPException):
                session.quit()
        except ssl.SSLCertVerificationError as error:
            raise distrust(f"{settings.host}: {error.verify_message}") from error
        except smtplib.SMTPNotSupportedError as error:
            raise Broken(f"{settings.host}: {error}; is security: right?") from error
        except smtplib.SMTPResponseException as error:
            raise _judged(error.smtp_code, error.smtp_error, Broken) from error
        except (OSError, smtplib.SMTPException) as error:
            raise Retry(f"{settings.host}: {_in_words(error)}") from error
        finally:
            if watch is not None:
                watch.cancel()
            for end in (session, spare, sock):
                if end is not None:
                    end.close()

    def _open(self, session: smtplib.SMTP, sock: socket.socket) -> None:
        """Greeting, encryption, name and password."""
        settings = self._settings
        _expect(session.getreply(), Retry)
        if settings.security == "starttls":
            _expect(session.ehlo(), Broken)
            if not session.has_extn("starttls"):
                raise Broken(f"{settings.host} offers no STARTTLS; is security: right?")
            _expect(session.docmd("STARTTLS"), Broken)
            if session.file is not None:
                session.file.close()
            session.sock = self._trust().wrap_socket(sock, server_hostname=settings.host)
            session.file = None  # what came before the encryption is forgotten (RFC 3207 4.2)
            session.esmtp_features = {}
        _expect(session.ehlo(), Broken)
        if settings.username is not None and settings.password_file is not None:
            password = needed_secret(settings.password_file, "password_file")
            session.login(settings.username, password.reveal())

    def _trust(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._settings.ca_file)
        except OSError as error:
            raise Broken(f"ca_file: {self._settings.ca_file} cannot be used ({error.strerror})") from error

    def _message(self, notice: Notice) -> tuple[EmailMessage, str]:
        """The mail, and a note when the picture is not in it."""
        message = EmailMessage(policy=SMTP)
        message["From"] = self._settings.sender
        message["To"] = notice.to
        message["Subject"] = fit(headline(notice, self._context), SUBJECT_BYTES, self._context.language)
        message["Date"] = format_datetime(self._context.clock.now())
        name = hashlib.sha256(f"{notice.id}\n{notice.to}".encode()).hexdigest()[:32]
        message["Message-ID"] = f"<{name}@{self._settings.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        if notice.severity >= Severity.ORANGE:
            message["X-Priority"] = "1"
            message["Importance"] = "high"
        text = plain(notice.text).strip() or plain(notice.subject)
        message.set_content(fit(text, ROOM_BYTES, self._context.language), cte="base64")
        for paper in notice.papers:
            main, _, kind = paper.type.partition("/")
            message.add_attachment(paper.data, maintype=main, subtype=kind, filename=paper.name)
        if notice.picture is None:
            return message, ""
        if problem := picture_problem(notice.picture, PICTURE_BYTES):
            return message, f"; picture: {problem}"
        kind, end = kind_of(notice.picture) or ("jpeg", "jpg")
        message.add_attachment(notice.picture, maintype="image", subtype=kind, filename=f"picture.{end}")
        return message, ""


def _expect(reply: tuple[int, bytes], otherwise: type[DeliveryError]) -> str:
    """The words of a good reply; raises what a bad one means."""
    code, words = reply
    if not 200 <= code < 300:
        raise _judged(code, words, otherwise)
    return _plain(words)


def _judged(code: int, words: bytes | str, otherwise: type[DeliveryError]) -> DeliveryError:
    said = f"{code} {_plain(words)}"
    return Retry(said) if code < _PASSING else otherwise(said)


def _plain(words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return " ".join(plain(text, lines=False).split())[:300]


def _cut(sock: socket.socket) -> None:
    """Wakes whoever waits for it."""
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _literal(sock: socket.socket) -> str:
    """Our name in the greeting: an address, because a box in a village has no name (RFC 5321 4.1.3)."""
    address = sock.getsockname()[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _in_words(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "no answer in time"
        case socket.gaierror():
            return f"the name cannot be looked up ({error.strerror})"
        case OSError() if error.strerror and not isinstance(error, smtplib.SMTPException):
            return error.strerror
        case _:
            return _plain(str(error)) or type(error).__name__
