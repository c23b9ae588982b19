"""Tasmota: ``tele/<topic>/SENSOR``, ``/STATE`` and ``/LWT``.

``Time`` has no zone and Tasmota's own default zone is not the village's, so it counts only where the message names its
zone or the installer says that the devices are set to the site's. ``Wifi.RSSI`` is a percentage; the signal in dBm is
``Wifi.Signal``. A Tasmota LoRaWAN bridge hands on raw frames, a Zigbee bridge decoded ones: both are devices of their
own, named by DevEUI and by name or short address.

Source: reference devices-and-limits 2.5 (tasmota/docs MQTT.md, LoRaWan-Decoders.md, Zigbee.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal

from pydantic import field_validator

from drivers.decode import strictjson
from drivers.decode.messages import Heard, Listening, Message, Uplink, fields_of, moment
from drivers.decode.networkserver import whole
from drivers.decode.sample import Sample
from drivers.decode.topics import Pattern
from gateway.catalogue import Meaning
from gateway.errors import BadReply
from gateway.schema import Strict

_KINDS = ("SENSOR", "STATE", "LWT")
_WORDS = {"Online": 1.0, "Offline": 0.0}
_BRIDGED = ("LwReceived", "ZbReceived", "ZbState")
_LIGHT_MM = ("VL53L0X", "VL53L1X", "VL6180")  # laser rangers report mm, ultrasonic ones cm
_PROBE = {"85": "power_on_value", "-127": "no_probe"}  # DS18B20: reference 8.2

# What Tasmota calls a thing, for devices without a model of their own.
_NAMES: Mapping[str, tuple[str, str]] = {
    "Temperature": ("air_temp", "degC"),
    "Humidity": ("air_rh", "%"),
    "Pressure": ("air_pressure", "hPa"),
    "Illuminance": ("illuminance", "lx"),
    "CarbonDioxide": ("co2", "ppm"),
    "PM2.5": ("pm25", "ug/m3"),
    "PM10": ("pm10", "ug/m3"),
    "BatteryPercentage": ("battery", "%"),
}


class Settings(Strict):
    """How the devices are set.

    Attributes:
        full_topic: Tasmota's ``FullTopic``; ``%topic%`` is what names a device here.
        time: ``site``: the devices' clocks are set to the site's zone, believe them; ``ignore``: count from arrival.
    """

    full_topic: str = "%prefix%/%topic%/"
    time: Literal["ignore", "site"] = "ignore"

    @field_validator("full_topic")
    @classmethod
    def _named(cls, full_topic: str) -> str:
        if "%topic%" not in full_topic:
            raise ValueError("full_topic needs %topic%, otherwise nobody knows who sends")
        Pattern(_topic(full_topic, _KINDS[0]))
        return full_topic


def _topic(full_topic: str, kind: str) -> str:
    place = full_topic.replace("%prefix%", "tele").replace("%topic%", "{device}")
    return f"{place.rstrip('/')}/{kind}"


class Listener(Listening):
    """Understands Tasmota's telemetry."""

    def __init__(self, settings: Settings, addresses: Sequence[str], zone: tzinfo) -> None:
        self._patterns = {kind: Pattern(_topic(settings.full_topic, kind)) for kind in _KINDS}
        self._addresses = addresses
        self._zone = zone if settings.time == "site" else None

    def filters(self) -> list[str]:
        """Telemetry of all devices."""
        return [name for pattern in self._patterns.values() for name in pattern.filters(self._addresses)]

    def hear(self, message: Message) -> Sequence[Heard] | None:
        """One message; a bridge speaks for several devices."""
        kind = message.topic.rpartition("/")[2]
        place = self._patterns[kind].match(message.topic) if kind in _KINDS else None
        if place is None:
            return None
        device = place["device"]
        if kind == "LWT":
            word = message.payload[:20].decode("utf-8", "replace").strip()
            if word not in _WORDS:
                raise BadReply("LWT is neither Online nor Offline")
            return [Heard(device, facts={"online": _WORDS[word]}, state=True)]
        body = strictjson.mapping_of(strictjson.parse(message.payload), "the message")
        at = _time(body.get("Time"), self._zone)
        if kind == "STATE":
            return [_state(device, body, at)]
        return list(_sensor(device, body, at))


