"""One simulated device: what it measures at its place, what goes wrong with it, and what it says about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from drivers.simulation import envelopes, frames
from drivers.simulation.envelopes import Message, Radio
from drivers.simulation.story import Part, Play
from drivers.simulation.world import World, value_of
from gateway.catalogue import DeviceModel
from gateway.contracts import Device
from gateway.quantities import Quantities
from gateway.units import convert

NO_ECHO_MM = (
    65535.0  # what Milesight and Dragino distance sensors send when nothing came back: outside their span
)
BAG_MM = 320.0  # a bag hangs this far below the lid


@dataclass(frozen=True, slots=True)
class Sent:
    """One message, and what the gateway should make of it."""

    message: Message
    repeat: bool = False
    test: bool = False


class Actor:
    """A device of the site, played.

    Args:
        device: As the site file has it.
        play: Its part and its faults.
        world: Where it hangs.
        quantities: For the one unit of each.
        utc_offset: Of the village, for devices that know only local time.
    """

    def __init__(
        self, device: Device, play: Play, world: World, quantities: Quantities, utc_offset: timedelta
    ) -> None:
        self.device = device
        self.part: Part = play.devices.get(device.slug, Part())
        self._world = world
        self._quantities = quantities
        self._offset = utc_offset
        self._frozen: dict[str, float] | None = None
        self._counter = 0

    def check(self) -> None:
        """Raise ValueError, in words, when nobody here can say what this device would say."""
        model = self.device.model
        if model is not None and model.wire == "lorawan" and model.model not in frames.ENCODERS:
            raise ValueError(f"no simulated {model.model}; there are: {', '.join(sorted(frames.ENCODERS))}")
        if model is None and not self.part.send:
            raise ValueError(f"{self.device.slug} has no model: its part in play.yaml needs send:")

    def silent(self, at: datetime) -> bool:
        """Whether it says nothing at this moment of the story."""
        return self.part.has("silent", at - self._world.start)

    def values(self, at: datetime) -> dict[str, float]:
        """What it measures, faults included."""
        age = at - self._world.start
        if self.part.has("stuck", age):
            self._frozen = self._frozen or self._at_its_place(at)
            return dict(self._frozen)
        self._frozen = None
        found = self._at_its_place(at)
        if self.part.has("spike", age):
            found["distance"] = BAG_MM
            found["turbidity"] *= 40
        if self.part.has("sentinel", age):
            found["distance"] = NO_ECHO_MM
            found["water_depth"] = NO_ECHO_MM / 100  # as u16 cm: 0xFFFF, read failure of EM500-SWL
        return found

    def hello(self) -> Iterator[Message]:
        """What it says when it joins."""
        if self.part.via == "zigbee2mqtt":
            yield envelopes.zigbee2mqtt_availability(str(self.device.settings.address), online=True)

    def report(self, at: datetime, now: datetime) -> Iterator[Sent]:
        """What it says at a moment of the story.

        Args:
            at: In the story.
            now: On the wall clock, for time stamps.
        """
        if self.silent(at):
            return
        age = at - self._world.start
        values = self.values(at)
        message = self._message(values, age, now)
        self._counter += 1
        yield Sent(message)
        if self.part.has("repeat", age):
            yield Sent(message, repeat=True)
        if self.part.has("test_uplink", age) and self.part.via == "things_stack":
            yield Sent(
                self._uplink(values, self._frame({**values, "distance": 1.0}, age), now, test=True), test=True
            )

    def _message(self, values: Mapping[str, float], age: timedelta, now: datetime) -> Message:
        model = self.device.model
        if model is not None and model.wire == "lorawan":
            return self._uplink(values, self._frame(values, age), now)
        body = (
            json_of(model, values, self._quantities)
            if model is not None
            else nested({key: values[quantity] for key, quantity in self.part.send.items()})
        )
        address = str(self.device.settings.address)
        if self.part.via == "zigbee2mqtt":
            return envelopes.zigbee2mqtt(address, body)
        if self.part.via == "tasmota":
            return envelopes.tasmota(address, body, now, self._offset)
        return envelopes.plain_json(self.part.topic or address, body)

    def _frame(self, values: Mapping[str, float], age: timedelta) -> frames.Frame:
        assert self.device.model is not None
        model = self.device.model.model
        if model == "milesight-em410-rdl" and self.part.has("sentinel", age):
            return frames.em410_rdl_without_target()
        return frames.frame_of(model, values)

    def _uplink(
        self, values: Mapping[str, float], frame: frames.Frame, now: datetime, *, test: bool = False
    ) -> Message:
        radio = Radio(values["rssi"], values["snr"])
        eui = str(self.device.settings.address).lower()
        name = self.device.settings.name or self.device.slug
        if self.part.via == "things_stack":
            return envelopes.things_stack_v3(
                self.device.slug, eui, frame, counter=self._counter, at=now, radio=radio, simulated=test
            )
        return envelopes.chirpstack_v4(name, eui, frame, counter=self._counter, at=now, radio=radio)

    def _at_its_place(self, at: datetime) -> dict[str, float]:
        found = self._world.values(self.device.slug, at)
        settings = self.device.settings
        if settings.bin is not None:
            depth = settings.bin.empty - settings.bin.full
            found["distance"] = settings.bin.empty - depth * found["fill"] / 100
        elif settings.level is not None and settings.level.looks == "down":
            found["distance"] = (settings.level.datum - found["water_level"]) * 1000
        else:
            found["distance"] = 1500.0 - 10 * found["fill"]
        if settings.level is not None and settings.level.looks == "up":
            found["water_depth"] = max(0.0, found["water_level"] - settings.level.datum)
        return found


def json_of(model: DeviceModel, values: Mapping[str, float], quantities: Quantities) -> dict[str, Any]:
    """The JSON object in which a model would say these values: its catalogue entry, read the other way round."""
    flat: dict[str, Any] = {}
    for quantity, meaning in model.readings.items():
        value: Any = value_of(values, quantity)
        if value is None:
            continue
        if meaning.states is not None:
            value = next((word for word, number in meaning.states.items() if number == value), None)
            value = {"true": True, "false": False}.get(str(value).lower(), value)
        elif meaning.unit:
            value = convert(value, quantities[quantity].unit, meaning.unit)
        flat[meaning.field or quantity] = value
    return nested(flat)


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """``{"a.b": 1}`` as ``{"a": {"b": 1}}``."""
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *parents, leaf = re.split(r"\.", path)
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return tree
