"""A far end that misbehaves as told, one answer for each request; raw sockets, because HTTP libraries behave too well."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Answer = Callable[[socket.socket], None]


@dataclass
class Scripted:
    port: int
    answers: list[Answer] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def scripted(*answers: Answer) -> Iterator[Scripted]:
    """Listens until the block ends; answers beyond the script are 204."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Scripted(listener.getsockname()[1], list(answers))
    ended = threading.Event()
    workers: list[threading.Thread] = []

    def accept() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            server.connections += 1
            worker = threading.Thread(target=serve, args=(connection,))
            workers.append(worker)
            worker.start()

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(0.1)
            while not ended.is_set():
                try:
                    request = read_request(connection)
                except TimeoutError:
                    continue
                if not request:
                    return
                server.heard.append(request)
                answer = server.answers.pop(0) if server.answers else replied(204)
                connection.settimeout(5)
                answer(connection)
                connection.settimeout(0.1)

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield server
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for worker in workers:
            worker.join()


def read_request(connection: socket.socket) -> bytes:
    """Head and body of one request; empty when the other side has gone."""
    data = connection.recv(65536)
    if not data:
        return b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ),
        0,
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def replied(status: int, body: bytes = b"", *headers: str) -> Answer:
    """An ordinary answer."""
    head = [f"HTTP/1.1 {status} Words", *headers]
    if status != 204:
        head.append(f"Content-Length: {len(body)}")
    return raw("\r\n".join(head).encode() + b"\r\n\r\n" + body)


def raw(data: bytes) -> Answer:
    """These bytes and nothing else."""
    return lambda connection: connection.sendall(data)


def cut(data: bytes) -> Answer:
    """These bytes, then a reset."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(data)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.close()

    return answer


def dripped(data: bytes, pause_s: float = 0.05) -> Answer:
    """One byte after the other."""

    def answer(connection: socket.socket) -> None:
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(pause_s)

    return answer


def mute(seconds: float) -> Answer:
    """Nothing for so long."""
    return lambda _: time.sleep(seconds)
