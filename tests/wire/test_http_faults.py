"""What a far end can do wrong, over real sockets: each fault means one thing to the forwarder, by either API."""

from __future__ import annotations

import contextlib
import gzip
import logging
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.contracts import Entry, SinkContext
from gateway.errors import Misconfigured, Refused, StoreError, TooLarge, Unavailable
from gateway.model import Reading
from gateway.site import load_quantities
from gateway.store.influx2 import Influx2
from gateway.store.sinks import influxdb
from gateway.web.post import Server
from tests.servers import free_port
from tests.wire.scripted import Answer, cut, dripped, mute, raw, read_request, replied, scripted

AT = datetime(2026, 7, 18, 4, 0, tzinfo=UTC)
TOKEN = "s3cret-t0ken"
ENTRIES = [Entry(n, Reading("bin-1/fill", float(n), AT + timedelta(seconds=n), AT)) for n in range(3)]
HEAD = b"HTTP/1.1 204 No Content\r\nDate: Sat, 18 Jul 2026 04:00:00 GMT\r\n\r\n"
Build = Callable[..., influxdb.Sink]


@pytest.fixture(params=["v1", "v2"])
def build(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Build]:
    """A sink of either API with a secret, impatient enough for a test."""
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text(TOKEN, encoding="utf-8")
    built: list[influxdb.Sink] = []

    def sink_to(url: str, ca_file: Path | None = None) -> influxdb.Sink:
        keys = (
            {"database": "village", "username": "gateway", "password_file": str(secret)}
            if request.param == "v1"
            else {"api": "v2", "org": "o", "bucket": "village", "token_file": str(secret)}
        )
        far = influxdb.Settings.model_validate({"url": url, "ca_file": ca_file, **keys})
        sink = influxdb.Sink(far, SinkContext("far", "liuhe", load_quantities(), ManualClock(AT), tmp_path))
        writer = sink._writer
        if isinstance(writer, Influx2):
            writer._total_s = 1.0
        else:
            assert isinstance(writer, influxdb.V1Writer)
            assert isinstance(writer._server, Server)
            writer._server._total_s = 1.0
        built.append(sink)
        return sink

    yield sink_to
    for sink in built:
        sink.close()


def fault(build: Build, *answers: Answer) -> StoreError:
    """What one send raises against such a far end; the next one must pass."""
    with scripted(*answers) as server:
        sink = build(server.url)
        with pytest.raises(StoreError) as caught:
            sink.send(ENTRIES)
        sink.send(ENTRIES)
        sink.close()
    assert TOKEN not in str(caught.value)
    return caught.value


def test_lines_arrive_compressed_with_the_precision_and_the_secret_in_a_header(build: Build) -> None:
    with scripted() as server:
        sink = build(server.url)
        sink.send(ENTRIES)
        sink.send(ENTRIES)
        sink.close()
        head, _, body = server.heard[0].partition(b"\r\n\r\n")
        assert server.connections == 1  # kept alive
    first = head.split(b"\r\n")[0].decode()
    assert "precision=ms" in first
    assert TOKEN not in first
    assert b"uthorization:" in head
    assert gzip.decompress(body).decode().splitlines() == [
        f"waste_bin,site=liuhe,device=bin-1 fill={n}.0,fill_q=2.0 {1784347200000 + n * 1000}"
        for n in range(3)
    ]


def test_a_refused_connection_is_no_loss(build: Build) -> None:
    sink = build(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match="refused"):
        sink.send(ENTRIES)


def test_a_name_that_cannot_be_looked_up_is_no_loss(build: Build) -> None:
    with pytest.raises(Unavailable):
        build("http://absent.invalid:8086").send(ENTRIES)


def test_a_reset_in_the_middle_of_the_answer_is_no_loss(build: Build) -> None:
    partial = b'HTTP/1.1 400 Bad Request\r\nContent-Length: 500\r\n\r\n{"error":"unab'
    assert isinstance(fault(build, cut(partial)), Unavailable)


