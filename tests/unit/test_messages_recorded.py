"""Every recorded MQTT message: the right readings, an event, nothing, or a refusal in words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from drivers.decode.intake import Intake
from drivers.decode.messages import Message
from gateway.catalogue import Catalogue
from gateway.contracts import Device
from gateway.model import Event, Reading
from gateway.quantities import Quantities
from gateway.settings import DeviceSettings

pytestmark = pytest.mark.recorded

NOW = datetime(2026, 7, 18, 10, 0, tzinfo=UTC)
LISTEN: list[tuple[str, dict[str, Any]]] = [
    ("chirpstack", {}),
    ("tts", {}),
    ("zigbee2mqtt", {}),
    ("tasmota", {}),
    ("tasmota", {"full_topic": "piegn/%prefix%/%topic%/"}),
    ("homeassistant", {}),
]

# file -> (address, model, what must come: readings, an event's kind, a note, or a problem)
EXPECTED: dict[str, tuple[str, str | None, Any]] = {
    "chirpstack4_join_docs": ("0101010101010101", None, "event joined"),
    "chirpstack4_location_docs": ("0101010101010101", None, "note location"),
    "chirpstack4_status_docs": ("0101010101010101", None, {"battery": 88.3, "link_margin": 10.0}),
    "chirpstack4_up_docs": ("0101010101010101", None, "problem no model"),
    "chirpstack4_up_dragino_door": ("a84041263188b787", None, "problem no model"),
    "chirpstack4_up_dragino_lt22222": (
        "A8404127A188D826",
        "dragino-lt-22222",
        {"voltage": 0.0, "voltage_2": 0.0, "current_ma": 0.0, "current_ma_2": 0.0, "rssi": -54.0, "snr": 8.5},
    ),
    "ha_discovery_battery": ("weather_sensor", None, "note announced"),
    "ha_discovery_pressure": ("weather_sensor", None, "note announced"),
    "ha_discovery_switch": ("wall_switch_double", None, "note switch is not read"),
    "ha_discovery_temperature": ("zigbee2mqtt_0x0017880104e45522", None, "note announced"),
    "tasmota_lorawan_bridge_raw": (
        "A840414E4F5CAE3D",
        "dragino-lht52",
        {"air_temp": 25.34, "air_rh": 56.0, "temperature": None, "rssi": -14.0, "snr": 8.8},
    ),
    "tasmota_sensor_ds18b20_no_tempunit": ("tasmota", None, {"air_temp": 20.6}),
    "tasmota_sensor_field_0": ("elektronik/control0", None, {"air_temp": 5.4, "air_rh": 27.7}),
    "tasmota_sensor_field_2": ("mezzo/kuehlschrank", None, {"air_temp": 3.0}),
    "tasmota_sensor_field_4": ("mezzo/invalidTime", None, {"air_temp": 3.0}),
    "tasmota_sensor_mpu6050_accel": ("tasmota", None, {"air_temp": 27.7}),
    "tasmota_sensor_rg15_rain": ("%topic%", None, {"rain_total": 26.8}),
    "tasmota_sensor_vl53_distance": ("%topic%", None, {"distance": 263.0}),
    "tasmota_state_deepsleep": ("demo-sensor", None, {"rssi": -57.0}),
    "tasmota_zigbee_osram": ("%topic%", None, "note ZbState"),
    "tts3_down_ack_docs": ("0004A30B001C0530", None, "note down/ack"),
    "tts3_join_docs": ("0004A30B001C0530", None, "event joined"),
    "tts3_up_docs_no_decoded": ("4200000000000000", None, "problem no model"),
    "tts3_up_lht52_missing_probe_327": (
        "A8404188A184579F",
        "dragino-lht52",
        {"air_temp": 28.77, "air_rh": 50.0, "temperature": None, "rssi": -103.0, "snr": -4.75},
    ),
    "tts3_up_lsn50_3xds18b20": (
        "A84041291183FF1B",
        "dragino-lsn50",
        {
            "temperature": 28.3,
            "temperature_2": 20.4,
            "temperature_3": 37.5,
            "battery_v": 3.655,
            "voltage": 0.0,
            "rssi": -33.0,
            "snr": 7.75,
        },
    ),
    "tts3_up_parking_docs": ("dev1", None, "problem no model"),
    "tts3_up_sensecap_s2120_weather": (
        "2CF7F1C0443003DD",
        "sensecap-s2120",
        {
            "air_temp": 1.8,
            "air_rh": 35.0,
            "illuminance": 112.0,
            "uv_index": 0.0,
            "wind_speed": 0.0,
            "wind_dir": 42.0,
            "rain_rate": 0.0,
            "air_pressure": 975.2,
            "rssi": -82.0,
            "snr": 5.75,
        },
    ),
    "tts3_up_storage_minimal": ("1111111111111111", None, "problem no model"),
    "z2m_bridge_event_join": ("0x90fd9ffffe6494fc", None, "event joined"),
    "z2m_occupancy": ("FRIENDLY_NAME", None, {"occupancy": 1.0}),
    "z2m_wsdcgq01lm": ("FRIENDLY_NAME", None, {"air_temp": 27.34, "air_rh": 44.72}),
}


def test_every_recorded_message_is_expected(recorded: Path) -> None:
    assert {path.stem for path in (recorded / "mqtt").glob("*.json")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recorded_message_gives_what_it_says(
    recorded: Path, quantities: Quantities, catalogue: Catalogue, name: str
) -> None:
    address, model, expected = EXPECTED[name]
    record = json.loads((recorded / "mqtt" / f"{name}.json").read_text(encoding="utf-8"))
    payload = (
        record["payload_raw"].encode() if "payload_raw" in record else json.dumps(record["payload"]).encode()
    )
    settings = DeviceSettings(source="b", address=address, model=model)
    device = Device("it", settings, catalogue[model] if model else None)
    intake = Intake(
        LISTEN,
        [device],
        quantities=quantities,
        zone=ZoneInfo("Asia/Shanghai"),
        link=("rssi", "snr", "link_margin"),
    )
    (word,) = intake.sort(Message(record["topic"], payload, record.get("retain", False)), NOW)
    assert word.device == "it"
    readings = {
        item.series.partition("/")[2]: item.value for item in word.observations if isinstance(item, Reading)
    }
    events = [item.kind for item in word.observations if isinstance(item, Event)]
    if isinstance(expected, dict):
        assert readings == pytest.approx(expected)
        assert not word.problem
        return
    kind, _, what = expected.partition(" ")
    assert readings == {}
    assert events == ([what] if kind == "event" else [])
    assert word.heard.note == (what if kind == "note" else "")
    assert what in word.problem if kind == "problem" else word.problem == ""
