"""Whatever announces itself to Home Assistant: retained ``homeassistant/.../config`` say where its states are.

An announcement names a state topic, a template and a device class. Of the announcements of configured devices the state
topics are subscribed, too; a device is named by one of its ``identifiers``, its name, its ``unique_id`` or its state
topic. Templates are understood as far as they only pick a value: ``{{ value }}``, ``{{ value_json.x }}``,
``{{ value_json["x"]["y"] }}``, with ``| float`` or ``| is_defined`` behind it. Anything more is a program, and refused.

Source: reference devices-and-limits 2.6; Home Assistant, MQTT integration (discovery, abbreviations, device classes).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from pydantic import field_validator

from drivers.decode import strictjson
from drivers.decode.messages import Heard, Listening, Message, leaf
from drivers.decode.sample import Sample
from drivers.decode.topics import check_topic, same
from gateway.catalogue import Meaning
from gateway.errors import BadReply
from gateway.schema import Strict

MOST_ENTITIES = 500  # of all configured devices together
_PLACE = re.compile(r"""\.([A-Za-z_][A-Za-z0-9_]*)|\[\s*(?:"([^"\\\]]+)"|'([^'\\\]]+)'|([0-9]{1,4}))\s*\]""")
_TEMPLATE = re.compile(
    r"""\{\{-?\s*value(?P<json>_json(?P<path>(?:\.[A-Za-z_][A-Za-z0-9_]*|\[[^\]]+\])+))?
    \s*(?:\|\s*(?:float|is_defined)\s*)*-?\}\}""",
    re.VERBOSE,
)
_SHORT = {  # abbreviations, as Tasmota and ESPHome write them
    "stat_t": "state_topic",
    "val_tpl": "value_template",
    "dev_cla": "device_class",
    "unit_of_meas": "unit_of_measurement",
    "uniq_id": "unique_id",
    "obj_id": "object_id",
    "pl_on": "payload_on",
    "pl_off": "payload_off",
    "dev": "device",
    "ids": "identifiers",
    "cmps": "components",
    "p": "platform",
    "mdl": "model",
    "mdl_id": "model_id",
    "mf": "manufacturer",
}
_UNITS = {
    "°C": "degC",
    "°F": "degF",
    "µg/m³": "ug/m3",
    "μg/m³": "ug/m3",
    "W/m²": "W/m2",
    "m³/h": "m3/h",
    "µS/cm": "uS/cm",
    "μS/cm": "uS/cm",
    "in": "inch",
    "kn": "knot",
    "°": "deg",
}
_SENSORS = {  # device class -> quantity
    "temperature": "air_temp",
    "humidity": "air_rh",
    "atmospheric_pressure": "air_pressure",
    "pressure": "air_pressure",
    "battery": "battery",
    "distance": "distance",
    "illuminance": "illuminance",
    "moisture": "soil_moisture",
    "carbon_dioxide": "co2",
    "pm25": "pm25",
    "pm10": "pm10",
    "signal_strength": "rssi",
    "wind_speed": "wind_speed",
    "wind_direction": "wind_dir",
    "precipitation": "rain_total",
    "irradiance": "solar_radiation",
    "conductivity": "ec",
    "ph": "ph",
    "sound_pressure": "noise",
    "voltage": "voltage",
}
_BINARIES = {  # device class -> quantity and what "on" is there
    "moisture": ("leak", 1.0),
    "smoke": ("smoke", 1.0),
    "occupancy": ("occupancy", 1.0),
    "motion": ("occupancy", 1.0),
    "presence": ("occupancy", 1.0),
    "connectivity": ("online", 1.0),
    "door": ("contact", 0.0),  # on = open, and a contact is 1 when closed
    "window": ("contact", 0.0),
    "opening": ("contact", 0.0),
    "garage_door": ("contact", 0.0),
}


class Settings(Strict):
    """Where devices announce themselves.

    Attributes:
        topic: Home Assistant's discovery prefix.
    """

    topic: str = "homeassistant"

    @field_validator("topic")
    @classmethod
    def _plain(cls, topic: str) -> str:
        return check_topic(topic)


