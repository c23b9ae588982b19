"""Zigbee2MQTT: ``zigbee2mqtt/<friendly name>``, its ``/availability``, and the bridge's own messages.

A friendly name may have ``/`` in it. Availability comes as a bare word (1.x) or as ``{"state": ...}`` (2.x), retained.

Source: reference devices-and-limits 2.4 (Zigbee2MQTT, guide/usage/mqtt_topics_and_messages).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from pydantic import field_validator

from drivers.decode import strictjson
from drivers.decode.messages import Heard, Listening, Message, fields_of, moment
from drivers.decode.sample import Sample
from drivers.decode.topics import Pattern, check_topic
from gateway.catalogue import Meaning
from gateway.errors import BadReply
from gateway.schema import Strict

_YES = {"true": 1.0, "false": 0.0}
ONLINE = {"online": 1.0, "offline": 0.0}

# What Zigbee2MQTT calls a thing ("exposes"), for devices without a model of their own.
VOCABULARY: Mapping[str, Meaning] = {
    quantity: Meaning.model_validate({"from": field, **more})
    for quantity, field, more in (
        ("air_temp", "temperature", {}),
        ("air_rh", "humidity", {}),
        ("air_pressure", "pressure", {"unit": "hPa"}),
        ("soil_moisture", "soil_moisture", {}),
        ("illuminance", "illuminance", {"unit": "lx"}),
        ("co2", "co2", {"unit": "ppm"}),
        ("pm25", "pm25", {}),
        ("battery", "battery", {"unit": "%"}),
        ("battery_v", "voltage", {"unit": "mV"}),
        ("occupancy", "occupancy", {"states": _YES}),
        ("contact", "contact", {"states": _YES}),
        ("leak", "water_leak", {"states": _YES}),
        ("smoke", "smoke", {"states": _YES}),
    )
}
_MAINS = {quantity: meaning for quantity, meaning in VOCABULARY.items() if quantity != "battery_v"}


class Settings(Strict):
    """Where Zigbee2MQTT publishes.

    Attributes:
        topic: Its ``base_topic``.
    """

    topic: str = "zigbee2mqtt"

    @field_validator("topic")
    @classmethod
    def _plain(cls, topic: str) -> str:
        return check_topic(topic)


class Listener(Listening):
    """Understands Zigbee2MQTT."""

    def __init__(self, settings: Settings, addresses: Sequence[str], zone: tzinfo) -> None:
        self._base = settings.topic
        self._device = Pattern(f"{self._base}/{{device}}")
        self._availability = Pattern(f"{self._base}/{{device}}/availability")
        self._addresses = addresses

    def filters(self) -> list[str]:
        """All devices, their availability, and what the bridge says of itself and of newcomers."""
        return [
            *self._device.filters(self._addresses),
            *self._availability.filters(self._addresses),
            f"{self._base}/bridge/state",
            f"{self._base}/bridge/event",
        ]

    def hear(self, message: Message) -> Sequence[Heard] | None:
        """One message."""
        if not message.topic.startswith(f"{self._base}/"):
            return None
        name = message.topic.removeprefix(f"{self._base}/")
        if name.startswith("bridge/"):
            return [_bridge(name, message.payload)]
        device, slash, last = name.rpartition("/")
        if slash and last == "availability":
            return [Heard(device, facts={"online": _online(message.payload)}, state=True)]
        if slash and last in ("set", "get"):
            return [Heard(device, note=last)]
        if not message.payload:
            return [Heard(name, note="cleared")]
        body = strictjson.mapping_of(strictjson.parse(message.payload), "the message")
        return [_device(name, body)]


def _device(name: str, body: Mapping[str, Any]) -> Heard:
    about = body.get("device")
    also: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    if isinstance(about, dict):
        also = tuple(
            str(about[key]) for key in ("ieeeAddr", "ieee_address") if isinstance(about.get(key), str)
        )
        models = tuple(str(about[key]) for key in ("model", "modelID") if isinstance(about.get(key), str))
    measured = {key: value for key, value in body.items() if key not in ("device", "update", "last_seen")}
    quality = strictjson.number_of(measured.pop("linkquality", None))
    sample = Sample(fields_of(measured), at=_last_seen(body.get("last_seen")))
    return Heard(
        name,
        also,
        samples=(sample,),
        vocabulary=VOCABULARY if "battery" in body else _MAINS,
        facts={} if quality is None else {"link_quality": quality},
        models=models,
    )


def _last_seen(value: Any) -> datetime | None:
    """``last_seen`` as an ISO time or as milliseconds since 1970, whichever is set in Zigbee2MQTT."""
    number = strictjson.number_of(value)
    if number is None:
        return moment(value)
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=number)
    except OverflowError:
        return None


def _online(payload: bytes) -> float:
    """1 online, 0 offline, out of a bare word or ``{"state": ...}``."""
    word: Any = payload[:20].decode("utf-8", "replace").strip()
    if word.startswith(("{", '"')):
        body = strictjson.parse(payload)
        word = body.get("state") if isinstance(body, dict) else body
    if not isinstance(word, str) or word not in ONLINE:
        raise BadReply("availability is neither online nor offline")
    return ONLINE[word]


def _bridge(name: str, payload: bytes) -> Heard:
    if name != "bridge/event":
        return Heard("bridge", note=name)
    body = strictjson.mapping_of(strictjson.parse(payload), "the event")
    data = strictjson.mapping_of(body.get("data"), "data")
    address = strictjson.text_of(
        data.get("friendly_name", data.get("ieee_address", "bridge")), "friendly_name"
    )
    also = tuple(filter(None, [strictjson.text_of(data.get("ieee_address", ""), "ieee_address")]))
    kinds = {"device_joined": "joined", "device_leave": "left"}
    kind = kinds.get(str(body.get("type")))
    if kind is None:
        return Heard(address, also, note="bridge/event")
    return Heard(address, also, events=((kind, {}),))
