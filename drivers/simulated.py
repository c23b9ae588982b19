"""Devices that are not there: believable readings of a whole site without any wire, the same ones for the same seed.

- reads: nothing; what its devices would measure in the village of ``drivers/simulation/world.py``
- reconnects: has nothing to lose
- times out: never
- tested on the wire: has none; under a clock that stands still
- seen on real hardware: never will be

For trying a site file before its sensors have come, and as a source in tests. The demo plays its devices over real
sockets instead (``drivers/simulation/far_ends.py``).
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from types import TracebackType
from typing import Self

from pydantic import Field, field_validator

from drivers.decode.sample import whole_ms
from drivers.simulation.actors import Actor
from drivers.simulation.story import Fault, Part, Play
from drivers.simulation.world import World, value_of
from gateway.contracts import Context, Device
from gateway.errors import Fault as Mistake
from gateway.errors import SettingsError
from gateway.model import Delivery, Flag, Reading, series_of
from gateway.schema import Slug, Strict

NOBODY_S = 3600.0  # without devices it only wakes to notice that it is cancelled


class Settings(Strict):
    """What is simulated.

    Example::

        sources:
          make-believe:
            driver: simulated
            seed: 7
            measures: {weather-1: [air_temp, air_rh, rain_total]}
            faults: {bin-017: [{kind: stuck, after: 10min}]}

    Attributes:
        seed: Same seed, same readings.
        speed: Seconds of village life per second.
        measures: What a device without a model measures.
        faults: Device -> what goes wrong with it: ``stuck``, ``silent``, ``spike``, ``sentinel`` (no value) or
            ``repeat``; counted in village time from the first reading.
    """

    seed: int = 1
    speed: float = Field(default=1.0, gt=0, le=3600)
    measures: dict[Slug, list[str]] = Field(default_factory=dict)
    faults: dict[Slug, list[Fault]] = Field(default_factory=dict)

    @field_validator("faults")
    @classmethod
    def _possible(cls, faults: dict[str, list[Fault]]) -> dict[str, list[Fault]]:
        if any(fault.kind == "test_uplink" for found in faults.values() for fault in found):
            raise ValueError(
                "test_uplink needs a network server; here: stuck, silent, spike, sentinel, repeat"
            )
        return faults


class Driver:
    """One make-believe source.

    Raises:
        SettingsError: A device has neither a model nor an entry in ``measures``, or one names an unknown quantity.
    """

    def __init__(self, settings: Settings, context: Context) -> None:
        self._settings = settings
        self._context = context
        self._measured = {device.slug: self._quantities_of(device) for device in context.devices}

    async def __aenter__(self) -> Self:
        """Nothing to open."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close."""

    async def observations(self) -> AsyncIterator[Delivery]:
        """Each device at once, then each at its own period."""
        clock, settings = self._context.clock, self._settings
        story = began = clock.now()
        start = clock.monotonic()
        play = Play(
            seed=settings.seed,
            devices={slug: Part(faults=faults) for slug, faults in settings.faults.items()},
        )
        offset = began.astimezone(self._context.zone).utcoffset() or timedelta(0)
        world = World(settings.seed, began, offset)
        actors = [
            Actor(device, play, world, self._context.quantities, offset) for device in self._context.devices
        ]
        waiting = [(start, index) for index in range(len(actors))]
        while True:
            due, index = waiting[0] if waiting else (clock.monotonic() + NOBODY_S, -1)
            if due > clock.monotonic():
                await clock.sleep(due - clock.monotonic())
            if index < 0:
                continue
            actor = actors[index]
            heapq.heapreplace(waiting, (due + actor.device.period.total_seconds(), index))
            story = began + timedelta(seconds=(clock.monotonic() - start) * settings.speed)
            if actor.silent(story):
                continue
            readings = tuple(self._readings(actor, story - began, actor.values(story)))
            self._context.health.good(clock, actor.device.slug)
            yield Delivery(readings)
            if actor.part.has("repeat", story - began):
                self._context.health.duplicates += 1
                yield Delivery(readings)

    def _readings(self, actor: Actor, age: timedelta, values: dict[str, float]) -> Iterable[Reading]:
        now = self._context.clock.now()
        slug, model = actor.device.slug, actor.device.model
        for quantity in self._measured[slug]:
            span = model.readings[quantity].span if model is not None else None
            value = value_of(values, quantity)
            if actor.part.has("sentinel", age):
                yield Reading(series_of(slug, quantity), None, whole_ms(now), now, Flag.MISSING, "no_value")
            elif value is not None and span is not None and not span[0] <= value <= span[1]:
                yield Reading(
                    series_of(slug, quantity), None, whole_ms(now), now, Flag.MISSING, "out_of_range"
                )
            else:
                yield Reading(series_of(slug, quantity), value, whole_ms(now), now)

    def _quantities_of(self, device: Device) -> tuple[str, ...]:
        known = World(0, self._context.clock.now()).values(device.slug, self._context.clock.now())
        known |= {"distance": 0.0}
        named = self._settings.measures.get(device.slug, [])
        if device.model is not None:
            return tuple(name for name in device.model.readings if value_of(known, name) is not None)
        key = f"sources.{self._context.name}.measures.{device.slug}"
        if not named:
            raise SettingsError(Mistake("", 0, key, "a device without a model is said what it measures"))
        strange = [quantity for quantity in named if value_of(known, quantity) is None]
        if strange:
            raise SettingsError(Mistake("", 0, key, f"nothing simulated is called {', '.join(strange)}"))
        return tuple(named)