@dataclass(frozen=True, slots=True)
class _Entity:
    """One announced value.

    Attributes:
        address: The configured device.
        path: Where it is in the state's JSON; ``None`` = the whole payload.
        field: What a device model may call it.
        quantity: What it is for a device without a model; empty when nobody knows.
        meaning: How it becomes that quantity.
    """

    address: str
    path: tuple[str | int, ...] | None
    field: str
    quantity: str
    meaning: Meaning


class Listener(Listening):
    """Understands announcements, then the states they announce."""

    def __init__(self, settings: Settings, addresses: Sequence[str], zone: tzinfo) -> None:
        self._prefix = settings.topic
        self._addresses = {same(address): address for address in addresses}
        self._entities: dict[
            str, dict[str, _Entity]
        ] = {}  # state topic -> announcement's topic (and part) -> entity
        self._wanted: list[str] = []
        self._lessons: dict[str, Message] = {}

    def filters(self) -> list[str]:
        """Announcements, with and without a node id, and the states already known."""
        return [f"{self._prefix}/+/+/config", f"{self._prefix}/+/+/+/config", *self._entities]

    def more(self) -> list[str]:
        """State topics announced since the last call."""
        wanted, self._wanted = self._wanted, []
        return wanted

    def lessons(self) -> list[Message]:
        """The announcements of configured devices."""
        return list(self._lessons.values())

    def hear(self, message: Message) -> Sequence[Heard] | None:
        """One announcement or one state."""
        if message.topic.startswith(f"{self._prefix}/") and message.topic.endswith("/config"):
            heard = list(self._announced(message))
            if any(
                message.topic == key.partition(" ")[0] for known in self._entities.values() for key in known
            ):
                self._lessons[message.topic] = message
            return heard
        entities = self._entities.get(message.topic)
        return None if entities is None else _states(list(entities.values()), message.payload)

    def _announced(self, message: Message) -> Iterator[Heard]:
        self._forget(message.topic)
        component = message.topic.removeprefix(f"{self._prefix}/").partition("/")[0]
        if not message.payload:
            yield Heard(message.topic.split("/")[-2], note="announcement withdrawn")
            return
        body = _spelled_out(strictjson.mapping_of(strictjson.parse(message.payload), "the announcement"))
        about = _spelled_out(strictjson.mapping_of(body.get("device"), "device"))
        parts = strictjson.mapping_of(body.get("components"), "components")
        entities = (
            [(component, "", body)]
            if not parts
            else [
                (str(part.get("platform")), name, {**body, **part})
                for name, inner in parts.items()
                if (part := _spelled_out(strictjson.mapping_of(inner, "a component")))
            ]
        )
        for kind, part_name, entity in entities:
            yield self._entity(kind, f"{message.topic} {part_name}", entity, about)

    def _entity(self, kind: str, key: str, body: Mapping[str, Any], about: Mapping[str, Any]) -> Heard:
        topic = str(body.get("state_topic") or "").replace("~", str(body.get("~") or ""))
        names = _names(body, about, topic)
        if not names:
            raise BadReply("the announcement names no device")
        models = tuple(str(about[name]) for name in ("model_id", "model") if isinstance(about.get(name), str))
        address = next((self._addresses[same(name)] for name in names if same(name) in self._addresses), None)
        if address is None:
            return Heard(names[0], names[1:], models=models, note="announced")
        if kind not in ("sensor", "binary_sensor"):
            return Heard(address, models=models, note=f"{kind} is not read")
        try:
            check_topic(topic)
        except ValueError as error:
            raise BadReply(f"{address}: state_topic: {error}") from error
        path = _path(address, body.get("value_template"))
        field = (
            ".".join(str(step) for step in path)
            if path
            else str(body.get("object_id") or topic.rpartition("/")[2])
        )
        quantity, meaning = _meaning(kind, body, field)
        if topic not in self._entities:
            self._wanted.append(topic)
        if sum(len(known) for known in self._entities.values()) >= MOST_ENTITIES:
            raise BadReply(f"more than {MOST_ENTITIES} announced values")
        self._entities.setdefault(topic, {})[key] = _Entity(address, path, field, quantity, meaning)
        return Heard(address, models=models, note="announced", state=True)

    def _forget(self, announcement: str) -> None:
        self._lessons.pop(announcement, None)
        for known in self._entities.values():
            for key in [key for key in known if key.partition(" ")[0] == announcement]:
                del known[key]