def _state(device: str, body: Mapping[str, Any], at: datetime | None) -> Heard:
    wifi = strictjson.mapping_of(body.get("Wifi"), "Wifi")
    signal = strictjson.number_of(wifi.get("Signal"))
    return Heard(device, at=at, facts={} if signal is None else {"rssi": signal})


def _sensor(device: str, body: Mapping[str, Any], at: datetime | None) -> Iterator[Heard]:
    own = {key: value for key, value in body.items() if key not in (*_BRIDGED, "Time")}
    if own or not any(name in body for name in _BRIDGED):
        sample = Sample(fields_of(own), at=at)
        yield Heard(device, samples=(sample,), vocabulary=_vocabulary(own))
    if "ZbState" in body:
        yield Heard(device, note="ZbState")
    for short, frame in strictjson.mapping_of(body.get("LwReceived"), "LwReceived").items():
        yield _lorawan(short, strictjson.mapping_of(frame, "LwReceived"), at)
    for short, report in strictjson.mapping_of(body.get("ZbReceived"), "ZbReceived").items():
        yield _zigbee(short, strictjson.mapping_of(report, "ZbReceived"), at)


def _lorawan(short: str, frame: Mapping[str, Any], at: datetime | None) -> Heard:
    eui = "".join(strictjson.text_of(frame.get(half, ""), half) for half in ("DevEUIh", "DevEUIl"))
    numbers = strictjson.list_of(frame.get("Payload"), "Payload")
    payload = bytes(whole(number, "a byte of Payload", 255) for number in numbers)
    uplink = Uplink(payload, whole(frame.get("FPort"), "FPort", 255), count=None, session="")
    link = {"rssi": strictjson.number_of(frame.get("RSSI")), "snr": strictjson.number_of(frame.get("SNR"))}
    facts = {name: value for name, value in link.items() if value is not None}
    decoder = frame.get("Decoder")
    models = (decoder,) if isinstance(decoder, str) else ()
    return Heard(eui or short, (short,), at=at, uplink=uplink, facts=facts, models=models)


def _zigbee(short: str, report: Mapping[str, Any], at: datetime | None) -> Heard:
    name = report.get("Name")
    values = {
        key: value for key, value in report.items() if key not in ("Device", "Name", "Endpoint", "Group")
    }
    quality = strictjson.number_of(values.pop("LinkQuality", None))
    return Heard(
        strictjson.text_of(name, "Name") if name else short,
        (short,),
        samples=(Sample(fields_of(values), at=at),),
        vocabulary=_vocabulary({"": values}),
        facts={} if quality is None else {"link_quality": quality},
    )


def _vocabulary(body: Mapping[str, Any]) -> dict[str, Meaning]:
    """Every known name in it; the second temperature is ``air_temp_2``."""
    found: dict[str, Meaning] = {}
    count: dict[str, int] = {}
    for sensor, values in body.items():
        if not isinstance(values, dict):
            continue
        for name in values:
            known = _NAMES.get(name) or _by_sensor(sensor, name)
            if known is None:
                continue
            quantity, unit = known
            if quantity == "air_temp" and body.get("TempUnit") == "F":
                unit = "degF"
            count[quantity] = count.get(quantity, 0) + 1
            label = quantity if count[quantity] == 1 else f"{quantity}_{count[quantity]}"
            place = f"{sensor}.{name}" if sensor else name
            missing = _PROBE if sensor.startswith("DS18") else {}
            found[label] = Meaning.model_validate({"from": place, "unit": unit, "missing": missing})
    return found


def _by_sensor(sensor: str, name: str) -> tuple[str, str] | None:
    """Names whose meaning or unit depends on the sensor."""
    if name == "Distance":
        return "distance", "mm" if sensor.startswith(_LIGHT_MM) else "cm"
    if name == "Total" and sensor == "RG-15":
        return "rain_total", "mm"
    return None


def _time(text: Any, zone: tzinfo | None) -> datetime | None:
    at = moment(text)
    if at is not None or zone is None or not isinstance(text, str) or len(text) > 40:
        return at
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