def test_an_answer_that_never_comes_ends_with_the_time(build: Build) -> None:
    began = time.monotonic()
    assert isinstance(fault(build, mute(1.5)), Unavailable)
    assert time.monotonic() - began < 4


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 Busy\r\nContent-Length: 400\r\n\r\n" + b"x" * 400,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"y" * 400,
    ],
)
def test_an_answer_that_drips_ends_with_the_time(build: Build, answer: bytes) -> None:
    began = time.monotonic()
    assert isinstance(fault(build, dripped(answer, 0.02)), Unavailable)
    assert time.monotonic() - began < 6


def test_a_huge_answer_is_read_only_so_far(build: Build) -> None:
    body = b"z" * 3_000_000
    error = fault(build, raw(b"HTTP/1.1 500 Oops\r\nContent-Length: 3000000\r\n\r\n" + body))
    assert isinstance(error, Unavailable)
    assert len(str(error)) < 400


def test_nonsense_is_no_loss(build: Build) -> None:
    assert isinstance(fault(build, cut(b"220 mail.example ESMTP\r\n\r\n")), Unavailable)


def test_400_for_the_whole_is_refused_in_the_servers_words(build: Build) -> None:
    error = fault(
        build, replied(400, b'{"error":"unable to parse \'x\'","code":"invalid","message":"unable to parse"}')
    )
    assert isinstance(error, Refused)
    assert error.culprits is None
    assert "unable to parse" in str(error)


def test_400_partial_is_refused_and_known_exactly_when_everything_was_dropped(build: Build) -> None:
    some = b'{"error":"partial write: points beyond retention policy dropped=1"}'
    error = fault(build, replied(400, some))
    assert isinstance(error, Refused)
    assert error.culprits is None
    everything = b'{"error":"partial write: points beyond retention policy dropped=3"}'
    error = fault(build, replied(400, everything))
    assert isinstance(error, Refused)
    assert sorted(error.culprits or {}) == [0, 1, 2]


def test_422_is_refused(build: Build) -> None:
    words = (
        b'{"code":"unprocessable entity","message":"failure writing points: field type conflict dropped=3"}'
    )
    error = fault(build, replied(422, words))
    assert isinstance(error, Refused)
    assert "field type conflict" in str(error)


def test_413_is_too_large(build: Build) -> None:
    assert isinstance(fault(build, replied(413, b'{"error":"Request Entity Too Large"}')), TooLarge)


