"""``village read SITE DEVICE``: one look at one device, raw and decoded."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from gateway import files
from gateway.clock import SystemClock
from gateway.contracts import Context, Device, Exchange, SourceHealth
from gateway.errors import Fault, SettingsError
from gateway.model import Reading, split_series
from gateway.quality.grader import Grader
from gateway.site import Site, load_site

HELP = "read one device once: raw bytes or registers, decoded values, units, flags"
EXAMPLE = """
village read /etc/village river-1
village read . bin-001 --json
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument("site", type=Path, help="folder with village.yaml")
    parser.add_argument("device", help="slug of the device in the site file")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")


def run(args: argparse.Namespace) -> int:
    """Open the device's source, look once, print."""
    site = load_site(args.site)
    if args.device not in site.devices:
        near = files.nearest(args.device, list(site.devices))
        raise SettingsError(Fault(str(site.path), 0, f"devices.{args.device}", "no such device", near))
    device = site.devices[args.device]
    exchange = asyncio.run(_look(site, device))
    grader = Grader(site.quantities, site.devices)
    readings = [grader.grade(reading) for reading in exchange.readings]
    if args.json:
        print(json.dumps(_as_json(device, exchange, readings, site), ensure_ascii=False))
        return 0
    for line in exchange.raw:
        print(f"raw         {line}")
    for line in exchange.diagnostics:
        print(f"diagnostic  {line}")
    for reading in readings:
        quantity = split_series(reading.series)[1]
        known = site.quantities[quantity]
        value = "no value" if reading.value is None else f"{reading.value:g} {known.unit}"
        print(f"{quantity:<16}{value:<20}{reading.flag.name:<9}{reading.flagged_by}")
    return 0


async def _look(site: Site, device: Device) -> Exchange:
    plugin = site.sources[device.settings.source]
    async with AsyncExitStack() as stack:
        driver: Any = plugin.module.Driver(plugin.settings, context_for(site, device.settings.source))
        if not hasattr(driver, "read"):
            key = f"devices.{device.slug}.source"
            raise SettingsError(Fault(str(site.path), 0, key, "this kind of source cannot be read on demand"))
        await stack.enter_async_context(driver)
        exchange: Exchange = await driver.read(device)
        return exchange


def context_for(site: Site, source: str) -> Context:
    """What a driver needs when a person holds it in his hand, outside the daemon."""
    state = site.path.parent / "state" / "by-hand" / source
    return Context(
        name=source,
        site=site.village.site.slug,
        devices=site.devices_of(source),
        quantities=site.quantities,
        catalogue=site.catalogue,
        clock=SystemClock(),
        health=SourceHealth(),
        state_dir=state,
        catalogue_dirs=site.catalogue_dirs,
        zone=site.village.site.zone,
        by_hand=True,
    )


def _as_json(device: Device, exchange: Exchange, readings: list[Reading], site: Site) -> Mapping[str, Any]:
    values = {}
    for reading in readings:
        quantity = split_series(reading.series)[1]
        values[quantity] = {
            "value": reading.value,
            "unit": site.quantities[quantity].unit,
            "flag": reading.flag.name,
            "flagged_by": reading.flagged_by,
            "at": reading.at.isoformat(),
        }
    return {
        "device": device.slug,
        "model": device.settings.model,
        "raw": list(exchange.raw),
        "readings": values,
        "diagnostics": list(exchange.diagnostics),
    }
