"""A far end that answers as Grafana 13 does: folders, data sources by uid, dashboards, alert provisioning.

By its HTTP API reference: 401 without a token, 404 for what is not there, 409 and 412 for what is there already, 422 for
what does not fit; numeric ids of data sources are refused (``datasourceLegacyIdApi`` is off since 13.0).
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "glsa_test"


class State:
    """What the server keeps, and what it was asked."""

    def __init__(self) -> None:
        self.folders: dict[str, dict[str, Any]] = {}
        self.sources: dict[str, dict[str, Any]] = {}
        self.boards: dict[str, dict[str, Any]] = {}
        self.contacts: dict[str, dict[str, Any]] = {}
        self.rules: dict[str, dict[str, Any]] = {}
        self.writes: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.refuse: dict[str, tuple[int, str]] = {}


class _Handler(BaseHTTPRequestHandler):
    state: State

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        path = self.path.removeprefix("/grafana").removeprefix("/api")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._say(401, {"message": "Invalid API key"})
        if self.command != "GET":
            self.state.writes.append((self.command, path))
            self.state.headers.append(dict(self.headers))
        for start, (status, words) in self.state.refuse.items():
            if f"{self.command} {path}".startswith(start):
                return self._say(status, {"message": words})
        return self._say(*self._answer(self.command, path, body))

    def _answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        match method, path.strip("/").split("/"):
            case "GET", ["folders", uid]:
                return _one(self.state.folders, uid, "folder not found")
            case "POST", ["folders"]:
                if body["uid"] in self.state.folders:
                    return 409, {"message": "a folder with the same uid already exists"}
                self.state.folders[body["uid"]] = {**body, "version": 1}
                return 200, self.state.folders[body["uid"]]
            case "PUT", ["folders", uid]:
                self.state.folders[uid] |= {"title": body["title"]}
                return 200, self.state.folders[uid]
            case _, ["datasources", number] if number.isdigit():
                return 403, {"message": "data source APIs with a numeric id are disabled"}
            case "GET", ["datasources", "uid", uid]:
                return _one(self.state.sources, uid, "Data source not found")
            case "POST", ["datasources"]:
                if body["uid"] in self.state.sources:
                    return 409, {"message": "data source with the same name already exists"}
                self.state.sources[body["uid"]] = _without_secret(body)
                return 200, {"message": "Datasource added"}
            case "PUT", ["datasources", "uid", uid]:
                self.state.sources[uid] = _without_secret(body)
                return 200, {"message": "Datasource updated"}
            case "GET", ["dashboards", "uid", uid]:
                return _one(self.state.boards, uid, "Dashboard not found")
            case "POST", ["dashboards", "db"]:
                return self._save(body)
            case "GET", ["v1", "provisioning", "contact-points"]:
                return 200, list(self.state.contacts.values())
            case "POST", ["v1", "provisioning", "contact-points"]:
                self.state.contacts[body["uid"]] = body
                return 202, body
            case "PUT", ["v1", "provisioning", "contact-points", uid]:
                self.state.contacts[uid] = body
                return 202, {"message": "contactpoint updated"}
            case "GET", ["v1", "provisioning", "alert-rules", uid]:
                return _one(self.state.rules, uid, "")
            case "POST", ["v1", "provisioning", "alert-rules"]:
                if body["folderUID"] not in self.state.folders:
                    return 400, {"message": "invalid alert rule: folder does not exist"}
                self.state.rules[body["uid"]] = {**body, "id": 1, "updated": "2026-11-28T00:00:00Z"}
                return 201, body
            case "PUT", ["v1", "provisioning", "alert-rules", uid]:
                self.state.rules[uid] = {**body, "id": 1}
                return 200, body
        return 404, {"message": "Not found"}

    def _save(self, body: Any) -> tuple[int, Any]:
        board = body["dashboard"]
        if body["folderUid"] not in self.state.folders:
            return 400, {"message": "folder not found"}
        there = self.state.boards.get(board["uid"])
        if there is not None and not body.get("overwrite"):
            return 412, {
                "status": "version-mismatch",
                "message": "The dashboard has been changed by someone else",
            }
        version = there["dashboard"]["version"] + 1 if there else 1
        self.state.boards[board["uid"]] = {"dashboard": {**board, "id": 7, "version": version}, "meta": {}}
        return 200, {"status": "success", "uid": board["uid"], "version": version}

    def _say(self, status: int, body: Any) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def _one(kept: dict[str, dict[str, Any]], uid: str, words: str) -> tuple[int, Any]:
    return (200, kept[uid]) if uid in kept else (404, {"message": words})


def _without_secret(body: dict[str, Any]) -> dict[str, Any]:
    """A secret goes in and never comes out."""
    return {key: value for key, value in body.items() if key != "secureJsonData"} | {
        "id": 3,
        "readOnly": False,
    }


@contextlib.contextmanager
def grafana() -> Iterator[tuple[str, State]]:
    """A running one: its address and what it keeps."""
    state = State()
    handler = type("Handler", (_Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