@pytest.mark.parametrize("status", [401, 403, 404, 405, 410])
def test_a_door_that_stays_shut_keeps_everything(build: Build, status: int) -> None:
    error = fault(build, replied(status, b'{"code":"unauthorized","message":"unauthorized access"}'))
    assert isinstance(error, Misconfigured)
    assert "unauthorized access" in str(error)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("Retry-After: 7", timedelta(seconds=7)),
        ("Retry-After: 86400", timedelta(minutes=5)),
        ("Retry-After: Sat, 18 Jul 2026 04:00:30 GMT", timedelta(seconds=30)),
        ("Retry-After: Sat, 18 Jul 2026 03:00:30 GMT", timedelta(0)),
        ("Retry-After: soon", None),
        ("Server: busy", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_says_how_long_to_wait(
    build: Build, header: str, wait: timedelta | None, status: int
) -> None:
    error = fault(build, replied(status, b"busy", header))
    assert isinstance(error, Unavailable)
    assert error.retry_after == wait


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_secret_goes_nowhere(build: Build, status: int) -> None:
    with scripted() as thief:
        error = fault(build, replied(status, b"", f"Location: {thief.url}/write?db=village"))
        assert thief.heard == []
        assert thief.connections == 0
    assert isinstance(error, Misconfigured)
    assert f"sends us on to {thief.url}" in str(error)


def test_a_login_page_is_no_success(build: Build) -> None:
    error = fault(build, replied(200, b"<html>Welcome to the village WiFi</html>", "Content-Type: text/html"))
    assert isinstance(error, Misconfigured)
    assert "Welcome" in str(error)


def test_a_connection_that_went_stale_is_opened_again_at_once(build: Build) -> None:
    with scripted(cut(HEAD)) as server:
        sink = build(server.url)
        sink.send(ENTRIES)
        time.sleep(0.05)  # the far end has closed by now; that is what is tested
        sink.send(ENTRIES)
        sink.close()
        assert server.connections == 2


def test_close_wakes_a_send_that_hangs(build: Build) -> None:
    with scripted(mute(3)) as server:
        sink = build(server.url)
        errors: list[Exception] = []

        def send() -> None:
            try:
                sink.send(ENTRIES)
            except StoreError as error:
                errors.append(error)

        thread = threading.Thread(target=send)
        thread.start()
        while not server.heard:
            time.sleep(0.01)
        sink.close()
        thread.join(3)
        assert len(errors) == 1
        assert isinstance(errors[0], Unavailable)
        with pytest.raises(Unavailable, match="closed"):
            sink.send(ENTRIES)


def test_no_secret_is_logged(build: Build, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        fault(build, replied(401, b'{"message":"authorization failed"}'))
        fault(build, cut(b""))
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("vouched", [False, True])
def test_a_certificate_decides_whether_the_secret_goes_out(
    build: Build, tmp_path: Path, *, vouched: bool
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with (
                connection,
                contextlib.suppress(OSError),
                context.wrap_socket(connection, server_side=True) as tls,
            ):
                heard.append(read_request(tls))
                tls.sendall(HEAD)
                tls.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        sink = build(f"https://127.0.0.1:{listener.getsockname()[1]}", certificate if vouched else None)
        if vouched:
            sink.send(ENTRIES)
        else:
            with pytest.raises(Misconfigured, match="certificate"):
                sink.send(ENTRIES)
        sink.close()
        thread.join()
    assert any(b"uthorization" in request for request in heard) is vouched


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "influx:8086", "database": "d"}, "is no address"),
        ({"url": "http://u:p@influx", "database": "d"}, "no password"),
        ({"url": "http://influx/?db=x", "database": "d"}, "ends before"),
        ({"url": "http://influx"}, "needs database"),
        ({"url": "http://influx", "database": "d", "username": "u"}, "go together"),
        ({"url": "http://influx", "database": "d", "token_file": "t"}, "belong to api: v2"),
        ({"url": "http://influx", "api": "v2", "org": "o"}, "needs org:, bucket: and token_file:"),
        (
            {
                "url": "http://influx",
                "api": "v2",
                "org": "o",
                "bucket": "b",
                "token_file": "t",
                "database": "d",
            },
            "belong to api: v1",
        ),
    ],
)
def test_settings_that_cannot_work_say_why(settings: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        influxdb.Settings.model_validate(settings)


def test_the_client_library_reads_back_what_it_wrote(tmp_path: Path) -> None:
    """The query API of 2.x, played by a script: annotated CSV as its documents show it."""
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text(TOKEN, encoding="utf-8")

    def table(value: str) -> bytes:
        return (
            "#datatype,string,long,dateTime:RFC3339,double,string,string,string\r\n"
            "#group,false,false,false,false,true,true,true\r\n#default,_result,,,,,,\r\n"
            ",result,table,_time,_value,_field,_measurement,site\r\n"
            f",,0,2026-07-18T04:00:00Z,{value},sink_check,gateway,liuhe\r\n\r\n"
        ).encode()

    def echo(connection: object) -> None:
        body = gzip.decompress(server.heard[1].partition(b"\r\n\r\n")[2]).decode()
        value = body.split("sink_check=")[1].split(" ")[0]
        replied(200, table(value), "Content-Type: text/csv")(connection)  # type: ignore[arg-type]

    far = {"api": "v2", "org": "o", "bucket": "village", "token_file": str(secret)}
    with scripted(replied(204), replied(204), echo) as server:
        settings = influxdb.Settings.model_validate({"url": server.url, **far})
        sink = influxdb.Sink(
            settings, SinkContext("far", "liuhe", load_quantities(), ManualClock(AT), tmp_path)
        )
        assert sink.check() == [(step, "ok") for step in ("credentials", "reach", "write", "read back")]
        assert b"/api/v2/query?org=o" in server.heard[2]
        sink.close()
    with scripted(replied(204), replied(204), replied(200, table("-1"), "Content-Type: text/csv")) as server:
        settings = influxdb.Settings.model_validate({"url": server.url, **far})
        sink = influxdb.Sink(
            settings, SinkContext("far", "liuhe", load_quantities(), ManualClock(AT), tmp_path)
        )
        assert sink.check()[-1] == ("read back", "the point just written is not there; read [-1.0]")
        sink.close()