def _spelled_out(body: Mapping[str, Any]) -> dict[str, Any]:
    return {_SHORT.get(key, key): value for key, value in body.items()}


def _names(body: Mapping[str, Any], about: Mapping[str, Any], topic: str) -> tuple[str, ...]:
    identifiers = about.get("identifiers")
    listed = identifiers if isinstance(identifiers, list) else [identifiers]
    said = [*listed, about.get("name"), body.get("unique_id"), topic]
    return tuple(strictjson.text_of(name, "a name") for name in said[:16] if isinstance(name, str) and name)


def _path(address: str, template: Any) -> tuple[str | int, ...] | None:
    """Where a template looks.

    Raises:
        BadReply: It does more than look.
    """
    if template is None or template == "":
        return None
    found = _TEMPLATE.fullmatch(str(template).strip()) if len(str(template)) <= 256 else None
    if found is None:
        raise BadReply(f"{address}: template {str(template)[:60]!r} does more than pick a value")
    if found["json"] is None:
        return None
    steps: list[str | int] = []
    rest = found["path"]
    while rest:
        step = _PLACE.match(rest)
        if step is None:
            raise BadReply(f"{address}: template {str(template)[:60]!r} does more than pick a value")
        name = step[1] or step[2] or step[3]
        steps.append(name if name is not None else int(step[4]))
        rest = rest[step.end() :]
    return tuple(steps)


def _meaning(kind: str, body: Mapping[str, Any], field: str) -> tuple[str, Meaning]:
    device_class = str(body.get("device_class") or "")
    if kind == "binary_sensor":
        quantity, when_on = _BINARIES.get(device_class, ("", 1.0))
        on, off = (
            str(leaf(body.get(key, word))) for key, word in (("payload_on", "ON"), ("payload_off", "OFF"))
        )
        return quantity, Meaning.model_validate({"from": field, "states": {on: when_on, off: 1.0 - when_on}})
    quantity = _SENSORS.get(device_class, "")
    said = str(body.get("unit_of_measurement") or "")
    if quantity == "rain_total" and body.get("state_class") == "measurement":
        quantity = "rain"
    if quantity == "battery" and said == "V":
        quantity = "battery_v"
    unit = _UNITS.get(said, said) or None
    return quantity, Meaning.model_validate({"from": field, "unit": unit})


def _states(entities: Sequence[_Entity], payload: bytes) -> list[Heard]:
    """One state topic may carry values of several devices."""
    if not entities or not payload:
        return [Heard(entity.address, note="no state") for entity in entities[:1]]
    whole: Any = None
    if any(entity.path is not None for entity in entities):
        whole = strictjson.parse(payload)
    fields: dict[str, dict[str, float | str | None]] = {}
    vocabulary: dict[str, dict[str, Meaning]] = {}
    for entity in entities:
        if entity.path is None:
            value = _bare(payload)
        else:
            found = _follow(whole, entity.path)
            if found is _ABSENT:
                continue
            value = leaf(found) if not isinstance(found, dict | list) else None
        fields.setdefault(entity.address, {})[entity.field] = value
        known = vocabulary.setdefault(entity.address, {})
        if entity.quantity:
            known.setdefault(entity.quantity, entity.meaning)
    return [
        Heard(address, samples=(Sample(found),), vocabulary=vocabulary[address])
        for address, found in fields.items()
    ] or [Heard(entities[0].address, note="no state")]


_ABSENT: Any = object()
_UNKNOWN = frozenset({"", "unknown", "unavailable", "None", "nan", "null"})
_NUMBER = re.compile(r"[-+]?[0-9]{1,20}(\.[0-9]{1,20})?")


def _bare(payload: bytes) -> float | str | None:
    try:
        text = payload.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise BadReply("payload is not UTF-8 text") from error
    if text in _UNKNOWN:
        return None
    return float(text) if _NUMBER.fullmatch(text) else leaf(text)


def _follow(body: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        known = isinstance(body, dict) and isinstance(step, str) and step in body
        known = known or (isinstance(body, list) and isinstance(step, int) and step < len(body))
        if not known:
            return _ABSENT
        body = body[step]
    return body
