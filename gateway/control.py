"""Where a running daemon lives, and asking it over its local socket."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
from pathlib import Path
from typing import Any

from gateway.errors import Fault, SettingsError, Unavailable
from gateway.site import site_file

SOCKET_NAME = "control.sock"
ANSWER_LIMIT_BYTES = 16 * 1024 * 1024


def add_state(parser: argparse.ArgumentParser) -> None:
    """The option that names the state folder; several commands have it."""
    parser.add_argument(
        "--state", type=Path, help="state folder (default: $STATE_DIRECTORY, else SITE/state)"
    )


def add_asking(what: Any, name: str, text: str) -> argparse.ArgumentParser:
    """A sub-command that asks the daemon of a site: which site, which state folder.

    Args:
        what: Sub-parsers of the command.
        name: Of the sub-command.
        text: Its help.
    """
    one: argparse.ArgumentParser = what.add_parser(name, help=text)
    one.add_argument("--site", type=Path, metavar="DIR", default=Path(), help="folder with village.yaml")
    add_state(one)
    return one


def state_dir(state: Path | None, site: Path) -> Path:
    """Where the journal lies: what was said, else what systemd says, else beside the site."""
    if state is not None:
        return state
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(given) if given else site_file(site).parent / "state"


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask(
    state: Path,
    path: str,
    *,
    method: str = "",
    body: Any = None,
    form: tuple[str, bytes] | None = None,
    timeout_s: float = 10.0,
) -> Any:
    """One question to the daemon whose state folder this is.

    Args:
        state: The folder.
        path: What is asked.
        method: GET by default, POST with a body.
        body: Sent as JSON.
        form: Sent as it is: its content type and its bytes.
        timeout_s: Longest wait.

    Raises:
        Unavailable: No daemon answers there.
        SettingsError: It answers that a file must be mended.
    """
    connection = _UnixConnection(state / SOCKET_NAME, timeout_s)
    try:
        raw = None if body is None else json.dumps(body).encode()
        kind = {} if raw is None else {"Content-Type": "application/json"}
        if form is not None:
            kind, raw = {"Content-Type": form[0]}, form[1]
        connection.request(method or ("GET" if raw is None else "POST"), path, raw, kind)
        reply = connection.getresponse()
        answer = json.loads(reply.read(ANSWER_LIMIT_BYTES))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unavailable(f"no gateway answers at {state / SOCKET_NAME} ({error}); is it running?") from error
    finally:
        connection.close()
    if reply.status == http.client.UNPROCESSABLE_ENTITY:
        raise SettingsError(*(Fault("", 0, "", text) for text in answer.get("faults") or [answer["error"]]))
    if reply.status != http.client.OK:
        raise Unavailable(f"the gateway answered {reply.status}: {answer.get('error', '')}")
    return answer
