"""Who wraps a measurement in what: one file for each kind of MQTT message.

Each module has ``Settings`` and a ``Listener`` (see :class:`Listening`). A listener turns a message into
:class:`Heard`: who sent it, when, and what is inside. It is pure; it subscribes to nothing and counts nothing.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from drivers.decode.sample import Sample
from drivers.decode.strictjson import LONGEST_TEXT
from gateway.catalogue import Meaning
from gateway.errors import BadReply

MOST_FIELDS = 64  # reference: reliability-and-security section 5


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message.

    Attributes:
        topic: Where it was published.
        payload: Its bytes.
        retained: An old one that the broker kept for new listeners.
    """

    topic: str
    payload: bytes
    retained: bool = False


@dataclass(frozen=True, slots=True)
class Uplink:
    """What a LoRaWAN network server says of one frame.

    Attributes:
        payload: Raw application bytes, empty when the server kept them to itself.
        port: fPort; 0 is a frame for the network alone.
        count: fCnt; ``None`` when the server does not tell it.
        session: What changes when the device joins again (session key id or device address).
        server_object: What the server's codec made of the bytes.
    """

    payload: bytes
    port: int
    count: int | None
    session: str
    server_object: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What one message says of one device.

    Attributes:
        address: Who: DevEUI, friendly name, topic part; compared with ``address`` of the configured devices.
        also: Other names of the same sender that a configured address may use.
        at: When, by the clock of whoever wrapped it; ``None`` = when it arrived.
        uplink: LoRaWAN bytes, to be decoded by the device's model.
        samples: Fields by dotted path, to be read by the device's model or by ``vocabulary``.
        vocabulary: Quantity -> meaning, for a device that names no model.
        facts: Quantity -> value in its one unit: link figures, battery, online. ``None`` = the sender does not know.
        events: (kind, details) of what happened.
        models: What the sender's side calls the model, best first.
        note: Why nothing comes of it although it is understood, e.g. ``log`` or ``simulated``.
        state: Retained is right for this one: it says how things are, not what was measured.
    """

    address: str
    also: tuple[str, ...] = ()
    at: datetime | None = None
    uplink: Uplink | None = None
    samples: tuple[Sample, ...] = ()
    vocabulary: Mapping[str, Meaning] = field(default_factory=dict)
    facts: Mapping[str, float | None] = field(default_factory=dict)
    events: tuple[tuple[str, Mapping[str, float | str]], ...] = ()
    models: tuple[str, ...] = ()
    note: str = ""
    state: bool = False


class Listening(ABC):
    """What every module's ``Listener(settings, addresses, zone)`` can do; ``addresses`` are the configured ones."""

    @abstractmethod
    def filters(self) -> list[str]:
        """What to subscribe to."""

    @abstractmethod
    def hear(self, message: Message) -> Sequence[Heard] | None:
        """What a message says; ``None`` when it is not of this kind.

        Raises:
            BadReply: It is of this kind but cannot be understood, in words.
        """

    def more(self) -> list[str]:
        """What to subscribe to since a message has told of it; each is named once."""
        return []

    def lessons(self) -> list[Message]:
        """The messages that must be heard again after a restart before others make sense."""
        return []

    def meanings(self) -> Mapping[str, Meaning]:
        """The quantities that its settings name, and what becomes them."""
        return {}


_FRACTION = re.compile(r"(\.[0-9]{6})[0-9]+")


def moment(text: object) -> datetime | None:
    """An RFC 3339 time with its zone as aware UTC, nine digits of a second cut to six; ``None`` for anything else."""
    if not isinstance(text, str) or len(text) > 40:
        return None
    try:
        at = datetime.fromisoformat(_FRACTION.sub(r"\1", text))
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return None


def fields_of(data: Any, prefix: str = "") -> dict[str, float | str | None]:
    """Every leaf of a JSON object by its dotted path: ``{"a": {"b": [1]}}`` is ``a.b.0 = 1``.

    Numbers stay numbers, ``true`` and ``false`` become the words of that name (a state mapping may give them a
    number), texts stay texts.

    Raises:
        BadReply: It has more leaves than any measurement, or a text that cannot be kept.
    """
    found: dict[str, float | str | None] = {}
    _gather(data, prefix, found)
    return found


def _gather(value: Any, path: str, found: dict[str, float | str | None]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _gather(inner, f"{path}.{key}" if path else key, found)
        return
    if isinstance(value, list):
        for index, inner in enumerate(value):
            _gather(inner, f"{path}.{index}" if path else str(index), found)
        return
    if len(found) >= MOST_FIELDS:
        raise BadReply(f"the message has more than {MOST_FIELDS} values")
    found[path] = leaf(value)


def leaf(value: Any) -> float | str | None:
    """One JSON value as a field."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return float(value)
    if value is None:
        return None
    text = str(value)
    if len(text) > LONGEST_TEXT or not text.isprintable():
        raise BadReply("a text in the message is too long or has control characters in it")
    return text
