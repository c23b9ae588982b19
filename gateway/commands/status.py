"""``village status``: what the running gateway is doing."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway import control
from gateway.control import add_state, state_dir
from gateway.doctor import age
from gateway.rules.blind import BLIND
from gateway.site import load_words
from gateway.words import Language

HELP = "what the running gateway is doing: sources, ages, backlog, disk, clock"
EXAMPLE = """
village status
village status /etc/village --json
"""


SHOWN_ALERTS = 20  # alerting reference 4.7


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    add_daemon(parser)
    parser.add_argument("--json", action="store_true", help="everything, as one JSON object")


def add_daemon(parser: argparse.ArgumentParser) -> None:
    """The words that say which running gateway is meant, and in which language it answers."""
    parser.add_argument(
        "site", type=Path, nargs="?", help="folder with village.yaml (default: /etc/village, else here)"
    )
    add_state(parser)
    parser.add_argument("--lang", choices=["zh", "en"], help="language of the answer (default: the site's)")


def ask_status(args: argparse.Namespace) -> tuple[dict[str, Any], Language]:
    """The status of the daemon that is meant, and the language to speak."""
    installed = Path("/etc/village/village.yaml")
    site = args.site or (installed.parent if installed.exists() and args.state is None else Path())
    state = state_dir(args.state, site)
    if args.state is None and site == installed.parent:
        state = Path("/var/lib/village")
    status: dict[str, Any] = control.ask(state, "/api/v1/status")
    language: Language = args.lang or status["language"]
    return status, language


def run(args: argparse.Namespace) -> int:
    """Ask the daemon and print."""
    status, language = ask_status(args)
    if args.json:
        print(json.dumps(status, ensure_ascii=False))
        return 0
    for line in page(status, language):
        print(line)
    return 0


def alert_lines(alerts: Sequence[Mapping[str, Any]], language: Language) -> Iterator[str]:
    """What is not normal, worst first."""
    say = load_words(language)
    yield say("status.alerts") if alerts else say("status.no_alerts")
    for alert in alerts[:SHOWN_ALERTS]:
        name = alert["name"] if isinstance(alert["name"], str) else alert["name"][language]
        title = name or say.maybe(f"rule.{alert['rule']}", alert["rule"])
        reason = alert.get("reason_zh") if language == "zh" else ""
        doubt = f"  ({say('alert.unknown')})" if alert["unknown"] and alert["rule"] != BLIND else ""
        yield (
            f"  {say('severity.' + alert['severity']):<6}{say('alert.' + alert['state']):<10}{alert['target']:<20}"
            f"{title}  {reason or alert['reason']}  {alert['since'][:16]}Z{doubt}"
        )
    if len(alerts) > SHOWN_ALERTS:
        yield "  " + say("status.more_alerts", number=len(alerts) - SHOWN_ALERTS)


def page(status: Mapping[str, Any], language: Language) -> Iterator[str]:
    """The status as lines for a terminal."""
    say = load_words(language)

    def state_of(entry: Mapping[str, Any]) -> str:
        return say.maybe(f"state.{entry['state']}", str(entry["state"]))

    yield say(
        "status.head",
        name=status["name"] or status["site"],
        site=status["site"],
        uptime=age(status["uptime_s"]),
        readings=sum(status["quality"].values()),
        devices=len(status["devices"]),
    )
    yield "  " + "  ".join(f"{flag} {count}" for flag, count in sorted(status["quality"].items()))
    yield from alert_lines(status["alerts"], language)
    yield say("status.sources")
    for name, source in status["sources"].items():
        heard = (
            age(source["last_good_age_s"]) if source["last_good_age_s"] is not None else say("status.never")
        )
        error = f"  {source['last_error']}" if source["last_error"] else ""
        yield f"  {name:<16}{state_of(source):<10}{source['received']:>9}  {heard:>8}{error}"
        if source["unknown"]:
            yield f"  {'':<16}{say('status.unknown')}: {', '.join(list(source['unknown'])[-5:])}"
        for note in source["notes"].values():
            yield f"  {'':<16}{note}"
    yield say("status.devices")
    for slug, device in status["devices"].items():
        heard = age(device["age_s"]) if device["age_s"] is not None else say("status.never")
        error = f"  {device['error']}" if device["error"] else ""
        yield f"  {slug:<20}{heard:>8}  {device['name']}{error}"
    yield say("status.sinks")
    for name, sink in status["sinks"].items():
        error = f"  {sink['last_error']}" if sink["last_error"] else ""
        yield f"  {name:<16}{state_of(sink):<14}{sink['backlog']:>9}{error}"
    journal = status["journal"]
    yield say("status.journal")
    yield (
        f"  {journal['bytes'] / 1e6:.1f} MB / {journal['quota'] / 1e6:.0f} MB"
        f"  {journal['readings']} readings  {journal['segments']} files"
    )
    trusted = "status.clock_trusted" if status["clock"]["trusted"] else "status.clock_doubtful"
    yield f"{say('status.clock')}  {status['clock']['now'][:19]}Z  {say(trusted)}"
    yield f"{say('status.versions')}  " + "  ".join(
        f"{name} {value}" for name, value in status["versions"].items()
    )
