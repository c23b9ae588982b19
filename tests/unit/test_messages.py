"""Every kind of MQTT message: what is in it, and what is not."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from drivers.decode.intake import Intake, Word, listening
from drivers.decode.messages import Message
from gateway.catalogue import Catalogue
from gateway.contracts import Device
from gateway.errors import BadReply
from gateway.model import Event, Flag, Reading
from gateway.quantities import Quantities
from gateway.settings import DeviceSettings

NOW = datetime(2026, 7, 18, 10, 0, tzinfo=UTC)


class Hall:
    """An intake with devices given as slug -> (address, model)."""

    def __init__(
        self,
        quantities: Quantities,
        catalogue: Catalogue,
        listen: list[Any],
        devices: dict[str, Any],
        link: Any = ("rssi", "snr"),
    ) -> None:
        self.intake = Intake(
            listening(listen),
            [
                Device(
                    slug,
                    DeviceSettings(source="b", address=address, model=model),
                    catalogue[model] if model else None,
                )
                for slug, (address, model) in devices.items()
            ],
            quantities=quantities,
            zone=ZoneInfo("Asia/Shanghai"),
            link=link,
        )

    def words(self, topic: str, body: Any, *, retained: bool = False) -> list[Word]:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.intake.sort(Message(topic, payload, retained), NOW)

    def one(self, topic: str, body: Any, *, retained: bool = False) -> Word:
        words = self.words(topic, body, retained=retained)
        assert len(words) == 1
        return words[0]


@pytest.fixture
def hall(quantities: Quantities, catalogue: Catalogue) -> Any:
    def build(listen: list[Any], devices: dict[str, Any], **more: Any) -> Hall:
        return Hall(quantities, catalogue, listen, devices, **more)

    return build


def values(word: Word) -> dict[str, float | None]:
    return {
        item.series.partition("/")[2]: item.value for item in word.observations if isinstance(item, Reading)
    }


def chirpstack_up(**change: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "time": "2026-07-18T09:34:15.775023242+00:00",
        "deviceInfo": {
            "deviceProfileName": "EM310-UDL",
            "deviceName": "bin-017",
            "devEui": "24e124713b492158",
        },
        "devAddr": "00189440",
        "dr": 1,
        "fPort": 85,
        "data": base64.b64encode(bytes.fromhex("01755c03824408")).decode(),
        "rxInfo": [{"gatewayId": "a", "rssi": -80, "snr": 3.5}, {"gatewayId": "b", "rssi": -36, "snr": 10.5}],
    }
    return body | change


CHIRP = "application/17c8/device/24e124713b492158/event/"
BIN = {"bin-017": ("24E124713B492158", "milesight-em310-udl")}


def test_a_chirpstack_uplink_is_decoded_and_dated_by_the_server(hall: Any) -> None:
    word = hall(["chirpstack"], BIN).one(CHIRP + "up", chirpstack_up())
    assert word.device == "bin-017"
    assert values(word) == {"battery": 92.0, "distance": 2116.0, "rssi": -36.0, "snr": 10.5}
    assert {item.at for item in word.observations} == {datetime(2026, 7, 18, 9, 34, 15, 775000, tzinfo=UTC)}


def test_what_chirpstack_leaves_out_is_zero(hall: Any) -> None:
    body = chirpstack_up(rxInfo=[{"gatewayId": "a", "rssi": -50}])
    word = hall(["chirpstack"], BIN, link=("rssi", "snr", "f_cnt")).one(CHIRP + "up", body)
    assert values(word) | {"f_cnt": 0.0, "snr": 0.0, "rssi": -50.0} == values(word)
    assert word.heard.uplink is not None
    assert word.heard.uplink.count == 0


def test_an_uplink_without_port_is_a_sign_of_life_only(hall: Any) -> None:
    body = chirpstack_up()
    del body["fPort"], body["data"]
    word = hall(["chirpstack"], BIN).one(CHIRP + "up", body)
    assert not word.problem
    assert values(word) == {"rssi": -36.0, "snr": 10.5}


def test_chirpstack_v3_writes_the_eui_in_base64_and_the_object_as_text(hall: Any) -> None:
    body = {
        "applicationID": "1",
        "devEUI": base64.b64encode(bytes.fromhex("24e124713b492158")).decode(),
        "fCnt": 7,
        "fPort": 85,
        "data": base64.b64encode(bytes.fromhex("01755c03824408")).decode(),
        "objectJSON": '{"distance": 1}',
        "rxInfo": [{"rssi": -51, "loRaSNR": 13.8}],
    }
    word = hall(["chirpstack"], BIN).one("application/1/device/24e124713b492158/event/up", body)
    assert values(word) == {"battery": 92.0, "distance": 2116.0, "rssi": -51.0, "snr": 13.8}


def test_a_message_that_names_another_device_than_its_topic_is_refused(hall: Any) -> None:
    body = chirpstack_up(deviceInfo={"devEui": "0101010101010101"})
    with pytest.raises(BadReply, match="topic says"):
        hall(["chirpstack"], BIN).one(CHIRP + "up", body)


def test_a_strange_eui_gives_no_readings(hall: Any) -> None:
    body = chirpstack_up(deviceInfo={"devEui": "0101010101010101"})
    word = hall(["chirpstack"], BIN).one("application/1/device/0101010101010101/event/up", body)
    assert word.device is None
    assert word.heard.address == "0101010101010101"
    assert word.observations == ()


def test_a_join_is_an_event(hall: Any) -> None:
    word = hall(["chirpstack"], BIN).one(CHIRP + "join", chirpstack_up())
    (event,) = word.observations
    assert isinstance(event, Event)
    assert (event.source, event.kind, event.detail) == ("bin-017", "joined", {"dev_addr": "00189440"})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"margin": 10, "batteryLevel": 88.3}, {"battery": 88.3, "link_margin": 10.0}),
        ({"margin": 10}, {"battery": 0.0, "link_margin": 10.0}),
        ({"batteryLevel": 5}, {"battery": 5.0, "link_margin": 0.0}),
        ({"margin": 1, "batteryLevelUnavailable": True}, {"battery": None, "link_margin": 1.0}),
        ({"margin": 1, "externalPowerSource": True}, {"link_margin": 1.0}),
    ],
)
def test_a_status_tells_battery_and_margin(hall: Any, body: Any, expected: Any) -> None:
    devices = {"door": ("24e124713b492158", None)}
    word = hall(["chirpstack"], devices, link=("link_margin",)).one(CHIRP + "status", body)
    assert values(word) == expected


@pytest.mark.parametrize("event", ["log", "ack", "txack", "location", "integration"])
def test_other_events_are_understood_and_give_nothing(hall: Any, event: str) -> None:
    word = hall(["chirpstack"], BIN).one(CHIRP + event, {"level": "WARNING"})
    assert (word.device, word.observations, word.heard.note) == ("bin-017", (), event)


def test_a_simulated_uplink_never_becomes_a_reading(hall: Any) -> None:
    word = hall(["chirpstack"], BIN).one(CHIRP + "up", chirpstack_up(simulated=True))
    assert word.observations == ()
    assert word.heard.note == "simulated"


def test_the_same_frame_has_the_same_fingerprint_and_another_counter_another(hall: Any) -> None:
    house = hall(["chirpstack"], BIN)
    first = house.one(CHIRP + "up", chirpstack_up()).fingerprint
    again = house.one(CHIRP + "up", chirpstack_up(deduplicationId="x", rxInfo=[])).fingerprint
    later = house.one(CHIRP + "up", chirpstack_up(fCnt=1)).fingerprint
    rejoined = house.one(CHIRP + "up", chirpstack_up(devAddr="00000001")).fingerprint
    assert first == again
    assert len({first, later, rejoined}) == 3


def test_a_gateway_clock_that_is_far_off_is_not_believed(hall: Any) -> None:
    server = "2026-07-18T09:59:00.5Z"
    body = chirpstack_up(time="2026-01-01T00:00:00Z", rxInfo=[{"rssi": -50, "nsTime": server}])
    word = hall(["chirpstack"], BIN).one(CHIRP + "up", body)
    assert word.observations[0].at == datetime(2026, 7, 18, 9, 59, 0, 500000, tzinfo=UTC)


PLAIN = {"topic": "village/{device}/data", "time": "ts", "values": {"fill": "fill", "temp": "air_temp"}}
ANY = {"bin-1": ("bin-1", None)}


def test_plain_json_is_read_by_its_mapping(hall: Any) -> None:
    body = {"ts": 1784368800000, "fill": 12, "temp": -3.5, "other": [1, 2]}
    word = hall([{"plain": PLAIN}], ANY).one("village/bin-1/data", body)
    assert values(word) == {"fill": 12.0, "air_temp": -3.5}
    assert word.observations[0].at == NOW


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("ms", 1784368800000),
        ("s", 1784368800),
        ("s", "1784368800.0"),
        ("iso", "2026-07-18T10:00:00Z"),
        ("iso", "2026-07-18T18:00:00"),
    ],
)
def test_times_come_in_three_forms(hall: Any, form: str, text: Any) -> None:
    word = hall([{"plain": PLAIN | {"time_format": form}}], ANY).one(
        "village/bin-1/data", {"ts": text, "fill": 1}
    )
    assert word.observations[0].at == NOW


def test_each_entry_of_an_array_keeps_its_own_time(hall: Any) -> None:
    listen = {
        "topic": "batch/{device}",
        "time": "data[*].t",
        "time_format": "s",
        "values": {"data[*].c.v": "air_temp"},
    }
    body = {"data": [{"t": 1784368800 - 60 * i, "c": {"v": 20 + i}} for i in range(3)]}
    word = hall([{"plain": listen}], ANY).one("batch/bin-1", body)
    readings = [item for item in word.observations if isinstance(item, Reading)]
    assert [(item.value, (NOW - item.at).total_seconds(), item.flagged_by) for item in readings] == [
        (20.0, 0.0, ""),
        (21.0, 60.0, "backfill"),
        (22.0, 120.0, "backfill"),
    ]


def test_the_topic_can_name_the_quantity_of_a_bare_number(hall: Any) -> None:
    listen = {
        "topic": "m/{device}/{quantity}",
        "format": "number",
        "values": {"p": {"quantity": "air_pressure", "unit": "Pa"}},
    }
    house = hall([{"plain": listen}], ANY)
    assert values(house.one("m/bin-1/p", b"97520")) == {"air_pressure": 975.2}
    assert values(house.one("m/bin-1/unmapped", b"1")) == {}
    with pytest.raises(BadReply, match="not a number"):
        house.one("m/bin-1/p", b"NaN")


def test_csv_lines_are_samples(hall: Any) -> None:
    listen = {
        "topic": "log/{device}",
        "format": "csv",
        "columns": ["ts", "level", "volt"],
        "time": "ts",
        "time_format": "s",
        "values": {"level": "water_depth", "volt": "battery_v"},
    }
    word = hall([{"plain": listen}], ANY).one(
        "log/bin-1", b"ts,level,volt\n1784368740,1.25,3.6\n1784368800,,3.5\n"
    )
    assert [(item.value, item.flag) for item in word.observations if isinstance(item, Reading)] == [
        (1.25, Flag.UNKNOWN),
        (3.6, Flag.UNKNOWN),
        (None, Flag.MISSING),
        (3.5, Flag.UNKNOWN),
    ]


def test_a_boolean_is_a_number_only_where_a_state_mapping_says_so(hall: Any) -> None:
    states = {"quantity": "contact", "states": {"true": 1, "false": 0}}
    listen = {"topic": "d/{device}", "values": {"shut": states, "t": "air_temp"}}
    word = hall([{"plain": listen}], ANY).one("d/bin-1", {"shut": True, "t": True})
    assert values(word) == {"contact": 1.0, "air_temp": None}


def test_a_retained_measurement_without_its_own_time_is_no_reading(hall: Any) -> None:
    listen = {
        "topic": "d/{device}",
        "values": {"t": "air_temp", "shut": {"quantity": "contact", "states": {"true": 1}}},
    }
    word = hall([{"plain": listen}], ANY).one("d/bin-1", {"shut": True, "t": 3}, retained=True)
    (state,) = word.observations
    assert isinstance(state, Reading)
    assert (state.series, state.flag, state.flagged_by) == ("bin-1/contact", Flag.SUSPECT, "retained")


# The Things Stack (shape of the documented messages)

TTS_UP = "v3/app@ttn/devices/probe-1/up"
PROBE = {"probe": ("A8404188A184579F", "dragino-lht52")}


def tts_up(**change: Any) -> dict[str, Any]:
    uplink: dict[str, Any] = {
        "session_key_id": "AYJyWmbZaAS/afxNG6hOKw==",
        "f_port": 2,
        "frm_payload": "Cz0B9H//AWMH5bY=",
        "decoded_payload": {"TempC_DS": 327.67},
        "rx_metadata": [{"rssi": -103, "snr": -4.75}],
        "received_at": "2026-07-18T09:12:53.621251971Z",
    }
    ids = {"device_id": "probe-1", "dev_eui": "A8404188A184579F", "dev_addr": "260BC1C2"}
    return {"end_device_ids": ids, "uplink_message": uplink | change}


def test_a_things_stack_uplink_is_decoded_from_its_bytes(hall: Any) -> None:
    word = hall(["tts"], PROBE).one(TTS_UP, tts_up())
    found = values(word)
    assert (found["air_temp"], found["rssi"], found["snr"]) == (28.77, -103.0, -4.75)
    assert found["temperature"] is None  # 7FFF is no probe, whatever the server's codec says (327.67)
    assert word.observations[0].at == datetime(2026, 7, 18, 9, 12, 53, 621000, tzinfo=UTC)
    assert word.heard.uplink is not None
    assert word.heard.uplink.count == 0  # left out because it is zero


def test_a_things_stack_device_may_be_named_by_its_id(hall: Any) -> None:
    assert hall(["tts"], {"probe": ("probe-1", "dragino-lht52")}).one(TTS_UP, tts_up()).device == "probe"


def test_another_application_is_not_ours(hall: Any) -> None:
    house = hall([{"tts": {"application": "other@ttn"}}], PROBE)
    assert house.intake.filters() == ["v3/other@ttn/devices/+/join", "v3/other@ttn/devices/+/up"]
    with pytest.raises(BadReply, match="no message type"):
        house.words(TTS_UP, tts_up())


def test_a_things_stack_join_is_an_event_and_a_simulated_uplink_is_nothing(hall: Any) -> None:
    house = hall(["tts"], PROBE)
    body = {
        "end_device_ids": tts_up()["end_device_ids"],
        "join_accept": {},
        "received_at": "2026-07-18T09:00:00Z",
    }
    (event,) = house.one("v3/app@ttn/devices/probe-1/join", body).observations
    assert (event.kind, event.detail) == ("joined", {"dev_addr": "260BC1C2"})
    assert house.one(TTS_UP, tts_up() | {"simulated": True}).observations == ()


# Milesight gateway

FLAT = {
    "applicationID": "1",
    "deviceName": "hall",
    "devEUI": "24e124136b502217",
    "fPort": 85,
    "fCnt": 128,
    "data": "AXVcA4JECA==",
}


def test_a_milesight_gateway_is_known_by_the_shape_of_its_message(hall: Any) -> None:
    listen = [
        {"milesight": {"topic": "milesight/up"}},
        {"plain": {"topic": "{device}/up", "values": {"x": "fill"}}},
    ]
    house = hall(listen, {"bin": ("24E124136B502217", "milesight-em310-udl"), "other": ("milesight", None)})
    body = FLAT | {"time": "2026-07-18T09:59:00Z", "rxInfo": [{"mac": "m", "rssi": -51, "loRaSNR": 13.8}]}
    assert values(house.one("milesight/up", body)) == {
        "battery": 92.0,
        "distance": 2116.0,
        "rssi": -51.0,
        "snr": 13.8,
    }
    assert values(house.one("milesight/up", {"x": 3})) == {"fill": 3.0}


def test_what_the_milesight_gateway_decoded_itself_is_the_fallback(hall: Any) -> None:
    house = hall(
        [{"milesight": {"topic": "milesight/{device}"}}], {"bin": ("24e124136b502217", "milesight-em310-udl")}
    )
    word = house.one(
        "milesight/24e124136b502217",
        {"devEUI": "24e124136b502217", "fPort": 85, "distance": 900, "battery": 80},
    )
    assert values(word) == {"distance": 900.0, "battery": 80.0}
    with pytest.raises(BadReply, match="topic says"):
        house.one("milesight/0000000000000001", FLAT)


# Zigbee2MQTT

DOOR = {"door": ("hall/door", None)}


def test_a_zigbee_device_without_a_model_is_read_by_its_exposes(hall: Any) -> None:
    body = {
        "contact": False,
        "battery": 90,
        "voltage": 2985,
        "linkquality": 120,
        "last_seen": "2026-07-18T17:59:00+08:00",
    }
    word = hall(["zigbee2mqtt"], DOOR, link=("link_quality",)).one("zigbee2mqtt/hall/door", body)
    assert values(word) == {"contact": 0.0, "battery": 90.0, "battery_v": 2.985, "link_quality": 120.0}
    assert word.observations[0].at == datetime(2026, 7, 18, 9, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("payload", "online"),
    [(b"online", 1.0), (b"offline", 0.0), (b'{"state":"online"}', 1.0), (b'{"state":"offline"}', 0.0)],
)
def test_availability_comes_in_both_forms_and_a_retained_one_is_a_state(
    hall: Any, payload: bytes, online: float
) -> None:
    house = hall(["zigbee2mqtt"], DOOR)
    assert values(house.one("zigbee2mqtt/hall/door/availability", payload)) == {"online": online}
    (kept,) = house.one("zigbee2mqtt/hall/door/availability", payload, retained=True).observations
    assert kept.value == online
    with pytest.raises(BadReply):
        house.one("zigbee2mqtt/hall/door/availability", b"perhaps")


def test_deep_friendly_names_are_subscribed_one_by_one(hall: Any) -> None:
    filters = hall(["zigbee2mqtt"], DOOR).intake.filters()
    assert set(filters) == {
        "zigbee2mqtt/+",
        "zigbee2mqtt/hall/door",
        "zigbee2mqtt/+/availability",
        "zigbee2mqtt/hall/door/availability",
        "zigbee2mqtt/bridge/state",
        "zigbee2mqtt/bridge/event",
    }


def test_a_known_zigbee_device_that_joins_again_is_an_event(hall: Any) -> None:
    body = {"type": "device_joined", "data": {"friendly_name": "hall/door", "ieee_address": "0x1"}}
    (event,) = hall(["zigbee2mqtt"], DOOR).one("zigbee2mqtt/bridge/event", body).observations
    assert (event.source, event.kind) == ("door", "joined")


# Tasmota

SHED = {"shed": ("shed", None)}


def test_tasmota_sensors_are_named_and_a_second_one_numbered(hall: Any) -> None:
    body = {
        "Time": "2024-02-24T22:20:38",
        "DS18B20-1": {"Id": "1", "Temperature": 20.6},
        "DS18B20-2": {"Id": "2", "Temperature": 85.0},
        "SR04": {"Distance": 42.5},
        "TempUnit": "C",
    }
    word = hall(["tasmota"], SHED).one("tele/shed/SENSOR", body)
    assert values(word) == {"air_temp": 20.6, "air_temp_2": None, "distance": 425.0}
    assert [item.flagged_by for item in word.observations if isinstance(item, Reading)][1] == "power_on_value"
    assert {item.at for item in word.observations} == {NOW}  # no zone: the time of arrival


def test_tasmota_time_counts_when_the_installer_says_it_is_the_sites(hall: Any) -> None:
    body = {"Time": "2026-07-18T17:59:00", "AM2301": {"Temperature": 70.0, "Humidity": 50}, "TempUnit": "F"}
    word = hall([{"tasmota": {"time": "site"}}], SHED).one("tele/shed/SENSOR", body)
    assert word.observations[0].at == datetime(2026, 7, 18, 9, 59, tzinfo=UTC)
    assert values(word)["air_temp"] == pytest.approx(21.111, abs=0.001)


def test_tasmota_wifi_percentage_is_no_signal_strength(hall: Any) -> None:
    body = {"Wifi": {"RSSI": 44, "Signal": -78}}
    assert values(hall(["tasmota"], SHED).one("tele/shed/STATE", body)) == {"rssi": -78.0}
    assert values(hall(["tasmota"], SHED).one("tele/shed/STATE", {"Wifi": {"RSSI": 44}})) == {}


def test_tasmota_last_will_is_a_state(hall: Any) -> None:
    assert values(hall(["tasmota"], SHED).one("tele/shed/LWT", b"Offline", retained=True)) == {"online": 0.0}


def test_tasmota_full_topic_may_stand_anywhere(hall: Any) -> None:
    house = hall([{"tasmota": {"full_topic": "piegn/%prefix%/%topic%/"}}], {"cold": ("mezzo/cold", None)})
    assert "piegn/tele/mezzo/cold/SENSOR" in house.intake.filters()
    word = house.one("piegn/tele/mezzo/cold/SENSOR", {"DS18B20": {"Temperature": 3.0}})
    assert values(word) == {"air_temp": 3.0}


def test_tasmota_bridges_speak_for_other_devices(hall: Any) -> None:
    devices = {"probe": ("A840414E4F5CAE3D", "dragino-lht52"), "door": ("0x1234", None)}
    body = {
        "LwReceived": {
            "0xAE3D": {
                "RSSI": -14,
                "SNR": 8.8,
                "DevEUIh": "A840414E",
                "DevEUIl": "4F5CAE3D",
                "FPort": 2,
                "Payload": [9, 230, 2, 48, 127, 255, 1, 104, 33, 178, 172],
            }
        },
        "ZbReceived": {"0x1234": {"Device": "0x1234", "Temperature": 4.5, "LinkQuality": 60}},
    }
    probe, door = hall(["tasmota"], devices).words("tele/bridge/SENSOR", body)
    assert (probe.device, values(probe)["air_temp"], values(probe)["rssi"]) == ("probe", 25.34, -14.0)
    assert probe.fingerprint is None  # no frame counter: nothing can be called a repetition
    assert (door.device, values(door)) == ("door", {"air_temp": 4.5})


# Home Assistant

ANNOUNCED = {
    "state_topic": "weather/state",
    "value_template": '{{ value_json["temperature"] }}',
    "device_class": "temperature",
    "unit_of_measurement": "°F",
    "unique_id": "0x1_temperature",
    "device": {"identifiers": ["0x1"], "name": "Weather", "model_id": "WSDCGQ11LM"},
}
HA = "homeassistant/sensor/0x1/temperature/config"


def test_home_assistant_announcements_lead_to_states(hall: Any) -> None:
    house = hall(["homeassistant"], {"porch": ("weather", None)})
    assert house.one(HA, ANNOUNCED, retained=True).observations == ()
    assert house.intake.more() == ["weather/state"]
    assert house.intake.more() == []
    assert values(house.one("weather/state", {"temperature": 50})) == {"air_temp": 10.0}
    house.one(HA, b"", retained=True)  # withdrawn
    with pytest.raises(BadReply):
        house.one("weather/state", {"temperature": 50})


def test_announcements_of_strangers_are_not_followed(hall: Any) -> None:
    house = hall(["homeassistant"], {"other": ("other", None)})
    word = house.one(HA, ANNOUNCED)
    assert (word.device, word.heard.address, word.heard.models) == (None, "0x1", ("WSDCGQ11LM",))
    assert house.intake.more() == []


@pytest.mark.parametrize(
    "template",
    [
        "{{ value_json.a | float }}",
        "{{value_json.a}}",
        "{{ value_json['a'] | is_defined }}",
        '{{ value_json["a"] }}',
        "{{- value_json.a -}}",
    ],
)
def test_templates_that_only_pick_a_value_are_followed(hall: Any, template: str) -> None:
    house = hall(["homeassistant"], {"porch": ("0x1", None)})
    house.one(HA, ANNOUNCED | {"value_template": template, "unit_of_measurement": "°C"})
    assert values(house.one("weather/state", {"a": 1.5})) == {"air_temp": 1.5}


@pytest.mark.parametrize(
    "template",
    [
        "{{ value_json.a * 2 }}",
        "{{ value_json.a | default(0) }}",
        "{% if value_json.a %}1{% endif %}",
        "{{ states('x') }}",
        "{{ value_json.__class__.x() }}",
    ],
)
def test_templates_that_compute_are_refused(hall: Any, template: str) -> None:
    house = hall(["homeassistant"], {"porch": ("0x1", None)})
    with pytest.raises(BadReply, match="does more than pick a value"):
        house.one(HA, ANNOUNCED | {"value_template": template})
    assert house.intake.more() == []


@pytest.mark.parametrize("topic", ["#", "weather/+", "a/#", "", "x" * 251, None])
def test_an_announced_topic_with_wildcards_is_refused(hall: Any, topic: Any) -> None:
    house = hall(["homeassistant"], {"porch": ("0x1", None)})
    with pytest.raises(BadReply, match="state_topic"):
        house.one(HA, ANNOUNCED | {"state_topic": topic})
    assert house.intake.more() == []


def test_short_announcements_and_bare_states_are_understood(hall: Any) -> None:
    house = hall(["homeassistant"], {"door": ("esp-door", None)})
    body = {
        "~": "esp/door",
        "stat_t": "~/state",
        "dev_cla": "door",
        "uniq_id": "u",
        "dev": {"ids": "esp-door"},
    }
    house.one("homeassistant/binary_sensor/door/config", body)
    assert house.intake.more() == ["esp/door/state"]
    assert values(house.one("esp/door/state", b"ON")) == {"contact": 0.0}
    assert values(house.one("esp/door/state", b"OFF")) == {"contact": 1.0}
    assert values(house.one("esp/door/state", b"unavailable")) == {"contact": None}


def test_an_announced_unit_that_does_not_fit_is_the_devices_problem(hall: Any) -> None:
    house = hall(["homeassistant"], {"porch": ("0x1", None)})
    house.one(HA, ANNOUNCED | {"unit_of_measurement": "km/h"})
    word = house.one("weather/state", {"temperature": 50})
    assert "measures" in word.problem
    assert word.observations == ()
