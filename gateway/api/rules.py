"""The rules: which there are, what one says, whether it would be right, how often it would have fired."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway import files, pen
from gateway.api import edit
from gateway.api.asked import Asked, Refusal
from gateway.api.shapes import BOTH, INTEGER, OBJECT, SLUG_NAME, TEXT, TRUTH, listing, or_null, record, within
from gateway.api.table import Endpoint
from gateway.api.timeline import titles
from gateway.errors import Fault, SettingsError
from gateway.hindsight import hindsight
from gateway.model import AlertChange
from gateway.rulefiles import RULES, Written
from gateway.rules.explain import explained
from gateway.rules.plan import Plan, chosen
from gateway.rules.scenario import tell
from gateway.site import GATEWAY, Site, load_site
from gateway.store.accounts import Role
from gateway.store.journal import folder_of
from gateway.store.reader import Reader

OWN = "own.yaml"
LONGEST_S = 60.0  # a look back that takes longer is broken off


async def _rules(asked: Asked) -> Any:
    site = asked.house.site
    return [_rule_json(site, name, written) for name, written in site.rules.written.items()]


def _rule_json(site: Site, name: str, written: Written) -> dict[str, Any]:
    rule = written.rule
    return {
        "id": name,
        "title": titles(site, name),
        "judged": site.rules.judged(name),
        "severities": list(dict.fromkeys(step.severity.word for step in rule.all_steps())),
        "tell": list(rule.tell),
        "batch": rule.batch,
        "latch": rule.latch,
        "own": written.path.parent == site.path.parent / RULES,
        "placeholder": rule.placeholder,
        "source": rule.source,
    }


async def _rule(asked: Asked) -> Any:
    site, name = asked.house.site, asked.given["id"]
    written = site.rules.written.get(name)
    if written is None:
        raise Refusal(404, "not_found", what="rule", name=name)
    devices = {GATEWAY.slug: GATEWAY, **site.devices}
    return {
        **_rule_json(site, name, written),
        "explained": list(explained(written.rule)),
        "devices": [slug for slug, one in devices.items() if chosen(written.rule.for_each, slug, one)],
        "written": await asyncio.to_thread(_entry, written),
        "stands": f"{written.path.name}:{written.line}",
    }


def _entry(written: Written) -> Any:
    """The lines of its file, as plain data."""
    rules = (files.read_yaml(written.path).data or {}).get(RULES) or []
    return next((one for one in rules if one.get("id") == written.rule.id), {})


# -- trying ------------------------------------------------------------------------------------------------------------


async def _check(asked: Asked) -> Any:
    """Faults, or whether its scenario comes true; nothing is written."""
    rule = _given(asked)
    site = await asyncio.to_thread(_tried, asked.house.site, rule)
    written = site.rules.written[str(rule["id"])]
    failures = await asyncio.to_thread(tell, written.rule, site.rules.around) if written.rule.scenario else []
    return {
        "id": written.rule.id,
        "explained": list(explained(written.rule)),
        "scenario": None if written.rule.scenario is None else not failures,
        "failures": [{"line": one.line, "problem": one.problem} for one in failures],
    }


async def _dry_run(asked: Asked) -> Any:
    """How often a rule would have fired; one at a time, for a minute at most."""
    body, house = asked.body, asked.house
    if isinstance(body["rule"], str):
        site, name = house.site, body["rule"]
    else:
        site, name = (
            await asyncio.to_thread(_tried, house.site, body["rule"]),
            str(body["rule"].get("id", "")),
        )
    written = site.rules.written.get(name)
    if written is None:
        raise Refusal(404, "not_found", what="rule", name=name)
    if house.looking_back.locked():
        raise Refusal(503, "not_now", why="another rule is being tried", retry_after_s=30)
    end = house.clock.now()
    start = end - timedelta(days=body.get("days", 30))
    until = house.clock.monotonic() + LONGEST_S

    def look() -> dict[str, Any]:
        plan = Plan(written.rule, site.rules.around)
        devices = {GATEWAY.slug: GATEWAY, **site.devices}
        with Reader(folder_of(house.state_dir), broken=lambda *_: None) as reader:
            found = hindsight(
                reader, plan, devices, site.quantities, start=start, end=end,
                enough=lambda: house.clock.monotonic() > until,
            )  # fmt: skip
        return {
            "id": name,
            "days": body.get("days", 30),
            "fired": found.fired,
            "told": found.told,
            "targets": found.targets,
            "whole": found.whole,
            "tell": list(written.rule.tell),
            "changes": [_change_json(change) for change in found.changes],
        }

    async with house.looking_back:
        return await asyncio.to_thread(look)


def _change_json(change: AlertChange) -> dict[str, Any]:
    return {
        "at": change.at.isoformat(),
        "target": change.target,
        "from": change.before.value,
        "to": change.after.value,
        "severity": change.severity.word,
        "value": change.value,
        "reason": change.reason,
    }


def _given(asked: Asked) -> Mapping[str, Any]:
    """The rule to be tried: as fields, or as it would be written."""
    body = asked.body
    if ("yaml" in body) == ("rule" in body):
        raise Refusal(400, "bad_value", key="rule", problem="write rule or yaml")
    if "rule" in body:
        return dict(body["rule"])
    data = files.parse_yaml(body["yaml"].encode(), Path("rule.yaml")).data
    if isinstance(data, dict) and isinstance(data.get(RULES), list) and len(data[RULES]) == 1:
        data = data[RULES][0]
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    if not isinstance(data, dict):
        raise SettingsError(Fault("rule.yaml", 1, "", "is no rule", "write id:, when:, severity: ..."))
    return data


def _tried(site: Site, rule: Mapping[str, Any]) -> Site:
    """The site as it would be with this rule. Raises SettingsError."""
    file, draft = _with(site, dict(rule))
    return load_site(site.path, {file: draft})


def _with(site: Site, rule: dict[str, Any]) -> tuple[Path, bytes]:
    file, index = _place(site, str(rule.get("id", "")))
    raw = file.read_bytes() if file.exists() else b""
    return file, pen.rewritten(raw, file, (RULES, index), rule)


def _place(site: Site, name: str) -> tuple[Path, int]:
    """In which of the site's own files a rule stands, and where in it; else behind the last of ``own.yaml``."""
    own = site.path.parent / RULES
    for file in sorted(own.glob("*.yaml")):
        for index, one in enumerate((files.read_yaml(file).data or {}).get(RULES) or []):
            if one.get("id") == name:
                return file, index
    file = own / OWN
    rules = ((files.read_yaml(file).data or {}).get(RULES) or []) if file.exists() else []
    return file, len(rules)


