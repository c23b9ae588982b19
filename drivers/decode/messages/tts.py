"""The Things Stack, version 3: ``v3/<application>@<tenant>/devices/<device id>/up``.

Fields that are empty, zero or false are left out: no ``f_cnt`` is frame 0, no ``f_port`` a frame without payload. A
device is named by its DevEUI or by its device id. Uplinks marked ``simulated`` come from the console's test button.

Source: reference devices-and-limits 2.2 (lorawan-stack-docs, MQTT integration and data formats).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from pydantic import Field

from drivers.decode import strictjson
from drivers.decode.messages import Heard, Listening, Message, Uplink, moment
from drivers.decode.networkserver import best_link, payload_bytes, whole
from drivers.decode.topics import same
from gateway.errors import BadReply
from gateway.schema import Strict

_EVENTS = frozenset({"up", "join"})
_TOPIC = re.compile(r"v3/([^/]+)/devices/([^/]+)/(up|join|down/[a-z]+|service/data|location/solved)")


class Settings(Strict):
    """Which applications.

    Attributes:
        application: ``<application>@<tenant>`` (open-source server: ``<application>``); ``+`` = all that we may read.
    """

    application: str = Field(default="+", pattern=r"^(\+|[^/+#{}]+)$", max_length=120)


class Listener(Listening):
    """Understands the messages of The Things Stack."""

    def __init__(self, settings: Settings, addresses: Sequence[str], zone: tzinfo) -> None:
        self._application = settings.application

    def filters(self) -> list[str]:
        """Uplinks and joins of all devices."""
        return [f"v3/{self._application}/devices/+/{event}" for event in sorted(_EVENTS)]

    def hear(self, message: Message) -> Sequence[Heard] | None:
        """One message."""
        place = _TOPIC.fullmatch(message.topic)
        if place is None or self._application not in ("+", place[1]):
            return None
        body = strictjson.mapping_of(strictjson.parse(message.payload), "the message")
        ids = strictjson.mapping_of(body.get("end_device_ids"), "end_device_ids")
        eui = same(strictjson.text_of(ids.get("dev_eui", ""), "dev_eui"))
        address, also = (eui, (place[2],)) if eui else (place[2], ())
        if place[3] not in _EVENTS:
            return [Heard(address, also, note=place[3])]
        if body.get("simulated") is True:
            return [Heard(address, also, note="simulated")]
        if place[3] == "join":
            detail = {"dev_addr": strictjson.text_of(ids.get("dev_addr", ""), "dev_addr")}
            return [Heard(address, also, at=moment(body.get("received_at")), events=(("joined", detail),))]
        return [_up(address, also, body, ids)]


def _up(address: str, also: tuple[str, ...], body: Mapping[str, Any], ids: Mapping[str, Any]) -> Heard:
    said = body.get("uplink_message")
    if not isinstance(said, dict):
        raise BadReply("an uplink without uplink_message")
    versions = strictjson.mapping_of(said.get("version_ids"), "version_ids")
    if said.get("simulated") is True:
        return Heard(address, also, note="simulated")
    count = whole(said.get("f_cnt"), "f_cnt", 2**32 - 1)
    uplink = Uplink(
        payload=payload_bytes(said.get("frm_payload")),
        port=whole(said.get("f_port"), "f_port", 255),
        count=count,
        session=strictjson.text_of(said.get("session_key_id") or ids.get("dev_addr") or "", "session_key_id"),
        server_object=strictjson.mapping_of(said.get("decoded_payload"), "decoded_payload") or None,
    )
    facts: dict[str, float | None] = {**best_link(said.get("rx_metadata")), "f_cnt": float(count)}
    at = moment(said.get("received_at")) or moment(body.get("received_at"))
    return Heard(address, also, at=at, uplink=uplink, facts=facts, models=_models(versions))


def _models(versions: Mapping[str, Any]) -> tuple[str, ...]:
    """``dragino-lht52``, then ``lht52``: how the device repository names it."""
    brand, model = versions.get("brand_id"), versions.get("model_id")
    if not isinstance(model, str):
        return ()
    return (f"{brand}-{model}", model) if isinstance(brand, str) else (model,)
