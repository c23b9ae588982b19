"""Where the far ends and the house meet: machinery of ``village demo``, no command by itself."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import socket
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gateway import files
from gateway.app import House
from gateway.clock import SystemClock
from gateway.contracts import Device
from gateway.errors import Fault, SettingsError
from gateway.evidence.notebook import LOOKS, lines
from gateway.evidence.pictures import FOLDER
from gateway.model import Event
from gateway.rehearsal import Played
from gateway.site import Plugin, Site

if TYPE_CHECKING:
    from drivers.simulation.far_ends import FarEnds
    from drivers.simulation.probes import Relays

STATUS_PORT = 8480
EYES_NEED = ("numpy", "cv2", "shapely")
FOLLOWING = ("supervision", "trackers")  # what detectors need that follow vehicles
FOLLOWERS = frozenset({"hit_and_run", "fire_lane"})
MOST_EVENTS = 100_000
DRAIN_S = 8.0  # what has been sent must be written down within this time after the last report


def far_ends_of(site: Site, *, speed: float, seed: int | None) -> FarEnds:
    """The far ends of every MQTT and Modbus device of the site.

    Args:
        site: With a ``play.yaml`` beside it, if it is to be played in a special way.
        speed: Seconds of village life per second.
        seed: Instead of the one in ``play.yaml``.

    Raises:
        SettingsError: A device cannot be played.
    """
    from drivers.simulation.far_ends import FarEnds  # noqa: PLC0415  # a wing, and it needs the demo extra
    from drivers.simulation.story import Play  # noqa: PLC0415

    path = site.path.parent / "play.yaml"
    play = files.validated(Play, files.read_yaml(path)) if path.exists() else Play()
    if seed is not None:
        play = play.model_copy(update={"seed": seed})
    try:
        return FarEnds(
            _heard_by(site, "mqtt"),
            _heard_by(site, "modbus"),
            play,
            site.quantities,
            SystemClock(assume_trusted=True),
            speed=speed,
            zone=site.village.site.zone,
            relays=_relays(site),
        )
    except ValueError as error:
        raise SettingsError(Fault(str(path), 0, "", str(error))) from error


def _heard_by(site: Site, driver: str) -> list[Device]:
    return [
        device
        for name, plugin in site.sources.items()
        if driver_of(plugin) == driver
        for device in site.devices_of(name)
    ]


def driver_of(plugin: Plugin) -> str:
    """The name of a source's driver."""
    return plugin.module.__name__.rpartition(".")[2]


def _relays(site: Site) -> dict[int, Relays]:
    """The boards of relays that the site's outputs hang on."""
    from drivers.simulation.probes import Relays  # noqa: PLC0415  # a wing, and it needs the demo extra

    boards: dict[int, Relays] = {}
    for output in site.village.outputs.values():
        if output.unit is not None and output.address is not None:
            boards.setdefault(output.unit, Relays({})).coils[output.address] = False
    return boards


def meeting(site: Site, far_ends: FarEnds, status_port: int) -> Site:
    """The same site, with its sources turned to where the far ends listen."""
    ports = {"mqtt": far_ends.broker.port, "modbus": far_ends.probes.port}
    sources = {
        name: replace(plugin, settings=plugin.settings.model_copy(update={"port": ports[driver_of(plugin)]}))
        if driver_of(plugin) in ports
        else plugin
        for name, plugin in site.sources.items()
    }
    api = site.village.api.model_copy(update={"port": status_port})
    return replace(site, sources=sources, village=site.village.model_copy(update={"api": api}))


def seeing(site: Site) -> tuple[Site, list[str]]:
    """The site, without what cannot look because a library is not installed, and which those are."""
    eyes = {name: plugin for name, plugin in site.sources.items() if driver_of(plugin) == "vision"}
    missing = [name for name in EYES_NEED if importlib.util.find_spec(name) is None]
    if eyes and missing:
        sources = {name: plugin for name, plugin in site.sources.items() if name not in eyes}
        devices = {slug: one for slug, one in site.devices.items() if one.settings.source not in eyes}
        return replace(site, sources=sources, devices=devices), missing
    missing = [name for name in FOLLOWING if importlib.util.find_spec(name) is None]
    if not eyes or not missing:
        return site, []
    still = {name: replace(plugin, settings=_standing(plugin.settings)) for name, plugin in eyes.items()}
    return replace(site, sources={**site.sources, **still}), missing


def _standing(settings: Any) -> Any:
    """Settings of cameras without the detectors that follow things."""
    cameras = {
        slug: entry.model_copy(
            update={
                "detectors": {name: own for name, own in entry.detectors.items() if name not in FOLLOWERS}
            }
        )
        for slug, entry in settings.cameras.items()
    }
    return settings.model_copy(update={"cameras": cameras})


def sights(house: House) -> dict[str, int]:
    """What cameras saw, by kind, and how many of their pictures went out with messages (``shown``)."""
    found: Counter[str] = Counter()
    for entry in house.journal.events(0, MOST_EVENTS):
        if isinstance(entry.item, Event) and entry.item.evidence:
            found[entry.item.kind] += entry.item.detail.get("state") == "confirmed"
    for place in house.state_dir.glob(f"sources/*/{FOLDER}/{LOOKS}"):
        found["shown"] += sum(line.get("what") == "message" for line in lines(place))
    return {kind: count for kind, count in found.items() if count or kind == "shown"}


def status_port(asked: int | None) -> int:
    """What was asked for; else the usual one, or any free one when that is taken."""
    if asked is not None:
        return asked
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", STATUS_PORT))
        except OSError:
            return 0
    return STATUS_PORT


async def drained(far_ends: FarEnds) -> None:
    """Wait until the gateway has acknowledged every message, or has had its time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            await far_ends.broker.receipts.all_settled()


async def settled_status(house: House) -> dict[str, Any]:
    """The status, with what had been graded by then certainly written down (polls go on meanwhile)."""
    graded = house.status()["quality"]
    await asyncio.to_thread(house.journal.flush)
    return {**house.status(), "quality": graded}


def account(far_ends: FarEnds, seconds: float) -> Played:
    """What the far ends have done so far."""
    receipts = far_ends.broker.receipts
    return Played(
        seconds=seconds,
        village_hours=far_ends.speed * seconds / 3600,
        sent=far_ends.published,
        lost=len(receipts.awaited),
        polls=far_ends.polls,
        waits_s=tuple(receipts.waits_s),
    )
