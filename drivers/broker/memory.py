"""What was heard lately, so that a repetition counts once."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from gateway.mqtt import Incoming

DUPLICATE_S = (
    600.0  # reference devices-and-limits 8.3: the same frame was seen again 48 s later (ChirpStack #460)
)
MOST_REMEMBERED = 5000

DeliveryKey = tuple[str, int, int]


class Memory:
    """What was heard lately, kept across reconnections (in ``health.memory``)."""

    def __init__(self) -> None:
        self._frames: OrderedDict[bytes, float] = OrderedDict()
        self._deliveries: OrderedDict[DeliveryKey, float] = OrderedDict()

    def frame(self, fingerprint: bytes, now: float) -> bool:
        """Whether this frame was heard in the last ten minutes; it is from now on."""
        known = self._frames.get(fingerprint)
        if known is not None and now - known <= DUPLICATE_S:
            return True
        _note(self._frames, fingerprint, now)
        return False

    def delivered(self, key: DeliveryKey, now: float) -> bool:
        """Whether this very delivery of the broker was handed on already."""
        known = self._deliveries.get(key)
        return known is not None and now - known <= DUPLICATE_S

    def note_delivery(self, key: DeliveryKey, now: float) -> None:
        """It is handed on."""
        _note(self._deliveries, key, now)


def _note(known: OrderedDict[Any, float], key: Any, now: float) -> None:
    known[key] = now
    known.move_to_end(key)
    while len(known) > MOST_REMEMBERED:
        known.popitem(last=False)


def memory_in(shelf: dict[str, object]) -> Memory:
    """The memory that outlives a driver, found on its shelf or put there."""
    memory = shelf.get("mqtt")
    if not isinstance(memory, Memory):
        memory = shelf["mqtt"] = Memory()
    return memory


def delivery_key(incoming: Incoming) -> DeliveryKey:
    """The broker's number of a message together with what it is."""
    return incoming.topic, incoming.mid, hash(incoming.payload)
