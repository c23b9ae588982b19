"""Messages that nobody should send: each kind of message with every place spoilt in every way."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

UPLINK = {
    "time": "2026-07-18T09:34:15.775023242+00:00",
    "deviceInfo": {"devEui": "24e124713b492158", "deviceProfileName": "EM310-UDL"},
    "devAddr": "00189440",
    "fCnt": 1,
    "fPort": 85,
    "data": "AXVcA4JECA==",
    "object": {"distance": 1},
    "rxInfo": [{"rssi": -80, "snr": 3.5, "nsTime": "2026-07-18T09:34:15Z"}],
}
TTS = {
    "end_device_ids": {"device_id": "d", "dev_eui": "24e124713b492158", "dev_addr": "00189440"},
    "received_at": "2026-07-18T09:34:15Z",
    "uplink_message": {
        "session_key_id": "AXA=",
        "f_port": 85,
        "f_cnt": 3,
        "frm_payload": "AXVcA4JECA==",
        "decoded_payload": {"distance": 1},
        "rx_metadata": [{"rssi": -80, "snr": 3.5}],
        "received_at": "2026-07-18T09:34:15Z",
        "version_ids": {"brand_id": "milesight-iot", "model_id": "em310-udl"},
    },
}
FLAT = {
    "devEUI": "24e124713b492158",
    "data": "AXVcA4JECA==",
    "fCnt": 1,
    "fPort": 85,
    "time": "2026-07-18T09:34:15Z",
}
LORA = {
    "DevEUIh": "24E12471",
    "DevEUIl": "3B492158",
    "FPort": 85,
    "Payload": [1, 117, 92],
    "RSSI": -1,
    "SNR": 1,
    "Decoder": "x",
}
SENSOR = {
    "Time": "2024-02-24T22:20:38",
    "DS18B20": {"Id": "1", "Temperature": 20.6},
    "LwReceived": {"0xAE3D": LORA},
    "ZbReceived": {"0x1234": {"Name": "hall", "Temperature": 1.5, "LinkQuality": 3}},
    "TempUnit": "C",
}
ANNOUNCED = {
    "state_topic": "somewhere/x",
    "value_template": '{{ value_json["t"] }}',
    "device_class": "temperature",
    "unit_of_measurement": "°C",
    "unique_id": "u",
    "device": {"identifiers": ["hall"], "name": "hall", "model_id": "M"},
}
KINDS: list[tuple[str, Any]] = [
    ("application/1/device/24e124713b492158/event/up", UPLINK),
    (
        "application/1/device/24e124713b492158/event/status",
        {"margin": 1, "batteryLevel": 88.3, "time": "2026-07-18T09:34:15Z"},
    ),
    (
        "application/1/device/24e124713b492158/event/join",
        {"devAddr": "00189440", "time": "2026-07-18T09:34:15Z"},
    ),
    ("application/1/device/24e124713b492158/event/nonsense", {}),
    ("v3/app@ttn/devices/d/up", TTS),
    ("v3/app@ttn/devices/d/join", TTS),
    ("uplink/gw", FLAT),
    (
        "zigbee2mqtt/hall",
        {"temperature": 21.5, "battery": 90, "last_seen": 1784368800000, "device": {"ieeeAddr": "0x1"}},
    ),
    ("zigbee2mqtt/hall/availability", {"state": "online"}),
    (
        "zigbee2mqtt/bridge/event",
        {"type": "device_joined", "data": {"friendly_name": "hall", "ieee_address": "0x1"}},
    ),
    ("zigbee2mqtt/bridge/state", {"state": "online"}),
    ("tele/hall/SENSOR", SENSOR),
    ("tele/hall/STATE", {"Wifi": {"RSSI": 44, "Signal": -78}, "Time": "2024-02-24T22:20:38Z"}),
    ("tele/hall/LWT", "Online"),
    ("homeassistant/sensor/hall/t/config", ANNOUNCED),
    (
        "homeassistant/device/hall/config",
        {"dev": {"ids": "hall"}, "cmps": {"t": {"p": "sensor", **ANNOUNCED}}},
    ),
    ("somewhere/x", {"t": 21.5}),
    ("village/hall/data", {"ts": 1784368800000, "fill": 12, "temp": 3.5}),
    ("batch/hall", {"d": [{"t": 1784368800, "c": 1.5}]}),
    ("number/hall/air_temp", 3.5),
    ("csv/hall", "1784368800,1.5"),
]
LISTEN: list[Any] = [
    "chirpstack",
    "tts",
    {"milesight": {"topic": "uplink/+"}},
    "zigbee2mqtt",
    "tasmota",
    "homeassistant",
    {
        "plain": {
            "topic": "village/{device}/data",
            "time": "ts",
            "values": {"fill": "fill", "temp": "air_temp"},
        }
    },
    {
        "plain": {
            "topic": "batch/{device}",
            "time": "d[*].t",
            "time_format": "s",
            "values": {"d[*].c": "air_temp"},
        }
    },
    {"plain": {"topic": "number/{device}/{quantity}", "format": "number"}},
    {
        "plain": {
            "topic": "csv/{device}",
            "format": "csv",
            "columns": ["ts", "t"],
            "time": "ts",
            "time_format": "s",
            "values": {"t": "air_temp"},
        }
    },
]
WRONG: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    2**31,
    2**62,
    1e308,
    -1e308,
    "",
    "x",
    "x" * 300,
    "\x00",
    "\ud800",
    "2026-13-45T99:99:99Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "AAAA",
    "#",
    "a/+/b",
    "{{ value_json.__class__ }}",
    [],
    {},
    [[]],
    [None, 1, "x", {}],
    {"a": {"b": {"c": 1}}},
    [1] * 300,
]
RAW: list[bytes] = [
    b"",
    b" ",
    b"\xff\xfe",
    b"\xc3",
    b"\xed\xa0\x80",
    b"{",
    b"}",
    b"[",
    b"null",
    b"true",
    b"0",
    b'""',
    b"[]",
    b"{}",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e999",
    b'{"t": NaN}',
    b'{"t": 1e999, "fill": -Infinity}',
    b'{"fill": 1, "fill": 2}',
    b"1" * 5000,
    b'{"fill": ' + b"9" * 5000 + b"}",
    b"[" * 100_000,
    b'{"a":' * 9 + b"1" + b"}" * 9,
    b"[" * 60_000 + b"]" * 5_000,
    b'"' + b"[" * 1000 + b'"',
    b"\xef\xbb\xbf{}",
    b"\x00",
    b"a" * (64 * 1024 + 1),
    b'{"a": "' + b"\\u0000" * 50 + b'"}',
    b'{"' + b'":1,"'.join(b"k%d" % n for n in range(70)) + b'":1}',
    b",".join([b"1"] * 3000),
    b"1784368800,1\n" * 3000,
    b"1784368800,1,2",
    b'"unclosed',
    b"0x10",
    b"1_000",
    "１２".encode(),
    b"--1",
]


def corpus() -> Iterator[tuple[str, bytes]]:
    """Topic and payload of every message."""
    for topic, body in KINDS:
        for raw in RAW:
            yield topic, raw
        for wrong in WRONG:
            for spoilt in _spoil(body, wrong):
                yield topic, json.dumps(spoilt).encode()
            if isinstance(body, str):
                yield topic, str(wrong).encode("utf-8", "surrogatepass")
    for topic in (
        "",
        "village//data",
        "village/\x00/data",
        "village/" + "x" * 300 + "/data",
        "tele/SENSOR",
        "v3/",
        "/",
        "zigbee2mqtt/",
    ):
        yield topic, b'{"fill": 1}'


def _spoil(body: Any, wrong: Any) -> Iterator[Any]:
    """The body with each of its places replaced, and with each of its places gone."""
    yield wrong
    for path in _paths(body):
        spoilt = copy.deepcopy(body)
        place = spoilt
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = wrong
        yield spoilt
        if wrong is None and isinstance(place, dict):
            del place[path[-1]]
            yield spoilt


def _paths(body: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for step, inner in steps:
        yield (*here, step)
        yield from _paths(inner, (*here, step))
