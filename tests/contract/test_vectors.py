"""The reference's vectors stand in the catalogue, and the recorded ones of Milesight, Dragino and Elsys come out right."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drivers.decode import lorawan
from gateway.catalogue import Catalogue
from gateway.errors import BadReply
from gateway.quantities import Quantities
from tests.decoding import check_vector, told, values

APPENDIX_A = """
em310-udl 01755c03824408040001
em400-mud 01755c0367010104824408050001 8367e800018482410601 0175640367f80004820101050001 8482330701 8367220101
em500-udl 01756403821e00
em410-rdl 0175640367190104820509050000 b482ffff02
em310-tilt 03cf00000000282307 03cf38ffc800282300
em320-tilt 01756403d4000001005046 03d438ff91015046
em500-swl 01756403770200 20ce5c7f02630200 0377ffff
em500-smtc 01756403671901046873057ff000 0367ffff
wts506 0175640367ff00046879 0584ba0406734f270792010008777b0001 8792320001 88ec8d1300000201
ldds75 0d3b0aef00000001 0d3b0aef00ff6b01 0d3b001400000001 0d3b0aef00000000
lse01 0d38000000000bc3000010
se01-lb 0d38000007a5099b006410
ps-lb 0ce400052ee0000000
ldds04 0d4a03160318031a031501
dl-mbx 02012f000304d200010bb1
dl-optod 02186c000300008862a618836583650c60
dl-tbrg 0202f8000300040258409a00000c54
dl-lid2 023ec50003067a06360686067c0636067c068606860686000a0053000a0be6
dl-ctd10 0207d9000390888081006400000c60
dl-trs12 0210d3000346be813d00000c80
dl-ntu 022332000300008885013e013e02330b10
dl-pheht 0252b800030000884282c77f637ff60c5c
"""
"""Model, then payloads: the LoRaWAN vectors and the negative tests of the device reference."""

WORDS = {"normal": 0.0, "tilt": 1.0, "leak": 1.0}


def times(factor: float) -> Callable[[Any], float]:
    return lambda value: float(value) * factor


def word(value: Any) -> float:
    return WORDS[value]


def no_value(_: Any) -> None:
    return None


number = times(1.0)

Ours = Mapping[str, tuple[str, Callable[[Any], float | None]]]

AIR: Ours = {
    "battery": ("battery", number),
    "temperature": ("air_temp", number),
    "humidity": ("air_rh", number),
}
BIN: Ours = {
    "battery": ("battery", number),
    "temperature": ("temperature", number),
    "distance": ("distance", number),
    "position": ("tipped", word),
}
OURS: dict[str, Ours] = {
    "milesight-iot/em300-sld": {**AIR, "leakage_status": ("leak", word)},
    "milesight-iot/em310-tilt": {f"angle_{axis}": (f"tilt_{axis}", number) for axis in "xyz"},
    "milesight-iot/em310-udl": BIN,
    "milesight-iot/em400-udl": BIN,
    "milesight-iot/em500-pp": {"battery": ("battery", number), "pressure": ("water_pressure", times(10))},
    "milesight-iot/em500-smtc": {
        "battery": ("battery", number),
        "temperature": ("soil_temp", number),
        "moisture": ("soil_moisture", number),
        "ec": ("soil_ec", number),
    },
    "milesight-iot/em500-swl": {"battery": ("battery", number), "depth": ("water_depth", times(0.01))},
    "milesight-iot/wts506": {
        **AIR,
        "wind_direction": ("wind_dir", number),
        "pressure": ("air_pressure", number),
        "wind_speed": ("wind_speed", number),
        "rainfall_total": ("rain_total", number),
    },
    "dragino/ldds75": {"distance": ("distance", no_value)},
    "dragino/lse01": {
        "Bat": ("battery_v", number),
        "TempC_DS18B20": ("temperature", number),
        # bit 7 of the last byte says raw mode, which the maker's own example forgets (reference 3.7)
        "conduct_SOIL": ("soil_ec", no_value),
        "temp_SOIL": ("soil_temp", no_value),
        "water_SOIL": ("soil_moisture", no_value),
    },
    "elsys/elt-ultrasonic": {
        "temperature": ("temperature", number),
        "humidity": ("air_rh", number),
        "x": ("acceleration_x", times(1 / 63)),
        "y": ("acceleration_y", times(1 / 63)),
        "z": ("acceleration_z", times(1 / 63)),
        "pressure": ("air_pressure", number),
        "distance": ("distance", number),
    },
}
"""Vendor and model -> expected key -> our quantity, and how the expected value becomes ours."""

SAID = {
    "temperature_alarm": "temperature_alarm: threshold",
    "distance_alarm": "distance_alarm: threshold",
    "pressure_alarm": "pressure_alarm: threshold",
    "wind_speed_alarm": "wind_speed_alarm: threshold",
    "rainfall_alarm": "rainfall_alarm: threshold",
    "sn": "serial: 6749D19054690031",
    "csq": "csq: 9",
    "threshold_x": "",
    "threshold_y": "",
    "threshold_z": "",
    "rainfall_counter": "",
}
"""Expected keys that are no quantity: what the diagnostics say instead; empty: see the catalogue's own examples."""

