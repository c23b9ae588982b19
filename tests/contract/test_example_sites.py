"""Every site on the shelf of examples is one that a person could copy: it loads whole, and those with a play play."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from drivers.decode.intake import Intake
from drivers.decode.messages import Message
from drivers.mqtt import listening
from drivers.simulation.actors import Actor
from drivers.simulation.far_ends import MORNING
from drivers.simulation.probes import registers_of
from drivers.simulation.story import Play
from drivers.simulation.world import World
from gateway import files
from gateway.model import Reading
from gateway.site import load_site

EXAMPLES = files.config_root() / "examples"
SITES = sorted(path.parent for path in EXAMPLES.glob("*/village.yaml"))
PLAYED = [site for site in SITES if (site / "play.yaml").exists()]


def _named(path: Path) -> str:
    return path.name


def test_there_are_sites_to_copy() -> None:
    assert {"demo", "market", "river", "school"} <= {site.name for site in SITES}


@pytest.mark.parametrize("folder", SITES, ids=_named)
def test_the_site_loads_and_every_device_has_a_name_people_know(folder: Path) -> None:
    site = load_site(folder)
    assert site.devices
    assert [slug for slug, device in site.devices.items() if not device.settings.name] == []


@pytest.mark.parametrize("folder", PLAYED, ids=_named)
def test_every_device_of_a_played_site_has_something_to_say(folder: Path) -> None:
    site = load_site(folder)
    play = files.validated(Play, files.read_yaml(folder / "play.yaml"))
    assert play.devices.keys() <= site.devices.keys()
    world = World(play.seed, MORNING)
    cameras = {name for name, plugin in site.sources.items() if plugin.module.__name__ == "drivers.vision"}
    for device in site.devices.values():
        if device.settings.source in cameras:
            continue  # a scene plays itself
        actor = Actor(device, play, world, site.quantities, timedelta(hours=8))
        if device.model is not None and device.model.wire == "modbus":
            assert registers_of(device.model, actor.values(MORNING), site.quantities)
        else:
            actor.check()
            assert list(actor.report(MORNING, MORNING))


def test_the_demo_has_every_kind_of_asset_and_of_wire() -> None:
    site = load_site(EXAMPLES / "demo")
    devices = site.devices.values()
    assert 20 <= len(devices) <= 30
    models = [device.model for device in devices if device.model]
    assert {model.domain for model in models} >= {"bin", "water", "level", "structure", "soil", "weather"}
    assert {model.wire for model in models} >= {"lorawan", "modbus"}


@pytest.mark.parametrize("folder", PLAYED, ids=_named)
def test_every_message_of_a_played_site_is_understood_and_a_test_uplink_measures_nothing(
    folder: Path,
) -> None:
    site = load_site(folder)
    play = files.validated(Play, files.read_yaml(folder / "play.yaml"))
    world = World(play.seed, MORNING)
    for name, plugin in site.sources.items():
        if plugin.module.__name__ != "drivers.mqtt":
            continue
        devices = site.devices_of(name)
        intake = Intake(
            listening(plugin.settings.listen),
            devices,
            quantities=site.quantities,
            zone=site.village.site.zone,
        )
        for device in devices:
            actor = Actor(device, play, world, site.quantities, timedelta(hours=8))
            for minutes in range(0, 60, 5):  # the faults of the first hour, too
                at = MORNING + timedelta(minutes=minutes)
                for sent in actor.report(at, at):
                    words = intake.sort(Message(sent.message.topic, sent.message.payload, retained=False), at)
                    assert [(word.device, word.problem) for word in words] == [(device.slug, "")]
                    measured = [
                        item for word in words for item in word.observations if isinstance(item, Reading)
                    ]
                    assert bool(measured) != sent.test, sent
