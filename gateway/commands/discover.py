"""``village discover SITE``: who is on the wire but not in the site file, and the YAML that would put him there."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.commands.read import context_for
from gateway.contracts import Found
from gateway.errors import Fault, SettingsError
from gateway.schema import duration
from gateway.site import Site, load_site

HELP = "list unknown senders or bus units with the best-matching device model, and the YAML to paste"
EXAMPLE = """
village discover /etc/village --mqtt 30s
village discover /etc/village --modbus bus1
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument(
        "site", type=Path, nargs="?", default=Path(), help="folder with village.yaml (default: here)"
    )
    parser.add_argument(
        "--mqtt", metavar="TIME", nargs="?", const="30s", help="listen this long (default 30s)"
    )
    parser.add_argument("--modbus", metavar="SOURCE", help="ask every unit id on this modbus source or port")
    parser.add_argument("--json", action="store_true", help="one JSON object per find")


def run(args: argparse.Namespace) -> int:
    """Listen or ask around, print what was found."""
    site = load_site(args.site)
    kind = "modbus" if args.modbus else "mqtt"
    try:
        seconds = duration(args.mqtt or "30s").total_seconds()
    except ValueError as error:
        raise SettingsError(Fault("", 0, "--mqtt", str(error))) from error
    names = [name for name in _sources(site, kind) if not args.modbus or _is(site, name, args.modbus)]
    if not names:
        known = ", ".join(_sources(site, kind)) or "none"
        problem = f"no {kind} source {args.modbus or ''}".rstrip()
        raise SettingsError(Fault(str(site.path), 0, "sources", problem, f"the site has: {known}"))
    found: list[Found] = []
    for name in names:
        waiting = (
            f"listening on {name} for {seconds:g} s" if kind == "mqtt" else f"asking every unit on {name}"
        )
        print(f"{waiting} ...", file=sys.stderr)
        found += asyncio.run(_discover(site, name, seconds))
    for one in found:
        if args.json:
            print(
                json.dumps({"address": one.address, "seen": one.seen, "models": one.models, "yaml": one.yaml})
            )
        else:
            best = ", ".join(one.models) or "no model fits"
            print(f"# {one.address}: {one.seen}\n# fits: {best}\n{one.yaml}\n")
    print(f"{len(found)} found", file=sys.stderr)
    return 0


def _sources(site: Site, kind: str) -> list[str]:
    return [name for name, plugin in site.sources.items() if plugin.module.__name__.endswith(f".{kind}")]


def _is(site: Site, name: str, wanted: str) -> bool:
    """A bus is named by its source, or by the serial port or host it is on."""
    settings = site.sources[name].settings.model_dump()
    return wanted in {name, str(settings.get("port")), str(settings.get("host"))}


async def _discover(site: Site, source: str, seconds: float) -> Sequence[Found]:
    plugin = site.sources[source]
    driver: Any = plugin.module.Driver(plugin.settings, context_for(site, source))
    async with driver:
        found: Sequence[Found] = await driver.discover(seconds)
        return found