NB_HEADER = {
    "startFlag", "id", "length", "flag", "frameCnt", "protocolVersion", "firmwareVersion", "hardwareVersion", "imei",
    "imsi", "iccid", "data_length", "data", "history",
}  # fmt: skip


def vectors(folder: Path) -> Iterator[dict[str, Any]]:
    for line in (folder / "lorawan" / "decoder_vectors.jsonl").read_text(encoding="utf-8").splitlines():
        vector = json.loads(line)
        if vector["vendor"] in {"milesight-iot", "dragino", "elsys"}:
            yield vector


def test_every_lorawan_vector_of_the_reference_is_an_example(catalogue: Catalogue) -> None:
    for line in APPENDIX_A.split("\n"):
        name, *payloads = line.split() or [""]
        for payload in payloads:
            known = {(example.hex or "").lower() for example in catalogue[name].examples}
            assert payload in known, f"{name} {payload}"


@pytest.mark.recorded
def test_recorded_vectors_decode_to_what_they_expect(
    recorded: Path, catalogue: Catalogue, quantities: Quantities
) -> None:
    done: Counter[str] = Counter()
    for vector in vectors(recorded):
        name = f"{vector['vendor']}/{vector['model']}"
        expected = vector["expected"]
        if expected is None:
            model = catalogue[name]
            with pytest.raises(BadReply, match="fPort 42"):
                lorawan.decode(model, bytes.fromhex(vector["payload_hex"]), vector["fport"], {})
            done["refused"] += 1
            continue
        flat = {**expected, **expected.get("history", [{}])[0], **expected.get("data", [{}])[0]}
        wanted, said = {}, []
        for key, value in flat.items():
            if key in OURS[name]:
                quantity, ours = OURS[name][key]
                wanted[quantity] = ours(value)
            elif key in SAID:
                said.append(SAID[key])
            else:
                assert key in NB_HEADER or key == "timestamp", f"{name}: nobody compares {key}"
        shown = check_vector(catalogue, quantities, vector, wanted)
        for words in said:
            assert any(words in each for each in shown["diagnostics"]) or not words, f"{name}: {words}"
        if "timestamp" in flat:
            assert shown["samples"][0]["at"] == vector_time(flat["timestamp"]), name
        done["vectors"] += 1
        done["values"] += len(wanted)
    assert done == {"vectors": 22, "refused": 2, "values": 71}


def vector_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("file", "model"),
    [
        ("chirpstack4_up_dragino_lt22222.json", "dragino-lt-22222"),
        ("chirpstack4_up_dragino_door.json", "dragino-lds02"),
        ("tts3_up_lht52_missing_probe_327.json", "dragino-lht52"),
        ("tts3_up_lsn50_3xds18b20.json", "dragino-lsn50"),
    ],
)
def test_a_recorded_servers_object_says_the_same_as_the_bytes(
    recorded: Path, catalogue: Catalogue, quantities: Quantities, file: str, model: str
) -> None:
    message = json.loads((recorded / "mqtt" / file).read_text(encoding="utf-8"))["payload"]
    uplink = message.get("uplink_message", message)
    payload = base64.b64decode(uplink.get("frm_payload") or uplink["data"])
    port = uplink.get("f_port") or uplink["fPort"]
    theirs = uplink.get("decoded_payload") or uplink["object"]
    known = catalogue[model]
    ours = values(told(known, lorawan.decode(known, payload, port, {}), quantities)["readings"])
    served = values(
        told(known, lorawan.decode(known, b"", port, {}, server_object=theirs), quantities)["readings"]
    )
    assert served
    assert {quantity: ours[quantity] for quantity in served} == pytest.approx(served)
