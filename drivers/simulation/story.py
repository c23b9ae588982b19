"""How far ends play a site: which wrapper a device speaks through, and what goes wrong when.

Read from ``play.yaml`` beside the ``village.yaml`` of a site that is played (``config/examples/demo``).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from gateway.schema import Duration, Strict

Wrapper = Literal["chirpstack", "things_stack", "zigbee2mqtt", "tasmota", "plain"]
FaultKind = Literal["stuck", "silent", "spike", "sentinel", "repeat", "test_uplink"]


class Fault(Strict):
    """What goes wrong with one device.

    Attributes:
        kind: ``stuck`` repeats its last values; ``silent`` says nothing; ``spike`` measures something in front of the
            sensor; ``sentinel`` sends its own "no value"; ``repeat`` sends each message twice (two gateways heard it);
            ``test_uplink`` sends a simulated uplink beside each real one.
        after: From when, counted from the start, in the village's own time.
        lasts: For how long, in the village's own time.
    """

    kind: FaultKind
    after: Duration = timedelta(0)
    lasts: Duration = timedelta(days=365)

    def now(self, age: timedelta) -> bool:
        """Whether it is going on at this age of the story."""
        return self.after <= age < self.after + self.lasts


class Part(Strict):
    """How one device is played.

    Attributes:
        via: The wrapper its messages come in.
        topic: For ``plain``: where it publishes.
        send: For ``plain`` without a catalogue model: JSON key (dotted) -> quantity.
        starts: Replaces what its seed says, e.g. how full a bin is [%] at the start.
        faults: In any number.
    """

    via: Wrapper = "chirpstack"
    topic: str = ""
    send: dict[str, str] = Field(default_factory=dict)
    starts: dict[str, float] = Field(default_factory=dict)
    faults: list[Fault] = Field(default_factory=list)

    def has(self, kind: FaultKind, age: timedelta) -> bool:
        """Whether this fault is going on."""
        return any(fault.kind == kind and fault.now(age) for fault in self.faults)


class Play(Strict):
    """The whole of ``play.yaml``.

    Attributes:
        seed: Same seed, same day.
        devices: Slug -> part; who is not named plays as a LoRaWAN device behind ChirpStack, without faults.
    """

    seed: int = 1
    devices: dict[str, Part] = Field(default_factory=dict)
