"""The JSON in which network servers and hubs hand messages on over MQTT.

Sources: reference "devices and limits", sections 2.1 (ChirpStack v4), 2.2 (The Things Stack v3), 2.4 (Zigbee2MQTT),
2.5 (Tasmota). As there, zero-valued fields are left out by ChirpStack and The Things Stack.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from drivers.simulation.frames import Frame

APPLICATION = "5f0c3a52-7d4e-4b61-9c0b-2d6f3e8a1b47"
GATEWAY_EUI = "0016c001f153a14c"


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message on its way to the broker."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Radio:
    """How the gateway on the hill heard it."""

    rssi: float
    snr: float


def chirpstack_v4(
    name: str, dev_eui: str, frame: Frame, *, counter: int, at: datetime, radio: Radio
) -> Message:
    """An ``up`` event of ChirpStack v4; the time has nanoseconds, a first counter of 0 is left out."""
    eui = dev_eui.lower()
    body: dict[str, Any] = {
        "deduplicationId": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{eui}/{counter}/{at.isoformat()}")),
        "time": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "242+00:00",
        "deviceInfo": {
            "tenantName": "village",
            "applicationId": APPLICATION,
            "applicationName": "village",
            "deviceProfileName": "class-a",
            "deviceName": name,
            "devEui": eui,
            "tags": {},
        },
        "devAddr": eui[-8:],
        "adr": True,
        "dr": 3,
        "fPort": frame.port,
        "data": base64.b64encode(frame.payload).decode(),
        "rxInfo": [
            {
                "gatewayId": GATEWAY_EUI,
                "uplinkId": 1000 + counter,
                "rssi": round(radio.rssi),
                "snr": radio.snr,
            }
        ],
        "txInfo": {"frequency": 486300000},
        "regionConfigId": "cn470_10",
    }
    if counter:
        body["fCnt"] = counter
    return Message(f"application/{APPLICATION}/device/{eui}/event/up", _json(body))


def things_stack_v3(
    device_id: str,
    dev_eui: str,
    frame: Frame,
    *,
    counter: int,
    at: datetime,
    radio: Radio,
    simulated: bool = False,
) -> Message:
    """An uplink of The Things Stack v3; ``simulated`` is what its console's test button sends."""
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "731Z"
    uplink: dict[str, Any] = {
        "session_key_id": base64.b64encode(dev_eui.encode()).decode(),
        "f_port": frame.port,
        "frm_payload": base64.b64encode(frame.payload).decode(),
        "rx_metadata": [
            {
                "gateway_ids": {"gateway_id": "hill", "eui": GATEWAY_EUI.upper()},
                "rssi": round(radio.rssi),
                "snr": radio.snr,
            }
        ],
        "settings": {
            "data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 9}},
            "frequency": "486300000",
        },
        "received_at": stamp,
    }
    if counter:
        uplink["f_cnt"] = counter
    body: dict[str, Any] = {
        "end_device_ids": {
            "device_id": device_id,
            "application_ids": {"application_id": "village"},
            "dev_eui": dev_eui.upper(),
            "dev_addr": dev_eui[-8:].upper(),
        },
        "received_at": stamp,
        "uplink_message": uplink,
    }
    if simulated:
        body["simulated"] = True
    return Message(f"v3/village@ttn/devices/{device_id}/up", _json(body))


def zigbee2mqtt(friendly_name: str, values: Mapping[str, Any]) -> Message:
    """The exposes of a Zigbee device."""
    return Message(f"zigbee2mqtt/{friendly_name}", _json(values))


def zigbee2mqtt_availability(friendly_name: str, *, online: bool) -> Message:
    """Retained, as Zigbee2MQTT 2.x writes it."""
    state = {"state": "online" if online else "offline"}
    return Message(f"zigbee2mqtt/{friendly_name}/availability", _json(state), retain=True)


def tasmota(topic: str, values: Mapping[str, Any], at: datetime, utc_offset: timedelta) -> Message:
    """``tele/<topic>/SENSOR``; the time is local and says no zone."""
    local = (at.astimezone(UTC) + utc_offset).strftime("%Y-%m-%dT%H:%M:%S")
    return Message(f"tele/{topic}/SENSOR", _json({"Time": local, **values, "TempUnit": "C"}))


def plain_json(topic: str, values: Mapping[str, Any]) -> Message:
    """Whatever somebody's own firmware sends."""
    return Message(topic, _json(values))


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
