"""From one MQTT message to what it says of this site's devices. Pure: no broker, no clock, no counting.

``drivers/mqtt.py`` feeds it from the broker, ``village decode --json`` from a file.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from drivers.decode import lorawan
from drivers.decode.messages import Heard, Listening, Message, Uplink, fields_of
from drivers.decode.sample import FUTURE, Sample, readings_by, readings_of, whole_ms
from drivers.decode.topics import same
from gateway import plugins
from gateway.catalogue import Meaning
from gateway.contracts import Device
from gateway.errors import BadReply, Fault, SettingsError
from gateway.files import nearest
from gateway.model import Event, Flag, Observation, Reading, series_of
from gateway.quantities import Quantities
from gateway.units import check_convertible

SHELF = "message"
EXPLAIN_THEMSELVES = ("chirpstack", "tts", "zigbee2mqtt", "tasmota", "homeassistant")  # need no settings
LINK_QUANTITIES = frozenset({"rssi", "snr", "f_cnt", "link_margin", "link_quality"})


@dataclass(frozen=True, slots=True)
class Word:
    """What one message says of one sender.

    Attributes:
        device: Its slug; ``None`` for a stranger.
        heard: The wrapper, understood.
        observations: What goes to the bus; empty for a stranger.
        samples: What was decoded, for people to look at.
        fingerprint: The same for a repetition of the same frame; ``None`` for what cannot be told apart.
        problem: Why nothing could be made of it, in words.
    """

    device: str | None
    heard: Heard
    observations: tuple[Observation, ...] = ()
    samples: tuple[Sample, ...] = ()
    fingerprint: bytes | None = None
    problem: str = ""


class Intake:
    """All listeners of one source, and its devices.

    Args:
        listen: Message types with their settings, in the order in which they are asked.
        devices: The configured senders.
        quantities: All quantities.
        zone: For devices that tell local time.
        catalogue_dirs: Where vendor codecs lie.
        link: Which link figures become readings.

    Raises:
        SettingsError: Two devices have one address, or a mapping names an unknown quantity.
    """

    def __init__(
        self,
        listen: Sequence[tuple[str, Mapping[str, object]]],
        devices: Iterable[Device],
        *,
        quantities: Quantities,
        zone: tzinfo,
        catalogue_dirs: Sequence[Path] = (),
        link: Iterable[str] = (),
    ) -> None:
        self._devices: dict[str, Device] = {}
        for device in devices:
            address = same(str(device.settings.address)) or same(device.slug)
            if address in self._devices:
                raise SettingsError(
                    Fault(
                        "",
                        0,
                        f"devices.{device.slug}.address",
                        f"{address!r} is also {self._devices[address].slug}'s",
                        "one address, one device",
                    )
                )
            self._devices[address] = device
        addresses = [str(device.settings.address) or device.slug for device in self._devices.values()]
        self._listeners: list[Listening] = []
        for name, options in listen:
            module = plugins.load(SHELF, name, key="listen")
            self._listeners.append(module.Listener(module.Settings.model_validate(options), addresses, zone))
        self._quantities = quantities
        self._dirs = catalogue_dirs
        self._unwanted = LINK_QUANTITIES - set(link)
        _check_meanings(self._listeners, quantities)

    def filters(self) -> list[str]:
        """What to subscribe to."""
        return list(dict.fromkeys(name for listener in self._listeners for name in listener.filters()))

    def more(self) -> list[str]:
        """What a message just made worth hearing, too."""
        return [name for listener in self._listeners for name in listener.more()]

    def lessons(self) -> list[Message]:
        """The messages that must be heard again after a restart before others make sense."""
        return [lesson for listener in self._listeners for lesson in listener.lessons()]

    def learn(self, lessons: Iterable[Message]) -> None:
        """Hear them again; what is no longer understood is forgotten."""
        for lesson in lessons:
            with contextlib.suppress(BadReply):
                self.hear(lesson)
        self.more()

    def sort(self, message: Message, received: datetime) -> list[Word]:
        """Every sender in one message.

        Raises:
            BadReply: It cannot be understood, in words.
        """
        return [self._word(one, message, received) for one in self.hear(message)]

    def hear(self, message: Message) -> Sequence[Heard]:
        """The wrapper alone, understood; nobody has to be configured.

        Raises:
            BadReply: It cannot be understood, in words.
        """
        if not message.topic or len(message.topic) > 250 or not message.topic.isprintable():
            raise BadReply("its topic is empty, too long, or not plain text")
        for listener in self._listeners:
            heard = listener.hear(message)
            if heard is not None and not heard:
                raise BadReply("it speaks of no device")
            if heard is not None:
                return heard
        raise BadReply("no message type that is listened for looks like this")

    def _word(self, heard: Heard, message: Message, received: datetime) -> Word:
        device = next(
            (
                self._devices[same(name)]
                for name in (heard.address, *heard.also)
                if same(name) in self._devices
            ),
            None,
        )
        if device is None or heard.note:
            return Word(None if device is None else device.slug, heard)
        fingerprint = _fingerprint(device.slug, heard.uplink) if heard.uplink else None
        try:
            samples = self.samples(device, heard, received)
            readings = self._readings(device, heard, samples, received)
        except BadReply as error:
            return Word(device.slug, heard, fingerprint=fingerprint, problem=str(error))
        if message.retained and not heard.state:
            readings = [kept for reading in readings if (kept := self._as_retained(reading, received))]
        events = [] if message.retained else _events(device.slug, heard, received)
        return Word(device.slug, heard, (*readings, *events), samples, fingerprint)

    def samples(self, device: Device, heard: Heard, received: datetime) -> tuple[Sample, ...]:
        """The decoded fields, each with its time.

        Raises:
            BadReply: They cannot be decoded, in words.
        """
        if heard.uplink is None:
            found: Sequence[Sample] = heard.samples
        else:
            if device.model is None:
                raise BadReply(f"{device.slug} has no model: in the site file; its bytes mean nothing")
            found = _decoded(device, heard.uplink, self._dirs, heard.at or received)
        return tuple(replace(sample, at=heard.at) if sample.at is None else sample for sample in found)

    def _readings(
        self, device: Device, heard: Heard, samples: Sequence[Sample], received: datetime
    ) -> list[Reading]:
        readings: list[Reading] = []
        for sample in samples:
            if device.model is not None:
                readings += readings_of(device.slug, device.model, sample, received, self._quantities)
            else:
                readings += self._by_vocabulary(device.slug, heard.vocabulary, sample, received)
        own = {reading.series for reading in readings}
        own |= {series_of(device.slug, name) for name in (device.model.readings if device.model else {})}
        facts = Sample(dict(heard.facts), at=heard.at)
        wanted = {name: Meaning() for name in heard.facts if name not in self._unwanted}
        for reading in readings_by(device.slug, wanted, facts, received, self._quantities):
            if reading.series not in own:
                readings.append(reading)
        return readings

    def _by_vocabulary(
        self, slug: str, vocabulary: Mapping[str, Meaning], sample: Sample, received: datetime
    ) -> tuple[Reading, ...]:
        known = {name: meaning for name, meaning in vocabulary.items() if name in self._quantities}
        try:
            return readings_by(slug, known, sample, received, self._quantities)
        except ValueError as error:  # an announced unit that is none, or of something else
            raise BadReply(str(error)) from error

    def _as_retained(self, reading: Reading, received: datetime) -> Reading | None:
        """An old message is never fresh: a state is kept with a doubt, a measurement only at its own old time."""
        quantity = reading.series.partition("/")[2]
        if self._quantities[quantity].kind != "state" and reading.at == whole_ms(received):
            return None
        by = f"{reading.flagged_by}+retained" if reading.flagged_by else "retained"
        flag = Flag.SUSPECT if reading.flag is Flag.UNKNOWN else reading.flag
        return replace(reading, flag=flag, flagged_by=by)


def listening(listen: Sequence[str | Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """``[chirpstack, {plain: {...}}]`` as names with their settings."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for entry in listen:
        if isinstance(entry, str):
            found.append((entry, {}))
        elif len(entry) != 1:
            raise ValueError("each entry of listen is one name, or one name with its settings")
        else:
            name, options = next(iter(entry.items()))
            if options is not None and not isinstance(options, Mapping):
                raise ValueError(f"the settings of {name} are keys with values")
            found.append((name, options or {}))
    return found


