"""The committed dashboards, fitted to one site: cells to choose from, devices by the names people know. Pure."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

SOURCE_UID = "village-influxdb"


def fitted(
    board: Mapping[str, Any],
    *,
    site: str,
    cells: Mapping[str, tuple[str, Sequence[str]]],
    names: Mapping[str, str],
) -> dict[str, Any]:
    """A dashboard for one site.

    Args:
        board: As it is committed.
        site: Slug of the site; chosen when the dashboard opens.
        cells: Slug of a cell -> what people call it, and the devices in it and below it.
        names: Device -> what people call it.
    """
    own = copy.deepcopy(dict(board))
    for variable in own["templating"]["list"]:
        if variable["name"] == "source":
            variable["current"] = {"selected": True, "text": SOURCE_UID, "value": SOURCE_UID}
        elif variable["name"] == "site":
            variable["current"] = {"selected": True, "text": [site], "value": [site]}
        elif variable["name"] == "cell" and cells:
            _choose(variable, cells)
    for panel in own["panels"]:
        if "fieldConfig" in panel:
            panel["fieldConfig"]["overrides"] = [
                *(_named(slug, name) for slug, name in sorted(names.items()) if name and name != slug),
                *panel["fieldConfig"].get("overrides", ()),
            ]
    return own


def _choose(variable: dict[str, Any], cells: Mapping[str, tuple[str, Sequence[str]]]) -> None:
    every = variable["current"]["text"]
    options = [{"selected": True, "text": every, "value": "$__all"}]
    written = []
    for slug, (title, devices) in cells.items():
        chosen = "|".join(re.escape(device).replace("\\-", "-") for device in devices)
        if chosen:
            label = _plain(title or slug)
            options.append({"selected": False, "text": label, "value": chosen})
            written.append(f"{label} : {chosen}")
    variable["options"], variable["query"] = options, ",".join(written)


def _plain(label: str) -> str:
    """A label without the two signs that Grafana's list of choices is written with."""
    return label.replace(",", " ").replace(":", " ").strip()


def _named(slug: str, name: str) -> dict[str, Any]:
    return {
        "matcher": {"id": "byName", "options": slug},
        "properties": [{"id": "displayName", "value": name}],
    }
