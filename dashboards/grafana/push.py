"""Dashboards, data source and alerting into a running Grafana over HTTP; what is there already is left as it is.

Through the package ``grafana-api`` (an extra), of which only the raw calls are used: it knows neither data sources by
uid nor alert provisioning. Calls and their answers: Grafana 13's HTTP API reference (folder, dashboard, data source by
uid, alerting provisioning); numeric ids are refused there by default (storage-and-dashboards 3.1, 3.3).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

FOLDER_UID = "village"
EDITABLE = {
    "X-Disable-Provenance": "true"
}  # so that people may change what was pushed in Grafana's own pages
_OWN = frozenset({"id", "version"})  # a dashboard's fields that the server alone writes
_NOT_THERE = 404


class Calls(Protocol):
    """The raw calls of ``grafana_api``'s ``GrafanaFace.api``; each raises with ``status_code`` and ``message``."""

    def GET(self, path: str) -> Any: ...  # noqa: N802, D102 - the package's names
    def POST(self, path: str, json: Any = None, headers: Any = None) -> Any: ...  # noqa: N802, D102
    def PUT(self, path: str, json: Any = None, headers: Any = None) -> Any: ...  # noqa: N802, D102


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one thing.

    Attributes:
        what: e.g. ``dashboard village-bins``.
        became: ``created``, ``changed``, ``unchanged`` or ``refused``.
        why: The server's words when it refused.
    """

    what: str
    became: str
    why: str = ""


class Grafana:
    """One Grafana.

    Args:
        calls: See :class:`Calls`.
        faults: The package's exceptions for answers of 400 and more, and for no answer.
    """

    def __init__(self, calls: Calls, faults: tuple[type[Exception], ...]) -> None:
        self._calls = calls
        self._faults = faults

    def folder(self, title: str) -> Done:
        """The folder all dashboards lie in."""
        return self._kept(
            f"folder {FOLDER_UID}",
            f"/folders/{FOLDER_UID}",
            {"uid": FOLDER_UID, "title": title},
            same=("title",),
            create=lambda wanted: self._calls.POST("/folders", json=wanted),
            change=lambda wanted: self._calls.PUT(
                f"/folders/{FOLDER_UID}", json={"title": wanted["title"], "overwrite": True}
            ),
        )

    def source(self, wanted: Mapping[str, Any]) -> Done:
        """The data source; its secret is written anew each time, since no server gives one back."""
        uid = wanted["uid"]
        same = (
            tuple(key for key in wanted if key != "secureJsonData")
            if not wanted.get("secureJsonData")
            else ()
        )
        return self._kept(
            f"data source {uid}",
            f"/datasources/uid/{quote(uid)}",
            dict(wanted),
            same=same,
            create=lambda body: self._calls.POST("/datasources", json=body),
            change=lambda body: self._calls.PUT(f"/datasources/uid/{quote(uid)}", json=body),
        )

    def dashboard(self, board: Mapping[str, Any]) -> Done:
        """One dashboard by its uid."""
        what, uid = f"dashboard {board['uid']}", board["uid"]

        def save(_: Any) -> Any:
            body = {"dashboard": {**board, "id": None}, "folderUid": FOLDER_UID, "overwrite": True}
            return self._calls.POST("/dashboards/db", json=body)

        try:
            there = self._there(f"/dashboards/uid/{quote(uid)}")
            if there is not None and _without(there.get("dashboard", {}), _OWN) == _without(board, _OWN):
                return Done(what, "unchanged")
            save(board)
        except self._faults as error:
            return _refused(what, error)
        return Done(what, "created" if there is None else "changed")

    def contact(self, wanted: Mapping[str, Any]) -> Done:
        """The contact point that hands Grafana's alerts to the gateway; there is no call for a single one."""
        what, uid = f"contact point {wanted['name']}", wanted["uid"]
        try:
            known = self._calls.GET("/v1/provisioning/contact-points")
            there = next((one for one in known if one.get("uid") == uid), None)
            if there is None:
                self._calls.POST("/v1/provisioning/contact-points", json=dict(wanted), headers=EDITABLE)
                return Done(what, "created")
            # secrets come back as [REDACTED]: whether they are the same cannot be known, so it is written anew
            self._calls.PUT(
                f"/v1/provisioning/contact-points/{quote(uid)}", json=dict(wanted), headers=EDITABLE
            )
        except self._faults as error:
            return _refused(what, error)
        return Done(what, "changed")

    def rule(self, wanted: Mapping[str, Any]) -> Done:
        """One alert rule of Grafana's own."""
        uid = wanted["uid"]
        return self._kept(
            f"alert rule {uid}",
            f"/v1/provisioning/alert-rules/{quote(uid)}",
            dict(wanted),
            same=tuple(wanted),
            create=lambda body: self._calls.POST("/v1/provisioning/alert-rules", json=body, headers=EDITABLE),
            change=lambda body: self._calls.PUT(
                f"/v1/provisioning/alert-rules/{quote(uid)}", json=body, headers=EDITABLE
            ),
        )

    def _kept(
        self,
        what: str,
        path: str,
        wanted: dict[str, Any],
        *,
        same: tuple[str, ...],
        create: Callable[[dict[str, Any]], Any],
        change: Callable[[dict[str, Any]], Any],
    ) -> Done:
        try:
            there = self._there(path)
            if there is None:
                create(wanted)
                return Done(what, "created")
            if same and all(_agrees(there.get(key), wanted[key]) for key in same):
                return Done(what, "unchanged")
            change(wanted)
        except self._faults as error:
            return _refused(what, error)
        return Done(what, "changed")

    def _there(self, path: str) -> Any:
        try:
            return self._calls.GET(path)
        except self._faults as error:
            if getattr(error, "status_code", None) == _NOT_THERE:
                return None
            raise


def _agrees(there: Any, wanted: Any) -> bool:
    """Whether what is there says all that is wanted; servers add fields of their own."""
    if isinstance(wanted, Mapping):
        return isinstance(there, Mapping) and all(
            _agrees(there.get(key), value) for key, value in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        return (
            isinstance(there, list | tuple)
            and len(there) == len(wanted)
            and all(_agrees(*pair) for pair in zip(there, wanted, strict=True))
        )
    return bool(there == wanted)


def _without(data: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in keys}


def _refused(what: str, error: Exception) -> Done:
    """The server's words, shortened, in one line."""
    status = getattr(error, "status_code", None)
    words = str(getattr(error, "message", "") or error)
    text = " ".join(words.split())[:300]
    return Done(
        what, "refused", f"{status}: {text}" if status is not None and str(status) not in text else text
    )


def rendered(board: Mapping[str, Any]) -> str:
    """A dashboard as a file."""
    return json.dumps(board, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