def _decoded(device: Device, uplink: Uplink, dirs: Sequence[Path], at: datetime) -> Sequence[Sample]:
    model = device.model
    assert model is not None
    if model.wire == "json":
        if uplink.server_object is None:
            raise BadReply(f"{model.model} reads the server's decoded object, and the message has none")
        return [Sample(fields_of(uplink.server_object))]
    return lorawan.decode(
        model,
        uplink.payload,
        uplink.port or None,
        device.settings.options,
        catalogue_dirs=dirs,
        server_object=uplink.server_object,
        received=at,
    )


def _events(slug: str, heard: Heard, received: datetime) -> list[Event]:
    at = heard.at if heard.at is not None and heard.at <= received + FUTURE else received
    return [Event(slug, kind, whole_ms(at), received, detail=detail) for kind, detail in heard.events]


def _fingerprint(slug: str, uplink: Uplink) -> bytes | None:
    """Same device, session, counter and payload: the same frame (reference 8.3, duplicate uplink)."""
    if uplink.count is None:
        return None
    text = f"{slug}\0{uplink.session}\0{uplink.count}\0{uplink.port}\0".encode()
    return hashlib.blake2b(text + uplink.payload, digest_size=16).digest()


def _check_meanings(listeners: Iterable[Listening], quantities: Quantities) -> None:
    for listener in listeners:
        for quantity, meaning in listener.meanings().items():
            if quantity not in quantities:
                problem, remedy = f"no quantity is called {quantity!r}", nearest(quantity, list(quantities))
                raise SettingsError(Fault("", 0, "listen", problem, remedy))
            if meaning.unit is not None:
                try:
                    check_convertible(meaning.unit, quantities[quantity].unit)
                except ValueError as error:
                    raise SettingsError(Fault("", 0, "listen", f"{quantity}: {error}")) from error
