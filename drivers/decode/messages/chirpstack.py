"""ChirpStack, version 4 and 3: ``application/<id>/device/<DevEUI>/event/<event>``.

Protobuf JSON leaves out what is zero: no ``fCnt`` is frame 0, no ``fPort`` is a frame without payload, no ``snr``
beside an ``rssi`` is 0 dB, no ``batteryLevel`` in a status is 0 %. Version 3 writes the DevEUI in base64 (unless told
otherwise) and the decoded object as a text.

Source: reference devices-and-limits 2.1 and 2.7 (chirpstack-docs, integrations/events.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

from drivers.decode import strictjson
from drivers.decode.messages import Heard, Listening, Message, Uplink, moment
from drivers.decode.networkserver import best_link, payload_bytes, whole
from drivers.decode.topics import Pattern, TopicPattern, same
from gateway.errors import BadReply
from gateway.schema import Strict

CLOCKS_AGREE = timedelta(seconds=300)  # reference 8.3, clock skew
SILENT_EVENTS = frozenset({"ack", "txack", "log", "location", "integration"})  # nothing measured in them


class Settings(Strict):
    """Where ChirpStack publishes.

    Attributes:
        topic: Its ``event_topic`` with ``{device}`` for the DevEUI; the event's name is the last level.
    """

    topic: TopicPattern = "application/+/device/{device}/event/+"


class Listener(Listening):
    """Understands ChirpStack's events."""

    def __init__(self, settings: Settings, addresses: Sequence[str], zone: tzinfo) -> None:
        self._pattern = Pattern(settings.topic)

    def filters(self) -> list[str]:
        """The events of all devices."""
        return self._pattern.filters()

    def hear(self, message: Message) -> Sequence[Heard] | None:
        """One event."""
        place = self._pattern.match(message.topic)
        if place is None:
            return None
        body = strictjson.mapping_of(strictjson.parse(message.payload), "the message")
        info = strictjson.mapping_of(body.get("deviceInfo"), "deviceInfo")
        address = _identity(place.get("device", ""), info.get("devEui", body.get("devEUI")))
        models = tuple(
            str(name)
            for name in (info.get("deviceProfileName"), body.get("deviceProfileName"))
            if isinstance(name, str)
        )
        event = message.topic.rsplit("/", 1)[-1]
        match event:
            case "up":
                return [_up(address, body, models)]
            case "status":
                return [_status(address, body, models)]
            case "join":
                detail = {"dev_addr": strictjson.text_of(body.get("devAddr", ""), "devAddr")}
                return [
                    Heard(address, at=moment(body.get("time")), events=(("joined", detail),), models=models)
                ]
            case _ if event in SILENT_EVENTS:
                return [Heard(address, note=event, models=models)]
            case _:
                raise BadReply(f"unknown ChirpStack event {event[:40]!r}")


def _identity(topic_part: str, said: Any) -> str:
    """The DevEUI, from the topic; a message that names another one is refused."""
    spoken = _eui(said)
    if topic_part and spoken and same(topic_part) != spoken:
        raise BadReply(f"the message says DevEUI {spoken}, its topic says {topic_part[:40]}")
    address = same(topic_part) or spoken
    if not address:
        raise BadReply("the message names no DevEUI")
    return address


def _eui(said: Any) -> str:
    """16 hexadecimal digits, or the same 8 bytes in base64 (version 3)."""
    if said is None:
        return ""
    text = strictjson.text_of(said, "devEui")
    if len(text) == 12 and text.endswith("="):
        return payload_bytes(text).hex()
    return same(text)


def _up(address: str, body: Mapping[str, Any], models: tuple[str, ...]) -> Heard:
    if body.get("simulated") is True:
        return Heard(address, note="simulated", models=models)
    count = whole(body.get("fCnt"), "fCnt", 2**32 - 1)
    uplink = Uplink(
        payload=payload_bytes(body.get("data")),
        port=whole(body.get("fPort"), "fPort", 255),
        count=count,
        session=strictjson.text_of(body.get("devAddr", ""), "devAddr"),
        server_object=_object(body) or None,
    )
    facts: dict[str, float | None] = {**best_link(body.get("rxInfo")), "f_cnt": float(count)}
    return Heard(address, at=_time(body), uplink=uplink, facts=facts, models=models)


def _object(body: Mapping[str, Any]) -> Mapping[str, Any]:
    text = body.get("objectJSON")
    if isinstance(text, str) and text:
        return strictjson.mapping_of(strictjson.parse(text.encode("utf-8", "replace")), "objectJSON")
    return strictjson.mapping_of(body.get("object"), "object")


def _time(body: Mapping[str, Any]) -> datetime | None:
    """The server's time of the frame; a gateway whose clock is far from the server's is not believed."""
    said = moment(body.get("time"))
    for entry in strictjson.list_of(body.get("rxInfo"), "rxInfo"):
        server = moment(strictjson.mapping_of(entry, "rxInfo").get("nsTime"))
        if server is not None and (said is None or abs(said - server) > CLOCKS_AGREE):
            return server
    return said


def _status(address: str, body: Mapping[str, Any], models: tuple[str, ...]) -> Heard:
    facts: dict[str, float | None] = {}
    if body.get("externalPowerSource") is not True:
        unknown = body.get("batteryLevelUnavailable") is True
        facts["battery"] = None if unknown else strictjson.number_of(body.get("batteryLevel", 0))
    margin = strictjson.number_of(body.get("margin", 0))
    if margin is not None:
        facts["link_margin"] = margin
    return Heard(address, at=moment(body.get("time")), facts=facts, models=models)