# -- changing ----------------------------------------------------------------------------------------------------------


async def _put(asked: Asked) -> Any:
    """The rule as it shall be from now on, in the site's own file."""
    site, name = asked.house.site, asked.given["id"]
    if asked.body.get("id", name) != name:
        raise Refusal(400, "bad_value", key="id", problem=f"is not {name}")
    file, index = await asyncio.to_thread(_place, site, name)
    await asyncio.to_thread(file.parent.mkdir, exist_ok=True)
    return await edit.change(
        asked, file, (RULES, index), lambda _: {"id": name, **asked.body}, "rules.change"
    )


async def _delete(asked: Asked) -> Any:
    """The site's own rule goes; a shipped one of that id is what it was."""
    site, name = asked.house.site, asked.given["id"]
    file, index = await asyncio.to_thread(_place, site, name)

    def gone(before: Any) -> None:
        if before is None:
            raise Refusal(404, "not_found", what="rule", name=name)

    return await edit.change(asked, file, (RULES, index), gone, "rules.remove")


_FIELDS: dict[str, Any] = {
    "id": TEXT, "title": BOTH, "judged": TRUTH, "severities": listing(TEXT), "tell": listing(TEXT), "batch": TEXT,
    "latch": TRUTH, "own": TRUTH, "placeholder": TEXT, "source": TEXT,
}  # fmt: skip
_ID = {"id": SLUG_NAME}
_EXAMPLE = {"id": "well-low", "when": {"water_level": {"below": "1 m"}}, "severity": "yellow"}
_EDITED = record(entry=or_null(OBJECT), changed=listing(TEXT), applied=OBJECT)
ENDPOINTS = (
    Endpoint(
        "GET", "/api/v1/rules", Role.VIEWER, "All rules, and which are judged.", _rules, listing(record(**_FIELDS))
    ),
    Endpoint(
        "GET", "/api/v1/rules/{id}", Role.VIEWER, "One rule in words: what it looks at, what makes it fire, sources.",
        _rule,
        record(**_FIELDS, explained=listing(TEXT), devices=listing(TEXT), written=OBJECT, stands=TEXT),
        path_shapes=_ID, examples={"id": "bin-full"},
    ),
    Endpoint(
        "POST", "/api/v1/rules/check", Role.ADMIN, "Would this rule do (fields, or yaml)? Nothing is written.", _check,
        record(
            id=TEXT, explained=listing(TEXT), scenario=or_null(TRUTH),
            failures=listing(record(line=INTEGER, problem=TEXT)),
        ),
        body=record({"yaml": TEXT, "rule": OBJECT}), examples={"rule": _EXAMPLE},
    ),
    Endpoint(
        "POST", "/api/v1/rules/dry-run", Role.ADMIN,
        "How often a rule (its id, or fields) would have fired in the last days of this box's own journal.", _dry_run,
        record(
            id=TEXT, days=INTEGER, fired=INTEGER, told=INTEGER, targets=INTEGER, whole=TRUTH, tell=listing(TEXT),
            changes=listing(OBJECT),
        ),
        body=record({"days": within(1, 366)}, rule={"anyOf": [TEXT, OBJECT]}),
        examples={"rule": "bin-full", "days": 7},
    ),
    Endpoint(
        "PUT", "/api/v1/rules/{id}", Role.ADMIN,
        "A rule of the site's own, or what it says differently from the shipped one ({\"enabled\": false} will do).",
        _put, _EDITED, path_shapes=_ID, body=OBJECT, examples={**_EXAMPLE, "id": "well-low"},
    ),
    Endpoint(
        "DELETE", "/api/v1/rules/{id}", Role.ADMIN, "The site's own rule goes; the shipped one is what it was.",
        _delete, _EDITED, path_shapes=_ID, examples={"id": "well-low"},
    ),
)  # fmt: skip
