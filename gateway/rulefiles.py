"""The rules of a site: the shipped files, what the site says differently, and its own; every fault with its line."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway import files
from gateway.errors import Fault, SettingsError
from gateway.quantities import Quantities
from gateway.rules.blind import BLIND
from gateway.rules.language import Rule, RuleFile
from gateway.rules.plan import Plan, Surroundings, wrongs
from gateway.settings import RulesSettings

RULES = "rules"
_WHAT = frozenset({"when", "steps"})


@dataclass(frozen=True)
class Written:
    """A rule and where it stands."""

    rule: Rule
    path: Path
    line: int


@dataclass(frozen=True)
class Rules:
    """All rules that this site knows, and which of them it judges.

    Attributes:
        written: By id, in the order of the files.
        plans: Those that are judged.
        around: What they were planned with.
    """

    written: Mapping[str, Written]
    plans: tuple[Plan, ...]
    around: Surroundings

    def judged(self, rule: str) -> bool:
        """Whether a rule is judged here."""
        return any(plan.rule.id == rule for plan in self.plans)


def rule_files(site: Path | None, drafts: Collection[Path] = ()) -> list[Path]:
    """The shipped files, then the site's own (``rules/*.yaml`` beside its file), and those that shall be written."""
    folders = [files.config_root() / RULES, *([site / RULES] if site is not None else [])]
    return [
        path
        for folder in folders
        for path in sorted({*folder.glob("*.yaml"), *(path for path in drafts if path.parent == folder)})
    ]


def load_rules(
    paths: list[Path],
    quantities: Quantities,
    settings: RulesSettings | None = None,
    *,
    document: files.Document | None = None,
    around: Surroundings | None = None,
    drafts: Mapping[Path, bytes] | None = None,
) -> Rules:
    """Read and check rules.

    Args:
        paths: Files; a later rule with the same id changes the earlier one key by key.
        quantities: What is measured.
        settings: The site's ``rules:``.
        document: The site file, for faults in ``rules:``.
        around: Zone and holidays; UTC and none by default.
        drafts: What shall stand in some of the files.

    Raises:
        SettingsError: With every fault of every file.
    """
    faults: list[Fault] = []
    said: dict[str, dict[str, Any]] = {}
    written: dict[str, Written] = {}
    for path in paths:
        try:
            _read(files.read_draft(path, drafts or {}), quantities, said, written, faults)
        except SettingsError as error:
            faults += error.faults
    for name, one in written.items():
        parent = one.rule.parent
        if parent is not None and parent not in written and parent not in said:
            near = files.nearest(parent, list(written))
            key = f"{name}.parent"
            faults.append(Fault(str(one.path), one.line, key, f"no rule is called {parent!r}", near))
    chosen = settings or RulesSettings()
    surroundings = around or Surroundings(quantities)
    for key in ("disable", "enable"):
        for index, name in enumerate(getattr(chosen, key)):
            if name not in written and document is not None:
                near = files.nearest(name, list(written))
                faults.append(document.fault((RULES, key, index), f"no rule is called {name!r}", near))
            elif (
                key == "enable"
                and name in written
                and written[name].rule.placeholder
                and document is not None
            ):
                missing = f"is a placeholder: {written[name].rule.placeholder}"
                remedy = f"write a rule with id {name} in rules/*.yaml"
                faults.append(document.fault((RULES, key, index), missing, remedy))
    if faults:
        raise SettingsError(*faults)
    judged = [
        one.rule
        for name, one in written.items()
        if (one.rule.enabled or name in chosen.enable) and name not in chosen.disable
    ]
    return Rules(written, tuple(Plan(rule, surroundings) for rule in judged), surroundings)


def _read(
    document: files.Document,
    quantities: Quantities,
    said: dict[str, dict[str, Any]],
    written: dict[str, Written],
    faults: list[Fault],
) -> None:
    content = files.validated(RuleFile, document)
    here: set[str] = set()
    for index, entry in enumerate(content.rules):
        where: files.Where = (RULES, index)
        name = str(entry.get("id", ""))
        if name in here or name == BLIND:
            problem = "stands twice in this file" if name in here else f"{BLIND} is the gateway's own"
            faults.append(document.fault((*where, "id"), problem, "choose another id"))
            continue
        here.add(name)
        merged = _merged(said.get(name), entry)
        try:
            rule = files.validated(Rule, document, where, merged)
        except SettingsError as error:
            faults += error.faults
            continue
        wrong = wrongs(rule, quantities)
        faults += [document.fault((*where, *place), problem, remedy) for place, problem, remedy in wrong]
        said[name] = merged
        if not wrong:
            written[name] = Written(rule, document.path, document.line(where))


def _merged(before: dict[str, Any] | None, entry: dict[str, Any]) -> dict[str, Any]:
    """What a site says differently; another condition takes the old one's severities and story with it."""
    if before is None:
        return entry
    kept = dict(before)
    if not _WHAT.isdisjoint(entry):
        for key in ("when", "steps", "clear", "scenario", "placeholder", "enabled"):
            kept.pop(key, None)
        if "steps" in entry:
            kept.pop("severity", None)
    return {**kept, **entry}
