"""The far ends of a whole site: every device of it, played over real sockets.

::

    World ─► Actor ─► frame ─► envelope ─► paho, QoS 1 ─► embedded broker ─► (the gateway's MQTT driver)
          └► Probe ─► registers ─────────► Modbus TCP server ◄────────────── (the gateway's Modbus driver)

It is given the devices of a site, so whatever stands in a site file can be played as long as its model is known here
(every Modbus and JSON model of the catalogue; LoRaWAN models with an encoder in ``frames.py``).
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from drivers.simulation.actors import Actor
from drivers.simulation.broker import HOST, EmbeddedBroker
from drivers.simulation.envelopes import Message
from drivers.simulation.probes import Probe, ProbeServer, Relays, commands_of, registers_of
from drivers.simulation.story import Play
from drivers.simulation.world import World
from gateway.clock import Clock
from gateway.contracts import Device
from gateway.quantities import Quantities

MORNING = datetime(2026, 7, 17, 22, 0, tzinfo=UTC)  # six in the morning of a July day in the village
VILLAGE_ZONE = ZoneInfo("Asia/Shanghai")
FIRST_ROUND_S = 2.0  # every device is heard once within this time


@dataclass
class Tally:
    """What the far ends have done, to be compared with what the gateway has heard.

    Attributes:
        sent: Reports handed to the broker, per device.
        repeats: Of those sent, exact repetitions (to be counted once by the gateway).
        tests: Of those sent, simulated uplinks (never to become readings).
        last_sent: Per device, when it last sent a measurement.
    """

    sent: dict[str, int] = field(default_factory=dict)
    repeats: int = 0
    tests: int = 0
    last_sent: dict[str, datetime] = field(default_factory=dict)


class FarEnds:
    """Broker, publishing devices and Modbus server; open from ``async with`` until it is left.

    Args:
        wireless: The devices that speak MQTT.
        wired: The devices that are polled over Modbus.
        play: How they are played.
        quantities: For the one unit of each.
        clock: Reports are paced and stamped by it.
        speed: Seconds of village life per second.
        zone: Of the village, for day and night and for devices that know only local time.
        mqtt_port: Of the broker; 0 takes any free one.
        modbus_port: Of the Modbus server; 0 takes any free one.

    Raises:
        ValueError: A device cannot be played, in words.

    Attributes:
        published: MQTT messages handed to the broker, greetings included.
    """

    def __init__(
        self,
        wireless: Sequence[Device],
        wired: Sequence[Device],
        play: Play,
        quantities: Quantities,
        clock: Clock,
        *,
        speed: float = 60.0,
        zone: tzinfo = VILLAGE_ZONE,
        mqtt_port: int = 0,
        modbus_port: int = 0,
        relays: Mapping[int, Relays] | None = None,
    ) -> None:
        self._clock = clock
        self.speed = speed
        self._quantities = quantities
        self._began = clock.monotonic()
        utc_offset = MORNING.astimezone(zone).utcoffset() or timedelta(0)
        starts = {slug: part.starts for slug, part in play.devices.items()}
        self.world = World(play.seed, MORNING, utc_offset, starts)
        self._random = random.Random(play.seed)  # noqa: S311  # pacing of a demo, not a secret
        self.actors = [Actor(device, play, self.world, quantities, utc_offset) for device in wireless]
        self._wired = [Actor(device, play, self.world, quantities, utc_offset) for device in wired]
        for actor in self.actors:
            actor.check()
        self.broker = EmbeddedBroker(mqtt_port)
        self.probes = ProbeServer(self._units(), modbus_port, relays or {})
        self.tally = Tally()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="far-ends", protocol=mqtt.MQTTv311, clean_session=True
        )
        self.published = 0
        self._playing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.broker.__aenter__()
        try:
            await self.probes.__aenter__()
            await asyncio.to_thread(self._client.connect, HOST, self.broker.port)
        except OSError:
            await self.broker.__aexit__(None, None, None)
            raise
        self._client.loop_start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.rest()
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)
        await self.probes.__aexit__(None, None, None)
        await self.broker.__aexit__(None, None, None)

    def village_time(self) -> datetime:
        """What time it is in the story."""
        return MORNING + timedelta(seconds=(self._clock.monotonic() - self._began) * self.speed)

    def wake(self) -> None:
        """The devices begin to report."""
        self._playing = asyncio.create_task(self._report_for_ever(), name="simulated devices")

    async def rest(self) -> None:
        """The devices stop reporting; what was sent is on its way or already there."""
        if self._playing is not None:
            self._playing.cancel()
            await asyncio.wait([self._playing])
            self._playing = None

    @property
    def sent(self) -> int:
        """Reports so far."""
        return sum(self.tally.sent.values())

    @property
    def polls(self) -> int:
        """Modbus requests answered so far."""
        return sum(probe.polls for probe in self.probes.units.values())

    async def _report_for_ever(self) -> None:
        for actor in self.actors:
            for message in actor.hello():
                self._publish(message)
        now = self._clock.monotonic()
        waiting = [(now + FIRST_ROUND_S * self._random.random(), index) for index in range(len(self.actors))]
        heapq.heapify(waiting)
        while waiting:
            due, index = heapq.heappop(waiting)
            await self._clock.sleep(max(0.0, due - self._clock.monotonic()))
            actor = self.actors[index]
            self.report(actor)
            heapq.heappush(waiting, (due + actor.device.period.total_seconds(), index))

    def report(self, actor: Actor) -> None:
        """One device reports now."""
        at = self._clock.now()
        slug = actor.device.slug
        for sent in actor.report(self.village_time(), at):
            self._publish(sent.message)
            self.tally.sent[slug] = self.tally.sent.get(slug, 0) + 1
            self.tally.repeats += sent.repeat
            self.tally.tests += sent.test
            self.tally.last_sent[slug] = at

    def _publish(self, message: Message) -> None:
        self.broker.receipts.published(message.topic, message.payload)
        self._client.publish(message.topic, message.payload, qos=1, retain=message.retain)
        self.published += 1

    def _units(self) -> dict[int, Probe]:
        units: dict[int, Probe] = {}
        for actor in self._wired:
            assert actor.device.model is not None
            own = actor.device.model.serial.unit if actor.device.model.serial else 1
            unit = int(actor.device.settings.address or own)
            offsets = {
                (register.unit if register.unit is not None else own) - own
                for register in actor.device.model.registers.values()
            }
            for offset in offsets:
                units[unit + offset] = Probe(
                    partial(self._registers, actor, offset), commands_of(actor.device.model)
                )
        return units

    def _registers(self, actor: Actor, offset: int) -> Mapping[tuple[int, int], int] | None:
        at = self.village_time()
        assert actor.device.model is not None
        if actor.silent(at):
            return None
        return registers_of(actor.device.model, actor.values(at), self._quantities, unit_offset=offset)
