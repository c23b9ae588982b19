"""The recorded decoder vectors of Decentlab, Netvox, Sensoneo and the makers with fixed frames: every key of every line."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drivers.decode import lorawan
from gateway.catalogue import Catalogue
from gateway.errors import BadReply
from gateway.quantities import Quantities
from tests.decoding import told, values

pytestmark = pytest.mark.recorded


@dataclass(frozen=True)
class Ours:
    """Where a key of a vector is with us, and how its number becomes ours.

    Attributes:
        place: ``reading`` a quantity, ``field`` one the catalogue does not map, ``said`` a fact of the diagnostics,
            ``none`` not a measurement.
        name: Of the quantity, field or fact.
        factor: Expected number times this is ours.
        words: Expected word -> our number or text.
    """

    place: str
    name: str = ""
    factor: float = 1.0
    words: Mapping[Any, float | str] | None = None

    def wanted(self, value: Any) -> Any:
        if self.words is not None:
            return self.words[value]
        if isinstance(value, str):  # "2000 mm", "0 °", "24 hours"
            value = float(value.split()[0])
        return float(value) * self.factor


def reading(name: str, factor: float = 1.0, words: Mapping[Any, float] | None = None) -> Ours:
    return Ours("reading", name, factor, words)


def field(name: str, factor: float = 1.0, words: Mapping[Any, float] | None = None) -> Ours:
    return Ours("field", name, factor, words)


def said(name: str, words: Mapping[Any, str] | None = None) -> Ours:
    return Ours("said", name, 1.0, words)


NONE = Ours("none")
YES_NO = {True: 1.0, False: 0.0}
DONE = said("status", {"Success": "0", "Failure": "1"})

DECENTLAB = {"device_id": NONE, "protocol_version": NONE, "battery_voltage": reading("battery_v")}
NETVOX = {
    "Device": NONE,
    "Volt": reading("battery_v"),
    "SWver": said("software"),
    "HWver": said("hardware"),
    "Datecode": said("built", {"20201208": "20201208", "20191112": "20191112", "20200811": "20200811"}),
    "Cmd": said(
        "",
        {
            "ConfigReportRsp": "config_report",
            "ReadConfigReportRsp": "read_config_report",
            "SetActiveThresholdRsp": "set_active_threshold",
            "GetActiveThresholdRsp": "get_active_threshold",
            "SetRestoreReportRsp": "set_restore_report",
            "GetRestoreReportRsp": "get_restore_report",
            "SetOnDistanceThresholdRsp": "set_on_distance_threshold",
            "GetOnDistanceThresholdRsp": "get_on_distance_threshold",
            "SetFillMaxDistanceRsp": "set_fill_max_distance",
            "GetFillMaxDistanceRsp": "get_fill_max_distance",
            "SetDeadZoneDistanceRsp": "set_dead_zone_distance",
            "GetDeadZoneDistanceRsp": "get_dead_zone_distance",
        },
    ),
    "Status": DONE,
    "MinTime": said("min_time"),
    "MaxTime": said("max_time"),
    "BatteryChange": said("battery_change"),
    "Temp": reading("temperature"),
    "TempChange": said("temperature_change"),
}

OURS: dict[str, dict[str, Ours]] = {
    "aquascope/wwd": {
        "leak": reading("leak"),
        "remote": field("remote"),
        "battery": reading("battery"),
        "temperature": reading("temperature"),
    },
    "decentlab/dl-mbx": DECENTLAB
    | {"distance": reading("distance"), "number_of_valid_samples": field("valid_samples")},
    "decentlab/dl-ctd10": DECENTLAB
    | {
        "water_depth": reading("water_depth", 0.001),
        "temperature": reading("water_temp"),
        "electrical_conductivity": reading("ec"),
        "freezing_flag": field("freezing"),
    },
    "decentlab/dl-pr26-0-1": DECENTLAB
    | {"pressure": reading("water_pressure", 1000), "temperature": reading("water_temp")},
    "decentlab/dl-tbrg-01": DECENTLAB
    | {
        "precipitation": field("precipitation"),
        "precipitation_interval": field("precipitation_interval"),
        "cumulative_precipitation": reading("rain_total"),
    },
    "decentlab/dl-trs12": DECENTLAB
    | {
        "dielectric_permittivity": reading("soil_permittivity"),
        "volumetric_water_content": reading("soil_moisture", 100),
        "soil_temperature": reading("soil_temp"),
        "electrical_conductivity": reading("soil_ec"),
    },
    "dingtek/df702": {
        "level": reading("distance"),
        "temperature": reading("temperature"),
        "angle": reading("bin_tilt"),
        "full": reading("full_alarm", words=YES_NO),
        "fire": reading("fire_alarm", words=YES_NO),
        "tilt": reading("tipped", words=YES_NO),
        "battery": field("battery_low", words=YES_NO),
        "longitude": field("longitude"),
        "latitude": field("latitude"),
        "periodic_interval": said("periodic_h"),
        "detection_interval": said("detection_min"),
        "full_alarm_threshold": said("full_cm"),
        "fire_alarm_threshold": said("fire_degc"),
        "tilt_alarm_threshold": said("tilt_deg"),
        "tilt_enable": said("tilt_enabled", {True: "1", False: "0"}),
        "ultrasonic_range": said("long_range", {"2000 mm": "0", "5000 mm": "1"}),
    },
    "ellenex/pls2-l": {"level": field("level"), "batteryVoltage": reading("battery_v")},
    "netvox/r718e": NETVOX
    | {f"Acceleration{axis}": field(f"acceleration_{axis.lower()}") for axis in "XYZ"}
    | {f"Velocity{axis}": reading(f"vibration_{axis.lower()}") for axis in "XYZ"}
    | {
        "AccelerationChange": said("acceleration_change"),
        "ActiveThreshold": said("active_threshold"),
        "InActiveThreshold": said("inactive_threshold"),
        "RestoreReportSet": said("restore_report"),
    },
    "netvox/r718ea": NETVOX
    | {f"Angle{axis}": reading(f"tilt_{axis.lower()}") for axis in "XYZ"}
    | {
        "AngleChange": said("angle_change"),
        "Threshold": said("threshold"),
        "InActiveTime": said("inactive_time"),
    },
    "netvox/r718wa": NETVOX | {"WaterLeak": reading("leak", words={"Leak": 1.0, "NoLeak": 0.0})},
    "netvox/r718x": NETVOX
    | {
        "Distance": reading("distance"),
        "FillLevel": reading("fill_device"),
        "AngleOfInclination": reading("bin_tilt"),
        "DistanceChange": said("distance_change"),
        "OnDistanceThreshold": said("on_distance_threshold"),
        "FillMaxDistance": said("fill_max_distance"),
        "DeadZoneDistance": said("dead_zone_distance"),
    },
    "sensoneo/single-sensor (FES Frankfurt field data)": {
        **{f"height{number}_cm": field(f"distance_{number}") for number in (1, 2, 3, 4)},
        "voltage_mv": reading("battery_v", 0.001),
        "tx_event": field("transmissions"),
        "event": NONE,
    },
    "teneo-iot/filling-degree-sensor": {
        "battery": reading("battery_v"),
        "distance": reading("distance", 10),
        "temperature": reading("temperature"),
        "relativeHumidity": reading("air_rh"),
        "charging": NONE,
        "sensorType": NONE,
        "settingsAllowed": NONE,
        "valid": NONE,
        "errorcode": field("status"),
    },
    "terabee/lora-lm-xl": {
        "distance": reading("distance"),
        "levelPercentage": reading("fill_device"),
        "batteryVoltage": reading("battery_v", 0.001),
    },
}
# On an R718X report, Status is the ON/OFF of its distance threshold; in an answer it is the success of a command.
OURS["netvox/r718x"]["Status"] = Ours("near", "near", words={"ON": 1.0, "OFF": 0.0})


def vectors(folder: Path) -> Iterator[dict[str, Any]]:
    for line in (folder / "lorawan" / "decoder_vectors.jsonl").read_text(encoding="utf-8").splitlines():
        vector = json.loads(line)
        if f"{vector['vendor']}/{vector['model']}" in OURS:
            yield vector


def decoded(catalogue: Catalogue, vector: Mapping[str, Any]) -> list[Any]:
    model = catalogue[f"{vector['vendor']}/{vector['model']}"]
    return lorawan.decode(model, bytes.fromhex(vector["payload_hex"]), vector["fport"], {})


def compare(vector: Mapping[str, Any], catalogue: Catalogue, quantities: Quantities) -> Counter[str]:
    """Every expected key against ours; says how many of each place were compared."""
    name = f"{vector['vendor']}/{vector['model']}"
    note = f"{name}: {vector['description']}"
    samples = decoded(catalogue, vector)
    assert len(samples) == 1, note
    shown = told(catalogue[name], samples, quantities)
    found, fields = values(shown["readings"]), samples[0].fields
    facts = dict(re.findall(r"([a-z_]+)=(\S+)", " ".join(shown["diagnostics"])))
    done: Counter[str] = Counter()
    broken = vector["expected"].get("valid") is False
    for key, raw in vector["expected"].items():
        if key.endswith("_as_decoded"):
            continue  # compared in the Sensoneo test, which knows what the operator decoded wrongly
        ours = OURS[name][key]
        value = raw["value"] if isinstance(raw, Mapping) else raw
        place = ours.place
        if place == "near":
            place, ours = ("field", ours) if value in {"ON", "OFF"} else ("said", DONE)
        done[place] += 1
        if place == "reading":
            wanted = None if broken and ours.name == "distance" else ours.wanted(value)
            assert ours.name in found, f"{note}: {key}"
            assert found[ours.name] == (
                wanted if wanted is None else pytest.approx(wanted, rel=1e-6, abs=1e-6)
            ), f"{note}: {key}"
        elif place == "field":
            assert fields[ours.name] == pytest.approx(ours.wanted(value), rel=1e-6, abs=1e-6), (
                f"{note}: {key}"
            )
        elif place == "said" and not ours.name:
            assert shown["diagnostics"][0].startswith(f"config_reply: {ours.wanted(value)} "), note
        elif place == "said":
            wanted = ours.wanted(value)
            assert facts[ours.name] == (wanted if isinstance(wanted, str) else f"{wanted:g}"), (
                f"{note}: {key}"
            )
    return done


def test_every_vector_decodes_to_what_it_expects(
    recorded: Path, catalogue: Catalogue, quantities: Quantities
) -> None:
    done: Counter[str] = Counter()
    for vector in vectors(recorded):
        if vector["expected"] is None:
            with pytest.raises(BadReply):
                decoded(catalogue, vector)
            done["refused"] += 1
        else:
            done += compare(vector, catalogue, quantities)
            done["vectors"] += 1
    assert done["vectors"] == 66
    assert done["refused"] == 3
    assert done["reading"] >= 80
    assert done["said"] >= 60


def test_a_frame_without_the_probe_has_no_values_but_the_battery(
    recorded: Path, catalogue: Catalogue, quantities: Quantities
) -> None:
    seen = 0
    for vector in vectors(recorded):
        if vector["vendor"] == "decentlab" and vector["payload_hex"][6:10] == "0002":
            samples = decoded(catalogue, vector)
            shown = told(catalogue[f"decentlab/{vector['model']}"], samples, quantities)["readings"]
            alive = {quantity for quantity, one in shown.items() if one["value"] is not None}
            assert alive == {"battery_v"}
            assert len(shown) > 1
            assert all(one["flag"] == "MISSING" for quantity, one in shown.items() if quantity != "battery_v")
            seen += 1
    assert seen == 5


def test_every_recorded_frame_of_the_frankfurt_containers(
    recorded: Path, catalogue: Catalogue, quantities: Quantities
) -> None:
    """The bytes beside the columns that their operator decoded; his temperature was unsigned, his tilt unlimited."""
    model = catalogue["sensoneo-single-sensor"]
    seen: Counter[str] = Counter()
    for path in sorted((recorded / "bins").glob("frankfurt_raw_*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                samples = lorawan.decode(model, bytes.fromhex(row["payload_hex"]), int(row["fport"]), {})
                fields = samples[0].fields
                heights = [float(row[f"height{number}_cm"]) for number in (1, 2, 3, 4)]
                assert [fields[f"distance_{number}"] for number in (1, 2, 3, 4)] == heights
                assert fields["transmissions"] == float(row["tx_event"])
                assert samples[0].diagnostics == ()
                found = values(told(model, samples, quantities)["readings"])
                temperature, tilt = int(row["temperature_c"]), int(row["tilt_deg"])
                assert found == {
                    "distance": heights[0] * 10,
                    "battery_v": pytest.approx(int(row["voltage_mv"]) / 1000),
                    "temperature": temperature - 256 if temperature > 127 else temperature,
                    "bin_tilt": tilt if tilt <= 90 else None,
                    "fire_alarm": 0,
                    "tipped": 0,
                }
                seen["rows"] += 1
                seen["frost"] += temperature > 127
                seen["impossible tilt"] += tilt > 90
    assert seen == {"rows": 15632, "frost": 127, "impossible tilt": 1}


def test_a_network_servers_own_decoding_never_gives_another_number(
    recorded: Path, catalogue: Catalogue, quantities: Quantities
) -> None:
    """The vectors' expected objects are what The Things Stack's codecs make; they are the fallback without raw bytes."""
    compared = 0
    for vector in vectors(recorded):
        if vector["expected"] is None or vector["vendor"] == "sensoneo":  # the latter is the operator's table
            continue
        model = catalogue[f"{vector['vendor']}/{vector['model']}"]
        raw = values(told(model, decoded(catalogue, vector), quantities)["readings"])
        fallback = lorawan.decode(model, b"", vector["fport"], {}, server_object=vector["expected"])
        for quantity, value in values(told(model, fallback, quantities)["readings"]).items():
            if value is not None:
                assert value == pytest.approx(raw[quantity], rel=1e-5, abs=1e-6), f"{model.model}: {quantity}"
                compared += 1
    assert compared >= 60
