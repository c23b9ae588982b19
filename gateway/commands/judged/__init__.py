"""What the rules would have said of recorded readings, or of the box's own journal; part of ``village replay``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.clock import SystemClock
from gateway.contracts import Device
from gateway.control import state_dir
from gateway.errors import Fault, SettingsError
from gateway.hindsight import past
from gateway.model import AlertChange
from gateway.quantities import Quantities
from gateway.replay import Verdicts
from gateway.rulefiles import load_rules, rule_files
from gateway.rules.plan import Surroundings
from gateway.rules.rulebook import Rulebook
from gateway.site import GATEWAY, load_site
from gateway.store.journal import folder_of
from gateway.store.reader import Reader


def rulebook_of(args: argparse.Namespace, devices: Mapping[str, Device], quantities: Quantities) -> Rulebook:
    """The site's rules, or the shipped ones, for the devices of a replay."""
    known = {GATEWAY.slug: GATEWAY, **devices}
    if args.site is not None:
        return Rulebook(load_site(args.site).rules.plans, known, quantities)
    around = Surroundings(quantities, ZoneInfo(args.zone))
    return Rulebook(load_rules(rule_files(None), quantities, around=around).plans, known, quantities)


def print_changes(changes: Iterable[AlertChange]) -> None:
    """One JSON line for each change of state."""
    for change in changes:
        line = {
            "at": _iso(change.at),
            "rule": change.rule,
            "target": change.target,
            "from": change.before.value,
            "to": change.after.value,
            "severity": change.severity.word,
            "value": change.value,
            "reason": change.reason,
        }
        print(json.dumps(line, ensure_ascii=False))


def summarise(verdicts: Verdicts, *, as_json: bool, tells: Mapping[str, str] | None = None) -> None:
    """How often each rule fired, on standard error."""
    rows = [
        {**row, **({"tell": tells[row["rule"]]} if tells and tells.get(row["rule"]) else {})}
        for row in verdicts.table()
    ]
    if as_json:
        print(json.dumps({"rules": rows}, ensure_ascii=False), file=sys.stderr)
        return
    for row in rows:
        whom = f"  tells {row['tell']}" if "tell" in row else ""
        print(
            f"{row['rule']:<22}fired {row['fired']:>5} times  told {row['told']:>5}  at {row['targets']} places"
            f"  worst {row['worst']}{whom}",
            file=sys.stderr,
        )
    if not rows:
        print("no rule would have fired", file=sys.stderr)


def replay_journal(args: argparse.Namespace) -> int:
    """What the rules would have said of the last days of this box. Reads only; the daemon may run."""
    if args.site is None:
        raise SettingsError(Fault("", 0, "--days", "needs --site", "e.g. --days 30 --site /etc/village"))
    if not 1 <= args.days <= 3660:
        raise SettingsError(Fault("", 0, "--days", f"{args.days} is no number of days", "write 1 to 3660"))
    site = load_site(args.site)
    folder = folder_of(state_dir(args.journal, args.site))
    if not folder.is_dir():
        raise SettingsError(
            Fault(str(folder), 0, "", "holds no journal", "name the state folder with --journal")
        )
    now = SystemClock().now()
    verdicts = Verdicts(site.rulebook())
    with Reader(folder, broken=_skipped) as reader:
        for change in verdicts.feed(past(reader, now - timedelta(days=args.days), now)):
            if args.rules:
                print_changes([change])
    tells = {name: ", ".join(written.rule.tell) for name, written in site.rules.written.items()}
    summarise(verdicts, as_json=args.json, tells=tells)
    return 0


def _skipped(path: Path, error: Exception) -> None:
    print(f"{path}: cannot be read and is left out: {error}", file=sys.stderr)


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
