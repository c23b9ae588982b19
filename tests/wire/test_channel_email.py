"""Mail through a real SMTP server (aiosmtpd): encryption, login, refusals, attachments."""

from __future__ import annotations

import email
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from gateway.errors import Broken, DeliveryError, Retry, Uncertain, Undeliverable
from gateway.model import Severity
from gateway.notify.channels import email as mail
from tests.channels import PNG, SECRET, channel, notice, secret_file
from tests.servers import free_port, tool


class Box:
    """Keeps what it gets; refuses what it is told to refuse."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.got: list[Envelope] = []
        self.names: list[str] = []
        self.handle_EHLO, self.handle_MAIL = self._ehlo, self._mail  # as aiosmtpd calls them
        self.handle_RCPT, self.handle_DATA = self._rcpt, self._data

    async def _ehlo(
        self, _server: SMTP, session: Session, _envelope: Envelope, name: str, said: list[str]
    ) -> list[str]:
        session.host_name = name
        self.names.append(name)
        return said

    async def _mail(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.answers.get("mail", "250 OK")

    async def _rcpt(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.answers.get("rcpt", "250 OK")

    async def _data(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        self.got.append(envelope)
        return self.answers.get("data", "250 OK: queued as 4711")

    def message(self) -> EmailMessage:
        content = self.got[-1].content
        assert isinstance(content, bytes)
        parsed = email.message_from_bytes(content, policy=default)
        assert isinstance(parsed, EmailMessage)
        return parsed


class Server(Controller):
    """With implicit TLS the handshake begins at once."""

    def __init__(self, *args: Any, implicit: ssl.SSLContext | None = None, **more: Any) -> None:
        super().__init__(*args, ssl_context=implicit, **more)


@contextmanager
def serving(box: Box, **more: Any) -> Iterator[int]:
    server = Server(box, hostname="127.0.0.1", port=free_port(), **more)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    folder = tmp_path_factory.mktemp("tls")
    key, pem = folder / "key.pem", folder / "certificate.pem"
    words = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    words += [
        "-keyout",
        str(key),
        "-out",
        str(pem),
        "-subj",
        "/CN=127.0.0.1",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ]
    subprocess.run([tool("openssl"), *words], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return pem, context


def let_in(_server: Any, _session: Any, _envelope: Any, mechanism: str, data: Any) -> AuthResult:
    del mechanism
    return AuthResult(success=data.password == SECRET.encode(), handled=False)


def test_a_message_arrives_with_its_picture_and_a_name_that_stays_the_same(tmp_path: Path) -> None:
    box = Box()
    with serving(box) as port:
        far = channel("email", tmp_path, port)
        first = far.deliver(notice("email", picture=PNG, severity=Severity.RED))
        second = far.deliver(notice("email"))
    assert first.state == "accepted"
    assert first.words == "OK: queued as 4711"
    assert first.provider_id == second.provider_id == str(box.message()["Message-ID"])
    box.got.pop()
    message = box.message()
    assert message["Subject"] == "【六合村】3号桶已满"
    assert message["Importance"] == "high"
    assert message["Auto-Submitted"] == "auto-generated"
    body, (picture,) = message.get_body(), list(message.iter_attachments())
    assert body is not None
    assert body.get_content().splitlines() == ["3号桶 91 %，请于今天清运。"]
    assert picture.get_content_type() == "image/png"
    assert picture.get_content() == PNG
    assert box.got[-1].rcpt_tos == ["li@example.com"]
    assert box.names[-1] == "[127.0.0.1]"


@pytest.mark.filterwarnings(
    "ignore:Requiring AUTH while not requiring TLS:UserWarning"
)  # it does not see implicit TLS
@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_the_password_goes_out_only_to_who_proves_himself(
    security: str, tmp_path: Path, certificate: tuple[Path, ssl.SSLContext]
) -> None:
    pem, context = certificate
    tls = {"implicit": context} if security == "tls" else {"tls_context": context, "require_starttls": True}
    box = Box()
    known = {"security": security, "username": "gateway", "password_file": secret_file(tmp_path)}
    with serving(
        box, authenticator=let_in, auth_required=True, auth_require_tls=security == "starttls", **tls
    ) as port:
        channel("email", tmp_path, port, ca_file=pem, **known).deliver(notice("email"))
        assert len(box.got) == 1
        with pytest.raises(Broken, match="certificate"):
            channel("email", tmp_path, port, **known).deliver(notice("email"))
        wrong = {**known, "password_file": secret_file(tmp_path, "wr0ng-passw0rd", "wrong")}
        with pytest.raises(Broken, match="535") as caught:
            channel("email", tmp_path, port, ca_file=pem, **wrong).deliver(notice("email"))
        assert "wr0ng" not in f"{caught.value!r} {caught.value.__cause__!r}"
        gone = {**known, "password_file": str(tmp_path / "gone")}
        with pytest.raises(Broken, match=r"gone.*cannot be read"):
            channel("email", tmp_path, port, ca_file=pem, **gone).deliver(notice("email"))
        assert len(box.got) == 1


def test_a_server_without_starttls_gets_nothing(tmp_path: Path) -> None:
    box = Box()
    with serving(box) as port, pytest.raises(Broken, match="STARTTLS"):
        channel("email", tmp_path, port, security="starttls").deliver(notice("email"))
    assert box.got == []


def test_a_password_never_goes_over_an_open_line() -> None:
    with pytest.raises(ValueError, match="open line"):
        mail.Settings(host="h", sender="a@b.cn", security="none", username="u", password_file="p")
    with pytest.raises(ValueError, match="go together"):
        mail.Settings(host="h", sender="a@b.cn", username="u")


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"mail": "553 not your address"}, Broken),
        ({"mail": "451 later"}, Retry),
        ({"rcpt": "550 no such user"}, Undeliverable),
        ({"rcpt": "450 greylisted"}, Retry),
        ({"data": "554 looks like spam"}, Undeliverable),
        ({"data": "452 disk full"}, Retry),
    ],
)
def test_a_reply_means_what_its_number_says(
    answers: dict[str, str], error: type[DeliveryError], tmp_path: Path
) -> None:
    box = Box(**answers)
    with serving(box) as port, pytest.raises(DeliveryError) as caught:
        channel("email", tmp_path, port).deliver(notice("email"))
    assert type(caught.value) is error
    assert next(iter(answers.values())) in str(caught.value)


def up_to_data(then: bytes | None) -> Callable[[Any], None]:
    """A server that takes the whole message and then goes without a word, or with these."""

    def answer(connection: Any) -> None:
        connection.sendall(b"250 scripted\r\n")
        for reply in (b"250 OK\r\n", b"250 OK\r\n", b"354 go on\r\n"):
            connection.recv(65536)
            connection.sendall(reply)
        heard = b""
        while not heard.endswith(b"\r\n.\r\n"):
            heard += connection.recv(65536)
        if then is not None:
            connection.sendall(then)

    return answer


@contextmanager
def speaking(answer: Callable[[Any], None]) -> Iterator[int]:
    """Greets first, as SMTP servers do, reads one line and then follows the script."""

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(5)
                connection.sendall(b"220 scripted\r\n")
                connection.recv(65536)
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_a_server_that_goes_after_the_text_may_have_it(tmp_path: Path) -> None:
    with speaking(up_to_data(None)) as port, pytest.raises(Uncertain):
        channel("email", tmp_path, port).deliver(notice("email"))


def test_what_follows_an_acceptance_changes_nothing(tmp_path: Path) -> None:
    with speaking(up_to_data(b"250 OK id=9\r\n")) as port:
        assert channel("email", tmp_path, port).deliver(notice("email")).words == "OK id=9"


def test_a_server_that_drips_is_left_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "TOTAL_S", 0.3)

    def drip(connection: Any) -> None:
        for byte in b"250-" + b"x" * 200:
            try:
                connection.sendall(bytes([byte]))
            except OSError:
                return
            time.sleep(0.02)

    began = time.monotonic()
    with speaking(drip) as port, pytest.raises(Retry):
        channel("email", tmp_path, port).deliver(notice("email"))
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("greeting", [b"554 go away\r\n", b"421 busy\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_a_greeting_that_is_none_is_tried_again(greeting: bytes, tmp_path: Path) -> None:

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(greeting)
                connection.recv(100)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(Retry):
            channel("email", tmp_path, listener.getsockname()[1]).deliver(notice("email"))
        thread.join()


def test_a_text_that_would_write_headers_writes_none(tmp_path: Path) -> None:
    box = Box()
    with serving(box) as port:
        far = channel("email", tmp_path, port)
        far.deliver(notice("email", subject="x\r\nBcc: all@example.com", text="a\x00b\n.\r\nQUIT\r\nc"))
    assert box.message()["Bcc"] is None
    assert box.message()["Subject"] == "【六合村】x Bcc: all@example.com"
    body = box.message().get_body()
    assert body is not None
    assert body.get_content().splitlines() == ["ab", ".", "QUIT", "c"]
