"""``village rules``: which rules there are, what one says in words, whether its own story comes true."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from gateway import control, files
from gateway.control import add_state, state_dir
from gateway.errors import Fault, SettingsError
from gateway.rulefiles import Rules, Written, load_rules, rule_files
from gateway.rules.explain import explained
from gateway.rules.plan import Surroundings, chosen
from gateway.rules.scenario import tell
from gateway.site import GATEWAY, Site, load_quantities, load_site

HELP = "list the rules, explain one in words, run the scenario of each, confirm an alert"
EXAMPLE = """
village rules list
village rules explain river-rise --site /etc/village
village rules test /etc/village/rules/own.yaml
village rules confirm tilt-change house-07 --by 'Lin' --site /etc/village
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    listing = what.add_parser("list", help="all rules, and which are judged")
    explain = what.add_parser("explain", help="one rule in words, with its sources and its devices")
    explain.add_argument("rule", metavar="RULE")
    test = what.add_parser("test", help="tell every rule (of a file) its own scenario")
    test.add_argument("file", metavar="FILE", type=Path, nargs="?", help="default: all rules")
    confirm = what.add_parser("confirm", help="a person has looked: an alert that waits for that is closed")
    confirm.add_argument("rule", metavar="RULE")
    confirm.add_argument("target", metavar="TARGET", help="as village status shows it")
    confirm.add_argument("--by", required=True, metavar="NAME", help="who has looked")
    for one in (listing, explain, test, confirm):
        one.add_argument("--site", type=Path, metavar="DIR", help="with the rules of this site")
    for one in (listing, explain):
        one.add_argument("--lang", choices=["zh", "en"], default="zh", help="language of the names")
    add_state(confirm)


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    if args.what == "confirm":
        asked = urlencode({"rule": args.rule, "target": args.target, "by": args.by})
        state = state_dir(args.state, args.site or Path())
        control.ask(state, f"/api/v1/alerts/confirm?{asked}", method="POST")
        print(f"{args.rule} {args.target}: confirmed by {args.by}")
        return 0
    site = load_site(args.site) if args.site is not None else None
    if args.what == "test":
        return _test(_rules(site, args.file), args.file)
    rules = _rules(site, None)
    if args.what == "list":
        _list(rules, args.lang)
        return 0
    return _explain(rules, site, args.rule, args.lang)


def _rules(site: Site | None, file: Path | None) -> Rules:
    if site is not None and file is None:
        return site.rules
    quantities = site.quantities if site is not None else load_quantities()
    around = site.rules.around if site is not None else Surroundings(quantities, ZoneInfo("Asia/Shanghai"))
    paths = rule_files(site.path.parent if site is not None else None)
    more = [] if file is None or file.resolve() in {path.resolve() for path in paths} else [file]
    return load_rules([*paths, *more], quantities, around=around)


def _list(rules: Rules, language: str) -> None:
    for name, written in rules.written.items():
        rule = written.rule
        state = "on" if rules.judged(name) else "off"
        severities = ">".join(dict.fromkeys(step.severity.word for step in rule.all_steps()))
        missing = f"  (to be filled in: {rule.placeholder})" if rule.placeholder else ""
        print(f"{name:<22}{state:<4}{severities:<26}{rule.title(language)}{missing}")
    on = sum(rules.judged(name) for name in rules.written)
    print(f"{len(rules.written)} rules, {on} judged", file=sys.stderr)


def _test(rules: Rules, file: Path | None) -> int:
    told = [one for one in rules.written.values() if file is None or one.path.resolve() == file.resolve()]
    failed = 0
    for written in told:
        failures = tell(written.rule, rules.around)
        failed += bool(failures)
        for failure in failures:
            print(
                f"{written.path}:{_line(written, failure.line)}: {written.rule.id}: {failure.problem}",
                file=sys.stderr,
            )
    print(f"{len(told) - failed} of {len(told)} rules: their scenario comes true")
    return 1 if failed or not told else 0


def _line(written: Written, number: int) -> int:
    """Where a line of a scenario stands in its file."""
    document = files.read_yaml(written.path)
    for index, entry in enumerate(document.data["rules"]):
        if entry.get("id") == written.rule.id:
            story = ("story",) if isinstance(entry.get("scenario"), dict) else ()
            return document.line(("rules", index, "scenario", *story, number))
    return written.line


def _explain(rules: Rules, site: Site | None, name: str, language: str) -> int:
    if name not in rules.written:
        raise SettingsError(Fault("", 0, name, "no such rule", files.nearest(name, list(rules.written))))
    written = rules.written[name]
    rule = written.rule
    print(f"{rule.id}: {rule.title(language)}")
    print(f"  stands in   {written.path}:{written.line}")
    print(f"  judged      {'yes' if rules.judged(name) else 'no'}")
    if rule.placeholder:
        print(f"  missing     {rule.placeholder}")
    for line in explained(rule):
        print(f"  {line}")
    print(f"  sources     {rule.source or '-'}")
    if site is not None:
        devices = {GATEWAY.slug: GATEWAY, **site.devices}
        found = [slug for slug, device in devices.items() if chosen(rule.for_each, slug, device)]
        print(f"  devices     {', '.join(found) or 'none of this site'} (as far as they measure it)")
    return 0
