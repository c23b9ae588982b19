"""Every kind of MQTT message: what is in it, and what is not."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from drivers.decode.intake import Intake, Word
from drivers.decode.messages import Message
from drivers.mqtt import listening
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
